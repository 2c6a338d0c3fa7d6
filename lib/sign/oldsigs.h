/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_OLDSIGS_H
#define DUET_OLDSIGS_H

#include "key/key.h"
#include "store/store.h"

/*
 * oldsigs - for the files of lib/sign only: the signatures of pages that are written anew although they are
 * not due.
 */

/* One page of a table, or all parts with one key. */
struct group {
	size_t first, end; /* rows */
};

struct oldsigs;

/* Reads the group's pages.  *out is NULL where they cannot be used: damaged, or RRSIGs that do not end
 * together. */
int oldsigs_load(struct store *store, const struct table *t, struct group g, int64_t now,
		 struct oldsigs **out, struct err *e);
/* NULL does nothing. */
void oldsigs_free(struct oldsigs *o);
/* When the signatures end; those that are made for the same page end then too. */
int64_t oldsigs_end(const struct oldsigs *o);
/* The RRSIG of just this RRset by the key, or NULL; lives as long as o. */
const struct rr *oldsigs_find(const struct oldsigs *o, const struct rr *rrs, size_t n, const struct key *key);

#endif
