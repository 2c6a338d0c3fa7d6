/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_SUM_H
#define DUET_ZONE_SUM_H

#include <stdint.h>

#include "err/err.h"

/*
 * zone_sum - a digest of a zone's content that a change of one owner changes in time that does not depend on the
 * zone: LtHash (Lewi, Kim, Maykov, Weis: "Securing Update Propagation with Homomorphic Hashing", 2019), the sum of
 * what the owners' records are hashed to.  The same content gives the same sum, whatever the order and wherever
 * page borders lie.
 *
 * Of an owner counts: its name and for each record type, TTL and rdata, in canonical form and order (RFC 4034
 * section 6.2); the SOA's serial counts as 0.  SHA-256 of that is key and first counter of AES-128-CTR, whose first 2048
 * octets are 1024 numbers in little-endian order; they are added lane by lane, modulo 2^16.
 *
 * How hard it is to find two contents of one sum: the paper puts 1024 lanes of 16 bits above 200 bits, for owners' numbers
 * that look random.  They are a function of 256 bits: as of any hash of that size, the same for two owners are found after
 * 2^128 tries, and nothing here is weaker than that.  Two owners of one AES key are found after 2^64, but their counters
 * differ by chance, so that their numbers have nothing to do with each other unless one counter is within 128 of the other.
 * That is measured against those who write the zone; nobody else chooses what is hashed.
 */
#define ZONE_SUM_LANES 1024

struct zone_owner;

struct zone_sum {
	uint16_t lane[ZONE_SUM_LANES]; /* all 0 for no owners */
};

/* What hashing needs, for one thread at a time; NULL with ERR_CRYPTO. */
struct zone_summer;
struct zone_summer *zone_summer_new(struct err *e);
void zone_summer_free(struct zone_summer *s);

/* All records of an owner come in, or go out.  Each owner counts once: to change one, take out what it had and add
 * what it has. */
void zone_sum_add(struct zone_sum *sum, struct zone_summer *s, const struct zone_owner *owner);
void zone_sum_sub(struct zone_sum *sum, struct zone_summer *s, const struct zone_owner *owner);
/* sum += more: of two parts of a zone. */
void zone_sum_join(struct zone_sum *sum, const struct zone_sum *more);

/* SHA-384 of the lanes in little-endian order. */
void zone_sum_digest(const struct zone_sum *sum, uint8_t out[48]);

#endif
