/* SPDX-License-Identifier: BSD-3-Clause */
/* sort: collects records, and spills them as sorted runs when the budget is used up. */
#include "sort/sort.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define ROOM_FIRST   ((size_t)16 << 10)
#define WRITE_OCTETS ((size_t)1 << 20)
#define HUGE_OCTETS  ((size_t)4 << 20) /* from here on, memory in huge pages: the order jumps about in it */
#define AHEAD        8

struct sorter {
	struct sorted *out;
	char *dir;
	uint8_t *octets;
	size_t used, room;
	struct entry *entries;
	size_t n, entry_room;
	size_t last;     /* offset of the record before, or of the one that has begun */
	size_t data;     /* offset of the data of that one */
	bool in_order;   /* the records in memory came in order */
};

struct sorter *sorter_new(size_t budget, const char *dir)
{
	struct sorter *s = mem_new(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	s->out = mem_new(1, sizeof(*s->out));
	s->out->fd = -1;
	s->out->budget = budget;
	s->dir = mem_strdup(dir != NULL ? dir : tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp");
	s->in_order = true;
	return s;
}

void sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	sorted_free(s->out);
	free(s->octets);
	free(s->entries);
	free(s->dir);
	free(s);
}

void sorted_free(struct sorted *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->octets);
	free(s->entries);
	free(s->runs);
	free(s);
}

size_t sorted_count(const struct sorted *s)
{
	return s->count;
}

bool sorted_in_memory(const struct sorted *s)
{
	return s->fd < 0;
}

/* Grows to twice the size; large memory moves without being copied. */
static void *grow(void *p, size_t *room, size_t want, size_t size)
{
	uintptr_t from;

	while (*room < want)
		*room = *room * 2 < ROOM_FIRST / size ? ROOM_FIRST / size : *room * 2;
	p = mem_grow(p, *room, size);
	if (*room * size >= HUGE_OCTETS) {
		from = ((uintptr_t)p + 4095) & ~(uintptr_t)4095;
		madvise((void *)from, ((uintptr_t)p + *room * size - from) & ~(uintptr_t)4095, MADV_HUGEPAGE);
	}
	return p;
}

uint8_t *sorter_room(struct sorter *s, size_t n)
{
	if (s->room - s->used < n)
		s->octets = grow(s->octets, &s->room, s->used + n, 1);
	return s->octets + s->used;
}

void sorter_used(struct sorter *s, size_t n)
{
	assert(n <= s->room - s->used);
	s->used += n;
}

static void sort_run(struct sorter *s)
{
	struct entry *spare;

	if (s->in_order)
		return;
	spare = mem_grow(NULL, s->n, sizeof(*spare));
	entries_sort(s->entries, spare, s->n, s->octets);
	free(spare);
	s->in_order = true;
}

static int open_file(struct sorter *s, struct err *e)
{
	char *path;

	s->out->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->out->fd >= 0)
		return 0;
	path = mem_printf("%s/sort-XXXXXX", s->dir); /* for file systems that do not know O_TMPFILE */
	s->out->fd = mkostemp(path, O_CLOEXEC);
	if (s->out->fd >= 0)
		unlink(path);
	free(path);
	return s->out->fd >= 0 ? 0 : err_errno(e, "%s: no file for sorting", s->dir);
}

static int write_all(int fd, const uint8_t *p, size_t len, off_t at, struct err *e)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, "file for sorting");
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_run(struct sorter *s, struct run *run, struct err *e)
{
	uint8_t *buffer = mem_grow(NULL, WRITE_OCTETS, 1);
	size_t used = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		struct sort_record r = record_at(s->octets + s->entries[i].at);
		size_t len = HEADER_LEN + r.key_len + r.len;

		if (i + AHEAD < s->n)
			__builtin_prefetch(s->octets + s->entries[i + AHEAD].at);
		if (WRITE_OCTETS - used < len) {
			rc = write_all(s->out->fd, buffer, used, run->at + (off_t)run->len, e);
			run->len += used;
			used = 0;
		}
		if (WRITE_OCTETS < len) {
			rc = rc != 0 ? rc : write_all(s->out->fd, r.key - HEADER_LEN, len, run->at + (off_t)run->len, e);
			run->len += len;
		} else {
			memcpy(buffer + used, r.key - HEADER_LEN, len);
			used += len;
		}
	}
	if (rc == 0)
		rc = write_all(s->out->fd, buffer, used, run->at + (off_t)run->len, e);
	run->len += used;
	free(buffer);
	return rc;
}

static int spill(struct sorter *s, struct err *e)
{
	struct sorted *out = s->out;
	struct run *run;

	if (out->fd < 0 && open_file(s, e) != 0)
		return -1;
	out->runs = mem_grow(out->runs, out->run_count + 1, sizeof(*out->runs));
	run = &out->runs[out->run_count];
	*run = (struct run){ .at = 0 };
	if (out->run_count > 0)
		run->at = run[-1].at + (off_t)run[-1].len;
	sort_run(s);
	if (write_run(s, run, e) != 0)
		return -1;
	out->run_count++;
	s->n = s->used = 0;
	return 0;
}

int sorter_begin(struct sorter *s, const void *key, size_t key_len, struct err *e)
{
	struct sort_record last;
	uint8_t *p;

	assert(key_len <= SORT_KEY_MAX);
	/* two entries for each record: the order is made beside the entries */
	if (s->n > 0 && s->used + HEADER_LEN + key_len + 2 * (s->n + 1) * sizeof(*s->entries) > s->out->budget &&
	    spill(s, e) != 0)
		return -1;
	if (s->n > 0 && s->in_order) {
		last = record_at(s->octets + s->last);
		s->in_order = key_cmp(last.key, last.key_len, key, key_len) <= 0;
	}
	if (s->n == s->entry_room)
		s->entries = grow(s->entries, &s->entry_room, s->n + 1, sizeof(*s->entries));
	s->entries[s->n] = (struct entry){ .head = head_of(key, key_len), .at = s->used };
	p = sorter_room(s, HEADER_LEN + key_len);
	memcpy(p + 4, &(uint16_t){ (uint16_t)key_len }, 2);
	if (key_len > 0)
		memcpy(p + HEADER_LEN, key, key_len);
	s->last = s->used;
	s->used += HEADER_LEN + key_len;
	s->data = s->used;
	return 0;
}

void sorter_commit(struct sorter *s)
{
	assert(s->used - s->data <= UINT32_MAX);
	memcpy(s->octets + s->last, &(uint32_t){ (uint32_t)(s->used - s->data) }, 4);
	s->n++;
	s->out->count++;
}

int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data, size_t len, struct err *e)
{
	if (sorter_begin(s, key, key_len, e) != 0)
		return -1;
	if (len > 0)
		memcpy(sorter_room(s, len), data, len);
	sorter_used(s, len);
	sorter_commit(s);
	return 0;
}

int sorter_end(struct sorter *s, struct sorted **out, struct err *e)
{
	struct sorted *sorted = s->out;

	(void)e;
	sort_run(s);
	sorted->octets = mem_grow(s->octets, s->used, 1);
	sorted->entries = mem_grow(s->entries, s->n, sizeof(*s->entries));
	sorted->entry_count = s->n;
	s->octets = NULL;
	s->entries = NULL;
	s->out = NULL;
	*out = sorted;
	sorter_free(s);
	return 0;
}
