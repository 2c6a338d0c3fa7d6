/* SPDX-License-Identifier: BSD-3-Clause */
/* store: what keydist keeps besides facts, in keydist.db: signatures made over apex RRsets, and what waits
 * remember. */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
	"CREATE TABLE ready (digest BLOB PRIMARY KEY, zone TEXT NOT NULL, stream BLOB NOT NULL, earliest "
	"INTEGER NOT NULL) STRICT;"
	"CREATE TABLE wait (zone TEXT NOT NULL, key BLOB NOT NULL, ran_ms INTEGER NOT NULL, PRIMARY KEY "
	"(zone, key)) STRICT",
	"DROP TABLE wait; CREATE TABLE memory (zone TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT",
	"CREATE TABLE told (zone TEXT NOT NULL, way INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (zone, way)) STRICT",
	"CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;"
	"CREATE TABLE event_told (url TEXT PRIMARY KEY, upto INTEGER NOT NULL) STRICT;"
	"CREATE TABLE key_step (zone TEXT NOT NULL, key BLOB NOT NULL, bits INTEGER NOT NULL, PRIMARY KEY (zone, key)) STRICT",
	"CREATE TABLE alarm (zone TEXT PRIMARY KEY, message TEXT NOT NULL) STRICT",
};

int store_db_open(struct keydist *k, struct err *e)
{
	char *path = mem_printf("%s/keydist.db", k->conf->keydist.state_dir);
	int rc = sql_open(path, migrations, sizeof(migrations) / sizeof(migrations[0]), &k->db, e);

	free(path);
	if (rc != 0 || sql_prepare(k->db, "SELECT stream, earliest FROM ready WHERE digest = ?", &k->ready_get, e) != 0 ||
	    sql_prepare(k->db, "INSERT OR REPLACE INTO ready (digest, zone, stream, earliest) VALUES (?,?,?,?)",
			&k->ready_put, e) != 0)
		return -1;
	return store_memory_load(k, e);
}

void store_db_close(struct keydist *k)
{
	sqlite3_finalize(k->ready_get);
	sqlite3_finalize(k->ready_put);
	sql_close(k->db);
}

uint8_t *store_ready_get(struct keydist *k, const uint8_t digest[32], size_t *len, int64_t *earliest)
{
	sqlite3_stmt *st = k->ready_get;
	uint8_t *out = NULL;

	sqlite3_bind_blob(st, 1, digest, 32, SQLITE_STATIC);
	if (sql_step(st, NULL) == 1) {
		*len = (size_t)sqlite3_column_bytes(st, 0);
		*earliest = sqlite3_column_int64(st, 1);
		out = mem_dup(sqlite3_column_blob(st, 0), *len);
	}
	sqlite3_reset(st);
	return out;
}

bool store_was_told(struct keydist *k, const char *zone, int way, const uint8_t digest[32])
{
	sqlite3_stmt *st = NULL;
	bool same = false;

	if (sql_prepare(k->db, "SELECT 1 FROM told WHERE zone = ? AND way = ? AND digest = ?", &st, NULL) != 0)
		return false; /* told twice is no harm */
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, way);
	sqlite3_bind_blob(st, 3, digest, 32, SQLITE_STATIC);
	same = sql_step(st, NULL) == 1;
	sqlite3_finalize(st);
	return same;
}

int store_begin(struct keydist *k, struct err *e)
{
	if (!k->db_open && sql_exec(k->db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	k->db_open = true;
	return 0;
}

int store_told(struct keydist *k, const char *zone, int way, const uint8_t digest[32], struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (store_begin(k, e) != 0 ||
	    sql_prepare(k->db, "INSERT OR REPLACE INTO told (zone, way, digest) VALUES (?,?,?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, way);
	sqlite3_bind_blob(st, 3, digest, 32, SQLITE_STATIC);
	rc = sql_step(st, e);
	sqlite3_finalize(st);
	return rc;
}

int store_ready_put(struct keydist *k, const uint8_t digest[32], const char *zone, const uint8_t *stream,
		    size_t len, int64_t earliest, struct err *e)
{
	sqlite3_stmt *st = k->ready_put;
	int rc;

	if (store_begin(k, e) != 0)
		return -1;
	sqlite3_bind_blob(st, 1, digest, 32, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, zone, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, stream, (int)len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, earliest);
	rc = sql_step(st, e);
	sqlite3_reset(st);
	return rc;
}

int store_commit(struct keydist *k, struct err *e)
{
	if (!k->db_open)
		return 0;
	k->db_open = false;
	if (sql_exec(k->db, "COMMIT", e) == 0)
		return 0;
	sql_exec(k->db, "ROLLBACK", NULL);
	return -1;
}

int store_memory_load(struct keydist *k, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sql_prepare(k->db, "SELECT zone, text FROM memory", &st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		struct zone_ctx *c = zone_ctx_text(k, (const char *)sqlite3_column_text(st, 0), true);

		if (c != NULL)
			running_read(c, (const char *)sqlite3_column_text(st, 1));
	}
	sqlite3_finalize(st);
	return rc;
}

static int save_memory(sqlite3_stmt *st, const struct zone_ctx *c, struct err *e)
{
	char *text = running_text(c->memory);
	int rc;

	sqlite3_bind_text(st, 1, c->text, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
	rc = sql_step(st, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	free(text);
	return rc;
}

int store_memory_save(struct keydist *k, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (store_commit(k, e) != 0 || sql_exec(k->db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	rc = sql_prepare(k->db, "INSERT OR REPLACE INTO memory (zone, text) VALUES (?,?)", &st, e);
	for (size_t i = 0; i < k->zones && rc == 0; i++)
		if (k->zone[i]->memory_changed && k->zone[i]->memory != NULL)
			rc = save_memory(st, k->zone[i], e);
	sqlite3_finalize(st);
	if (rc != 0 || sql_exec(k->db, "COMMIT", e) != 0) {
		sql_exec(k->db, "ROLLBACK", NULL);
		return -1;
	}
	for (size_t i = 0; i < k->zones; i++)
		k->zone[i]->memory_changed = false;
	return 0;
}
