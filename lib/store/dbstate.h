/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_DBSTATE_H
#define DUET_STORE_DBSTATE_H

#include <sqlite3.h>

#include "err/err.h"

/* dbstate - what db.c and dbread.c share, and nobody else sees. */
enum question {
	Q_PUT_ZONE, Q_DEL_ZONE, Q_DEL_ZONE_PAGES, Q_PUT_PAGE, Q_DEL_PAGE, Q_PUT_VOLUME, Q_DEL_VOLUME,
	Q_DEL_VOLUME_PAGES, Q_PUT_KEEP, Q_GET_KEEP, Q_KEEPS, Q_PUT_CONTENT, Q_GET_CONTENT, Q_DEL_CONTENT, Q_PUT_HISTORY, Q_TRIM_HISTORY, Q_HISTORY,
	Q_PUT_CANDIDATE, Q_DEL_CANDIDATE, Q_PUT_CANDIDATE_PAGE, Q_DEL_CANDIDATE_PAGES, Q_CANDIDATES, Q_CANDIDATE_PAGES, Q_VOLUMES, Q_ZONES, Q_PAGES, Q_BEGIN, Q_COMMIT, Q_COUNT
};

struct db {
	sqlite3 *sql;
	char *path;
	unsigned log_pages; /* of commits that are not yet in the database file */
	sqlite3_stmt *st[Q_COUNT];
};

/* Sets e from SQLite's last error: ERR_DAMAGE or ERR_IO.  Returns -1. */
int db_err(struct db *db, struct err *e);
/*
 * db_log_room - lets the log have its size from the start (dblog.c).
 *
 * A sync of what is written over needs no change of the file's length, which would be a commit of the file system's journal
 * as well.  What stands behind the last commit of a log is nothing to SQLite, as after the log has begun anew.  On a disk
 * that is nearly full the log grows as it would.
 */
void db_log_room(const struct db *db);

#endif
