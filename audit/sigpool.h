/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_SIGPOOL_H
#define DUET_AUDIT_SIGPOOL_H

#include "audit/signatures.h"

/* sigpool - the threads behind signatures.h.  Bounded: sigpool_add waits while all batches are in flight.  verified: the
 * signatures are known to be right, the rest of the RRSIGs is looked at. */
void sigpool_add(struct signatures *s, const struct owner *o, const struct rrset *set, const struct rrset *sigs,
		 bool verified);

/* What the signatures of an RRset are over, behind their own rdata (RFC 4034 section 3.1.8.1): its octets; writes them, and
 * returns where they end. */
size_t sigpool_body_size(const struct owner *o, const struct rrset *set);
uint8_t *sigpool_body(uint8_t *p, const struct owner *o, const struct rrset *set, uint32_t original_ttl);
/* signatures.c: the RRSIGs that cover a type; sorted, since the type covered stands first in the rdata. */
struct rrset sigpool_covering(const struct rrset *rrsigs, uint16_t type);

/* Keys of one tag and algorithm that a signature is tried with; two are an error already, and more cost work only
 * (CVE-2023-50387). */
#define SIGPOOL_KEYS_TRIED 8

/* What the fields and signatures of a thread's RRSIGs add up to. */
struct sigstats {
	uint64_t verified;
	int64_t earliest; /* 0: none */
	char earliest_owner[NAME_TEXT_MAX + 16];
};

/* One RRset in a batch: octets are in the batch's buffer. */
struct sigitem {
	uint64_t at;
	uint16_t type;
	uint8_t owner_len;
	bool verified;
	uint32_t ttl;
	size_t owner, body, body_len, sigs, sig_count; /* sigs: (length in 4 octets, TTL in 4, rdata) */
};

/* sigcheck.c: an RRSIG's fields (RFC 4034 section 3.1), its times as the instants nearest to now. */
#define SIG_FIXED 18 /* octets of rdata before the signer's name */
struct sig {
	const uint8_t *rdata;
	size_t len, signer_len;
	uint32_t ttl, original_ttl;
	uint8_t algorithm, labels;
	uint16_t tag;
	int64_t expiration, inception;
};
/* False when the rdata is no RRSIG's. */
bool sig_parse(const uint8_t *rdata, size_t len, uint32_t ttl, int64_t now, struct sig *s);
/* What the labels field of an owner's signatures must be (RFC 4034 section 3.1.3). */
unsigned sig_labels(const uint8_t *owner);

/* Whether a signature that ends before it may is to be warned of alone: what is published ends no later. */
bool sigcheck_is_no_worse(const struct audit *a, int64_t expiration, int64_t needed);

/* sigcheck.c: one RRset with all its RRSIGs.  scratch: grows, freed by the caller. */
struct scratch {
	uint8_t *p;
	size_t cap;
};
void sigcheck_item(struct audit *a, struct verifier *v, const struct sigitem *item, const uint8_t *buf,
		   struct scratch *scratch, struct sigstats *stats);

#endif
