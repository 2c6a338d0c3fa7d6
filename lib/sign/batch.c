/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * batch: from names to what stands in the new version for them, in one thread.
 *
 * A page of the version before stands for the range from its first name to the next page's.  A range that has
 * changed or is due is a run, which is cut into pages of about equal size; so borders stay where they can.  A
 * run too small for a page of its own takes the next range with it, or at the batch's end the one before.  Unless
 * the run's last range is due, the run keeps that range's signatures where the RRset is the same, and their end
 * for those that are made.
 */
#include "sign/batch.h"

#include <stdlib.h>
#include <string.h>

#include "sign/oldsigs.h"

struct batch *batch_new(const struct batch_common *common)
{
	struct batch *b = mem_new(1, sizeof(*b));

	b->job.run = common->run != NULL ? common->run : batch_run;
	b->common = common;
	b->arena = arena_new();
	return b;
}

void batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	arena_free(b->arena);
	oldsigs_free(b->previous);
	pages_fini(&b->pages);
	free(b->owners);
	free(b->hashed);
	free(b->spans);
	free(b->steps);
	free(b->hashes.p);
	free(b->found.p);
	free(b->lines.text.p);
	free(b);
}

void batch_reset(struct batch *b, enum page_chain chain)
{
	arena_reset(b->arena);
	oldsigs_free(b->previous);
	pages_reset(&b->pages);
	b->previous = NULL;
	b->chain = chain;
	b->n = b->octets = 0;
	b->has_before = b->last = false;
	b->span_count = b->step_count = 0;
	b->hashes.len = b->found.len = b->lines.text.len = 0;
	b->lines.records = b->lines.rrsigs = b->lines.made = 0;
	b->rc = 0;
}

static size_t grown(size_t room)
{
	return room * 2 + 64;
}

uint8_t *octets_room(struct octets *o, size_t n)
{
	if (o->room - o->len < n) {
		o->room = o->room * 2 + n + 4096;
		o->p = mem_grow(o->p, o->room, 1);
	}
	o->len += n;
	return o->p + o->len - n;
}

void batch_add_owner(struct batch *b, const struct owner *from)
{
	struct owner *o;
	struct rr *rr = arena_dup(b->arena, from->rr, from->n * sizeof(*rr));
	size_t name_len = dname_len(from->name), octets = name_len;
	uint8_t *at;

	if (b->n == b->owners_room) {
		b->owners_room = grown(b->owners_room);
		b->owners = mem_grow(b->owners, b->owners_room, sizeof(*b->owners));
	}
	o = &b->owners[b->n++];
	*o = *from;
	for (size_t i = 0; i < o->n; i++)
		octets += rr[i].rdlen;
	at = arena_bytes(b->arena, octets);
	o->name = memcpy(at, from->name, name_len);
	at += name_len;
	b->octets += octets + 12u * o->n;
	for (size_t i = 0; i < o->n; i++) {
		const uint8_t *owner = rr[i].owner;

		rr[i].owner = o->name;
		if (owner != from->name && memcmp(owner, from->name, name_len) != 0) /* another case */
			rr[i].owner = memcpy(arena_bytes(b->arena, name_len), owner, name_len);
		rr[i].rdata = memcpy(at, rr[i].rdata, rr[i].rdlen);
		at += rr[i].rdlen;
	}
	o->rr = rr;
}

void batch_add_hash(struct batch *b, const uint8_t hash[NSEC3_HASH_LEN], const uint8_t *bitmap, size_t len)
{
	struct hashed *h;

	if (b->n == b->hashed_room) {
		b->hashed_room = grown(b->hashed_room);
		b->hashed = mem_grow(b->hashed, b->hashed_room, sizeof(*b->hashed));
	}
	h = &b->hashed[b->n++];
	memcpy(h->hash, hash, NSEC3_HASH_LEN);
	h->bitmap = memcpy(arena_bytes(b->arena, len), bitmap, len);
	h->bitmap_len = (uint16_t)len;
	b->octets += 64 + len;
}

void batch_add_span(struct batch *b, struct group g, bool whole)
{
	if (b->span_count == b->spans_room) {
		b->spans_room = grown(b->spans_room);
		b->spans = mem_grow(b->spans, b->spans_room, sizeof(*b->spans));
	}
	b->spans[b->span_count++] = (struct span){ .a = b->n, .b = b->n, .g = g, .whole = whole };
}

static struct range range_of(const struct batch *b)
{
	return (struct range){
		.chain = b->chain, .owners = b->owners, .hashed = b->hashed, .n = b->n, .next = b->next,
		.old = b->previous,
	};
}

/* Also where a page is damaged, or signatures outlive what policy (or a clock that was set back) allows now. */
static bool is_due(const struct batch *b, struct group g)
{
	const struct sign_params *p = b->common->s.p;

	for (size_t i = g.first; i < g.end; i++) {
		const struct page_row *row = table_row(b->common->old, i);

		if (store_damaged(b->common->store, row) || row->earliest <= p->now + p->margin_s ||
		    (row->rrsigs > 0 && row->earliest > p->now + p->validity_s))
			return true;
	}
	return false;
}

bool batch_is_same(const struct batch *b, const struct range_maker *m, const struct span *span)
{
	const struct range all = range_of(b), part = range_part(&all, span->a, span->b);
	uint8_t digest[16];

	if (!span->whole || span->a == span->b)
		return false;
	range_digest(m, &part, digest);
	return memcmp(digest, table_row(b->common->old, span->g.first)->digest, sizeof(digest)) == 0;
}

static struct step *add_step(struct batch *b, size_t from, size_t to)
{
	if (b->step_count == b->steps_room) {
		b->steps_room = grown(b->steps_room);
		b->steps = mem_grow(b->steps, b->steps_room, sizeof(*b->steps));
	}
	b->steps[b->step_count] = (struct step){ .a = from, .b = to };
	return &b->steps[b->step_count++];
}

static uint64_t size_of(const struct batch *b, const struct range_maker *m, size_t from, size_t to)
{
	const struct range all = range_of(b), part = range_part(&all, from, to);

	return range_size(m, &part);
}

static bool can_reuse(const struct batch *b, struct group g)
{
	return b->common->s.p->key_count > 0 && !is_due(b, g);
}

/* The last names of the batch, too few for a page, go with the step before. */
static void join_before(struct batch *b)
{
	struct step *s = &b->steps[b->step_count - 1];

	s->b = b->n;
	if (s->keep)
		s->reuse = can_reuse(b, s->g);
	s->keep = false;
}

static void plan(struct batch *b, const struct range_maker *m)
{
	size_t run = 0; /* names from here on have no step yet */

	for (size_t k = 0; k < b->span_count; k++) {
		const struct span *span = &b->spans[k];
		struct step *s;

		if (run == span->a && !is_due(b, span->g) && batch_is_same(b, m, span)) {
			s = add_step(b, run, span->b);
			s->keep = true;
			s->g = span->g;
			run = span->b;
			continue;
		}
		if (k + 1 < b->span_count && size_of(b, m, run, span->b) < RANGE_SMALL)
			continue;
		if (run == span->b)
			continue;
		if (!b->last && b->step_count > 0 && k + 1 == b->span_count &&
		    size_of(b, m, run, span->b) < RANGE_SMALL) {
			join_before(b);
			return;
		}
		s = add_step(b, run, span->b);
		s->g = span->g;
		s->reuse = can_reuse(b, span->g);
		run = span->b;
	}
	if (run < b->n)
		add_step(b, run, b->n);
}

/* The signatures of a group's pages; NULL where they cannot be used: damaged, or not ending together. */
static int load_group(const struct batch *b, struct group g, struct oldsigs **out, struct err *e)
{
	struct oldsigs *o = oldsigs_new(b->common->s.p->now);
	uint8_t *page = mem_new(PAGE_OCTETS_MAX, 1);
	int rc = 0;

	*out = NULL;
	for (size_t i = g.first; i < g.end && rc == 0; i++) {
		const struct page_row *row = table_row(b->common->old, i);

		rc = store_read(b->common->store, row, page, e);
		if (rc == 0)
			rc = oldsigs_add_page(o, page, row->len, e);
	}
	free(page);
	if (rc == 0 && oldsigs_settle_together(o)) {
		*out = o;
		return 0;
	}
	oldsigs_free(o);
	/* A damaged page is made anew from the content; other failures are the caller's. */
	return rc == 0 || e->code == ERR_DAMAGE ? 0 : -1;
}

static int make(struct batch *b, struct range_maker *m, const struct step *s)
{
	const struct range all = range_of(b);
	struct range part = range_part(&all, s->a, s->b);
	struct oldsigs *old = NULL;
	int rc;

	if (s->reuse && load_group(b, s->g, &old, &b->err) != 0)
		return -1;
	if (old != NULL)
		part.old = old;
	rc = range_make(m, &part, &b->pages, &b->err);
	oldsigs_free(old);
	return rc;
}

static void add_hash(struct batch *b, const uint8_t *name, const uint8_t *bitmap, size_t len)
{
	uint8_t *p = octets_room(&b->hashes, NSEC3_HASH_LEN + 2 + len);

	p[NSEC3_HASH_LEN] = (uint8_t)(len >> 8);
	p[NSEC3_HASH_LEN + 1] = (uint8_t)len;
	if (len > 0)
		memcpy(p + NSEC3_HASH_LEN + 2, bitmap, len);
	nsec3_hash(&b->common->s.nsec3, name, p);
}

static void add_ent(void *ctx, const uint8_t *name)
{
	add_hash(ctx, name, NULL, 0);
}

static void hash_names(struct batch *b)
{
	const uint8_t *before = b->has_before ? b->before : NULL;
	uint8_t bitmap[BITMAP_MAX];

	for (size_t i = 0; i < b->n; i++) {
		const struct owner *o = &b->owners[i];

		if (!owner_has_nsec3(&b->common->s, o))
			continue;
		ents_each(before, o->name, add_ent, b);
		add_hash(b, o->name, bitmap, owner_bitmap(&b->common->s, o, bitmap));
		before = o->name;
	}
}

static int make_lines(struct batch *b, struct range_maker *m)
{
	const struct range all = range_of(b);

	return range_lines(m, &all, &b->lines, &b->err);
}

static int make_pages(struct batch *b, struct range_maker *m)
{
	plan(b, m);
	for (size_t i = 0; i < b->step_count; i++) {
		struct step *s = &b->steps[i];

		if (!s->keep && make(b, m, s) != 0)
			return -1;
		s->page_end = b->pages.n;
	}
	return 0;
}

void batch_run(struct pool_job *job, void *tool)
{
	struct batch *b = (struct batch *)job;
	struct range_maker *m = tool;

	b->rc = b->common->text ? make_lines(b, m) : make_pages(b, m);
	if (b->rc == 0 && b->chain == CHAIN_NAMES && signing_nsec3(&b->common->s))
		hash_names(b);
}
