/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_hashes: which NSEC3 records appear, vanish or change.
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
	nsec3_hash(&p->s.nsec3, name, op->hash);
	if (view_leaf(&p->v, view_at(&p->v, key, dname_key(name, key)), &l, e) != 0 ||
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

/* The leaves before those that begin otherwise than they did. */
static int mark_links(struct patching *p, struct err *e)
{
	struct hash_leaf *l;

	for (size_t i = 0; i < p->op_count; i++) {
		size_t row = hash_leaf_of(p, p->op[i].hash);

		if (hash_leaf_at(p, row, &l, e) != 0)
			return -1;
		if (l->n[IS] > 0 && l->n[WAS] > 0 &&
		    memcmp(l->hashed[IS][0].hash, l->hashed[WAS][0].hash, NSEC3_HASH_LEN) == 0)
			continue;
		do {
			row = hash_leaf_before(p, row);
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

	if (p->v.names == table_len(p->v.t))
		return err_set(e, ERR_DAMAGE, "a version without NSEC3 records");
	for (size_t i = 0; i < p->v.leaf_count && rc == 0; i++)
		if (p->v.leaf[i]->write)
			rc = compare_leaf(p, p->v.leaf[i], &list, e);
	if (rc == 0)
		rc = make_ops(p, &list, e);
	free(list.name);
	return rc == 0 ? mark_links(p, e) : -1;
}
