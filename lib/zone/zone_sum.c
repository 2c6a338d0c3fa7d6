/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_sum: LtHash over owners. */
#include "zone/zone_sum.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* SHA256_Init and the others are deprecated.  Through EVP an owner's hash takes 0.1 us more, of 0.6 for all of it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "arena/arena.h"
#include "zone/zone.h"

#define SUM_LEN (ZONE_SUM_LANES * 2)
#define RR_HEAD 8

struct zone_summer {
	EVP_CIPHER_CTX *aes;
	uint16_t lane[ZONE_SUM_LANES];      /* of one owner */
	uint8_t octets[8192 + UINT16_MAX]; /* of its records; they are hashed when less than one has room */
};

static const uint8_t zeroes[SUM_LEN];

struct zone_summer *zone_summer_new(struct err *e)
{
	struct zone_summer *s = mem_new(1, sizeof(*s));

	s->aes = EVP_CIPHER_CTX_new();
	if (s->aes == NULL || EVP_EncryptInit_ex(s->aes, EVP_aes_128_ctr(), NULL, zeroes, zeroes) != 1) {
		zone_summer_free(s);
		err_set(e, ERR_CRYPTO, "AES-128-CTR is not available");
		return NULL;
	}
	return s;
}

void zone_summer_free(struct zone_summer *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->aes);
	free(s);
}

/* Type, TTL, length and canonical rdata of a record; returns what is behind it. */
static uint8_t *put_rr(uint8_t *p, const struct rr *rr)
{
	struct wr w = wr_of(p, RR_HEAD);

	wr_u16(&w, rr->type);
	wr_u32(&w, rr->ttl);
	wr_u16(&w, rr->rdlen);
	p += RR_HEAD;
	rdata_canonical(rr->type, rr->rdata, rr->rdlen, p);
	if (rr->type == TYPE_SOA)
		soa_set_serial(p, rr->rdlen, 0);
	return p + rr->rdlen;
}

/* SHA-256 of the owner's name and its records. */
static void owner_hash(struct zone_summer *s, const struct zone_owner *o, uint8_t hash[SHA256_DIGEST_LENGTH])
{
	uint8_t *p = s->octets + dname_lower(o->name, s->octets), *end = s->octets + sizeof(s->octets);
	SHA256_CTX sha;

	SHA256_Init(&sha);
	for (size_t i = 0; i < o->n; i++) {
		if ((size_t)(end - p) < RR_HEAD + (size_t)o->rr[i].rdlen) {
			SHA256_Update(&sha, s->octets, (size_t)(p - s->octets));
			p = s->octets;
		}
		p = put_rr(p, &o->rr[i]);
	}
	SHA256_Update(&sha, s->octets, (size_t)(p - s->octets));
	SHA256_Final(hash, &sha);
}

static void owner_lanes(struct zone_summer *s, const struct zone_owner *o)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	int len = 0;
	bool ok;

	owner_hash(s, o, hash);
	ok = EVP_EncryptInit_ex(s->aes, NULL, NULL, hash, hash + 16) == 1 &&
	     EVP_EncryptUpdate(s->aes, (uint8_t *)s->lane, &len, zeroes, SUM_LEN) == 1;
	assert(ok && len == SUM_LEN);
	if (htole16(1) != 1) {
		for (size_t i = 0; i < ZONE_SUM_LANES; i++)
			s->lane[i] = le16toh(s->lane[i]);
	}
}

/* Eight lanes at once; the compiler takes what the processor has for it. */
typedef uint16_t lanes8 __attribute__((vector_size(16), aligned(2), may_alias));

static void add_lanes(uint16_t *to, const uint16_t *more)
{
	for (size_t i = 0; i < ZONE_SUM_LANES; i += 8)
		*(lanes8 *)(to + i) += *(const lanes8 *)(more + i);
}

void zone_sum_add(struct zone_sum *sum, struct zone_summer *s, const struct zone_owner *owner)
{
	owner_lanes(s, owner);
	add_lanes(sum->lane, s->lane);
}

void zone_sum_sub(struct zone_sum *sum, struct zone_summer *s, const struct zone_owner *owner)
{
	owner_lanes(s, owner);
	for (size_t i = 0; i < ZONE_SUM_LANES; i += 8)
		*(lanes8 *)(sum->lane + i) -= *(const lanes8 *)(s->lane + i);
}

void zone_sum_join(struct zone_sum *sum, const struct zone_sum *more)
{
	add_lanes(sum->lane, more->lane);
}

void zone_sum_digest(const struct zone_sum *sum, uint8_t out[48])
{
	uint16_t octets[ZONE_SUM_LANES];

	for (size_t i = 0; i < ZONE_SUM_LANES; i++)
		octets[i] = htole16(sum->lane[i]);
	SHA384((const uint8_t *)octets, sizeof(octets), out);
}
