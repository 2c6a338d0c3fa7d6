/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lay: from names to pages.
 *
 * A page of the version before stands for the range from its first name to the next page's.  A range that has
 * changed or is due is a run, which is cut into pages of about equal size; so borders stay where they can.  A
 * run too small for a page of its own takes the next range with it.  Unless the run's last range is due, the
 * run keeps that range's signatures where the RRset is the same, and their end for those that are made.
 */
#include "sign/lay.h"

#include <string.h>

#include "sign/oldsigs.h"

#define RUN_SMALL 4096 /* octets: below it a page joins a neighbour (DESIGN section 7) */

static size_t room(const struct signing *s)
{
	return PAGE_MSG_MAX - 12 - s->apex_len;
}

/* Names a to b - 1 as one page; parts only where one name is too large. */
static int write_range(struct signing *s, const struct chain *c, size_t a, size_t b, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX], digest[16];
	struct pager pg;

	c->digest(s, a, b, digest);
	pager_begin(&pg, s, c->id, key, c->key(s, a, key), digest);
	for (size_t i = a; i < b; i++)
		if (c->emit(&pg, i, e) != 0)
			return -1;
	return pager_end(&pg, e);
}

/* The end of the first of two pages of about equal size. */
static size_t first_half(const struct signing *s, const struct chain *c, size_t a, size_t b, uint64_t size)
{
	uint64_t sum = c->size(s, a), more;

	while (++a < b) {
		more = c->size(s, a);
		if (sum >= size / 2 || sum + more > room(s))
			break;
		sum += more;
	}
	return a;
}

/* Where the page that begins at name a ends.  Sizes are upper bounds, since names inside rdata shrink; where
 * they do not tell, a trial with blanks for signatures does: it costs a small part of what signing does. */
static int page_end(struct signing *s, const struct chain *c, size_t a, size_t b, uint64_t size, size_t *end,
		    struct err *e)
{
	bool bulk = size > 2 * room(s);
	struct pager pg;
	size_t i, len = 0;

	*end = b;
	if (size <= room(s))
		return 0;
	pager_measure(&pg, s);
	for (i = a; i < b && !(bulk && len >= PAGE_FILL); i++) {
		if (c->emit(&pg, i, e) != 0)
			return -1;
		if (pg.full)
			break;
		page_build_octets(s->build, &len);
	}
	if (i < b && !bulk)
		*end = first_half(s, c, a, b, size);
	else if (i < b)
		*end = i > a ? i : a + 1;
	return 0;
}

static uint64_t run_size(const struct signing *s, const struct chain *c, size_t a, size_t b)
{
	uint64_t total = 0;

	for (size_t i = a; i < b; i++)
		total += c->size(s, i);
	return total;
}

/* Cuts names a to b - 1, whose sizes add up to `left`, into pages. */
static int write_run(struct signing *s, const struct chain *c, size_t a, size_t b, uint64_t left,
		     struct err *e)
{
	size_t end;

	for (; a < b; a = end) {
		if (page_end(s, c, a, b, left, &end, e) != 0 || write_range(s, c, a, end, e) != 0)
			return -1;
		left -= run_size(s, c, a, end);
	}
	return 0;
}

static bool same_key(const struct page_row *a, const struct page_row *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* The next group of the chain at or behind row `at`; false at the chain's end. */
static bool next_group(const struct table *t, const struct chain *c, size_t at, struct group *g)
{
	while (at < table_len(t) && table_row(t, at)->chain < c->id)
		at++;
	if (at == table_len(t) || table_row(t, at)->chain != c->id)
		return false;
	g->first = at;
	while (++at < table_len(t) && table_row(t, at)->chain == c->id &&
	       same_key(table_row(t, at), table_row(t, g->first)))
		;
	g->end = at;
	return true;
}

/* Also where signatures outlive what policy (or a clock that was set back) allows now. */
static bool is_due(const struct signing *s, const struct table *t, struct group g)
{
	const struct sign_params *p = s->p;

	for (size_t i = g.first; i < g.end; i++) {
		const struct page_row *row = table_row(t, i);

		if (row->earliest <= p->now + p->margin_s ||
		    (row->rrsigs > 0 && row->earliest > p->now + p->validity_s))
			return true;
	}
	return false;
}

/* Whether names a to b - 1 are what the group was made from. */
static bool is_same(const struct signing *s, const struct chain *c, const struct table *t, struct group g,
		    size_t a, size_t b)
{
	uint8_t digest[16];

	if (a == b)
		return false;
	c->digest(s, a, b, digest);
	return memcmp(digest, table_row(t, g.first)->digest, sizeof(digest)) == 0;
}

static int keep(struct signing *s, const struct table *t, struct group g, struct err *e)
{
	for (size_t i = g.first; i < g.end; i++) {
		const struct page_row *row = table_row(t, i);

		if (change_keep(s->change, row) != 0)
			return err_set(e, ERR_INTERNAL, "a page of the version before cannot be kept");
		s->stats->records += row->records;
		s->stats->rrsigs += row->rrsigs;
		s->stats->octets += row->len;
		s->stats->kept_pages++;
		if (row->earliest < s->earliest)
			s->earliest = row->earliest;
	}
	return 0;
}

/* As write_run, with the signatures of the group where they are still right. */
static int rewrite_group(struct signing *s, const struct chain *c, const struct table *t, struct group g,
			 size_t a, size_t b, uint64_t total, struct err *e)
{
	int rc;

	if (oldsigs_load(s->store, t, g, s->p->now, &s->old, e) != 0)
		return -1;
	rc = write_run(s, c, a, b, total, e);
	oldsigs_free(s->old);
	s->old = NULL;
	return rc;
}

int chain_lay(struct signing *s, const struct chain *c, const struct table *old, struct err *e)
{
	struct group g, next = { 0 };
	size_t run = 0; /* names from here on are not written yet */
	bool more = old != NULL && next_group(old, c, 0, &g);

	for (size_t a = 0, b; more; a = b, g = next) {
		bool due = is_due(s, old, g), alone = run == a;
		uint64_t size;
		int rc;

		more = next_group(old, c, g.end, &next);
		b = more ? c->find(s, table_row(old, next.first)->key, table_row(old, next.first)->key_len)
			 : c->n;
		if (b < a)
			b = a;
		if (alone && !due && is_same(s, c, old, g, a, b)) {
			if (keep(s, old, g, e) != 0)
				return -1;
			run = b;
			continue;
		}
		size = run_size(s, c, run, b);
		if (size < RUN_SMALL && more)
			continue;
		if (!due && s->p->key_count > 0)
			rc = rewrite_group(s, c, old, g, run, b, size, e);
		else
			rc = write_run(s, c, run, b, size, e);
		if (rc != 0)
			return -1;
		run = b;
	}
	return run < c->n ? write_run(s, c, run, c->n, run_size(s, c, run, c->n), e) : 0;
}
