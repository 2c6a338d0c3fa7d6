/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_TABLE_IMPL_H
#define DUET_STORE_TABLE_IMPL_H

#include <stdatomic.h>

#include "store/table.h"

/*
 * table_impl - what table.c and table_build.c share, and nobody else sees.
 *
 * Invariants:
 * 1. The rows of a table are in ascending order of (chain, key, part), over all of its chunks.
 * 2. A chunk never changes once a table has it.  It owns its rows' keys and references every volume they
 * name.
 * 3. Chunks have TABLE_CHUNK_MAX rows at most; small ones next to changes are melted into new ones, so they stay
 * above TABLE_CHUNK_SMALL on the whole.
 */
#define TABLE_CHUNK_MAX   256
#define TABLE_CHUNK_SMALL 64

struct chunk {
	atomic_uint refs;
	size_t n;
	uint64_t octets;
	uint64_t sum;
	int64_t earliest;
	int64_t latest; /* largest row.earliest of those with RRSIGs, INT64_MIN without */
	struct volume **volumes; /* each once */
	size_t volume_count;
	struct page_row row[]; /* the keys lie behind them */
};

struct table {
	atomic_uint refs;
	size_t n;
	uint64_t octets;
	uint64_t sum;
	int64_t earliest;
	size_t chunk_count;
	struct chunk **chunk;
	size_t *start; /* index of each chunk's first row */
};

void table_chunk_unref(struct chunk *c); /* NULL does nothing */
/* The chunk of row i. */
size_t table_chunk_of(const struct table *t, size_t i);

#endif
