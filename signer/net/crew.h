/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_CREW_H
#define DUET_NET_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "err/err.h"

/*
 * crew - threads of net that read pages or make the MACs of transfers while the loop sends.
 *
 * A job is begun in the order of crew_queue, and what it leads to is that thread's alone until `done`, but for what
 * never changes.
 */
enum job_state { JOB_WAITS, JOB_RUNS, JOB_ENDED };

struct job {
	struct job *next;
	struct job *(*run)(struct job *job); /* in a thread; another job for it, to be run next, or NULL */
	void (*done)(struct job *job);       /* in the loop, afterwards; may free the job */
	_Atomic int state;                   /* the crew's: enum job_state */
	size_t place;                        /* the crew's */
};

struct crew;
/*
 * crew_new - starts the threads, one a core, before the sandbox: they start nothing of their own once this returns.
 *
 * idle   they run only while a core has nothing else to do (SCHED_IDLE), so that they take no core from who sends and who
 *        receives; nobody may wait for them long: see crew_hurry
 */
int crew_new(uv_loop_t *loop, bool idle, struct crew **out, struct err *e);
/* In the loop, which runs the job itself where too many wait. */
void crew_queue(struct crew *c, struct job *job);
/* In the loop: runs a job that was not queued; `done` is called in the next turn. */
void crew_here(struct crew *c, struct job *job);
/* In the loop, which needs a job that was queued and is not done: JOB_WAITS: no thread had begun with it, and the loop has
 * just run it; JOB_RUNS: a thread is at it, and who knows when it goes on; JOB_ENDED.  `done` is called later in any case. */
enum job_state crew_hurry(struct crew *c, struct job *job);
/* Does all that was queued, ends the threads, and leaves a handle for the loop to close.  NULL does nothing. */
void crew_free(struct crew *c);

#endif
