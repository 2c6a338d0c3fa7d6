/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PARENT_H
#define DUET_PARENT_H

#include "msg/observed.h"

/*
 * parent - what one answer to a question for the DS RRset says, RFC 4035 sections 3.1.4 and 5.  Pure.
 *
 * Counted is what the parent's side says with authority: the DS RRset, or that there is none.  A referral, the child's own
 * word (its SOA in the authority section), a CNAME and an RCODE that is no answer are not.  Of a signed parent the RRSIGs
 * must verify, and of no DS the NSEC or NSEC3 records must prove it (RFC 5155 section 8.6, opt-out too).
 */
struct parent_keys {
	enum observed_trust trust; /* of the parent zone: SECURE with keys, INSECURE, or UNCHECKED */
	const uint8_t *zone;       /* its apex */
	const uint8_t *keys;       /* record stream of its validated DNSKEY RRset */
	size_t keys_len;
};

struct parent_answer {
	unsigned rcode;
	bool aa, ad, cname;
	const uint8_t *rrs, *auth; /* record streams: DS and its RRSIGs, authority section */
	size_t rrs_len, auth_len;
};

/* Fills in outcome, trust, why and the DS RRset of a look that has zone, server and role (PARENT, or RESOLVER: then AD
 * stands for the validation).  now: for RRSIGs. */
void parent_judge(const struct parent_answer *a, const struct parent_keys *k, int64_t now, struct arena *arena,
		  struct observed *o);

#endif
