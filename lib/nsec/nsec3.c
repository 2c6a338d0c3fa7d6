/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nsec3: the hash of names, and NSEC3 and NSEC3PARAM rdata (RFC 5155 sections 3, 4 and 5).
 */
#include "nsec/nsec.h"

/* SHA1_Init and the others are deprecated.  EVP of OpenSSL 3.0 asks for memory for each hash, however its context is used
 * again, and makes 12 million a second where these make 18. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

static void once(const struct nsec3_params *params, const uint8_t *p, size_t len, uint8_t out[NSEC3_HASH_LEN])
{
	SHA_CTX ctx;

	SHA1_Init(&ctx);
	SHA1_Update(&ctx, p, len);
	SHA1_Update(&ctx, params->salt, params->salt_len);
	SHA1_Final(out, &ctx);
}

void nsec3_hash(const struct nsec3_params *params, const uint8_t *name, uint8_t out[NSEC3_HASH_LEN])
{
	uint8_t lower[DNAME_MAX];

	once(params, lower, dname_lower(name, lower), out);
	for (unsigned i = 0; i < params->iterations; i++)
		once(params, out, NSEC3_HASH_LEN, out);
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
