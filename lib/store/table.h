/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_TABLE_H
#define DUET_STORE_TABLE_H

#include "store/store.h"
#include "store/volume.h"

/*
 * table - making page tables (for lib/store alone; reading them is in store.h).
 *
 * A table is a list of chunks of about 256 rows.  A new version shares every chunk whose rows it keeps all of, so a
 * change of one page copies one chunk, however large the zone is.
 */
struct table_build;

/* base: the table that kept rows belong to, or NULL; borrowed until the build is freed. */
struct table_build *table_build_new(const struct table *base);
void table_build_free(struct table_build *b);
/* Both in the order of transfer (the caller's mistake else: ERR_INTERNAL).  put copies row and key. */
int table_build_put(struct table_build *b, const struct page_row *row, struct err *e);
int table_build_keep(struct table_build *b, const struct page_row *row, struct err *e);
/* n rows of the base from this index on. */
int table_build_keep_rows(struct table_build *b, size_t from, size_t n, struct err *e);
int64_t table_build_earliest(const struct table_build *b);
/* Makes the table, with a reference; the build can only be freed then.  vs has every volume of the new rows. */
int table_build_finish(struct table_build *b, struct volumes *vs, struct table **out, struct err *e);

/* The sum of row_sum over its rows. */
uint64_t table_sum(const struct table *t);

#endif
