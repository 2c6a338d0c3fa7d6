/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WORK_H
#define DUET_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * work - long work off the loop, in the pool: loading and signing.
 *
 * Plans go first, which are short.  What is signed is audited before more is signed, and signed before more is loaded, so that
 * zones do not pile up in memory; and no more small ones are loaded while WORK_WAY_MAX octets of text are on their way from
 * there to the end of what is done with them.  One large piece of work runs at a time, since it uses all cores by itself, but not
 * where others want them: it is nicer, by WORK_LARGE_NICE.  Small ones run beside it, as many as there are cores.  done is called
 * in the loop and owns the work.
 */
enum work_kind {
	WORK_PLAN,
	WORK_AUDIT,
	WORK_SIGN, /* and whatever else is made of what is loaded */
	WORK_LOAD,
};

struct works;
struct work {
	struct work *next;
	struct works *works;
	uv_work_t uv;
	bool large;
	bool cancelled; /* it was never run */
	size_t way;     /* WORK_LOAD: octets that are on their way from when it begins to works_rest; of a large one 0 */
	void (*run)(struct work *w);
	void (*done)(struct work *w);
};

/* Octets from which on a zone is large. */
#define WORK_LARGE (4u << 20)
/* What a zone is on its way at least: it is more than its text. */
#define WORK_WAY_LEAST (64u << 10)
#define WORK_WAY_MAX   (16u << 20)
#define WORK_LARGE_NICE 10 /* a tenth of a core where others want it, all of them where nobody does */

/* loop is borrowed. */
struct works *works_new(uv_loop_t *loop);
/* Nothing may be queued or running.  NULL does nothing. */
void works_free(struct works *ws);
void works_queue(struct works *ws, enum work_kind kind, struct work *w);
/* So many octets have come to where nothing is done with them any more: published, or waiting for somebody. */
void works_rest(struct works *ws, size_t octets);
/* How many threads a large piece of work may use. */
unsigned works_threads(const struct works *ws);
/* What waits is given back at once, cancelled; what runs goes on. */
void works_end(struct works *ws);
/* Nothing begins until it is said again with false; what runs goes on.  works_running says when nothing does. */
void works_pause(struct works *ws, bool on);
size_t works_running(const struct works *ws);
size_t works_waiting(const struct works *ws);
/* A large one runs: it may take long. */
bool works_long(const struct works *ws);

#endif
