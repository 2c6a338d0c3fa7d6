/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_POOL_H
#define DUET_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"

/*
 * pool - jobs run by threads, for one caller who waits for each.  The threads begin when there is work for them: a
 * single job is run by the caller, who leaves them all to the threads once these are there; so none of them stands idle
 * while the caller reads or writes.  No record passes through a lock, jobs do.
 */
struct pool_job {
	/* tool: what belongs to the thread that runs it. */
	void (*run)(struct pool_job *job, void *tool);
	struct pool_job *next;
	bool done;
};

struct pool;

/* What makes and frees the tool of a thread; both are called by the pool's caller. */
struct pool_tools {
	void *ctx;
	void *(*make)(void *ctx, struct err *e);
	void (*free)(void *tool);
};

/* threads: how many work; 0 and 1 are the caller alone. */
int pool_new(unsigned threads, const struct pool_tools *tools, struct pool **out, struct err *e);
/* Jobs that have begun are waited for, the others are never run.  NULL does nothing. */
void pool_free(struct pool *p);
/* The job belongs to the pool until pool_wait; -1 when a tool cannot be made. */
int pool_submit(struct pool *p, struct pool_job *job, struct err *e);
/* Until the job is done; works on jobs meanwhile, unless all threads do. */
void pool_wait(struct pool *p, struct pool_job *job);

/* Processor time that jobs took so far, microseconds: in the threads together, in those that had least and most, and
 * in the caller. */
struct pool_times {
	unsigned threads;
	int64_t all_us, least_us, most_us, caller_us;
};
struct pool_times pool_times(struct pool *p);

#endif
