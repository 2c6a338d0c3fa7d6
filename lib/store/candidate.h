/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_CANDIDATE_H
#define DUET_STORE_CANDIDATE_H

#include "store/state.h"

/*
 * candidate - a version of a zone that waits to be published, for lib/store alone: its rows are those that the published
 * version has not, or not so, and keep leading to the same pages whatever is published meanwhile.
 */

/* What one write makes of the zone's candidate, within the transaction; table: of the version that is published, or of
 * the new candidate. */
int candidate_write(struct store *s, const struct store_write *w, const uint8_t *apex, size_t apex_len,
		    const struct table *table, struct err *e);
/* The same in memory, once it is committed.  Takes its own reference to the table. */
void candidate_take(struct store *s, const struct store_write *w, const uint8_t *apex, struct table *table);
/* All of them, once the zones are there.  One that is damaged is not there. */
int candidate_load(struct store *s, struct err *e);

#endif
