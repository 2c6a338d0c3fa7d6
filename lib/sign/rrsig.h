/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RRSIG_H
#define DUET_RRSIG_H

#include <stddef.h>
#include <stdint.h>

#include "arena/arena.h"
#include "err/err.h"
#include "key/key.h"
#include "rrset/rr.h"

struct window {
	int64_t inception; /* seconds since 1970 UTC; inception < expiration, under 2^31 apart (RFC
			      4034 3.1.5) */
	int64_t expiration;
};

/*
 * rrsig_make - sign one RRset with one key (RFC 4034 section 3.1.8.1).
 *
 * rrs, n  the RRset: same owner and type, in canonical order without duplicates, equal TTLs; borrowed
 * zone    apex, the signer's name
 * key     borrowed; has its private half
 * arena   receives the RRSIG's owner and rdata
 * out     set on success only
 *
 * Returns 0, or -1 with ERR_CRYPTO.
 */
int rrsig_make(const struct rr *rrs, size_t n, const uint8_t *zone, const struct key *key, struct window window,
	       struct arena *arena, struct rr *out, struct err *e);

/* The same by a signer, for the second RRset and all after it. */
int rrsig_make_by(struct key_signer *signer, const struct rr *rrs, size_t n, const uint8_t *zone,
		  struct window window, struct arena *arena, struct rr *out, struct err *e);

/* Verifies one RRSIG over an RRset with one key; ignores the time.  For tests and for checking what peers
 * send. */
int rrsig_verify(const struct rr *rrs, size_t n, const struct rr *sig, const uint8_t *zone,
		 const struct key *key, struct err *e);

#endif
