/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WRITER_H
#define DUET_WRITER_H

#include <uv.h>

#include "store/store.h"

/*
 * writer - the one thread that writes to the store.  What waits while it writes is written next, all at once, by one sync and
 * one commit.  The database's log is folded in, and volumes are compacted, only while nothing waits.
 */
struct writer;

struct writing {
	struct store_write write; /* what store_write is asked for, and its answer */
	struct writing *next;
	struct writer *writer;
	void (*done)(struct writing *w); /* in the loop; owns w */
};

/* What was compacted: versions of zones may have other rows. */
typedef void writer_compacted_fn(void *ctx, int rc, const struct err *e);

/* Both store and loop are borrowed. */
int writer_new(uv_loop_t *loop, struct store *store, struct writer **out, struct err *e);
/* Writes what waits and ends the thread; done is called for all.  NULL does nothing.  The loop must run once more. */
void writer_free(struct writer *w);
void writer_queue(struct writer *w, struct writing *wr);
/* What changes have appended goes to the disk once nothing else is to be written: their publication need not wait for it. */
void writer_sync(struct writer *w);
/* While many zones are worked on a commit waits some milliseconds for more of them: each one writes the same database pages and
 * syncs anew. */
void writer_gather(struct writer *w, bool on);
/* Compacts a volume when that is worth it, once nothing waits; idle: also when it frees little.  No change may be open until fn
 * is called, with 1 when there may be more to do, 0, or -1 and an error. */
void writer_compact(struct writer *w, bool idle, writer_compacted_fn *fn, void *ctx);

#endif
