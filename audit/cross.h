/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CROSS_H
#define DUET_AUDIT_CROSS_H

#include <jansson.h>

#include "audit/audit.h"

/*
 * cross - what two signers publish of one zone, side by side: the audit's zone is the other signer's, its input is ours.
 *
 * Validators mix what they have from either, so what both have must fit together: the same content where it is meant to be the
 * same, the same DNSKEY, CDS and CDNSKEY RRsets, for a random choice of RRsets of either a signature that validates by the
 * DNSKEY RRset of either, and the other's chain of denial whole in itself.
 */
struct cross_terms {
	bool same;        /* both are of one content number: content must be equal */
	const char *step; /* of a rollover, which one of the two has not taken yet: it explains different keys; NULL: none runs */
	uint64_t sample;  /* so many RRsets, more or less, and the apex; 0: all */
	uint64_t seed;    /* of the choice */
};

struct cross *cross_new(const struct cross_terms *terms);
/* NULL does nothing. */
void cross_free(struct cross *c);
/* Before the first owner, with the facts of both. */
int cross_begin(struct audit *a, struct err *e);
int cross_owner(struct audit *a, const struct owner *o, struct err *e);
/* After the pass. */
void cross_end(struct audit *a);
/* RRsets whose signatures were tried. */
uint64_t cross_sampled(const struct cross *c);

#endif
