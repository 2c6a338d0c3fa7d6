/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_BLOCK_H
#define DUET_NET_BLOCK_H

#include "signer/net/crew.h"
#include "signer/net/state.h"

/*
 * block - up to BLOCK_PAGES pages that follow each other in a table, at most BLOCK_OCTETS together, read from their
 * volumes and checked: at once by the loop where the kernel has them in memory, so that they are sent out of the cache of
 * the core that has read them, and else by a thread, which also has the kernel read those behind them.
 *
 * Transfers of one version that are near each other share a block: it is read and checked once for all of them, and nobody
 * writes to it.  Those that nobody refers to are kept while several transfers run.  All functions: in the loop.
 */
#define BLOCK_PAGES  64
#define BLOCK_OCTETS (1u << 19)

/* Who waits for a block; one block at a time. */
struct block_waiter {
	struct block_waiter *next;
	void (*ready)(struct block_waiter *w);
};

struct block {
	struct block *next, *previous; /* in net->blocks, the latest first */
	struct net *net;
	unsigned refs;                 /* of transfers, and of the job */
	const struct pages *pages;     /* NULL: nobody may share it any more */
	size_t first, count;           /* pages */
	struct job job;
	struct pages *reading;         /* the table, as long as the job has it; then what follows is there */
	const struct page *bad;        /* the page that is not what was written, or NULL */
	struct err err;
	struct block_waiter *waiting;
	size_t messages;               /* in octets; fewer than pages where some have but what signing adds, and that is left out */
	uint8_t octets[BLOCK_OCTETS];  /* messages with their length octets, one behind the other */
};

/* The block that begins with a page, with a reference; its octets may have to be waited for. */
struct block *block_get(struct net *net, struct pages *pages, size_t first);
void block_unref(struct block *b); /* NULL does nothing */

static inline bool block_ready(const struct block *b)
{
	return b->reading == NULL;
}

/* w->ready is called once, as soon as a block that is not ready is, unless block_unwait comes first. */
void block_wait(struct block *b, struct block_waiter *w);
void block_unwait(struct block *b, struct block_waiter *w); /* one that does not wait: does nothing */

/* The table is about to go. */
void blocks_forget(struct net *net, const struct pages *pages);
/* No transfer runs: memory for the next ones is kept, what was read is not. */
void blocks_idle(struct net *net);
/* After the crew has ended. */
void blocks_free(struct net *net);

#endif
