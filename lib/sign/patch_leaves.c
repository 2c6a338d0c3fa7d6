/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_leaves: pages of NSEC3 records, read where somebody looks, and what becomes of their records.
 */
#include "sign/patching.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

/* The hash that a row's key was made of. */
static void row_hash(const struct page_row *row, uint8_t out[NSEC3_HASH_LEN])
{
	if (row->key_len < NSEC3_LABEL_LEN + 1 ||
	    nsec3_unlabel(row->key + row->key_len - 1 - NSEC3_LABEL_LEN, out) != 0)
		memset(out, 0xff, NSEC3_HASH_LEN);
}

static size_t last_row(const struct patching *p)
{
	return table_len(p->v.t);
}

size_t hash_leaf_behind(const struct patching *p, size_t row)
{
	for (row++; row < last_row(p) && table_row(p->v.t, row)->part > 0;)
		row++;
	return row;
}

size_t hash_leaf_of(const struct patching *p, const uint8_t hash[NSEC3_HASH_LEN])
{
	size_t low = p->v.names, high = last_row(p);
	uint8_t at[NSEC3_HASH_LEN];

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		row_hash(table_row(p->v.t, mid), at);
		if (memcmp(at, hash, NSEC3_HASH_LEN) <= 0)
			low = mid;
		else
			high = mid;
	}
	while (low > p->v.names && table_row(p->v.t, low)->part > 0)
		low--;
	return low;
}

size_t hash_leaf_before(const struct patching *p, size_t row)
{
	row = (row == p->v.names ? last_row(p) : row) - 1;
	while (row > p->v.names && table_row(p->v.t, row)->part > 0)
		row--;
	return row;
}

struct loading {
	struct hash_leaf *l;
	size_t room;
	struct err *e;
};

static int load_rr(void *ctx, const struct rr *rr)
{
	struct loading *g = ctx;
	struct hash_leaf *l = g->l;
	struct rd r = rd_of(rr->rdata, rr->rdlen);
	struct hashed *h;

	if (rr->type != TYPE_NSEC3)
		return 0;
	if (l->n[WAS] == g->room) {
		struct hashed *old = l->hashed[WAS];

		g->room = g->room * 2 + 128;
		l->hashed[WAS] = arena_alloc(l->arena, g->room, sizeof(*h));
		if (l->n[WAS] > 0)
			memcpy(l->hashed[WAS], old, l->n[WAS] * sizeof(*h));
	}
	h = &l->hashed[WAS][l->n[WAS]++];
	rd_bytes(&r, 4);
	rd_bytes(&r, rd_u8(&r));
	rd_bytes(&r, rd_u8(&r));
	if (r.bad || rr->owner[0] != NSEC3_LABEL_LEN || nsec3_unlabel(rr->owner + 1, h->hash) != 0)
		return err_set(g->e, ERR_DAMAGE, "an NSEC3 record that is none");
	h->bitmap_len = (uint16_t)rd_left(&r);
	h->bitmap = arena_dup(l->arena, rr->rdata + r.at, h->bitmap_len);
	return 0;
}

/* The first op that is not below the leaf's or, at the end, the rows' own hash. */
static size_t op_at(const struct patching *p, size_t row)
{
	size_t low = 0, high = p->op_count;
	uint8_t hash[NSEC3_HASH_LEN];

	if (row == p->v.names)
		return 0;
	if (row >= last_row(p))
		return p->op_count;
	row_hash(table_row(p->v.t, row), hash);
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(p->op[mid].hash, hash, NSEC3_HASH_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Applies ops a to b - 1. */
static void merge(const struct patching *p, struct hash_leaf *l, size_t a, size_t b)
{
	struct hashed *is = arena_alloc(l->arena, l->n[WAS] + (b - a) + 1, sizeof(*is));
	size_t i = 0, n = 0;

	while (i < l->n[WAS] || a < b) {
		const struct hashed *was = i < l->n[WAS] ? &l->hashed[WAS][i] : NULL;
		const struct hash_op *op = a < b ? &p->op[a] : NULL;
		int order = was == NULL ? 1 : op == NULL ? -1 : memcmp(was->hash, op->hash, NSEC3_HASH_LEN);
		bool same = order == 0 && op->put && op->bitmap_len == was->bitmap_len &&
			    (op->bitmap_len == 0 || memcmp(op->bitmap, was->bitmap, op->bitmap_len) == 0);

		if (order < 0 || same) {
			is[n++] = *was;
		} else if (op->put) {
			is[n] = (struct hashed){ .bitmap_len = op->bitmap_len, .bitmap = op->bitmap };
			memcpy(is[n++].hash, op->hash, NSEC3_HASH_LEN);
		}
		l->write |= !same && (order == 0 || (order > 0 && op->put));
		i += order <= 0;
		a += order >= 0;
	}
	l->hashed[IS] = is;
	l->n[IS] = n;
}

static size_t index_of(const struct patching *p, size_t row)
{
	size_t low = 0, high = p->hash_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->hash[mid]->first < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void leaf_free(struct hash_leaf *l)
{
	arena_free(l->arena);
	free(l);
}

static int load(struct patching *p, struct hash_leaf *l, struct err *e)
{
	struct loading g = { .l = l, .e = e };

	for (size_t i = l->first; i < l->end; i++) {
		const struct page_row *row = table_row(p->v.t, i);

		if (store_read(p->v.store, row, p->v.page, e) != 0 ||
		    page_walk(p->v.page, row->len, load_rr, &g, e) != 0)
			return -1;
	}
	merge(p, l, op_at(p, l->first), op_at(p, l->end));
	return 0;
}

int hash_leaf_at(struct patching *p, size_t row, struct hash_leaf **out, struct err *e)
{
	size_t at = index_of(p, row);
	struct hash_leaf *l;

	if (at < p->hash_count && p->hash[at]->first == row) {
		*out = p->hash[at];
		return 0;
	}
	l = mem_new(1, sizeof(*l));
	l->first = row;
	l->end = hash_leaf_behind(p, row);
	l->arena = arena_new();
	if (load(p, l, e) != 0) {
		leaf_free(l);
		return -1;
	}
	if (p->hash_count == p->hash_room) {
		p->hash_room = p->hash_room * 2 + 16;
		p->hash = mem_grow(p->hash, p->hash_room, sizeof(*p->hash));
	}
	memmove(&p->hash[at + 1], &p->hash[at], (p->hash_count - at) * sizeof(*p->hash));
	p->hash[at] = l;
	p->hash_count++;
	*out = l;
	return 0;
}

void hash_leaf_drop(struct patching *p, size_t row)
{
	size_t at = index_of(p, row);

	if (at == p->hash_count || p->hash[at]->first != row)
		return;
	leaf_free(p->hash[at]);
	p->hash_count--;
	memmove(&p->hash[at], &p->hash[at + 1], (p->hash_count - at) * sizeof(*p->hash));
}

size_t hash_leaf_next(const struct patching *p, size_t row)
{
	size_t at = index_of(p, row);

	while (at < p->hash_count && !p->hash[at]->write)
		at++;
	return at < p->hash_count ? p->hash[at]->first : last_row(p);
}

void hashes_free(struct patching *p)
{
	for (size_t i = 0; i < p->hash_count; i++)
		leaf_free(p->hash[i]);
	free(p->hash);
}

int hash_next(struct patching *p, size_t row, uint8_t out[NSEC3_HASH_LEN], struct err *e)
{
	struct hash_leaf *l;

	for (;; row = hash_leaf_behind(p, row)) {
		if (row >= last_row(p))
			row = p->v.names;
		if (op_at(p, row) == op_at(p, hash_leaf_behind(p, row))) { /* nothing changes there */
			row_hash(table_row(p->v.t, row), out);
			return 0;
		}
		if (hash_leaf_at(p, row, &l, e) != 0)
			return -1;
		if (l->n[IS] > 0) {
			memcpy(out, l->hashed[IS][0].hash, NSEC3_HASH_LEN);
			return 0;
		}
	}
}
