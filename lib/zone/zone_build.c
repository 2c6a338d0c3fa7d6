/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_build: takes records, in any order, as entries of the sort. */
#include "zone/zone_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define NOTICES_MAX  10                  /* of one kind */
#define ENTRY_OCTETS ((size_t)256 << 10) /* of one entry, about: an owner with more has several */

int place_err(struct err *e, enum err_code code, struct place place, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(e, code, "%s", text);
	return place_ctx(e, place);
}

int place_ctx(struct err *e, struct place place)
{
	if (place.file == NULL)
		return -1;
	return err_ctx(e, "%s:%u:%u", place.file, place.line, place.column);
}

struct zone_build *zone_build_new(const uint8_t *apex, const struct zone_limits *limits)
{
	struct arena *arena = arena_new();
	struct zone_build *b = mem_new(1, sizeof(*b));

	b->z = arena_alloc(arena, 1, sizeof(*b->z));
	b->z->arena = arena;
	b->apex_len = dname_len(apex);
	memcpy(b->z->apex, apex, b->apex_len);
	b->limits = *limits;
	b->sorter = sorter_new(limits->sort_octets, limits->sort_dir, limits->sort_memory);
	if (limits->threads > 1)
		sorter_beside(b->sorter);
	b->file = ENTRY_NO_FILE;
	b->left = limits->max_records;
	if (limits->given_count > 0)
		b->given_cut = mem_new(limits->given_count, sizeof(bool));
	b->ttl_most = limits->max_ttl_s != 0 ? limits->max_ttl_s : UINT32_MAX;
	zone_build_owner(b, b->z->apex, b->apex_len);
	return b;
}

void zone_build_free(struct zone_build *b)
{
	if (b == NULL)
		return;
	zone_free(b->z);
	sorter_free(b->sorter);
	for (size_t i = 0; i < b->file_count; i++)
		free(b->files[i]);
	free(b->files);
	free(b->given_cut);
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
		[NOTICE_ZONEMD] = "ZONEMD records not checked",
	};

	for (int kind = 0; kind < NOTICE_KINDS; kind++) {
		if (b->more_notices[kind] > NOTICES_MAX)
			b->z->notices[b->z->notice_count++] =
				arena_printf(b->z->arena, "and %zu more: %s", b->more_notices[kind] - NOTICES_MAX,
					     words[kind]);
	}
}

static void close_entry(struct zone_build *b)
{
	if (b->entry != NULL)
		sorter_commit(b->sorter, b->key_len, (size_t)(b->at - b->entry) - b->key_len);
	b->entry = b->at = b->end = NULL;
}

struct place zone_build_place(const struct zone_build *b, uint32_t line)
{
	return (struct place){ .file = b->file == ENTRY_NO_FILE ? NULL : b->files[b->file], .line = line, .column = 1 };
}

int zone_build_file(struct zone_build *b, const char *name, struct err *e)
{
	close_entry(b);
	b->file = ENTRY_NO_FILE;
	if (name == NULL)
		return 0;
	for (size_t i = b->file_count; i-- > 0;) {
		if (strcmp(b->files[i], name) == 0) {
			b->file = (uint16_t)i;
			return 0;
		}
	}
	if (b->file_count == ENTRY_NO_FILE)
		return err_set(e, ERR_LIMIT, "more than %d files", ENTRY_NO_FILE);
	b->files = mem_grow(b->files, b->file_count + 1, sizeof(*b->files));
	b->files[b->file_count] = mem_strdup(name);
	b->file = (uint16_t)b->file_count++;
	return 0;
}

/* Labels of the owner below the apex as a key, if they are in lower case and without octets that a key escapes. */
static bool plain_key(struct zone_build *b, size_t below)
{
	size_t used = below;

	for (size_t at = 0; at < below; at += b->owner[at] + 1u) {
		size_t len = b->owner[at];
		uint8_t octets[64 + PLAIN_PAD];

		used -= len + 1;
		for (size_t i = 0; i < len; i += 16) {
			if (plain_lower(b->owner + at + 1 + i, octets + i))
				continue;
			for (size_t k = i; k < len && k < i + 16; k++) { /* what counts may lie before the label's end only */
				if (octets[k] != b->owner[at + 1 + k] || octets[k] <= 1)
					return false;
			}
		}
		memcpy(b->key + used, octets, len);
		b->key[used + len] = 0;
	}
	b->key_len = below;
	return true;
}

/* Whether the owner is within the apex, its key, and whether the owner can be told from that. */
static void place_owner(struct zone_build *b)
{
	const uint8_t *apex = b->z->apex;
	size_t below = b->owner_len - b->apex_len, at = 0;
	bool same_case;

	b->within = b->as_key = false;
	if (b->owner_len < b->apex_len)
		return;
	while (at < below)
		at += b->owner[at] + 1u;
	if (at != below)
		return;
	same_case = memcmp(b->owner + below, apex, b->apex_len) == 0;
	b->within = same_case || dname_equal(b->owner + below, apex);
	if (!b->within)
		return;
	if (plain_key(b, below))
		b->as_key = same_case;
	else
		b->key_len = dname_key_of(b->owner, below, b->key);
}

void zone_build_owner(struct zone_build *b, const uint8_t *owner, size_t len)
{
	if (b->entry != NULL && len == b->owner_len && memcmp(b->owner, owner, len) == 0)
		return;
	close_entry(b);
	memcpy(b->owner, owner, len);
	b->owner_len = len;
	place_owner(b);
}

bool zone_build_child(struct zone_build *b, const char *label, size_t len)
{
	uint32_t odd = plain_odd(label) | plain_odd(label + 16) << 16;

	if (len - 1 >= 31 || odd << (32 - len) != 0)
		return false;
	close_entry(b);
	memcpy(b->key, label, 32);
	b->key[len] = 0;
	b->key_len = len + 1;
	memcpy(b->owner + 1, label, 32);
	b->owner[0] = (uint8_t)len;
	memcpy(b->owner + 1 + len, b->z->apex, b->apex_len);
	b->owner_len = 1 + len + b->apex_len;
	b->within = b->as_key = true;
	return true;
}

static int open_entry(struct zone_build *b, struct err *e)
{
	uint8_t owner_len = b->as_key ? 0 : (uint8_t)b->owner_len, *p;

	if (!b->within)
		b->key_len = 0; /* refused below */
	p = sorter_begin(b->sorter, b->key_len + ENTRY_HEAD_LEN + owner_len + 2 * ENTRY_ROOM, e);
	if (p == NULL)
		return -1;
	b->entry = p;
	plain_copy(p, b->key, b->key_len);
	p += b->key_len;
	memcpy(p, &b->file, 2);
	p[2] = owner_len;
	plain_copy(p + ENTRY_HEAD_LEN, b->owner, owner_len);
	b->at = p + ENTRY_HEAD_LEN + owner_len;
	b->end = b->at + 2 * ENTRY_ROOM;
	return 0;
}

int zone_build_more(struct zone_build *b, struct err *e)
{
	size_t used = (size_t)(b->at - b->entry);

	if (used > ENTRY_OCTETS)
		close_entry(b);
	if (b->entry == NULL)
		return open_entry(b, e);
	b->entry = sorter_more(b->sorter, used, 2 * ENTRY_ROOM);
	b->at = b->entry + used;
	b->end = b->at + 2 * ENTRY_ROOM;
	return 0;
}

/* It is left out of the zone, and compared with it. */
static int keep_zonemd(struct zone_build *b, const struct rr *rr, uint32_t line, struct err *e)
{
	struct zone *z = b->z;

	if (z->zonemd == NULL)
		z->zonemd = arena_alloc(z->arena, ZONE_ZONEMD_MAX, sizeof(*z->zonemd));
	for (size_t i = 0; i < z->zonemd_count; i++) {
		if (z->zonemd[i].rdlen == rr->rdlen && memcmp(z->zonemd[i].rdata, rr->rdata, rr->rdlen) == 0)
			return 0;
	}
	if (z->zonemd_count == ZONE_ZONEMD_MAX)
		return place_err(e, ERR_LIMIT, zone_build_place(b, line), "more than %d ZONEMD records", ZONE_ZONEMD_MAX);
	z->zonemd[z->zonemd_count] = *rr;
	z->zonemd[z->zonemd_count++].rdata = arena_dup(z->arena, rr->rdata, rr->rdlen);
	return zone_build_drop(b, line, e);
}

int zone_build_add(struct zone_build *b, const struct rr *rr, uint32_t line, struct err *e)
{
	uint8_t *room;
	char word[16];

	if (!b->within)
		return zone_build_outside(b, line, e);
	if (rr_type_is_meta(rr->type))
		return place_err(e, ERR_REFUSED, zone_build_place(b, line),
				 "type %s has no place in a zone (RFC 6895 section 3.1)", rr_type_text(rr->type, word));
	if (rr_type_is_signing(rr->type) && !b->limits.with_dnssec)
		return rr->type == TYPE_ZONEMD && b->key_len == 0 ? keep_zonemd(b, rr, line, e)
								   : zone_build_drop(b, line, e);
	if ((room = zone_build_room(b, e)) == NULL)
		return -1;
	if (rr->rdlen > 0)
		memcpy(room, rr->rdata, rr->rdlen);
	return zone_build_put(b, rr->type, rr->ttl, rr->rdlen, line, e);
}

int zone_build_drop(struct zone_build *b, uint32_t line, struct err *e)
{
	if (b->left == 0)
		return zone_build_too_many(b, line, e);
	b->left--;
	b->z->dropped++;
	return 0;
}

static void take_soa(struct zone *z)
{
	struct soa_timers timers = soa_timers(z->soa.rdata, z->soa.rdlen);

	z->serial = soa_serial(z->soa.rdata, z->soa.rdlen);
	if (timers.minimum_s > z->largest_ttl)
		z->largest_ttl = timers.minimum_s;
}

int zone_build_end(struct zone_build *b, struct zone **out, struct err *e)
{
	char apex[DNAME_TEXT_MAX];
	struct sorter *sorter = b->sorter;
	int rc = -1;

	if (!b->soa_seen) {
		err_set(e, ERR_REFUSED, "no SOA at %s (RFC 1035 section 5.2)", dname_to_text(b->z->apex, apex));
		goto out;
	}
	if (zone_build_put_given(b, e) != 0)
		goto out;
	close_entry(b);
	b->sorter = NULL;
	if (sorter_end(sorter, &b->z->entries, e) != 0)
		goto out;
	if (b->z->dropped > b->z->zonemd_count)
		zone_build_notice(b, NOTICE_DROPPED, "%zu DNSSEC records of the input left out; signing makes them anew",
				  b->z->dropped - b->z->zonemd_count);
	if (b->z->zonemd_count > 0 && b->limits.given_count > 0)
		zone_build_notice(b, NOTICE_ZONEMD, "ZONEMD not checked: DS of zones below that are signed here are put in");
	if (zone_pass(b, e) != 0 ||
	    (b->z->zonemd_count > 0 && b->limits.given_count == 0 && zone_zonemd_check(b, e) != 0))
		goto out;
	notice_the_rest(b);
	take_soa(b->z);
	*out = b->z;
	b->z = NULL;
	rc = 0;
out:
	zone_build_free(b);
	return rc;
}
