/* SPDX-License-Identifier: BSD-3-Clause */
/* sum: LtHash over owners. */
#include "audit/sum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

struct sum {
	EVP_CIPHER_CTX *aes;
	EVP_MD_CTX *sha;
	uint16_t lane[SUM_LANES];
	uint8_t one[SUM_OCTETS];
};

static const uint8_t zeroes[SUM_OCTETS];

/* A fetch looks through all providers: once in a process. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes_128_ctr;
static EVP_MD *sha256, *sha384;

static void fetch(void)
{
	aes_128_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
}

struct sum *sum_new(void)
{
	struct sum *s = mem_new(1, sizeof(*s));

	pthread_once(&fetched, fetch);
	s->aes = EVP_CIPHER_CTX_new();
	s->sha = EVP_MD_CTX_new();
	if (s->aes != NULL && s->sha != NULL && sha256 != NULL && sha384 != NULL &&
	    EVP_EncryptInit_ex(s->aes, aes_128_ctr, NULL, zeroes, zeroes) == 1)
		return s;
	sum_free(s);
	return NULL;
}

void sum_free(struct sum *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->aes);
	EVP_MD_CTX_free(s->sha);
	free(s);
}

static void put_record(EVP_MD_CTX *sha, const struct rec *r)
{
	const uint8_t head[8] = { (uint8_t)(r->type >> 8), (uint8_t)r->type,       (uint8_t)(r->ttl >> 24),
				  (uint8_t)(r->ttl >> 16), (uint8_t)(r->ttl >> 8), (uint8_t)r->ttl,
				  (uint8_t)(r->rdlen >> 8), (uint8_t)r->rdlen };
	const uint8_t *rdata = rec_rdata(r);

	EVP_DigestUpdate(sha, head, sizeof(head));
	if (r->type == TYPE_SOA && r->rdlen > 20) {
		EVP_DigestUpdate(sha, rdata, r->rdlen - 20u);
		EVP_DigestUpdate(sha, zeroes, 4);
		EVP_DigestUpdate(sha, rdata + r->rdlen - 16, 16);
	} else {
		EVP_DigestUpdate(sha, rdata, r->rdlen);
	}
}

/* The lanes of one owner, in `one`; false when nothing of it is content. */
static bool lanes_of(struct sum *s, const struct owner *o, const struct records *r)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	bool any = false;
	int len = 0;

	EVP_DigestInit_ex(s->sha, sha256, NULL);
	EVP_DigestUpdate(s->sha, o->wire, o->wire_len);
	for (size_t i = 0; i < r->n; i++) {
		if (content_is_added(o, r->rec[i]->type))
			continue;
		any = true;
		put_record(s->sha, r->rec[i]);
	}
	EVP_DigestFinal_ex(s->sha, hash, NULL);
	return any && EVP_EncryptInit_ex(s->aes, NULL, NULL, hash, hash + 16) == 1 &&
	       EVP_EncryptUpdate(s->aes, s->one, &len, zeroes, SUM_OCTETS) == 1;
}

void sum_add_lanes(struct sum *s, const uint8_t lanes[SUM_OCTETS])
{
	for (size_t i = 0; i < SUM_LANES; i++)
		s->lane[i] = (uint16_t)(s->lane[i] + (lanes[2 * i] | lanes[2 * i + 1] << 8));
}

void sum_negate(struct sum *s)
{
	for (size_t i = 0; i < SUM_LANES; i++)
		s->lane[i] = (uint16_t)(0 - s->lane[i]);
}

void sum_add(struct sum *s, const struct owner *o, const struct records *r)
{
	if (lanes_of(s, o, r))
		sum_add_lanes(s, s->one);
}

void sum_sub(struct sum *s, const struct owner *o, const struct records *r)
{
	sum_negate(s);
	sum_add(s, o, r);
	sum_negate(s);
}

void sum_hex(const struct sum *s, char out[SUM_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t octets[SUM_OCTETS], digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	for (size_t i = 0; i < SUM_LANES; i++) {
		octets[2 * i] = (uint8_t)s->lane[i];
		octets[2 * i + 1] = (uint8_t)(s->lane[i] >> 8);
	}
	EVP_Digest(octets, sizeof(octets), digest, &len, sha384, NULL);
	for (unsigned i = 0; i < 48; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[SUM_HEX - 1] = '\0';
}
