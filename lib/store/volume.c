/* SPDX-License-Identifier: BSD-3-Clause */
/* volume: the files that hold pages.  Only appending, cutting off and deleting; nothing is written over. */
#include "store/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fail/fail.h"

#define VOLUME_MAX (UINT64_C(1) << 30)
#define NAME_LEN   32

static const char *file_name(uint32_t id, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "vol-%" PRIu32, id);
	return name;
}

void volumes_init(struct volumes *vs, int dir)
{
	*vs = (struct volumes){ .dir = dir, .next_id = 1, .max = VOLUME_MAX };
}

void volumes_fini(struct volumes *vs)
{
	struct volume *next;

	for (struct volume *v = vs->list; v != NULL; v = next) {
		next = v->next;
		v->home = NULL;
		v->next = NULL;
		if (!v->deleted)
			volume_unref(v);
	}
	vs->list = vs->tail = NULL;
}

struct volume *volume_ref(struct volume *v)
{
	v->refs++;
	return v;
}

static void stop_writing(struct volume *v)
{
	if (v->wr >= 0)
		close(v->wr);
	v->wr = -1;
}

static void stop_appending(struct volume *v)
{
	v->full = true;
	if (v->home != NULL && v->home->tail == v)
		v->home->tail = NULL;
	if (v->end == v->committed && !v->dirty)
		stop_writing(v);
}

void volume_unref(struct volume *v)
{
	if (v == NULL || --v->refs > 0)
		return;
	stop_writing(v);
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

static struct volume *link_volume(struct volumes *vs, uint32_t id, int rd, int wr)
{
	struct volume *v = mem_new(1, sizeof(*v));

	*v = (struct volume){ .next = vs->list, .home = vs, .id = id, .refs = 1, .rd = rd, .wr = wr };
	vs->list = v;
	if (id >= vs->next_id)
		vs->next_id = id + 1;
	return v;
}

int volumes_add(struct volumes *vs, uint32_t id, uint64_t committed, struct err *e)
{
	char name[NAME_LEN];
	struct volume *v;
	struct stat st;
	int rd, wr;

	file_name(id, name);
	rd = openat(vs->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (rd < 0 && errno != ENOENT)
		return err_errno(e, "%s", name);
	v = link_volume(vs, id, rd, -1);
	v->end = v->committed = committed;
	v->known = v->full = true;
	if (rd < 0)
		return 0;
	if (fstat(rd, &st) != 0)
		return err_errno(e, "%s", name);
	/* What is missing at the end stays missing: nothing may come to lie there. */
	if ((uint64_t)st.st_size < committed || committed >= vs->max)
		return 0;
	if ((wr = openat(vs->dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return err_errno(e, "%s", name);
	v->wr = wr;
	v->full = false;
	if ((uint64_t)st.st_size > committed && ftruncate(wr, (off_t)committed) != 0)
		return err_errno(e, "%s: cannot cut off %" PRIu64 " octets of an interrupted change", name,
				 (uint64_t)st.st_size - committed);
	if (vs->tail != NULL)
		stop_appending(vs->tail->id > id ? v : vs->tail);
	if (!v->full)
		vs->tail = v;
	return 0;
}

/* The number of a volume's file name, 0 when it is something else. */
static uint32_t file_id(const char *name)
{
	char again[NAME_LEN];
	unsigned long id;

	if (strncmp(name, "vol-", 4) != 0)
		return 0;
	id = strtoul(name + 4, NULL, 10);
	if (id == 0 || id >= UINT32_MAX || strcmp(file_name((uint32_t)id, again), name) != 0)
		return 0;
	return (uint32_t)id;
}

int volumes_clean(struct volumes *vs, struct err *e)
{
	int fd = openat(vs->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, "cannot list the folder");
	}
	while ((entry = readdir(d)) != NULL) {
		uint32_t id = file_id(entry->d_name);

		if (id == 0 || volumes_find(vs, id) != NULL)
			continue;
		if (unlinkat(vs->dir, entry->d_name, 0) != 0 && errno != ENOENT)
			rc = err_errno(e, "%s: cannot delete what an interrupted change left", entry->d_name);
	}
	closedir(d);
	return rc;
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
	char name[NAME_LEN];

	file_name(vs->next_id, name);
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
	vs->tail = link_volume(vs, vs->next_id, rd, wr);
	return 0;
}

int volumes_append(struct volumes *vs, const void *p, uint32_t len, uint32_t *id, uint64_t *offset,
		   struct err *e)
{
	struct volume *v = vs->tail;
	size_t done = 0;

	if (v != NULL && v->end > 0 && v->end + len > vs->max)
		stop_appending(v);
	if (vs->tail == NULL && new_tail(vs, e) != 0)
		return -1;
	v = vs->tail;
	v->dirty = true;
	while (done < len) {
		ssize_t n = pwrite(v->wr, (const uint8_t *)p + done, len - done, (off_t)(v->end + done));

		if (n > 0 && (errno = fail_errno("store-append")) != 0)
			n = -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, "vol-%" PRIu32 ": cannot write %" PRIu32 " octets at %" PRIu64,
					 v->id, len, v->end);
		done += (size_t)n;
	}
	*id = v->id;
	*offset = v->end;
	v->end += len;
	return 0;
}

int volumes_sync(struct volumes *vs, struct err *e)
{
	int rc = 0;

	for (struct volume *v = vs->list; v != NULL; v = v->next) {
		if (!v->dirty || v->deleted)
			continue;
		errno = fail_errno("store-sync");
		if (errno != 0 || fdatasync(v->wr) != 0) {
			rc = err_errno(e, "vol-%" PRIu32 ": cannot sync", v->id);
			stop_appending(v);
		}
		v->dirty = false;
	}
	if (rc == 0 && vs->entry_dirty) {
		if (fsync(vs->dir) != 0)
			return err_errno(e, "cannot sync the folder");
		vs->entry_dirty = false;
	}
	return rc;
}

void volumes_committed(struct volumes *vs)
{
	for (struct volume *v = vs->list; v != NULL; v = v->next) {
		if (v->deleted)
			continue;
		v->committed = v->end;
		v->known = true;
		if (v->full)
			stop_writing(v);
	}
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
		/* A file that cannot be cut is written over from `committed` on, which is as good. */
		(void)!ftruncate(v->wr, (off_t)v->committed);
		v->end = v->committed;
		v->dirty = false;
		if (v->full)
			stop_writing(v);
	}
}

void volumes_seal(struct volumes *vs)
{
	if (vs->tail != NULL)
		stop_appending(vs->tail);
}

void volume_delete(struct volume *v)
{
	char name[NAME_LEN];

	if (v->home->tail == v)
		v->home->tail = NULL;
	stop_writing(v);
	unlinkat(v->home->dir, file_name(v->id, name), 0);
	v->deleted = true;
	v->dirty = false;
	volume_unref(v);
}
