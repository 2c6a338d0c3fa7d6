/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CHANGES3_STATE_H
#define DUET_AUDIT_CHANGES3_STATE_H

#include "arena/arena.h"
#include "audit/changes.h"
#include "audit/changes3.h"

/* What changes3.c collects, and changes3_check.c looks at. */

/* A name or an empty non-terminal; not secure: nothing but insecure delegations at it and, of what is known, below it. */
struct state {
	bool name, empty, secure, delegation; /* that is secure */
	const uint8_t *bitmap;
	size_t bitmap_len;
};

struct entry {
	const uint8_t *key;
	size_t len;
	struct state now, was;
	bool gap; /* names that both versions have are left out before it */
	bool hashed;
	uint8_t hash[NSEC3_HASH];
};

struct record {
	uint8_t hash[NSEC3_HASH], next[NSEC3_HASH];
	bool there, before;
	uint8_t flags, flags_before;
	const uint8_t *bitmap, *bitmap_before;
	size_t bitmap_len, bitmap_before_len;
	uint64_t at;
};

struct changes3 {
	const struct chain_params *params;
	struct arena *arena;
	EVP_MD_CTX *ctx;
	EVP_MD *sha1;
	struct entry *entry;
	size_t entries, entry_cap;
	bool gap, end; /* before the next name; there are none behind the last */
	struct record *record;
	size_t records, record_cap;
	uint8_t (*start)[NSEC3_HASH];
	size_t starts;
	const struct entry **by_hash; /* NULL: nobody has asked yet */
};

#endif
