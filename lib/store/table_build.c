/* SPDX-License-Identifier: BSD-3-Clause */
/* table_build: a new table out of rows kept from the one before and new ones; chunks that stay whole are shared. */
#include "store/table_impl.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/rowsum.h"

/* A stretch of rows of the new table: rows of one chunk of the base side by side, or of `fresh`. */
struct run {
	const struct page_row *kept; /* the first, NULL for new rows */
	size_t fresh;                /* index of the first */
	size_t n;
	struct chunk *whole; /* set by find_whole: the run is all of this chunk */
};

struct table_build {
	const struct table *base;
	struct arena *keys;
	struct page_row *fresh;
	size_t fresh_count, fresh_cap;
	struct run *run;
	size_t run_count, run_cap;
};

struct table_build *table_build_new(const struct table *base)
{
	struct table_build *b = mem_new(1, sizeof(*b));

	b->base = base;
	b->keys = arena_new();
	return b;
}

void table_build_free(struct table_build *b)
{
	if (b == NULL)
		return;
	arena_free(b->keys);
	free(b->fresh);
	free(b->run);
	free(b);
}

static const struct page_row *run_row(const struct table_build *b, const struct run *r, size_t i)
{
	return r->kept != NULL ? &r->kept[i] : &b->fresh[r->fresh + i];
}

static struct run *last_run(struct table_build *b)
{
	return b->run_count == 0 ? NULL : &b->run[b->run_count - 1];
}

static int check_order(struct table_build *b, const struct page_row *row, struct err *e)
{
	const struct run *last = last_run(b);

	if (last != NULL && page_row_cmp(run_row(b, last, last->n - 1), row) >= 0)
		return err_set(e, ERR_INTERNAL, "pages out of order");
	return 0;
}

static void add_run(struct table_build *b, struct run run)
{
	if (b->run_count == b->run_cap) {
		b->run_cap = b->run_cap * 2 + 16;
		b->run = mem_grow(b->run, b->run_cap, sizeof(*b->run));
	}
	b->run[b->run_count++] = run;
}

int table_build_put(struct table_build *b, const struct page_row *row, struct err *e)
{
	struct run *last = last_run(b);

	if (check_order(b, row, e) != 0)
		return -1;
	if (b->fresh_count == b->fresh_cap) {
		b->fresh_cap = b->fresh_cap * 2 + 16;
		b->fresh = mem_grow(b->fresh, b->fresh_cap, sizeof(*b->fresh));
	}
	b->fresh[b->fresh_count] = *row;
	b->fresh[b->fresh_count].key = arena_dup(b->keys, row->key, row->key_len);
	if (last != NULL && last->kept == NULL)
		last->n++;
	else
		add_run(b, (struct run){ .fresh = b->fresh_count, .n = 1 });
	b->fresh_count++;
	return 0;
}

static bool holds(const struct chunk *c, const struct page_row *row)
{
	return row >= c->row && row < c->row + c->n;
}

int table_build_keep(struct table_build *b, const struct page_row *row, struct err *e)
{
	struct run *last = last_run(b);

	/* Between two chunks lie their heads, so rows side by side are of one chunk and in order. */
	if (last != NULL && last->kept != NULL && row == last->kept + last->n) {
		last->n++;
		return 0;
	}
	if (check_order(b, row, e) != 0)
		return -1;
	add_run(b, (struct run){ .kept = row, .n = 1 });
	return 0;
}

int table_build_keep_rows(struct table_build *b, size_t from, size_t n, struct err *e)
{
	while (n > 0) {
		size_t k = table_chunk_of(b->base, from), at = from - b->base->start[k];
		size_t part = b->base->chunk[k]->n - at < n ? b->base->chunk[k]->n - at : n;

		if (table_build_keep(b, &b->base->chunk[k]->row[at], e) != 0)
			return -1;
		b->run[b->run_count - 1].n += part - 1;
		from += part;
		n -= part;
	}
	return 0;
}

int64_t table_build_earliest(const struct table_build *b)
{
	int64_t earliest = INT64_MAX;
	size_t k = 0;

	for (size_t i = 0; i < b->run_count; i++) {
		const struct run *r = &b->run[i];
		const struct page_row *row = r->kept != NULL ? r->kept : &b->fresh[r->fresh];
		const struct chunk *c;

		if (r->kept != NULL) {
			while (k < b->base->chunk_count && !holds(b->base->chunk[k], r->kept))
				k++;
			c = k < b->base->chunk_count ? b->base->chunk[k] : NULL;
			if (c != NULL && r->n == c->n) {
				earliest = c->earliest < earliest ? c->earliest : earliest;
				continue;
			}
		}
		for (size_t x = 0; x < r->n; x++)
			earliest = row[x].earliest < earliest ? row[x].earliest : earliest;
	}
	return earliest;
}

/* Finds which runs are whole chunks of the base; -1 when a kept row is not of the base. */
static int find_whole(struct table_build *b, struct err *e)
{
	size_t at_chunk = 0, count = b->base == NULL ? 0 : b->base->chunk_count;

	for (size_t i = 0; i < b->run_count; i++) {
		struct run *r = &b->run[i];
		struct chunk *c = NULL;

		if (r->kept == NULL)
			continue;
		for (; at_chunk < count; at_chunk++) {
			c = b->base->chunk[at_chunk];
			if (holds(c, r->kept))
				break;
		}
		if (at_chunk == count)
			return err_set(e, ERR_INTERNAL,
				       "a kept page is not of the version that the change began with");
		if (r->kept == c->row && r->n == c->n)
			r->whole = c;
	}
	return 0;
}

/* Takes chunks into the melt where leaving them would leave a small chunk beside them. */
static void melt_small(struct table_build *b)
{
	size_t loose = 0;

	for (size_t i = 0; i < b->run_count; i++) {
		struct run *r = &b->run[i];

		if (r->whole != NULL && (r->n < TABLE_CHUNK_SMALL || (loose > 0 && loose < TABLE_CHUNK_SMALL)))
			r->whole = NULL;
		loose = r->whole == NULL ? loose + r->n : 0;
	}
}

/* The chunk keeps the volume alive; -1 when there is none of this id. */
static int chunk_volume(struct chunk *c, struct volumes *vs, uint32_t id)
{
	struct volume *v;

	for (size_t i = 0; i < c->volume_count; i++)
		if (c->volumes[i]->id == id)
			return 0;
	c->volumes = mem_grow(c->volumes, c->volume_count + 1, sizeof(struct volume *));
	pthread_mutex_lock(&vs->lock);
	if ((v = volumes_find(vs, id)) != NULL)
		c->volumes[c->volume_count++] = volume_ref(v);
	pthread_mutex_unlock(&vs->lock);
	return v == NULL ? -1 : 0;
}

/* A chunk of copies of these n rows; NULL when one names an unknown volume. */
static struct chunk *chunk_new(const struct page_row *const *rows, size_t n, struct volumes *vs)
{
	size_t keys = 0;
	struct chunk *c;
	uint8_t *key;

	for (size_t i = 0; i < n; i++)
		keys += rows[i]->key_len;
	c = mem_new(1, sizeof(*c) + n * sizeof(struct page_row) + keys);
	c->refs = 1;
	c->n = n;
	c->earliest = INT64_MAX;
	c->latest = INT64_MIN;
	key = (uint8_t *)(c->row + n);
	for (size_t i = 0; i < n; i++) {
		struct page_row *row = &c->row[i];

		*row = *rows[i];
		row->key = memcpy(key, rows[i]->key, row->key_len);
		key += row->key_len;
		c->octets += row->len;
		c->sum += row_sum(row);
		if (row->earliest < c->earliest)
			c->earliest = row->earliest;
		if (row->rrsigs > 0 && row->earliest > c->latest)
			c->latest = row->earliest;
		if (chunk_volume(c, vs, row->volume) != 0) {
			table_chunk_unref(c);
			return NULL;
		}
	}
	return c;
}

static void add_chunk(struct table *t, size_t *cap, struct chunk *c)
{
	if (t->chunk_count == *cap) {
		*cap = *cap * 2 + 4;
		t->chunk = mem_grow(t->chunk, *cap, sizeof(struct chunk *));
		t->start = mem_grow(t->start, *cap, sizeof(size_t));
	}
	t->chunk[t->chunk_count] = c;
	t->start[t->chunk_count++] = t->n;
	t->n += c->n;
	t->octets += c->octets;
	t->sum += c->sum;
	if (c->earliest < t->earliest)
		t->earliest = c->earliest;
}

/* The rows of runs [from, to) as new chunks of even size. */
static int add_loose(struct table_build *b, size_t from, size_t to, struct volumes *vs, struct table *t, size_t *cap)
{
	const struct page_row *rows[TABLE_CHUNK_MAX];
	size_t total = 0, chunks, fill = 0, done = 0, made = 0;

	for (size_t i = from; i < to; i++)
		total += b->run[i].n;
	chunks = (total + TABLE_CHUNK_MAX - 1) / TABLE_CHUNK_MAX;
	for (size_t i = from; i < to; i++)
		for (size_t k = 0; k < b->run[i].n; k++) {
			struct chunk *c;

			rows[fill++] = run_row(b, &b->run[i], k);
			if (++done < total * (made + 1) / chunks)
				continue;
			if ((c = chunk_new(rows, fill, vs)) == NULL)
				return -1;
			add_chunk(t, cap, c);
			made++;
			fill = 0;
		}
	return 0;
}

int table_build_finish(struct table_build *b, struct volumes *vs, struct table **out, struct err *e)
{
	struct table *t;
	size_t cap = 0, next;

	if (find_whole(b, e) != 0)
		return -1;
	melt_small(b);
	t = mem_new(1, sizeof(*t));
	t->refs = 1;
	t->earliest = INT64_MAX;
	for (size_t i = 0; i < b->run_count; i = next) {
		next = i + 1;
		if (b->run[i].whole != NULL) {
			b->run[i].whole->refs++;
			add_chunk(t, &cap, b->run[i].whole);
			continue;
		}
		while (next < b->run_count && b->run[next].whole == NULL)
			next++;
		if (add_loose(b, i, next, vs, t, &cap) != 0) {
			table_unref(t);
			return err_set(e, ERR_INTERNAL, "a page in a volume that does not exist");
		}
	}
	*out = t;
	return 0;
}
