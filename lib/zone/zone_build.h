/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_BUILD_H
#define DUET_ZONE_BUILD_H

#include "zone/zone.h"

struct arena;

/*
 * zone_build - the way from records in any order to a checked zone; used inside lib/zone and by its tests.
 *
 * Records are copied.  A place (file and line) given with a record stands in front of the errors about it.
 */
struct place {
	const char *file; /* must live until the end of the build; NULL: no place */
	uint32_t line;
};

struct build_rr {
	struct rr rr;
	const uint8_t *key; /* dname_key of the owner, without the part that is the apex */
	uint64_t head;      /* its first 8 octets as a number, so that most comparisons are one of numbers */
	struct place place;
	uint32_t seq;       /* as it came: of duplicates the first stays */
	uint16_t key_len;
};

struct zone_build {
	struct zone *z;
	struct zone_limits limits;
	struct arena *scratch; /* keys; freed at the end */
	struct build_rr *rrs;
	size_t n, room;
	size_t apex_len, apex_key_len;
	bool sorted;     /* what came so far is in order */
	bool soa_twice;  /* the same SOA once more is no error: a transfer ends with it */
	struct rr soa;
	bool soa_seen;
	size_t more_notices[8]; /* by kind: how many were not written out */
};

struct zone_build *zone_build_new(const uint8_t *apex, const struct zone_limits *limits);
/* Adds one record whose rdata has been checked.  ERR_REFUSED or ERR_LIMIT, the place in front. */
int zone_build_add(struct zone_build *b, const struct rr *rr, struct place place, struct err *e);
/* Sorts, checks, digests.  Frees b, also on failure; *out belongs to the caller. */
int zone_build_end(struct zone_build *b, struct zone **out, struct err *e);
void zone_build_free(struct zone_build *b);

/* One sentence for the log; of each kind only the first few are kept, then their number. */
enum notice { NOTICE_DROPPED, NOTICE_TTL, NOTICE_DUPLICATE, NOTICE_LARGE, NOTICE_TYPES, NOTICE_OCCLUDED, NOTICE_APEX,
	      NOTICE_KINDS };
void zone_build_notice(struct zone_build *b, enum notice kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The rules about what may stand together (zone_check.c); b->rrs is sorted and without duplicates. */
int zone_check(struct zone_build *b, struct err *e);

/* err_set with "FILE:LINE: " in front. */
int place_err(struct err *e, enum err_code code, struct place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
