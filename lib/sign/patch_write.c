/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_write: the next table, in order: rows that stay, and between them the pages of leaves that are to be made anew.
 *
 * As zone_sign does: a leaf too small for a page of its own takes the next one with it; unless the last leaf of such a
 * run is due, the run keeps that leaf's signatures where they are right, and their end for those that are made.
 */
#include "sign/patching.h"

#include <string.h>

#include "arena/arena.h"
#include "sign/oldsigs.h"

/* Leaves that are written together. */
struct run {
	enum page_chain chain;
	size_t first; /* row */
	size_t last;  /* row of its last leaf */
	size_t end;   /* the row behind */
	struct arena *arena;
	struct pages pages;
};

/* Also where signatures outlive what policy (or a clock that was set back) allows now. */
static bool row_is_due(const struct sign_params *p, const struct page_row *row)
{
	return row->earliest <= p->now + p->margin_s || (row->rrsigs > 0 && row->earliest > p->now + p->validity_s);
}

static bool leaf_is_due(const struct patching *p, size_t row, size_t end)
{
	for (; row < end && row < table_len(p->v.t); row++)
		if (row_is_due(p->s.p, table_row(p->v.t, row)))
			return true;
	return false;
}

static size_t behind(const struct patching *p, enum page_chain chain, size_t row)
{
	return chain == CHAIN_NAMES ? view_behind(&p->v, row) : hash_leaf_behind(p, row);
}

/* The first row at or behind this one whose leaf is to be written, or `end`. */
static size_t next_written(const struct patching *p, enum page_chain chain, size_t row, size_t end)
{
	size_t marked = chain == CHAIN_NAMES ? view_next_written(&p->v, row) : hash_leaf_next(p, row);
	size_t due = table_due(p->v.t, row, p->s.p->now + p->s.p->margin_s, p->s.p->now + p->s.p->validity_s);

	while (due > row && due < end && table_row(p->v.t, due)->part > 0)
		due--;
	marked = marked < end ? marked : end;
	return due < marked ? due : marked;
}

static int keep(struct patching *p, size_t from, size_t to, struct err *e)
{
	if (change_keep_rows(p->change, from, to - from) != 0)
		return err_set(e, ERR_DAMAGE, "a page of the version before cannot be kept");
	p->stats->kept_pages += to - from;
	return 0;
}

static int names_range(struct patching *p, struct run *run, struct range *out, struct err *e)
{
	struct owner *all = NULL;
	struct leaf *l;
	size_t n = 0;

	*out = (struct range){ .chain = CHAIN_NAMES, .next = p->v.apex };
	for (size_t row = run->first; row < run->end; row = view_behind(&p->v, row)) {
		if (view_leaf(&p->v, row, &l, e) != 0 || view_kinds(&p->v, l, IS, e) != 0)
			return -1;
		out->owners = l->kind[IS];
		if (row == run->first && view_behind(&p->v, row) == run->end) {
			n = l->n[IS];
			break;
		}
		all = memcpy(arena_alloc(run->arena, n + l->n[IS] + 1, sizeof(*all)), all == NULL ? l->kind[IS] : all,
			     n * sizeof(*all));
		memcpy(all + n, l->kind[IS], l->n[IS] * sizeof(*all));
		n += l->n[IS];
		out->owners = all;
	}
	out->n = n;
	if (!signing_on(&p->s) || signing_nsec3(&p->s))
		return 0;
	return view_next(&p->v, IS, run->end, &out->next, e);
}

static int hashes_range(struct patching *p, struct run *run, struct range *out, struct err *e)
{
	uint8_t *next = arena_bytes(run->arena, NSEC3_HASH_LEN);
	struct hashed *all = NULL;
	struct hash_leaf *l;
	size_t n = 0;

	*out = (struct range){ .chain = CHAIN_NSEC3, .next = next };
	for (size_t row = run->first; row < run->end; row = hash_leaf_behind(p, row)) {
		if (hash_leaf_at(p, row, &l, e) != 0)
			return -1;
		all = memcpy(arena_alloc(run->arena, n + l->n[IS] + 1, sizeof(*all)),
			     all == NULL ? l->hashed[IS] : all, n * sizeof(*all));
		memcpy(all + n, l->hashed[IS], l->n[IS] * sizeof(*all));
		n += l->n[IS];
	}
	out->hashed = all;
	out->n = n;
	return hash_next(p, run->end, next, e);
}

static int run_range(struct patching *p, struct run *run, struct range *out, struct err *e)
{
	return run->chain == CHAIN_NAMES ? names_range(p, run, out, e) : hashes_range(p, run, out, e);
}

/* Whether the run's only leaf is what its pages were made of, and these can stay. */
static bool stays(const struct patching *p, const struct run *run, const struct range *r)
{
	uint8_t digest[16];

	if (r->n == 0 || run->first >= table_len(p->v.t) || leaf_is_due(p, run->first, run->end))
		return false;
	range_digest(p->m, r, digest);
	return memcmp(digest, table_row(p->v.t, run->first)->digest, sizeof(digest)) == 0;
}

/* The leaf at the row. */
static int begin_run(struct patching *p, struct run *run, size_t row, struct range *r, struct err *e)
{
	arena_reset(run->arena);
	run->first = run->last = row;
	run->end = behind(p, run->chain, row);
	return run_range(p, run, r, e);
}

/* More leaves, until they make a page; `end` is where the chain ends. */
static int grow_run(struct patching *p, struct run *run, size_t end, struct range *r, struct err *e)
{
	while (run->end < end && range_size(p->m, r) < RANGE_SMALL) {
		run->last = run->end;
		run->end = behind(p, run->chain, run->end);
		if (run_range(p, run, r, e) != 0)
			return -1;
	}
	return 0;
}

/* NULL where signatures cannot be used again. */
static int old_signatures(struct patching *p, const struct run *run, struct oldsigs **out, struct err *e)
{
	struct oldsigs *old = oldsigs_new(p->s.p->now);

	*out = NULL;
	for (size_t i = run->last; i < run->end && i < table_len(p->v.t); i++) {
		const struct page_row *row = table_row(p->v.t, i);

		if (store_read(p->v.store, row, p->v.page, e) != 0 ||
		    oldsigs_add_page(old, p->v.page, row->len, e) != 0) {
			oldsigs_free(old);
			return -1;
		}
	}
	if (oldsigs_settle_together(old))
		*out = old;
	else
		oldsigs_free(old);
	return 0;
}

static int put_pages(struct patching *p, const struct pages *pages, struct err *e)
{
	struct sign_stats *stats = p->stats;

	for (size_t i = 0; i < pages->n; i++) {
		struct page_row row = pages_row(pages, i);

		if (change_put(p->change, pages_octets(pages, i), pages->page[i].len, &row, e) != 0)
			return -1;
		stats->records += row.records;
		stats->rrsigs += row.rrsigs;
		stats->octets += row.len;
		stats->new_pages++;
	}
	stats->made += pages->made;
	return 0;
}

static int write_run(struct patching *p, struct run *run, struct range *r, struct err *e)
{
	bool due = leaf_is_due(p, run->last, run->end);
	struct oldsigs *old = NULL;
	int rc;

	if (!due && signing_on(&p->s) && old_signatures(p, run, &old, e) != 0)
		return -1;
	r->old = old;
	pages_reset(&run->pages);
	rc = range_make(p->m, r, &run->pages, e);
	oldsigs_free(old);
	return rc != 0 ? -1 : put_pages(p, &run->pages, e);
}

/* What was read and is not looked at again; the apex is looked at always. */
static void drop_leaves(struct patching *p, const struct run *run)
{
	for (size_t row = run->first; row < run->end; row = behind(p, run->chain, row)) {
		if (run->chain == CHAIN_NAMES && row > 0)
			view_drop(&p->v, row);
		else if (run->chain == CHAIN_NSEC3)
			hash_leaf_drop(p, row);
	}
}

static int write_chain(struct patching *p, struct run *run, size_t from, size_t end, struct err *e)
{
	struct range r;

	for (size_t row = from; row < end; row = run->end) {
		size_t next = next_written(p, run->chain, row, end);

		if (next > row && keep(p, row, next, e) != 0)
			return -1;
		if (next == end)
			return 0;
		if (begin_run(p, run, next, &r, e) != 0)
			return -1;
		if (stays(p, run, &r) ? keep(p, run->first, run->end, e)
				      : grow_run(p, run, end, &r, e) != 0 || write_run(p, run, &r, e) != 0)
			return -1;
		drop_leaves(p, run);
	}
	return 0;
}

int patch_write(struct patching *p, struct err *e)
{
	struct run run = { .chain = CHAIN_NAMES, .arena = arena_new() };
	int rc = write_chain(p, &run, 0, view_end(&p->v), e);

	if (rc == 0) {
		run.chain = CHAIN_NSEC3;
		rc = write_chain(p, &run, p->v.names, table_len(p->v.t), e);
	}
	p->earliest = change_earliest(p->change);
	pages_fini(&run.pages);
	arena_free(run.arena);
	return rc;
}
