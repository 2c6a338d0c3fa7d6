/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_since: what a whole zone changes of a version.
 *
 * The zone's names go by in order while it is checked, in batches for many threads.  Where the names of a page's range
 * give the page's digest its records are the same, and nobody reads it; of the others what differs is told record by
 * record.
 */
#include "sign/patch.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "sign/flow.h"
#include "sign/maker.h"
#include "sign/view.h"

struct patch_since {
	struct flow f; /* first: it comes back to take() */
	struct pool_tools tools;
	struct sign_params params;
	struct feed *feed;
	struct err why;
	bool failed;
	struct version *v;
	struct view view;   /* of the caller's thread */
	size_t row;         /* all before it were compared */
	size_t most;
	bool too_many;
	struct arena *arena;
	struct zone_diff_rr *rr;
	size_t n, room;
};

/* What a thread compares with. */
struct tool {
	struct range_maker m; /* for digests alone */
	struct view v;
};

/* ---- one range, in any thread ---- */

/* Records of consecutive owners, the SOA left out. */
struct records {
	const struct zone_owner *was; /* or */
	const struct owner *is;
	size_t n, i, k;
};

static const struct rr *next_rr(struct records *s)
{
	for (; s->i < s->n; s->i++, s->k = 0) {
		const struct rr *rr = s->was != NULL ? s->was[s->i].rr : s->is[s->i].rr;
		size_t n = s->was != NULL ? s->was[s->i].n : s->is[s->i].n;

		while (s->k < n && rr[s->k].type == TYPE_SOA)
			s->k++;
		if (s->k < n)
			return &rr[s->k];
	}
	return NULL;
}

static void found(struct octets *out, const struct rr *rr, bool add)
{
	size_t len = rr_wire_len(rr);
	uint8_t *p = octets_room(out, 1 + len);
	struct wr w = wr_of(p + 1, len);

	p[0] = add;
	rr_write(&w, rr);
}

static void compare(struct records was, struct records is, struct octets *out)
{
	const struct rr *a, *b;

	while ((void)(a = next_rr(&was)), (void)(b = next_rr(&is)), a != NULL || b != NULL) {
		int order = a == NULL ? 1 : b == NULL ? -1 : rr_cmp(a, b);
		bool same = order == 0 && rr_is_same(a, b);

		if (order <= 0 && !same)
			found(out, a, false);
		if (order >= 0 && !same)
			found(out, b, true);
		was.k += order <= 0;
		is.k += order >= 0;
	}
}

static int compare_leaf(struct view *v, size_t row, struct records is, struct octets *out, struct err *e)
{
	struct records was = { .n = 0 };
	struct leaf *l;

	if (view_leaf(v, row, &l, e) != 0)
		return -1;
	was.was = l->owner[WAS];
	was.n = l->n[WAS];
	compare(was, is, out);
	view_drop(v, row);
	return 0;
}

/* Ranges that have no name any more. */
static int compare_gone(struct view *v, size_t row, size_t end, struct octets *out, struct err *e)
{
	const struct records none = { .n = 0 };

	for (; row < end; row = view_behind(v, row))
		if (compare_leaf(v, row, none, out, e) != 0)
			return -1;
	return 0;
}

static void compare_batch(struct pool_job *job, void *tool)
{
	struct batch *b = (struct batch *)job;
	struct tool *t = tool;

	b->rc = -1;
	for (size_t i = 0; i < b->span_count; i++) {
		const struct span *s = &b->spans[i];
		const struct records is = { .is = b->owners + s->a, .n = s->b - s->a };

		if (i > 0 && compare_gone(&t->v, s[-1].g.end, s->g.first, &b->found, &b->err) != 0)
			return;
		if (s->whole && !batch_is_same(b, &t->m, s) && compare_leaf(&t->v, s->g.first, is, &b->found, &b->err) != 0)
			return;
	}
	b->rc = 0;
}

/* ---- all ranges, in the caller's ---- */

static int give_up(struct patch_since *s, struct err *e)
{
	s->too_many = true;
	return err_set(e, ERR_LIMIT, "more than %zu records differ", s->most);
}

static int take_found(struct patch_since *s, const struct octets *o, struct err *e)
{
	struct rd r = rd_of(o->p, o->len);

	while (rd_left(&r) > 0) {
		struct zone_diff_rr now = { .add = rd_u8(&r) != 0 };

		if (rr_read(&r, &now.rr, e) != 1)
			return -1;
		if (s->n == s->most)
			return give_up(s, e);
		if (s->n == s->room) {
			s->room = s->room * 2 + 64;
			s->rr = mem_grow(s->rr, s->room, sizeof(*s->rr));
		}
		now.rr.owner = arena_dup(s->arena, now.rr.owner, dname_len(now.rr.owner));
		now.rr.rdata = arena_dup(s->arena, now.rr.rdata, now.rr.rdlen);
		s->rr[s->n++] = now;
	}
	return 0;
}

static int take_gone(struct patch_since *s, size_t end, struct err *e)
{
	struct octets out = { .len = 0 };
	int rc = compare_gone(&s->view, s->row, end, &out, e);

	if (rc == 0)
		rc = take_found(s, &out, e);
	s->row = end;
	free(out.p);
	return rc;
}

static int take(struct flow *f, const struct batch *b, struct err *e)
{
	struct patch_since *s = (struct patch_since *)f;

	if (b->span_count == 0)
		return give_up(s, e);
	for (size_t i = 0; i < b->span_count; i++)
		if (!b->spans[i].whole)
			return give_up(s, e);
	if (take_gone(s, b->spans[0].g.first, e) != 0)
		return -1;
	s->row = b->spans[b->span_count - 1].g.end;
	return take_found(s, &b->found, e);
}

static void *make_tool(void *ctx, struct err *e)
{
	const struct patch_since *s = ctx;
	struct tool *t = mem_new(1, sizeof(*t));

	(void)e;
	t->m.s = &s->f.common.s;
	view_init(&t->v, s->f.common.store, s->v, NULL);
	return t;
}

static void free_tool(void *tool)
{
	struct tool *t = tool;

	if (t == NULL)
		return;
	view_fini(&t->v);
	free(t);
}

/* As much of what the version was signed under as digests of ranges tell; what comes signed from keydist they tell too,
 * so that the apex's range is compared always. */
static struct sign_params params_of(const struct version *v, const struct view *view, unsigned threads)
{
	static const uint8_t no_id[sizeof(((struct version_info *)0)->id)];
	const struct version_info *info = version_info(v);

	return (struct sign_params){
		.key_count = memcmp(info->id, no_id, sizeof(no_id)) != 0,
		.denial = view->names < table_len(version_table(v)) ? DENIAL_NSEC3 : DENIAL_NSEC,
		.threads = threads,
	};
}

struct patch_since *patch_since_new(struct store *store, struct version *v, const uint8_t *apex, unsigned threads,
				    size_t most)
{
	struct patch_since *s = mem_new(1, sizeof(*s));
	struct signing *signing = &s->f.common.s;

	s->v = version_ref(v);
	s->most = most;
	view_init(&s->view, store, v, NULL);
	s->params = params_of(v, &s->view, threads);
	s->arena = arena_new();
	s->f.common = (struct batch_common){ .store = store, .old = version_table(v), .run = compare_batch };
	*signing = (struct signing){ .p = &s->params, .apex_len = dname_len(apex) };
	memcpy(signing->apex, apex, signing->apex_len);
	s->tools = (struct pool_tools){ .ctx = s, .make = make_tool, .free = free_tool };
	s->f.tools = &s->tools;
	s->f.take = take;
	s->failed = flow_init(&s->f, &s->why) != 0 || feed_new(&s->f, &s->feed, &s->why) != 0;
	return s;
}

void patch_since_owner(void *ctx, const struct zone_owner *o)
{
	struct patch_since *s = ctx;

	if (!s->failed)
		s->failed = feed_owner(s->feed, o, &s->why) != 0;
}

int patch_since_end(struct patch_since *s, const struct zone *z, struct zone_diff **out, struct err *e)
{
	*out = NULL;
	if (!s->failed)
		s->failed = feed_end(s->feed, &s->why) != 0 || take_gone(s, s->view.names, &s->why) != 0;
	if (!s->failed)
		*out = zone_diff_of(z->apex, version_info(s->v)->input_serial, &z->soa, s->rr, s->n);
	else if (!s->too_many && e != NULL)
		*e = s->why;
	return s->failed && !s->too_many ? -1 : 0;
}

void patch_since_free(struct patch_since *s)
{
	if (s == NULL)
		return;
	feed_free(s->feed);
	flow_fini(&s->f);
	view_fini(&s->view);
	arena_free(s->arena);
	version_unref(s->v);
	free(s->rr);
	free(s);
}
