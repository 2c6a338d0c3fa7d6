/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_OPTIONS_H
#define DUET_AUDIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/name.h"

/* options - the command line of duet-audit. */
struct options {
	uint8_t zone[NAME_MAX_OCTETS]; /* lowercase */
	size_t zone_len;
	const char *policy, *state, *plan, *server, *cross; /* NULL: not given */
	const char *input, *signed_zone;            /* operands; input NULL: none */
	bool json, remember, worker, has_published;
	uint32_t published;
	unsigned threads;
	bool has_now;
	int64_t now;
};

/* -1: go on; else the exit code, everything has been printed. */
int options_parse(int argc, char **argv, struct options *o);

#endif
