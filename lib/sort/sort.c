/* SPDX-License-Identifier: BSD-3-Clause */
/* sort: collects records, and spills them as sorted runs when the budget is used up. */
#include "sort/sort.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define WRITE_OCTETS ((size_t)1 << 20)
#define AHEAD        8

struct sorter {
	struct sorted *out;
	char *dir;
	struct area octets, entries;
	size_t used;     /* of octets */
	size_t n;        /* entries */
	size_t last;     /* offset of the record before */
	bool in_order;   /* the records in memory came in order */
};

struct sorter *sorter_new(size_t budget, const char *dir, struct sort_memory *memory)
{
	struct sorter *s = mem_new(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	s->out = mem_new(1, sizeof(*s->out));
	s->out->fd = -1;
	s->out->budget = budget;
	s->out->memory = memory;
	s->dir = mem_strdup(dir != NULL ? dir : tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp");
	s->in_order = true;
	return s;
}

void sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	if (s->out != NULL) {
		area_end(&s->octets, AREA_OCTETS, s->out->memory);
		area_end(&s->entries, AREA_ENTRIES, s->out->memory);
	}
	sorted_free(s->out);
	free(s->dir);
	free(s);
}

void sorted_free(struct sorted *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	area_end(&s->octets, AREA_OCTETS, s->memory);
	area_end(&s->entries, AREA_ENTRIES, s->memory);
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

static struct entry *entries_of(struct sorter *s)
{
	return (struct entry *)(void *)s->entries.p;
}

static void sort_run(struct sorter *s)
{
	struct area spare = { .p = NULL };
	size_t len = s->n * sizeof(struct entry);

	if (s->in_order)
		return;
	area_grow(&spare, AREA_SPARE, 0, len, len, s->out->memory);
	entries_sort(entries_of(s), (struct entry *)(void *)spare.p, s->n, s->octets.p);
	area_end(&spare, AREA_SPARE, s->out->memory);
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
	uint8_t *buffer = mem_grow(NULL, WRITE_OCTETS, 1), *octets = s->octets.p;
	const struct entry *entries = entries_of(s);
	size_t used = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		struct sort_record r = record_at(octets + entries[i].at);
		size_t len = HEADER_LEN + r.key_len + r.len;

		if (i + AHEAD < s->n)
			__builtin_prefetch(octets + entries[i + AHEAD].at);
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

uint8_t *sorter_more(struct sorter *s, size_t used, size_t room)
{
	size_t there = used == 0 ? s->used : s->used + HEADER_LEN + used;
	size_t want = s->used + HEADER_LEN + used + room + KEY_PAD;

	if (s->octets.room < want)
		area_grow(&s->octets, AREA_OCTETS, there, want, s->out->budget + 2 * room, s->out->memory);
	return s->octets.p + s->used + HEADER_LEN;
}

uint8_t *sorter_begin(struct sorter *s, size_t room, struct err *e)
{
	/* two entries for each record: the order is made beside the entries */
	if (s->n > 0 && s->used + 2 * (s->n + 1) * sizeof(struct entry) > s->out->budget && spill(s, e) != 0)
		return NULL;
	return sorter_more(s, 0, room);
}

static bool is_in_order(const struct sorter *s, const uint8_t *key, size_t key_len)
{
	struct sort_record last = record_at(s->octets.p + s->last);

	return key_cmp(last.key, last.key_len, key, key_len) <= 0;
}

void sorter_commit(struct sorter *s, size_t key_len, size_t len)
{
	uint8_t *p = s->octets.p + s->used;
	size_t entries = (s->n + 1) * sizeof(struct entry);

	assert(key_len <= SORT_KEY_MAX && len <= UINT32_MAX && 
	       HEADER_LEN + key_len + len <= s->octets.room - s->used);
	if (s->n > 0 && s->in_order)
		s->in_order = is_in_order(s, p + HEADER_LEN, key_len);
	if (entries > s->entries.room)
		area_grow(&s->entries, AREA_ENTRIES, entries - sizeof(struct entry), entries, s->out->budget / 2, s->out->memory);
	entries_of(s)[s->n] = (struct entry){ .head = head_of(p + HEADER_LEN, key_len), .at = s->used };
	memcpy(p, &(uint32_t){ (uint32_t)len }, 4);
	memcpy(p + 4, &(uint16_t){ (uint16_t)key_len }, 2);
	s->last = s->used;
	s->used += HEADER_LEN + key_len + len;
	s->n++;
	s->out->count++;
}

int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data, size_t len, struct err *e)
{
	uint8_t *p = sorter_begin(s, key_len + len, e);

	if (p == NULL)
		return -1;
	if (key_len > 0)
		memcpy(p, key, key_len);
	if (len > 0)
		memcpy(p + key_len, data, len);
	sorter_commit(s, key_len, len);
	return 0;
}

int sorter_end(struct sorter *s, struct sorted **out, struct err *e)
{
	struct sorted *sorted = s->out;

	(void)e;
	sort_run(s);
	area_fit(&s->octets, s->used + KEY_PAD);
	area_fit(&s->entries, s->n * sizeof(struct entry));
	sorted->octets = s->octets;
	sorted->entries = s->entries;
	sorted->entry_count = s->n;
	s->out = NULL;
	*out = sorted;
	sorter_free(s);
	return 0;
}
