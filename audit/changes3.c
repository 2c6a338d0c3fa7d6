/* SPDX-License-Identifier: BSD-3-Clause */
/* changes3: names and NSEC3 records of two versions, put in order, then held against each other. */
#include "audit/changes.h"
#include "audit/changes3.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

/* A name or an empty non-terminal; insecure: nothing but insecure delegations at it and below it. */
struct state {
	bool name, empty, secure;
	const uint8_t *bitmap;
	size_t bitmap_len;
};

struct entry {
	const uint8_t *key;
	size_t len;
	struct state now, was;
	bool hashed;
	uint8_t hash[NSEC3_HASH];
};

struct record {
	uint8_t hash[NSEC3_HASH], next[NSEC3_HASH];
	bool there, before;
	uint8_t flags, flags_before;
	const uint8_t *bitmap, *bitmap_before;
	size_t bitmap_len, bitmap_before_len;
	uint64_t at;
};

struct changes3 {
	const struct chain_params *params;
	struct arena *arena;
	EVP_MD_CTX *ctx;
	EVP_MD *sha1;
	struct entry *entry;
	size_t entries, entry_cap;
	struct record *record;
	size_t records, record_cap;
	uint8_t (*start)[NSEC3_HASH];
	size_t starts;
	const struct entry **by_hash; /* NULL: nobody has asked yet */
};

struct changes3 *changes3_new(const struct chain_params *params)
{
	struct changes3 *c = mem_new(1, sizeof(*c));

	c->params = params;
	c->arena = arena_new();
	c->ctx = EVP_MD_CTX_new();
	c->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	return c;
}

void changes3_free(struct changes3 *c)
{
	if (c == NULL)
		return;
	arena_free(c->arena);
	EVP_MD_CTX_free(c->ctx);
	EVP_MD_free(c->sha1);
	free(c->entry);
	free(c->record);
	free(c->start);
	free(c->by_hash);
	free(c);
}

void changes3_start(struct changes3 *c, const uint8_t hash[NSEC3_HASH])
{
	c->start = mem_grow(c->start, c->starts + 1, sizeof(*c->start));
	memcpy(c->start[c->starts++], hash, NSEC3_HASH);
}

/* ---- names ---- */

static struct entry *entry_add(struct changes3 *c, const uint8_t *key, size_t len)
{
	if (c->entries == c->entry_cap) {
		c->entry_cap = c->entry_cap != 0 ? 2 * c->entry_cap : 1024;
		c->entry = mem_grow(c->entry, c->entry_cap, sizeof(*c->entry));
	}
	c->entry[c->entries] = (struct entry){ .key = arena_dup(c->arena, key, len), .len = len };
	return &c->entry[c->entries++];
}

static void state_of(struct changes3 *c, const struct owner *o, struct state *s)
{
	bool ns = o->place == PLACE_CUT, ds = ns && rrset_of(&o->zone, TYPE_DS).n > 0;
	uint8_t bitmap[BITMAP_MAX];

	*s = (struct state){ .name = has_denial_data(o) };
	if (!s->name)
		return;
	s->secure = !ns || ds;
	s->bitmap_len = bitmap_make(o, bitmap);
	s->bitmap = arena_dup(c->arena, bitmap, s->bitmap_len);
}

/* The names between a name and the apex are there because of it. */
static void add_above(const struct audit *a, struct changes3 *c, const uint8_t *key, size_t len, const struct state *now,
		      const struct state *was)
{
	uint8_t above[NAME_KEY_MAX];

	memcpy(above, key, len);
	for (size_t at = a->zone_key_len - 1; at + 1 < len;) {
		struct entry *e;

		while (key[at] != 0)
			at++;
		if (++at + 1 >= len)
			break;
		above[at] = 0;
		e = entry_add(c, above, at + 1);
		e->now = (struct state){ .empty = now->name, .secure = now->secure };
		e->was = (struct state){ .empty = was->name, .secure = was->secure };
		above[at] = key[at];
	}
}

void changes3_name(struct audit *a, struct changes3 *c, const struct owner *now, const struct owner *was)
{
	struct state is, before;
	struct entry *e;

	state_of(c, now, &is);
	state_of(c, was, &before);
	if (!is.name && !before.name)
		return;
	e = entry_add(c, now->key, now->key_len);
	e->now = is;
	e->was = before;
	add_above(a, c, now->key, now->key_len, &is, &before);
}

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

/* One entry a name; what has data is not empty. */
static void join_all(struct changes3 *c)
{
	size_t n = 0;

	if (c->entries == 0)
		return;
	qsort(c->entry, c->entries, sizeof(*c->entry), by_key);
	for (size_t i = 1; i < c->entries; i++) {
		if (by_key(&c->entry[n], &c->entry[i]) != 0) {
			c->entry[++n] = c->entry[i];
			continue;
		}
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

/* ---- records ---- */

static bool is_chain(const struct changes3 *c, const uint8_t *rdata, size_t len)
{
	size_t fixed = len >= 5 ? 5u + rdata[4] : len;

	return fixed + 1 + NSEC3_HASH <= len && rdata[0] == c->params->octets[0] &&
	       memcmp(rdata + 2, c->params->octets + 1, c->params->len - 1) == 0 && rdata[fixed] == NSEC3_HASH;
}

static struct record *record_new(struct changes3 *c, const uint8_t hash[NSEC3_HASH], uint64_t at)
{
	if (c->records == c->record_cap) {
		c->record_cap = c->record_cap != 0 ? 2 * c->record_cap : 1024;
		c->record = mem_grow(c->record, c->record_cap, sizeof(*c->record));
	}
	c->record[c->records] = (struct record){ .at = at };
	memcpy(c->record[c->records].hash, hash, NSEC3_HASH);
	return &c->record[c->records++];
}

static const uint8_t *bitmap_of(struct changes3 *c, const struct rec *r, const uint8_t **next, size_t *len)
{
	const uint8_t *rdata = rec_rdata(r);

	*next = rdata + 6 + rdata[4];
	*len = r->rdlen - 6u - rdata[4] - NSEC3_HASH;
	return arena_dup(c->arena, *next + NSEC3_HASH, *len);
}

static void check_flags(struct audit *a, const struct owner *o, const uint8_t *rdata)
{
	char text[LABEL_MAX];

	owner_text(o, -1, text);
	if ((rdata[1] & ~1) != 0)
		report_add(a->report, NSEC3_FIELDS, o->at, "%s: flags %u", text, rdata[1]);
	if ((rdata[1] & 1) != 0 && (a->limits.denial == LIMITS_NSEC3 || a->limits.denial == LIMITS_NSEC))
		report_add(a->report, NSEC3_OPTOUT, o->at, "%s", text);
}

void changes3_records(struct audit *a, struct changes3 *c, const struct owner *now, const struct owner *was)
{
	struct rrset is = rrset_of(&now->zone, TYPE_NSEC3), before = rrset_of(&was->zone, TYPE_NSEC3);
	const uint8_t *next;
	uint8_t hash[NSEC3_HASH];
	char text[LABEL_MAX];
	struct record *r;

	if (!nsec3_owner(a, now, hash)) {
		report_add(a->report, NSEC3_NOTHING, now->at, "%s: the owner is no hash below the apex",
			   owner_text(now, -1, text));
		return;
	}
	if (is.n > 1 || (is.n == 1 && !is_chain(c, rec_rdata(is.rec[0]), is.rec[0]->rdlen))) {
		report_add(a->report, NSEC3_FIELDS, now->at, "%s: twice, or not as the NSEC3PARAM", owner_text(now, -1, text));
		return;
	}
	r = record_new(c, hash, now->at);
	if (is.n == 1) {
		r->there = true;
		r->flags = rec_rdata(is.rec[0])[1];
		r->bitmap = bitmap_of(c, is.rec[0], &next, &r->bitmap_len);
		memcpy(r->next, next, NSEC3_HASH);
		check_flags(a, now, rec_rdata(is.rec[0]));
	}
	if (before.n == 1 && is_chain(c, rec_rdata(before.rec[0]), before.rec[0]->rdlen)) {
		r->before = true;
		r->flags_before = rec_rdata(before.rec[0])[1];
		r->bitmap_before = bitmap_of(c, before.rec[0], &next, &r->bitmap_before_len);
	}
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
	return a->limits.denial == LIMITS_OPTOUT || a->limits.denial == LIMITS_DENIAL_ANY;
}

/* A name whose state is another: its record must be, too. */
static void check_entry(struct audit *a, struct changes3 *c, struct entry *e)
{
	bool optout = has_optout(a);
	const struct record *r;
	char text[NAME_TEXT_MAX];

	hash_entry(c, e);
	r = record_of(c, e->hash);
	if (exists(&e->now)) {
		if (r == NULL || !r->there) {
			if (!optout || (e->now.name && e->now.secure))
				report_add(a->report, NSEC3_MISSING, 0, "%s", entry_text(e, text));
			else if (!changes_all_optout(a))
				report_add(a->report, NSEC3_NO_OPTOUT, 0, "%s: not every span has it", entry_text(e, text));
		} else if (!same_bitmap(r->bitmap, r->bitmap_len, e->now.bitmap, e->now.bitmap_len)) {
			report_add(a->report, NSEC3_BITMAP, r->at, "%s", entry_text(e, text));
		}
		return;
	}
	if ((r != NULL && r->there) || ((r == NULL || !r->before) && (!optout || (e->was.name && e->was.secure))))
		report_add(a->report, NSEC3_NOTHING, r != NULL ? r->at : 0, "%s is gone, its NSEC3 is not",
			   entry_text(e, text));
}

/* A record that is another: a name of those must be the reason. */
static void check_record(struct audit *a, struct changes3 *c, const struct record *r)
{
	const struct entry *e;
	char hash[40] = "", text[NAME_TEXT_MAX];

	if (r->there && r->before && r->flags == r->flags_before &&
	    same_bitmap(r->bitmap, r->bitmap_len, r->bitmap_before, r->bitmap_before_len))
		return;
	if (!r->there && !r->before)
		return;
	e = entry_of(c, r->hash);
	ldns_b32_ntop_extended_hex(r->hash, NSEC3_HASH, hash, sizeof(hash));
	if (r->there && (e == NULL || !exists(&e->now)))
		report_add(a->report, NSEC3_NOTHING, r->at, "%s.%s", hash, a->zone_text);
	else if (r->there && !same_bitmap(r->bitmap, r->bitmap_len, e->now.bitmap, e->now.bitmap_len))
		report_add(a->report, NSEC3_BITMAP, r->at, "%s", entry_text(e, text));
	else if (!r->there && (e == NULL || (exists(&e->now) && e->now.secure)))
		report_add(a->report, NSEC3_MISSING, r->at, "%s.%s: it is gone, the name is not", hash, a->zone_text);
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

void changes3_end(struct audit *a, struct changes3 *c, bool closed)
{
	join_all(c);
	if (c->records > 0)
		qsort(c->record, c->records, sizeof(*c->record), by_record_hash);
	for (size_t i = 0; i < c->entries; i++)
		if (!same_state(&c->entry[i].now, &c->entry[i].was))
			check_entry(a, c, &c->entry[i]);
	for (size_t i = 0; i < c->records; i++)
		check_record(a, c, &c->record[i]);
	check_chain(a, c, closed);
	if (has_optout(a) && a->past->last.all_optout && !changes_all_optout(a))
		report_add(a->report, NSEC3_NO_OPTOUT, 0, "%s: a span lacks it that all others have", a->zone_text);
}
