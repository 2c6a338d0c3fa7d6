/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_STATE_H
#define DUET_STORE_STATE_H

#include "store/db.h"
#include "store/store.h"
#include "store/table.h"
#include "store/volume.h"

/* state - what the files of lib/store share of a store, and nobody else sees. */
struct version {
	unsigned refs;
	struct version_info info; /* its pointers lead into `memory` */
	struct table *table;
	uint8_t *memory;
};

struct stored_zone {
	uint8_t apex[DNAME_MAX]; /* lower case */
	size_t apex_len;
	int64_t id;              /* of its row */
	struct version *current;
};

/*
 * Invariants: 1. zone[] is in order of dname_cmp.  2. What the database says is what zone[].current says, whenever no
 * function of the store runs.  3. Octets of volumes that no row names are appended only while open_changes > 0.
 */
struct store {
	char *dir;
	int dir_fd;
	int lock;
	struct db *db;
	struct volumes volumes;
	struct stored_zone **zone;
	size_t zone_count, zone_cap;
	unsigned open_changes;
	unsigned sync_failures;  /* a change that was open at one has pages that may be lost */
};

/* The zone, or NULL. */
struct stored_zone *store_find(struct store *s, const uint8_t *apex);
/* Makes the entry when there is none. */
struct stored_zone *store_entry(struct store *s, const uint8_t *apex);
void store_forget(struct store *s, struct stored_zone *z);

/* Copies info and what it points to; takes over the reference to the table. */
struct version *version_new(const struct version_info *info, struct table *table);

/* Writes the ends of all volumes that were appended to. */
int store_put_volumes(struct store *s, struct err *e);

#endif
