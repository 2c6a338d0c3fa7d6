/* SPDX-License-Identifier: BSD-3-Clause */
/* volume: the files that hold pages.  Only appending, cutting off and deleting; nothing is written over. */
#include "store/volume_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fail/fail.h"

#define VOLUME_MAX (UINT64_C(64) << 20)

const char *volume_file(uint32_t id, char name[VOLUME_NAME_LEN])
{
	snprintf(name, VOLUME_NAME_LEN, "vol-%" PRIu32, id);
	return name;
}

void volumes_init(struct volumes *vs, int dir)
{
	*vs = (struct volumes){ .dir = dir, .next_id = 1, .max = VOLUME_MAX };
	pthread_mutex_init(&vs->lock, NULL);
	pthread_mutex_init(&vs->appending, NULL);
}

struct volume *volume_ref(struct volume *v)
{
	v->refs++;
	return v;
}

void volume_stop_writing(struct volume *v)
{
	if (v->wr >= 0)
		close(v->wr);
	v->wr = -1;
}

static void stop_appending(struct volume *v)
{
	v->full = true;
	if (v->home->tail == v)
		v->home->tail = NULL;
}

/* Gives up a reference, with the lock held where there is one. */
static void let_go(struct volume *v)
{
	if (--v->refs > 0)
		return;
	volume_stop_writing(v);
	if (v->rd >= 0)
		close(v->rd);
	if (v->home != NULL)
		for (struct volume **at = &v->home->list; *at != NULL; at = &(*at)->next)
			if (*at == v) {
				*at = v->next;
				break;
			}
	free(v);
}

void volume_unref(struct volume *v)
{
	struct volumes *home = v == NULL ? NULL : v->home;

	if (v == NULL)
		return;
	if (home != NULL)
		pthread_mutex_lock(&home->lock);
	let_go(v);
	if (home != NULL)
		pthread_mutex_unlock(&home->lock);
}

void volumes_fini(struct volumes *vs)
{
	struct volume *next;

	for (struct volume *v = vs->list; v != NULL; v = next) {
		next = v->next;
		v->home = NULL;
		v->next = NULL;
		if (!v->deleted)
			let_go(v);
	}
	vs->list = vs->tail = NULL;
	pthread_mutex_destroy(&vs->lock);
	pthread_mutex_destroy(&vs->appending);
}

struct volume *volume_link(struct volumes *vs, uint32_t id, int rd, int wr)
{
	struct volume *v = mem_new(1, sizeof(*v));

	*v = (struct volume){ .next = vs->list, .home = vs, .id = id, .refs = 1, .rd = rd, .wr = wr };
	vs->list = v;
	if (id >= vs->next_id)
		vs->next_id = id + 1;
	return v;
}

struct volume *volumes_find(const struct volumes *vs, uint32_t id)
{
	struct volume *v = vs->list;

	while (v != NULL && v->id != id)
		v = v->next;
	return v;
}

static int new_tail(struct volumes *vs, struct err *e)
{
	int wr = -1, rd = -1, why = fail_errno("store-new-volume");
	char name[VOLUME_NAME_LEN];

	volume_file(vs->next_id, name);
	if (why == 0 &&
	    (wr = openat(vs->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		why = errno;
	if (why == 0 && (rd = openat(vs->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		why = errno;
	if (why != 0) {
		if (wr >= 0) {
			close(wr);
			unlinkat(vs->dir, name, 0);
		}
		errno = why;
		return err_errno(e, "%s: cannot make a volume", name);
	}
	vs->entry_dirty = true;
	vs->tail = volume_link(vs, vs->next_id, rd, wr);
	return 0;
}

int volumes_rd(struct volumes *vs, uint32_t id)
{
	struct volume *v;
	int rd;

	pthread_mutex_lock(&vs->lock);
	v = volumes_find(vs, id);
	rd = v == NULL ? -1 : v->rd;
	pthread_mutex_unlock(&vs->lock);
	return rd;
}

/* The volume to append len octets to, with room. */
static struct volume *tail_for(struct volumes *vs, uint32_t len, struct err *e)
{
	struct volume *v;

	pthread_mutex_lock(&vs->lock);
	if (vs->tail != NULL && vs->tail->end > 0 && vs->tail->end + len > vs->max)
		stop_appending(vs->tail);
	if (vs->tail == NULL)
		new_tail(vs, e);
	if ((v = vs->tail) != NULL)
		v->dirty = true;
	pthread_mutex_unlock(&vs->lock);
	return v;
}

static int write_at(const struct volume *v, const uint8_t *p, uint32_t len, struct err *e)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(v->wr, p + done, len - done, (off_t)(v->end + done));

		if (n > 0 && (errno = fail_errno("store-append")) != 0)
			n = -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, "vol-%" PRIu32 ": cannot write %" PRIu32 " octets at %" PRIu64,
					 v->id, len, v->end);
		done += (size_t)n;
	}
	return 0;
}

/* A long change is written back while it grows, so that the sync of a small one beside it stays short. */
#define WRITEBACK (UINT64_C(4) << 20)

int volumes_append(struct volumes *vs, const void *p, uint32_t len, uint32_t *id, uint64_t *offset,
		   struct err *e)
{
	struct volume *v;
	int rc = -1;

	pthread_mutex_lock(&vs->appending);
	if ((v = tail_for(vs, len, e)) != NULL && (rc = write_at(v, p, len, e)) == 0) {
		*id = v->id;
		*offset = v->end;
		pthread_mutex_lock(&vs->lock);
		v->end += len;
		v->dirty = true; /* a sync may have begun meanwhile */
		pthread_mutex_unlock(&vs->lock);
		if (*offset / WRITEBACK != v->end / WRITEBACK && v->end >= WRITEBACK)
			sync_file_range(v->wr, (off64_t)(*offset / WRITEBACK * WRITEBACK), WRITEBACK,
					SYNC_FILE_RANGE_WRITE);
	}
	pthread_mutex_unlock(&vs->appending);
	return rc;
}

/* One of those that are to be synced, and its end, with a reference: what was appended to it may be dropped meanwhile, and it with
 * that.  NULL when there is none left. */
static struct volume *next_to_sync(struct volumes *vs, uint64_t *end)
{
	struct volume *v;

	pthread_mutex_lock(&vs->lock);
	for (v = vs->list; v != NULL && !v->syncing; v = v->next)
		;
	if (v != NULL) {
		v->syncing = v->dirty = false;
		*end = v->end;
		volume_ref(v);
	}
	pthread_mutex_unlock(&vs->lock);
	return v;
}

static int sync_one(struct volumes *vs, struct volume *v, uint64_t end, struct err *e)
{
	errno = fail_errno("store-sync");
	if (errno == 0 && fdatasync(v->wr) == 0) {
		v->synced = end;
		return 0;
	}
	err_errno(e, "vol-%" PRIu32 ": cannot sync", v->id);
	pthread_mutex_lock(&vs->lock);
	stop_appending(v);
	pthread_mutex_unlock(&vs->lock);
	return -1;
}

int volumes_sync(struct volumes *vs, struct err *e)
{
	struct volume *v;
	uint64_t end;
	bool entry;
	int rc = 0;

	pthread_mutex_lock(&vs->lock);
	for (v = vs->list; v != NULL; v = v->next)
		v->syncing = v->dirty && !v->deleted;
	entry = vs->entry_dirty;
	vs->entry_dirty = false;
	pthread_mutex_unlock(&vs->lock);
	while ((v = next_to_sync(vs, &end)) != NULL) {
		if (sync_one(vs, v, end, e) != 0)
			rc = -1;
		volume_unref(v);
	}
	if (entry && (rc != 0 || fsync(vs->dir) != 0)) {
		if (rc == 0)
			rc = err_errno(e, "cannot sync the folder");
		pthread_mutex_lock(&vs->lock);
		vs->entry_dirty = true;
		pthread_mutex_unlock(&vs->lock);
	}
	return rc;
}

void volumes_committed(struct volumes *vs)
{
	/* Whoever is writing now writes to the end of a volume that is not full. */
	pthread_mutex_lock(&vs->appending);
	pthread_mutex_lock(&vs->lock);
	for (struct volume *v = vs->list; v != NULL; v = v->next) {
		if (v->deleted || (v->synced == 0 && !v->known))
			continue;
		v->committed = v->synced;
		v->known = true;
		if (v->full && v->end == v->committed)
			volume_stop_writing(v);
	}
	pthread_mutex_unlock(&vs->lock);
	pthread_mutex_unlock(&vs->appending);
}

void volumes_rewind(struct volumes *vs)
{
	struct volume *next;

	for (struct volume *v = vs->list; v != NULL; v = next) {
		next = v->next;
		if (v->deleted || v->wr < 0)
			continue;
		if (!v->known) {
			volume_delete(v);
			continue;
		}
		/* A file that is not cut is written over from `committed` on, which is as good.  Cutting nothing off would
		 * make the next sync write the inode, too. */
		if (v->end != v->committed)
			(void)!ftruncate(v->wr, (off_t)v->committed);
		v->end = v->synced = v->committed;
		v->dirty = false;
		if (v->full)
			volume_stop_writing(v);
	}
}

void volumes_seal(struct volumes *vs)
{
	pthread_mutex_lock(&vs->lock);
	if (vs->tail != NULL)
		stop_appending(vs->tail);
	pthread_mutex_unlock(&vs->lock);
}

void volume_delete(struct volume *v)
{
	char name[VOLUME_NAME_LEN];

	if (v->home->tail == v)
		v->home->tail = NULL;
	volume_stop_writing(v);
	unlinkat(v->home->dir, volume_file(v->id, name), 0);
	v->deleted = true;
	v->dirty = false;
	let_go(v);
}
