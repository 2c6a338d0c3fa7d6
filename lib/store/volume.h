/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_VOLUME_H
#define DUET_STORE_VOLUME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"

/*
 * volume - the append-only files vol-N of one store (for lib/store alone).
 *
 * Volumes are reference counted: by their store while they are live, and by every chunk of a page table that names
 * them; the last reference closes the descriptors.  Page octets lie in [0, end); [0, synced) of them are on the disk as
 * far as the last volumes_sync knows, and [0, committed) are what the database knows.
 *
 * Any thread may append, at the same time as one thread syncs and commits.  `lock` guards all fields of struct volumes
 * and struct volume, and is held for moments only; `appending` is held while octets are written.
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
	uint64_t synced;
	uint64_t committed;
	bool known;           /* has a row in the database */
	bool dirty;           /* appended to since the last sync */
	bool syncing;         /* chosen by volumes_sync */
	bool damaged;         /* its row is: nothing is cut off or appended */
};

struct volumes {
	pthread_mutex_t lock;
	pthread_mutex_t appending; /* taken before lock */
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

/* A volume that the database knows; damaged: by a row that is.  A file that is missing or too short is no error: reading
 * its pages is. */
int volumes_add(struct volumes *vs, uint32_t id, uint64_t committed, bool damaged, struct err *e);
/* Octets of the volume up to `end` are some page's, whatever the volume's own row says, if there is one. */
int volumes_used(struct volumes *vs, uint32_t id, uint64_t end, struct err *e);
/* Once all rows have been read: cuts off what lies behind the committed octets, chooses the tail, and, unless a volume's
 * row is damaged, deletes vol-N files that have no volume. */
int volumes_clean(struct volumes *vs, struct err *e);
/* With the lock held, as long as the volume is used. */
struct volume *volumes_find(const struct volumes *vs, uint32_t id);
/* Its descriptor for reading, which lives as long as a version names the volume, or -1. */
int volumes_rd(struct volumes *vs, uint32_t id);

/* Appends to the tail, or to a new volume; sets where.  On failure nothing is appended. */
int volumes_append(struct volumes *vs, const void *p, uint32_t len, uint32_t *id, uint64_t *offset, struct err *e);
/* fdatasync of all that was appended before the call.  After a failure nothing is appended to those volumes again: what
 * the kernel kept of them is unknown. */
int volumes_sync(struct volumes *vs, struct err *e);
/* The database has the synced ends now. */
void volumes_committed(struct volumes *vs);
/* With the lock held and nobody appending: cuts all volumes back to `committed`; those that the database does not know
 * are deleted. */
void volumes_rewind(struct volumes *vs);
/* No more appending to what is there now: the next page begins a volume. */
void volumes_seal(struct volumes *vs);
/* With the lock held: deletes the file and gives up the store's reference. */
void volume_delete(struct volume *v);

/* ref: with the lock held; unref: without. */
struct volume *volume_ref(struct volume *v);
void volume_unref(struct volume *v);

#endif
