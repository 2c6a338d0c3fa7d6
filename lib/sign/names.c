/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names: the chain of owner names: their records, RRSIGs and NSEC records.
 */
#include "sign/maker.h"

#include <string.h>

#include "sign/pagedigest.h"

/* Octets of the owner where it stands first in a page; that of the apex is counted once for the page. */
static size_t name_octets(const struct signing *s, const uint8_t *name)
{
	size_t len = dname_len(name);

	if (len >= s->apex_len && memcmp(name + len - s->apex_len, s->apex, s->apex_len) == 0)
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

static bool is_soa(const struct owner *o, size_t i)
{
	return o->apex && o->rr[i].type == TYPE_SOA;
}

/* What the NSEC of name i names; of the range's last one where i is behind it. */
static const uint8_t *next_name(const struct range *r, size_t i)
{
	for (i++; i < r->n; i++)
		if (r->owners[i].kind != OWNER_OCCLUDED)
			return r->owners[i].name;
	return r->next;
}

/* At least the octets of the type bitmap, without making it. */
static size_t bitmap_bound(const struct owner *o)
{
	unsigned windows = 1;

	for (size_t i = 0; i < o->n; i++)
		if (o->rr[i].type >= 256 && (i == 0 || o->rr[i].type >> 8 != o->rr[i - 1].type >> 8))
			windows++;
	/* One window without large types ends at NSEC, or CAA (257 is in the next window). */
	return windows * 34u;
}

static size_t names_size(const struct range_maker *m, const struct range *r, size_t i)
{
	const struct signing *s = m->s;
	const struct owner *o = &r->owners[i];
	size_t size = name_octets(s, o->name);

	for (size_t k = 0; k < o->n; k++) {
		if (is_soa(o, k))
			continue;
		size += RR_FIXED + o->rr[k].rdlen;
		if ((k == 0 || o->rr[k].type != o->rr[k - 1].type) && is_signed(s, o, o->rr[k].type))
			size += s->rrsig_octets;
	}
	if (has_nsec(s, o))
		size += RR_FIXED + dname_len(next_name(r, i)) + bitmap_bound(o) + s->rrsig_octets;
	if (o->apex && signing_on(s))
		size += ready_size(s);
	return size;
}

static size_t names_key(const struct range_maker *m, const struct range *r, size_t i, uint8_t out[DNAME_KEY_MAX])
{
	(void)m;
	return dname_key(r->owners[i].name, out);
}

static void digest_rr(struct pagedigest *d, const struct rr *rr)
{
	uint8_t head[8 + DNAME_MAX];
	struct wr w = wr_of(head, sizeof(head));

	wr_u32(&w, rr->ttl);
	wr_u16(&w, rr->type);
	wr_u16(&w, rr->rdlen);
	wr_bytes(&w, rr->owner, dname_len(rr->owner));
	pagedigest_add(d, head, w.at);
	pagedigest_add(d, rr->rdata, rr->rdlen);
}

static void digest_ready(struct pagedigest *d, const struct sign_params *p)
{
	for (size_t k = 0; k < p->ready_count; k++) {
		for (size_t i = 0; i < p->ready[k].n; i++)
			digest_rr(d, &p->ready[k].rrs[i]);
		for (size_t i = 0; i < p->ready[k].sig_count; i++)
			digest_rr(d, &p->ready[k].sigs[i]);
	}
}

/* What depends on more than the records of the range: kinds of owners, the next name of the last NSEC, the
 * apex. */
static void names_digest(const struct range_maker *m, const struct range *r, uint8_t out[16])
{
	struct pagedigest d;
	uint8_t next[DNAME_MAX];

	pagedigest_init(&d);
	for (size_t i = 0; i < r->n; i++) {
		const struct owner *o = &r->owners[i];

		if (o->apex && signing_on(m->s))
			digest_ready(&d, m->s->p);
		pagedigest_add(&d, &o->kind, 1);
		for (size_t k = 0; k < o->n; k++)
			if (!is_soa(o, k))
				digest_rr(&d, &o->rr[k]);
	}
	if (signing_on(m->s) && !signing_nsec3(m->s))
		pagedigest_add(&d, next, dname_lower(r->next, next));
	pagedigest_end(&d, out);
}

static int sign_apex(struct range_maker *m, struct err *e)
{
	const struct signing *s = m->s;
	struct rr param = { .owner = s->apex, .ttl = 0 };

	for (size_t k = 0; k < s->p->ready_count; k++) {
		for (size_t i = 0; i < s->p->ready[k].n; i++)
			maker_add(m, &s->p->ready[k].rrs[i]);
		for (size_t i = 0; i < s->p->ready[k].sig_count; i++)
			maker_add(m, &s->p->ready[k].sigs[i]);
	}
	if (!signing_nsec3(s))
		return 0;
	nsec3param_rdata(&s->nsec3, m->arena, &param);
	return maker_add_signed(m, &param, 1, e);
}

static int sign_nsec(struct range_maker *m, const struct range *r, size_t i, struct err *e)
{
	struct rr nsec = { .owner = r->owners[i].name, .ttl = m->s->denial_ttl };
	uint8_t bitmap[BITMAP_MAX];

	nsec_rdata(next_name(r, i), bitmap, owner_bitmap(m->s, &r->owners[i], bitmap), m->arena, &nsec);
	return maker_add_signed(m, &nsec, 1, e);
}

static int names_sign(struct range_maker *m, const struct range *r, size_t i, struct err *e)
{
	const struct signing *s = m->s;
	const struct owner *o = &r->owners[i];

	for (size_t k = 0, end; k < o->n; k = end) {
		for (end = k + 1; end < o->n && o->rr[end].type == o->rr[k].type; end++)
			;
		if (is_soa(o, k))
			continue;
		if (is_signed(s, o, o->rr[k].type)) {
			if (maker_add_signed(m, o->rr + k, end - k, e) != 0)
				return -1;
			continue;
		}
		for (size_t c = k; c < end; c++)
			maker_add(m, &o->rr[c]);
	}
	if (o->apex && signing_on(s) && sign_apex(m, e) != 0)
		return -1;
	return has_nsec(s, o) ? sign_nsec(m, r, i, e) : 0;
}

const struct chain chain_names = {
	.size = names_size,
	.key = names_key,
	.digest = names_digest,
	.sign = names_sign,
};
