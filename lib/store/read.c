/* SPDX-License-Identifier: BSD-3-Clause */
/* read: pages back from their volumes, every one checked. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "store/page_sum.h"

#include "arena/arena.h"
#include "store/state.h"

static bool before(const struct bad_page *b, uint32_t volume, uint64_t offset)
{
	return b->volume != volume ? b->volume < volume : b->offset < offset;
}

/* Index of the place in bad[], or where it would be.  With the lock held. */
static size_t bad_place(const struct store *s, uint32_t volume, uint64_t offset)
{
	size_t low = 0, high = s->bad_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (before(&s->bad[mid], volume, offset))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_bad(const struct store *s, size_t i, uint32_t volume, uint64_t offset)
{
	return i < s->bad_count && s->bad[i].volume == volume && s->bad[i].offset == offset;
}

void store_mark_damaged(struct store *s, uint32_t volume, uint64_t offset)
{
	size_t i;

	store_lock(s);
	i = bad_place(s, volume, offset);
	if (!is_bad(s, i, volume, offset)) {
		s->bad = mem_grow(s->bad, s->bad_count + 1, sizeof(*s->bad));
		memmove(&s->bad[i + 1], &s->bad[i], (s->bad_count - i) * sizeof(*s->bad));
		s->bad[i] = (struct bad_page){ volume, offset };
		s->bad_count++;
	}
	store_unlock(s);
}

bool store_damaged(struct store *s, const struct page_row *row)
{
	const struct volume *v;
	bool bad;

	if (s->bad_count == 0 && !s->volume_missing)
		return false;
	store_lock(s);
	v = volumes_find(&s->volumes, row->volume);
	bad = v == NULL || v->rd < 0 ||
	      is_bad(s, bad_place(s, row->volume, row->offset), row->volume, row->offset);
	store_unlock(s);
	return bad;
}

static int damage(struct store *s, const struct page_row *row, const char *what, struct err *e)
{
	store_mark_damaged(s, row->volume, row->offset);
	return err_set(e, ERR_DAMAGE, "vol-%" PRIu32 ": page of %" PRIu32 " octets at %" PRIu64 ": %s",
		       row->volume, row->len, row->offset, what);
}

/* Reads len octets; 0, or -1 with errno, 0 for an early end of the file. */
static int read_at(int fd, uint8_t *to, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : 0;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

static int check(struct store *s, const struct page_row *row, const uint8_t *page, struct err *e)
{
	if (page_sum(page, row->len) != row->xxh)
		return damage(s, row, "its octets are not what was written", e);
	return 0;
}

int store_read(struct store *s, const struct page_row *row, uint8_t *buf, struct err *e)
{
	int fd = store_volume_fd(s, row->volume);

	if (fd < 0)
		return damage(s, row, "the volume is missing", e);
	if (read_at(fd, buf, row->len, row->offset) != 0)
		return damage(s, row, errno == 0 ? "the volume ends before it" : strerror(errno), e);
	return check(s, row, buf, e);
}

/* Pages side by side are read at once. */
#define RUN_MAX (1u << 20)

int store_each_page(struct store *s, const struct table *t,
		    int (*fn)(void *ctx, const struct page_row *row, const uint8_t *page), void *ctx,
		    struct err *e)
{
	const size_t n = table_len(t);
	size_t next, room = 1;
	uint8_t *buf;
	int rc = 0;

	for (size_t i = 0; i < n && room < RUN_MAX; i++) /* a small zone needs little */
		room += table_row(t, i)->len;
	buf = mem_new(room < RUN_MAX ? room : RUN_MAX, 1);
	for (size_t i = 0; i < n && rc == 0; i = next) {
		const struct page_row *first = table_row(t, i);
		size_t len = first->len;
		int fd = store_volume_fd(s, first->volume);

		for (next = i + 1; next < n; next++) {
			const struct page_row *row = table_row(t, next);

			if (row->volume != first->volume || row->offset != first->offset + len ||
			    len + row->len > RUN_MAX)
				break;
			len += row->len;
		}
		/* On any failure page by page, to name the page that it is. */
		if (fd < 0 || read_at(fd, buf, len, first->offset) != 0) {
			next = i + 1;
			rc = store_read(s, first, buf, e);
		}
		for (size_t k = i, at = 0; k < next && rc == 0; at += table_row(t, k)->len, k++)
			if ((rc = check(s, table_row(t, k), buf + at, e)) == 0)
				rc = fn(ctx, table_row(t, k), buf + at);
	}
	free(buf);
	return rc;
}

size_t store_verify(struct store *s, const struct version *v)
{
	uint8_t *page = mem_new(1, PAGE_OCTETS_MAX);
	size_t bad = 0;

	for (size_t i = 0; i < table_len(v->table); i++)
		bad += store_read(s, table_row(v->table, i), page, NULL) != 0;
	free(page);
	return bad;
}

struct walker {
	struct store *s;
	int (*fn)(void *ctx, const struct rr *rr);
	void *ctx;
	struct err *e;
};

static int walk_page(void *ctx, const struct page_row *row, const uint8_t *page)
{
	struct walker *w = ctx;

	return page_walk(page, row->len, w->fn, w->ctx, w->e);
}

int store_walk(struct store *s, const struct version *v, int (*fn)(void *ctx, const struct rr *rr), void *ctx,
	       struct err *e)
{
	struct walker w = { .s = s, .fn = fn, .ctx = ctx, .e = e };
	int rc = fn(ctx, &v->info.soa);

	for (size_t i = 0; i < v->info.with_soa_count && rc == 0; i++)
		rc = fn(ctx, &v->info.with_soa[i]);
	return rc != 0 ? rc : store_each_page(s, v->table, walk_page, &w, e);
}
