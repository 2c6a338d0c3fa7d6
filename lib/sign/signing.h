/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIGNING_H
#define DUET_SIGNING_H

#include "nsec/nsec.h"
#include "sign/zonesign.h"

/*
 * signing - for the files of lib/sign only: one run of zone_sign, and what it knows about the owners of the
 * zone.
 */
enum owner_kind {
	OWNER_AUTHORITATIVE,
	OWNER_DELEGATION, /* NS, and not the apex: only DS is signed */
	OWNER_OCCLUDED,   /* below a delegation or a DNAME, glue among them: nothing is signed */
};

struct owner {
	size_t first; /* of its records in zone.rr */
	uint32_t n;   /* how many */
	uint8_t kind; /* enum owner_kind */
	bool secure;  /* a delegation with DS */
};

/* A name with an NSEC3 record. */
struct nsec3_entry {
	uint8_t hash[NSEC3_HASH_LEN];
	uint32_t owner; /* index, or NSEC3_ENT */
};
#define NSEC3_ENT UINT32_MAX

struct oldsigs;

struct signing {
	const struct zone *z;
	const struct sign_params *p;
	struct store *store;
	struct change *change;
	struct oldsigs *old; /* signatures of the range that is being written, or NULL */
	struct sign_stats *stats;
	struct arena *arena;   /* of one page */
	struct arena *scratch; /* of one owner: sizes, digests */
	struct page_build *build;
	struct owner *owners; /* in canonical order; the apex is the first */
	size_t owner_count;
	struct nsec3_entry *nsec3; /* in hash order */
	size_t nsec3_count;
	struct nsec3_params nsec3_params;
	uint8_t nsec3_flags;
	uint32_t denial_ttl; /* min(SOA TTL, SOA MINIMUM) (RFC 9077) */
	size_t apex_len;
	size_t rrsig_octets; /* the RRSIGs of one RRset in a page, all keys */
	int64_t earliest;    /* over all pages so far */
};

static inline bool signing_on(const struct signing *s)
{
	return s->p->key_count > 0;
}

static inline bool signing_nsec3(const struct signing *s)
{
	return signing_on(s) && s->p->denial != DENIAL_NSEC;
}

static inline const uint8_t *owner_name(const struct signing *s, size_t i)
{
	return s->z->rr[s->owners[i].first].owner;
}

/* Fills s->owners; the caller frees. */
int owners_find(struct signing *s, struct err *e);

/* The first owner at or behind i that is in the denial chain of NSEC; the apex (0) when there is none. */
size_t owners_next_in_chain(const struct signing *s, size_t i);

/* The types for the bitmap of an owner, rising; memory from arena.  For a delegation: NS, and DS if it is
 * secure. */
size_t owner_types(const struct signing *s, size_t i, struct arena *arena, uint16_t **types);

/* Upper bound for a type bitmap's length. */
size_t bitmap_bound(const uint16_t *types, size_t n);

#endif
