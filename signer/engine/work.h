/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WORK_H
#define DUET_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * work - long work off the loop, in the pool: loading and signing.
 *
 * Plans go first, which are short.  What is signed goes before what is loaded, so that content does not pile up in memory.  One large piece of work runs at a
 * time, since it uses all cores by itself, but not where others want them: it is nicer, by WORK_LARGE_NICE.  Small ones run
 * beside it, as many as there are cores.  done is called in the loop and owns the work.
 */
enum work_kind { WORK_PLAN, WORK_SIGN, WORK_LOAD };

struct works;
struct work {
	struct work *next;
	struct works *works;
	uv_work_t uv;
	bool large;
	bool cancelled; /* it was never run */
	void (*run)(struct work *w);
	void (*done)(struct work *w);
};

/* Octets from which on a zone is large. */
#define WORK_LARGE (4u << 20)
#define WORK_LARGE_NICE 10 /* a tenth of a core where others want it, all of them where nobody does */

/* loop is borrowed. */
struct works *works_new(uv_loop_t *loop);
/* Nothing may be queued or running.  NULL does nothing. */
void works_free(struct works *ws);
void works_queue(struct works *ws, enum work_kind kind, struct work *w);
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
