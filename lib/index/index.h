/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_INDEX_H
#define DUET_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * index - finds the place of an object in its owner's array by a hash of its name.  It holds no names: the owner
 * says whether the object at a place is the one.  8 octets a slot, at most half of them used.
 *
 * An index of zeroes is an empty one.  One thread.
 */
#define INDEX_NONE SIZE_MAX

struct index {
	struct index_slot *slot;
	size_t size, used; /* size: a power of two, or 0 */
};

typedef bool index_same_fn(const void *ctx, size_t at);

/* The place of the object of this hash that `same` agrees to; INDEX_NONE. */
size_t index_find(const struct index *x, uint64_t hash, index_same_fn *same, const void *ctx);
/* Adds a place, which must not be there yet. at < 2^32 - 1. */
void index_add(struct index *x, uint64_t hash, size_t at);
/* Gives the memory back; the index is empty then. */
void index_fini(struct index *x);

/* Of octets; chain several by giving the hash before as seed. */
uint64_t index_hash(const void *octets, size_t len, uint64_t seed);

#endif
