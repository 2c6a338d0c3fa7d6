/* SPDX-License-Identifier: BSD-3-Clause */
/* sql: opening, migrating and small statements. */
#include "sql/sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int sql_fail(sqlite3 *db, struct err *e)
{
	int code = sqlite3_errcode(db) & 0xff;

	return err_set(e, code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_DAMAGE : ERR_IO, "%s: %s",
		       sqlite3_db_filename(db, "main"), sqlite3_errmsg(db));
}

int sql_exec(sqlite3 *db, const char *sql, struct err *e)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_fail(db, e);
}

int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err *e)
{
	return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? 0 : sql_fail(db, e);
}

int sql_step(sqlite3_stmt *st, struct err *e)
{
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sql_fail(sqlite3_db_handle(st), e);
	}
}

int sql_run(sqlite3_stmt *st, struct err *e)
{
	int rc;

	while ((rc = sql_step(st, e)) == 1)
		;
	sqlite3_finalize(st);
	return rc;
}

static int migrate(sqlite3 *db, const char *const *migrations, int count, struct err *e)
{
	char version[64];
	sqlite3_stmt *st = NULL;
	int at = 0;

	if (sql_prepare(db, "PRAGMA user_version", &st, e) != 0)
		return -1;
	if (sql_step(st, e) == 1)
		at = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	if (at > count)
		return err_set(e, ERR_REFUSED, "%s has version %d, this program knows %d: it is too old",
			       sqlite3_db_filename(db, "main"), at, count);
	for (; at < count; at++) {
		snprintf(version, sizeof(version), "PRAGMA user_version = %d", at + 1);
		if (sql_exec(db, "BEGIN IMMEDIATE", e) != 0)
			return -1;
		if (sql_exec(db, migrations[at], e) != 0 || sql_exec(db, version, e) != 0 ||
		    sql_exec(db, "COMMIT", e) != 0) {
			sql_exec(db, "ROLLBACK", NULL);
			return -1;
		}
	}
	return 0;
}

int sql_open(const char *path, const char *const *migrations, int count, sqlite3 **out, struct err *e)
{
	sqlite3 *db = NULL;
	const mode_t before = umask(077);
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 NULL);

	umask(before);
	if (rc != SQLITE_OK) {
		err_set(e, ERR_IO, "%s: %s", path, db == NULL ? "no memory" : sqlite3_errmsg(db));
		sqlite3_close(db);
		return -1;
	}
	/* Exclusive locking keeps a second daemon out, and needs no shared memory file for the WAL. */
	if (sql_exec(db,
		     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		     "PRAGMA foreign_keys=ON; BEGIN IMMEDIATE; COMMIT",
		     e) != 0 ||
	    migrate(db, migrations, count, e) != 0) {
		sqlite3_close(db);
		return -1;
	}
	*out = db;
	return 0;
}

void sql_close(sqlite3 *db)
{
	if (db != NULL)
		sqlite3_close(db);
}
