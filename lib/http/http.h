/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_HTTP_H
#define DUET_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "arena/arena.h"
#include "err/err.h"

/*
 * http - the HTTP API of a daemon on a unix socket, and the client that speaks to it.
 *
 * Bodies are JSON objects, both ways.  A refusal is {"error": WORD, "message": SENTENCE} with the word of an
 * err_code and a status of 4xx or 5xx.  What has no row in the table is refused.
 */

/* ---- server ---- */

#define HTTP_SEGMENTS   8 /* {name} parts of a path pattern */
#define HTTP_BODY_SMALL 65536

struct http_server;
struct http_later;

struct http_request {
	const char *method;
	const char *path;                   /* as sent, percent-encoded */
	const char *segment[HTTP_SEGMENTS]; /* what stands for the {name} parts, in order, decoded */
	json_t *body;                       /* an object; empty when none was sent; borrowed */
	struct arena *arena;                /* lives as long as the request, also when it is answered later */
	uid_t uid;                          /* who asks (SO_PEERCRED) */
	pid_t pid;
	struct http_impl *impl;
};

/*
 * What a handler says.  Either body (a reference that the server takes over; status 200), or read (a stream),
 * or nothing: {}.
 *
 * read   gives up to cap octets of the answer; returns their number, 0 at the end, -1 on failure (the
 * connection is cut, so that nobody takes half an answer for a whole one).  Called from the loop; must not
 * block for long. done   called once when the answer is over, or the client has gone.  May be NULL.
 */
struct http_answer {
	json_t *body;
	ssize_t (*read)(void *stream, char *buf, size_t cap);
	void (*done)(void *stream);
	void *stream;
	const char *content_type; /* of a stream; static */
};

/*
 * A handler returns 0 (answer filled), -1 (e says why; the status comes from its code), or HTTP_LATER after
 * http_later(). Runs in the loop; q is valid until the answer is sent.
 */
#define HTTP_LATER 1
typedef int (*http_handler)(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e);

/* One row: { "POST", "/v1/zones/{zone}/keys", HTTP_BODY_SMALL, on_key_create }.  max_body 0: no body allowed.
 */
struct http_route {
	const char *method;
	const char *pattern;
	size_t max_body;
	http_handler handler;
};

/*
 * http_server_open - listens on a unix socket of mode 0660 and answers from the loop.  A stale socket file is
 * replaced; one on which somebody answers is ERR_EXISTS.  routes (ended by the count) and ctx are borrowed
 * until http_server_close.
 */
int http_server_open(uv_loop_t *loop, const char *path, const struct http_route *routes, size_t route_count,
		     void *ctx, struct http_server **out, struct err *e);
/* Answers what is open with ERR_NOTNOW, closes, removes the socket file.  The loop must run once more
 * afterwards for the handles to go (uv_run until it returns 0).  NULL does nothing. */
void http_server_close(struct http_server *s);

/* The value of ?name=, decoded, in the request's arena; NULL when it is not there. */
const char *http_query(const struct http_request *q, const char *name);

/* Takes the request out of the handler's hands: the answer is given by http_finish, once, from the same
 * thread. */
struct http_later *http_later(const struct http_request *q);
/* body (reference taken over; NULL: {}), or why (not NULL: a refusal, body is dropped).  later is gone
 * afterwards. */
void http_finish(struct http_later *later, json_t *body, const struct err *why);

/* Members of a request's body.  A member that must be there and is not, or has the wrong type, is ERR_SYNTAX
 * naming it. */
int http_text(const json_t *body, const char *name, const char **out, struct err *e);
/* fallback when absent or null */
int http_text_or(const json_t *body, const char *name, const char *fallback, const char **out, struct err *e);
int http_bool_or(const json_t *body, const char *name, bool fallback, bool *out, struct err *e);
int http_int_or(const json_t *body, const char *name, json_int_t fallback, json_int_t least, json_int_t most,
		json_int_t *out, struct err *e);

/* ---- client (blocking) ---- */

#define HTTP_ANSWER_MAX (256u * 1024 * 1024) /* of a JSON answer */

/*
 * http_call - one request to the daemon behind a socket.
 *
 * body  borrowed, NULL: none
 * out   the answer's object, a reference for the caller; may be NULL
 *
 * Returns 0, or -1: the daemon's own code and sentence when it refused, ERR_NOTNOW when nobody listens,
 * ERR_TIMEOUT.
 */
int http_call(const char *socket, const char *method, const char *path, const json_t *body,
	      unsigned timeout_ms, json_t **out, struct err *e);
/* The same, and while it waits, about once a second, waiting is told for how long already. */
int http_call_watched(const char *socket, const char *method, const char *path, const json_t *body,
		      unsigned timeout_ms, void (*waiting)(void *ctx, int64_t waited_ms), void *ctx,
		      json_t **out, struct err *e);
/* http_fetch - GET of a stream; sink gets the octets as they come and returns 0, or -1 to stop. */
int http_fetch(const char *socket, const char *path, unsigned idle_timeout_ms,
	       int (*sink)(void *ctx, const char *octets, size_t len), void *ctx, struct err *e);

/* A path with its %s replaced by percent-encoded words: http_path("/v1/zones/%s/keys", zone); free() it. */
char *http_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
