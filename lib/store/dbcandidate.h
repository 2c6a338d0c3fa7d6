/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_DBCANDIDATE_H
#define DUET_STORE_DBCANDIDATE_H

#include "store/db.h"

/* dbcandidate - the rows of candidates; as db.h. */
int db_put_candidate(struct db *db, const uint8_t *apex, size_t apex_len, const char *text, const struct version_info *info,
		     const struct table *t, struct err *e);
/* gone: the candidate has no page where the published version has this one. */
int db_put_candidate_page(struct db *db, const uint8_t *apex, size_t apex_len, const struct page_row *row, bool gone,
			  struct err *e);
int db_del_candidate_pages(struct db *db, const uint8_t *apex, size_t apex_len, struct err *e);
/* The candidate and its pages. */
int db_del_candidate(struct db *db, const uint8_t *apex, size_t apex_len, struct err *e);

struct db_candidate {
	const uint8_t *apex; /* NULL: what is there is no name */
	const char *text;
	struct version_info info;
	uint64_t pages, page_sum;
	bool damaged;
};
int db_each_candidate(struct db *db, int (*fn)(void *ctx, const struct db_candidate *c, struct err *e), void *ctx,
		      struct err *e);
/* In the order of transfer.  row NULL: one with a value out of bounds. */
int db_each_candidate_page(struct db *db, const uint8_t *apex, size_t apex_len,
			   int (*fn)(void *ctx, const struct page_row *row, bool gone, struct err *e), void *ctx,
			   struct err *e);

#endif
