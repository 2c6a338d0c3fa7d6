/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * patch_write: the next table, in order: rows that stay, and between them the pages of leaves that are to be made anew.
 *
 * As zone_sign does: a leaf too small for a page of its own takes the next one with it; unless the last leaf of such a
 * run is due, the run keeps that leaf's signatures where they are right, and their end for those that are made.  Many runs
 * are made by many threads.
 */
#include "sign/patching.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "sign/maker.h"
#include "sign/oldsigs.h"

/* Leaves that are written together, and the rows in front of them that stay. */
struct run {
	struct pool_job job;
	const struct patching *p;
	enum page_chain chain;
	size_t keep; /* the first row that stays */
	size_t first; /* row: the first behind those */
	size_t last;  /* row of its last leaf */
	size_t end;   /* the row behind */
	bool due;
	struct arena *arena;
	struct range range;
	struct pages pages;
	int rc;
	struct err err;
};

/* Runs whose pages are being made, in order; `count` of them from `at` on. */
struct runs {
	struct pool *pool; /* NULL: they are made at once */
	struct run *run;
	size_t size, at, count;
};

#define RUNS_PER_THREAD 4

/* Also where signatures outlive what policy (or a clock that was set back) allows now. */
static bool row_is_due(const struct sign_params *p, const struct page_row *row)
{
	return row->earliest <= p->now + p->margin_s || (row->rrsigs > 0 && row->earliest > p->now + p->validity_s);
}

static bool leaf_is_due(const struct patching *p, size_t row, size_t end)
{
	for (; row < end && row < table_len(p->v.t); row++)
		if (row == p->again || row_is_due(p->s.p, table_row(p->v.t, row)))
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

static int names_range(struct patching *p, struct run *run, struct err *e)
{
	struct range *out = &run->range;
	const uint8_t *name;
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
	if (view_next(&p->v, IS, run->end, &name, e) != 0)
		return -1;
	out->next = arena_dup(run->arena, name, dname_len(name)); /* its leaf may be dropped before this run is made */
	return 0;
}

static int hashes_range(struct patching *p, struct run *run, struct err *e)
{
	struct range *out = &run->range;
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

static int run_range(struct patching *p, struct run *run, struct err *e)
{
	return run->chain == CHAIN_NAMES ? names_range(p, run, e) : hashes_range(p, run, e);
}

/* Whether the run's only leaf is what its pages were made of, and these can stay. */
static bool stays(const struct patching *p, const struct run *run)
{
	uint8_t digest[16];

	if (run->range.n == 0 || run->first >= table_len(p->v.t) || leaf_is_due(p, run->first, run->end))
		return false;
	range_digest(p->m, &run->range, digest);
	return memcmp(digest, table_row(p->v.t, run->first)->digest, sizeof(digest)) == 0;
}

/* The leaf at the row. */
static int begin_run(struct patching *p, struct run *run, size_t row, struct err *e)
{
	arena_reset(run->arena);
	run->first = run->last = row;
	run->end = behind(p, run->chain, row);
	return run_range(p, run, e);
}

/* More leaves, until they make a page; `end` is where the chain ends. */
static int grow_run(struct patching *p, struct run *run, size_t end, struct err *e)
{
	while (run->end < end && range_size(p->m, &run->range) < RANGE_SMALL) {
		run->last = run->end;
		run->end = behind(p, run->chain, run->end);
		if (run_range(p, run, e) != 0)
			return -1;
	}
	run->due = leaf_is_due(p, run->last, run->end);
	return 0;
}

/* ---- one run, in any thread ---- */

/* NULL where signatures cannot be used again. */
static int old_signatures(const struct run *run, struct oldsigs **out, struct err *e)
{
	const struct patching *p = run->p;
	struct oldsigs *old = oldsigs_new(p->s.p->now);
	uint8_t *page = mem_grow(NULL, PAGE_OCTETS_MAX, 1);
	int rc = 0;

	*out = NULL;
	for (size_t i = run->last; i < run->end && i < table_len(p->v.t) && rc == 0; i++) {
		const struct page_row *row = table_row(p->v.t, i);

		rc = store_read(p->v.store, row, page, e);
		if (rc == 0)
			rc = oldsigs_add_page(old, page, row->len, e);
	}
	free(page);
	if (rc == 0 && oldsigs_settle_together(old))
		*out = old;
	else
		oldsigs_free(old);
	return rc;
}

static void make_run(struct pool_job *job, void *tool)
{
	struct run *run = (struct run *)job;
	struct oldsigs *old = NULL;

	pages_reset(&run->pages);
	run->rc = -1;
	if (!run->due && signing_on(&run->p->s) && old_signatures(run, &old, &run->err) != 0)
		return;
	run->range.old = old;
	run->rc = range_make(tool, &run->range, &run->pages, &run->err);
	oldsigs_free(old);
}

/* ---- all, in order ---- */

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

/* The oldest run that is out becomes part of the change. */
static int collect(struct patching *p, struct runs *runs, struct err *e)
{
	struct run *run = &runs->run[runs->at];

	if (runs->pool != NULL)
		pool_wait(runs->pool, &run->job);
	runs->at = (runs->at + 1) % runs->size;
	runs->count--;
	if (run->rc != 0) {
		*e = run->err;
		return -1;
	}
	if (run->first > run->keep && keep(p, run->keep, run->first, e) != 0)
		return -1;
	drop_leaves(p, run);
	return put_pages(p, &run->pages, e);
}

static int collect_all(struct patching *p, struct runs *runs, struct err *e)
{
	while (runs->count > 0)
		if (collect(p, runs, e) != 0)
			return -1;
	return 0;
}

static int submit(struct patching *p, struct runs *runs, struct run *run, struct err *e)
{
	runs->count++;
	if (runs->pool != NULL)
		return pool_submit(runs->pool, &run->job, e);
	make_run(&run->job, p->m);
	return 0;
}

static int write_chain(struct patching *p, struct runs *runs, enum page_chain chain, size_t from, size_t end, struct err *e)
{
	size_t kept = from; /* rows from here on stay, up to the one in hand */

	for (size_t row = from; row < end;) {
		struct run *run;

		if ((row = next_written(p, chain, row, end)) == end)
			break;
		if (runs->count == runs->size && collect(p, runs, e) != 0)
			return -1;
		run = &runs->run[(runs->at + runs->count) % runs->size];
		run->chain = chain;
		run->keep = kept;
		if (begin_run(p, run, row, e) != 0)
			return -1;
		row = run->end;
		if (stays(p, run)) {
			drop_leaves(p, run);
			continue;
		}
		if (grow_run(p, run, end, e) != 0 || submit(p, runs, run, e) != 0)
			return -1;
		row = kept = run->end;
	}
	if (collect_all(p, runs, e) != 0)
		return -1;
	return end > kept ? keep(p, kept, end, e) : 0;
}

static int runs_begin(struct patching *p, struct runs *runs, struct err *e)
{
	const struct pool_tools tools = maker_tools(&p->s);
	unsigned threads = p->s.p->threads;

	*runs = (struct runs){ .size = threads > 1 ? (size_t)threads * RUNS_PER_THREAD : 1 };
	runs->run = mem_new(runs->size, sizeof(*runs->run));
	for (size_t i = 0; i < runs->size; i++) {
		runs->run[i].job.run = make_run;
		runs->run[i].p = p;
		runs->run[i].arena = arena_new();
	}
	return threads > 1 ? pool_new(threads, &tools, &runs->pool, e) : 0;
}

static void runs_end(struct runs *runs)
{
	pool_free(runs->pool);
	for (size_t i = 0; i < runs->size; i++) {
		pages_fini(&runs->run[i].pages);
		arena_free(runs->run[i].arena);
	}
	free(runs->run);
}

int patch_write(struct patching *p, struct err *e)
{
	struct runs runs;
	int rc = runs_begin(p, &runs, e);

	if (rc == 0)
		rc = write_chain(p, &runs, CHAIN_NAMES, 0, view_end(&p->v), e);
	if (rc == 0)
		rc = write_chain(p, &runs, CHAIN_NSEC3, p->v.names, table_len(p->v.t), e);
	p->earliest = change_earliest(p->change);
	runs_end(&runs);
	return rc;
}
