/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * oldsigs: what a page or a zone that changes keeps of its signatures.
 */
#include "sign/oldsigs.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/page.h"

#define MOVES 4 /* a record, on the average: fewer than sorting compares */

struct oldsigs {
	struct arena *arena;
	struct rr *rr; /* all records, in rr_cmp order once settled */
	size_t n, room;
	int64_t now;
	int64_t end;      /* of the signatures together, or 0 */
	bool mixed;       /* their ends differ */
	bool together;    /* settled so */
	int64_t from, to; /* ends that are right */
};

struct rrsig_head {
	uint16_t covered;
	uint8_t algorithm;
	int64_t expiration;
	uint16_t tag;
};

static struct rrsig_head head_of(const struct rr *sig, int64_t now)
{
	struct rd r = rd_of(sig->rdata, sig->rdlen);
	struct rrsig_head h = { .covered = rd_u16(&r), .algorithm = rd_u8(&r) };

	rd_bytes(&r, 5);
	h.expiration = now + (int32_t)(rd_u32(&r) - (uint32_t)now);
	rd_bytes(&r, 4);
	h.tag = rd_u16(&r);
	return h;
}

struct oldsigs *oldsigs_new(int64_t now)
{
	struct oldsigs *o = mem_new(1, sizeof(*o));

	o->arena = arena_new();
	o->now = now;
	return o;
}

void oldsigs_free(struct oldsigs *o)
{
	if (o == NULL)
		return;
	arena_free(o->arena);
	free(o->rr);
	free(o);
}

void oldsigs_add(struct oldsigs *o, const struct rr *rr)
{
	struct rrsig_head h;

	if (o->n == o->room) {
		o->room = o->room * 2 + 512;
		o->rr = mem_grow(o->rr, o->room, sizeof(*o->rr));
	}
	o->rr[o->n] = *rr;
	o->rr[o->n].owner = arena_dup(o->arena, rr->owner, dname_len(rr->owner));
	o->rr[o->n].rdata = arena_dup(o->arena, rr->rdata, rr->rdlen);
	o->n++;
	if (rr->type != TYPE_RRSIG)
		return;
	h = head_of(rr, o->now);
	if (h.covered == TYPE_DNSKEY || h.covered == TYPE_CDS || h.covered == TYPE_CDNSKEY)
		return; /* made elsewhere, with ends of their own */
	if (o->end != 0 && o->end != h.expiration)
		o->mixed = true;
	o->end = h.expiration;
}

static int collect(void *ctx, const struct rr *rr)
{
	oldsigs_add(ctx, rr);
	return 0;
}

int oldsigs_add_page(struct oldsigs *o, const uint8_t *page, size_t len, struct err *e)
{
	return page_walk(page, len, collect, o, e);
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

/* Pages have their owners in order, and only an owner's records are not; false where there is more to do than that. */
static bool put_right(struct rr *rr, size_t n)
{
	size_t moves = 0, k;

	for (size_t i = 1; i < n && moves <= MOVES * n; i++) {
		const struct rr now = rr[i];

		for (k = i; k > 0 && moves <= MOVES * n && rr_cmp(&rr[k - 1], &now) > 0; k--, moves++)
			rr[k] = rr[k - 1];
		rr[k] = now;
	}
	return moves <= MOVES * n;
}

bool oldsigs_settle_together(struct oldsigs *o)
{
	oldsigs_settle_each(o, o->end, o->end);
	o->together = true;
	return o->end != 0 && !o->mixed;
}

void oldsigs_settle_each(struct oldsigs *o, int64_t from, int64_t to)
{
	if (!put_right(o->rr, o->n))
		qsort(o->rr, o->n, sizeof(*o->rr), by_rr);
	o->from = from;
	o->to = to;
}

int64_t oldsigs_end(const struct oldsigs *o)
{
	return o->together ? o->end : 0;
}

static int by_owner_type(const struct rr *rr, const uint8_t *owner, uint16_t type)
{
	int order = dname_cmp(rr->owner, owner);

	return order != 0 ? order : (int)rr->type - (int)type;
}

/* The first record of the RRset, or where it would be. */
static size_t find(const struct oldsigs *o, const uint8_t *owner, uint16_t type)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_owner_type(&o->rr[mid], owner, type) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct rr *oldsigs_find(const struct oldsigs *o, const struct rr *rrs, size_t n, const struct key *key)
{
	size_t at = find(o, rrs[0].owner, rrs[0].type);

	for (size_t i = 0; i < n; i++, at++)
		if (at >= o->n || rr_cmp(&o->rr[at], &rrs[i]) != 0 || o->rr[at].ttl != rrs[i].ttl)
			return NULL;
	if (at < o->n && by_owner_type(&o->rr[at], rrs[0].owner, rrs[0].type) == 0)
		return NULL; /* it had more records */
	for (at = find(o, rrs[0].owner, TYPE_RRSIG); at < o->n; at++) {
		struct rrsig_head h;

		if (by_owner_type(&o->rr[at], rrs[0].owner, TYPE_RRSIG) != 0)
			return NULL;
		h = head_of(&o->rr[at], o->now);
		if (h.covered == rrs[0].type && h.algorithm == key_alg(key) && h.tag == key_tag(key) &&
		    h.expiration >= o->from && h.expiration <= o->to)
			return &o->rr[at];
	}
	return NULL;
}
