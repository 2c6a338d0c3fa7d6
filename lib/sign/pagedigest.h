/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PAGEDIGEST_H
#define DUET_PAGEDIGEST_H

/* SHA256_Init and the others are deprecated.  EVP has a context to be allocated, and can fail, for each of many pages. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * pagedigest - for the files of lib/sign only: the digest that tells whether the records of a page's range are those that
 * the page was made from, 16 octets of SHA-256.
 *
 * Pieces are small, two a record, and hashed many at a time.  libsodium's BLAKE2b, which it was before, takes its AVX2 code
 * where it finds it, which on AMD's Zen 4 is half as fast as its plain one, and a third of SHA-256 with the instructions for
 * it.  A page with a digest of that kind counts as changed: it is compared record by record until it is made anew.
 */
#define PAGEDIGEST_LEN 16

struct pagedigest {
	SHA256_CTX sha;
	size_t n; /* octets that wait */
	uint8_t octets[4096];
};

static inline void pagedigest_init(struct pagedigest *d)
{
	SHA256_Init(&d->sha);
	d->n = 0;
}

/* Of any length; nothing depends on where one piece ends. */
static inline void pagedigest_add(struct pagedigest *d, const void *p, size_t len)
{
	if (len > sizeof(d->octets) - d->n) {
		SHA256_Update(&d->sha, d->octets, d->n);
		d->n = 0;
	}
	if (len > sizeof(d->octets)) {
		SHA256_Update(&d->sha, p, len);
		return;
	}
	if (len > 0)
		memcpy(d->octets + d->n, p, len);
	d->n += len;
}

static inline void pagedigest_end(struct pagedigest *d, uint8_t out[PAGEDIGEST_LEN])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256_Update(&d->sha, d->octets, d->n);
	SHA256_Final(hash, &d->sha);
	memcpy(out, hash, PAGEDIGEST_LEN);
}

#endif
