/* SPDX-License-Identifier: BSD-3-Clause */
/* nsec3_compare: names and NSEC3 records side by side in the order of hashes. */
#include "audit/nsec3_state.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

/* The NSEC3 before the place where the comparison is. */
struct span {
	bool there;
	uint8_t hash[NSEC3_HASH], next[NSEC3_HASH], flags;
	uint64_t at;
};

struct comparison {
	struct audit *a;
	struct span first, last;
	bool first_uncovered; /* a name before the first NSEC3: the last one covers it */
	char uncovered[NAME_TEXT_MAX];
	uint16_t uncovered_kind;
	uint64_t uncovered_more;
	uint8_t name_hash[NSEC3_HASH];
	bool name_there;
};

static char *hash_text(const uint8_t hash[NSEC3_HASH], char out[40])
{
	if (ldns_b32_ntop_extended_hex(hash, NSEC3_HASH, out, 40) < 0)
		out[0] = '\0';
	return out;
}

static char *name_of(const struct rec *r, char out[NAME_TEXT_MAX])
{
	uint8_t wire[NAME_MAX_OCTETS];

	name_from_key(rec_rdata(r), r->ttl, wire);
	return name_text(wire, out);
}

/* A name without NSEC3, and the span that covers its hash. */
static void uncovered(struct comparison *c, const char *name, uint16_t kind, const struct span *span)
{
	struct report *report = c->a->report;
	bool optout = span->there && (span->flags & 1) != 0;

	if ((kind & NAME_INSECURE) != 0) {
		if (optout)
			return;
		report_add(report, (c->a->nsec3->flags_seen & 1) != 0 ? NSEC3_NO_OPTOUT : NSEC3_MISSING, 0,
			   "%s", name);
	} else if ((kind & NAME_SECURE) != 0 && optout) {
		report_add(report, NSEC3_SECURE, 0, "%s", name);
	} else {
		report_add(report, NSEC3_MISSING, 0, "%s", name);
	}
}

static void name_only(struct comparison *c, const struct rec *r)
{
	char name[NAME_TEXT_MAX];

	name_of(r, name);
	if (c->last.there)
		uncovered(c, name, r->type, &c->last);
	else if (c->uncovered_more++ == 0 || (c->uncovered_kind & NAME_INSECURE) != 0) {
		/* Of those before the first NSEC3 one that has to be there stands for all. */
		snprintf(c->uncovered, sizeof(c->uncovered), "%s", name);
		c->uncovered_kind = r->type;
	}
}

/* The chain leads from the record before to this one. */
static void take_record(struct comparison *c, const struct rec *r)
{
	const uint8_t *data = rec_rdata(r);
	struct span s = { .there = true, .flags = data[0], .at = r->ttl };
	char from[40], to[40], here[40];

	memcpy(s.hash, r->octets, NSEC3_HASH);
	memcpy(s.next, data + 1, NSEC3_HASH);
	if (!c->first.there)
		c->first = s;
	else if (memcmp(c->last.hash, s.hash, NSEC3_HASH) == 0)
		report_add(c->a->report, NSEC3_FIELDS, s.at, "%s: twice", hash_text(s.hash, here));
	else if (memcmp(c->last.next, s.hash, NSEC3_HASH) != 0)
		report_add(c->a->report, NSEC3_CHAIN, c->last.at, "%s: leads to %s, not to %s",
			   hash_text(c->last.hash, from), hash_text(c->last.next, to),
			   hash_text(s.hash, here));
	c->last = s;
}

static void match(struct comparison *c, const struct rec *name, const struct rec *r)
{
	const uint8_t *want = rec_rdata(name) + name->ttl, *got = rec_rdata(r) + 1 + NSEC3_HASH;
	size_t want_len = name->rdlen - name->ttl, got_len = r->rdlen - 1u - NSEC3_HASH;
	char text[NAME_TEXT_MAX];

	c->a->insecure_hashed |= (name->type & NAME_INSECURE) != 0;
	if (want_len != got_len || memcmp(want, got, want_len) != 0)
		report_add(c->a->report, NSEC3_BITMAP, r->ttl, "%s", name_of(name, text));
}

static void check_collision(struct comparison *c, const struct rec *name)
{
	char text[NAME_TEXT_MAX];

	if (c->name_there && memcmp(c->name_hash, name->octets, NSEC3_HASH) == 0)
		report_add(c->a->report, NSEC3_COLLISION, 0, "%s", name_of(name, text));
	memcpy(c->name_hash, name->octets, NSEC3_HASH);
	c->name_there = true;
}

static void close_chain(struct comparison *c)
{
	char from[40], to[40];

	if (!c->first.there)
		return;
	if (memcmp(c->last.next, c->first.hash, NSEC3_HASH) != 0)
		report_add(c->a->report, NSEC3_CHAIN, c->last.at,
			   "%s: the last one leads to %s, not to the first", hash_text(c->last.hash, from),
			   hash_text(c->last.next, to));
	if (c->uncovered_more > 0)
		uncovered(c, c->uncovered, c->uncovered_kind, &c->last);
}

int nsec3_compare(struct audit *a, struct err *e)
{
	struct comparison c = { .a = a };
	const struct rec *name, *r;
	char text[40];

	if (sorter_next(a->nsec3->names, &name, e) != 0 || sorter_next(a->nsec3->records, &r, e) != 0)
		return -1;
	while (name != NULL || r != NULL) {
		int order = name == NULL ? 1 : r == NULL ? -1 : memcmp(name->octets, r->octets, NSEC3_HASH);

		if (order <= 0)
			check_collision(&c, name);
		if (order < 0) {
			/* The other name of a collision has no NSEC3 of its own, but the one that was there.
			 */
			if (!c.last.there || memcmp(c.last.hash, name->octets, NSEC3_HASH) != 0)
				name_only(&c, name);
		} else {
			take_record(&c, r);
			if (order == 0)
				match(&c, name, r);
			else if (!c.name_there || memcmp(c.name_hash, r->octets, NSEC3_HASH) != 0)
				report_add(a->report, NSEC3_NOTHING, r->ttl, "%s.%s",
					   hash_text(r->octets, text), a->zone_text);
		}
		if (order <= 0 && sorter_next(a->nsec3->names, &name, e) != 0)
			return -1;
		if (order >= 0 && sorter_next(a->nsec3->records, &r, e) != 0)
			return -1;
	}
	close_chain(&c);
	return 0;
}
