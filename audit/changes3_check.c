/* SPDX-License-Identifier: BSD-3-Clause */
/* changes3_check: names and NSEC3 records of two versions are held against each other. */
#include "audit/changes3_state.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_key(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

	return c != 0 ? c : a->len < b->len ? -1 : a->len > b->len;
}

static void join(struct state *to, const struct state *from)
{
	bool empty = to->empty || from->empty, secure = to->secure || from->secure;

	if (from->name)
		*to = *from;
	to->empty = empty;
	if (!to->name)
		to->secure = secure;
}

/* They come in the order of names, but for empty non-terminals. */
static void sort_entries(struct changes3 *c)
{
	for (size_t i = 1; i < c->entries; i++)
		if (by_key(&c->entry[i - 1], &c->entry[i]) > 0) {
			qsort(c->entry, c->entries, sizeof(*c->entry), by_key);
			return;
		}
}

/* One entry a name; what has data is not empty. */
static void join_all(struct changes3 *c)
{
	size_t n = 0;

	if (c->entries == 0)
		return;
	sort_entries(c);
	for (size_t i = 1; i < c->entries; i++) {
		if (by_key(&c->entry[n], &c->entry[i]) != 0) {
			c->entry[++n] = c->entry[i];
			continue;
		}
		c->entry[n].gap = c->entry[n].gap || c->entry[i].gap;
		join(&c->entry[n].now, &c->entry[i].now);
		join(&c->entry[n].was, &c->entry[i].was);
	}
	c->entries = n + 1;
}

static bool exists(const struct state *s)
{
	return s->name || s->empty;
}

static bool same_state(const struct state *a, const struct state *b)
{
	return exists(a) == exists(b) && a->name == b->name && a->bitmap_len == b->bitmap_len &&
	       (a->bitmap_len == 0 || memcmp(a->bitmap, b->bitmap, a->bitmap_len) == 0);
}

static void hash_entry(struct changes3 *c, struct entry *e)
{
	uint8_t wire[NAME_MAX_OCTETS];
	size_t len;

	if (e->hashed)
		return;
	len = name_from_key(e->key, e->len, wire);
	e->hashed = nsec3_hash(c->ctx, c->sha1, wire, len, c->params, e->hash);
}

static char *entry_text(const struct entry *e, char out[NAME_TEXT_MAX])
{
	uint8_t wire[NAME_MAX_OCTETS];

	name_from_key(e->key, e->len, wire);
	return name_text(wire, out);
}

static int by_entry_hash(const void *x, const void *y)
{
	const struct entry *const *a = x, *const *b = y;

	return memcmp((*a)->hash, (*b)->hash, NSEC3_HASH);
}

/* The entry with the hash, or NULL; all are hashed once this is asked. */
static const struct entry *entry_of(struct changes3 *c, const uint8_t hash[NSEC3_HASH])
{
	size_t low = 0, high = c->entries;

	if (c->by_hash == NULL) {
		c->by_hash = mem_new(c->entries + 1, sizeof(struct entry *));
		for (size_t i = 0; i < c->entries; i++) {
			hash_entry(c, &c->entry[i]);
			c->by_hash[i] = &c->entry[i];
		}
		qsort(c->by_hash, c->entries, sizeof(*c->by_hash), by_entry_hash);
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(c->by_hash[mid]->hash, hash, NSEC3_HASH) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->entries && memcmp(c->by_hash[low]->hash, hash, NSEC3_HASH) == 0 ? c->by_hash[low] : NULL;
}

static int by_record_hash(const void *x, const void *y)
{
	return memcmp(x, y, NSEC3_HASH); /* the hash comes first */
}

static const struct record *record_of(const struct changes3 *c, const uint8_t hash[NSEC3_HASH])
{
	return c->records == 0 ? NULL : bsearch(hash, c->record, c->records, sizeof(*c->record), by_record_hash);
}

/* ---- what must be, and what must not ---- */

static bool same_bitmap(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool has_optout(const struct audit *a)
{
	bool seen = a->facts->optout > 0 || a->past->last.all_optout;

	return a->limits.denial == LIMITS_OPTOUT || (a->limits.denial == LIMITS_DENIAL_ANY && seen);
}

/* Opt-out may hide insecure delegations and what is there because of them alone. */
static bool must_be_there(const struct audit *a, const struct state *s)
{
	return exists(s) && (!has_optout(a) || s->secure);
}

/* A name that is new, or had no record and needs one now. */
static void report_missing(struct audit *a, const struct entry *e)
{
	char text[NAME_TEXT_MAX];

	entry_text(e, text);
	if (must_be_there(a, &e->now))
		report_add(a->report, e->now.delegation && changes_all_optout(a) ? NSEC3_SECURE : NSEC3_MISSING, 0, "%s", text);
	else if (!changes_all_optout(a))
		report_add(a->report, NSEC3_NO_OPTOUT, 0, "%s: not every span has it", text);
}

/* A name whose state is another: its record must be, too. */
static void check_entry(struct audit *a, struct changes3 *c, struct entry *e)
{
	const struct record *r;
	char text[NAME_TEXT_MAX];

	hash_entry(c, e);
	r = record_of(c, e->hash);
	/* Opt-out could do without its record: where there are such, it may stand among those that both versions have. */
	if (r == NULL && exists(&e->was) && !must_be_there(a, &e->was) && !a->past->last.lean) {
		report_add(a->report, NSEC3_BITMAP, 0, "%s: it may be as it was", entry_text(e, text));
		return;
	}
	if (exists(&e->now)) {
		if (r == NULL && must_be_there(a, &e->was))
			report_add(a->report, NSEC3_BITMAP, 0, "%s: it is as it was", entry_text(e, text));
		else if (r == NULL || !r->there)
			report_missing(a, e);
		else if (!same_bitmap(r->bitmap, r->bitmap_len, e->now.bitmap, e->now.bitmap_len))
			report_add(a->report, NSEC3_BITMAP, r->at, "%s", entry_text(e, text));
	} else if ((r != NULL && r->there) || ((r == NULL || !r->before) && must_be_there(a, &e->was))) {
		report_add(a->report, NSEC3_NOTHING, r != NULL ? r->at : 0, "%s is gone, its NSEC3 is not",
			   entry_text(e, text));
	}
}

/* No name below is left out. */
static bool below_is_known(const struct changes3 *c, const struct entry *e)
{
	const struct entry *end = c->entry + c->entries, *x = e + 1;

	while (x < end && !x->gap && name_at_or_below(x->key, x->len, e->key, e->len))
		x++;
	return x < end ? !x->gap : c->end;
}

/* A record may go if its name does, or if opt-out takes in all that was below an empty non-terminal. */
static bool may_go(const struct audit *a, const struct changes3 *c, const struct entry *e)
{
	return e != NULL && !must_be_there(a, &e->now) && (!exists(&e->now) || e->now.name || below_is_known(c, e));
}

/* A record that is another: a name of those must be the reason. */
static void check_record(struct audit *a, struct changes3 *c, const struct record *r)
{
	const struct entry *e;
	char hash[40] = "", text[NAME_TEXT_MAX];
	bool same = r->there && r->before && same_bitmap(r->bitmap, r->bitmap_len, r->bitmap_before, r->bitmap_before_len);

	if (same || (!r->there && !r->before))
		return;
	e = entry_of(c, r->hash);
	ldns_b32_ntop_extended_hex(r->hash, NSEC3_HASH, hash, sizeof(hash));
	if (r->there && e == NULL)
		report_add(a->report, r->before ? NSEC3_BITMAP : NSEC3_NOTHING, r->at, "%s.%s", hash, a->zone_text);
	else if (r->there && !exists(&e->now))
		report_add(a->report, NSEC3_NOTHING, r->at, "%s.%s", hash, a->zone_text);
	else if (r->there && !same_bitmap(r->bitmap, r->bitmap_len, e->now.bitmap, e->now.bitmap_len))
		report_add(a->report, NSEC3_BITMAP, r->at, "%s", entry_text(e, text));
	else if (!r->there && !may_go(a, c, e))
		report_add(a->report, e != NULL && e->now.delegation && changes_all_optout(a) ? NSEC3_SECURE : NSEC3_MISSING, r->at,
			   "%s.%s: it is gone, the name is not", hash, a->zone_text);
}

static bool begins(const struct changes3 *c, const uint8_t hash[NSEC3_HASH])
{
	for (size_t i = 0; i < c->starts; i++)
		if (memcmp(c->start[i], hash, NSEC3_HASH) == 0)
			return true;
	return false;
}

static void check_chain(struct audit *a, struct changes3 *c, bool closed)
{
	const struct record *first = NULL, *last = NULL;
	char from[40] = "", to[40] = "";

	for (size_t i = 0; i <= c->records; i++) {
		const struct record *r = i < c->records ? &c->record[i] : first;
		bool end = i == c->records;

		if (r == NULL || (!end && !r->there))
			continue;
		if (last != NULL && (end ? closed : !begins(c, r->hash)) && memcmp(last->next, r->hash, NSEC3_HASH) != 0) {
			ldns_b32_ntop_extended_hex(last->hash, NSEC3_HASH, from, sizeof(from));
			ldns_b32_ntop_extended_hex(r->hash, NSEC3_HASH, to, sizeof(to));
			report_add(a->report, NSEC3_CHAIN, last->at, "%s: does not lead to %s", from, to);
		}
		first = first == NULL ? r : first;
		last = r;
	}
}

/*
 * What a span with the flag covered, one without it covers now: there may be an insecure delegation, which is known where all
 * spans had it.
 */
static void check_spans(struct audit *a, const struct changes3 *c, bool closed)
{
	const struct record *was = NULL, *now = NULL; /* the spans that the place is in */
	char hash[40] = "";

	for (size_t i = c->records; closed && i > 0 && (was == NULL || now == NULL); i--) {
		was = was == NULL && c->record[i - 1].before ? &c->record[i - 1] : was;
		now = now == NULL && c->record[i - 1].there ? &c->record[i - 1] : now;
	}
	for (size_t i = 0; i < c->records; i++) {
		const struct record *r = &c->record[i];

		if (begins(c, r->hash))
			was = now = NULL;
		was = r->before ? r : was;
		now = r->there ? r : now;
		if (was == NULL || now == NULL || (was->flags_before & 1) == 0 || (now->flags & 1) != 0)
			continue;
		ldns_b32_ntop_extended_hex(now->hash, NSEC3_HASH, hash, sizeof(hash));
		report_add(a->report, NSEC3_NO_OPTOUT, now->at, "%s.%s: a span lacks it that had it", hash, a->zone_text);
	}
}

/* A name that opt-out may leave out, here or elsewhere, and whose record came or changed: of all others the version before
 * tells. */
static bool kept_though_insecure(struct changes3 *c, struct entry *e)
{
	const struct record *r;

	if (!exists(&e->now) || e->now.secure || c->records == 0)
		return false;
	hash_entry(c, e);
	r = record_of(c, e->hash);
	return r != NULL && r->there;
}

void changes3_end(struct audit *a, struct changes3 *c, bool closed, bool end)
{
	c->end = end && !c->gap;
	join_all(c);
	if (c->records > 0)
		qsort(c->record, c->records, sizeof(*c->record), by_record_hash);
	for (size_t i = 0; i < c->entries; i++) {
		struct entry *e = &c->entry[i];

		a->insecure_hashed |= kept_though_insecure(c, e);
		if (!same_state(&e->now, &e->was) || (must_be_there(a, &e->now) && !must_be_there(a, &e->was)))
			check_entry(a, c, e);
	}
	for (size_t i = 0; i < c->records; i++)
		check_record(a, c, &c->record[i]);
	check_chain(a, c, closed);
	if (has_optout(a))
		check_spans(a, c, closed);
}
