/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RANGE_H
#define DUET_RANGE_H

#include "nsec/nsec.h"
#include "sign/zonesign.h"

/*
 * range - consecutive names of one chain become finished pages: their records, denial and RRSIGs in the form that
 * the store keeps.  Nothing here knows of stores or threads: what is shared (struct signing) does not change, and each
 * thread has a struct range_maker of its own.
 */
enum owner_kind {
	OWNER_AUTHORITATIVE,
	OWNER_DELEGATION, /* NS, and not the apex: only DS is signed */
	OWNER_OCCLUDED,   /* below a delegation or a DNAME, glue among them: nothing is signed */
};

/* A name of CHAIN_NAMES. */
struct owner {
	const uint8_t *name;
	const struct rr *rr; /* all its unsigned records, in rr_cmp order, equal TTLs within an RRset */
	uint32_t n;
	uint8_t kind; /* enum owner_kind */
	bool secure;  /* a delegation with DS */
	bool apex;    /* its SOA goes into no page */
};

/* A name of CHAIN_NSEC3. */
struct hashed {
	uint8_t hash[NSEC3_HASH_LEN];
	uint16_t bitmap_len;
	const uint8_t *bitmap;
};

/* What all names of one version are signed under. */
struct signing {
	const struct sign_params *p;
	uint8_t apex[DNAME_MAX];
	size_t apex_len;
	uint32_t denial_ttl; /* min(SOA TTL, SOA MINIMUM) (RFC 9077) */
	size_t rrsig_octets; /* the RRSIGs of one RRset in a page, all keys */
	struct nsec3_params nsec3;
	uint8_t nsec3_flags;
};

/* soa: for the TTL of denial; p is borrowed as long as the signing is used.  -1 with ERR_LIMIT or ERR_CRYPTO when there
 * is no signing like that. */
int signing_init(struct signing *s, const uint8_t *apex, const struct rr *soa, const struct sign_params *p,
		 struct err *e);
/* Digest of all that decides how records are signed, times apart: pages made under another are not kept. */
void signing_ctx(const struct signing *s, uint8_t out[32]);
/* Hash of the keys in the DNSKEY RRset among the ready ones (key_set_hash); zero: unsigned. */
int signing_keyset(const struct sign_params *p, uint8_t out[32], struct err *e);

static inline bool signing_on(const struct signing *s)
{
	return s->p->key_count > 0;
}

static inline bool signing_nsec3(const struct signing *s)
{
	return signing_on(s) && s->p->denial != DENIAL_NSEC;
}

/* Tells kinds apart; owners must come in canonical order, the apex first.  The newest cut is all there is to remember,
 * since all names below it follow it at once. */
struct classifier {
	bool begun, below;
	uint8_t cut[DNAME_MAX];
};
/* out borrows what o points to. */
void owner_classify(struct classifier *c, const struct zone_owner *o, struct owner *out);
/* Whether the name has an NSEC3 of its own, if NSEC3 it is: with opt-out insecure delegations have none. */
bool owner_has_nsec3(const struct signing *s, const struct owner *o);
/* The type bitmap of its NSEC or NSEC3; returns its length. */
size_t owner_bitmap(const struct signing *s, const struct owner *o, uint8_t out[BITMAP_MAX]);

/*
 * ents_each - calls fn for each empty non-terminal between two names with NSEC3 that follow one another (RFC 5155
 * section 7.1, step 4): the ancestors of `name` that are no ancestors of `before` (NULL: name is the first), longest
 * last.
 */
void ents_each(const uint8_t *before, const uint8_t *name, void (*fn)(void *ctx, const uint8_t *ent), void *ctx);

struct oldsigs;

struct range {
	enum page_chain chain;
	const struct owner *owners;  /* CHAIN_NAMES */
	const struct hashed *hashed; /* CHAIN_NSEC3 */
	size_t n;
	/* What the last NSEC or NSEC3 of the range names: the next name that is not occluded, or the apex behind the
	 * last; the next hash, or the first one.  Not looked at where the range has none. */
	const uint8_t *next;
	const struct oldsigs *old; /* signatures that stay where the RRset is the same, or NULL */
};

/* The part of r from a to b - 1. */
struct range range_part(const struct range *r, size_t a, size_t b);

/* Finished pages, in order. */
struct made_page {
	struct page_row row; /* chain, part, digest, earliest, records, rrsigs; key_len */
	size_t key;          /* where the key is in octets */
	size_t at, len;      /* where the page is */
};

struct pages {
	uint8_t *octets;
	size_t len, room;
	struct made_page *page;
	size_t n, page_room;
	uint64_t made; /* signatures */
};

/* All zeroes is none.  Reset keeps the memory. */
void pages_reset(struct pages *ps);
void pages_fini(struct pages *ps);
/* The row with its key in place, as change_put wants it. */
struct page_row pages_row(const struct pages *ps, size_t i);
static inline const uint8_t *pages_octets(const struct pages *ps, size_t i)
{
	return ps->octets + ps->page[i].at;
}

/* One thread's signing contexts, page and scratch memory.  s is borrowed. */
struct range_maker;
int range_maker_new(const struct signing *s, struct range_maker **out, struct err *e);
/* NULL does nothing. */
void range_maker_free(struct range_maker *m);

#define RANGE_SMALL 4096 /* octets: below it a page joins a neighbour (DESIGN section 7) */

/* Octets that the range takes in pages, signatures included: not less than it does. */
uint64_t range_size(const struct range_maker *m, const struct range *r);
/* Digest of all that decides what the records of the range are, signatures and signing_ctx apart. */
void range_digest(const struct range_maker *m, const struct range *r, uint8_t out[16]);
/*
 * range_make - appends the range's pages to out.  What fits one page is one; what fits two is cut in half, so that
 * borders stay where they are; more fills pages to PAGE_FILL.  An owner that fits no page has parts of its own.  All
 * signatures that are made for a page end together, with the old ones if there are any.
 *
 * Returns 0, or -1 with ERR_CRYPTO, ERR_LIMIT.
 */
int range_make(struct range_maker *m, const struct range *r, struct pages *out, struct err *e);

/* Lines of master file text, in order of transfer. */
struct lines {
	struct rr_lines text;
	uint64_t records, rrsigs;
	uint64_t made; /* signatures */
};
/* range_lines - appends the same records as text.  As many signatures as a page has end together, about. */
int range_lines(struct range_maker *m, const struct range *r, struct lines *out, struct err *e);


#endif
