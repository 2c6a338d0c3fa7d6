/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view: finds leaves and names, and what lies about them.
 */
#include "sign/view.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

void view_init(struct view *v, struct store *store, const struct version *version, const struct zone_diff *d)
{
	size_t low = 0, high;

	*v = (struct view){ .store = store, .t = version_table(version), .d = d };
	v->soa[WAS] = &version_info(version)->soa;
	v->soa[IS] = d != NULL ? &d->soa : v->soa[WAS];
	v->apex = v->soa[WAS]->owner;
	v->page = mem_new(PAGE_OCTETS_MAX, 1);
	v->names_of_keys = arena_new();
	for (high = table_len(v->t); low < high;) {
		size_t mid = low + (high - low) / 2;

		if (table_row(v->t, mid)->chain == CHAIN_NAMES)
			low = mid + 1;
		else
			high = mid;
	}
	v->names = low;
}

void view_fini(struct view *v)
{
	for (size_t i = 0; i < v->leaf_count; i++)
		view_leaf_free(v->leaf[i]);
	arena_free(v->names_of_keys);
	free(v->leaf);
	free(v->page);
}

/* A zone may have no page of names: its apex has but an SOA.  Then there is a leaf without rows. */
size_t view_end(const struct view *v)
{
	return v->names > 0 ? v->names : 1;
}

static int key_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	int order = memcmp(a, b, alen < blen ? alen : blen);

	return order != 0 ? order : alen < blen ? -1 : alen > blen;
}

size_t view_at(const struct view *v, const uint8_t *key, size_t len)
{
	size_t low = 0, high = v->names;

	/* The last row of part 0 that is not above. */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		const struct page_row *row = table_row(v->t, mid);

		if (key_cmp(row->key, row->key_len, key, len) <= 0)
			low = mid;
		else
			high = mid;
	}
	while (low > 0 && low < v->names && table_row(v->t, low)->part > 0)
		low--;
	return low;
}

size_t view_behind(const struct view *v, size_t row)
{
	for (row++; row < v->names && table_row(v->t, row)->part > 0;)
		row++;
	return row;
}

size_t view_before(const struct view *v, size_t row)
{
	for (row--; row > 0 && table_row(v->t, row)->part > 0;)
		row--;
	return row;
}

/* Where the leaf is in the list, or would be. */
static size_t index_of(const struct view *v, size_t row)
{
	size_t low = 0, high = v->leaf_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (v->leaf[mid]->first < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool view_is_read(const struct view *v, size_t row)
{
	size_t at = index_of(v, row);

	return at < v->leaf_count && v->leaf[at]->first == row;
}

int view_leaf(struct view *v, size_t row, struct leaf **out, struct err *e)
{
	size_t at = index_of(v, row);
	struct leaf *l;

	if (view_is_read(v, row)) {
		*out = v->leaf[at];
		return 0;
	}
	if ((l = view_leaf_new(v, row, view_behind(v, row), e)) == NULL)
		return -1;
	if (v->leaf_count == v->leaf_room) {
		v->leaf_room = v->leaf_room * 2 + 16;
		v->leaf = mem_grow(v->leaf, v->leaf_room, sizeof(*v->leaf));
	}
	memmove(&v->leaf[at + 1], &v->leaf[at], (v->leaf_count - at) * sizeof(*v->leaf));
	v->leaf[at] = l;
	v->leaf_count++;
	*out = l;
	return 0;
}

void view_drop(struct view *v, size_t row)
{
	size_t at = index_of(v, row);

	if (!view_is_read(v, row))
		return;
	view_leaf_free(v->leaf[at]);
	v->leaf_count--;
	memmove(&v->leaf[at], &v->leaf[at + 1], (v->leaf_count - at) * sizeof(*v->leaf));
}

int view_owner(struct view *v, enum side side, const uint8_t *name, const struct zone_owner **out, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX];
	struct leaf *l;
	size_t i;

	*out = NULL;
	if (view_leaf(v, view_at(v, key, dname_key(name, key)), &l, e) != 0)
		return -1;
	i = leaf_find(l, side, name);
	if (i < l->n[side] && dname_equal(l->owner[side][i].name, name))
		*out = &l->owner[side][i];
	return 0;
}

bool owner_is_cut(const struct zone_owner *o, const uint8_t *apex)
{
	bool is_apex = dname_equal(o->name, apex);

	for (size_t i = 0; i < o->n; i++)
		if ((o->rr[i].type == TYPE_NS && !is_apex) || o->rr[i].type == TYPE_DNAME)
			return true;
	return false;
}

/* Sets c to what it would be when the names before this one had been seen. */
static int begin_at(struct view *v, enum side side, const uint8_t *name, struct classifier *c, struct err *e)
{
	unsigned labels = dname_labels(name);
	const struct zone_owner *o;

	*c = (struct classifier){ .begun = true };
	for (unsigned n = dname_labels(v->apex); n < labels; n++) {
		const uint8_t *above = dname_suffix(name, n);

		if (view_owner(v, side, above, &o, e) != 0)
			return -1;
		if (o == NULL || !owner_is_cut(o, v->apex))
			continue;
		c->below = true;
		memcpy(c->cut, above, dname_len(above));
		return 0;
	}
	return 0;
}

int view_kinds(struct view *v, struct leaf *l, enum side side, struct err *e)
{
	struct classifier c = { .begun = false };
	struct owner *kind;

	if (l->kind[side] != NULL)
		return 0;
	if (l->first > 0 && l->n[side] > 0 && begin_at(v, side, l->owner[side][0].name, &c, e) != 0)
		return -1;
	kind = arena_alloc(l->arena, l->n[side] + 1, sizeof(*kind));
	for (size_t i = 0; i < l->n[side]; i++)
		owner_classify(&c, &l->owner[side][i], &kind[i]);
	l->kind[side] = kind;
	return 0;
}

/* The name that a sort key was made of, in lower case. */
static void name_of_key(const struct page_row *row, uint8_t out[DNAME_MAX])
{
	uint8_t *at = out + DNAME_MAX, label[DNAME_MAX];

	*--at = 0;
	for (size_t i = 0, n = 0; i < row->key_len; i++) {
		uint8_t c = row->key[i];

		if (c != 0) {
			label[n++] = c == 1 ? (uint8_t)(row->key[++i] - 1) : c;
			continue;
		}
		at -= n;
		memcpy(at, label, n);
		*--at = (uint8_t)n;
		n = 0;
	}
	memmove(out, at, (size_t)(out + DNAME_MAX - at));
}

/* The first name of a leaf that nobody has read, so that no difference concerns it; *name stays NULL where it is
 * occluded. */
static int first_unread(struct view *v, enum side side, size_t row, const uint8_t **name, struct err *e)
{
	uint8_t *first = arena_bytes(v->names_of_keys, DNAME_MAX);
	struct classifier c;

	name_of_key(table_row(v->t, row), first);
	if (begin_at(v, side, first, &c, e) != 0)
		return -1;
	*name = c.below ? NULL : first;
	return 0;
}

int view_next(struct view *v, enum side side, size_t row, const uint8_t **name, struct err *e)
{
	struct leaf *l;

	for (; row < view_end(v); row = view_behind(v, row)) {
		if (row > 0 && !view_is_read(v, row)) {
			if (first_unread(v, side, row, name, e) != 0)
				return -1;
			if (*name != NULL)
				return 0;
		}
		if (view_leaf(v, row, &l, e) != 0 || view_kinds(v, l, side, e) != 0)
			return -1;
		for (size_t i = 0; i < l->n[side]; i++)
			if (l->kind[side][i].kind != OWNER_OCCLUDED) {
				*name = l->kind[side][i].name;
				return 0;
			}
	}
	*name = v->apex;
	return 0;
}

size_t view_next_written(const struct view *v, size_t row)
{
	size_t at = index_of(v, row);

	while (at < v->leaf_count && !v->leaf[at]->write)
		at++;
	return at < v->leaf_count ? v->leaf[at]->first : view_end(v);
}
