/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_NSEC3_STATE_H
#define DUET_AUDIT_NSEC3_STATE_H

#include "audit/nsec3.h"

/* nsec3_state - what nsec3.c notes and nsec3_compare.c compares. */
#define NAME_INSECURE                                                                                        \
	1 /* insecure delegation, or an empty non-terminal with nothing else below: may be opted out */
#define NAME_SECURE 2 /* delegation with DS */

/* A label on the way from the apex to the name seen last. */
struct step {
	size_t len; /* of its key without the last 0 */
	bool empty; /* no data of its own */
	bool insecure_only;
};

struct nsec3 {
	struct sorter
		*names; /* key: hash; type: NAME_...; TTL: length of the name's key; data: that key, bitmap */
	struct sorter *records; /* key: hash; TTL: place; data: flags, next hash, bitmap */
	const struct chain_params *params;
	EVP_MD_CTX *ctx;
	EVP_MD *sha1;
	struct step path[130]; /* 0 is the apex */
	size_t depth;
	uint8_t path_key[NAME_KEY_MAX];
	uint8_t flags_seen;
	uint8_t scratch[REC_MAX + 8] __attribute__((aligned(8)));
};

int nsec3_compare(struct audit *a, struct err *e);

#endif
