/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_verdict: whether a record may be in the zone, by itself; and the DS that take the place of the input's. */
#include "zone/zone_build.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

int zone_build_outside(const struct zone_build *b, uint32_t line, struct err *e)
{
	char name[DNAME_TEXT_MAX], apex[DNAME_TEXT_MAX];

	return place_err(e, ERR_REFUSED, zone_build_place(b, line), "%s is outside the zone %s", dname_to_text(b->owner, name),
			 dname_to_text(b->z->apex, apex));
}

/* 0: keep it, 1: leave it out, -1: refuse */
static int soa_check(struct zone_build *b, const struct rr *rr, uint32_t line, struct err *e)
{
	char name[DNAME_TEXT_MAX];

	if (b->key_len != 0)
		return place_err(e, ERR_REFUSED, zone_build_place(b, line), "SOA at %s, which is not the apex of the zone",
				 dname_to_text(b->owner, name));
	if (!b->soa_seen)
		return 0;
	if (b->soa_twice && b->z->soa.rdlen == rr->rdlen && memcmp(b->z->soa.rdata, rr->rdata, rr->rdlen) == 0)
		return 1;
	return place_err(e, ERR_REFUSED, zone_build_place(b, line), "second SOA; a zone has one (RFC 1035 section 5.2)");
}

int zone_build_too_many(const struct zone_build *b, uint32_t line, struct err *e)
{
	return place_err(e, ERR_LIMIT, zone_build_place(b, line), "more than %zu records", b->limits.max_records);
}

/* ---- DS that are given ---- */

static const struct zone_given *find_given(const struct zone_build *b)
{
	size_t low = 0, high = b->limits.given_count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int order = dname_cmp(b->limits.given[mid].owner, b->owner);

		if (order == 0)
			return &b->limits.given[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* 0: keep it, 1: another DS takes its place */
static int given_check(struct zone_build *b, uint16_t type)
{
	const struct zone_given *given = find_given(b);

	if (given == NULL)
		return 0;
	if (type == TYPE_NS)
		b->given_cut[given - b->limits.given] = true;
	return type == TYPE_DS;
}

int zone_build_put_given(struct zone_build *b, struct err *e)
{
	bool *cut = b->given_cut;
	int rc = cut == NULL ? 0 : zone_build_file(b, NULL, e);

	b->given_cut = NULL; /* these are to stay */
	for (size_t i = 0; cut != NULL && i < b->limits.given_count && rc == 0; i++) {
		const struct zone_given *given = &b->limits.given[i];

		if (!cut[i])
			continue;
		zone_build_owner(b, given->owner, dname_len(given->owner));
		for (size_t r = 0; r < given->n && rc == 0; r++)
			rc = zone_build_add(b, &given->rr[r], 0, e);
	}
	free(cut);
	return rc;
}

int zone_build_verdict(struct zone_build *b, uint16_t type, uint32_t ttl, size_t rdlen, uint32_t line, struct err *e)
{
	struct rr rr = { .rdata = b->at + sizeof(struct entry_rr), .type = type, .ttl = ttl, .rdlen = (uint16_t)rdlen };
	char name[DNAME_TEXT_MAX], word[16];
	int verdict;

	if (!b->within)
		return zone_build_outside(b, line, e);
	if (b->left == 0)
		return zone_build_too_many(b, line, e);
	if (ttl > b->ttl_most)
		return place_err(e, ERR_LIMIT, zone_build_place(b, line), "TTL %u of %s %s is above the largest allowed, %u", ttl,
				 dname_to_text(b->owner, name), rr_type_text(type, word), b->limits.max_ttl_s);
	if (type != TYPE_SOA)
		return b->given_cut != NULL && (type == TYPE_NS || type == TYPE_DS) ? given_check(b, type) : 0;
	if ((verdict = soa_check(b, &rr, line, e)) != 0)
		return verdict;
	b->z->soa = rr;
	b->z->soa.owner = arena_dup(b->z->arena, b->owner, b->owner_len);
	b->z->soa.rdata = arena_dup(b->z->arena, rr.rdata, rdlen);
	b->soa_seen = true;
	return 0;
}
