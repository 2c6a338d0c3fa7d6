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

/* Writes what is to be audited, until it is said no more (EPIPE: -1). */
typedef int auditor_feed_fn(void *ctx, int fd, struct err *e);

/*
 * auditor_run - one job, to its end; blocks.
 *
 * large       the job says so: this auditor is nicer from now on, and is given no other
 * beside      a file that the job speaks of, too, borrowed; -1: none
 * octets      at most, that feed writes
 * timeout_ms  longer than the job's own, so that the auditor ends itself first
 * out         the answer, an object
 *
 * Returns 0, or -1: nothing is known of the zone.
 */
int auditor_run(struct auditor *a, const char *job, bool large, int beside, auditor_feed_fn *feed, void *ctx, size_t octets,
		int timeout_ms, json_t **out, struct err *e);

#endif
