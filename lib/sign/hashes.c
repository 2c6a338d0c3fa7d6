/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashes: the chain of NSEC3 records in hash order (RFC 5155 section 7.1).
 */
#include "sign/maker.h"

#include <string.h>

#include "sign/pagedigest.h"

void hashed_name(const struct signing *s, const uint8_t hash[NSEC3_HASH_LEN], uint8_t out[DNAME_MAX])
{
	out[0] = NSEC3_LABEL_LEN;
	nsec3_label(hash, out + 1);
	memcpy(out + 1 + NSEC3_LABEL_LEN, s->apex, s->apex_len);
}

static size_t hashes_size(const struct range_maker *m, const struct range *r, size_t i)
{
	const struct signing *s = m->s;

	return 1 + NSEC3_LABEL_LEN + 2 + 10 + 6 + s->nsec3.salt_len + NSEC3_HASH_LEN + r->hashed[i].bitmap_len +
	       s->rrsig_octets;
}

static size_t hashes_key(const struct range_maker *m, const struct range *r, size_t i, uint8_t out[DNAME_KEY_MAX])
{
	uint8_t name[DNAME_MAX];

	hashed_name(m->s, r->hashed[i].hash, name);
	return dname_key(name, out);
}

static void hashes_digest(const struct range_maker *m, const struct range *r, uint8_t out[16])
{
	struct pagedigest d;

	(void)m;
	pagedigest_init(&d);
	for (size_t i = 0; i < r->n; i++) {
		const struct hashed *h = &r->hashed[i];
		uint8_t head[NSEC3_HASH_LEN + 2];

		memcpy(head, h->hash, NSEC3_HASH_LEN);
		head[NSEC3_HASH_LEN] = (uint8_t)(h->bitmap_len >> 8);
		head[NSEC3_HASH_LEN + 1] = (uint8_t)h->bitmap_len;
		pagedigest_add(&d, head, sizeof(head));
		pagedigest_add(&d, h->bitmap, h->bitmap_len);
	}
	pagedigest_add(&d, r->next, NSEC3_HASH_LEN);
	pagedigest_end(&d, out);
}

static int hashes_sign(struct range_maker *m, const struct range *r, size_t i, struct err *e)
{
	const struct signing *s = m->s;
	const uint8_t *next = i + 1 < r->n ? r->hashed[i + 1].hash : r->next;
	uint8_t *name = arena_bytes(m->arena, 1 + NSEC3_LABEL_LEN + s->apex_len);
	struct rr rr = { .owner = name, .ttl = s->denial_ttl };

	hashed_name(s, r->hashed[i].hash, name);
	nsec3_rdata(&s->nsec3, s->nsec3_flags, next, r->hashed[i].bitmap, r->hashed[i].bitmap_len, m->arena, &rr);
	return maker_add_signed(m, &rr, 1, e);
}

const struct chain chain_nsec3 = {
	.size = hashes_size,
	.key = hashes_key,
	.digest = hashes_digest,
	.sign = hashes_sign,
};
