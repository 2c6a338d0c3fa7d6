/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FLOW_H
#define DUET_FLOW_H

#include "sign/batch.h"
#include "sort/sort.h"

/*
 * flow - for the files of lib/sign only: batches go out to the pool and come back in order, a bounded number at a time.
 */
struct flow {
	struct batch_common common;
	struct pool *pool;
	struct batch **ring; /* of `size`; `count` of them are out, from `first` on */
	size_t size, first, count;
	size_t batch_octets; /* of the names and records of a batch, about */
	const struct pool_tools *tools; /* of the threads; NULL: range makers, as batch_run wants them */
	/* What a batch that comes back is given to; NULL: where results go, which is below. */
	int (*take)(struct flow *f, const struct batch *b, struct err *e);
	struct change *change;
	const struct sign_text *text;
	struct sorter *hashes; /* of names with NSEC3 */
	const struct zone *previous; /* signatures to keep that do not come from pages, or NULL */
	struct sign_stats *stats;
	int64_t earliest; /* over all pages so far */
	int64_t begun_us; /* the caller's processor time */
};

int flow_init(struct flow *f, struct err *e);
void flow_fini(struct flow *f);
/* An empty batch that nobody has; waits for the oldest when all are out. */
int flow_batch(struct flow *f, enum page_chain chain, struct batch **out, struct err *e);
/* The batch that flow_batch gave last is complete. */
int flow_submit(struct flow *f, struct batch *b, struct err *e);
/* Waits for all that are out. */
int flow_drain(struct flow *f, struct err *e);
/* The times of the pool into the stats; nothing is out. */
void flow_times(struct flow *f);

/*
 * feed - names in canonical order into batches; what the flow knows beforehand decides the rest.
 *
 * feed_new    the flow is borrowed
 * feed_owner  the next one; copied.  After a failure nothing but feed_free may follow
 * feed_end    all is out and has come back
 */
struct feed;
int feed_new(struct flow *f, struct feed **out, struct err *e);
int feed_owner(struct feed *fd, const struct zone_owner *from, struct err *e);
int feed_end(struct feed *fd, struct err *e);
void feed_free(struct feed *fd);
/* All of them. */
int feed_names(struct flow *f, const struct zone *z, struct err *e);
/* Hashes in order into batches; frees sorted. */
int feed_hashes(struct flow *f, struct sorted *sorted, struct err *e);

#endif
