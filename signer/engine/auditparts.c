/* SPDX-License-Identifier: BSD-3-Clause */
/* auditparts: the pages that changed, and which others say what stands around them. */
#include <stdlib.h>
#include <string.h>

#include "signer/engine/auditjob.h"

#define PARTS_MAX  2048 /* pages; beyond it the whole is looked at */
#define PARTS_FREE 8    /* a zone of so few pages may change in all of them */

enum mark { MARK_NONE, MARK_CONTEXT, MARK_NEW };

struct choice {
	const struct table *now;
	size_t n, names; /* rows; those of names, which come first */
	uint8_t *mark; /* one for each row of now; no loop goes over all of them: that would be the zone's size */
	size_t *marked, marked_count, marked_cap; /* rows with a mark */
	const struct page_row **was;
	size_t was_count, new_count;
};

/* The first row that is not before (chain, key, part). */
static size_t lower(const struct table *t, const struct page_row *key)
{
	size_t low = 0, high = table_len(t);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (page_row_cmp(table_row(t, mid), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void set_mark(struct choice *c, size_t i, enum mark mark)
{
	if (c->mark[i] == MARK_NONE) {
		if (c->marked_count == c->marked_cap) {
			c->marked_cap = 2 * c->marked_cap + 64;
			c->marked = mem_grow(c->marked, c->marked_cap, sizeof(*c->marked));
		}
		c->marked[c->marked_count++] = i;
	}
	c->mark[i] = (uint8_t)mark;
}

static void context(struct choice *c, size_t i)
{
	if (i < c->n && c->mark[i] == MARK_NONE)
		set_mark(c, i, MARK_CONTEXT);
}

/* Row i, beside what changed in this chain, and where there is no NSEC in it, what is beyond it. */
static void neighbour(struct choice *c, size_t i, size_t step, uint8_t chain)
{
	const bool nsec = c->names == c->n && table_row(c->now, 0)->rrsigs > 0;

	for (; i < c->n && table_row(c->now, i)->chain == chain; i += step) {
		context(c, i);
		if (!nsec || table_row(c->now, i)->rrsigs > 0)
			return;
	}
}

/* The neighbours of row i, or of a gap before it, in the same chain. */
static void neighbours(struct choice *c, size_t before, size_t after, uint8_t chain)
{
	neighbour(c, before, SIZE_MAX, chain);
	neighbour(c, after, 1, chain);
}

static int note(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct choice *c = ctx;

	if (was != NULL) {
		if (c->was_count == PARTS_MAX)
			return -1;
		c->was[c->was_count++] = was;
	}
	if (is != NULL) {
		if (c->new_count == PARTS_MAX)
			return -1;
		c->new_count++;
		set_mark(c, lower(c->now, is), MARK_NEW);
	} else {
		size_t at = lower(c->now, was);

		neighbours(c, at - 1, at, was->chain);
	}
	return 0;
}

/* Pages of one owner go together; those that come in are looked at, too. */
static void whole_owners(struct choice *c)
{
	for (size_t k = 0; k < c->marked_count; k++) {
		size_t i = c->marked[k];

		if (i > 0 && table_row(c->now, i)->part > 0)
			context(c, i - 1);
		if (i + 1 < c->n && table_row(c->now, i + 1)->part > 0)
			context(c, i + 1);
	}
}

static int by_number(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool begins_run(const struct choice *c, size_t i)
{
	return c->mark[i] != MARK_NONE && (i == 0 || c->mark[i - 1] == MARK_NONE ||
					   table_row(c->now, i - 1)->chain != table_row(c->now, i)->chain);
}

/* Where the names above the first owner of a run would be: one of them may be a cut. */
static void above(struct choice *c, size_t run, size_t apex_len)
{
	const struct page_row *first = table_row(c->now, run);

	for (size_t len = apex_len; len < first->key_len; len++) {
		const struct page_row key = { .chain = CHAIN_NAMES, .key = first->key, .key_len = (uint16_t)len,
					      .part = UINT16_MAX };

		if (len > apex_len && first->key[len - 1] == 0)
			context(c, lower(c->now, &key) - 1);
	}
}

static void choose(struct choice *c)
{
	size_t names = c->names, apex_len = table_row(c->now, 0)->key_len;

	context(c, 0);
	for (size_t k = 0; k < c->marked_count; k++) {
		size_t i = c->marked[k];

		if (c->mark[i] == MARK_NEW)
			neighbours(c, i - 1, i + 1, table_row(c->now, i)->chain);
	}
	/* The hashed chain is closed where one of its ends is another. */
	if (names < c->n && (c->mark[names] != MARK_NONE || c->mark[c->n - 1] != MARK_NONE)) {
		context(c, names);
		context(c, c->n - 1);
	}
	whole_owners(c);
	for (size_t k = 0; k < c->marked_count; k++)
		if (c->marked[k] < names && begins_run(c, c->marked[k]))
			above(c, c->marked[k], apex_len);
	whole_owners(c);
	qsort(c->marked, c->marked_count, sizeof(*c->marked), by_number);
}

static void write_tags(const struct choice *c, struct auditparts *out)
{
	for (size_t k = 0; k < c->marked_count; k++) {
		size_t i = c->marked[k];
		bool hashed = i >= c->names;
		char tag = c->mark[i] == MARK_NEW ? (hashed ? 'm' : 'n') : (hashed ? 'k' : 'c');

		out->row[out->n] = table_row(c->now, i);
		out->tags[out->n++] = begins_run(c, i) ? (char)(tag - 'a' + 'A') : tag;
	}
	for (size_t i = 0; i < c->was_count; i++) {
		out->row[out->n] = c->was[i];
		out->tags[out->n++] = c->was[i]->chain == CHAIN_NSEC3 ? 'p' : 'o';
	}
	out->last = c->names > 0 && c->mark[c->names - 1] != MARK_NONE;
	out->closed3 = c->names < c->n && c->mark[c->names] != MARK_NONE && c->mark[c->n - 1] != MARK_NONE;
}

int auditparts_make(struct table *was, struct table *now, struct auditparts *out)
{
	const struct page_row end = { .chain = CHAIN_NSEC3, .key = (const uint8_t *)"" };
	struct choice c = { .now = now, .n = table_len(now), .names = lower(now, &end) };
	size_t most;
	int rc = -1;

	*out = (struct auditparts){ .tags = NULL };
	c.mark = mem_new(c.n + 1, 1);
	c.was = mem_new(PARTS_MAX, sizeof(*c.was));
	if (c.n > 0 && table_diff(was, now, note, &c) == 0 &&
	    (c.n <= PARTS_FREE || c.new_count <= c.n / 2)) {
		choose(&c);
		most = c.marked_count + c.was_count + 1;
		out->tags = mem_new(most, 1);
		out->row = mem_new(most, sizeof(*out->row));
		out->was = table_ref(was);
		out->now = table_ref(now);
		write_tags(&c, out);
		rc = 0;
	}
	free(c.mark);
	free(c.marked);
	free(c.was);
	return rc;
}

void auditparts_fini(struct auditparts *p)
{
	free(p->tags);
	free(p->row);
	table_unref(p->was);
	table_unref(p->now);
	*p = (struct auditparts){ .tags = NULL };
}
