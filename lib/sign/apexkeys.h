/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_APEXKEYS_H
#define DUET_APEXKEYS_H

#include "sign/zonesign.h"

/*
 * apexkeys - from a set of keys to what zone_sign wants: the signed DNSKEY RRset, and which keys sign the
 * zone.
 */
struct apex_keys {
	struct ready_rrset ready; /* DNSKEY */
	struct key **zone_keys;   /* those that sign the zone */
	size_t zone_key_count;
};

/*
 * apex_keys_make - every key is published.  Keys with the SEP flag and a private half sign the DNSKEY RRset,
 * all others too for an algorithm that has no such key (RFC 4035 section 2.2 wants each algorithm).  For each
 * algorithm the keys without SEP sign the zone, or where there are none those with it (CSK).
 *
 * keys    borrowed, as long as `out` is used; those without private half are only published
 * p       now, inception offset and validity; its keys and ready RRsets are set to the result
 * arena   receives everything in `out`
 *
 * Returns 0, or -1 with ERR_CRYPTO, or ERR_REFUSED where an algorithm of the set would be left without
 * signatures, or its KSKs (which a DS may name) without theirs.
 */
int apex_keys_make(const uint8_t *zone, struct key **keys, size_t n, uint32_t ttl, struct sign_params *p,
		   struct arena *arena, struct apex_keys *out, struct err *e);

#endif
