/* SPDX-License-Identifier: BSD-3-Clause */
/* dbread: what the store reads from its database when it opens, every field checked. */
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/db.h"
#include "store/dbstate.h"
#include "store/rowsum.h"
#include "zone/zone_sum.h"

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

/* The check sum that the row has; false: it was written before there were any. */
static bool read_sum(struct row *r, uint64_t *sum)
{
	bool there = sqlite3_column_type(r->st, r->at) != SQLITE_NULL;

	*sum = (uint64_t)sqlite3_column_int64(r->st, r->at++);
	return there;
}

/* Calls read for each row of the question's answer; it says -1, and sets e, to end that. */
static int each(struct db *db, enum question q, int (*read)(struct row *r, void *ctx, struct err *e),
		void *ctx, struct err *e)
{
	int step, rc = 0;

	while (rc == 0 && (step = sqlite3_step(db->st[q])) == SQLITE_ROW) {
		struct row r = { .st = db->st[q] };

		rc = read(&r, ctx, e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = db_err(db, e);
	sqlite3_reset(db->st[q]);
	return rc;
}

struct volume_reader {
	int (*fn)(void *ctx, uint32_t id, uint64_t end, bool damaged, struct err *e);
	void *ctx;
};

static int read_volume(struct row *r, void *ctx, struct err *e)
{
	struct volume_reader *v = ctx;
	uint64_t id = (uint64_t)sqlite3_column_int64(r->st, 0), octets, sum;
	bool right;

	r->at = 1;
	octets = read_number(r, INT64_MAX);
	right = !read_sum(r, &sum) || sum == volume_row_sum((uint32_t)id, octets);
	if (id == 0 || id >= UINT32_MAX)
		return 0; /* of no file */
	return v->fn(v->ctx, (uint32_t)id, octets, r->bad || !right, e);
}

int db_each_volume(struct db *db, int (*fn)(void *ctx, uint32_t id, uint64_t end, bool damaged, struct err *e),
		   void *ctx, struct err *e)
{
	struct volume_reader v = { fn, ctx };

	return each(db, Q_VOLUMES, read_volume, &v, e);
}

struct zone_reader {
	int (*fn)(void *ctx, const struct db_zone *z, struct err *e);
	void *ctx;
};

/* The SOA and what is made with it, pointing into the stream; with_soa is the caller's to free. */
static bool read_soa(const uint8_t *stream, size_t len, struct version_info *info)
{
	struct rd r = rd_of(stream, len);
	struct rr rr;
	int got;

	if (rr_read(&r, &info->soa, NULL) != 1 || info->soa.type != TYPE_SOA)
		return false;
	while ((got = rr_read(&r, &rr, NULL)) == 1 && info_takes(&rr))
		info_add(info, &rr);
	return got == 0;
}

static bool read_info(struct row *r, struct version_info *info)
{
	const uint8_t *soa;
	size_t soa_len;

	info->serial = (uint32_t)read_number(r, UINT32_MAX);
	info->input_serial = (uint32_t)read_number(r, UINT32_MAX);
	info->content = read_number(r, UINT64_MAX);
	info->epoch = read_number(r, UINT64_MAX);
	info->steps = read_number(r, UINT64_MAX);
	read_fixed(r, info->content_digest, sizeof(info->content_digest));
	read_fixed(r, info->keyset, sizeof(info->keyset));
	read_fixed(r, info->id, sizeof(info->id));
	info->largest_ttl = (uint32_t)read_number(r, UINT32_MAX);
	info->earliest = (int64_t)read_number(r, UINT64_MAX);
	info->published_at = (int64_t)read_number(r, UINT64_MAX);
	read_fixed(r, info->sign_ctx, sizeof(info->sign_ctx));
	soa = read_blob(r, 1 << 20, &soa_len);
	return !r->bad && read_soa(soa, soa_len, info);
}

/* NULL: it is no name. */
static const uint8_t *read_apex(struct row *r, size_t *len)
{
	const uint8_t *apex = read_blob(r, DNAME_MAX, len);
	struct rd name = rd_of(apex, *len);

	return r->bad || dname_read(&name) == NULL || rd_left(&name) != 0 ? NULL : apex;
}

static int read_zone(struct row *r, void *ctx, struct err *e)
{
	struct zone_reader *reader = ctx;
	struct db_zone z = { .id = (int64_t)read_number(r, INT64_MAX) };
	size_t apex_len;
	uint64_t sum;
	int rc;

	z.apex = read_apex(r, &apex_len);
	z.damaged = z.apex == NULL || !read_info(r, &z.info);
	z.counted = read_sum(r, &z.pages);
	read_sum(r, &z.page_sum);
	if (!z.damaged && read_sum(r, &sum) &&
	    sum != zone_row_sum(z.apex, apex_len, &z.info, z.pages, z.page_sum))
		z.damaged = true;
	rc = reader->fn(reader->ctx, &z, e);
	free(z.info.with_soa);
	return rc;
}

int db_each_zone(struct db *db, int (*fn)(void *ctx, const struct db_zone *z, struct err *e), void *ctx,
		 struct err *e)
{
	struct zone_reader z = { fn, ctx };

	return each(db, Q_ZONES, read_zone, &z, e);
}

struct page_reader {
	int (*fn)(void *ctx, const struct page_row *row, struct err *e);
	void *ctx;
};

static int read_page(struct row *r, void *ctx, struct err *e)
{
	struct page_reader *p = ctx;
	struct page_row row = { 0 };
	size_t key_len;

	r->at = 1; /* the zone is known */
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
	return p->fn(p->ctx, r->bad ? NULL : &row, e);
}

int db_each_page(struct db *db, int64_t zone, int (*fn)(void *ctx, const struct page_row *row, struct err *e),
		 void *ctx, struct err *e)
{
	struct page_reader p = { fn, ctx };

	sqlite3_bind_int64(db->st[Q_PAGES], 1, zone);
	return each(db, Q_PAGES, read_page, &p, e);
}

char *db_get_keep(struct db *db, const uint8_t *apex, size_t apex_len)
{
	struct row r = { .st = db->st[Q_GET_KEEP], .at = 1 };
	const char *text;
	char *json = NULL;
	uint64_t sum;

	sqlite3_bind_blob(r.st, 1, apex, (int)apex_len, SQLITE_STATIC);
	if (sqlite3_step(r.st) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(r.st, 0)) != NULL &&
	    (!read_sum(&r, &sum) || sum == keep_row_sum(apex, apex_len, text)))
		json = mem_strdup(text);
	sqlite3_reset(r.st);
	sqlite3_clear_bindings(r.st);
	return json;
}

struct keep_reader {
	int (*fn)(void *ctx, const uint8_t *apex, struct err *e);
	void *ctx;
};

static int read_keep(struct row *r, void *ctx, struct err *e)
{
	struct keep_reader *k = ctx;
	size_t len;
	const uint8_t *apex = read_apex(r, &len);

	return apex == NULL ? 0 : k->fn(k->ctx, apex, e);
}

int db_each_keep(struct db *db, int (*fn)(void *ctx, const uint8_t *apex, struct err *e), void *ctx, struct err *e)
{
	struct keep_reader k = { fn, ctx };

	return each(db, Q_KEEPS, read_keep, &k, e);
}

int db_get_content(struct db *db, int64_t zone, struct zone_sum *sum, struct err *e)
{
	struct row r = { .st = db->st[Q_GET_CONTENT] };
	uint8_t lanes[2 * ZONE_SUM_LANES];
	int step, rc;

	sqlite3_bind_int64(r.st, 1, zone);
	step = sqlite3_step(r.st);
	rc = step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : db_err(db, e);
	if (rc == 1)
		read_fixed(&r, lanes, sizeof(lanes));
	sqlite3_reset(r.st);
	if (rc == 1 && r.bad)
		return err_set(e, ERR_DAMAGE, "%s: a content sum of another length", db->path);
	for (size_t i = 0; rc == 1 && i < ZONE_SUM_LANES; i++)
		sum->lane[i] = (uint16_t)(lanes[2 * i] | lanes[2 * i + 1] << 8);
	return rc;
}
