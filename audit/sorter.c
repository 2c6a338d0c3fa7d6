/* SPDX-License-Identifier: BSD-3-Clause */
/* sorter: radix sort of full buffers by 8 octets behind the common start, runs in an unlinked file, a heap of
 * runs. */
#include "audit/sorter.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"

#define READ_OCTETS  (256u * 1024)
#define WRITE_OCTETS (1024u * 1024)
#define STRETCHES    8      /* at most, that are merged instead of sorted anew */
#define SHORT        4096   /* records of one, whose sorting may take the square of what an owner has */
#define FIRST_OCTETS (128u * 1024) /* of a buffer, which grows */

struct entry {
	uint64_t prefix;
	uint32_t at; /* octets into the buffer */
	uint32_t unused;
};

/* A sorted stretch of the file, and what of it is in memory. */
struct run {
	uint64_t at, end; /* octets in the file not read yet */
	uint8_t *buf;
	size_t used, pos;
	const struct rec *head; /* NULL: done */
};

struct sorter {
	pthread_mutex_t lock; /* all of the following while records are added */
	uint8_t *buf;
	size_t cap, most, used; /* octets of buf; at most; in use */
	struct entry *entries, *spare; /* spare: while they are sorted, as large */
	size_t n, entries_cap, entries_most;
	uint32_t last; /* of the record added last */
	bool ordered;
	int fd;
	uint64_t written;
	struct run *runs;
	size_t run_count;
	char *dir;

	/* reading */
	size_t next;          /* without runs: entry to give next */
	size_t *heap, heap_n; /* with runs: of their numbers, the smallest head first */
	bool started;
};

struct sorter *sorter_new(size_t budget, const char *dir)
{
	struct sorter *s = mem_new(1, sizeof(*s));

	/* A record takes 48 octets at least, its two entries 32. */
	s->most = budget / 4 * 3 < UINT32_MAX ? budget / 4 * 3 : UINT32_MAX;
	if (s->most < 2 * REC_MAX)
		s->most = 2 * REC_MAX;
	s->entries_most = budget / 4 / (2 * sizeof(struct entry));
	s->ordered = true;
	s->fd = -1;
	s->dir = mem_strdup(dir);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->run_count; i++)
		free(s->runs[i].buf);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->buf);
	free(s->entries);
	free(s->runs);
	free(s->heap);
	free(s->dir);
	free(s);
}

static const struct rec *rec_at(const struct sorter *s, size_t i)
{
	return (const struct rec *)(s->buf + s->entries[i].at);
}

/* ---- one buffer ---- */

static int by_octets(const void *a, const void *b, void *ctx)
{
	const uint8_t *buf = ctx;
	const struct entry *x = a, *y = b;

	return rec_cmp((const struct rec *)(buf + x->at), (const struct rec *)(buf + y->at));
}

/* Octets that all keys of the buffer begin with. */
static size_t common_start(const struct sorter *s)
{
	const struct rec *first = rec_at(s, 0);
	size_t common = first->key_len;

	for (size_t i = 1; i < s->n && common > 0; i++) {
		const struct rec *r = rec_at(s, i);
		size_t same = 0;

		while (same < common && same < r->key_len && r->octets[same] == first->octets[same])
			same++;
		common = same;
	}
	return common;
}

static void set_prefixes(struct sorter *s)
{
	size_t skip = common_start(s);

	for (size_t i = 0; i < s->n; i++) {
		const struct rec *r = rec_at(s, i);
		size_t len = r->key_len + 2u + r->rdlen;
		uint64_t p = 0;

		for (size_t k = skip; k < skip + 8; k++)
			p = p << 8 | (k < len ? r->octets[k] : 0);
		s->entries[i].prefix = p;
	}
}

static void radix_pass(struct sorter *s, unsigned shift)
{
	size_t count[256] = { 0 }, at = 0;
	struct entry *swap = s->entries;

	for (size_t i = 0; i < s->n; i++)
		count[s->entries[i].prefix >> shift & 255]++;
	if (count[s->entries[0].prefix >> shift & 255] == s->n)
		return;
	for (size_t i = 0; i < 256; i++) {
		size_t c = count[i];

		count[i] = at;
		at += c;
	}
	for (size_t i = 0; i < s->n; i++)
		s->spare[count[s->entries[i].prefix >> shift & 255]++] = s->entries[i];
	s->entries = s->spare;
	s->spare = swap;
}

static void insertion(struct entry *e, size_t n, const uint8_t *buf)
{
	for (size_t i = 1; i < n; i++) {
		struct entry x = e[i];
		size_t k = i;

		while (k > 0 && by_octets(&e[k - 1], &x, (void *)(uintptr_t)buf) > 0) {
			e[k] = e[k - 1];
			k--;
		}
		e[k] = x;
	}
}

/* Where the next stretch begins whose keys do not fall. */
static size_t stretch_end(const struct sorter *s, size_t from)
{
	size_t i = from + 1;

	for (; i < s->n; i++) {
		const struct rec *a = rec_at(s, i - 1), *b = rec_at(s, i);

		if (memcmp(a->octets, b->octets, a->key_len < b->key_len ? a->key_len : b->key_len) > 0)
			break;
	}
	return i;
}

/* Two sorted stretches that lie side by side. */
static void merge(struct sorter *s, size_t a, size_t b, size_t end)
{
	const size_t middle = b;
	size_t first = a, n = 0;

	while (a < middle && b < end)
		s->spare[n++] = s->entries[by_octets(&s->entries[a], &s->entries[b], s->buf) <= 0 ? a++ : b++];
	memmove(s->entries + first + n, s->entries + a, (middle - a) * sizeof(*s->entries));
	memcpy(s->entries + first, s->spare, n * sizeof(*s->entries));
}

/* A few pages of a zone: each has its owners in order, and only the records of each owner are not.  False where there are
 * too many such stretches, or where many records of an owner stand in a wrong order. */
static bool sort_stretches(struct sorter *s)
{
	size_t end[STRETCHES], n = 0;

	for (size_t at = 0; at < s->n; at = end[n++])
		if (n == STRETCHES || (end[n] = stretch_end(s, at)) - at > SHORT)
			return false;
	for (size_t i = 0; i < n; i++) {
		size_t from = i == 0 ? 0 : end[i - 1];

		insertion(s->entries + from, end[i] - from, s->buf);
	}
	for (size_t i = 1; i < n; i++)
		merge(s, 0, end[i - 1], end[i]);
	return true;
}

static void sort_buffer(struct sorter *s)
{
	if (s->ordered || s->n < 2)
		return;
	s->ordered = true;
	if ((s->spare = malloc(s->entries_cap * sizeof(*s->spare))) == NULL) {
		qsort_r(s->entries, s->n, sizeof(struct entry), by_octets, s->buf);
		return;
	}
	if (sort_stretches(s)) {
		free(s->spare);
		s->spare = NULL;
		return;
	}
	set_prefixes(s);
	for (unsigned shift = 0; shift < 64; shift += 8)
		radix_pass(s, shift);
	free(s->spare);
	s->spare = NULL;
	for (size_t i = 0, end; i < s->n; i = end) {
		for (end = i + 1; end < s->n && s->entries[end].prefix == s->entries[i].prefix;)
			end++;
		if (end - i > 16)
			qsort_r(s->entries + i, end - i, sizeof(struct entry), by_octets, s->buf);
		else
			insertion(s->entries + i, end - i, s->buf);
	}
}

/* ---- runs ---- */

static int open_file(struct sorter *s, struct err *e)
{
	char *path;

	if ((s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) >= 0)
		return 0;
	path = mem_printf("%s/duet-audit-XXXXXX", s->dir);
	if ((s->fd = mkostemp(path, O_CLOEXEC)) >= 0)
		unlink(path);
	else
		err_errno(e, "temporary file in %s", s->dir);
	free(path);
	return s->fd >= 0 ? 0 : -1;
}

static int write_all(int fd, const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0)
			return err_errno(e, "writing a temporary file");
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int spill(struct sorter *s, struct err *e)
{
	uint8_t *out = malloc(WRITE_OCTETS + REC_MAX);
	size_t used = 0;
	int rc = out != NULL ? 0 : err_set(e, ERR_LIMIT, "no memory");

	if (rc == 0 && s->fd < 0)
		rc = open_file(s, e);
	sort_buffer(s);
	s->runs = mem_grow(s->runs, s->run_count + 1, sizeof(*s->runs));
	s->runs[s->run_count] = (struct run){ .at = s->written };
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		const struct rec *r = rec_at(s, i);

		memcpy(out + used, r, r->size);
		used += r->size;
		s->written += r->size;
		if (used >= WRITE_OCTETS || i + 1 == s->n) {
			rc = write_all(s->fd, out, used, e);
			used = 0;
		}
	}
	s->runs[s->run_count++].end = s->written;
	free(out);
	s->used = s->n = 0;
	s->ordered = true;
	return rc;
}

static void add_one(struct sorter *s, const struct rec *r)
{
	struct rec *to = (struct rec *)(s->buf + s->used);

	memcpy(to, r, r->size);
	if (s->ordered && s->n > 0 && rec_cmp((const struct rec *)(s->buf + s->last), to) > 0)
		s->ordered = false;
	s->last = (uint32_t)s->used;
	s->entries[s->n++].at = s->last;
	s->used += r->size;
}

/* Doubles what *p has; false when there is no memory, or it has all that it may have. */
static bool grow(void **p, size_t *cap, size_t first, size_t most, size_t size)
{
	size_t more = *cap == 0 ? first : 2 * *cap;
	void *q;

	more = more < most ? more : most;
	if (more == *cap || (q = realloc(*p, more * size)) == NULL)
		return false;
	*p = q;
	*cap = more;
	return true;
}

/* Room for one record more of so many octets, or else what is there goes into the file.  A small zone is served from memory
 * that the process has had before: first touch would cost more than its order. */
static int make_room(struct sorter *s, size_t octets, struct err *e)
{
	void *buf = s->buf, *entries = s->entries;
	bool room = true;

	while (room && s->used + octets > s->cap)
		room = grow(&buf, &s->cap, FIRST_OCTETS, s->most, 1);
	if (room && s->n == s->entries_cap)
		room = grow(&entries, &s->entries_cap, FIRST_OCTETS / 64, s->entries_most, sizeof(*s->entries));
	s->buf = buf;
	s->entries = entries;
	if (room)
		return 0;
	return s->n > 0 ? spill(s, e) : err_set(e, ERR_LIMIT, "no memory");
}

int sorter_add(struct sorter *s, const void *records, size_t n, struct err *e)
{
	const uint8_t *p = records;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t at = 0; rc == 0 && at < n;) {
		const struct rec *r = (const struct rec *)(p + at);

		if (s->used + r->size > s->cap || s->n == s->entries_cap)
			rc = make_room(s, r->size, e);
		if (rc == 0)
			add_one(s, r);
		at += r->size;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* The next record of a run becomes its head. */
static int run_advance(struct sorter *s, struct run *r, struct err *e)
{
	const struct rec *rec;

	if (r->head != NULL)
		r->pos += r->head->size;
	r->head = NULL;
	rec = (const struct rec *)(r->buf + r->pos);
	if (r->used - r->pos < sizeof(*rec) || r->used - r->pos < rec->size) {
		size_t keep = r->used - r->pos, want;
		ssize_t got;

		memmove(r->buf, r->buf + r->pos, keep);
		r->pos = 0;
		r->used = keep;
		while (r->at < r->end && r->used < READ_OCTETS) {
			want = READ_OCTETS - r->used;
			if (want > r->end - r->at)
				want = (size_t)(r->end - r->at);
			got = pread(s->fd, r->buf + r->used, want, (off_t)r->at);
			if (got <= 0)
				return err_errno(e, "reading a temporary file");
			r->at += (uint64_t)got;
			r->used += (size_t)got;
		}
		if (r->used == 0)
			return 0;
		rec = (const struct rec *)r->buf;
	}
	r->head = rec;
	return 0;
}

static bool before(const struct sorter *s, size_t a, size_t b)
{
	return rec_cmp(s->runs[a].head, s->runs[b].head) < 0;
}

static void sift(struct sorter *s, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1, run = s->heap[i];

		if (child >= s->heap_n)
			return;
		if (child + 1 < s->heap_n && before(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (!before(s, s->heap[child], run))
			return;
		s->heap[i] = s->heap[child];
		s->heap[child] = run;
		i = child;
	}
}

int sorter_end(struct sorter *s, struct err *e)
{
	static_assert(READ_OCTETS > REC_MAX, "a record fits a run's buffer");
	if (s->run_count == 0) {
		if (s->n > 0)
			sort_buffer(s);
		return 0;
	}
	if (s->n > 0 && spill(s, e) != 0)
		return -1;
	free(s->buf);
	free(s->entries);
	s->buf = NULL;
	s->entries = NULL;
	s->heap = mem_new(s->run_count, sizeof(*s->heap));
	for (size_t i = 0; i < s->run_count; i++) {
		s->runs[i].buf = mem_new(1, READ_OCTETS);
		if (run_advance(s, &s->runs[i], e) != 0)
			return -1;
		s->heap[s->heap_n++] = i;
	}
	for (size_t i = s->heap_n; i-- > 0;)
		sift(s, i);
	return 0;
}

int sorter_next(struct sorter *s, const struct rec **out, struct err *e)
{
	*out = NULL;
	if (s->run_count == 0) {
		if (s->next < s->n)
			*out = rec_at(s, s->next++);
		return 0;
	}
	/* The record given last lives in its run's buffer until now. */
	if (s->started && s->heap_n > 0) {
		if (run_advance(s, &s->runs[s->heap[0]], e) != 0)
			return -1;
		if (s->runs[s->heap[0]].head == NULL)
			s->heap[0] = s->heap[--s->heap_n];
		sift(s, 0);
	}
	s->started = true;
	if (s->heap_n > 0)
		*out = s->runs[s->heap[0]].head;
	return 0;
}
