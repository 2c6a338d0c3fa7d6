/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * oldsigs: what a page that changes keeps of its signatures.
 *
 * A signature is right as long as its RRset is the same in canonical form with its TTL, and the key is the
 * same: the caller asks only for pages signed under the same sign_ctx, which names the keys by hash.
 */
#include "sign/oldsigs.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

struct oldsigs {
	struct arena *arena;
	struct rr *rr; /* all records of the pages, in rr_cmp order */
	size_t n, room;
	int64_t now, end;
	bool mixed; /* ends differ */
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

static int collect(void *ctx, const struct rr *rr)
{
	struct oldsigs *o = ctx;
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
		return 0;
	h = head_of(rr, o->now);
	if (h.covered == TYPE_DNSKEY || h.covered == TYPE_CDS || h.covered == TYPE_CDNSKEY)
		return 0; /* made elsewhere, with ends of their own */
	if (o->end != 0 && o->end != h.expiration)
		o->mixed = true;
	o->end = h.expiration;
	return 0;
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

int oldsigs_load(struct store *store, const struct table *t, struct group g, int64_t now,
		 struct oldsigs **out, struct err *e)
{
	struct oldsigs *o = mem_new(1, sizeof(*o));
	uint8_t *page = mem_new(PAGE_OCTETS_MAX, 1);
	int rc = 0;

	*out = NULL;
	o->arena = arena_new();
	o->now = now;
	for (size_t i = g.first; i < g.end && rc == 0; i++) {
		rc = store_read(store, table_row(t, i), page, e);
		if (rc == 0)
			rc = page_walk(page, table_row(t, i)->len, collect, o, e);
	}
	free(page);
	if (rc == 0 && o->end != 0 && !o->mixed) {
		qsort(o->rr, o->n, sizeof(*o->rr), by_rr);
		*out = o;
		return 0;
	}
	oldsigs_free(o);
	/* A damaged page is made anew from the content; other failures are the caller's. */
	return rc == 0 || e->code == ERR_DAMAGE ? 0 : -1;
}

void oldsigs_free(struct oldsigs *o)
{
	if (o == NULL)
		return;
	arena_free(o->arena);
	free(o->rr);
	free(o);
}

int64_t oldsigs_end(const struct oldsigs *o)
{
	return o->end;
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
		if (h.covered == rrs[0].type && h.algorithm == key_alg(key) && h.tag == key_tag(key))
			return &o->rr[at];
	}
	return NULL;
}
