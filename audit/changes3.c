/* SPDX-License-Identifier: BSD-3-Clause */
/* changes3: names and NSEC3 records of two versions, as they come. */
#include "audit/changes3_state.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

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
	s->delegation = ds;
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
	e->gap = c->gap;
	c->gap = false;
	add_above(a, c, now->key, now->key_len, &is, &before);
}

void changes3_gap(struct changes3 *c)
{
	c->gap = true;
}

/* ---- records ---- */

static bool is_chain(const struct changes3 *c, const uint8_t *rdata, size_t len)
{
	return len >= 5u + c->params->octets[3] && rdata[0] == c->params->octets[0] &&
	       memcmp(rdata + 2, c->params->octets + 1, c->params->len - 1) == 0;
}

/* Of a record of the chain. */
static bool has_next(const uint8_t *rdata, size_t len)
{
	const size_t fixed = 5u + rdata[4];

	return fixed + 1 + NSEC3_HASH <= len && rdata[fixed] == NSEC3_HASH;
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

/* The one record that the chain has here; NULL: none of its kind, which is said. */
static const struct rec *one_of(struct audit *a, const struct changes3 *c, const struct owner *o)
{
	const struct rrset set = rrset_of(&o->zone, TYPE_NSEC3);
	const struct rec *r = set.n > 0 ? set.rec[0] : NULL;
	char text[LABEL_MAX];

	if (r == NULL)
		return NULL;
	owner_text(o, -1, text);
	if (set.n > 1)
		report_add(a->report, NSEC3_FIELDS, o->at, "%s: twice", text);
	if (!is_chain(c, rec_rdata(r), r->rdlen)) {
		report_add(a->report, NSEC3_FIELDS, o->at, "%s: other parameters than the chain", text);
		return NULL;
	}
	check_flags(a, o, rec_rdata(r));
	if (!has_next(rec_rdata(r), r->rdlen)) {
		report_add(a->report, NSEC3_CHAIN, o->at, "%s: no next hash of 20 octets", text);
		return NULL;
	}
	return r;
}

void changes3_records(struct audit *a, struct changes3 *c, const struct owner *now, const struct owner *was)
{
	const struct rrset before = rrset_of(&was->zone, TYPE_NSEC3);
	const struct rec *is;
	const uint8_t *next;
	uint8_t hash[NSEC3_HASH];
	char text[LABEL_MAX];
	struct record *r;

	if (!nsec3_owner(a, now, hash)) {
		report_add(a->report, NSEC3_NOTHING, now->at, "%s: the owner is no hash below the apex",
			   owner_text(now, -1, text));
		return;
	}
	is = one_of(a, c, now);
	r = record_new(c, hash, now->at);
	if (is != NULL) {
		r->there = true;
		r->flags = rec_rdata(is)[1];
		r->bitmap = bitmap_of(c, is, &next, &r->bitmap_len);
		memcpy(r->next, next, NSEC3_HASH);
	}
	if (before.n == 1 && is_chain(c, rec_rdata(before.rec[0]), before.rec[0]->rdlen) &&
	    has_next(rec_rdata(before.rec[0]), before.rec[0]->rdlen)) {
		r->before = true;
		r->flags_before = rec_rdata(before.rec[0])[1];
		r->bitmap_before = bitmap_of(c, before.rec[0], &next, &r->bitmap_before_len);
	}
}
