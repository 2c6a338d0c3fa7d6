/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_VOLUME_H
#define DUET_STORE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"

/*
 * volume - the append-only files vol-N of one store (for lib/store alone).
 *
 * Volumes are reference counted: by their store while they are live, and by every chunk of a page table that names
 * them; the last reference closes the descriptors.  Page octets lie in [0, end); [0, committed) of them are what the
 * database knows.
 */
struct volumes;

struct volume {
	struct volume *next;
	struct volumes *home; /* NULL once the store is closed */
	uint32_t id;
	unsigned refs;
	int rd;               /* read-only, for passing on; -1: the file is missing */
	int wr;               /* -1: nothing is written any more */
	bool full;            /* nothing is appended any more; wr stays until what was appended is committed */
	bool deleted;         /* the file is gone, the store has no reference */
	uint64_t end;
	uint64_t committed;
	bool known;           /* has a row in the database */
	bool dirty;           /* appended to since the last sync */
};

struct volumes {
	struct volume *list;
	struct volume *tail;  /* where pages are appended, or NULL; borrowed from list */
	int dir;              /* the store's folder */
	uint32_t next_id;
	uint64_t max;         /* octets of a volume */
	bool entry_dirty;     /* a file was made since the folder was synced */
};

void volumes_init(struct volumes *vs, int dir);
/* Gives up the store's references. */
void volumes_fini(struct volumes *vs);

/* A volume that the database knows: opens the file and cuts off what lies behind `committed`.  A file that is missing or
 * too short is no error: reading its pages is. */
int volumes_add(struct volumes *vs, uint32_t id, uint64_t committed, struct err *e);
/* Deletes vol-N files that have no volume. */
int volumes_clean(struct volumes *vs, struct err *e);
struct volume *volumes_find(const struct volumes *vs, uint32_t id);

/* Appends to the tail, or to a new volume; sets where.  On failure nothing is appended. */
int volumes_append(struct volumes *vs, const void *p, uint32_t len, uint32_t *id, uint64_t *offset, struct err *e);
/* fdatasync of all that was appended.  After a failure nothing is appended to those volumes again: what the kernel kept
 * of them is unknown. */
int volumes_sync(struct volumes *vs, struct err *e);
/* The database has the ends now. */
void volumes_committed(struct volumes *vs);
/* Cuts all volumes back to `committed`; those that the database does not know are deleted. */
void volumes_rewind(struct volumes *vs);
/* No more appending to what is there now: the next page begins a volume. */
void volumes_seal(struct volumes *vs);
/* Deletes the file and gives up the store's reference. */
void volume_delete(struct volume *v);

struct volume *volume_ref(struct volume *v);
void volume_unref(struct volume *v);

#endif
