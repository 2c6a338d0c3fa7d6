/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_BLOCK_H
#define DUET_NET_BLOCK_H

#include "signer/net/crew.h"
#include "signer/net/state.h"

/*
 * block - up to BLOCK_PAGES pages that follow each other in a table, at most BLOCK_OCTETS together, read from their
 * volumes and checked: ahead by a thread, while a core is idle, or by the loop, when they are needed before.
 *
 * Transfers of one version that are near each other share a block: it is read and checked once for all of them, and nobody
 * writes to it.  Those that nobody refers to are kept while transfers run.  All functions: in the loop.
 *
 * A table of BLOCK_FEW pages or less is read at once by the loop: to hand it to a thread would take longer.
 */
#define BLOCK_PAGES  32
#define BLOCK_OCTETS (1u << 18)
#define BLOCK_FEW    4

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
	uint8_t octets[BLOCK_OCTETS];  /* messages with their length octets, one behind the other */
};

/* The block that begins with a page, with a reference; its octets may have to be waited for. */
struct block *block_get(struct net *net, struct pages *pages, size_t first);
void block_unref(struct block *b); /* NULL does nothing */
/* The loop has nothing else to do: reads a block that is not ready itself.  False, and nothing done, when a thread has begun
 * with it. */
bool block_hurry(struct block *b);
/* The same pages, read by the loop although a thread has begun with them, since it may be kept from going on.  Takes the
 * reference, returns one; ready now or in the next turn of the loop. */
struct block *block_again(struct block *b);

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
