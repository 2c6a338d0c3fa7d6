/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_OLDSIGS_H
#define DUET_OLDSIGS_H

#include <stdbool.h>

#include "key/key.h"

/*
 * oldsigs - signed records of before, and which of their signatures are still right for what is signed now.
 *
 * A signature is right as long as its RRset is the same in canonical form with its TTL, and the key is the same: the
 * caller adds only records whose RRSIGs are by the very keys that sign now.  Filled by one thread, then only read.
 */
struct oldsigs;

struct oldsigs *oldsigs_new(int64_t now);
/* NULL does nothing. */
void oldsigs_free(struct oldsigs *o);
/* Copies the record. */
void oldsigs_add(struct oldsigs *o, const struct rr *rr);
/* Copies all records of a page; -1 with ERR_DAMAGE. */
int oldsigs_add_page(struct oldsigs *o, const uint8_t *page, size_t len, struct err *e);

/* After the last record, one of both: */
/* Signatures of pages, which end together; false when they do not, or there are none, and nothing can be kept. */
bool oldsigs_settle_together(struct oldsigs *o);
/* Signatures that each may end from one instant to the other. */
void oldsigs_settle_each(struct oldsigs *o, int64_t from, int64_t to);

/* When signatures that are made beside the old ones end; 0: as those that are new. */
int64_t oldsigs_end(const struct oldsigs *o);
/* The RRSIG of just this RRset by the key, or NULL; lives as long as o. */
const struct rr *oldsigs_find(const struct oldsigs *o, const struct rr *rrs, size_t n, const struct key *key);

#endif
