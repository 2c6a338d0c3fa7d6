/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_DB_H
#define DUET_STORE_DB_H

#include "store/store.h"

/*
 * db - the SQLite side of the store (for lib/store alone): one function per question.
 *
 * Writing functions run between db_begin and db_commit, which is the publication.  After any failure of theirs the
 * caller says db_rollback.
 */
struct db;

/* Opens or makes the database, brings it to the newest schema.  ERR_REFUSED: made by a newer program, or not a store. */
int db_open(const char *path, struct db **out, struct err *e);
void db_close(struct db *db);

int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db);
/* Moves what the log of recent commits holds into the database file; nothing when it is short. */
int db_checkpoint(struct db *db, unsigned least_log_pages, struct err *e);

/* Reads the part of the log that the next commit writes, where the kernel has not kept it (dblog.c). */
void db_log_ahead(struct db *db);

/* Makes or changes the zone's row; id: set. */
int db_put_zone(struct db *db, const uint8_t *apex, size_t apex_len, const struct version_info *info,
		const struct table *t, int64_t *id, struct err *e);
/* All pages that are under this zone's id. */
int db_del_pages(struct db *db, int64_t zone, struct err *e);
/* The zone and its pages. */
int db_del_zone(struct db *db, int64_t id, struct err *e);
int db_put_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e);
int db_del_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e);
int db_put_volume(struct db *db, uint32_t id, uint64_t end, struct err *e);
/* pages: with rows that still say that they lie there, of no zone. */
int db_del_volume(struct db *db, uint32_t id, bool pages, struct err *e);
int db_put_keep(struct db *db, const uint8_t *apex, size_t apex_len, const char *json, struct err *e);
/* One more word of the zone's history. */
int db_put_history(struct db *db, const uint8_t *apex, size_t apex_len, int64_t at, const char *json, struct err *e);
/* Old words go, at the instant of the newest. */
int db_trim_history(struct db *db, const uint8_t *apex, size_t apex_len, int64_t at, struct err *e);
/* The newest first. */
int db_each_history(struct db *db, const uint8_t *apex, size_t apex_len, size_t most,
		    int (*fn)(void *ctx, const char *json), void *ctx, struct err *e);
struct zone_sum;
int db_put_content(struct db *db, int64_t zone, const struct zone_sum *sum, struct err *e);

/* NULL when there is none, or it is damaged or cannot be read; free(). */
char *db_get_keep(struct db *db, const uint8_t *apex, size_t apex_len);
/* The apex of each zone of which something is kept. */
int db_each_keep(struct db *db, int (*fn)(void *ctx, const uint8_t *apex, struct err *e), void *ctx, struct err *e);
/* 1, 0 when there is none, -1. */
int db_get_content(struct db *db, int64_t zone, struct zone_sum *sum, struct err *e);
int db_each_volume(struct db *db, int (*fn)(void *ctx, uint32_t id, uint64_t end, bool damaged, struct err *e),
		   void *ctx, struct err *e);
/* Zones by id. */
struct db_zone {
	int64_t id;
	const uint8_t *apex;        /* NULL: what is there is no name */
	struct version_info info;
	bool damaged;               /* the row is not what was written: the rest says nothing */
	bool counted;               /* pages and page_sum are known */
	uint64_t pages, page_sum;
};
int db_each_zone(struct db *db, int (*fn)(void *ctx, const struct db_zone *z, struct err *e), void *ctx, struct err *e);
/* The zone's pages in the order of transfer.  row NULL: one with a value out of bounds. */
int db_each_page(struct db *db, int64_t zone, int (*fn)(void *ctx, const struct page_row *row, struct err *e), void *ctx,
		 struct err *e);

#endif
