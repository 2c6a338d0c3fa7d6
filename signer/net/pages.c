/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages: tables of chunks.
 *
 * Invariants: 1. a chunk never changes once a table has it, and refers to every volume that its pages lie in.
 * 2. a chunk has CHUNK_MAX pages at most; small ones beside a change are melted into new ones, so that most stay above
 * CHUNK_SMALL.
 */
#include "signer/net/pages.h"

#include "arena/arena.h"
#include "signer/net/state.h"
#include "signer/netpages.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX   256
#define CHUNK_SMALL 64

#define PAGE_LEN_MIN (2 + DNS_HEADER_LEN)
#define PAGE_LEN_MAX (2 + DNS_MESSAGE_MAX)

struct chunk {
	unsigned refs;
	uint32_t n;
	size_t volume_count;
	struct volume **volumes; /* each once */
	struct page page[];
};

struct pages {
	unsigned refs;
	bool is_unsigned;
	size_t n;
	size_t chunk_count;
	struct chunk **chunk;
	size_t *start; /* index of each chunk's first page */
};

static void chunk_unref(struct net *net, struct chunk *c)
{
	if (--c->refs > 0)
		return;
	for (size_t i = 0; i < c->volume_count; i++)
		net_volume_unref(net, c->volumes[i]);
	free(c->volumes);
	free(c);
}

static void note_volume(struct chunk *c, struct volume *v)
{
	for (size_t i = c->volume_count; i > 0; i--)
		if (c->volumes[i - 1] == v)
			return;
	c->volumes = mem_grow(c->volumes, c->volume_count + 1, sizeof(struct volume *));
	c->volumes[c->volume_count++] = net_volume_ref(v);
}

static struct chunk *chunk_new(const struct page *pages, size_t n)
{
	struct chunk *c = mem_new(1, sizeof(*c) + n * sizeof(struct page));

	c->refs = 1;
	c->n = (uint32_t)n;
	memcpy(c->page, pages, n * sizeof(struct page));
	for (size_t i = 0; i < n; i++)
		note_volume(c, c->page[i].volume);
	return c;
}

struct pages *pages_ref(struct pages *p)
{
	p->refs++;
	return p;
}

void pages_unref(struct net *net, struct pages *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	for (size_t i = 0; i < p->chunk_count; i++)
		chunk_unref(net, p->chunk[i]);
	free(p->chunk);
	free(p->start);
	free(p);
}

void pages_set_unsigned(struct pages *p)
{
	p->is_unsigned = true;
}

bool pages_unsigned(const struct pages *p)
{
	return p->is_unsigned;
}

size_t pages_count(const struct pages *p)
{
	return p->n;
}

/* The chunk that page i lies in. */
static size_t chunk_of(const struct pages *p, size_t i)
{
	size_t low = 0, high = p->chunk_count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (p->start[mid] <= i)
			low = mid;
		else
			high = mid;
	}
	return low;
}

const struct page *pages_at(const struct pages *p, size_t i, size_t *behind)
{
	size_t at = chunk_of(p, i);

	*behind = p->chunk[at]->n - (i - p->start[at]);
	return &p->chunk[at]->page[i - p->start[at]];
}

/* A table that grows from its beginning. */
struct build {
	struct net *net;
	struct pages *p;
	size_t cap;                      /* of chunks */
	struct page loose[2 * CHUNK_MAX]; /* pages behind the last chunk */
	size_t n;
};

static void add_chunk(struct build *b, struct chunk *c)
{
	struct pages *p = b->p;

	if (p->chunk_count == b->cap) {
		b->cap = b->cap * 2 + 1;
		p->chunk = mem_grow(p->chunk, b->cap, sizeof(struct chunk *));
		p->start = mem_grow(p->start, b->cap, sizeof(size_t));
	}
	p->start[p->chunk_count] = p->n;
	p->chunk[p->chunk_count++] = c;
	p->n += c->n;
}

/* Makes chunks of the pages that wait, as even as they can be. */
static void flush(struct build *b)
{
	size_t half = b->n > CHUNK_MAX ? b->n / 2 : b->n;

	if (half > 0)
		add_chunk(b, chunk_new(b->loose, half));
	if (half < b->n)
		add_chunk(b, chunk_new(b->loose + half, b->n - half));
	b->n = 0;
}

static void add_page(struct build *b, const struct page *page)
{
	if (b->n == 2 * CHUNK_MAX) {
		add_chunk(b, chunk_new(b->loose, CHUNK_MAX));
		b->n = CHUNK_MAX;
		memcpy(b->loose, b->loose + CHUNK_MAX, CHUNK_MAX * sizeof(struct page));
	}
	b->loose[b->n++] = *page;
}

/* Takes over the pages [from, to) of the old table, whole chunks as they are where that leaves no small one. */
static void keep(struct build *b, const struct pages *old, size_t from, size_t to)
{
	while (from < to) {
		size_t at = chunk_of(old, from), skip = from - old->start[at];
		struct chunk *c = old->chunk[at];
		size_t n = c->n - skip < to - from ? c->n - skip : to - from;

		from += n;
		if (n == c->n && n >= CHUNK_SMALL && (b->n == 0 || b->n >= CHUNK_SMALL)) {
			flush(b);
			c->refs++;
			add_chunk(b, c);
			continue;
		}
		for (size_t i = skip; i < skip + n; i++)
			add_page(b, &c->page[i]);
	}
}

/* One page of the difference; the volume is mostly that of the page before. */
static int read_page(struct build *b, struct rd *r, struct volume **last, struct err *e)
{
	struct netpages_page p = netpages_get_page(r);
	struct page page = { .offset = p.offset, .xxh = p.xxh, .len = p.len };

	if (r->bad)
		return err_set(e, ERR_SYNTAX, "page table is cut short");
	if (p.len < PAGE_LEN_MIN || p.len > PAGE_LEN_MAX || p.offset > (uint64_t)INT64_MAX - p.len)
		return err_set(e, ERR_LIMIT, "page of %u octets at %ju", p.len, (uintmax_t)p.offset);
	if ((*last == NULL || (*last)->number != p.volume) && (*last = net_volume_find(b->net, p.volume)) == NULL)
		return err_set(e, ERR_NOTFOUND, "a page is in volume %u, which is not here", p.volume);
	page.volume = *last;
	add_page(b, &page);
	return 0;
}

static int apply(struct build *b, const struct pages *old, struct rd *r, struct err *e)
{
	size_t end = old == NULL ? 0 : old->n, from = 0;
	struct volume *last = NULL;

	for (bool any = false; rd_left(r) > 0; any = true) {
		struct netpages_splice s = netpages_get_splice(r);

		if (r->bad || s.at > end || s.removed > end - s.at || s.at < from || (any && s.at == from))
			return err_set(e, ERR_SYNTAX, "splice of %u and %u rows at %u does not fit %zu rows", s.removed,
				       s.added, s.at, end);
		keep(b, old, from, s.at);
		for (uint32_t i = 0; i < s.added; i++)
			if (read_page(b, r, &last, e) != 0)
				return -1;
		from = (size_t)s.at + s.removed;
	}
	keep(b, old, from, end);
	flush(b);
	return 0;
}

struct pages *pages_splice(struct net *net, const struct pages *old, const uint8_t *diff, size_t len, size_t count,
			   struct err *e)
{
	struct build b = { .net = net, .p = mem_new(1, sizeof(*b.p)) };
	struct rd r = rd_of(diff, len);

	b.p->refs = 1;
	if (apply(&b, old, &r, e) != 0)
		goto fail;
	if (b.p->n == count)
		return b.p;
	err_set(e, ERR_SYNTAX, "page table of %zu pages, not %zu", b.p->n, count);
fail:
	pages_unref(net, b.p);
	return NULL;
}
