/* SPDX-License-Identifier: BSD-3-Clause */
/* dbread: what the store reads from its database when it opens, every field checked. */
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/db.h"
#include "store/dbstate.h"

char *db_get_keep(struct db *db, const uint8_t *apex, size_t apex_len)
{
	sqlite3_stmt *st = db->st[Q_GET_KEEP];
	const char *text;
	char *json = NULL;

	sqlite3_bind_blob(st, 1, apex, (int)apex_len, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(st, 0)) != NULL)
		json = mem_strdup(text);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return json;
}

/* A row's columns, read in their order; the first that is out of bounds makes the row bad. */
struct row {
	sqlite3_stmt *st;
	int at;
	bool bad;
};

static uint64_t read_number(struct row *r, uint64_t most)
{
	uint64_t n = (uint64_t)sqlite3_column_int64(r->st, r->at++);

	if (n > most)
		r->bad = true;
	return r->bad ? 0 : n;
}

static const uint8_t *read_blob(struct row *r, size_t most, size_t *len)
{
	const uint8_t *p = sqlite3_column_blob(r->st, r->at);

	*len = (size_t)sqlite3_column_bytes(r->st, r->at++);
	if (*len > most || (p == NULL && *len > 0))
		r->bad = true;
	if (r->bad || p == NULL)
		*len = 0;
	return p;
}

static void read_fixed(struct row *r, uint8_t *out, size_t want)
{
	size_t len;
	const uint8_t *p = read_blob(r, want, &len);

	if (len != want)
		r->bad = true;
	else
		memcpy(out, p, want);
}

/* Calls read for each row of the question's answer; it says -1, and sets e, to end that. */
static int each(struct db *db, enum question q, int (*read)(struct row *r, void *ctx, struct err *e),
		void *ctx, struct err *e)
{
	int step, rc = 0;

	while (rc == 0 && (step = sqlite3_step(db->st[q])) == SQLITE_ROW) {
		struct row r = { .st = db->st[q] };

		rc = read(&r, ctx, e);
		if (rc == 0 && r.bad)
			rc = err_set(e, ERR_DAMAGE, "%s: a row with a value out of bounds", db->path);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = db_err(db, e);
	sqlite3_reset(db->st[q]);
	return rc;
}

struct volume_reader {
	int (*fn)(void *ctx, uint32_t id, uint64_t end, struct err *e);
	void *ctx;
};

static int read_volume(struct row *r, void *ctx, struct err *e)
{
	struct volume_reader *v = ctx;
	uint32_t id = (uint32_t)read_number(r, UINT32_MAX - 1);
	uint64_t end = read_number(r, INT64_MAX);

	return r->bad ? 0 : v->fn(v->ctx, id, end, e);
}

int db_each_volume(struct db *db, int (*fn)(void *ctx, uint32_t id, uint64_t end, struct err *e), void *ctx,
		   struct err *e)
{
	struct volume_reader v = { fn, ctx };

	return each(db, Q_VOLUMES, read_volume, &v, e);
}

struct zone_reader {
	int (*fn)(void *ctx, int64_t id, const uint8_t *apex, const struct version_info *info, struct err *e);
	void *ctx;
};

/* The SOA and its RRSIGs, pointing into the stream; the array of RRSIGs is the caller's to free. */
static bool read_soa(const uint8_t *stream, size_t len, struct version_info *info)
{
	struct rd r = rd_of(stream, len);
	struct rr rr;
	int got;

	if (rr_read(&r, &info->soa, NULL) != 1 || info->soa.type != TYPE_SOA)
		return false;
	while ((got = rr_read(&r, &rr, NULL)) == 1 && rr.type == TYPE_RRSIG) {
		info->soa_sigs = mem_grow(info->soa_sigs, info->soa_sig_count + 1, sizeof(rr));
		info->soa_sigs[info->soa_sig_count++] = rr;
	}
	return got == 0;
}

static int read_zone(struct row *r, void *ctx, struct err *e)
{
	struct zone_reader *z = ctx;
	struct version_info info = { 0 };
	const uint8_t *apex, *soa;
	size_t apex_len, soa_len;
	int64_t id = (int64_t)read_number(r, INT64_MAX);
	struct rd name;
	int rc = 0;

	apex = read_blob(r, DNAME_MAX, &apex_len);
	info.serial = (uint32_t)read_number(r, UINT32_MAX);
	info.input_serial = (uint32_t)read_number(r, UINT32_MAX);
	info.content = read_number(r, UINT64_MAX);
	info.epoch = read_number(r, UINT64_MAX);
	info.steps = read_number(r, UINT64_MAX);
	read_fixed(r, info.content_digest, sizeof(info.content_digest));
	read_fixed(r, info.keyset, sizeof(info.keyset));
	read_fixed(r, info.id, sizeof(info.id));
	info.largest_ttl = (uint32_t)read_number(r, UINT32_MAX);
	info.earliest = (int64_t)read_number(r, UINT64_MAX);
	info.published_at = (int64_t)read_number(r, UINT64_MAX);
	read_fixed(r, info.sign_ctx, sizeof(info.sign_ctx));
	soa = read_blob(r, 1 << 20, &soa_len);
	name = rd_of(apex, apex_len);
	if (r->bad || dname_read(&name) == NULL || rd_left(&name) != 0 || !read_soa(soa, soa_len, &info))
		r->bad = true;
	else
		rc = z->fn(z->ctx, id, apex, &info, e);
	free(info.soa_sigs);
	return rc;
}

int db_each_zone(struct db *db,
		 int (*fn)(void *ctx, int64_t id, const uint8_t *apex, const struct version_info *info,
			   struct err *e),
		 void *ctx, struct err *e)
{
	struct zone_reader z = { fn, ctx };

	return each(db, Q_ZONES, read_zone, &z, e);
}

struct page_reader {
	int (*fn)(void *ctx, int64_t zone, const struct page_row *row, struct err *e);
	void *ctx;
};

static int read_page(struct row *r, void *ctx, struct err *e)
{
	struct page_reader *p = ctx;
	struct page_row row = { 0 };
	int64_t zone = (int64_t)read_number(r, INT64_MAX);
	size_t key_len;

	row.chain = (uint8_t)read_number(r, CHAIN_NSEC3);
	row.key = read_blob(r, DNAME_KEY_MAX, &key_len);
	row.key_len = (uint16_t)key_len;
	row.part = (uint16_t)read_number(r, UINT16_MAX);
	row.volume = (uint32_t)read_number(r, UINT32_MAX);
	row.offset = read_number(r, INT64_MAX);
	row.len = (uint32_t)read_number(r, PAGE_OCTETS_MAX);
	row.xxh = read_number(r, UINT64_MAX);
	read_fixed(r, row.digest, sizeof(row.digest));
	row.earliest = (int64_t)read_number(r, UINT64_MAX);
	row.records = (uint32_t)read_number(r, UINT32_MAX);
	row.rrsigs = (uint32_t)read_number(r, UINT32_MAX);
	return r->bad ? 0 : p->fn(p->ctx, zone, &row, e);
}

int db_each_page(struct db *db, int (*fn)(void *ctx, int64_t zone, const struct page_row *row, struct err *e),
		 void *ctx, struct err *e)
{
	struct page_reader p = { fn, ctx };

	return each(db, Q_PAGES, read_page, &p, e);
}
