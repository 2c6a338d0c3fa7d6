/* SPDX-License-Identifier: BSD-3-Clause */
/* index: open addressing with linear probing; nothing is ever taken out. */
#include "index/index.h"

#include "arena/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#define SIZE_FIRST 64

struct index_slot {
	uint32_t hash;
	uint32_t at; /* the place + 1; 0: free */
};

uint64_t index_hash(const void *octets, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(octets, len, seed);
}

static uint32_t kept(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

size_t index_find(const struct index *x, uint64_t hash, index_same_fn *same, const void *ctx)
{
	const uint32_t h = kept(hash);

	if (x->size == 0)
		return INDEX_NONE;
	for (size_t i = h & (x->size - 1); x->slot[i].at != 0; i = (i + 1) & (x->size - 1))
		if (x->slot[i].hash == h && same(ctx, x->slot[i].at - 1))
			return x->slot[i].at - 1;
	return INDEX_NONE;
}

static void put(struct index *x, struct index_slot what)
{
	size_t i = what.hash & (x->size - 1);

	while (x->slot[i].at != 0)
		i = (i + 1) & (x->size - 1);
	x->slot[i] = what;
	x->used++;
}

void index_add(struct index *x, uint64_t hash, size_t at)
{
	assert(at < UINT32_MAX - 1);
	if (2 * x->used >= x->size) {
		struct index larger = { .size = x->size == 0 ? SIZE_FIRST : 2 * x->size };

		larger.slot = mem_new(larger.size, sizeof(*larger.slot));
		for (size_t i = 0; i < x->size; i++)
			if (x->slot[i].at != 0)
				put(&larger, x->slot[i]);
		free(x->slot);
		*x = larger;
	}
	put(x, (struct index_slot){ kept(hash), (uint32_t)at + 1 });
}

void index_fini(struct index *x)
{
	free(x->slot);
	*x = (struct index){ 0 };
}
