/* SPDX-License-Identifier: BSD-3-Clause */
/* store: opening, closing, and finding what is published. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/state.h"
#include "zone/zone_sum.h"

/* Index of the zone, or where it would be. */
static size_t zone_place(const struct store *s, const uint8_t *apex, bool *found)
{
	size_t low = 0, high = s->zone_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = dname_cmp(s->zone[mid]->apex, apex);

		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = false;
	return low;
}

struct stored_zone *store_find(struct store *s, const uint8_t *apex)
{
	bool found;
	size_t i = zone_place(s, apex, &found);

	return found ? s->zone[i] : NULL;
}

/* Puts a new entry at index i. */
static struct stored_zone *insert_zone(struct store *s, size_t i, const uint8_t *apex)
{
	size_t len = dname_len(apex);
	struct stored_zone *z = mem_new(1, sizeof(*z) + len);

	z->apex_len = dname_lower(apex, z->apex);
	if (s->zone_count == s->zone_cap) {
		s->zone_cap = s->zone_cap * 2 + 16;
		s->zone = mem_grow(s->zone, s->zone_cap, sizeof(struct stored_zone *));
	}
	memmove(&s->zone[i + 1], &s->zone[i], (s->zone_count - i) * sizeof(struct stored_zone *));
	s->zone[i] = z;
	s->zone_count++;
	return z;
}

struct stored_zone *store_entry(struct store *s, const uint8_t *apex)
{
	bool found;
	size_t i = zone_place(s, apex, &found);

	return found ? s->zone[i] : insert_zone(s, i, apex);
}

struct stored_zone *store_append_entry(struct store *s, const uint8_t *apex)
{
	return insert_zone(s, s->zone_count, apex);
}

void stored_zone_free(struct stored_zone *z)
{
	if (z == NULL)
		return;
	version_unref(z->current);
	version_unref(z->candidate);
	free(z->candidate_text);
	free(z->damage);
	free(z);
}

/* Who holds the lock, as its holder wrote it. */
static int refuse_locked(int fd, struct err *e)
{
	char who[128] = "";
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);

	who[n > 0 ? strcspn(who, "\n") : 0] = '\0';
	return err_set(e, ERR_REFUSED, "the store is in use by %s", who[0] != '\0' ? who : "another process");
}

static int take_lock(struct store *s, struct err *e)
{
	char who[128], program[32] = "?";
	int comm, len;

	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return err_errno(e, "lock");
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? refuse_locked(s->lock_fd, e) : err_errno(e, "lock");
	if ((comm = open("/proc/self/comm", O_RDONLY | O_CLOEXEC)) >= 0) {
		ssize_t n = read(comm, program, sizeof(program) - 1);

		program[n > 0 ? n : 0] = '\0';
		program[strcspn(program, "\n")] = '\0';
		close(comm);
	}
	/* Only for people: on a full disk the lock holds without the note. */
	len = snprintf(who, sizeof(who), "process %ld (%s)\n", (long)getpid(), program);
	if (ftruncate(s->lock_fd, 0) == 0)
		(void)!pwrite(s->lock_fd, who, (size_t)len, 0);
	return 0;
}

int store_open(const char *dir, struct store **out, struct err *e)
{
	struct store *s = mem_new(1, sizeof(*s));
	char *path = NULL;
	int fd;

	s->dir = mem_strdup(dir);
	s->dir_fd = s->lock_fd = -1;
	pthread_mutex_init(&s->db_lock, NULL);
	volumes_init(&s->volumes, -1);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		err_errno(e, "cannot make the folder");
		goto fail;
	}
	if ((s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		err_errno(e, "cannot open the folder");
		goto fail;
	}
	s->volumes.dir = s->dir_fd;
	path = mem_printf("%s/store.db", dir);
	/* SQLite gives its other files the mode of this one. */
	if ((fd = openat(s->dir_fd, "store.db", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
		err_errno(e, "store.db");
		goto fail;
	}
	close(fd);
	if (take_lock(s, e) != 0 || db_open(path, &s->db, e) != 0 || store_load(s, e) != 0)
		goto fail;
	free(path);
	*out = s;
	return 0;
fail:
	free(path);
	store_close(s);
	return err_ctx(e, "%s", dir);
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->zone_count; i++)
		stored_zone_free(s->zone[i]);
	free(s->zone);
	free(s->bad);
	volumes_fini(&s->volumes);
	pthread_mutex_destroy(&s->db_lock);
	db_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->dir);
	free(s);
}

void store_set_volume_max(struct store *s, uint64_t octets)
{
	s->volumes.max = octets;
}

int store_zones(struct store *s, int (*fn)(void *ctx, const uint8_t *apex, const char *damage), void *ctx)
{
	int rc = 0;

	for (size_t i = 0; i < s->zone_count && rc == 0; i++)
		if (s->zone[i]->current != NULL || s->zone[i]->damage != NULL)
			rc = fn(ctx, s->zone[i]->apex, s->zone[i]->damage);
	return rc;
}

size_t store_unnamed_damage(const struct store *s)
{
	return s->unnamed;
}

struct version *store_current(struct store *s, const uint8_t *apex)
{
	struct stored_zone *z;
	struct version *v;

	store_lock(s);
	z = store_find(s, apex);
	v = z == NULL || z->current == NULL ? NULL : version_ref(z->current);
	store_unlock(s);
	return v;
}

int store_volume_fd(struct store *s, uint32_t volume)
{
	return volumes_rd(&s->volumes, volume);
}

char *store_keep_get(struct store *s, const uint8_t *apex)
{
	uint8_t lower[DNAME_MAX];
	bool known;
	char *json;

	store_lock(s);
	known = store_find(s, apex) != NULL;
	store_unlock(s);
	if (!known)
		return NULL;
	pthread_mutex_lock(&s->db_lock);
	json = db_get_keep(s->db, lower, dname_lower(apex, lower));
	pthread_mutex_unlock(&s->db_lock);
	return json;
}

int store_history(struct store *s, const uint8_t *apex, size_t most, int (*fn)(void *ctx, const char *json), void *ctx,
		  struct err *e)
{
	uint8_t lower[DNAME_MAX];
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = db_each_history(s->db, lower, dname_lower(apex, lower), most, fn, ctx, e);
	pthread_mutex_unlock(&s->db_lock);
	return rc;
}

int store_sum_get(struct store *s, const uint8_t *apex, const struct version *v, struct zone_sum *sum, struct err *e)
{
	struct stored_zone *z;
	char name[DNAME_TEXT_MAX];
	uint8_t digest[48];
	int64_t id = 0;
	int rc = 0;

	store_lock(s);
	if ((z = store_find(s, apex)) != NULL)
		id = z->id;
	store_unlock(s);
	if (id != 0) {
		pthread_mutex_lock(&s->db_lock);
		rc = db_get_content(s->db, id, sum, e);
		pthread_mutex_unlock(&s->db_lock);
	}
	if (rc < 0)
		return -1;
	if (rc == 1)
		zone_sum_digest(sum, digest);
	if (rc == 0 || memcmp(digest, version_info(v)->content_digest, sizeof(digest)) != 0)
		return err_set(e, ERR_NOTFOUND, "zone %s: the sum of this version's content is not there",
			       dname_to_text(apex, name));
	return 0;
}

int store_checkpoint(struct store *s, unsigned least_log_pages, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->db_lock);
	rc = db_checkpoint(s->db, least_log_pages, e);
	pthread_mutex_unlock(&s->db_lock);
	return rc;
}
