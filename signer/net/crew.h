/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_CREW_H
#define DUET_NET_CREW_H

#include <uv.h>

#include "err/err.h"

/*
 * crew - threads of net that wait for the disk or make the MACs of transfers while the loop sends.
 *
 * A job is begun in the order of crew_queue, and what it leads to is that thread's alone until `done`, but for what
 * never changes.
 */
struct job {
	struct job *next;
	struct job *(*run)(struct job *job); /* in a thread; another job for it, to be run next, or NULL */
	void (*done)(struct job *job);       /* in the loop, afterwards; may free the job */
};

struct crew;
/* Starts the threads, one a core, before the sandbox: they start nothing of their own once this returns. */
int crew_new(uv_loop_t *loop, struct crew **out, struct err *e);
/* In the loop, which runs the job itself where too many wait. */
void crew_queue(struct crew *c, struct job *job);
/* Does all that was queued, ends the threads, and leaves a handle for the loop to close.  NULL does nothing. */
void crew_free(struct crew *c);

#endif
