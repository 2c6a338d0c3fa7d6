/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_build: collects records, brings them into canonical order and takes duplicates out. */
#include "zone/zone_build.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define NOTICES_MAX 10 /* of one kind */

int place_err(struct err *e, enum err_code code, struct place place, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (place.file == NULL)
		return err_set(e, code, "%s", text);
	return err_set(e, code, "%s:%u: %s", place.file, place.line, text);
}

struct zone_build *zone_build_new(const uint8_t *apex, const struct zone_limits *limits)
{
	struct arena *arena = arena_new();
	struct zone_build *b = mem_new(1, sizeof(*b));
	uint8_t key[DNAME_KEY_MAX];

	b->z = arena_alloc(arena, 1, sizeof(*b->z));
	b->z->arena = arena;
	b->apex_len = dname_len(apex);
	memcpy(b->z->apex, apex, b->apex_len);
	b->apex_key_len = dname_key(apex, key);
	b->limits = *limits;
	b->scratch = arena_new();
	b->sorted = true;
	return b;
}

void zone_build_free(struct zone_build *b)
{
	if (b == NULL)
		return;
	zone_free(b->z);
	arena_free(b->scratch);
	free(b->rrs);
	free(b);
}

void zone_build_notice(struct zone_build *b, enum notice kind, const char *fmt, ...)
{
	struct zone *z = b->z;
	char text[768];
	va_list ap;

	if (b->more_notices[kind]++ >= NOTICES_MAX)
		return;
	if (z->notices == NULL) /* room for all, and for one sentence about the rest of each kind */
		z->notices = arena_alloc(z->arena, NOTICE_KINDS * (NOTICES_MAX + 1u), sizeof(*z->notices));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	z->notices[z->notice_count++] = arena_strdup(z->arena, text);
}

static void notice_the_rest(struct zone_build *b)
{
	static const char *const words[NOTICE_KINDS] = {
		[NOTICE_DROPPED] = "DNSSEC records left out",
		[NOTICE_TTL] = "RRsets with several TTLs",
		[NOTICE_DUPLICATE] = "records that stand there twice",
		[NOTICE_LARGE] = "large RRsets",
		[NOTICE_TYPES] = "owners with many types",
		[NOTICE_OCCLUDED] = "occluded RRsets",
		[NOTICE_APEX] = "things missing at the apex",
	};

	for (int kind = 0; kind < NOTICE_KINDS; kind++) {
		if (b->more_notices[kind] > NOTICES_MAX)
			b->z->notices[b->z->notice_count++] =
				arena_printf(b->z->arena, "and %zu more: %s",
					     b->more_notices[kind] - NOTICES_MAX, words[kind]);
	}
}

static int head_cmp(const struct build_rr *a, const struct build_rr *b)
{
	size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
	int d;

	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	if (a->key == b->key)
		return 0;
	d = memcmp(a->key, b->key, len);
	return d != 0 ? d : (int)a->key_len - (int)b->key_len;
}

/* rr_cmp, with the owners compared by their keys. */
static int build_cmp(const struct build_rr *a, const struct build_rr *b)
{
	int d = head_cmp(a, b);

	if (d != 0)
		return d;
	if (a->rr.type != b->rr.type)
		return a->rr.type < b->rr.type ? -1 : 1;
	return rdata_cmp(a->rr.type, a->rr.rdata, a->rr.rdlen, b->rr.rdata, b->rr.rdlen);
}

static int sort_cmp(const void *left, const void *right)
{
	const struct build_rr *a = left, *b = right;
	int d = build_cmp(a, b);

	return d != 0 ? d : a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Owner and key, shared with the record before where the owner is the same. */
static void set_owner(struct zone_build *b, struct build_rr *to, const uint8_t *owner)
{
	const struct build_rr *last = b->n > 0 ? &b->rrs[b->n - 1] : NULL;
	size_t len = dname_len(owner);
	uint8_t key[DNAME_KEY_MAX], first[8] = { 0 };
	size_t key_len;

	if (last != NULL && dname_len(last->rr.owner) == len && memcmp(last->rr.owner, owner, len) == 0) {
		to->rr.owner = last->rr.owner;
		to->key = last->key;
		to->key_len = last->key_len;
		to->head = last->head;
		return;
	}
	to->rr.owner = memcpy(arena_bytes(b->z->arena, len), owner, len);
	key_len = dname_key(owner, key) - b->apex_key_len;
	to->key = memcpy(arena_bytes(b->scratch, key_len), key + b->apex_key_len, key_len);
	to->key_len = (uint16_t)key_len;
	memcpy(first, to->key, key_len < 8 ? key_len : 8);
	to->head = 0;
	for (int i = 0; i < 8; i++)
		to->head = to->head << 8 | first[i];
}

/* 0: keep it, 1: leave it out, -1: refuse */
static int soa_check(struct zone_build *b, const struct rr *rr, struct place place, struct err *e)
{
	char name[DNAME_TEXT_MAX];

	if (!dname_equal(rr->owner, b->z->apex))
		return place_err(e, ERR_REFUSED, place, "SOA at %s, which is not the apex of the zone",
				 dname_to_text(rr->owner, name));
	if (!b->soa_seen)
		return 0;
	if (b->soa_twice && b->soa.rdlen == rr->rdlen && memcmp(b->soa.rdata, rr->rdata, rr->rdlen) == 0)
		return 1;
	return place_err(e, ERR_REFUSED, place, "second SOA; a zone has one (RFC 1035 section 5.2)");
}

/* 0: keep it, 1: leave it out, -1: refuse */
static int admit(struct zone_build *b, const struct rr *rr, struct place place, struct err *e)
{
	char name[DNAME_TEXT_MAX], apex[DNAME_TEXT_MAX], type[16];

	if (!dname_is_within(rr->owner, b->z->apex))
		return place_err(e, ERR_REFUSED, place, "%s is outside the zone %s",
				 dname_to_text(rr->owner, name), dname_to_text(b->z->apex, apex));
	if (rr_type_is_meta(rr->type))
		return place_err(e, ERR_REFUSED, place,
				 "type %s has no place in a zone (RFC 6895 section 3.1)",
				 rr_type_text(rr->type, type));
	if (rr_type_is_signing(rr->type)) {
		b->z->dropped++;
		return 1;
	}
	if (b->limits.max_ttl_s != 0 && rr->ttl > b->limits.max_ttl_s)
		return place_err(e, ERR_LIMIT, place, "TTL %u of %s %s is above the largest allowed, %u",
				 rr->ttl, dname_to_text(rr->owner, name), rr_type_text(rr->type, type),
				 b->limits.max_ttl_s);
	if (rr->type == TYPE_SOA)
		return soa_check(b, rr, place, e);
	return 0;
}

int zone_build_add(struct zone_build *b, const struct rr *rr, struct place place, struct err *e)
{
	struct build_rr *to;
	int verdict;

	if (b->n + b->z->dropped >= b->limits.max_records)
		return place_err(e, ERR_LIMIT, place, "more than %zu records", b->limits.max_records);
	verdict = admit(b, rr, place, e);
	if (verdict != 0)
		return verdict < 0 ? -1 : 0;
	if (b->n == b->room) {
		b->room = b->room == 0 ? 1024 : b->room * 2;
		b->rrs = mem_grow(b->rrs, b->room, sizeof(*b->rrs));
	}
	to = &b->rrs[b->n];
	to->rr = *rr;
	set_owner(b, to, rr->owner);
	to->rr.rdata = arena_bytes(b->z->arena, rr->rdlen);
	if (rr->rdlen > 0)
		memcpy((uint8_t *)(uintptr_t)to->rr.rdata, rr->rdata, rr->rdlen);
	to->place = place;
	to->seq = (uint32_t)b->n;
	if (rr->type == TYPE_SOA) {
		b->soa = to->rr;
		b->soa_seen = true;
	}
	if (b->n > 0 && b->sorted && build_cmp(to - 1, to) > 0)
		b->sorted = false;
	b->n++;
	return 0;
}

/* One TTL for each RRset, the lowest (RFC 2181 section 5.2); duplicates go. */
static void settle_rrsets(struct zone_build *b)
{
	size_t kept = 0, rrset = 0;
	char name[DNAME_TEXT_MAX], type[16];

	for (size_t i = 0; i < b->n; i++) {
		struct build_rr *now = &b->rrs[i];
		bool same_set = kept > 0 && now->rr.type == b->rrs[rrset].rr.type &&
				head_cmp(now, &b->rrs[rrset]) == 0;

		if (!same_set) {
			rrset = kept;
		} else if (now->rr.ttl != b->rrs[rrset].rr.ttl) {
			uint32_t low =
				now->rr.ttl < b->rrs[rrset].rr.ttl ? now->rr.ttl : b->rrs[rrset].rr.ttl;

			zone_build_notice(
				b, NOTICE_TTL,
				"%s %s has several TTLs; the lowest, %u, is taken (RFC 2181 section 5.2)",
				dname_to_text(now->rr.owner, name), rr_type_text(now->rr.type, type), low);
			for (size_t k = rrset; k < kept; k++)
				b->rrs[k].rr.ttl = low;
			now->rr.ttl = low;
		}
		if (same_set && build_cmp(&b->rrs[kept - 1], now) == 0) {
			zone_build_notice(b, NOTICE_DUPLICATE, "%s %s stands there twice",
					  dname_to_text(now->rr.owner, name),
					  rr_type_text(now->rr.type, type));
			continue;
		}
		b->rrs[kept++] = *now;
	}
	b->n = kept;
}

static void move_to_zone(struct zone_build *b)
{
	struct zone *z = b->z;

	z->rr = arena_alloc(z->arena, b->n, sizeof(*z->rr));
	z->n = b->n;
	for (size_t i = 0; i < b->n; i++) {
		z->rr[i] = b->rrs[i].rr;
		if (z->rr[i].ttl > z->largest_ttl)
			z->largest_ttl = z->rr[i].ttl;
		if (z->rr[i].type == TYPE_SOA)
			z->soa_at = i;
	}

	z->soa = z->rr[z->soa_at];

	struct soa_timers timers = soa_timers(z->soa.rdata, z->soa.rdlen);

	z->serial = soa_serial(z->soa.rdata, z->soa.rdlen);
	if (timers.minimum_s > z->largest_ttl)
		z->largest_ttl = timers.minimum_s;
}

static int sum_owners(struct zone *z, struct err *e)
{
	struct zone_summer *s = zone_summer_new(e);
	struct zone_cursor *c = NULL;
	struct zone_owner owner;
	int rc = s == NULL ? -1 : zone_cursor_open(z, &c, e);

	if (rc == 0) {
		while ((rc = zone_cursor_next(c, &owner, e)) == 1) {
			zone_sum_add(&z->sum, s, &owner);
			z->records += owner.n;
			z->owners++;
		}
	}
	if (rc == 0)
		zone_sum_digest(&z->sum, z->digest);
	zone_cursor_close(c);
	zone_summer_free(s);
	return rc;
}

int zone_build_end(struct zone_build *b, struct zone **out, struct err *e)
{
	char apex[DNAME_TEXT_MAX];
	int rc = -1;

	if (!b->soa_seen) {
		err_set(e, ERR_REFUSED, "no SOA at %s (RFC 1035 section 5.2)",
			dname_to_text(b->z->apex, apex));
		goto out;
	}
	if (!b->sorted)
		qsort(b->rrs, b->n, sizeof(*b->rrs), sort_cmp);
	if (b->z->dropped > 0)
		zone_build_notice(b, NOTICE_DROPPED,
				  "%zu DNSSEC records of the input left out; signing makes them anew",
				  b->z->dropped);
	settle_rrsets(b);
	if (zone_check(b, e) != 0)
		goto out;
	notice_the_rest(b);
	move_to_zone(b);
	if (sum_owners(b->z, e) != 0)
		goto out;
	*out = b->z;
	b->z = NULL;
	rc = 0;
out:
	zone_build_free(b);
	return rc;
}
