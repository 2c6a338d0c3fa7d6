/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RUNNER_WEB_H
#define DUET_RUNNER_WEB_H

#include "runner/serve.h"

/*
 * web - runs HTTP requests with libcurl in libuv's pool: TLS is always verified, compressed answers are unpacked (gzip),
 * what is fetched may be redirected a few times and never from https to http, what is sent never.
 */
struct web {
	uv_loop_t *loop;
	const char *ca_file; /* certificates to trust instead of the system's; NULL: the system's.  Borrowed. */
};

/* Once, before the loop; -1 when libcurl cannot be used. */
int web_init(struct err *e);
/* w: borrowed, lives as long as the worker. */
struct serve_worker web_worker(struct web *w);

#endif
