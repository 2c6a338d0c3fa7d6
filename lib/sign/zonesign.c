/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonesign: one zone, signed into pages: names with their RRSIGs and NSECs, then the NSEC3 chain.
 */
#include "sign/zonesign.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "sign/flow.h"

#define SORT_OCTETS ((size_t)64 << 20) /* of NSEC3 hashes in memory, unless told */
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

void signing_ctx(const struct signing *s, uint8_t out[32])
{
	const struct sign_params *p = s->p;
	uint8_t(*hashes)[KEY_HASH_LEN] = mem_new(p->key_count + 1, sizeof(*hashes));
	uint8_t head[32 + DNAME_MAX];
	struct wr w = wr_of(head, sizeof(head));
	crypto_generichash_state st;

	wr_u8(&w, p->zonemd != 0 ? 2 : 1); /* version of what pages look like: 2, ZONEMD is in the bitmap of the apex */
	wr_u8(&w, (uint8_t)(signing_on(s) ? p->denial : DENIAL_NSEC));
	wr_u32(&w, s->denial_ttl);
	wr_u16(&w, s->nsec3.iterations);
	wr_u8(&w, s->nsec3.salt_len);
	wr_u32(&w, (uint32_t)p->key_count);
	wr_bytes(&w, s->apex, s->apex_len);
	for (size_t i = 0; i < p->key_count; i++)
		memcpy(hashes[i], key_hash(p->keys[i]), KEY_HASH_LEN);
	qsort(hashes, p->key_count, sizeof(*hashes), by_octets);
	crypto_generichash_init(&st, NULL, 0, 32);
	crypto_generichash_update(&st, head, w.at);
	crypto_generichash_update(&st, s->nsec3.salt, s->nsec3.salt_len);
	crypto_generichash_update(&st, hashes[0], p->key_count * sizeof(*hashes));
	crypto_generichash_final(&st, out, 32);
	free(hashes);
}

/* The key set is that of the DNSKEY RRset, not of the keys that sign here. */
int signing_keyset(const struct sign_params *p, uint8_t out[32], struct err *e)
{
	memset(out, 0, 32);
	for (size_t k = 0; k < p->ready_count && p->key_count > 0; k++) {
		const struct ready_rrset *ready = &p->ready[k];

		if (ready->n > 0 && ready->rrs[0].type == TYPE_DNSKEY)
			return key_set_hash(ready->rrs, ready->n, out, e);
	}
	return 0;
}

int signing_init(struct signing *s, const uint8_t *apex, const struct rr *soa, const struct sign_params *p,
		 struct err *e)
{
	struct soa_timers timers = soa_timers(soa->rdata, soa->rdlen);

	*s = (struct signing){ .p = p, .apex_len = dname_len(apex) };
	memcpy(s->apex, apex, s->apex_len);
	s->denial_ttl = timers.minimum_s < soa->ttl ? timers.minimum_s : soa->ttl;
	for (size_t i = 0; i < p->key_count; i++)
		s->rrsig_octets += RRSIG_FIXED + s->apex_len + key_sig_len(p->keys[i]);
	if (check_params(p, e) != 0)
		return -1;
	if (!signing_nsec3(s))
		return 0;
	if (s->apex_len + 1 + NSEC3_LABEL_LEN > DNAME_MAX)
		return err_set(e, ERR_LIMIT, "a zone name of %zu octets leaves no room for NSEC3 names",
			       s->apex_len);
	s->nsec3.iterations = p->nsec3_iterations;
	s->nsec3.salt_len = p->nsec3_salt_len;
	memcpy(s->nsec3.salt, p->nsec3_salt, p->nsec3_salt_len);
	s->nsec3_flags = p->denial == DENIAL_NSEC3_OPTOUT ? NSEC3_FLAG_OPTOUT : 0;
	return 0;
}

static uint32_t largest_ttl(const struct zone *z, const struct sign_params *p)
{
	uint32_t largest = z->largest_ttl;

	for (size_t k = 0; k < p->ready_count && p->key_count > 0; k++)
		if (p->ready[k].n > 0 && p->ready[k].rrs[0].ttl > largest)
			largest = p->ready[k].rrs[0].ttl;
	return largest;
}

/* Both chains, to where the flow leads. */
static int sign_chains(struct flow *f, const struct zone *z, struct err *e)
{
	const struct signing *s = &f->common.s;
	struct sign_times *times = &f->stats->times;
	int64_t begun_ms = clock_mono_ms();
	struct sorted *sorted = NULL;
	struct sorter *hashes;
	int rc;

	if (flow_init(f, e) != 0)
		return -1;
	if (signing_nsec3(s))
		f->hashes = sorter_new(s->p->sort_octets > 0 ? s->p->sort_octets : SORT_OCTETS, s->p->sort_dir, NULL);
	rc = feed_names(f, z, e);
	times->names_ms = clock_mono_ms() - begun_ms;
	if (rc == 0 && signing_nsec3(s)) {
		hashes = f->hashes;
		f->hashes = NULL;
		rc = sorter_end(hashes, &sorted, e) != 0 ? -1 : feed_hashes(f, sorted, e);
		times->hashes_ms = clock_mono_ms() - begun_ms - times->names_ms;
	}
	flow_times(f);
	return rc;
}

int zone_sign(const struct zone *z, const struct sign_params *p, struct store *store,
	      struct version *previous, struct change *change, struct version_info *info,
	      struct sign_stats *stats, struct err *e)
{
	struct sign_stats unwanted;
	struct flow f = { .change = change, .stats = stats != NULL ? stats : &unwanted };
	int rc = -1;

	memset(f.stats, 0, sizeof(*f.stats));
	if (signing_init(&f.common.s, z->apex, &z->soa, p, e) != 0)
		return -1;
	f.common.store = store;
	signing_ctx(&f.common.s, info->sign_ctx);
	if (previous != NULL && !p->full &&
	    memcmp(version_info(previous)->sign_ctx, info->sign_ctx, sizeof(info->sign_ctx)) == 0)
		f.common.old = version_table(previous);
	if (sign_chains(&f, z, e) == 0 && signing_keyset(p, info->keyset, e) == 0)
		rc = 0;
	flow_fini(&f);
	memcpy(info->content_digest, z->digest, sizeof(info->content_digest));
	info->earliest = f.earliest;
	info->largest_ttl = largest_ttl(z, p);
	return rc;
}

/* RRSIGs name keys by algorithm and tag only. */
static int is_in(const struct zone_owner *apex, const struct key *key, struct err *e)
{
	size_t len, same = 0, alike = 0;
	const uint8_t *rdata = key_rdata(key, &len);

	for (size_t i = 0; i < apex->n; i++) {
		const struct rr *rr = &apex->rr[i];

		if (rr->type != TYPE_DNSKEY || rr->rdlen < 4)
			continue;
		same += rr->rdlen == len && memcmp(rr->rdata, rdata, len) == 0;
		alike += rr->rdata[3] == key_alg(key) && dnskey_tag(rr->rdata, rr->rdlen) == key_tag(key);
	}
	if (same == 1 && alike == 1)
		return 0;
	return err_set(e, ERR_REFUSED, "key %u/%s %s", key_tag(key), key_algorithm_text(key_alg(key)),
		       same == 0 ? "is not in the DNSKEY RRset of the signed zone of before"
				 : "is not the only one of its algorithm and tag in the signed zone of before");
}

int zone_previous_check(const struct zone *previous, const struct sign_params *p, struct err *e)
{
	struct zone_cursor *c = NULL;
	struct zone_owner apex;
	int rc = zone_cursor_open(previous, &c, e);

	if (rc == 0)
		rc = zone_cursor_next(c, &apex, e) == 1 ? 0 : -1;
	for (size_t i = 0; i < p->key_count && rc == 0; i++)
		rc = is_in(&apex, p->keys[i], e);
	zone_cursor_close(c);
	return rc;
}

int zone_sign_text(const struct zone *z, const struct sign_params *p, const struct zone *previous,
		   const struct sign_text *text, struct sign_stats *stats, struct err *e)
{
	struct flow f = { .text = text, .previous = previous, .stats = stats };
	int rc;

	memset(f.stats, 0, sizeof(*f.stats));
	if (signing_init(&f.common.s, z->apex, &z->soa, p, e) != 0)
		return -1;
	f.common.text = true;
	rc = sign_chains(&f, z, e);
	flow_fini(&f);
	return rc;
}
