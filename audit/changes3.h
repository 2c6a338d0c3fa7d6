/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CHANGES3_H
#define DUET_AUDIT_CHANGES3_H

#include "audit/nsec3.h"

/*
 * changes3 - hashed denial by changes: each name that came, went or has other types must be found again in the NSEC3 records
 * that came, went or have other bitmaps, and the other way round; records that are there must be chained.
 *
 * Where policy has opt-out, insecure delegations and empty non-terminals may lack a record.  The span that covers them is
 * not among the parts; it has the flag where all spans have it, and else the whole is needed.
 */
struct changes3;

/* params: borrowed. */
struct changes3 *changes3_new(const struct chain_params *params);
void changes3_free(struct changes3 *c);

/* A run of records begins with this hash. */
void changes3_start(struct changes3 *c, const uint8_t hash[NSEC3_HASH]);
/* A name now, and before; each in its place. */
void changes3_name(struct audit *a, struct changes3 *c, const struct owner *now, const struct owner *was);
/* The NSEC3 records of an owner now, and before. */
void changes3_records(struct audit *a, struct changes3 *c, const struct owner *now, const struct owner *was);
/* Names that both versions have are left out before the next one. */
void changes3_gap(struct changes3 *c);
/* closed: both ends of the chain are there; end: the last name is. */
void changes3_end(struct audit *a, struct changes3 *c, bool closed, bool end);

#endif
