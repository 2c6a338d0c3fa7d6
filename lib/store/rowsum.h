/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ROWSUM_H
#define DUET_ROWSUM_H

#include "store/store.h"
#include "wire/wire.h"

/*
 * rowsum - check sums over what the rows of the database say (for lib/store alone): xxh3-64, which finds damage, not
 * malice.  The zone's row has the sum of its pages' sums, so a page's row that was changed, lost or added shows.
 */
uint64_t row_sum(const struct page_row *row);

/* Of a zone's row: all that it says, its pages' sum among it. */
uint64_t zone_row_sum(const uint8_t *apex, size_t apex_len, const struct version_info *info, uint64_t pages,
		      uint64_t page_sum);
/* What a version says besides its SOA and when it was published, as octets in network order; its SOA and what is made with
 * it. */
#define INFO_OCTETS 512 /* room for the first, and for what a row adds */
void info_write(struct wr *w, const struct version_info *info);
size_t info_soa_len(const struct version_info *info);
void info_write_soa(struct wr *w, const struct version_info *info);
/* Whether a record may stand behind the SOA; adds it there.  The array is mem_grow's, what it says is borrowed. */
bool info_takes(const struct rr *rr);
void info_add(struct version_info *info, const struct rr *rr);
uint64_t volume_row_sum(uint32_t id, uint64_t octets);
uint64_t keep_row_sum(const uint8_t *apex, size_t apex_len, const char *json);

#endif
