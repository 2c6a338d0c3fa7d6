/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view: pages back to owners, and a difference applied to them.
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

static void leaf_free(struct leaf *l)
{
	arena_free(l->arena);
	free(l);
}

void view_fini(struct view *v)
{
	for (size_t i = 0; i < v->leaf_count; i++)
		leaf_free(v->leaf[i]);
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

/* Records of pages on their way into a leaf. */
struct loading {
	struct leaf *l;
	struct rr *rr;
	size_t n, room;
};

static int load_rr(void *ctx, const struct rr *rr)
{
	struct loading *g = ctx;
	const struct rr *last = g->n > 0 ? &g->rr[g->n - 1] : NULL;
	size_t len = dname_len(rr->owner);
	struct rr *to;

	if (rr_type_is_signing(rr->type))
		return 0;
	if (g->n == g->room) {
		g->room = g->room * 2 + 256;
		g->rr = mem_grow(g->rr, g->room, sizeof(*g->rr));
		last = g->n > 0 ? &g->rr[g->n - 1] : NULL;
	}
	to = &g->rr[g->n++];
	*to = *rr;
	if (last != NULL && dname_len(last->owner) == len && memcmp(last->owner, rr->owner, len) == 0)
		to->owner = last->owner;
	else
		to->owner = arena_dup(g->l->arena, rr->owner, len);
	to->rdata = arena_dup(g->l->arena, rr->rdata, rr->rdlen);
	return 0;
}

/* The apex's SOA, which no page has, in its place among the first n records, which are the apex's. */
static void insert_soa(struct rr *rr, size_t n, const struct rr *soa)
{
	size_t at = 0;

	while (at < n && rr[at].type < TYPE_SOA)
		at++;
	memmove(rr + at + 1, rr + at, (n - at) * sizeof(*rr));
	rr[at] = *soa;
}

static size_t same_owner(const struct rr *rr, size_t n)
{
	size_t i = 1;

	while (i < n && (rr[i].owner == rr[0].owner || dname_equal(rr[i].owner, rr[0].owner)))
		i++;
	return i;
}

/* From records to owners of the side that was.  The first leaf's first owner is the apex. */
static void group(const struct view *v, struct leaf *l, const struct rr *from, size_t n)
{
	struct rr *rr = arena_alloc(l->arena, n + 1, sizeof(*rr));
	struct zone_owner *o = arena_alloc(l->arena, n + 1, sizeof(*o));
	size_t owners = 0;

	if (n > 0)
		memcpy(rr, from, n * sizeof(*rr));
	if (l->first == 0) {
		size_t apex = n > 0 && dname_equal(rr[0].owner, v->apex) ? same_owner(rr, n) : 0;

		memmove(rr + apex + 1, rr + apex, (n - apex) * sizeof(*rr));
		insert_soa(rr, apex, v->soa[WAS]);
		n++;
	}
	for (size_t i = 0; i < n; i += o[owners++].n)
		o[owners] = (struct zone_owner){ .name = rr[i].owner, .rr = rr + i, .n = same_owner(rr + i, n - i) };
	l->owner[WAS] = o;
	l->n[WAS] = owners;
}

/* The apex with the SOA as it is now. */
static struct zone_owner apex_is(const struct view *v, struct leaf *l, const struct zone_owner *was)
{
	struct rr *rr = arena_dup(l->arena, was->rr, was->n * sizeof(*rr));

	for (size_t i = 0; i < was->n; i++)
		if (rr[i].type == TYPE_SOA)
			rr[i] = *v->soa[IS];
	return (struct zone_owner){ .name = v->soa[IS]->owner, .rr = rr, .n = was->n };
}

/* The side that is, where the owners of the difference from a to b - 1 lie in the leaf. */
static int merge(struct view *v, struct leaf *l, size_t a, size_t b, struct err *e)
{
	struct zone_owner *is = arena_alloc(l->arena, l->n[WAS] + (b - a) + 1, sizeof(*is));
	size_t i = 0, n = 0;

	while (i < l->n[WAS] || a < b) {
		const struct zone_owner *was = i < l->n[WAS] ? &l->owner[WAS][i] : NULL;
		const struct zone_diff_owner *o = a < b ? &v->d->owner[a] : NULL;
		int order = was == NULL ? 1 : o == NULL ? -1 : dname_cmp(was->name, o->name);
		struct zone_owner now = { .name = o != NULL ? o->name : NULL };

		if (order <= 0)
			now = l->first == 0 && i == 0 ? apex_is(v, l, was) : *was;
		if (order >= 0 && zone_diff_apply(v->d, o, &now, l->arena, &now, e) != 0)
			return -1;
		if (now.n > 0)
			is[n++] = now;
		i += order <= 0;
		a += order >= 0;
	}
	l->owner[IS] = is;
	l->n[IS] = n;
	return 0;
}

static int load(struct view *v, struct leaf *l, struct err *e)
{
	struct loading g = { .l = l };
	const struct page_row *row;
	size_t a = 0, b = 0;
	int rc = 0;

	for (size_t i = l->first; i < l->end && i < v->names && rc == 0; i++) {
		row = table_row(v->t, i);
		if ((rc = store_read(v->store, row, v->page, e)) == 0)
			rc = page_walk(v->page, row->len, load_rr, &g, e);
	}
	if (rc == 0) {
		group(v, l, g.rr, g.n);
		if (v->d != NULL && l->first > 0) {
			row = table_row(v->t, l->first);
			a = zone_diff_find(v->d, row->key, row->key_len);
		}
		if (v->d != NULL && l->end < v->names) {
			row = table_row(v->t, l->end);
			b = zone_diff_find(v->d, row->key, row->key_len);
		} else if (v->d != NULL) {
			b = v->d->owner_count;
		}
		if (a < b || (l->first == 0 && v->d != NULL)) {
			rc = merge(v, l, a, b, e);
		} else {
			l->owner[IS] = l->owner[WAS];
			l->n[IS] = l->n[WAS];
		}
	}
	free(g.rr);
	return rc;
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
	l = mem_new(1, sizeof(*l));
	l->first = row;
	l->end = view_behind(v, row);
	l->arena = arena_new();
	if (load(v, l, e) != 0) {
		leaf_free(l);
		return -1;
	}
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
	leaf_free(v->leaf[at]);
	v->leaf_count--;
	memmove(&v->leaf[at], &v->leaf[at + 1], (v->leaf_count - at) * sizeof(*v->leaf));
}

size_t leaf_find(const struct leaf *l, enum side side, const uint8_t *name)
{
	size_t low = 0, high = l->n[side];

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (dname_cmp(l->owner[side][mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
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
