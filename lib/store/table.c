/* SPDX-License-Identifier: BSD-3-Clause */
/* table: reading the immutable page table of a version, and what two of them differ in. */
#include "store/table_impl.h"

#include <stdlib.h>
#include <string.h>

void table_chunk_unref(struct chunk *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	for (size_t i = 0; i < c->volume_count; i++)
		volume_unref(c->volumes[i]);
	free(c->volumes);
	free(c);
}

struct table *table_ref(struct table *t)
{
	t->refs++;
	return t;
}

void table_unref(struct table *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	for (size_t i = 0; i < t->chunk_count; i++)
		table_chunk_unref(t->chunk[i]);
	free(t->chunk);
	free(t->start);
	free(t);
}

size_t table_len(const struct table *t)
{
	return t->n;
}

size_t table_chunk_of(const struct table *t, size_t i)
{
	size_t low = 0, high = t->chunk_count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (t->start[mid] <= i)
			low = mid;
		else
			high = mid;
	}
	return low;
}

const struct page_row *table_row(const struct table *t, size_t i)
{
	size_t c = table_chunk_of(t, i);

	return &t->chunk[c]->row[i - t->start[c]];
}

size_t table_due(const struct table *t, size_t from, int64_t before, int64_t after)
{
	if (from >= t->n)
		return t->n;
	for (size_t k = table_chunk_of(t, from); k < t->chunk_count; k++) {
		const struct chunk *c = t->chunk[k];

		if (c->earliest > before && c->latest <= after)
			continue;
		for (size_t i = from > t->start[k] ? from - t->start[k] : 0; i < c->n; i++)
			if (c->row[i].earliest <= before || (c->row[i].rrsigs > 0 && c->row[i].earliest > after))
				return t->start[k] + i;
	}
	return t->n;
}

uint64_t table_octets(const struct table *t)
{
	return t->octets;
}

int64_t table_earliest(const struct table *t)
{
	return t->earliest;
}

uint64_t table_sum(const struct table *t)
{
	return t->sum;
}

int page_row_cmp(const struct page_row *a, const struct page_row *b)
{
	size_t least = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order;

	if (a->chain != b->chain)
		return a->chain < b->chain ? -1 : 1;
	if ((order = memcmp(a->key, b->key, least)) != 0)
		return order;
	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	return a->part < b->part ? -1 : a->part > b->part;
}

/* Walks a table row by row, able to step over a chunk. */
struct cursor {
	const struct table *t;
	size_t chunk, row;
};

static const struct page_row *at(const struct cursor *c)
{
	return c->t == NULL || c->chunk == c->t->chunk_count ? NULL : &c->t->chunk[c->chunk]->row[c->row];
}

static void step(struct cursor *c)
{
	if (++c->row == c->t->chunk[c->chunk]->n) {
		c->row = 0;
		c->chunk++;
	}
}

int table_diff(const struct table *old, const struct table *new,
	       int (*fn)(void *ctx, const struct page_row *was, const struct page_row *is), void *ctx)
{
	struct cursor a = { .t = old }, b = { .t = new };
	const struct page_row *was, *is;
	int rc = 0;

	while ((void)(was = at(&a)), (void)(is = at(&b)), (was != NULL || is != NULL) && rc == 0) {
		int order = was == NULL ? 1 : is == NULL ? -1 : page_row_cmp(was, is);

		if (order == 0 && a.row == 0 && b.row == 0 && old->chunk[a.chunk] == new->chunk[b.chunk]) {
			a.chunk++;
			b.chunk++;
			continue;
		}
		if (order != 0)
			rc = order < 0 ? fn(ctx, was, NULL) : fn(ctx, NULL, is);
		else if (was->volume != is->volume || was->offset != is->offset)
			rc = fn(ctx, was, is);
		if (order <= 0)
			step(&a);
		if (order >= 0)
			step(&b);
	}
	return rc;
}
