/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MAKER_H
#define DUET_MAKER_H

#include "sign/pool.h"
#include "sign/range.h"

/*
 * maker - for the files of lib/sign only: what range.c, lines.c, names.c and hashes.c share.
 */
struct range_maker {
	const struct signing *s;
	struct key_signer **signers; /* one a key */
	struct page_build *build;
	struct arena *arena; /* of one page or run: denial, RRSIGs */
	/* Records of signed names in order of transfer, not all in a page yet. */
	struct rr *rrs;
	size_t rr_count, rr_room;
	size_t *ends; /* of each name of a run: how many of rrs there are behind it */
	size_t ends_room;
	struct window window; /* of signatures made now */
	const struct oldsigs *old;
	uint64_t made;
	/* The page that is being filled. */
	struct page_row row;
	struct pages *out;
};

/* What differs between the chains. */
struct chain {
	/* Octets that name i takes in a page: not less than it does. */
	size_t (*size)(const struct range_maker *m, const struct range *r, size_t i);
	/* Sort key of name i; returns its length. */
	size_t (*key)(const struct range_maker *m, const struct range *r, size_t i, uint8_t out[DNAME_KEY_MAX]);
	void (*digest)(const struct range_maker *m, const struct range *r, uint8_t out[16]);
	/* Adds the records of name i and their signatures to m->rrs. */
	int (*sign)(struct range_maker *m, const struct range *r, size_t i, struct err *e);
};

extern const struct chain chain_names;
extern const struct chain chain_nsec3;

static inline const struct chain *chain_of(const struct range *r)
{
	return r->chain == CHAIN_NAMES ? &chain_names : &chain_nsec3;
}

/* The owner of the NSEC3 of a hash. */
void hashed_name(const struct signing *s, const uint8_t hash[NSEC3_HASH_LEN], uint8_t out[DNAME_MAX]);
/* Signatures that are made from here on end together, with the old ones if there are any (NULL: none); what the arena
 * gave is forgotten. */
void maker_begin(struct range_maker *m, const struct oldsigs *old);
/* Of a pool whose threads make ranges; s is borrowed. */
struct pool_tools maker_tools(struct signing *s);
/* A record as it is. */
void maker_add(struct range_maker *m, const struct rr *rr);
/* An RRset, and its RRSIG by every key: an old one where there is one. */
int maker_add_signed(struct range_maker *m, const struct rr *rrs, size_t n, struct err *e);

#define RR_FIXED (2 + 10) /* octets of a record in a page: a pointer as owner, and what stands before rdata */

#endif
