/* SPDX-License-Identifier: BSD-3-Clause */
/* store: what keydist keeps besides facts, in keydist.db: signatures made over apex RRsets, and running time.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
	"CREATE TABLE ready (digest BLOB PRIMARY KEY, zone TEXT NOT NULL, stream BLOB NOT NULL, earliest "
	"INTEGER NOT NULL) STRICT;"
	"CREATE TABLE wait (zone TEXT NOT NULL, key BLOB NOT NULL, ran_ms INTEGER NOT NULL, PRIMARY KEY "
	"(zone, key)) STRICT",
};

int store_db_open(struct keydist *k, struct err *e)
{
	char *path = mem_printf("%s/keydist.db", k->conf->keydist.state_dir);
	int rc = sql_open(path, migrations, sizeof(migrations) / sizeof(migrations[0]), &k->db, e);

	free(path);
	return rc == 0 ? store_waits_load(k, e) : -1;
}

uint8_t *store_ready_get(struct keydist *k, const uint8_t digest[32], size_t *len, int64_t *earliest)
{
	uint8_t *out = NULL;
	sqlite3_stmt *st;

	if (sql_prepare(k->db, "SELECT stream, earliest FROM ready WHERE digest = ?", &st, NULL) != 0)
		return NULL;
	sqlite3_bind_blob(st, 1, digest, 32, SQLITE_STATIC);
	if (sql_step(st, NULL) == 1) {
		*len = (size_t)sqlite3_column_bytes(st, 0);
		*earliest = sqlite3_column_int64(st, 1);
		out = mem_dup(sqlite3_column_blob(st, 0), *len);
	}
	sqlite3_finalize(st);
	return out;
}

int store_ready_put(struct keydist *k, const uint8_t digest[32], const char *zone, const uint8_t *stream,
		    size_t len, int64_t earliest, struct err *e)
{
	sqlite3_stmt *st;

	if (sql_prepare(k->db,
			"INSERT OR REPLACE INTO ready (digest, zone, stream, earliest) VALUES (?,?,?,?)", &st,
			e) != 0)
		return -1;
	sqlite3_bind_blob(st, 1, digest, 32, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, zone, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, stream, (int)len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, earliest);
	return sql_run(st, e);
}

int store_waits_load(struct keydist *k, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sql_prepare(k->db, "SELECT zone, key, ran_ms FROM wait", &st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		struct wait *w;

		if (sqlite3_column_bytes(st, 1) != 32)
			continue;
		k->wait = mem_grow(k->wait, k->waits + 1, sizeof(*k->wait));
		w = &k->wait[k->waits++];
		memset(w, 0, sizeof(*w));
		snprintf(w->zone, sizeof(w->zone), "%s", (const char *)sqlite3_column_text(st, 0));
		memcpy(w->key, sqlite3_column_blob(st, 1), 32);
		w->ran_ms = sqlite3_column_int64(st, 2);
	}
	sqlite3_finalize(st);
	return rc;
}

static int save_wait(struct keydist *k, const struct wait *w, struct err *e)
{
	sqlite3_stmt *st;

	if (sql_prepare(k->db, "INSERT OR REPLACE INTO wait (zone, key, ran_ms) VALUES (?,?,?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, w->zone, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, w->key, 32, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, w->ran_ms);
	return sql_run(st, e);
}

int store_waits_save(struct keydist *k, struct err *e)
{
	if (sql_exec(k->db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	for (size_t i = 0; i < k->waits; i++)
		if (k->wait[i].dirty && save_wait(k, &k->wait[i], e) != 0)
			goto fail;
	if (sql_exec(k->db, "COMMIT", e) != 0)
		goto fail;
	for (size_t i = 0; i < k->waits; i++)
		k->wait[i].dirty = false;
	return 0;
fail:
	sql_exec(k->db, "ROLLBACK", NULL);
	return -1;
}
