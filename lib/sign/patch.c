/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch: which pages a difference concerns.
 *
 * Those that hold an owner of the difference; all names below an owner that becomes a cut or is one no more, since
 * signatures and denial appear or vanish there; with NSEC the page of the name before a name that appears or vanishes
 * in the chain; with NSEC3 the pages of its hash and of the hash before (patch_hashes.c); the apex's, for its ready
 * RRsets; and those that are due.
 */
#include "sign/patch.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "sign/patching.h"
#include "zone/zone_owner.h"

#define READ_KEPT 64 /* leaves, from applying a difference to signing it, which may be long after */

struct patch_read {
	struct version *version;
	struct view view;
};

/* Takes the owner out of the sum as it was, and puts it in as it is. */
static void sum_owner(struct patch_content *c, struct zone_summer *summer, const struct zone_owner *was,
		      const struct zone_owner *is)
{
	if (was != NULL)
		zone_sum_sub(&c->sum, summer, was);
	if (is == NULL)
		return;
	zone_sum_add(&c->sum, summer, is);
	for (size_t i = 0; i < is->n; i++)
		if (is->rr[i].ttl > c->largest_ttl)
			c->largest_ttl = is->rr[i].ttl;
}

static int content_owner(struct view *v, const uint8_t *name, bool apex, const struct zone_limits *limits,
			 struct zone_summer *summer, struct patch_content *c, struct err *e)
{
	const struct zone_owner *was, *is;
	struct owner_traits t;

	if (view_owner(v, WAS, name, &was, e) != 0 || view_owner(v, IS, name, &is, e) != 0)
		return -1;
	if (is != NULL)
		t = owner_traits_of(is, apex);
	if (is != NULL && zone_owner_check(is, &t, limits, NULL, e) != 0)
		return -1;
	sum_owner(c, summer, was, is);
	return 0;
}

static int content_owners(struct view *v, const struct zone_limits *limits, struct zone_summer *summer,
			  struct patch_content *c, struct err *e)
{
	const struct zone_diff *d = v->d;

	/* The apex always: its SOA is another. */
	if (content_owner(v, v->apex, true, limits, summer, c, e) != 0)
		return -1;
	for (size_t i = 0; i < d->owner_count; i++)
		if (!dname_equal(d->owner[i].name, v->apex) &&
		    content_owner(v, d->owner[i].name, false, limits, summer, c, e) != 0)
			return -1;
	return 0;
}

void patch_content_unread(struct patch_content *c)
{
	if (c->read == NULL)
		return;
	view_fini(&c->read->view);
	version_unref(c->read->version);
	free(c->read);
	c->read = NULL;
}

/* What was read of this very version, with the same difference; else nothing has been. */
static void read_on(struct view *v, struct store *s, struct version *version, const struct zone_diff *d,
		    struct patch_content *c)
{
	if (c == NULL || c->read == NULL || c->read->version != version || c->read->view.d != d) {
		view_init(v, s, version, d);
		return;
	}
	*v = c->read->view;
	version_unref(c->read->version); /* the caller's */
	free(c->read);
	c->read = NULL;
}

int patch_content(struct store *s, struct version *version, const struct zone_sum *sum, const struct zone_diff *d,
		  const struct zone_limits *limits, struct patch_content *out, struct err *e)
{
	struct zone_summer *summer = zone_summer_new(e);
	struct soa_timers timers = soa_timers(d->soa.rdata, d->soa.rdlen);
	struct patch_read *read;
	int rc;

	out->read = NULL;
	if (summer == NULL)
		return -1;
	read = out->read = mem_new(1, sizeof(*read));
	read->version = version_ref(version);
	out->sum = *sum;
	out->largest_ttl = version_info(version)->largest_ttl;
	if (timers.minimum_s > out->largest_ttl)
		out->largest_ttl = timers.minimum_s;
	view_init(&read->view, s, version, d);
	rc = content_owners(&read->view, limits, summer, out, e);
	zone_sum_digest(&out->sum, out->digest);
	if (rc != 0 || read->view.leaf_count > READ_KEPT)
		patch_content_unread(out);
	zone_summer_free(summer);
	return rc;
}

bool patch_is_possible(const struct version *v, const struct rr *soa, const struct sign_params *p)
{
	struct signing s;
	uint8_t ctx[32];

	if (p->full || signing_init(&s, soa->owner, soa, p, NULL) != 0)
		return false;
	signing_ctx(&s, ctx);
	return memcmp(ctx, version_info(v)->sign_ctx, sizeof(ctx)) == 0;
}

static int mark(struct view *v, size_t row, struct err *e)
{
	struct leaf *l;

	if (view_leaf(v, row, &l, e) != 0)
		return -1;
	l->write = true;
	return 0;
}

/* All leaves with names below this one. */
static int mark_below(struct view *v, const uint8_t *key, size_t len, struct err *e)
{
	for (size_t row = view_behind(v, view_at(v, key, len)); row < v->names; row = view_behind(v, row)) {
		const struct page_row *r = table_row(v->t, row);

		if (r->key_len < len || memcmp(r->key, key, len) != 0)
			return 0;
		if (mark(v, row, e) != 0)
			return -1;
	}
	return 0;
}

static int mark_owner(struct view *v, const struct zone_diff_owner *o, struct err *e)
{
	const struct zone_owner *was, *is;
	bool was_cut, is_cut;

	if (mark(v, view_at(v, o->key, o->key_len), e) != 0 || view_owner(v, WAS, o->name, &was, e) != 0 ||
	    view_owner(v, IS, o->name, &is, e) != 0)
		return -1;
	was_cut = was != NULL && owner_is_cut(was, v->apex);
	is_cut = is != NULL && owner_is_cut(is, v->apex);
	return was_cut == is_cut ? 0 : mark_below(v, o->key, o->key_len, e);
}

/* The leaves before this one whose last NSEC names the first name at or behind it. */
static int mark_before(struct view *v, size_t row, struct err *e)
{
	struct leaf *l;

	while (row > 0) {
		row = view_before(v, row);
		if (mark(v, row, e) != 0 || view_leaf(v, row, &l, e) != 0 || view_kinds(v, l, IS, e) != 0)
			return -1;
		for (size_t i = 0; i < l->n[IS]; i++)
			if (l->kind[IS][i].kind != OWNER_OCCLUDED)
				return 0;
	}
	return 0;
}

/* Backwards, so that leaves that are marked on the way are looked at, too. */
static int mark_links(struct view *v, struct err *e)
{
	const uint8_t *was, *is;

	for (size_t row = view_end(v); row > 0;) {
		size_t at = v->leaf_count;

		while (at > 0 && (v->leaf[at - 1]->first >= row || !v->leaf[at - 1]->write))
			at--;
		if (at == 0)
			return 0;
		row = v->leaf[at - 1]->first;
		if (view_next(v, WAS, row, &was, e) != 0 || view_next(v, IS, row, &is, e) != 0)
			return -1;
		if (!dname_equal(was, is) && mark_before(v, row, e) != 0)
			return -1;
	}
	return 0;
}

static int plan(struct patching *p, struct err *e)
{
	struct view *v = &p->v;

	if (p->s.p->again != NULL) {
		uint8_t key[DNAME_KEY_MAX];

		p->again = view_at(v, key, dname_key(p->s.p->again, key));
		if (mark(v, p->again, e) != 0)
			return -1;
	}
	/* What keydist signs may be new: whether it is, the page's digest tells. */
	if (mark(v, 0, e) != 0)
		return -1;
	for (size_t i = 0; v->d != NULL && i < v->d->owner_count; i++)
		if (mark_owner(v, &v->d->owner[i], e) != 0)
			return -1;
	if (!signing_on(&p->s))
		return 0;
	return signing_nsec3(&p->s) ? hashes_plan(p, e) : mark_links(v, e);
}

static uint32_t largest_ttl(const struct sign_params *p, uint32_t largest)
{
	for (size_t k = 0; k < p->ready_count && p->key_count > 0; k++)
		if (p->ready[k].n > 0 && p->ready[k].rrs[0].ttl > largest)
			largest = p->ready[k].rrs[0].ttl;
	return largest;
}

static int describe(const struct patching *p, const struct version_info *was, const struct patch_content *c,
		    struct version_info *info, struct err *e)
{
	signing_ctx(&p->s, info->sign_ctx);
	memcpy(info->content_digest, c != NULL ? c->digest : was->content_digest, sizeof(info->content_digest));
	info->largest_ttl = largest_ttl(p->s.p, c != NULL ? c->largest_ttl : was->largest_ttl);
	info->earliest = p->earliest;
	return signing_keyset(p->s.p, info->keyset, e);
}

int zone_patch(struct store *s, struct version *v, const struct zone_diff *d, struct patch_content *c,
	       const struct sign_params *params, struct change *change, struct version_info *info, struct sign_stats *stats,
	       struct err *e)
{
	struct sign_stats unwanted;
	struct patching p = { .change = change, .stats = stats != NULL ? stats : &unwanted, .earliest = INT64_MAX,
			      .again = SIZE_MAX };
	int rc = -1;

	memset(p.stats, 0, sizeof(*p.stats));
	read_on(&p.v, s, v, d, c);
	p.arena = arena_new();
	if (signing_init(&p.s, p.v.apex, p.v.soa[IS], params, e) == 0 && range_maker_new(&p.s, &p.m, e) == 0 &&
	    plan(&p, e) == 0 && patch_write(&p, e) == 0)
		rc = describe(&p, version_info(v), c, info, e);
	hashes_free(&p);
	range_maker_free(p.m);
	arena_free(p.arena);
	view_fini(&p.v);
	return rc;
}
