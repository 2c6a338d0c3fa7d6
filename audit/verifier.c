/* SPDX-License-Identifier: BSD-3-Clause */
/* verifier: one signature and one key, with contexts that are made once a thread. */
#include "audit/dnskey.h"

#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

struct verifier {
	const struct dnskeys *keys;
	EVP_PKEY_CTX *ctx[DNSKEY_MAX]; /* RSA and ECDSA: ready to verify a digest */
	EVP_MD_CTX *md;    /* digests alone: one that has verified would do it again */
	EVP_MD_CTX *eddsa;
	uint8_t *joined; /* EdDSA has no parts */
	size_t joined_cap;
};

/* A fetch looks through all providers: once in a process. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256, *sha384, *sha512;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
	sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
}

struct verifier *verifier_new(const struct dnskeys *keys)
{
	struct verifier *v = mem_new(1, sizeof(*v));

	v->keys = keys;
	v->md = EVP_MD_CTX_new();
	v->eddsa = EVP_MD_CTX_new();
	pthread_once(&fetched, fetch);
	return v;
}

void verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < DNSKEY_MAX; i++)
		EVP_PKEY_CTX_free(v->ctx[i]);
	EVP_MD_CTX_free(v->md);
	EVP_MD_CTX_free(v->eddsa);
	free(v->joined);
	free(v);
}

static const EVP_MD *digest_of(uint8_t algorithm)
{
	return algorithm == ALG_RSASHA512 ? sha512 : algorithm == ALG_ECDSAP384 ? sha384 : sha256;
}

static EVP_PKEY_CTX *context(struct verifier *v, size_t i)
{
	const struct dnskey *k = &v->keys->key[i];
	EVP_PKEY_CTX *ctx = v->ctx[i];

	if (ctx != NULL)
		return ctx;
	ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
	if (ctx == NULL || EVP_PKEY_verify_init(ctx) <= 0 ||
	    ((k->algorithm == ALG_RSASHA256 || k->algorithm == ALG_RSASHA512) &&
	     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0) ||
	    EVP_PKEY_CTX_set_signature_md(ctx, digest_of(k->algorithm)) <= 0) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return v->ctx[i] = ctx;
}

/* One INTEGER of a DER signature: no leading zeros, but one where the top bit is set. */
static size_t der_integer(const uint8_t *p, size_t len, uint8_t *out)
{
	size_t at = 2;

	while (len > 1 && *p == 0) {
		p++;
		len--;
	}
	if ((*p & 0x80) != 0)
		out[at++] = 0;
	memcpy(out + at, p, len);
	out[0] = 2;
	out[1] = (uint8_t)(at - 2 + len);
	return at + len;
}

/* RFC 6605 section 4: r and s -> SEQUENCE of two INTEGERs. */
static size_t der_signature(const uint8_t *sig, size_t half, uint8_t out[128])
{
	uint8_t body[120];
	size_t len = der_integer(sig, half, body), at = 1;

	len += der_integer(sig + half, half, body + len);
	out[0] = 0x30;
	out[at++] = (uint8_t)len; /* at most 2 * 51: one octet of length */
	memcpy(out + at, body, len);
	return at + len;
}

static bool check_eddsa(struct verifier *v, const struct dnskey *k, const uint8_t *head, size_t head_len,
			const uint8_t *body, size_t body_len, const uint8_t *sig, size_t sig_len)
{
	if (head_len + body_len > v->joined_cap) {
		v->joined_cap = 2 * (head_len + body_len);
		v->joined = mem_grow(v->joined, v->joined_cap, 1);
	}
	memcpy(v->joined, head, head_len);
	memcpy(v->joined + head_len, body, body_len);
	return EVP_MD_CTX_reset(v->eddsa) == 1 && EVP_DigestVerifyInit(v->eddsa, NULL, NULL, NULL, k->pkey) == 1 &&
	       EVP_DigestVerify(v->eddsa, sig, sig_len, v->joined, head_len + body_len) == 1;
}

bool verifier_check(struct verifier *v, size_t i, const uint8_t *head, size_t head_len, const uint8_t *body,
		    size_t body_len, const uint8_t *sig, size_t sig_len)
{
	const struct dnskey *k = &v->keys->key[i];
	size_t half = k->algorithm == ALG_ECDSAP256 ? 32 : 48;
	uint8_t digest[EVP_MAX_MD_SIZE], der[128];
	EVP_PKEY_CTX *ctx;
	unsigned len;

	if (k->pkey == NULL || sig_len == 0)
		return false;
	if (k->algorithm == ALG_ED25519 || k->algorithm == ALG_ED448)
		return check_eddsa(v, k, head, head_len, body, body_len, sig, sig_len);
	if ((ctx = context(v, i)) == NULL ||
	    EVP_DigestInit_ex(v->md, digest_of(k->algorithm), NULL) != 1 ||
	    EVP_DigestUpdate(v->md, head, head_len) != 1 || EVP_DigestUpdate(v->md, body, body_len) != 1 ||
	    EVP_DigestFinal_ex(v->md, digest, &len) != 1)
		return false;
	if (k->algorithm == ALG_ECDSAP256 || k->algorithm == ALG_ECDSAP384) {
		if (sig_len != 2 * half)
			return false;
		sig_len = der_signature(sig, half, der);
		sig = der;
	}
	return EVP_PKEY_verify(ctx, sig, sig_len, digest, len) == 1;
}
