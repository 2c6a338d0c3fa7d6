/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PRIMARIES_H
#define DUET_PRIMARIES_H

#include "addr/addr.h"
#include "dname/dname.h"

/*
 * primaries - where a zone is transferred from, in the order of asking, as text: "ADDRESS#PORT[,KEY]", and the same again after
 * a comma for each further one.  What has no "#" is the name of the TSIG key of the address before it.
 */
#define PRIMARIES_MAX 8

struct primary_source {
	struct addr addr;
	bool has_key;
	uint8_t key[DNAME_MAX];
};

struct primaries {
	struct primary_source *v;
	size_t n;
};

/* ERR_SYNTAX, or ERR_LIMIT for more than PRIMARIES_MAX; out is set on success only: primaries_fini. */
int primaries_parse(const char *text, struct primaries *out, struct err *e);
void primaries_fini(struct primaries *p);
bool primaries_equal(const struct primaries *a, const struct primaries *b);

#endif
