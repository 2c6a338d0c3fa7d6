/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nsec3: the hash of names, and NSEC3 and NSEC3PARAM rdata (RFC 5155 sections 3, 4 and 5).
 */
#include "nsec/nsec.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

struct nsec3_hasher {
	struct nsec3_params params;
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

int nsec3_hasher_new(const struct nsec3_params *params, struct nsec3_hasher **out, struct err *e)
{
	struct nsec3_hasher *h = mem_new(1, sizeof(*h));

	h->params = *params;
	h->md = EVP_MD_fetch(NULL, "SHA1", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (h->md == NULL || h->ctx == NULL) {
		nsec3_hasher_free(h);
		return err_set(e, ERR_CRYPTO,
			       "OpenSSL has no SHA-1 here, which NSEC3 needs (RFC 5155 section 11)");
	}
	*out = h;
	return 0;
}

void nsec3_hasher_free(struct nsec3_hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_free(h->md);
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

static int once(struct nsec3_hasher *h, const uint8_t *p, size_t len, uint8_t out[NSEC3_HASH_LEN])
{
	return EVP_DigestInit_ex2(h->ctx, h->md, NULL) && EVP_DigestUpdate(h->ctx, p, len) &&
			       (h->params.salt_len == 0 ||
				EVP_DigestUpdate(h->ctx, h->params.salt, h->params.salt_len)) &&
			       EVP_DigestFinal_ex(h->ctx, out, NULL)
		       ? 0
		       : -1;
}

int nsec3_hash(struct nsec3_hasher *h, const uint8_t *name, uint8_t out[NSEC3_HASH_LEN], struct err *e)
{
	uint8_t lower[DNAME_MAX];
	size_t len = dname_lower(name, lower);
	int rc = once(h, lower, len, out);

	for (unsigned i = 0; i < h->params.iterations && rc == 0; i++)
		rc = once(h, out, NSEC3_HASH_LEN, out);
	return rc == 0 ? 0 : err_set(e, ERR_CRYPTO, "SHA-1 failed");
}

void nsec3_label(const uint8_t hash[NSEC3_HASH_LEN], uint8_t out[NSEC3_LABEL_LEN])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv"; /* RFC 4648 section 7 */

	for (size_t i = 0; i < NSEC3_HASH_LEN; i += 5) {
		uint64_t five = 0;

		for (size_t k = 0; k < 5; k++)
			five = five << 8 | hash[i + k];
		for (unsigned k = 0; k < 8; k++)
			*out++ = (uint8_t)digits[five >> (35 - 5 * k) & 31];
	}
}

int nsec3_unlabel(const uint8_t label[NSEC3_LABEL_LEN], uint8_t hash[NSEC3_HASH_LEN])
{
	for (size_t i = 0; i < NSEC3_HASH_LEN; i += 5) {
		uint64_t five = 0;

		for (unsigned k = 0; k < 8; k++) {
			uint8_t c = *label++;

			if (c >= '0' && c <= '9')
				c = (uint8_t)(c - '0');
			else if (c >= 'a' && c <= 'v')
				c = (uint8_t)(c - 'a' + 10);
			else if (c >= 'A' && c <= 'V')
				c = (uint8_t)(c - 'A' + 10);
			else
				return -1;
			five = five << 5 | c;
		}
		for (unsigned k = 0; k < 5; k++)
			hash[i + k] = (uint8_t)(five >> (32 - 8 * k));
	}
	return 0;
}

static void write_params(struct wr *w, const struct nsec3_params *params, uint8_t flags)
{
	wr_u8(w, 1); /* SHA-1 */
	wr_u8(w, flags);
	wr_u16(w, params->iterations);
	wr_u8(w, params->salt_len);
	wr_bytes(w, params->salt, params->salt_len);
}

void nsec3_rdata(const struct nsec3_params *params, uint8_t flags, const uint8_t next[NSEC3_HASH_LEN],
		 const uint8_t *bitmap, size_t bitmap_len, struct arena *arena, struct rr *out)
{
	size_t len = 5u + params->salt_len + 1 + NSEC3_HASH_LEN + bitmap_len;
	struct wr w = wr_of(arena_bytes(arena, len), len);

	write_params(&w, params, flags);
	wr_u8(&w, NSEC3_HASH_LEN);
	wr_bytes(&w, next, NSEC3_HASH_LEN);
	wr_bytes(&w, bitmap, bitmap_len);
	out->type = TYPE_NSEC3;
	out->rdlen = (uint16_t)w.at;
	out->rdata = w.p;
}

void nsec3param_rdata(const struct nsec3_params *params, struct arena *arena, struct rr *out)
{
	uint8_t buf[5 + 255];
	struct wr w = wr_of(buf, sizeof(buf));

	write_params(&w, params, 0);
	out->type = TYPE_NSEC3PARAM;
	out->rdlen = (uint16_t)w.at;
	out->rdata = arena_dup(arena, buf, w.at);
}
