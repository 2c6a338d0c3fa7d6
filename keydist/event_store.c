/* SPDX-License-Identifier: BSD-3-Clause */
/* event_store: the events of events.c in keydist.db. */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 100000

static int finish(sqlite3_stmt *st, struct err *e)
{
	const int rc = sql_step(st, e);

	sqlite3_finalize(st);
	return rc < 0 ? -1 : 0;
}

int store_event_put(struct keydist *k, const char *body, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (store_begin(k, e) != 0 || sql_prepare(k->db, "INSERT INTO event (body) VALUES (?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, body, -1, SQLITE_STATIC);
	if (finish(st, e) != 0)
		return -1;
	return store_event_drop(k, sqlite3_last_insert_rowid(k->db) - KEPT_MAX, e);
}

/* With its number as a further member.  A body that is damaged is told by its number alone: what comes behind it is told, too. */
static char *numbered(const char *body, int64_t number)
{
	json_t *o = body == NULL ? NULL : json_loads(body, 0, NULL);
	char *text;

	if (!json_is_object(o)) {
		json_decref(o);
		o = json_object();
	}
	json_object_set_new(o, "number", json_integer((json_int_t)number));
	text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	return text;
}

char *store_event_next(struct keydist *k, int64_t after, int64_t *number)
{
	sqlite3_stmt *st = NULL;
	char *out = NULL;

	if (sql_prepare(k->db, "SELECT number, body FROM event WHERE number > ? ORDER BY number LIMIT 1", &st, NULL) != 0)
		return NULL; /* with the next second */
	sqlite3_bind_int64(st, 1, after);
	if (sql_step(st, NULL) == 1) {
		*number = sqlite3_column_int64(st, 0);
		out = numbered((const char *)sqlite3_column_text(st, 1), *number);
	}
	sqlite3_finalize(st);
	return out;
}

int64_t store_event_upto(struct keydist *k, const char *url)
{
	sqlite3_stmt *st = NULL;
	int64_t upto = 0;

	if (sql_prepare(k->db, "SELECT upto FROM event_told WHERE url = ?", &st, NULL) != 0)
		return 0; /* told twice is no harm */
	sqlite3_bind_text(st, 1, url, -1, SQLITE_STATIC);
	if (sql_step(st, NULL) == 1)
		upto = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return upto;
}

int store_event_told(struct keydist *k, const char *url, int64_t upto, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (store_begin(k, e) != 0 ||
	    sql_prepare(k->db, "INSERT OR REPLACE INTO event_told (url, upto) VALUES (?,?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, url, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, upto);
	return finish(st, e);
}

int store_event_drop(struct keydist *k, int64_t upto, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (store_begin(k, e) != 0 || sql_prepare(k->db, "DELETE FROM event WHERE number <= ?", &st, e) != 0)
		return -1;
	sqlite3_bind_int64(st, 1, upto);
	return finish(st, e);
}

size_t store_steps_get(struct keydist *k, const char *zone, struct steps_row **rows)
{
	sqlite3_stmt *st = NULL;
	size_t n = 0;

	*rows = NULL;
	if (sql_prepare(k->db, "SELECT key, bits FROM key_step WHERE zone = ?", &st, NULL) != 0)
		return 0; /* told twice is no harm */
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	while (sql_step(st, NULL) == 1) {
		if (sqlite3_column_bytes(st, 0) != 32)
			continue;
		*rows = mem_grow(*rows, n + 1, sizeof(**rows));
		memcpy((*rows)[n].hash, sqlite3_column_blob(st, 0), 32);
		(*rows)[n++].bits = (unsigned)sqlite3_column_int(st, 1);
	}
	sqlite3_finalize(st);
	return n;
}

int store_steps_put(struct keydist *k, const char *zone, const uint8_t hash[32], unsigned bits, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (store_begin(k, e) != 0 ||
	    sql_prepare(k->db, "INSERT OR REPLACE INTO key_step (zone, key, bits) VALUES (?,?,?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, hash, 32, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, (int)bits);
	return finish(st, e);
}

char *store_alarm_get(struct keydist *k, const char *zone)
{
	sqlite3_stmt *st = NULL;
	char *out = NULL;

	if (sql_prepare(k->db, "SELECT message FROM alarm WHERE zone = ?", &st, NULL) != 0)
		return NULL; /* told twice is no harm */
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	if (sql_step(st, NULL) == 1)
		out = mem_strdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return out;
}

int store_alarm_put(struct keydist *k, const char *zone, const char *message, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (store_begin(k, e) != 0 || sql_prepare(k->db, message == NULL ? "DELETE FROM alarm WHERE zone = ?"
						  : "INSERT OR REPLACE INTO alarm (zone, message) VALUES (?,?)", &st, e) != 0)
		return -1;
	sqlite3_bind_text(st, 1, zone, -1, SQLITE_STATIC);
	if (message != NULL)
		sqlite3_bind_text(st, 2, message, -1, SQLITE_STATIC);
	return finish(st, e);
}
