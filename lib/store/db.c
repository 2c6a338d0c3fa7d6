/* SPDX-License-Identifier: BSD-3-Clause */
/* db: opening the store's database, its schema, and what is written to it. */
#include "store/db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/dbstate.h"
#include "store/rowsum.h"
#include "store/table.h"
#include "zone/zone_sum.h"

#define APPLICATION_ID 0x44756574 /* "Duet": so that no other program's database is taken for a store */

/* clang-format off */
static const char *const migrations[] = { /* entry i leads to user_version i + 1; append, never edit */
	"CREATE TABLE volume (id INTEGER PRIMARY KEY, octets INTEGER NOT NULL) STRICT;"
	"CREATE TABLE zone (id INTEGER PRIMARY KEY, apex BLOB NOT NULL UNIQUE, serial INTEGER NOT NULL,"
	" input_serial INTEGER NOT NULL, content INTEGER NOT NULL, epoch INTEGER NOT NULL, steps INTEGER NOT NULL,"
	" content_digest BLOB NOT NULL, keyset BLOB NOT NULL, version BLOB NOT NULL, largest_ttl INTEGER NOT NULL,"
	" earliest INTEGER NOT NULL, published_at INTEGER NOT NULL, sign_ctx BLOB NOT NULL, soa BLOB NOT NULL) STRICT;"
	"CREATE TABLE page (zone INTEGER NOT NULL REFERENCES zone (id), chain INTEGER NOT NULL,"
	" key BLOB NOT NULL, part INTEGER NOT NULL, volume INTEGER NOT NULL REFERENCES volume (id),"
	" offset INTEGER NOT NULL, len INTEGER NOT NULL, xxh INTEGER NOT NULL, digest BLOB NOT NULL,"
	" earliest INTEGER NOT NULL, records INTEGER NOT NULL, rrsigs INTEGER NOT NULL,"
	" PRIMARY KEY (zone, chain, key, part)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE keep (apex BLOB PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;",
	/* Check sums; NULL in rows that were written before there were any. */
	"ALTER TABLE volume ADD COLUMN sum INTEGER;"
	"ALTER TABLE zone ADD COLUMN pages INTEGER; ALTER TABLE zone ADD COLUMN page_sum INTEGER;"
	"ALTER TABLE zone ADD COLUMN sum INTEGER; ALTER TABLE keep ADD COLUMN sum INTEGER;"
	"CREATE TABLE content (zone INTEGER PRIMARY KEY REFERENCES zone (id), lanes BLOB NOT NULL) STRICT;",
	/* Sums are made in another way; what is missing is made from the pages. */
	"DELETE FROM content;",
	("CREATE TABLE history (id INTEGER PRIMARY KEY, apex BLOB NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL) STRICT;"
	 "CREATE INDEX history_of ON history (apex, id);"),
	("CREATE TABLE candidate (apex BLOB PRIMARY KEY, json TEXT NOT NULL, info BLOB NOT NULL, pages INTEGER NOT NULL,"
	 " page_sum INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	 "CREATE TABLE candidate_page (apex BLOB NOT NULL, chain INTEGER NOT NULL, key BLOB NOT NULL, part INTEGER NOT NULL,"
	 " octets BLOB NOT NULL, PRIMARY KEY (apex, chain, key, part)) STRICT, WITHOUT ROWID;"),
};
#define SCHEMA ((int)(sizeof(migrations) / sizeof(migrations[0])))

#define ZONE_COLUMNS \
	"serial, input_serial, content, epoch, steps, content_digest, keyset, version, largest_ttl, earliest," \
	" published_at, sign_ctx, soa, pages, page_sum, sum"
#define PAGE_COLUMNS \
	"zone, chain, key, part, volume, offset, len, xxh, digest, earliest, records, rrsigs"

static const char *const questions[Q_COUNT] = {
	[Q_PUT_ZONE] =
		"INSERT INTO zone (apex, " ZONE_COLUMNS ")"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
		" ON CONFLICT (apex) DO UPDATE SET serial = ?2, input_serial = ?3, content = ?4, epoch = ?5,"
		" steps = ?6, content_digest = ?7, keyset = ?8, version = ?9, largest_ttl = ?10,"
		" earliest = ?11, published_at = ?12, sign_ctx = ?13, soa = ?14, pages = ?15, page_sum = ?16,"
		" sum = ?17 RETURNING id",
	[Q_DEL_ZONE] = "DELETE FROM zone WHERE id = ?1",
	[Q_DEL_ZONE_PAGES] = "DELETE FROM page WHERE zone = ?1",
	[Q_PUT_PAGE] =
		"INSERT INTO page (" PAGE_COLUMNS ")"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
		" ON CONFLICT (zone, chain, key, part) DO UPDATE SET volume = ?5, offset = ?6, len = ?7,"
		" xxh = ?8, digest = ?9, earliest = ?10, records = ?11, rrsigs = ?12",
	[Q_DEL_PAGE] = "DELETE FROM page WHERE zone = ?1 AND chain = ?2 AND key = ?3 AND part = ?4",
	[Q_PUT_VOLUME] =
		"INSERT INTO volume (id, octets, sum) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (id) DO UPDATE SET octets = ?2, sum = ?3",
	[Q_DEL_VOLUME] = "DELETE FROM volume WHERE id = ?1",
	[Q_DEL_VOLUME_PAGES] = "DELETE FROM page WHERE volume = ?1",
	[Q_PUT_KEEP] =
		"INSERT INTO keep (apex, json, sum) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (apex) DO UPDATE SET json = ?2, sum = ?3",
	[Q_GET_KEEP] = "SELECT json, sum FROM keep WHERE apex = ?1",
	[Q_KEEPS] = "SELECT apex FROM keep ORDER BY apex",
	[Q_PUT_CONTENT] =
		"INSERT INTO content (zone, lanes) VALUES (?1, ?2) ON CONFLICT (zone) DO UPDATE SET lanes = ?2",
	[Q_GET_CONTENT] = "SELECT lanes FROM content WHERE zone = ?1",
	[Q_DEL_CONTENT] = "DELETE FROM content WHERE zone = ?1",
	[Q_PUT_HISTORY] = "INSERT INTO history (apex, at, json) VALUES (?1, ?2, ?3)",
	[Q_TRIM_HISTORY] = "DELETE FROM history WHERE apex = ?1 AND (at < ?3 OR id <="
		" (SELECT id FROM history WHERE apex = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2))",
	[Q_HISTORY] = "SELECT json FROM history WHERE apex = ?1 ORDER BY id DESC LIMIT ?2",
	[Q_PUT_CANDIDATE] = "INSERT INTO candidate (apex, json, info, pages, page_sum, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (apex) DO UPDATE SET json = ?2, info = ?3, pages = ?4, page_sum = ?5, sum = ?6",
	[Q_DEL_CANDIDATE] = "DELETE FROM candidate WHERE apex = ?1",
	[Q_PUT_CANDIDATE_PAGE] = "INSERT INTO candidate_page (apex, chain, key, part, octets) VALUES (?1, ?2, ?3, ?4, ?5)",
	[Q_DEL_CANDIDATE_PAGES] = "DELETE FROM candidate_page WHERE apex = ?1",
	[Q_CANDIDATES] = "SELECT apex, json, info, pages, page_sum, sum FROM candidate ORDER BY apex",
	[Q_CANDIDATE_PAGES] = "SELECT chain, key, part, octets FROM candidate_page WHERE apex = ?1 ORDER BY chain, key, part",
	[Q_VOLUMES] = "SELECT id, octets, sum FROM volume ORDER BY id",
	[Q_ZONES] = "SELECT id, apex, " ZONE_COLUMNS " FROM zone ORDER BY id",
	[Q_PAGES] = "SELECT " PAGE_COLUMNS " FROM page WHERE zone = ?1 ORDER BY chain, key, part",
	[Q_BEGIN] = "BEGIN IMMEDIATE",
	[Q_COMMIT] = "COMMIT",
};
/* clang-format on */

int db_err(struct db *db, struct err *e)
{
	int code = sqlite3_errcode(db->sql), system = sqlite3_system_errno(db->sql);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return err_set(e, ERR_DAMAGE,
			       "%s: the file is damaged (%s): with the signer stopped, move its folder aside; it then "
			       "signs all zones again from their sources, and learns its last serials from its peers "
			       "and secondaries",
			       db->path, sqlite3_errmsg(db->sql));
	return err_set(e, ERR_IO, "%s: %s%s%s", db->path, sqlite3_errmsg(db->sql), system != 0 ? ", " : "",
		       system != 0 ? strerror(system) : "");
}

static int exec(struct db *db, const char *text, struct err *e)
{
	return sqlite3_exec(db->sql, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_err(db, e);
}

/* The one number that a PRAGMA answers. */
static int pragma_number(struct db *db, const char *text, int *out, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(db->sql, text, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
		rc = 0;
	} else {
		db_err(db, e);
	}
	sqlite3_finalize(st);
	return rc;
}

static int migrate(struct db *db, struct err *e)
{
	int version, application, tables;

	if (pragma_number(db, "PRAGMA user_version", &version, e) != 0 ||
	    pragma_number(db, "PRAGMA application_id", &application, e) != 0 ||
	    pragma_number(db, "SELECT count(*) FROM sqlite_schema", &tables, e) != 0)
		return -1;
	if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
		return err_set(e, ERR_REFUSED, "%s: not a store of Duet", db->path);
	if (version > SCHEMA)
		return err_set(e, ERR_REFUSED,
			       "%s: made by a newer program (schema %d, this program knows up to %d)",
			       db->path, version, SCHEMA);
	for (; version < SCHEMA; version++) {
		char mark[96];

		sqlite3_snprintf(sizeof(mark), mark,
				 "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
				 APPLICATION_ID, version + 1);
		if (exec(db, "BEGIN IMMEDIATE", e) != 0 || exec(db, migrations[version], e) != 0 ||
		    exec(db, mark, e) != 0)
			return err_ctx(e, "schema %d", version + 1);
	}
	return 0;
}

static int on_log(void *ctx, sqlite3 *sql, const char *name, int pages)
{
	struct db *db = ctx;

	(void)sql;
	(void)name;
	db->log_pages = (unsigned)pages;
	return SQLITE_OK;
}

/* Setting a PRAGMA answers a row or not; what matters is that it holds afterwards. */
static int settings(struct db *db, struct err *e)
{
	int synchronous, keys;

	/* One process has the store: no shared memory file, and the lock holds until the end. */
	if (exec(db,
		 "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY",
		 e) != 0 ||
	    pragma_number(db, "PRAGMA synchronous", &synchronous, e) != 0 ||
	    pragma_number(db, "PRAGMA foreign_keys", &keys, e) != 0)
		return -1;
	if (synchronous != 2 || keys != 1)
		return err_set(e, ERR_INTERNAL, "%s: SQLite does not take its settings", db->path);
	sqlite3_wal_hook(db->sql, on_log, db);
	return 0;
}

int db_open(const char *path, struct db **out, struct err *e)
{
	struct db *db = mem_new(1, sizeof(*db));

	db->path = mem_strdup(path);
	if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK) {
		db_err(db, e);
		goto fail;
	}
	sqlite3_extended_result_codes(db->sql, 0);
	if (settings(db, e) != 0 || migrate(db, e) != 0)
		goto fail;
	db_log_room(db);
	for (int i = 0; i < Q_COUNT; i++)
		if (sqlite3_prepare_v3(db->sql, questions[i], -1, SQLITE_PREPARE_PERSISTENT, &db->st[i],
				       NULL) != SQLITE_OK) {
			db_err(db, e);
			goto fail;
		}
	*out = db;
	return 0;
fail:
	db_close(db);
	return -1;
}

void db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (int i = 0; i < Q_COUNT; i++)
		sqlite3_finalize(db->st[i]);
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

/* Runs a statement that answers no row, or whose row is not wanted; lets go of it in any case. */
static int run(struct db *db, enum question q, struct err *e)
{
	int step = sqlite3_step(db->st[q]), rc = 0;

	if (step != SQLITE_DONE && step != SQLITE_ROW)
		rc = db_err(db, e);
	sqlite3_reset(db->st[q]);
	sqlite3_clear_bindings(db->st[q]);
	return rc;
}

int db_begin(struct db *db, struct err *e)
{
	return run(db, Q_BEGIN, e);
}

int db_commit(struct db *db, struct err *e)
{
	return run(db, Q_COMMIT, e);
}

void db_rollback(struct db *db)
{
	if (sqlite3_get_autocommit(db->sql) == 0)
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

int db_checkpoint(struct db *db, unsigned least_log_pages, struct err *e)
{
	int left;

	if (db->log_pages < least_log_pages)
		return 0;
	if (sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, NULL) != SQLITE_OK)
		return db_err(db, e);
	db->log_pages = 0;
	return 0;
}

static void blob(sqlite3_stmt *st, int i, const void *p, size_t len)
{
	/* An empty blob is not NULL. */
	sqlite3_bind_blob(st, i, len > 0 ? p : "", (int)len, SQLITE_STATIC);
}

static void number(sqlite3_stmt *st, int i, uint64_t n)
{
	sqlite3_bind_int64(st, i, (int64_t)n);
}

/* SOA and what is made with it as a record stream. */
static uint8_t *soa_stream(const struct version_info *info, size_t *len)
{
	size_t cap = rr_wire_len(&info->soa);
	struct wr w;

	for (size_t i = 0; i < info->with_soa_count; i++)
		cap += rr_wire_len(&info->with_soa[i]);
	w = wr_of(mem_new(1, cap), cap);
	rr_write(&w, &info->soa);
	for (size_t i = 0; i < info->with_soa_count; i++)
		rr_write(&w, &info->with_soa[i]);
	*len = w.at;
	return w.p;
}

int db_put_zone(struct db *db, const uint8_t *apex, size_t apex_len, const struct version_info *info,
		const struct table *t, int64_t *id, struct err *e)
{
	sqlite3_stmt *st = db->st[Q_PUT_ZONE];
	uint64_t pages = table_len(t), page_sum = table_sum(t);
	size_t soa_len;
	uint8_t *soa = soa_stream(info, &soa_len);
	int rc = 0;

	blob(st, 1, apex, apex_len);
	number(st, 2, info->serial);
	number(st, 3, info->input_serial);
	number(st, 4, info->content);
	number(st, 5, info->epoch);
	number(st, 6, info->steps);
	blob(st, 7, info->content_digest, sizeof(info->content_digest));
	blob(st, 8, info->keyset, sizeof(info->keyset));
	blob(st, 9, info->id, sizeof(info->id));
	number(st, 10, info->largest_ttl);
	number(st, 11, (uint64_t)info->earliest);
	number(st, 12, (uint64_t)info->published_at);
	blob(st, 13, info->sign_ctx, sizeof(info->sign_ctx));
	blob(st, 14, soa, soa_len);
	number(st, 15, pages);
	number(st, 16, page_sum);
	number(st, 17, zone_row_sum(apex, apex_len, info, pages, page_sum));
	if (sqlite3_step(st) == SQLITE_ROW)
		*id = sqlite3_column_int64(st, 0);
	else
		rc = db_err(db, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	free(soa);
	return rc;
}

int db_del_pages(struct db *db, int64_t zone, struct err *e)
{
	sqlite3_bind_int64(db->st[Q_DEL_ZONE_PAGES], 1, zone);
	return run(db, Q_DEL_ZONE_PAGES, e);
}

int db_del_zone(struct db *db, int64_t id, struct err *e)
{
	sqlite3_bind_int64(db->st[Q_DEL_CONTENT], 1, id);
	sqlite3_bind_int64(db->st[Q_DEL_ZONE], 1, id);
	if (db_del_pages(db, id, e) != 0 || run(db, Q_DEL_CONTENT, e) != 0)
		return -1;
	return run(db, Q_DEL_ZONE, e);
}

static void bind_page_key(sqlite3_stmt *st, int64_t zone, const struct page_row *row)
{
	sqlite3_bind_int64(st, 1, zone);
	number(st, 2, row->chain);
	blob(st, 3, row->key, row->key_len);
	number(st, 4, row->part);
}

int db_put_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e)
{
	sqlite3_stmt *st = db->st[Q_PUT_PAGE];

	bind_page_key(st, zone, row);
	number(st, 5, row->volume);
	number(st, 6, row->offset);
	number(st, 7, row->len);
	number(st, 8, row->xxh);
	blob(st, 9, row->digest, sizeof(row->digest));
	number(st, 10, (uint64_t)row->earliest);
	number(st, 11, row->records);
	number(st, 12, row->rrsigs);
	return run(db, Q_PUT_PAGE, e);
}

int db_del_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e)
{
	bind_page_key(db->st[Q_DEL_PAGE], zone, row);
	return run(db, Q_DEL_PAGE, e);
}

int db_put_volume(struct db *db, uint32_t id, uint64_t end, struct err *e)
{
	number(db->st[Q_PUT_VOLUME], 1, id);
	number(db->st[Q_PUT_VOLUME], 2, end);
	number(db->st[Q_PUT_VOLUME], 3, volume_row_sum(id, end));
	return run(db, Q_PUT_VOLUME, e);
}

int db_del_volume(struct db *db, uint32_t id, bool pages, struct err *e)
{
	number(db->st[Q_DEL_VOLUME], 1, id);
	number(db->st[Q_DEL_VOLUME_PAGES], 1, id);
	if (pages && run(db, Q_DEL_VOLUME_PAGES, e) != 0)
		return -1;
	return run(db, Q_DEL_VOLUME, e);
}

int db_put_keep(struct db *db, const uint8_t *apex, size_t apex_len, const char *json, struct err *e)
{
	blob(db->st[Q_PUT_KEEP], 1, apex, apex_len);
	sqlite3_bind_text(db->st[Q_PUT_KEEP], 2, json, -1, SQLITE_STATIC);
	number(db->st[Q_PUT_KEEP], 3, keep_row_sum(apex, apex_len, json));
	return run(db, Q_PUT_KEEP, e);
}

int db_put_content(struct db *db, int64_t zone, const struct zone_sum *sum, struct err *e)
{
	uint8_t lanes[2 * ZONE_SUM_LANES];

	for (size_t i = 0; i < ZONE_SUM_LANES; i++) {
		lanes[2 * i] = (uint8_t)sum->lane[i];
		lanes[2 * i + 1] = (uint8_t)(sum->lane[i] >> 8);
	}
	sqlite3_bind_int64(db->st[Q_PUT_CONTENT], 1, zone);
	blob(db->st[Q_PUT_CONTENT], 2, lanes, sizeof(lanes));
	return run(db, Q_PUT_CONTENT, e);
}
