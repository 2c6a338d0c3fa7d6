/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_SUM_H
#define DUET_AUDIT_SUM_H

#include "audit/audit.h"

/*
 * sum - the digest that names a zone's content (LtHash): the sum of what each owner's records hash to, so that what one
 * owner had can be taken out and what it has put in.
 *
 * Of an owner counts its name, and for each record that is not signing's type, TTL, length and rdata, in canonical form
 * and order; the SOA's serial counts as 0.  SHA-256 of that is key and first counter of AES-128-CTR, whose first 2048
 * octets are 1024 numbers in little-endian order, added modulo 2^16.
 */
#define SUM_LANES  1024
#define SUM_OCTETS (2 * SUM_LANES)
#define SUM_HEX    97 /* of SHA-384 over the lanes in little-endian order */

struct sum;
struct sum *sum_new(void);
/* NULL does nothing. */
void sum_free(struct sum *s);
/* Records that an owner has are put in, or taken out. */
void sum_add(struct sum *s, const struct owner *o, const struct records *r);
void sum_sub(struct sum *s, const struct owner *o, const struct records *r);
/* Lanes as octets, all put in. */
void sum_add_lanes(struct sum *s, const uint8_t lanes[SUM_OCTETS]);
/* The lanes turned round: what was put in is taken out. */
void sum_negate(struct sum *s);
void sum_hex(const struct sum *s, char out[SUM_HEX]);

#endif
