/* SPDX-License-Identifier: BSD-3-Clause */
/* dbhistory: what was done with a zone's versions; the last ones are kept. */
#include <sqlite3.h>

#include "store/db.h"
#include "store/dbstate.h"

#define KEPT     200                     /* of each zone */
#define KEPT_S   (INT64_C(180) * 86400)

/* Of a statement whose row is not wanted. */
static int run(struct db *db, enum question q, struct err *e)
{
	int step = sqlite3_step(db->st[q]), rc = step == SQLITE_DONE || step == SQLITE_ROW ? 0 : db_err(db, e);

	sqlite3_reset(db->st[q]);
	sqlite3_clear_bindings(db->st[q]);
	return rc;
}

int db_put_history(struct db *db, const uint8_t *apex, size_t apex_len, int64_t at, const char *json, struct err *e)
{
	sqlite3_stmt *put = db->st[Q_PUT_HISTORY];

	sqlite3_bind_blob(put, 1, apex, (int)apex_len, SQLITE_STATIC);
	sqlite3_bind_int64(put, 2, at);
	sqlite3_bind_text(put, 3, json, -1, SQLITE_STATIC);
	return run(db, Q_PUT_HISTORY, e);
}

int db_trim_history(struct db *db, const uint8_t *apex, size_t apex_len, int64_t at, struct err *e)
{
	sqlite3_stmt *trim = db->st[Q_TRIM_HISTORY];

	sqlite3_bind_blob(trim, 1, apex, (int)apex_len, SQLITE_STATIC);
	sqlite3_bind_int64(trim, 2, KEPT);
	sqlite3_bind_int64(trim, 3, at - KEPT_S);
	return run(db, Q_TRIM_HISTORY, e);
}

int db_each_history(struct db *db, const uint8_t *apex, size_t apex_len, size_t most,
		    int (*fn)(void *ctx, const char *json), void *ctx, struct err *e)
{
	sqlite3_stmt *st = db->st[Q_HISTORY];
	int rc = 0, step;

	sqlite3_bind_blob(st, 1, apex, (int)apex_len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)most);
	while ((step = sqlite3_step(st)) == SQLITE_ROW && rc == 0) {
		const char *json = (const char *)sqlite3_column_text(st, 0);

		rc = json == NULL ? 0 : fn(ctx, json);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = db_err(db, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}
