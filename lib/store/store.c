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
	struct stored_zone *z = mem_new(1, sizeof(*z));

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

void store_forget(struct store *s, struct stored_zone *z)
{
	bool found;
	size_t i = zone_place(s, z->apex, &found);

	version_unref(z->current);
	free(z);
	s->zone_count--;
	memmove(&s->zone[i], &s->zone[i + 1], (s->zone_count - i) * sizeof(struct stored_zone *));
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

	s->lock = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return err_errno(e, "lock");
	if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? refuse_locked(s->lock, e) : err_errno(e, "lock");
	if ((comm = open("/proc/self/comm", O_RDONLY | O_CLOEXEC)) >= 0) {
		ssize_t n = read(comm, program, sizeof(program) - 1);

		program[n > 0 ? n : 0] = '\0';
		program[strcspn(program, "\n")] = '\0';
		close(comm);
	}
	/* Only for people: on a full disk the lock holds without the note. */
	len = snprintf(who, sizeof(who), "process %ld (%s)\n", (long)getpid(), program);
	if (ftruncate(s->lock, 0) == 0)
		(void)!pwrite(s->lock, who, (size_t)len, 0);
	return 0;
}

static int load_volume(void *ctx, uint32_t id, uint64_t end, struct err *e)
{
	struct store *s = ctx;

	return volumes_add(&s->volumes, id, end, e);
}

/* Rows come zone by zone; both questions are ordered by the zone's id.  Until all is read, zone[] is in that
 * order. */
struct load {
	struct store *s;
	size_t at; /* index of the zone whose pages come */
	struct table_build *build;
};

static int load_zone(void *ctx, int64_t id, const uint8_t *apex, const struct version_info *info,
		     struct err *e)
{
	struct load *l = ctx;
	struct stored_zone *z = insert_zone(l->s, l->s->zone_count, apex);

	(void)e;
	z->id = id;
	z->current = version_new(info, NULL);
	return 0;
}

/* Gives the zone at l->at its table and goes on to the next. */
static int finish_zone(struct load *l, struct err *e)
{
	struct stored_zone *z = l->s->zone[l->at++];

	if (table_build_finish(l->build, &l->s->volumes, &z->current->table, e) != 0) {
		char name[DNAME_TEXT_MAX];

		if (e != NULL)
			e->code = ERR_DAMAGE;
		return err_ctx(e, "zone %s", dname_to_text(z->apex, name));
	}
	table_build_free(l->build);
	l->build = table_build_new(NULL);
	return 0;
}

static int load_page(void *ctx, int64_t zone, const struct page_row *row, struct err *e)
{
	struct load *l = ctx;

	while (l->at < l->s->zone_count && l->s->zone[l->at]->id != zone)
		if (finish_zone(l, e) != 0)
			return -1;
	if (l->at == l->s->zone_count)
		return err_set(e, ERR_DAMAGE, "a page of no zone");
	return table_build_put(l->build, row, e);
}

static int by_apex(const void *a, const void *b)
{
	const struct stored_zone *const *x = a, *const *y = b;

	return dname_cmp((*x)->apex, (*y)->apex);
}

static int load(struct store *s, struct err *e)
{
	struct load l = { .s = s, .build = table_build_new(NULL) };
	int rc = -1;

	if (db_each_volume(s->db, load_volume, s, e) != 0 || volumes_clean(&s->volumes, e) != 0 ||
	    db_each_zone(s->db, load_zone, &l, e) != 0 || db_each_page(s->db, load_page, &l, e) != 0)
		goto out;
	while (l.at < s->zone_count)
		if (finish_zone(&l, e) != 0)
			goto out;
	if (s->zone_count > 0)
		qsort(s->zone, s->zone_count, sizeof(struct stored_zone *), by_apex);
	rc = 0;
out:
	table_build_free(l.build);
	return rc;
}

int store_open(const char *dir, struct store **out, struct err *e)
{
	struct store *s = mem_new(1, sizeof(*s));
	char *path = NULL;
	int fd;

	s->dir = mem_strdup(dir);
	s->dir_fd = s->lock = -1;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		err_errno(e, "cannot make the folder");
		goto fail;
	}
	if ((s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		err_errno(e, "cannot open the folder");
		goto fail;
	}
	volumes_init(&s->volumes, s->dir_fd);
	path = mem_printf("%s/store.db", dir);
	/* SQLite gives its other files the mode of this one. */
	if ((fd = openat(s->dir_fd, "store.db", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
		err_errno(e, "store.db");
		goto fail;
	}
	close(fd);
	if (take_lock(s, e) != 0 || db_open(path, &s->db, e) != 0 || load(s, e) != 0)
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
	for (size_t i = 0; i < s->zone_count; i++) {
		version_unref(s->zone[i]->current);
		free(s->zone[i]);
	}
	free(s->zone);
	volumes_fini(&s->volumes);
	db_close(s->db);
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->dir);
	free(s);
}

void store_set_volume_max(struct store *s, uint64_t octets)
{
	s->volumes.max = octets;
}

int store_zones(struct store *s, int (*fn)(void *ctx, const uint8_t *apex), void *ctx, struct err *e)
{
	int rc = 0;

	(void)e;
	for (size_t i = 0; i < s->zone_count && rc == 0; i++)
		rc = fn(ctx, s->zone[i]->apex);
	return rc;
}

struct version *store_current(struct store *s, const uint8_t *apex)
{
	struct stored_zone *z = store_find(s, apex);

	return z == NULL ? NULL : version_ref(z->current);
}

int store_volume_fd(struct store *s, uint32_t volume)
{
	struct volume *v = volumes_find(&s->volumes, volume);

	return v == NULL ? -1 : v->rd;
}

int store_remove(struct store *s, const uint8_t *apex, struct err *e)
{
	struct stored_zone *z = store_find(s, apex);

	if (z == NULL)
		return 0;
	if (db_begin(s->db, e) != 0 || db_del_zone(s->db, z->id, e) != 0 || db_commit(s->db, e) != 0) {
		db_rollback(s->db);
		return -1;
	}
	store_forget(s, z);
	return 0;
}

char *store_keep_get(struct store *s, const uint8_t *apex)
{
	uint8_t lower[DNAME_MAX];

	return db_get_keep(s->db, lower, dname_lower(apex, lower));
}

int store_keep_put(struct store *s, const uint8_t *apex, const char *json, struct err *e)
{
	uint8_t lower[DNAME_MAX];
	size_t len = dname_lower(apex, lower);

	if (db_begin(s->db, e) != 0 || db_put_keep(s->db, lower, len, json, e) != 0 ||
	    db_commit(s->db, e) != 0) {
		db_rollback(s->db);
		return -1;
	}
	return 0;
}

/* Below this a checkpoint is not worth its syncs. */
#define LOG_PAGES_IDLE 256

int store_idle(struct store *s, struct err *e)
{
	return db_checkpoint(s->db, LOG_PAGES_IDLE, e);
}
