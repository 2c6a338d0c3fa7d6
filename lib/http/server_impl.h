/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_HTTP_SERVER_IMPL_H
#define DUET_HTTP_SERVER_IMPL_H

#include <microhttpd.h>

#include "http/http.h"

/* server_impl - what server.c (loop and sockets) and request.c (requests and answers) share. */

struct http_server {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* not yet closed */
	struct MHD_Daemon *daemon;
	const struct http_route *routes;
	size_t route_count;
	void *ctx;
	struct http_later *later; /* requests to be answered later */
	char *path;
	bool running; /* inside MHD_run */
	bool again;   /* a request was finished: MHD_run is due */
};

/* One request, from its first header to the end of its answer. */
struct http_impl {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_request q;
	const struct http_route *route;
	struct http_later *later;
	char *body;
	size_t body_len;
	struct http_answer answer; /* of a request that was finished later */
	struct err why;
	bool refused;   /* why and status hold a refusal, given when the body has come */
	size_t dropped; /* octets of the body of a refused request */
	bool finished;  /* answer and why hold the result of a later request */
	bool called;
	unsigned status;
};

struct http_later {
	struct http_later *next, *prev;
	struct http_impl *impl;
};

/* Callbacks of libmicrohttpd. */
enum MHD_Result http_on_access(void *cls, struct MHD_Connection *c, const char *url, const char *method,
			       const char *version, const char *data, size_t *len, void **state);
void http_on_end(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how);
/* A request was resumed: MHD_run is due. */
void http_wake(struct http_server *s);

#endif
