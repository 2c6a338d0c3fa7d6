/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CHANGES_STATE_H
#define DUET_AUDIT_CHANGES_STATE_H

#include "audit/changes.h"
#include "audit/changes3.h"
#include "audit/sum.h"

/* What changes_read.c reads, and changes.c looks at. */

/* The first owner of a run. */
struct start {
	uint8_t key[NAME_KEY_MAX];
	size_t len;
};

struct changes {
	/* read: */
	struct start *start; /* first owners of runs of names, in order */
	size_t starts;
	bool last, closed3;
	bool digested;              /* all messages follow, for the digest */
	struct chain_params params; /* of the NSEC3PARAM; len 0: none */
	struct changes3 *nsec3;     /* NULL: no NSEC3PARAM */
	bool has_sum;
	uint8_t sum[SUM_OCTETS]; /* of the new content, as the input has it */

	/* on the way through the owners: */
	size_t at; /* of the start that comes next */
	struct cut was_cut;
	struct sum *delta; /* of the content, from what it was to what it is */
	bool content_changed;
	bool preceded;  /* the run has a name with an NSEC already */
	bool loose;     /* the last one's NSEC is another, and no name came behind it yet */
	bool same_keys; /* the DNSKEY RRset is as it was */
};

#endif
