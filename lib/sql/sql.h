/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SQL_H
#define DUET_SQL_H

#include <sqlite3.h>
#include <stdint.h>

#include "err/err.h"

/*
 * sql - a SQLite database as all daemons want it: WAL, synchronous=FULL, foreign_keys=ON, brought to its
 * newest form by a list of migrations (entry i leads to user_version i + 1), refused when it is newer than
 * the program, locked against a second process.  A connection belongs to one thread.
 */
int sql_open(const char *path, const char *const *migrations, int count, sqlite3 **out, struct err *e);
/* NULL does nothing. */
void sql_close(sqlite3 *db);

/* One or more statements without parameters. */
int sql_exec(sqlite3 *db, const char *sql, struct err *e);
/* The statement is finalized by the caller (sqlite3_finalize). */
int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err *e);
/* 1 a row, 0 done, -1 failed. */
int sql_step(sqlite3_stmt *st, struct err *e);
/* Steps to the end and finalizes, also on failure. */
int sql_run(sqlite3_stmt *st, struct err *e);
/* Sets e from the connection's last failure; a full disk is ERR_IO.  Returns -1. */
int sql_fail(sqlite3 *db, struct err *e);

#endif
