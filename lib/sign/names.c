/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names: the chain of owner names: their records, RRSIGs and NSEC records.
 */
#include "sign/lay.h"

#include <sodium.h>
#include <string.h>

#define RR_FIXED (2 + 10) /* a pointer as owner, and what stands between owner and rdata */

/* Octets of the owner where it stands first in a page; that of the apex is counted once for the page. */
static size_t name_octets(const struct signing *s, const uint8_t *name)
{
	size_t len = dname_len(name);

	if (len >= s->apex_len && memcmp(name + len - s->apex_len, s->z->apex, s->apex_len) == 0)
		return len - s->apex_len + 2;
	return len;
}

static size_t ready_size(const struct signing *s)
{
	size_t size = 0;

	for (size_t k = 0; k < s->p->ready_count; k++) {
		for (size_t i = 0; i < s->p->ready[k].n; i++)
			size += RR_FIXED + s->p->ready[k].rrs[i].rdlen;
		for (size_t i = 0; i < s->p->ready[k].sig_count; i++)
			size += RR_FIXED + s->p->ready[k].sigs[i].rdlen;
	}
	if (signing_nsec3(s))
		size += RR_FIXED + 5 + s->p->nsec3_salt_len + s->rrsig_octets;
	return size;
}

static bool is_signed(const struct signing *s, const struct owner *o, uint16_t type)
{
	return signing_on(s) &&
	       (o->kind == OWNER_AUTHORITATIVE || (o->kind == OWNER_DELEGATION && type == TYPE_DS));
}

static bool has_nsec(const struct signing *s, const struct owner *o)
{
	return signing_on(s) && !signing_nsec3(s) && o->kind != OWNER_OCCLUDED;
}

static size_t names_size(const struct signing *s, size_t i)
{
	const struct owner *o = &s->owners[i];
	const struct rr *rr = s->z->rr;
	size_t size = name_octets(s, owner_name(s, i));
	uint16_t *types;

	for (size_t k = o->first; k < o->first + o->n; k++) {
		if (k == s->z->soa_at)
			continue;
		size += RR_FIXED + rr[k].rdlen;
		if (is_signed(s, o, rr[k].type) && (k == o->first || rr[k].type != rr[k - 1].type))
			size += s->rrsig_octets;
	}
	if (has_nsec(s, o)) {
		size_t n;

		arena_reset(s->scratch);
		n = owner_types(s, i, s->scratch, &types);
		size += RR_FIXED + dname_len(owner_name(s, owners_next_in_chain(s, i + 1))) +
			bitmap_bound(types, n) + s->rrsig_octets;
	}
	if (i == 0 && signing_on(s))
		size += ready_size(s);
	return size;
}

static size_t names_key(const struct signing *s, size_t i, uint8_t out[DNAME_KEY_MAX])
{
	return dname_key(owner_name(s, i), out);
}

static size_t names_find(const struct signing *s, const uint8_t *key, size_t len)
{
	size_t low = 0, high = s->owner_count;
	uint8_t at[DNAME_KEY_MAX];

	while (low < high) {
		size_t mid = low + (high - low) / 2, at_len = names_key(s, mid, at);
		int c = memcmp(at, key, at_len < len ? at_len : len);

		if (c < 0 || (c == 0 && at_len < len))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void digest_rrs(crypto_generichash_state *st, const struct rr *rrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t head[8 + DNAME_MAX];
		struct wr w = wr_of(head, sizeof(head));

		wr_u32(&w, rrs[i].ttl);
		wr_u16(&w, rrs[i].type);
		wr_u16(&w, rrs[i].rdlen);
		wr_bytes(&w, rrs[i].owner, dname_len(rrs[i].owner));
		crypto_generichash_update(st, head, w.at);
		crypto_generichash_update(st, rrs[i].rdata, rrs[i].rdlen);
	}
}

/* What depends on more than the records of the range: kinds of owners, the next name of the last NSEC, the
 * apex. */
static void names_digest(const struct signing *s, size_t a, size_t b, uint8_t out[16])
{
	crypto_generichash_state st;
	uint8_t next[DNAME_MAX];

	crypto_generichash_init(&st, NULL, 0, 16);
	if (a == 0 && signing_on(s))
		for (size_t k = 0; k < s->p->ready_count; k++) {
			digest_rrs(&st, s->p->ready[k].rrs, s->p->ready[k].n);
			digest_rrs(&st, s->p->ready[k].sigs, s->p->ready[k].sig_count);
		}
	for (size_t i = a; i < b; i++) {
		const struct owner *o = &s->owners[i];

		crypto_generichash_update(&st, &o->kind, 1);
		if (i > 0) {
			digest_rrs(&st, s->z->rr + o->first, o->n);
		} else { /* without the SOA, which is in no page */
			digest_rrs(&st, s->z->rr + o->first, s->z->soa_at - o->first);
			digest_rrs(&st, s->z->rr + s->z->soa_at + 1, o->first + o->n - s->z->soa_at - 1);
		}
	}
	if (!signing_nsec3(s)) {
		size_t len = dname_lower(owner_name(s, owners_next_in_chain(s, b)), next);

		crypto_generichash_update(&st, next, len);
	}
	crypto_generichash_final(&st, out, 16);
}

static int emit_apex(struct pager *pg, struct err *e)
{
	const struct signing *s = pg->s;
	struct rr param = { .owner = s->z->apex, .ttl = 0 };

	for (size_t k = 0; k < s->p->ready_count; k++) {
		const struct ready_rrset *ready = &s->p->ready[k];

		for (size_t i = 0; i < ready->n; i++)
			if (pager_add(pg, &ready->rrs[i], e) != 0)
				return -1;
		for (size_t i = 0; i < ready->sig_count; i++)
			if (pager_add(pg, &ready->sigs[i], e) != 0)
				return -1;
	}
	if (!signing_nsec3(s))
		return 0;
	nsec3param_rdata(&s->nsec3_params, s->arena, &param);
	return pager_add_signed(pg, &param, 1, e);
}

static int emit_nsec(struct pager *pg, size_t i, struct err *e)
{
	const struct signing *s = pg->s;
	struct rr nsec = { .owner = owner_name(s, i), .ttl = s->denial_ttl };
	uint16_t *types;
	size_t n = owner_types(s, i, s->arena, &types);

	nsec_rdata(owner_name(s, owners_next_in_chain(s, i + 1)), types, n, s->arena, &nsec);
	return pager_add_signed(pg, &nsec, 1, e);
}

static int names_emit(struct pager *pg, size_t i, struct err *e)
{
	const struct signing *s = pg->s;
	const struct owner *o = &s->owners[i];
	const struct rr *rr = s->z->rr;

	for (size_t k = o->first, end; k < o->first + o->n; k = end) {
		end = zone_rrset_end(s->z, k);
		if (k == s->z->soa_at)
			continue;
		if (is_signed(s, o, rr[k].type)) {
			if (pager_add_signed(pg, rr + k, end - k, e) != 0)
				return -1;
			continue;
		}
		for (size_t r = k; r < end; r++)
			if (pager_add(pg, &rr[r], e) != 0)
				return -1;
	}
	if (i == 0 && signing_on(s) && emit_apex(pg, e) != 0)
		return -1;
	return has_nsec(s, o) ? emit_nsec(pg, i, e) : 0;
}

const struct chain chain_names = {
	.id = CHAIN_NAMES,
	.size = names_size,
	.key = names_key,
	.find = names_find,
	.digest = names_digest,
	.emit = names_emit,
};
