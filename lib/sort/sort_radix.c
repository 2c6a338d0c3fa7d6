/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sort_radix: order of entries by their keys, from the first octet on.  It looks at 8 octets of a key, which stand in the
 * entry itself, and at the next 8 only where those are equal: fetching a key is what costs.
 */
#include "sort/sort_impl.h"

#define SMALL 24 /* below it, insertion is faster than counting */

struct order {
	const uint8_t *octets;
	struct entry *spare;
};

static void sort_heads(const struct order *o, struct entry *e, size_t n, unsigned octet, size_t base);

static bool is_behind(const struct order *o, const struct entry *a, const struct entry *b, size_t base)
{
	struct sort_record x, y;

	if (a->head != b->head)
		return a->head > b->head;
	x = record_at(o->octets + a->at);
	y = record_at(o->octets + b->at);
	return key_cmp(x.key + base, x.key_len - base, y.key + base, y.key_len - base) > 0;
}

static void insert(const struct order *o, struct entry *e, size_t n, size_t base)
{
	for (size_t i = 1; i < n; i++) {
		struct entry now = e[i];
		size_t k = i;

		for (; k > 0 && is_behind(o, &e[k - 1], &now, base); k--)
			e[k] = e[k - 1];
		e[k] = now;
	}
}

/* Octets base to base + 7 are the same in all keys: those that end there, by length; the others by what follows. */
static void sort_equal(const struct order *o, struct entry *e, size_t n, size_t base)
{
	size_t start[11] = { 0 }, longer;

	for (size_t i = 0; i < n; i++) {
		size_t left = record_at(o->octets + e[i].at).key_len - base;

		e[i].head = left < 9 ? left : 9;
		start[e[i].head + 1]++;
	}
	for (int i = 1; i <= 10; i++)
		start[i] += start[i - 1];
	longer = start[9];
	memcpy(o->spare, e, n * sizeof(*e));
	for (size_t i = 0; i < n; i++)
		e[start[o->spare[i].head]++] = o->spare[i];
	base += 8;
	for (size_t i = longer; i < n; i++) {
		struct sort_record r = record_at(o->octets + e[i].at);

		e[i].head = head_of(r.key + base, r.key_len - base);
	}
	sort_heads(o, e + longer, n - longer, 0, base);
}

/* By octets `octet` to 7 of the heads, which begin at octet `base` of the keys; those before are equal. */
static void sort_heads(const struct order *o, struct entry *e, size_t n, unsigned octet, size_t base)
{
	size_t start[257] = { 0 };
	unsigned shift = 56 - 8 * octet;

	if (n < SMALL) {
		insert(o, e, n, base);
		return;
	}
	if (octet == 8) {
		sort_equal(o, e, n, base);
		return;
	}
	for (size_t i = 0; i < n; i++)
		start[(e[i].head >> shift & 255) + 1]++;
	if (start[(e[0].head >> shift & 255) + 1] == n) {
		sort_heads(o, e, n, octet + 1, base);
		return;
	}
	for (unsigned i = 1; i <= 256; i++)
		start[i] += start[i - 1];
	memcpy(o->spare, e, n * sizeof(*e));
	for (size_t i = 0; i < n; i++)
		e[start[o->spare[i].head >> shift & 255]++] = o->spare[i];
	for (unsigned i = 256; i > 0; i--) /* each start is the end of its part now */
		start[i] = start[i - 1];
	start[0] = 0;
	for (unsigned i = 0; i < 256; i++) {
		if (start[i + 1] - start[i] > 1)
			sort_heads(o, e + start[i], start[i + 1] - start[i], octet + 1, base);
	}
}

void entries_sort(struct entry *entries, struct entry *spare, size_t n, const uint8_t *octets)
{
	struct order o = { .octets = octets, .spare = spare };

	sort_heads(&o, entries, n, 0, 0);
}
