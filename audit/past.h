/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_PAST_H
#define DUET_AUDIT_PAST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/plan.h"
#include "err/err.h"

/*
 * past - what was published of a zone, as far as it is remembered in a folder: one JSON file a zone.
 *
 * A version that passed is a candidate; it is past once somebody says that it was published.
 */
#define PAST_OCTETS_MAX (16 * 1024 * 1024)

struct past_key {
	uint8_t *rdata; /* REVOKE flag cleared */
	size_t len;
	uint16_t tag;
	int64_t published_from, published_to; /* to: 0 while it is in the last version; the same: it never was */
	int64_t used_from, used_to;           /* signing data; 0: never, not yet */
};

#define PAST_CHAIN_HEX 65
#define PAST_TERMS_HEX 17
struct past_version {
	bool there;
	uint32_t serial;
	int64_t at, earliest_expiration; /* of all RRSIGs; may be less by half an hour, where it is of what did not change */
	uint64_t records, content_records, content_octets; /* content: without what signing makes; 0: not known */
	uint32_t largest_ttl, signed_ttl, dnskey_ttl;
	json_t *ends; /* of its RRSIGs (ends.h); owned by the past; NULL: not known */
	char content[97];
	char children[65]; /* what the plan said of children that are signed here, too (plan_children_hex) */
	char chain[PAST_CHAIN_HEX]; /* names the keys that signed the DNSKEY RRset: SHA-256 in hex; "": not known */
	char terms[PAST_TERMS_HEX]; /* names what it was held against (terms.h); "": not known */
	bool lean; /* no name that opt-out may leave out has an NSEC3 record */
	bool all_optout; /* each NSEC3 record has the flag, so that any insecure delegation is covered */
};

struct past {
	char *path;
	struct past_version last; /* published */
	int64_t first_at;         /* of the first version published; 0: none */
	uint32_t largest_ttl, largest_dnskey_ttl;
	struct past_key *key;
	size_t keys;
	/* The version that passed last. */
	struct past_version candidate;
	struct past_key *candidate_key; /* published_to: 1 when it is not in the DNSKEY RRset; used_from: 1 when it signs
					   data */
	size_t candidate_keys;
};

/* Reads DIR/<zone>.json; a file that is not there is an empty past.  NULL on failure. */
struct past *past_open(const char *dir, const char *zone_text, struct err *e);
struct past *past_empty(void);
struct past *past_parse(const char *text, size_t len, struct err *e);
/* The same text: what past_parse reads; free().  NULL: no memory. */
char *past_text(const struct past *p);
void past_free(struct past *p);
/* Key by rdata, REVOKE flag apart; NULL when it was never seen. */
const struct past_key *past_find(const struct past *p, const uint8_t *rdata, size_t len);

/*
 * A key that other signers publish or published, for a past that is empty: in theirs it was visible, and used, long ago; ends
 * of that too; what is not visible yet begins now.
 */
void past_seed(struct past *p, const uint8_t *rdata, size_t len, uint16_t tag, const struct plan_seed *s, int64_t now);
/* When what others have published was visible and in use for the first time, of which nothing is known. */
#define PAST_LONG_AGO 1
/* Keys are judged from the next version on, as if it were the first. */
void past_forget_keys(struct past *p);

/* Takes what v owns. */
void past_candidate(struct past *p, const struct past_version *v);
void past_candidate_key(struct past *p, const uint8_t *rdata, size_t len, uint16_t tag, bool published, bool used);
/* The candidate was published.  ERR_NOTFOUND when its serial is another. */
int past_published(struct past *p, uint32_t serial, int64_t at, struct err *e);
/* Writes a new file, fsynced, and renames it. */
int past_save(const struct past *p, struct err *e);

#endif
