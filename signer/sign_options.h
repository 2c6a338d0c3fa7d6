/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIGN_OPTIONS_H
#define DUET_SIGN_OPTIONS_H

#include "sign/zonesign.h"

/*
 * sign_options - what duet-sign is asked to do.
 */
struct sign_options {
	uint8_t zone[DNAME_MAX];
	const char *keys, *out, *input, *previous;
	const char *tmp;   /* NULL: TMPDIR, or /var/tmp */
	uint32_t serial;   /* SERIAL_NONE: that of the input */
	uint32_t dnskey_ttl_s;
	unsigned memory_mib; /* for records and hashes that are being sorted */
	bool quiet, stats, json;
	struct sign_params params;
};

/* 0: go on; 2: misused; -1: done, exit 0. */
int sign_options_parse(int argc, char **argv, struct sign_options *o);

#endif
