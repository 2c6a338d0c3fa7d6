/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonesoa: what is made at publication: the SOA with its serial, its RRSIGs, the version id.  And the way
 * back, from a version to its unsigned content.
 */
#include "sign/zonesign.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX (UINT64_C(64) << 30)

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

int zone_sign_soa(const struct rr *soa, const struct sign_params *p, uint32_t serial, struct arena *arena,
		  struct version_info *info, struct err *e)
{
	uint8_t *rdata = arena_dup(arena, soa->rdata, soa->rdlen);
	struct window window = { .inception = p->now - p->inception_offset_s,
				 .expiration = p->now + p->validity_s };
	struct rr *sigs = arena_alloc(arena, p->key_count + 1, sizeof(*sigs));

	if (p->jitter_s > 0)
		window.expiration -= randombytes_uniform(p->jitter_s);
	soa_set_serial(rdata, soa->rdlen, serial);
	info->soa = *soa;
	info->soa.owner = arena_dup(arena, soa->owner, dname_len(soa->owner));
	info->soa.rdata = rdata;
	for (size_t i = 0; i < p->key_count; i++)
		if (rrsig_make(&info->soa, 1, soa->owner, p->keys[i], window, arena, &sigs[i], e) != 0)
			return -1;
	qsort(sigs, p->key_count, sizeof(*sigs), by_rdata);
	info->serial = serial;
	info->soa_sigs = sigs;
	info->soa_sig_count = p->key_count;
	memset(info->id, 0, sizeof(info->id));
	if (p->key_count > 0) {
		version_id(sigs, p->key_count, info->id);
		if (window.expiration < info->earliest)
			info->earliest = window.expiration;
	}
	return 0;
}

struct stream {
	uint8_t *p;
	size_t len, room;
	uint32_t input_serial;
	struct err *e;
};

static int collect(void *ctx, const struct rr *rr)
{
	struct stream *s = ctx;
	size_t len = rr_wire_len(rr);
	struct wr w;

	if (rr_type_is_signing(rr->type))
		return 0;
	if (s->room - s->len < len) {
		if (s->room > STREAM_MAX)
			return err_set(s->e, ERR_LIMIT, "a version of more than %llu octets",
				       (unsigned long long)STREAM_MAX);
		s->room = s->room * 2 + 65536 + len;
		s->p = mem_grow(s->p, s->room, 1);
	}
	w = wr_of(s->p + s->len, s->room - s->len);
	rr_write(&w, rr);
	if (rr->type == TYPE_SOA)
		soa_set_serial(w.p + w.at - rr->rdlen, rr->rdlen, s->input_serial);
	s->len += w.at;
	return 0;
}

int zone_from_version(struct store *store, const struct version *v, const uint8_t *apex, struct zone **out,
		      struct err *e)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct stream s = { .input_serial = version_info(v)->input_serial, .e = e };
	int rc = store_walk(store, v, collect, &s, e);

	limits.warn_rrset_records = SIZE_MAX; /* said when it came in */
	if (rc == 0)
		rc = zone_read_stream(s.p, s.len, apex, &limits, out, e);
	free(s.p);
	return rc;
}
