/* SPDX-License-Identifier: BSD-3-Clause */
/* parent: judges an answer for DS. */
#include "signer/engine/parent.h"

#include "key/key.h"
#include "nsec/nsec.h"
#include "sign/rrsig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 64
#define KEYS_MAX    32

struct records {
	struct rr rr[RECORDS_MAX];
	size_t n;
};

static void outcome(struct observed *o, enum observed_outcome what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void outcome(struct observed *o, enum observed_outcome what, const char *fmt, ...)
{
	va_list ap;

	o->outcome = what;
	va_start(ap, fmt);
	vsnprintf(o->why, sizeof(o->why), fmt, ap);
	va_end(ap);
}

static bool read_all(const uint8_t *octets, size_t len, struct records *out)
{
	struct rd r = rd_of(octets, len);
	int rc;

	for (out->n = 0; (rc = rr_read(&r, &out->rr[out->n], NULL)) == 1;)
		if (++out->n == RECORDS_MAX)
			return false;
	return rc == 0;
}

static uint16_t covered(const struct rr *sig)
{
	return (uint16_t)(sig->rdata[0] << 8 | sig->rdata[1]);
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

/* ---- signatures ---- */

static bool in_time(const struct rr *sig, int64_t now)
{
	struct rd r = rd_of(sig->rdata, sig->rdlen);
	uint32_t expiration, inception;

	rd_bytes(&r, 8);
	expiration = rd_u32(&r);
	inception = rd_u32(&r);
	/* RFC 4034 section 3.1.5 */
	return !r.bad && (int32_t)(expiration - (uint32_t)now) >= 0 && (int32_t)((uint32_t)now - inception) >= 0;
}

/* The RRset of (owner, type) among the records, in order and without doubles. */
static size_t collect(const struct records *all, const uint8_t *owner, uint16_t type, struct rr *out)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->rr[i].type == type && dname_equal(all->rr[i].owner, owner))
			out[n++] = all->rr[i];
	qsort(out, n, sizeof(*out), by_rr);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || rr_cmp(&out[kept - 1], &out[i]) != 0)
			out[kept++] = out[i];
	return kept;
}

static bool key_verifies(const struct rr *set, size_t n, const struct rr *sig, const struct parent_keys *k)
{
	struct rd r = rd_of(k->keys, k->keys_len);
	bool right = false;
	struct rr rr;

	for (size_t i = 0; i < KEYS_MAX && !right && rr_read(&r, &rr, NULL) == 1; i++) {
		struct key *key;

		if (rr.type != TYPE_DNSKEY || key_from_dnskey(rr.rdata, rr.rdlen, &key, NULL) != 0)
			continue;
		right = (key_flags(key) & DNSKEY_FLAG_ZONE) != 0 && rrsig_verify(set, n, sig, k->zone, key, NULL) == 0;
		key_free(key);
	}
	return right;
}

/* Some RRSIG of the RRset is right now. */
static bool verifies(const struct records *all, const uint8_t *owner, uint16_t type, const struct parent_keys *k,
		     int64_t now)
{
	struct rr set[RECORDS_MAX];
	const size_t n = collect(all, owner, type, set);

	for (size_t i = 0; i < all->n && n > 0; i++) {
		const struct rr *sig = &all->rr[i];

		if (sig->type == TYPE_RRSIG && covered(sig) == type && dname_equal(sig->owner, owner) &&
		    in_time(sig, now) && key_verifies(set, n, sig, k))
			return true;
	}
	return false;
}

/* ---- that there is no DS ---- */

static bool bitmap_has(const uint8_t *p, size_t len, uint16_t type)
{
	while (len >= 2 && (size_t)p[1] + 2 <= len) {
		const unsigned octet = (type & 0xff) / 8;

		if (p[0] == type >> 8 && octet < p[1])
			return (p[2 + octet] & (0x80 >> (type % 8))) != 0;
		len -= (size_t)p[1] + 2;
		p += (size_t)p[1] + 2;
	}
	return false;
}

/* The name is there, at the parent's side of the cut, and has no DS. */
static bool no_ds(const uint8_t *bitmap, size_t len)
{
	return !bitmap_has(bitmap, len, TYPE_DS) && !bitmap_has(bitmap, len, TYPE_SOA) &&
	       !bitmap_has(bitmap, len, TYPE_CNAME);
}

static bool nsec_proves(const struct rr *rr, const uint8_t *name)
{
	struct rd r = rd_of(rr->rdata, rr->rdlen);
	const uint8_t *next = dname_read(&r);

	if (next == NULL)
		return false;
	if (dname_equal(rr->owner, name))
		return no_ds(r.p + r.at, rd_left(&r));
	/* RFC 6840 section 4.1: a cut above the name says nothing of what is below it. */
	if (dname_is_within(name, rr->owner) && bitmap_has(r.p + r.at, rd_left(&r), TYPE_NS) &&
	    !bitmap_has(r.p + r.at, rd_left(&r), TYPE_SOA))
		return false;
	/* It covers the name; the last one leads back to the apex. */
	return dname_cmp(rr->owner, name) < 0 && (dname_cmp(name, next) < 0 || dname_cmp(next, rr->owner) <= 0);
}

struct nsec3 {
	struct nsec3_params params;
	uint8_t flags, owner[NSEC3_HASH_LEN], next[NSEC3_HASH_LEN];
	const uint8_t *bitmap;
	size_t bitmap_len;
};

static bool nsec3_read(const struct rr *rr, struct nsec3 *out)
{
	struct rd r = rd_of(rr->rdata, rr->rdlen);
	const uint8_t alg = rd_u8(&r), *p;

	memset(out, 0, sizeof(*out));
	out->flags = rd_u8(&r);
	out->params.iterations = rd_u16(&r);
	out->params.salt_len = rd_u8(&r);
	if ((p = rd_bytes(&r, out->params.salt_len)) != NULL)
		memcpy(out->params.salt, p, out->params.salt_len);
	if (rd_u8(&r) != NSEC3_HASH_LEN || alg != 1 || out->params.iterations > 500 ||
	    (p = rd_bytes(&r, NSEC3_HASH_LEN)) == NULL)
		return false;
	memcpy(out->next, p, NSEC3_HASH_LEN);
	out->bitmap = r.p + r.at;
	out->bitmap_len = rd_left(&r);
	return !r.bad && rr->owner[0] == NSEC3_LABEL_LEN && nsec3_unlabel(rr->owner + 1, out->owner) == 0;
}

static bool hash_covered(const struct nsec3 *n, const uint8_t hash[NSEC3_HASH_LEN])
{
	const int low = memcmp(n->owner, hash, NSEC3_HASH_LEN), high = memcmp(hash, n->next, NSEC3_HASH_LEN);

	return memcmp(n->owner, n->next, NSEC3_HASH_LEN) < 0 ? low < 0 && high < 0 : low < 0 || high < 0;
}

/* Matches the name without DS; or covers it or a name above it, so that the name is not there or lies in an opt-out span. */
static bool nsec3_proves(const struct rr *rr, const uint8_t *name, const uint8_t *zone, bool nxdomain)
{
	uint8_t hash[NSEC3_HASH_LEN];
	bool proves = false;
	struct nsec3 n;

	if (!nsec3_read(rr, &n))
		return false;
	nsec3_hash(&n.params, name, hash);
	if (memcmp(hash, n.owner, sizeof(hash)) == 0)
		return no_ds(n.bitmap, n.bitmap_len);
	if (!nxdomain && (n.flags & NSEC3_FLAG_OPTOUT) == 0)
		return false;
	for (; !dname_equal(name, zone) && !proves; name = dname_parent(name)) {
		nsec3_hash(&n.params, name, hash);
		proves = hash_covered(&n, hash);
	}
	return proves;
}

static bool absence_proven(const struct records *auth, const struct observed *o, const struct parent_keys *k,
			   bool nxdomain, int64_t now)
{
	for (size_t i = 0; i < auth->n; i++) {
		const struct rr *rr = &auth->rr[i];

		if ((rr->type == TYPE_NSEC && nsec_proves(rr, o->zone) &&
		     verifies(auth, rr->owner, TYPE_NSEC, k, now)) ||
		    (rr->type == TYPE_NSEC3 && nsec3_proves(rr, o->zone, k->zone, nxdomain) &&
		     verifies(auth, rr->owner, TYPE_NSEC3, k, now)))
			return true;
	}
	return false;
}

/* ---- the answer ---- */

/* NULL: the parent's side says with authority that there is none; *ttl is the negative TTL. */
static const char *absent(const struct records *auth, const struct observed *o, uint32_t *ttl)
{
	for (size_t i = 0; i < auth->n; i++) {
		const struct rr *rr = &auth->rr[i];
		struct rd r = rd_of(rr->rdata, rr->rdlen);
		uint32_t minimum;

		if (rr->type != TYPE_SOA)
			continue;
		if (dname_equal(rr->owner, o->zone) || !dname_is_within(o->zone, rr->owner))
			return "it answers from the child's side of the cut";
		r.at = (size_t)rr->rdlen - 4;
		minimum = rd_u32(&r);
		*ttl = minimum < rr->ttl ? minimum : rr->ttl;
		return NULL;
	}
	return "it says neither DS nor that there is none";
}

/* What is there is believed, or not: sets trust, or the outcome BOGUS. */
static bool believe(const struct parent_keys *k, bool right, const char *what, struct observed *o)
{
	o->trust = k->trust;
	if (k->trust != OBSERVED_SECURE || right)
		return true;
	o->trust = OBSERVED_UNCHECKED;
	outcome(o, OBSERVED_BOGUS, "%s", what);
	return false;
}

static bool is_answer(const struct parent_answer *a, struct observed *o)
{
	if (a->rcode != 0 && a->rcode != 3) {
		outcome(o, OBSERVED_REFUSED, "RCODE %u", a->rcode);
		return false;
	}
	if (a->cname) {
		outcome(o, OBSERVED_LAME, "the name is an alias (CNAME)");
		return false;
	}
	if (!a->aa && o->role == OBSERVED_PARENT) {
		outcome(o, OBSERVED_LAME, "it has no authority over the parent zone");
		return false;
	}
	return true;
}

void parent_judge(const struct parent_answer *a, const struct parent_keys *k, int64_t now, struct arena *arena,
		  struct observed *o)
{
	const bool stands_in = o->role == OBSERVED_RESOLVER;
	struct records all, auth;
	struct rr ds[RECORDS_MAX];
	const char *why;
	uint32_t ttl = 0;
	size_t n;

	o->trust = OBSERVED_UNCHECKED;
	if (!is_answer(a, o))
		return;
	if (!read_all(a->rrs, a->rrs_len, &all) || !read_all(a->auth, a->auth_len, &auth)) {
		outcome(o, OBSERVED_MALFORMED, "records that are none, or too many");
		return;
	}
	if ((n = collect(&all, o->zone, TYPE_DS, ds)) > 0) {
		ttl = ds[0].ttl;
		if (!believe(k, stands_in ? a->ad : verifies(&all, o->zone, TYPE_DS, k, now),
			     "no RRSIG of the DS RRset is right", o))
			return;
	} else if ((why = absent(&auth, o, &ttl)) != NULL) {
		outcome(o, OBSERVED_LAME, "%s", why);
		return;
	} else if (!believe(k, stands_in ? a->ad : absence_proven(&auth, o, k, a->rcode == 3, now),
			    "that there is no DS is not proven", o)) {
		return;
	}
	o->outcome = OBSERVED_ANSWERED;
	if (observed_add(o, TYPE_DS, ttl > INT32_MAX ? INT32_MAX : ttl, ds, n, arena, NULL) != 0)
		outcome(o, OBSERVED_MALFORMED, "too many DS records");
}
