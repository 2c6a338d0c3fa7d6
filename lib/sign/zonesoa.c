/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonesoa: what is made at publication: the SOA with its serial, its RRSIGs, the version id.
 */
#include "sign/zonesign.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int by_rdata(const void *a, const void *b)
{
	const struct rr *x = a, *y = b;
	size_t n = x->rdlen < y->rdlen ? x->rdlen : y->rdlen;
	int c = memcmp(x->rdata, y->rdata, n);

	return c != 0 ? c : (int)x->rdlen - (int)y->rdlen;
}

static void version_id(const struct rr *sigs, size_t n, uint8_t out[32])
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < n; i++)
		crypto_hash_sha256_update(&st, sigs[i].rdata, sigs[i].rdlen);
	crypto_hash_sha256_final(&st, out);
}

struct window sign_window(const struct sign_params *p)
{
	struct window window = { .inception = p->now - p->inception_offset_s, .expiration = p->now + p->validity_s };

	if (p->jitter_s > 0)
		window.expiration -= randombytes_uniform(p->jitter_s);
	return window;
}

int zone_sign_soa(const struct rr *soa, const struct sign_params *p, uint32_t serial, struct arena *arena,
		  struct version_info *info, struct err *e)
{
	uint8_t *rdata = arena_dup(arena, soa->rdata, soa->rdlen);
	const struct window window = sign_window(p);
	struct rr *sigs = arena_alloc(arena, p->key_count + 1, sizeof(*sigs));

	soa_set_serial(rdata, soa->rdlen, serial);
	info->soa = *soa;
	info->soa.owner = arena_dup(arena, soa->owner, dname_len(soa->owner));
	info->soa.rdata = rdata;
	for (size_t i = 0; i < p->key_count; i++)
		if (rrsig_make(&info->soa, 1, soa->owner, p->keys[i], window, arena, &sigs[i], e) != 0)
			return -1;
	qsort(sigs, p->key_count, sizeof(*sigs), by_rdata);
	info->serial = serial;
	info->with_soa = sigs;
	info->with_soa_count = p->key_count;
	info->soa_sig_count = p->key_count;
	memset(info->id, 0, sizeof(info->id));
	if (p->key_count > 0) {
		version_id(sigs, p->key_count, info->id);
		if (window.expiration < info->earliest)
			info->earliest = window.expiration;
	}
	return 0;
}
