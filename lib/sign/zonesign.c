/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonesign: one zone, signed into pages: names with their RRSIGs and NSECs, then the NSEC3 chain.
 */
#include "sign/zonesign.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sign/lay.h"

#define RRSIG_FIXED                                                                                          \
	(2 + 10 + 18) /* a pointer as owner, type to rdlength, rdata in front of the signer's name */

static int check_params(const struct sign_params *p, struct err *e)
{
	if ((uint64_t)p->inception_offset_s + p->validity_s >= UINT64_C(1) << 31 || p->validity_s == 0)
		return err_set(
			e, ERR_LIMIT,
			"signatures valid for %u s from %u s ago: at most 2^31 s (RFC 4034 section 3.1.5)",
			p->validity_s, p->inception_offset_s);
	if (p->jitter_s > p->validity_s)
		return err_set(e, ERR_LIMIT, "jitter of %u s is above the validity of %u s", p->jitter_s,
			       p->validity_s);
	for (size_t i = 0; i < p->key_count; i++) {
		if (!key_has_private(p->keys[i]) || !(key_flags(p->keys[i]) & DNSKEY_FLAG_ZONE))
			return err_set(e, ERR_CRYPTO, "key %u/%s cannot sign the zone", key_tag(p->keys[i]),
				       key_algorithm_text(key_alg(p->keys[i])));
	}
	return 0;
}

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, KEY_HASH_LEN);
}

/* Everything besides the records of a range that decides how they are signed; times apart. */
static void sign_ctx(const struct signing *s, uint8_t out[32])
{
	const struct sign_params *p = s->p;
	uint8_t(*hashes)[KEY_HASH_LEN] = mem_new(p->key_count + 1, sizeof(*hashes));
	uint8_t head[32 + DNAME_MAX];
	struct wr w = wr_of(head, sizeof(head));
	crypto_generichash_state st;

	wr_u8(&w, 1); /* version of what pages look like */
	wr_u8(&w, (uint8_t)(signing_on(s) ? p->denial : DENIAL_NSEC));
	wr_u32(&w, s->denial_ttl);
	wr_u16(&w, s->nsec3_params.iterations);
	wr_u8(&w, s->nsec3_params.salt_len);
	wr_u32(&w, (uint32_t)p->key_count);
	wr_bytes(&w, s->z->apex, s->apex_len);
	for (size_t i = 0; i < p->key_count; i++)
		memcpy(hashes[i], key_hash(p->keys[i]), KEY_HASH_LEN);
	qsort(hashes, p->key_count, sizeof(*hashes), by_octets);
	crypto_generichash_init(&st, NULL, 0, 32);
	crypto_generichash_update(&st, head, w.at);
	crypto_generichash_update(&st, s->nsec3_params.salt, s->nsec3_params.salt_len);
	crypto_generichash_update(&st, hashes[0], p->key_count * sizeof(*hashes));
	crypto_generichash_final(&st, out, 32);
	free(hashes);
}

/* The key set is that of the DNSKEY RRset, not of the keys that sign here. */
static int keyset(const struct sign_params *p, uint8_t out[32], struct err *e)
{
	memset(out, 0, 32);
	for (size_t k = 0; k < p->ready_count && p->key_count > 0; k++) {
		const struct ready_rrset *ready = &p->ready[k];

		if (ready->n > 0 && ready->rrs[0].type == TYPE_DNSKEY)
			return key_set_hash(ready->rrs, ready->n, out, e);
	}
	return 0;
}

static uint32_t largest_ttl(const struct signing *s)
{
	uint32_t largest = s->z->largest_ttl;

	for (size_t k = 0; k < s->p->ready_count && signing_on(s); k++)
		if (s->p->ready[k].n > 0 && s->p->ready[k].rrs[0].ttl > largest)
			largest = s->p->ready[k].rrs[0].ttl;
	return largest;
}

static int prepare(struct signing *s, struct err *e)
{
	const struct rr *soa = &s->z->soa;
	struct soa_timers timers = soa_timers(soa->rdata, soa->rdlen);

	s->denial_ttl = timers.minimum_s < soa->ttl ? timers.minimum_s : soa->ttl;
	s->apex_len = dname_len(s->z->apex);
	s->earliest = INT64_MAX;
	for (size_t i = 0; i < s->p->key_count; i++)
		s->rrsig_octets += RRSIG_FIXED + s->apex_len + key_sig_len(s->p->keys[i]);
	if (signing_nsec3(s)) {
		s->nsec3_params.iterations = s->p->nsec3_iterations;
		s->nsec3_params.salt_len = s->p->nsec3_salt_len;
		memcpy(s->nsec3_params.salt, s->p->nsec3_salt, s->p->nsec3_salt_len);
		s->nsec3_flags = s->p->denial == DENIAL_NSEC3_OPTOUT ? NSEC3_FLAG_OPTOUT : 0;
	}
	if (owners_find(s, e) != 0)
		return -1;
	return signing_nsec3(s) ? nsec3_find(s, e) : 0;
}

int zone_sign(const struct zone *z, const struct sign_params *p, struct store *store,
	      struct version *previous, struct change *change, struct version_info *info,
	      struct sign_stats *stats, struct err *e)
{
	struct sign_stats unwanted;
	struct signing s = { .z = z, .p = p, .store = store, .change = change };
	struct chain names = chain_names, nsec3 = chain_nsec3;
	const struct table *old = NULL;
	uint8_t ctx[32];
	int rc = -1;

	s.stats = stats != NULL ? stats : &unwanted;
	memset(s.stats, 0, sizeof(*s.stats));
	s.arena = arena_new();
	s.scratch = arena_new();
	s.build = page_build_new();
	if (check_params(p, e) != 0 || prepare(&s, e) != 0)
		goto out;
	sign_ctx(&s, ctx);
	if (previous != NULL && !p->full && memcmp(version_info(previous)->sign_ctx, ctx, sizeof(ctx)) == 0)
		old = version_table(previous);
	names.n = s.owner_count;
	nsec3.n = s.nsec3_count;
	if (chain_lay(&s, &names, old, e) != 0 || (signing_nsec3(&s) && chain_lay(&s, &nsec3, old, e) != 0) ||
	    keyset(p, info->keyset, e) != 0)
		goto out;
	memcpy(info->sign_ctx, ctx, sizeof(ctx));
	memcpy(info->content_digest, z->digest, sizeof(info->content_digest));
	info->earliest = s.earliest;
	info->largest_ttl = largest_ttl(&s);
	rc = 0;
out:
	page_build_free(s.build);
	arena_free(s.arena);
	arena_free(s.scratch);
	free(s.owners);
	free(s.nsec3);
	return rc;
}
