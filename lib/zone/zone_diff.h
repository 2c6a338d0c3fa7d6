/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_DIFF_H
#define DUET_ZONE_DIFF_H

#include "zone/zone.h"

/*
 * zone_diff - what leads from one content of a zone to another: records taken out, records put in.
 *
 * Invariants: 1. rr[] is in rr_cmp order; a record that is there twice goes out and comes in, with another TTL or other
 * case.  2. No SOA, no record of a type of rr_type_is_signing, no type of queries; all rdatas have passed rdata_check.
 * 3. owner[] are the stretches of rr[] that share an owner, in canonical order.
 */
struct zone_diff_rr {
	struct rr rr;
	bool add;
};

struct zone_diff_owner {
	const uint8_t *name;
	const uint8_t *key; /* dname_key */
	uint16_t key_len;
	size_t first, n; /* in rr[] */
};

struct zone_diff {
	uint8_t apex[DNAME_MAX];
	uint32_t from, serial; /* the SOA serials that it leads from and to */
	struct rr soa;         /* where it leads to */
	struct zone_diff_rr *rr;
	size_t n;
	struct zone_diff_owner *owner;
	size_t owner_count;
	size_t dropped; /* DNSSEC records that were left out, ZONEMD of the apex apart */
	struct rr zonemd[ZONE_ZONEMD_MAX]; /* those of the apex that the last difference puts in */
	size_t zonemd_count;
	struct arena *arena;
};

/*
 * zone_diff_read - from a record stream of one difference or more, oldest first: SOA of where it begins, records
 * removed, SOA of where it ends, records added.  Several become one.  Of limits, max_ttl_s and max_records count.
 *
 * ERR_SYNTAX, ERR_LIMIT, or ERR_REFUSED: they do not follow on one another, a record is outside the zone, or removed
 * or added twice.
 */
int zone_diff_read(const uint8_t *stream, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone_diff **out, struct err *e);
/* The same from records that are in order already, copied; what invariants 1 and 2 say is the caller's word. */
struct zone_diff *zone_diff_of(const uint8_t *apex, uint32_t from, const struct rr *soa, const struct zone_diff_rr *rr,
			       size_t n);
/* NULL does nothing. */
void zone_diff_free(struct zone_diff *d);

/* The first owner whose key is not below this one: an index, owner_count behind the last. */
size_t zone_diff_find(const struct zone_diff *d, const uint8_t *key, size_t len);

/*
 * zone_diff_apply - what one owner's records become.
 *
 * was    its records in rr_cmp order (n 0: none)
 * arena  receives the array; names and rdata are borrowed from was and d
 *
 * Where TTLs of an RRset differ the lowest is taken (RFC 2181 section 5.2).  ERR_REFUSED when a record to take out is
 * not there, or one to put in is.
 */
int zone_diff_apply(const struct zone_diff *d, const struct zone_diff_owner *o, const struct zone_owner *was,
		    struct arena *arena, struct zone_owner *is, struct err *e);

#endif
