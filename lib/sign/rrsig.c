/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rrsig: one signature over one RRset (RFC 4034 sections 3.1.8.1 and 6).
 */
#include "sign/rrsig.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define FIXED    18   /* octets of RRSIG rdata in front of the signer's name */
#define ON_STACK 4096 /* most RRsets with their RRSIG's head are smaller */

struct head {
	uint16_t covered;
	uint8_t algorithm;
	uint8_t labels;
	uint32_t ttl;
	uint32_t expiration;
	uint32_t inception;
	uint16_t tag;
};

static void write_head(struct wr *w, const struct head *h, const uint8_t *zone)
{
	uint8_t *p;

	wr_u16(w, h->covered);
	wr_u8(w, h->algorithm);
	wr_u8(w, h->labels);
	wr_u32(w, h->ttl);
	wr_u32(w, h->expiration);
	wr_u32(w, h->inception);
	wr_u16(w, h->tag);
	if ((p = wr_room(w, dname_len(zone))) != NULL)
		dname_lower(zone, p);
}

/* The RRset in canonical form behind the head; owner is in lower case already. */
static void write_rrset(struct wr *w, const struct rr *rrs, size_t n, const uint8_t *owner, uint32_t ttl)
{
	size_t owner_len = dname_len(owner);
	uint8_t *p;

	for (size_t i = 0; i < n; i++) {
		wr_bytes(w, owner, owner_len);
		wr_u16(w, rrs[i].type);
		wr_u16(w, CLASS_IN);
		wr_u32(w, ttl);
		wr_u16(w, rrs[i].rdlen);
		if ((p = wr_room(w, rrs[i].rdlen)) != NULL)
			rdata_canonical(rrs[i].type, rrs[i].rdata, rrs[i].rdlen, p);
	}
}

static size_t signed_len(const struct rr *rrs, size_t n, const uint8_t *zone)
{
	size_t len = FIXED + dname_len(zone), owner_len = dname_len(rrs[0].owner);

	for (size_t i = 0; i < n; i++)
		len += owner_len + 10 + rrs[i].rdlen;
	return len;
}

int rrsig_make_by(struct key_signer *signer, const struct rr *rrs, size_t n, const uint8_t *zone,
		  struct window window, struct arena *arena, struct rr *out, struct err *e)
{
	const struct key *key = key_signer_key(signer);
	uint8_t stack[ON_STACK], owner[DNAME_MAX], *heap = NULL, *rdata;
	size_t cap = signed_len(rrs, n, zone), zone_len = dname_len(zone), sig_len;
	struct wr w;
	const struct head h = {
		.covered = rrs[0].type,
		.algorithm = (uint8_t)key_alg(key),
		.labels = (uint8_t)(dname_labels(rrs[0].owner) - (dname_is_wildcard(rrs[0].owner) ? 1 : 0)),
		.ttl = rrs[0].ttl,
		.expiration = (uint32_t)window.expiration,
		.inception = (uint32_t)window.inception,
		.tag = key_tag(key),
	};
	int rc;

	assert(window.inception < window.expiration && window.expiration - window.inception < INT64_C(1)
												      << 31);
	if (cap > sizeof(stack))
		heap = mem_new(cap, 1);
	w = wr_of(heap != NULL ? heap : stack, cap);
	write_head(&w, &h, zone);
	dname_lower(rrs[0].owner, owner);
	write_rrset(&w, rrs, n, owner, h.ttl);
	assert(!w.bad && w.at == cap);
	rdata = arena_bytes(arena, FIXED + zone_len + KEY_SIG_MAX);
	memcpy(rdata, w.p, FIXED + zone_len);
	rc = key_signer_sign(signer, w.p, w.at, rdata + FIXED + zone_len, &sig_len, e);
	free(heap);
	if (rc != 0)
		return -1;
	*out = (struct rr){
		.owner = rrs[0].owner,
		.type = TYPE_RRSIG,
		.ttl = rrs[0].ttl,
		.rdlen = (uint16_t)(FIXED + zone_len + sig_len),
		.rdata = rdata,
	};
	return 0;
}

int rrsig_make(const struct rr *rrs, size_t n, const uint8_t *zone, const struct key *key, struct window window,
	       struct arena *arena, struct rr *out, struct err *e)
{
	struct key_signer *signer = NULL;
	int rc;

	if (key_signer_new(key, &signer, e) != 0)
		return -1;
	rc = rrsig_make_by(signer, rrs, n, zone, window, arena, out, e);
	key_signer_free(signer);
	return rc;
}

/* The name that was signed: the owner, or the wildcard that it came from (RFC 4035 section 5.3.2). */
static int signed_owner(const uint8_t *owner, unsigned labels, uint8_t out[DNAME_MAX], struct err *e)
{
	unsigned has = dname_labels(owner) - (dname_is_wildcard(owner) ? 1 : 0);

	if (labels > has)
		return err_set(e, ERR_CRYPTO, "RRSIG says %u labels, the owner has %u", labels, has);
	if (labels == has) {
		dname_lower(owner, out);
		return 0;
	}
	out[0] = 1;
	out[1] = '*';
	dname_lower(dname_suffix(owner, labels), out + 2);
	return 0;
}

static int read_head(struct rd *r, struct head *h, const struct rr *rrset, const uint8_t *zone,
		     const struct key *key, struct err *e)
{
	const uint8_t *signer;

	h->covered = rd_u16(r);
	h->algorithm = rd_u8(r);
	h->labels = rd_u8(r);
	h->ttl = rd_u32(r);
	h->expiration = rd_u32(r);
	h->inception = rd_u32(r);
	h->tag = rd_u16(r);
	signer = dname_read(r);
	if (r->bad)
		return err_set(e, ERR_SYNTAX, "RRSIG is cut short");
	if (h->covered != rrset->type)
		return err_set(e, ERR_CRYPTO, "RRSIG covers type %u, not %u", h->covered, rrset->type);
	if (!dname_equal(signer, zone))
		return err_set(e, ERR_CRYPTO, "RRSIG's signer is not the zone");
	if (h->algorithm != key_alg(key) || h->tag != key_tag(key))
		return err_set(e, ERR_CRYPTO, "RRSIG is by key %u/%u, not %u/%u", h->tag, h->algorithm,
			       key_tag(key), key_alg(key));
	return 0;
}

int rrsig_verify(const struct rr *rrs, size_t n, const struct rr *sig, const uint8_t *zone,
		 const struct key *key, struct err *e)
{
	struct rd r = rd_of(sig->rdata, sig->rdlen);
	uint8_t owner[DNAME_MAX], *octets;
	size_t sig_len, cap;
	struct head h;
	struct wr w;
	int rc;

	if (read_head(&r, &h, rrs, zone, key, e) != 0 || signed_owner(rrs[0].owner, h.labels, owner, e) != 0)
		return -1;
	if (!dname_equal(sig->owner, rrs[0].owner))
		return err_set(e, ERR_CRYPTO, "RRSIG is at another name");
	sig_len = rd_left(&r);
	cap = signed_len(rrs, n, zone) +
	      n * 2; /* a wildcard may be one label of one octet longer than the owner */
	octets = mem_new(cap, 1);
	w = wr_of(octets, cap);
	write_head(&w, &h, zone);
	write_rrset(&w, rrs, n, owner, h.ttl);
	assert(!w.bad);
	rc = key_verify(key, w.p, w.at, sig->rdata + r.at, sig_len, e);
	free(octets);
	return rc;
}
