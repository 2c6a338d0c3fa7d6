/* SPDX-License-Identifier: BSD-3-Clause */
/* volume_open: the volumes that are there when the store opens: which may grow, what is cut off, what is deleted. */
#include "store/volume_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int volumes_add(struct volumes *vs, uint32_t id, uint64_t committed, bool damaged, struct err *e)
{
	char name[VOLUME_NAME_LEN];
	struct volume *v;
	int rd;

	rd = openat(vs->dir, volume_file(id, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (rd < 0 && errno != ENOENT)
		return err_errno(e, "%s", name);
	v = volume_link(vs, id, rd, -1);
	v->end = v->synced = v->committed = committed;
	v->known = v->full = true;
	v->damaged = damaged;
	return 0;
}

int volumes_used(struct volumes *vs, uint32_t id, uint64_t end, struct err *e)
{
	struct volume *v = volumes_find(vs, id);

	if (v == NULL)
		return volumes_add(vs, id, end, true, e);
	if (end > v->committed)
		v->damaged = true;
	return 0;
}

/* Cuts off what an interrupted change left, and takes the volume as tail where it may grow. */
static int reopen(struct volumes *vs, struct volume *v, struct err *e)
{
	char name[VOLUME_NAME_LEN];
	struct stat st;

	volume_file(v->id, name);
	if (v->rd < 0 || v->damaged)
		return 0;
	if (fstat(v->rd, &st) != 0)
		return err_errno(e, "%s", name);
	/* What is missing at the end stays missing: nothing may come to lie there. */
	if ((uint64_t)st.st_size < v->committed || v->committed >= vs->max)
		return 0;
	if ((v->wr = openat(vs->dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return err_errno(e, "%s", name);
	if ((uint64_t)st.st_size > v->committed && ftruncate(v->wr, (off_t)v->committed) != 0)
		return err_errno(e, "%s: cannot cut off %" PRIu64 " octets of an interrupted change", name,
				 (uint64_t)st.st_size - v->committed);
	if (vs->tail != NULL && vs->tail->id > v->id) {
		volume_stop_writing(v);
		return 0;
	}
	if (vs->tail != NULL) {
		vs->tail->full = true;
		volume_stop_writing(vs->tail);
	}
	v->full = false;
	vs->tail = v;
	return 0;
}

/* The number of a volume's file name, 0 when it is something else. */
static uint32_t file_id(const char *name)
{
	char again[VOLUME_NAME_LEN];
	unsigned long id;

	if (strncmp(name, "vol-", 4) != 0)
		return 0;
	id = strtoul(name + 4, NULL, 10);
	if (id == 0 || id >= UINT32_MAX || strcmp(volume_file((uint32_t)id, again), name) != 0)
		return 0;
	return (uint32_t)id;
}

int volumes_clean(struct volumes *vs, struct err *e)
{
	int fd = openat(vs->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool keep = false;

	for (struct volume *v = vs->list; v != NULL && rc == 0; v = v->next) {
		rc = reopen(vs, v, e);
		keep = keep || v->damaged; /* a file without a volume may be that one's */
	}

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, "cannot list the folder");
	}
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		uint32_t id = file_id(entry->d_name);

		if (id == 0 || keep || volumes_find(vs, id) != NULL)
			continue;
		if (unlinkat(vs->dir, entry->d_name, 0) != 0 && errno != ENOENT)
			rc = err_errno(e, "%s: cannot delete what an interrupted change left", entry->d_name);
	}
	closedir(d);
	return rc;
}
