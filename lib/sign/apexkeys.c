/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * apexkeys: the DNSKEY RRset and the division of labour between its keys.
 */
#include "sign/apexkeys.h"

#include <stdlib.h>
#include <string.h>

static bool usable(const struct key *k, unsigned alg, bool sep)
{
	return key_has_private(k) && key_alg(k) == alg && !!(key_flags(k) & DNSKEY_FLAG_SEP) == sep &&
	       !(key_flags(k) & DNSKEY_FLAG_REVOKE);
}

static bool any(struct key **keys, size_t n, unsigned alg, bool sep)
{
	for (size_t i = 0; i < n; i++)
		if (usable(keys[i], alg, sep))
			return true;
	return false;
}

/* Whether keys[i] signs the DNSKEY RRset (sep preferred; revoked keys too, RFC 5011 section 2.1), or the zone
 * (others preferred). */
static bool signs(struct key **keys, size_t n, size_t i, bool sep)
{
	unsigned alg = key_alg(keys[i]);

	if (sep && key_has_private(keys[i]) && (key_flags(keys[i]) & DNSKEY_FLAG_REVOKE))
		return true;
	return usable(keys[i], alg, sep) || (usable(keys[i], alg, !sep) && !any(keys, n, alg, sep));
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

/* An algorithm of the set must be able to sign; and where parents may have a DS for a KSK, with a KSK. */
static int check_algorithm(struct key **keys, size_t n, const struct key *k, struct err *e)
{
	unsigned alg = key_alg(k);

	if (!any(keys, n, alg, true) && !any(keys, n, alg, false))
		return err_set(
			e, ERR_REFUSED,
			"no private key of algorithm %s, which the DNSKEY RRset has (RFC 4035 section 2.2)",
			key_algorithm_text(alg));
	if ((key_flags(k) & DNSKEY_FLAG_SEP) && !any(keys, n, alg, true) &&
	    !(key_flags(k) & DNSKEY_FLAG_REVOKE))
		return err_set(
			e, ERR_REFUSED,
			"key-signing key %u/%s has no private half here, and no other of its algorithm has",
			key_tag(k), key_algorithm_text(alg));
	return 0;
}

static int dnskey_rrset(const uint8_t *zone, struct key **keys, size_t n, uint32_t ttl, struct arena *arena,
			struct ready_rrset *out, struct err *e)
{
	out->rrs = arena_alloc(arena, n, sizeof(*out->rrs));
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const uint8_t *rdata = key_rdata(keys[i], &len);

		if (check_algorithm(keys, n, keys[i], e) != 0)
			return -1;
		out->rrs[i] = (struct rr){
			.owner = zone, .type = TYPE_DNSKEY, .ttl = ttl, .rdata = rdata, .rdlen = (uint16_t)len
		};
	}
	qsort(out->rrs, n, sizeof(*out->rrs), by_rr);
	for (size_t i = 0; i < n; i++)
		if (out->n == 0 || rr_cmp(&out->rrs[out->n - 1], &out->rrs[i]) != 0)
			out->rrs[out->n++] = out->rrs[i];
	return 0;
}

int apex_keys_make(const uint8_t *zone, struct key **keys, size_t n, uint32_t ttl, struct sign_params *p,
		   struct arena *arena, struct apex_keys *out, struct err *e)
{
	const struct window window = { .inception = p->now - p->inception_offset_s,
				       .expiration = p->now + p->validity_s };
	uint8_t *owner = arena_dup(arena, zone, dname_len(zone));
	struct ready_rrset *r = &out->ready;

	memset(out, 0, sizeof(*out));
	if (dnskey_rrset(owner, keys, n, ttl, arena, r, e) != 0)
		return -1;
	r->sigs = arena_alloc(arena, n, sizeof(*r->sigs));
	out->zone_keys = arena_alloc(arena, n, sizeof(struct key *));
	for (size_t i = 0; i < n; i++) {
		if (signs(keys, n, i, false))
			out->zone_keys[out->zone_key_count++] = keys[i];
		if (!signs(keys, n, i, true))
			continue;
		if (rrsig_make(r->rrs, r->n, owner, keys[i], window, arena, &r->sigs[r->sig_count], e) != 0)
			return -1;
		r->sig_count++;
	}
	p->keys = out->zone_keys;
	p->key_count = out->zone_key_count;
	p->ready = &out->ready;
	p->ready_count = 1;
	return 0;
}
