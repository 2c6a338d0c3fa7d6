/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDITOR_H
#define DUET_AUDITOR_H

#include <jansson.h>
#include <stdbool.h>

#include "err/err.h"

/*
 * auditor - the auditors that run, one job each at a time (audit/worker.h says what a job is).  One that fails is thrown
 * away; others are started as they are needed.  Any thread.
 */
struct auditor;

/* Takes over the starter's socket. */
struct auditor *auditor_new(int starter);
/* NULL does nothing. */
void auditor_free(struct auditor *a);
/* Audits that run end soon, with -1, and no other begins. */
void auditor_stop(struct auditor *a);

/* Writes what is to be audited into a pipe that does not block, until nobody reads it (EPIPE: -1), or until that monotonic instant. */
typedef int auditor_feed_fn(void *ctx, int fd, int64_t until_ms, struct err *e);

/*
 * auditor_run - one job, to its end; blocks.
 *
 * large    the job says so: this auditor is nicer from now on, and is given no other
 * beside   a file that the job speaks of, too, borrowed; -1: none
 * octets   at most, that feed writes
 * limit_s  the job's own time limit, at which the auditor ends itself; one that does not is waited for a few seconds more
 * out      the answer, an object
 *
 * Returns 0, or -1: nothing is known of the zone; ERR_TIMEOUT at the limit.
 */
int auditor_run(struct auditor *a, const char *job, bool large, int beside, auditor_feed_fn *feed, void *ctx, size_t octets,
		int64_t limit_s, json_t **out, struct err *e);

#endif
