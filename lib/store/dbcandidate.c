/* SPDX-License-Identifier: BSD-3-Clause */
/* dbcandidate: a candidate's rows; what they say stands in them as octets, numbers in network order. */
#include "store/dbcandidate.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "arena/arena.h"
#include "store/dbstate.h"
#include "store/rowsum.h"
#include "store/table.h"
#include "wire/wire.h"

#define ROW_OCTETS 64

static void blob(sqlite3_stmt *st, int i, const void *p, size_t len)
{
	sqlite3_bind_blob(st, i, len > 0 ? p : "", (int)len, SQLITE_STATIC); /* an empty blob is not NULL */
}

/* Of a statement whose row is not wanted. */
static int run(struct db *db, enum question q, struct err *e)
{
	int step = sqlite3_step(db->st[q]), rc = step == SQLITE_DONE || step == SQLITE_ROW ? 0 : db_err(db, e);

	sqlite3_reset(db->st[q]);
	sqlite3_clear_bindings(db->st[q]);
	return rc;
}

/* free() its octets. */
static struct wr info_pack(const struct version_info *info)
{
	const size_t cap = INFO_OCTETS + info_soa_len(info);
	struct wr w = wr_of(mem_new(1, cap), cap);

	info_write(&w, info);
	wr_bytes(&w, info->sign_ctx, sizeof(info->sign_ctx));
	info_write_soa(&w, info);
	return w;
}

static void take(struct rd *r, uint8_t *out, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);

	if (p != NULL)
		memcpy(out, p, n);
}

/* Points into the octets; with_soa is the caller's to free. */
static bool info_unpack(const uint8_t *octets, size_t len, struct version_info *info)
{
	struct rd r = rd_of(octets, len);
	struct rr rr;
	int got;

	info->serial = rd_u32(&r);
	info->input_serial = rd_u32(&r);
	info->content = rd_u64(&r);
	info->epoch = rd_u64(&r);
	info->steps = rd_u64(&r);
	take(&r, info->content_digest, sizeof(info->content_digest));
	take(&r, info->keyset, sizeof(info->keyset));
	take(&r, info->id, sizeof(info->id));
	info->largest_ttl = rd_u32(&r);
	info->earliest = (int64_t)rd_u64(&r);
	take(&r, info->sign_ctx, sizeof(info->sign_ctx));
	if (r.bad || rr_read(&r, &info->soa, NULL) != 1 || info->soa.type != TYPE_SOA)
		return false;
	while ((got = rr_read(&r, &rr, NULL)) == 1 && info_takes(&rr))
		info_add(info, &rr);
	return got == 0;
}

static uint64_t sum_of(const uint8_t *apex, size_t apex_len, const char *text, const uint8_t *info, size_t len, uint64_t pages,
		       uint64_t page_sum)
{
	const uint64_t parts[] = { XXH3_64bits(apex, apex_len), XXH3_64bits(text, strlen(text)), XXH3_64bits(info, len), pages,
				   page_sum };

	return XXH3_64bits(parts, sizeof(parts));
}

int db_put_candidate(struct db *db, const uint8_t *apex, size_t apex_len, const char *text, const struct version_info *info,
		     const struct table *t, struct err *e)
{
	sqlite3_stmt *st = db->st[Q_PUT_CANDIDATE];
	struct wr w = info_pack(info);
	int rc;

	blob(st, 1, apex, apex_len);
	sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
	blob(st, 3, w.p, w.at);
	sqlite3_bind_int64(st, 4, (int64_t)table_len(t));
	sqlite3_bind_int64(st, 5, (int64_t)table_sum(t));
	sqlite3_bind_int64(st, 6, (int64_t)sum_of(apex, apex_len, text, w.p, w.at, table_len(t), table_sum(t)));
	rc = run(db, Q_PUT_CANDIDATE, e);
	free(w.p);
	return rc;
}

int db_put_candidate_page(struct db *db, const uint8_t *apex, size_t apex_len, const struct page_row *row, bool gone,
			  struct err *e)
{
	sqlite3_stmt *st = db->st[Q_PUT_CANDIDATE_PAGE];
	uint8_t octets[ROW_OCTETS];
	struct wr w = wr_of(octets, sizeof(octets));

	wr_u8(&w, gone ? 1 : 0);
	wr_u32(&w, row->volume);
	wr_u64(&w, row->offset);
	wr_u32(&w, row->len);
	wr_u64(&w, row->xxh);
	wr_bytes(&w, row->digest, sizeof(row->digest));
	wr_u64(&w, (uint64_t)row->earliest);
	wr_u32(&w, row->records);
	wr_u32(&w, row->rrsigs);
	blob(st, 1, apex, apex_len);
	sqlite3_bind_int64(st, 2, row->chain);
	blob(st, 3, row->key, row->key_len);
	sqlite3_bind_int64(st, 4, row->part);
	blob(st, 5, octets, w.at);
	return run(db, Q_PUT_CANDIDATE_PAGE, e);
}

int db_del_candidate_pages(struct db *db, const uint8_t *apex, size_t apex_len, struct err *e)
{
	blob(db->st[Q_DEL_CANDIDATE_PAGES], 1, apex, apex_len);
	return run(db, Q_DEL_CANDIDATE_PAGES, e);
}

int db_del_candidate(struct db *db, const uint8_t *apex, size_t apex_len, struct err *e)
{
	blob(db->st[Q_DEL_CANDIDATE], 1, apex, apex_len);
	return db_del_candidate_pages(db, apex, apex_len, e) != 0 ? -1 : run(db, Q_DEL_CANDIDATE, e);
}

static const uint8_t *column(sqlite3_stmt *st, int i, size_t *len)
{
	const uint8_t *p = sqlite3_column_blob(st, i);

	*len = p == NULL ? 0 : (size_t)sqlite3_column_bytes(st, i);
	return p;
}

static int read_candidate(sqlite3_stmt *st, int (*fn)(void *ctx, const struct db_candidate *c, struct err *e), void *ctx,
			  struct err *e)
{
	struct db_candidate c = { .pages = (uint64_t)sqlite3_column_int64(st, 3),
				  .page_sum = (uint64_t)sqlite3_column_int64(st, 4) };
	size_t apex_len, len;
	const uint8_t *apex = column(st, 0, &apex_len), *info = column(st, 2, &len);
	struct rd name = rd_of(apex, apex_len);
	int rc;

	c.text = (const char *)sqlite3_column_text(st, 1);
	if (apex != NULL && dname_read(&name) != NULL && rd_left(&name) == 0)
		c.apex = apex;
	c.damaged = c.apex == NULL || c.text == NULL ||
		    (uint64_t)sqlite3_column_int64(st, 5) !=
			    sum_of(apex, apex_len, c.text, info, len, c.pages, c.page_sum) ||
		    !info_unpack(info, len, &c.info);
	rc = fn(ctx, &c, e);
	free(c.info.with_soa);
	return rc;
}

int db_each_candidate(struct db *db, int (*fn)(void *ctx, const struct db_candidate *c, struct err *e), void *ctx,
		      struct err *e)
{
	sqlite3_stmt *st = db->st[Q_CANDIDATES];
	int step, rc = 0;

	while ((step = sqlite3_step(st)) == SQLITE_ROW && rc == 0)
		rc = read_candidate(st, fn, ctx, e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = db_err(db, e);
	sqlite3_reset(st);
	return rc;
}

static bool row_read(sqlite3_stmt *st, struct page_row *row, bool *gone)
{
	size_t len, key_len;
	const uint8_t *octets = column(st, 3, &len);
	int64_t chain = sqlite3_column_int64(st, 0), part = sqlite3_column_int64(st, 2);
	struct rd r = rd_of(octets, len);

	*row = (struct page_row){ .chain = (uint8_t)chain, .part = (uint16_t)part };
	row->key = column(st, 1, &key_len);
	row->key_len = (uint16_t)key_len;
	*gone = rd_u8(&r) != 0;
	row->volume = rd_u32(&r);
	row->offset = rd_u64(&r);
	row->len = rd_u32(&r);
	row->xxh = rd_u64(&r);
	take(&r, row->digest, sizeof(row->digest));
	row->earliest = (int64_t)rd_u64(&r);
	row->records = rd_u32(&r);
	row->rrsigs = rd_u32(&r);
	return !r.bad && rd_left(&r) == 0 && chain >= 0 && chain <= CHAIN_NSEC3 && part >= 0 && part <= UINT16_MAX &&
	       key_len <= DNAME_KEY_MAX && row->len <= PAGE_OCTETS_MAX && row->offset <= (uint64_t)INT64_MAX - row->len;
}

int db_each_candidate_page(struct db *db, const uint8_t *apex, size_t apex_len,
			   int (*fn)(void *ctx, const struct page_row *row, bool gone, struct err *e), void *ctx,
			   struct err *e)
{
	sqlite3_stmt *st = db->st[Q_CANDIDATE_PAGES];
	int step, rc = 0;

	blob(st, 1, apex, apex_len);
	while ((step = sqlite3_step(st)) == SQLITE_ROW && rc == 0) {
		struct page_row row;
		bool gone, good = row_read(st, &row, &gone);

		rc = fn(ctx, good ? &row : NULL, gone, e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = db_err(db, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}
