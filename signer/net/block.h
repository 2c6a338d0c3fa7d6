/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_BLOCK_H
#define DUET_NET_BLOCK_H

#include "signer/net/state.h"

/*
 * block - up to BLOCK_PAGES pages that follow each other in a table, read from their volumes and checked, at most
 * BLOCK_OCTETS together.
 *
 * Transfers of one version that are near each other share a block: it is read and checked once for all of them, and nobody
 * writes to it.  Those that nobody refers to are kept while transfers run.
 */
#define BLOCK_PAGES  64
#define BLOCK_OCTETS (1u << 20)

struct block {
	struct block *next, *previous; /* in net->blocks, the latest first */
	unsigned refs;
	const struct pages *pages;     /* NULL: to be used again */
	size_t first, count;           /* pages */
	uint8_t octets[BLOCK_OCTETS];  /* messages with their length octets, one behind the other */
};

/* The block that begins with a page; NULL with *bad and a sentence when a page is not what was written. */
struct block *block_get(struct net *net, const struct pages *pages, size_t first, const struct page **bad, struct err *e);
void block_unref(struct block *b); /* NULL does nothing */

/* The table is about to go: no block of it has references. */
void blocks_forget(struct net *net, const struct pages *pages);
/* No transfer runs: memory for the next ones is kept, what was read is not. */
void blocks_idle(struct net *net);
void blocks_free(struct net *net);

#endif
