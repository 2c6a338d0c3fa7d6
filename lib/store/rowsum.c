/* SPDX-License-Identifier: BSD-3-Clause */
/* rowsum: rows as octets, numbers in network order. */
#include "store/rowsum.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "arena/arena.h"
#include "wire/wire.h"

#define ROW_FIXED 96 /* octets of a page's row without its key, at most */

uint64_t row_sum(const struct page_row *row)
{
	uint8_t octets[ROW_FIXED + DNAME_KEY_MAX];
	struct wr w = wr_of(octets, sizeof(octets));

	wr_u8(&w, row->chain);
	wr_u16(&w, row->part);
	wr_u16(&w, row->key_len);
	wr_bytes(&w, row->key, row->key_len);
	wr_u32(&w, row->volume);
	wr_u32(&w, row->len);
	wr_u64(&w, row->offset);
	wr_u64(&w, row->xxh);
	wr_bytes(&w, row->digest, sizeof(row->digest));
	wr_u64(&w, (uint64_t)row->earliest);
	wr_u32(&w, row->records);
	wr_u32(&w, row->rrsigs);
	return XXH3_64bits(octets, w.at);
}

size_t info_soa_len(const struct version_info *info)
{
	size_t len = rr_wire_len(&info->soa);

	for (size_t i = 0; i < info->with_soa_count; i++)
		len += rr_wire_len(&info->with_soa[i]);
	return len;
}

bool info_takes(const struct rr *rr)
{
	return rr->type == TYPE_ZONEMD || (rr->type == TYPE_RRSIG && rr->rdlen > 2);
}

void info_add(struct version_info *info, const struct rr *rr)
{
	info->with_soa = mem_grow(info->with_soa, info->with_soa_count + 1, sizeof(*rr));
	info->with_soa[info->with_soa_count++] = *rr;
	if (rr->type == TYPE_RRSIG && (rr->rdata[0] << 8 | rr->rdata[1]) == TYPE_SOA)
		info->soa_sig_count++;
}

void info_write(struct wr *w, const struct version_info *info)
{
	wr_u32(w, info->serial);
	wr_u32(w, info->input_serial);
	wr_u64(w, info->content);
	wr_u64(w, info->epoch);
	wr_u64(w, info->steps);
	wr_bytes(w, info->content_digest, sizeof(info->content_digest));
	wr_bytes(w, info->keyset, sizeof(info->keyset));
	wr_bytes(w, info->id, sizeof(info->id));
	wr_u32(w, info->largest_ttl);
	wr_u64(w, (uint64_t)info->earliest);
}

void info_write_soa(struct wr *w, const struct version_info *info)
{
	rr_write(w, &info->soa);
	for (size_t i = 0; i < info->with_soa_count; i++)
		rr_write(w, &info->with_soa[i]);
}

uint64_t zone_row_sum(const uint8_t *apex, size_t apex_len, const struct version_info *info, uint64_t pages,
		      uint64_t page_sum)
{
	const size_t cap = INFO_OCTETS + apex_len + info_soa_len(info);
	struct wr w = wr_of(mem_new(1, cap), cap);
	uint64_t sum;

	wr_u64(&w, apex_len);
	wr_bytes(&w, apex, apex_len);
	info_write(&w, info);
	wr_u64(&w, (uint64_t)info->published_at);
	wr_bytes(&w, info->sign_ctx, sizeof(info->sign_ctx));
	wr_u64(&w, pages);
	wr_u64(&w, page_sum);
	info_write_soa(&w, info);
	sum = XXH3_64bits(w.p, w.at);
	free(w.p);
	return sum;
}

uint64_t volume_row_sum(uint32_t id, uint64_t octets)
{
	const uint64_t both[] = { id, octets };

	return XXH3_64bits(both, sizeof(both));
}

uint64_t keep_row_sum(const uint8_t *apex, size_t apex_len, const char *json)
{
	return XXH3_64bits_withSeed(json, strlen(json), XXH3_64bits(apex, apex_len));
}
