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

/* Makes or changes the zone's row; id: set. */
int db_put_zone(struct db *db, const uint8_t *apex, size_t apex_len, const struct version_info *info, int64_t *id,
		struct err *e);
/* The zone and its pages. */
int db_del_zone(struct db *db, int64_t id, struct err *e);
int db_put_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e);
int db_del_page(struct db *db, int64_t zone, const struct page_row *row, struct err *e);
int db_put_volume(struct db *db, uint32_t id, uint64_t end, struct err *e);
int db_del_volume(struct db *db, uint32_t id, struct err *e);
int db_put_keep(struct db *db, const uint8_t *apex, size_t apex_len, const char *json, struct err *e);

/* NULL when there is none or it cannot be read; free(). */
char *db_get_keep(struct db *db, const uint8_t *apex, size_t apex_len);
int db_each_volume(struct db *db, int (*fn)(void *ctx, uint32_t id, uint64_t end, struct err *e), void *ctx,
		   struct err *e);
/* Zones by id; info is borrowed for the call. */
int db_each_zone(struct db *db,
		 int (*fn)(void *ctx, int64_t id, const uint8_t *apex, const struct version_info *info, struct err *e),
		 void *ctx, struct err *e);
/* Pages by zone id, then in the order of transfer. */
int db_each_page(struct db *db, int (*fn)(void *ctx, int64_t zone, const struct page_row *row, struct err *e),
		 void *ctx, struct err *e);

#endif
