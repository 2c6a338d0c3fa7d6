/* SPDX-License-Identifier: BSD-3-Clause */
/* sort_cursor: records in order - from memory as the entries say, or merged from the runs by a heap. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define BUFFER_LEAST ((size_t)16 << 10)
#define BUFFER_MOST  ((size_t)256 << 10)
#define AHEAD        12 /* records are asked of memory before they are looked at */

/* One run: where it stands, and its record. */
struct source {
	struct sort_record now;
	uint64_t head;   /* of its key */
	bool in_memory;
	const uint8_t *octets; /* in memory: records, in the order of entries */
	const struct entry *entries;
	size_t at, n;
	off_t file_at;   /* in the file: what has not been read */
	uint64_t file_left;
	uint8_t *buffer;
	size_t room, used, from; /* octets from to used - 1 are still to come */
	unsigned order;  /* of the run: among equal keys the earlier run comes first */
};

struct sorted_cursor {
	const struct sorted *sorted;
	struct source *sources;
	struct source **heap; /* the least is the first */
	size_t n;
	bool started;
};

/* At least want octets in the buffer. */
static int fill(const struct sorted *s, struct source *r, size_t want, struct err *e)
{
	if (r->used - r->from >= want)
		return 0;
	memmove(r->buffer, r->buffer + r->from, r->used - r->from);
	r->used -= r->from;
	r->from = 0;
	if (r->room < want)
		r->buffer = mem_grow(r->buffer, (r->room = want) + KEY_PAD, 1);
	while (r->used < want) {
		size_t len = r->room - r->used < r->file_left ? r->room - r->used : (size_t)r->file_left;
		ssize_t n = pread(s->fd, r->buffer + r->used, len, r->file_at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "file for sorting");
		if (n == 0)
			return err_set(e, ERR_IO, "file for sorting: shorter than what was written");
		r->used += (size_t)n;
		r->file_at += n;
		r->file_left -= (uint64_t)n;
	}
	return 0;
}

/* The first lines of a record into the cache. */
static inline void fetch(const uint8_t *p)
{
	__builtin_prefetch(p);
	__builtin_prefetch(p + 64);
	__builtin_prefetch(p + 128);
}

/* The next record of a run: 1, 0 at its end, -1. */
static int source_next(const struct sorted *s, struct source *r, struct err *e)
{
	if (r->in_memory) {
		if (r->at == r->n)
			return 0;
		if (r->at + AHEAD < r->n)
			fetch(r->octets + r->entries[r->at + AHEAD].at);
		r->now = record_at(r->octets + r->entries[r->at++].at);
	} else {
		size_t len;

		if (r->used == r->from && r->file_left == 0)
			return 0;
		if (fill(s, r, HEADER_LEN, e) != 0)
			return -1;
		r->now = record_at(r->buffer + r->from);
		len = HEADER_LEN + r->now.key_len + r->now.len;
		if (fill(s, r, len, e) != 0)
			return -1;
		r->now = record_at(r->buffer + r->from);
		r->from += len;
	}
	return 1;
}

static bool is_before(const struct source *a, const struct source *b)
{
	int d;

	if (a->head != b->head)
		return a->head < b->head;
	d = key_cmp(a->now.key, a->now.key_len, b->now.key, b->now.key_len);
	return d != 0 ? d < 0 : a->order < b->order;
}

static void sift_down(struct sorted_cursor *c, size_t i)
{
	struct source *r = c->heap[i];

	for (size_t child; (child = 2 * i + 1) < c->n; i = child) {
		if (child + 1 < c->n && is_before(c->heap[child + 1], c->heap[child]))
			child++;
		if (is_before(r, c->heap[child]))
			break;
		c->heap[i] = c->heap[child];
	}
	c->heap[i] = r;
}

/* Takes the first record of each run, and makes the heap. */
static int start(struct sorted_cursor *c, size_t sources, struct err *e)
{
	for (size_t i = 0; i < sources; i++) {
		struct source *r = &c->sources[i];
		int got = source_next(c->sorted, r, e);

		if (got < 0)
			return -1;
		if (got == 0)
			continue;
		r->head = head_of(r->now.key, r->now.key_len);
		c->heap[c->n++] = r;
	}
	for (size_t i = c->n / 2; i-- > 0;)
		sift_down(c, i);
	return 0;
}

int sorted_cursor_open(const struct sorted *s, struct sorted_cursor **out, struct err *e)
{
	struct sorted_cursor *c = mem_new(1, sizeof(*c));
	size_t n = s->run_count + PARTS, room = s->budget / (2 * n);

	room = room < BUFFER_LEAST ? BUFFER_LEAST : room > BUFFER_MOST ? BUFFER_MOST : room;
	c->sorted = s;
	c->sources = mem_new(n, sizeof(*c->sources));
	c->heap = mem_new(n, sizeof(struct source *));
	for (size_t i = 0; i < n; i++) {
		struct source *r = &c->sources[i];

		r->order = (unsigned)i;
		if (i < s->run_count) {
			r->file_at = s->runs[i].at;
			r->file_left = s->runs[i].len;
			r->buffer = mem_grow(NULL, (r->room = room) + KEY_PAD, 1);
		} else { /* the part that is newest is the last */
			const struct part *p = &s->part[i + 1 == n ? s->newest : !s->newest];

			r->entries = part_entries(p);
			r->octets = p->octets.p;
			r->n = p->n;
			r->in_memory = true;
		}
	}
	if (start(c, n, e) != 0) {
		sorted_cursor_close(c);
		return -1;
	}
	*out = c;
	return 0;
}

int sorted_cursor_next(struct sorted_cursor *c, struct sort_record *out, struct err *e)
{
	struct source *r;
	int got;

	if (c->n == 0)
		return 0;
	r = c->heap[0];
	if (c->started && c->n == 1) {
		got = source_next(c->sorted, r, e);
		c->n = got != 0;
		*out = r->now;
		return got;
	}
	if (c->started) { /* the record that was given out is no longer needed */
		if ((got = source_next(c->sorted, r, e)) < 0)
			return -1;
		if (got == 0)
			c->heap[0] = c->heap[--c->n];
		else
			r->head = head_of(r->now.key, r->now.key_len);
		sift_down(c, 0);
	}
	c->started = true;
	*out = c->heap[0]->now;
	return 1;
}

void sorted_cursor_close(struct sorted_cursor *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sorted->run_count + PARTS; i++)
		free(c->sources[i].buffer);
	free(c->sources);
	free(c->heap);
	free(c);
}
