/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view_leaf: pages back to owners, and a difference applied to them.
 */
#include "sign/view.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

void view_leaf_free(struct leaf *l)
{
	if (l == NULL)
		return;
	arena_free(l->arena);
	free(l);
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
static int merge(const struct view *v, struct leaf *l, size_t a, size_t b, struct err *e)
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

static int load(const struct view *v, struct leaf *l, struct err *e)
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

struct leaf *view_leaf_new(const struct view *v, size_t row, size_t end, struct err *e)
{
	struct leaf *l = mem_new(1, sizeof(*l));

	l->first = row;
	l->end = end;
	l->arena = arena_new();
	if (load(v, l, e) == 0)
		return l;
	view_leaf_free(l);
	return NULL;
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
