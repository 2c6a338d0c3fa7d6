/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_NSEC3_H
#define DUET_AUDIT_NSEC3_H

#include "audit/audit.h"

/*
 * nsec3 - hashed denial (RFC 5155): the hashes of all names and all NSEC3 records go through two sorters and
 * are compared in the order of hashes.
 */
#define NSEC3_HASH 20

struct nsec3 *nsec3_new(struct audit *a);
void nsec3_free(struct nsec3 *n);
/* Notes an owner: its hash, and those of empty non-terminals above it; or its NSEC3. */
int nsec3_note(struct audit *a, const struct owner *o, struct err *e);
/* Compares. */
int nsec3_end(struct audit *a, struct err *e);

/* For tests: a name with a hash of the caller's choice. */
int nsec3_note_hash(struct nsec3 *n, const uint8_t hash[NSEC3_HASH], const uint8_t *key, size_t key_len,
		    bool may_be_opted_out, bool secure_delegation, const uint8_t *bitmap, size_t bitmap_len,
		    struct err *e);
/* The hash that an NSEC3's owner says; false: it is none, below the apex. */
bool nsec3_owner(const struct audit *a, const struct owner *o, uint8_t hash[NSEC3_HASH]);
/* Salted, iterated SHA-1 of a wire name in lowercase; params as in struct chain_params. */
bool nsec3_hash(EVP_MD_CTX *ctx, const EVP_MD *sha1, const uint8_t *wire, size_t len,
		const struct chain_params *params, uint8_t out[NSEC3_HASH]);

#endif
