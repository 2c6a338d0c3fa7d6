/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RUNNER_H
#define DUET_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "arena/arena.h"
#include "err/err.h"

/*
 * runner - programs and URLs that other processes run for us: duet-hook starts an administrator's programs under a user of
 * its own, duet-fetch speaks HTTP and HTTPS.  Neither holds a key, and no daemon of ours forks or speaks to the web itself.
 *
 * One connection per process to the runner's unix socket (SOCK_SEQPACKET), any number of requests on it at once.  A packet is
 * one JSON object of at most RUNNER_PACKET_MAX octets with "v":1; what is larger goes through a descriptor.  The runner
 * starts at most so many at once as its configuration says, the others wait their turn; the time limit counts from the
 * start.  When the connection goes, everything that was asked on it is ended.
 */
#define RUNNER_PACKET_MAX 65536
#define RUNNER_BODY_MAX   32768   /* inline, both ways */
#define RUNNER_LIMIT_MS   300000  /* the usual time limit */
#define RUNNER_WORDS_MAX  64
#define RUNNER_WAITING_MAX 4096   /* requests that wait in a runner; more are refused */

enum runner_kind { RUNNER_PROGRAM = 1, RUNNER_HTTP };

/* All borrowed for the call. */
struct runner_request {
	enum runner_kind kind;
	const char *what;  /* program: its path, in the folder hook.dir or relative to it; URL: http:// or https:// */
	const char *label; /* goes in front of every line of the log: "zone=example. hook=load-review" */
	/* program: its environment, "NAME=value", besides PATH, HOME and LANG; URL: "Header: value" */
	const char *const *words;
	size_t word_count;   /* at most RUNNER_WORDS_MAX */
	const char *const *args; /* of a program */
	size_t arg_count;    /* at most RUNNER_WORDS_MAX */
	const char *method;  /* URL: "GET", "POST" or "PUT"; NULL: GET, or POST where there is a body */
	const void *body;    /* program: standard input; URL: what is sent; NULL: none */
	size_t body_len;     /* at most RUNNER_BODY_MAX */
	int in_fd;           /* instead of body: read from its beginning to its end; -1: none.  Dup'ed. */
	int out_fd;          /* the output (body of the answer) is written there; -1: none.  Dup'ed. */
	int64_t limit_ms;    /* 1 to 86,400,000; 0: RUNNER_LIMIT_MS */
	uint64_t output_max; /* octets; with out_fd more is an error, without it the last RUNNER_BODY_MAX are kept; 0: no limit */
};
/* With what must not be left zero: in_fd and out_fd -1. */
#define RUNNER_REQUEST(k) { .kind = (k), .in_fd = -1, .out_fd = -1 }

enum runner_outcome {
	RUNNER_DONE = 1,    /* the program has ended by itself; the server has answered: see status */
	RUNNER_TIMEOUT,     /* ended at the time limit, with its process group */
	RUNNER_KILLED,      /* the program was ended by a signal */
	RUNNER_NOT_STARTED, /* not there, not executable, not allowed; no connection, no TLS */
	RUNNER_TOO_LARGE,   /* more output than output_max */
	RUNNER_LOST,        /* no word from the runner: it is not there, or went away meanwhile.  The program may have run */
};

struct runner_result {
	enum runner_outcome outcome;
	int status;           /* program: exit code; URL: HTTP status */
	const uint8_t *output; /* without out_fd: standard output and standard error, or the body; the end of it */
	size_t output_len;
	uint64_t output_octets; /* that there were in all */
	const char *etag, *last_modified; /* URL: as the server sent them, or "" */
	int64_t ran_ms;
	const char *why;      /* a sentence unless RUNNER_DONE; "" */
};
const char *runner_outcome_text(enum runner_outcome outcome);

/* ---- who asks ---- */

struct runner;
/* result: valid during the call.  Called once for each request, never from within runner_run. */
typedef void runner_done_fn(void *ctx, const struct runner_result *result);

/* path: the runner's socket; connects with the first request, and again when the connection was lost. */
struct runner *runner_open(uv_loop_t *loop, const char *path);
/* Returns a number for runner_cancel, never 0.  A request that cannot be sent ends with RUNNER_LOST or RUNNER_NOT_STARTED. */
uint64_t runner_run(struct runner *r, const struct runner_request *request, runner_done_fn *done, void *ctx);
/* The program is ended; done is not called.  A number that is not running does nothing. */
void runner_cancel(struct runner *r, uint64_t number);
/* Ends what runs without calling done.  The loop must run once more.  NULL does nothing. */
void runner_close(struct runner *r);

/* ---- packets (both sides) ---- */

/* The packet as text, free() it; NULL with ERR_LIMIT or ERR_SYNTAX. */
char *runner_request_pack(const struct runner_request *q, uint64_t number, struct err *e);
/* Strings lie in the arena; descriptors are not part of it: *in, *out say which are expected, in that order. */
int runner_request_read(const void *packet, size_t len, struct arena *arena, struct runner_request *q, uint64_t *number,
			bool *in, bool *out, struct err *e);
char *runner_cancel_pack(uint64_t number);
char *runner_result_pack(const struct runner_result *result, uint64_t number);
int runner_result_read(const void *packet, size_t len, struct arena *arena, struct runner_result *result,
		       uint64_t *number, struct err *e);

#endif
