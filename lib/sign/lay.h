/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_LAY_H
#define DUET_LAY_H

#include "sign/pager.h"

/*
 * lay - for the files of lib/sign only: cuts a chain of names into pages, keeping the pages of the version
 * before where nothing in their range has changed.
 */
struct chain {
	enum page_chain id;
	size_t n; /* names in order */
	/* Octets that the name's records take in a page, signatures included: not less than they do. */
	size_t (*size)(const struct signing *s, size_t i);
	/* Sort key of the name; returns its length. */
	size_t (*key)(const struct signing *s, size_t i, uint8_t out[DNAME_KEY_MAX]);
	/* The first name whose key is not below this one. */
	size_t (*find)(const struct signing *s, const uint8_t *key, size_t len);
	/* Digest of everything that decides what the records of names a to b - 1 are, signatures apart. */
	void (*digest)(const struct signing *s, size_t a, size_t b, uint8_t out[16]);
	/* Adds the name's records and their signatures. */
	int (*emit)(struct pager *pg, size_t i, struct err *e);
};

extern const struct chain chain_names; /* n is filled in by the user */
extern const struct chain chain_nsec3;

/* old: the table to keep pages of, or NULL. */
int chain_lay(struct signing *s, const struct chain *c, const struct table *old, struct err *e);

/* Fills s->nsec3 with every name and empty non-terminal that gets an NSEC3; the caller frees. */
int nsec3_find(struct signing *s, struct err *e);

#endif
