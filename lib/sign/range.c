/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * range: from names to finished pages.
 *
 * A name is signed once and then placed.  Sizes are upper bounds, since names inside rdata shrink; so a name whose
 * bound has room fits, and where a run might need two pages only a trial with its real records tells.
 */
#include "sign/maker.h"

#include <stdlib.h>
#include <string.h>

static size_t room(const struct signing *s)
{
	return PAGE_MSG_MAX - 12 - s->apex_len;
}

void pages_reset(struct pages *ps)
{
	ps->len = ps->n = 0;
	ps->made = 0;
}

void pages_fini(struct pages *ps)
{
	free(ps->octets);
	free(ps->page);
	*ps = (struct pages){ 0 };
}

struct page_row pages_row(const struct pages *ps, size_t i)
{
	struct page_row row = ps->page[i].row;

	row.key = ps->octets + ps->page[i].key;
	return row;
}

static size_t pages_append(struct pages *ps, const uint8_t *p, size_t len)
{
	size_t at = ps->len;

	if (ps->room - ps->len < len) {
		ps->room = ps->room * 2 + len + PAGE_OCTETS_MAX;
		ps->octets = mem_grow(ps->octets, ps->room, 1);
	}
	if (len > 0) /* the owner "." is no octets */
		memcpy(ps->octets + at, p, len);
	ps->len += len;
	return at;
}

struct range range_part(const struct range *r, size_t a, size_t b)
{
	struct range part = *r;

	part.n = b - a;
	if (r->chain == CHAIN_NSEC3) {
		part.hashed += a;
		if (b < r->n)
			part.next = r->hashed[b].hash;
		return part;
	}
	part.owners += a;
	for (; b < r->n; b++)
		if (r->owners[b].kind != OWNER_OCCLUDED) {
			part.next = r->owners[b].name;
			break;
		}
	return part;
}

static uint64_t size_of(const struct range_maker *m, const struct range *r, size_t a, size_t b)
{
	const struct chain *c = chain_of(r);
	uint64_t total = 0;

	for (size_t i = a; i < b; i++)
		total += c->size(m, r, i);
	return total;
}

uint64_t range_size(const struct range_maker *m, const struct range *r)
{
	return size_of(m, r, 0, r->n);
}

void range_digest(const struct range_maker *m, const struct range *r, uint8_t out[16])
{
	chain_of(r)->digest(m, r, out);
}

static void begin_page(struct range_maker *m)
{
	m->row.records = m->row.rrsigs = 0;
	m->row.earliest = INT64_MAX;
	page_build_reset(m->build);
}

/* Names a to b - 1 are next. */
static void begin_row(struct range_maker *m, const struct range *r)
{
	m->row = (struct page_row){ .chain = (uint8_t)r->chain };
	begin_page(m);
}

/* The page of names a to b - 1, or one part of it. */
static void put_page(struct range_maker *m, const struct range *r, size_t a, size_t b)
{
	const struct range part = range_part(r, a, b);
	struct pages *ps = m->out;
	uint8_t key[DNAME_KEY_MAX];
	struct made_page *page;
	const uint8_t *octets;

	if (page_build_count(m->build) == 0) /* an apex of an unsigned zone that has but its SOA */
		return;
	if (ps->n == ps->page_room) {
		ps->page_room = ps->page_room * 2 + 16;
		ps->page = mem_grow(ps->page, ps->page_room, sizeof(*ps->page));
	}
	page = &ps->page[ps->n++];
	page->row = m->row;
	range_digest(m, &part, page->row.digest);
	page->row.key_len = (uint16_t)chain_of(r)->key(m, r, a, key);
	page->key = pages_append(ps, key, page->row.key_len);
	octets = page_build_octets(m->build, &page->len);
	page->at = pages_append(ps, octets, page->len);
}

/* RRSIG expiration as an instant near now (RFC 4034 section 3.1.5). */
static int64_t expiration(const struct rr *rr, int64_t now)
{
	struct rd r = rd_of(rr->rdata, rr->rdlen);

	rd_bytes(&r, 8);
	return now + (int32_t)(rd_u32(&r) - (uint32_t)now);
}

/* Into the page that is being filled; 1 when it does not fit. */
static int place_rr(struct range_maker *m, const struct rr *rr, struct err *e)
{
	int rc = page_build_add(m->build, rr, e);
	int64_t ends;

	if (rc != 0)
		return rc;
	m->row.records++;
	if (rr->type != TYPE_RRSIG)
		return 0;
	m->row.rrsigs++;
	ends = expiration(rr, m->s->p->now);
	if (ends < m->row.earliest)
		m->row.earliest = ends;
	return 0;
}

/* Records from and to - 1 of m->rrs.  Returns 0, or 1 when they do not fit the page any more. */
static int place(struct range_maker *m, size_t from, size_t to, struct err *e)
{
	int rc = 0;

	for (size_t i = from; i < to && rc == 0; i++)
		rc = place_rr(m, &m->rrs[i], e);
	return rc;
}

/* Name i alone, in as many parts as it needs; the last one stays open. */
static int place_alone(struct range_maker *m, const struct range *r, size_t i, size_t from, size_t to,
		       struct err *e)
{
	int rc;

	begin_row(m, r);
	for (size_t k = from; k < to; k++) {
		if ((rc = place_rr(m, &m->rrs[k], e)) == 1) {
			put_page(m, r, i, i + 1);
			if (m->row.part == UINT16_MAX)
				return err_set(e, ERR_LIMIT, "an owner of more than %u pages", UINT16_MAX);
			m->row.part++;
			begin_page(m);
			rc = place_rr(m, &m->rrs[k], e);
		}
		if (rc != 0)
			return rc > 0 ? err_set(e, ERR_INTERNAL, "a record does not fit an empty page") : -1;
	}
	return 0;
}

static size_t page_len(const struct range_maker *m)
{
	size_t len;

	page_build_octets(m->build, &len);
	return len;
}

/* Fills page after page.  Each name is signed when it is certain which page it goes to. */
static int make_bulk(struct range_maker *m, const struct range *r, struct err *e)
{
	const struct chain *c = chain_of(r);
	bool alone = false; /* name a has parts: nothing goes with it */
	size_t a = 0;
	int rc;

	for (size_t i = 0; i < r->n; i++) {
		bool first = i == 0 || alone || page_len(m) >= PAGE_FILL ||
			     page_len(m) + c->size(m, r, i) > PAGE_MSG_MAX;

		if (first) {
			if (i > 0)
				put_page(m, r, a, i);
			maker_begin(m, r->old);
			a = i;
		}
		m->rr_count = 0;
		if (c->sign(m, r, i, e) != 0)
			return -1;
		rc = first ? place_alone(m, r, i, 0, m->rr_count, e) : place(m, 0, m->rr_count, e);
		if (rc != 0)
			return rc > 0 ? err_set(e, ERR_INTERNAL, "a name is larger than its bound") : -1;
		alone = first && m->row.part > 0;
	}
	put_page(m, r, a, r->n);
	return 0;
}

/* The end of the first of two pages of about equal size. */
static size_t first_half(const struct range_maker *m, const struct range *r, size_t a)
{
	const struct chain *c = chain_of(r);
	uint64_t size = size_of(m, r, a, r->n), sum = c->size(m, r, a), more;

	while (++a < r->n) {
		more = c->size(m, r, a);
		if (sum >= size / 2 || sum + more > room(m->s))
			break;
		sum += more;
	}
	return a;
}

/* Of name i in m->rrs. */
static size_t first_rr(const struct range_maker *m, size_t i)
{
	return i == 0 ? 0 : m->ends[i - 1];
}

/* As few pages as can be, halves where one is too small.  All signatures end together. */
static int make_few(struct range_maker *m, const struct range *r, struct err *e)
{
	const struct chain *c = chain_of(r);
	int rc;

	if (m->ends_room < r->n) {
		m->ends_room = r->n * 2;
		m->ends = mem_grow(m->ends, m->ends_room, sizeof(*m->ends));
	}
	maker_begin(m, r->old);
	m->rr_count = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (c->sign(m, r, i, e) != 0)
			return -1;
		m->ends[i] = m->rr_count;
	}
	for (size_t a = 0, end; a < r->n; a = end) {
		end = r->n;
		rc = 1;
		if (end - a > 1) {
			begin_row(m, r);
			rc = place(m, first_rr(m, a), m->rr_count, e);
		}
		if (rc == 1 && end - a > 1)
			end = first_half(m, r, a);
		if (rc == 1 && end - a > 1) {
			begin_row(m, r);
			rc = place(m, first_rr(m, a), m->ends[end - 1], e);
		} else if (rc == 1) {
			rc = place_alone(m, r, a, first_rr(m, a), m->ends[a], e);
		}
		if (rc != 0)
			return rc > 0 ? err_set(e, ERR_INTERNAL, "names are larger than their bounds") : -1;
		put_page(m, r, a, end);
	}
	return 0;
}

int range_make(struct range_maker *m, const struct range *r, struct pages *out, struct err *e)
{
	bool bulk = false;
	int rc;

	if (r->n == 0)
		return 0;
	for (size_t i = 0, size = 0; i < r->n && !bulk; i++) {
		size += chain_of(r)->size(m, r, i);
		bulk = size > 2 * room(m->s);
	}
	m->out = out;
	m->made = 0;
	rc = bulk ? make_bulk(m, r, e) : make_few(m, r, e);
	out->made += m->made;
	return rc;
}
