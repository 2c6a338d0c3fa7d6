/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RUNNER_SERVE_H
#define DUET_RUNNER_SERVE_H

#include "runner/runner.h"

/*
 * serve - the runner's side: takes requests from its socket, lets so many of them run at once, gives the results back.
 * Who may ask is decided by the permissions of the socket.
 */
struct serve;

/* One request.  request and what it points to live until serve_done; its descriptors are closed then. */
struct serve_job {
	struct serve *serve;
	struct runner_request request;
	int64_t started_ms;
	void *work; /* the worker's */
};

/* How requests of one kind are run.  start ends with serve_done, at once or later.  stop: the asker is gone or has cancelled;
 * serve_done must still be called, soon. */
struct serve_worker {
	enum runner_kind kind;
	void (*start)(void *ctx, struct serve_job *job);
	void (*stop)(void *ctx, struct serve_job *job);
	void *ctx;
};

/* fd: listening, non-blocking, taken. */
int serve_open(uv_loop_t *loop, int fd, size_t at_once, const struct serve_worker *worker, struct serve **out,
	       struct err *e);
/* ran_ms is filled in here. */
void serve_done(struct serve_job *job, struct runner_result *result);
/* A job that is not started for a reason of its own. */
void serve_refuse(struct serve_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Stops what runs; run the loop until all handles are gone, then serve_free. */
void serve_close(struct serve *s);
size_t serve_running(const struct serve *s);
void serve_free(struct serve *s);

/* The socket that the service manager passed (LISTEN_FDS), or one made at path with mode 0660; -1 with *e. */
int serve_listen(const char *path, struct err *e);

#endif
