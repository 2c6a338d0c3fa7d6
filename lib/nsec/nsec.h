/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NSEC_H
#define DUET_NSEC_H

#include <stddef.h>
#include <stdint.h>

#include "arena/arena.h"
#include "rrset/rr.h"

/*
 * nsec - the records that deny existence: type bitmaps, NSEC, NSEC3, NSEC3PARAM, and the NSEC3 hash.
 * Rdata comes from the arena.  Pure: any thread.
 */
#define BITMAP_MAX (256 * 34)

/* Type bitmap (RFC 4034 section 4.1.2) of n types in rising order without duplicates; returns its length. */
size_t bitmap_write(const uint16_t *types, size_t n, uint8_t out[BITMAP_MAX]);

/* NSEC rdata: next owner in lower case (so that validators which still lower-case it, RFC 4034 section 6.2
 * before RFC 6840 section 5.1, see the same octets), bitmap. */
void nsec_rdata(const uint8_t *next, const uint8_t *bitmap, size_t bitmap_len, struct arena *arena,
		struct rr *out);

#define NSEC3_HASH_LEN    20 /* SHA-1 is the only hash (RFC 5155 section 11) */
#define NSEC3_LABEL_LEN   32 /* base32hex of it */
#define NSEC3_FLAG_OPTOUT 0x01

struct nsec3_params {
	uint16_t iterations;
	uint8_t salt_len;
	uint8_t salt[255];
};

/* RFC 5155 section 5; it asks for no memory. */
void nsec3_hash(const struct nsec3_params *params, const uint8_t *name, uint8_t out[NSEC3_HASH_LEN]);

/* Hash to label text in lower case (no NUL), and back: -1 when it is none. */
void nsec3_label(const uint8_t hash[NSEC3_HASH_LEN], uint8_t out[NSEC3_LABEL_LEN]);
int nsec3_unlabel(const uint8_t label[NSEC3_LABEL_LEN], uint8_t hash[NSEC3_HASH_LEN]);

void nsec3_rdata(const struct nsec3_params *params, uint8_t flags, const uint8_t next[NSEC3_HASH_LEN],
		 const uint8_t *bitmap, size_t bitmap_len, struct arena *arena, struct rr *out);
/* Flags are 0 here, always (RFC 5155 section 4.1.2). */
void nsec3param_rdata(const struct nsec3_params *params, struct arena *arena, struct rr *out);

#endif
