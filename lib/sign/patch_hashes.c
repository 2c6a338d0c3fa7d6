/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_hashes: which NSEC3 records appear, vanish or change, and which pages hold them.
 *
 * A name has an NSEC3 record if it is an owner in the chain, or if a name below it is (an empty non-terminal, RFC 5155
 * section 7.1).  So names that enter or leave the chain concern their ancestors, too.
 */
#include "sign/patching.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

/* Names whose record may change; borrowed. */
struct names {
	const uint8_t **name;
	size_t n, room;
};

static void push(struct names *list, const uint8_t *name)
{
	if (list->n == list->room) {
		list->room = list->room * 2 + 16;
		list->name = mem_grow(list->name, list->room, sizeof(*list->name));
	}
	list->name[list->n++] = name;
}

static bool in_chain(const struct patching *p, const struct owner *o)
{
	return o != NULL && owner_has_nsec3(&p->s, o);
}

/* A name as it was and as it is, either may be NULL. */
static void compare(const struct patching *p, const struct owner *was, const struct owner *is, struct names *list)
{
	const uint8_t *name = is != NULL ? is->name : was->name;
	uint8_t a[BITMAP_MAX], b[BITMAP_MAX];
	size_t alen, blen;

	if (in_chain(p, was) && in_chain(p, is)) {
		alen = owner_bitmap(&p->s, was, a);
		blen = owner_bitmap(&p->s, is, b);
		/* The apex's ready RRsets count on both sides as they are now. */
		if (alen != blen || memcmp(a, b, alen) != 0 || is->apex)
			push(list, name);
	} else if (in_chain(p, was) || in_chain(p, is)) {
		for (unsigned n = dname_labels(p->s.apex) + 1; n <= dname_labels(name); n++)
			push(list, dname_suffix(name, n));
	}
}

/* Names of a leaf on both sides. */
static int compare_leaf(struct patching *p, struct leaf *l, struct names *list, struct err *e)
{
	size_t i = 0, k = 0;

	if (view_kinds(&p->v, l, WAS, e) != 0 || view_kinds(&p->v, l, IS, e) != 0)
		return -1;
	while (i < l->n[WAS] || k < l->n[IS]) {
		const struct owner *was = i < l->n[WAS] ? &l->kind[WAS][i] : NULL;
		const struct owner *is = k < l->n[IS] ? &l->kind[IS][k] : NULL;
		int order = was == NULL ? 1 : is == NULL ? -1 : dname_cmp(was->name, is->name);

		compare(p, order <= 0 ? was : NULL, order >= 0 ? is : NULL, list);
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return dname_cmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b);
}

/* Whether nobody in the leaf can be in the chain, as far as its rows tell: with opt-out, who is has signatures. */
static bool is_bare(const struct patching *p, size_t row)
{
	if (p->s.p->denial != DENIAL_NSEC3_OPTOUT)
		return false;
	for (size_t end = view_behind(&p->v, row); row < end; row++)
		if (table_row(p->v.t, row)->rrsigs > 0)
			return false;
	return true;
}

/* Whether a name below this one is in the chain now. */
static int has_below(struct patching *p, const uint8_t *name, bool *has, struct err *e)
{
	struct view *v = &p->v;
	uint8_t key[DNAME_KEY_MAX];
	size_t len = dname_key(name, key), row = view_at(v, key, len);
	struct leaf *l;

	*has = false;
	for (bool first = true; row < view_end(v); first = false, row = view_behind(v, row)) {
		const struct page_row *r = first ? NULL : table_row(v->t, row);

		if (r != NULL && (r->key_len < len || memcmp(r->key, key, len) != 0))
			return 0;
		if (!view_is_read(v, row) && is_bare(p, row))
			continue;
		if (view_leaf(v, row, &l, e) != 0 || view_kinds(v, l, IS, e) != 0)
			return -1;
		for (size_t i = first ? leaf_find(l, IS, name) : 0; i < l->n[IS]; i++) {
			const struct owner *o = &l->kind[IS][i];

			if (!dname_is_within(o->name, name))
				return 0;
			if (!dname_equal(o->name, name) && owner_has_nsec3(&p->s, o)) {
				*has = true;
				return 0;
			}
		}
	}
	return 0;
}

/* What the record of a name becomes. */
static int decide(struct patching *p, const uint8_t *name, struct hash_op *op, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX], bitmap[BITMAP_MAX];
	struct leaf *l;
	size_t i;

	*op = (struct hash_op){ .put = false };
	if (range_hash(p->m, name, op->hash, e) != 0 ||
	    view_leaf(&p->v, view_at(&p->v, key, dname_key(name, key)), &l, e) != 0 ||
	    view_kinds(&p->v, l, IS, e) != 0)
		return -1;
	i = leaf_find(l, IS, name);
	if (i == l->n[IS] || !dname_equal(l->kind[IS][i].name, name) || !owner_has_nsec3(&p->s, &l->kind[IS][i]))
		return has_below(p, name, &op->put, e);
	op->put = true;
	op->bitmap_len = (uint16_t)owner_bitmap(&p->s, &l->kind[IS][i], bitmap);
	op->bitmap = arena_dup(p->arena, bitmap, op->bitmap_len);
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct hash_op *)a)->hash, ((const struct hash_op *)b)->hash, NSEC3_HASH_LEN);
}

static int make_ops(struct patching *p, struct names *list, struct err *e)
{
	if (list->n > 0)
		qsort(list->name, list->n, sizeof(*list->name), by_name);
	p->op = arena_alloc(p->arena, list->n + 1, sizeof(*p->op));
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0 && dname_equal(list->name[i], list->name[i - 1]))
			continue;
		if (decide(p, list->name[i], &p->op[p->op_count++], e) != 0)
			return -1;
	}
	if (p->op_count > 0)
		qsort(p->op, p->op_count, sizeof(*p->op), by_hash);
	return 0;
}

/* ---- leaves ---- */

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

/* The leaf that a hash lies in. */
static size_t leaf_of(const struct patching *p, const uint8_t hash[NSEC3_HASH_LEN])
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

/* The leaf before, in a circle. */
static size_t leaf_before(const struct patching *p, size_t row)
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

/* The leaves before those that begin otherwise than they did. */
static int mark_links(struct patching *p, struct err *e)
{
	struct hash_leaf *l;

	for (size_t i = 0; i < p->op_count; i++) {
		size_t row = leaf_of(p, p->op[i].hash);

		if (hash_leaf_at(p, row, &l, e) != 0)
			return -1;
		if (l->n[IS] > 0 && l->n[WAS] > 0 &&
		    memcmp(l->hashed[IS][0].hash, l->hashed[WAS][0].hash, NSEC3_HASH_LEN) == 0)
			continue;
		do {
			row = leaf_before(p, row);
			if (hash_leaf_at(p, row, &l, e) != 0)
				return -1;
			l->write = true;
		} while (l->n[IS] == 0);
	}
	return 0;
}

int hashes_plan(struct patching *p, struct err *e)
{
	struct names list = { .n = 0 };
	int rc = 0;

	if (p->v.names == last_row(p))
		return err_set(e, ERR_DAMAGE, "a version without NSEC3 records");
	for (size_t i = 0; i < p->v.leaf_count && rc == 0; i++)
		if (p->v.leaf[i]->write)
			rc = compare_leaf(p, p->v.leaf[i], &list, e);
	if (rc == 0)
		rc = make_ops(p, &list, e);
	free(list.name);
	return rc == 0 ? mark_links(p, e) : -1;
}
