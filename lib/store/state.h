/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_STATE_H
#define DUET_STORE_STATE_H

#include <stdatomic.h>

#include "store/db.h"
#include "store/store.h"
#include "store/table.h"
#include "store/volume.h"

/* state - what the files of lib/store share of a store, and nobody else sees. */
struct version {
	atomic_uint refs;
	struct version_info info; /* its pointers lead into `memory`; no sum */
	struct table *table;
	uint8_t *memory;
};

struct stored_zone {
	int64_t id;              /* of its row */
	struct version *current; /* NULL: its rows are damaged, or something is kept of it and no more */
	struct version *candidate; /* that waits to be published, or NULL */
	char *candidate_text;    /* NULL where there is none */
	char *damage;            /* what is wrong with them, or NULL */
	size_t apex_len;
	uint8_t apex[];          /* lower case */
};

/* A page that was not what was written when it was read. */
struct bad_page {
	uint32_t volume;
	uint64_t offset;
};

/*
 * Invariants: 1. zone[] is in order of dname_cmp.  2. What the database says is what zone[].current says, whenever
 * db_lock is free.  3. Octets of volumes that no row names are appended only while open_changes > 0.
 * 4. volumes.lock guards zone[] and what it leads to, open_changes, sync_failures and bad[]; it is held for moments, never
 * while a file is touched.  db_lock guards db and is held for a whole transaction; it is taken first.
 */
struct store {
	char *dir;
	int dir_fd;
	int lock_fd;
	pthread_mutex_t db_lock;
	struct db *db;
	struct volumes volumes;
	struct stored_zone **zone;
	size_t zone_count, zone_cap;
	struct bad_page *bad;    /* in order */
	atomic_size_t bad_count;
	bool volume_missing;     /* some volume has no file; set at open */
	size_t unnamed;          /* damaged rows of zones whose name cannot be read */
	bool garbage;            /* there may be rows of pages that no zone has */
	unsigned open_changes;
	bool compacting;         /* no change may begin */
	unsigned sync_failures;  /* a change that was open at one has pages that may be lost */
};

static inline void store_lock(struct store *s)
{
	pthread_mutex_lock(&s->volumes.lock);
}

static inline void store_unlock(struct store *s)
{
	pthread_mutex_unlock(&s->volumes.lock);
}

/* The zone, or NULL.  These functions: with the lock held. */
struct stored_zone *store_find(struct store *s, const uint8_t *apex);
/* Makes the entry when there is none. */
struct stored_zone *store_entry(struct store *s, const uint8_t *apex);
/* Puts one behind the others; while the store is loaded. */
struct stored_zone *store_append_entry(struct store *s, const uint8_t *apex);
void stored_zone_free(struct stored_zone *z);

/* load.c: everything that the database has. */
int store_load(struct store *s, struct err *e);

/* Copies info and what it points to, besides its sum; takes over the reference to the table. */
struct version *version_new(const struct version_info *info, struct table *table);

/* Writes the ends of all volumes that were appended to, as far as they are synced. */
int store_put_volumes(struct store *s, struct err *e);

/* change.c: for the file that publishes. */
struct change {
	struct store *s;
	struct version *base;    /* NULL: the zone had none */
	struct table_build *build;
	struct table *table;     /* NULL: nobody has asked for it yet */
	unsigned sync_failures;  /* of the store, at the start */
	bool put;
	bool failed;
	uint8_t apex[DNAME_MAX]; /* lower case */
};

#endif
