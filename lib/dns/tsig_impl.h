/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TSIG_IMPL_H
#define DUET_TSIG_IMPL_H

#include "dns/tsig.h"

/* tsig_impl - what tsig.c and tsig_key.c share, and nobody else sees. */
struct tsig_alg_row {
	const char *text;
	char digest[8];
	uint8_t name[14]; /* wire form */
	uint8_t name_len;
	uint8_t mac_len;
};
extern const struct tsig_alg_row tsig_algs[]; /* by enum tsig_alg */

#endif
