/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonemd: the digest of a version that was signed, over its pages in canonical order: the names, and among them the NSEC3
 * records, whose owners lie in a chain of their own.
 */
#include "sign/zonesign.h"

#include <stdlib.h>
#include <string.h>

#include "fail/fail.h"
#include "wire/wire.h"

#define SCHEME_SIMPLE 1
#define FIXED_LEN     6 /* serial, scheme, hash */

/* One chain, owner by owner.  A row with part 0 begins a page of whole owners; those behind it with parts go on with the
 * owner. */
struct stream {
	struct store *store;
	const struct table *t;
	size_t row, end;
	struct arena *arena; /* of the records that were read */
	struct rr *rr;
	size_t n, room, at;
	size_t owner_end;    /* the owner's records are from at on to here; at: there is no owner any more */
	uint8_t *page;
};

static int take(void *ctx, const struct rr *rr)
{
	struct stream *s = ctx;
	uint8_t *rdata = arena_bytes(s->arena, rr->rdlen);
	struct rr *to;

	rdata_canonical(rr->type, rr->rdata, rr->rdlen, rdata);
	if (s->n == s->room) {
		s->room = 2 * s->room + 64;
		s->rr = mem_grow(s->rr, s->room, sizeof(*s->rr));
	}
	to = &s->rr[s->n++];
	*to = *rr;
	to->rdata = rdata;
	to->owner = s->n > 1 && dname_equal(to[-1].owner, rr->owner) ? to[-1].owner
								    : arena_dup(s->arena, rr->owner, dname_len(rr->owner));
	return 0;
}

/* The next page, and what belongs to its last owner. */
static int load(struct stream *s, struct err *e)
{
	arena_reset(s->arena);
	s->n = s->at = 0;
	do {
		const struct page_row *row = table_row(s->t, s->row);

		if (store_read(s->store, row, s->page, e) != 0 || page_walk(s->page, row->len, take, s, e) != 0)
			return -1;
		s->row++;
	} while (s->row < s->end && table_row(s->t, s->row)->part > 0);
	return 0;
}

static int by_type(const void *a, const void *b)
{
	const struct rr *x = a, *y = b;
	size_t len = x->rdlen < y->rdlen ? x->rdlen : y->rdlen;
	int d = x->type != y->type ? (int)x->type - (int)y->type : memcmp(x->rdata, y->rdata, len);

	return d != 0 ? d : (int)x->rdlen - (int)y->rdlen;
}

static void sort(struct rr *rr, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (by_type(&rr[i - 1], &rr[i]) > 0) {
			qsort(rr, n, sizeof(*rr), by_type);
			return;
		}
}

static int next_owner(struct stream *s, struct err *e)
{
	s->at = s->owner_end;
	if (s->at == s->n && s->row < s->end && load(s, e) != 0)
		return -1;
	for (s->owner_end = s->at; s->owner_end < s->n && s->rr[s->owner_end].owner == s->rr[s->at].owner; s->owner_end++)
		;
	sort(s->rr + s->at, s->owner_end - s->at);
	return 0;
}

static bool over(const struct stream *s)
{
	return s->at == s->owner_end;
}

static int stream_begin(struct stream *s, struct store *store, const struct table *t, size_t from, size_t end, struct err *e)
{
	*s = (struct stream){ .store = store, .t = t, .row = from, .end = end, .arena = arena_new() };
	s->page = mem_new(1, PAGE_OCTETS_MAX);
	return next_owner(s, e);
}

static void stream_end(struct stream *s)
{
	arena_free(s->arena);
	free(s->rr);
	free(s->page);
}

/* Two runs of records of one owner as one. */
static int add_both(struct zone_digester *d, const struct rr *a, size_t n, const struct rr *b, size_t m, struct err *e)
{
	struct rr *all = mem_new(n + m, sizeof(*all));
	int rc;

	memcpy(all, a, n * sizeof(*all));
	if (m > 0)
		memcpy(all + n, b, m * sizeof(*all));
	sort(all, n + m);
	rc = zone_digester_add(d, all, n + m, e);
	free(all);
	return rc;
}

/* The apex, with the SOA and its RRSIGs, which lie in no page. */
static int add_apex(struct zone_digester *d, struct stream *names, const struct version_info *info, struct err *e)
{
	const bool there = !over(names) && dname_equal(names->rr[names->at].owner, info->soa.owner);
	const size_t n = 1 + info->soa_sig_count, m = there ? names->owner_end - names->at : 0;
	struct rr *with = mem_new(n, sizeof(*with));
	int rc;

	with[0] = info->soa;
	for (size_t i = 1; i < n; i++)
		with[i] = info->with_soa[i - 1];
	rc = add_both(d, with, n, names->rr + names->at, m, e);
	free(with);
	return rc != 0 || !there ? rc : next_owner(names, e);
}

static int add_next(struct zone_digester *d, struct stream *names, struct stream *hashes, struct err *e)
{
	const struct rr *a = names->rr + names->at, *b = hashes->rr + hashes->at;
	const size_t n = names->owner_end - names->at, m = hashes->owner_end - hashes->at;
	const int order = over(names) ? 1 : over(hashes) ? -1 : dname_cmp(a->owner, b->owner);
	int rc;

	if (order == 0) /* a name that looks like a hash, and is one */
		rc = add_both(d, a, n, b, m, e);
	else
		rc = order < 0 ? zone_digester_add(d, a, n, e) : zone_digester_add(d, b, m, e);
	if (rc == 0 && order <= 0)
		rc = next_owner(names, e);
	if (rc == 0 && order >= 0)
		rc = next_owner(hashes, e);
	return rc;
}

static size_t first_hash(const struct table *t)
{
	const size_t n = table_len(t);
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table_row(t, mid)->chain == CHAIN_NAMES)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int digest(struct store *store, const struct table *t, unsigned wanted, const struct version_info *info,
		  uint8_t out[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e)
{
	const size_t border = first_hash(t);
	struct stream names = { .store = NULL }, hashes = { .store = NULL };
	struct zone_digester *d = NULL;
	int rc = -1;

	if (zone_digester_new(wanted, &d, e) == 0 && stream_begin(&names, store, t, 0, border, e) == 0 &&
	    stream_begin(&hashes, store, t, border, table_len(t), e) == 0)
		rc = add_apex(d, &names, info, e);
	while (rc == 0 && !(over(&names) && over(&hashes)))
		rc = add_next(d, &names, &hashes, e);
	if (rc == 0)
		rc = zone_digester_end(d, out, e);
	stream_end(&names);
	stream_end(&hashes);
	zone_digester_free(d);
	return rc;
}

int zone_put_zonemd(const struct sign_params *p, uint8_t known[ZONE_HASHES][ZONE_DIGEST_MAX], struct arena *arena,
		    struct version_info *info, struct err *e)
{
	const size_t before = info->soa_sig_count, most = ZONE_HASHES + p->key_count;
	const struct window window = sign_window(p);
	struct rr *all = arena_alloc(arena, before + most, sizeof(*all)), *md = all + info->soa_sig_count;
	size_t n = 0;

	for (size_t i = 0; i < info->soa_sig_count; i++)
		all[i] = info->with_soa[i];
	for (uint8_t h = 1; h < ZONE_HASHES; h++) {
		const size_t len = FIXED_LEN + zone_digest_len(h);
		struct wr w = wr_of(arena_bytes(arena, len), len);

		if ((p->zonemd & 1u << h) == 0)
			continue;
		wr_u32(&w, info->serial);
		wr_u8(&w, SCHEME_SIMPLE);
		wr_u8(&w, h);
		known[h][0] ^= (uint8_t)fail_number("spoil-zonemd");
		wr_bytes(&w, known[h], zone_digest_len(h));
		md[n++] = (struct rr){ .owner = info->soa.owner, .type = TYPE_ZONEMD, .ttl = info->soa.ttl, .rdata = w.p,
				       .rdlen = (uint16_t)len };
	}
	for (size_t i = 0; i < p->key_count; i++)
		if (rrsig_make(md, n, info->soa.owner, p->keys[i], window, arena, &md[n + i], e) != 0)
			return -1;
	info->with_soa = all;
	info->with_soa_count = info->soa_sig_count + n + p->key_count;
	if (p->key_count > 0 && window.expiration < info->earliest)
		info->earliest = window.expiration;
	return 0;
}

int zone_sign_zonemd(struct store *s, const struct table *t, const struct sign_params *p, struct arena *arena,
		     struct version_info *info, struct err *e)
{
	uint8_t known[ZONE_HASHES][ZONE_DIGEST_MAX];

	if (p->zonemd == 0)
		return 0;
	if (digest(s, t, p->zonemd, info, known, e) != 0)
		return err_ctx(e, "ZONEMD");
	return zone_put_zonemd(p, known, arena, info, e);
}
