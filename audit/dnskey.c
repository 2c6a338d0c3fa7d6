/* SPDX-License-Identifier: BSD-3-Clause */
/* dnskey: public keys of DNSKEY rdata as OpenSSL keys. */
#include "audit/dnskey.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define KEPT 8

uint16_t dnskey_tag(const uint8_t *rdata, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (i & 1) != 0 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

bool algorithm_known(uint8_t algorithm)
{
	return algorithm == ALG_RSASHA256 || algorithm == ALG_RSASHA512 ||
	       (algorithm >= ALG_ECDSAP256 && algorithm <= ALG_ED448);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* RFC 3110 section 2: length of the exponent, exponent, modulus. */
static EVP_PKEY *rsa_key(const uint8_t *p, size_t len)
{
	size_t e_len, at = 1;
	OSSL_PARAM_BLD *bld;
	EVP_PKEY *pkey = NULL;
	BIGNUM *n, *e;

	if (len < 3)
		return NULL;
	e_len = p[0];
	if (e_len == 0) {
		e_len = (size_t)(p[1] << 8 | p[2]);
		at = 3;
	}
	if (e_len == 0 || at + e_len >= len || len - at - e_len > 1024)
		return NULL;
	bld = OSSL_PARAM_BLD_new();
	e = BN_bin2bn(p + at, (int)e_len, NULL);
	n = BN_bin2bn(p + at + e_len, (int)(len - at - e_len), NULL);
	if (bld != NULL && n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		pkey = from_params("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return pkey;
}

/* A curve begun with its name is computed anew for each key, as long as half a verification takes: made once, and copied. */
static struct curve {
	const char *group;
	size_t octets; /* of x and y */
	EVP_PKEY *params;
} p256 = { .group = "P-256", .octets = 64 }, p384 = { .group = "P-384", .octets = 96 };

static pthread_once_t curves_made = PTHREAD_ONCE_INIT;

static EVP_PKEY *curve_params(const char *group)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
				OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void make_curves(void)
{
	p256.params = curve_params(p256.group);
	p384.params = curve_params(p384.group);
}

/* RFC 6605 section 4: x and y.  A point that is not on the curve is refused. */
static EVP_PKEY *ec_key(const struct curve *c, const uint8_t *p, size_t len)
{
	uint8_t point[97] = { 4 }; /* uncompressed */
	EVP_PKEY *pkey;

	pthread_once(&curves_made, make_curves);
	if (len != c->octets || c->params == NULL || (pkey = EVP_PKEY_dup(c->params)) == NULL)
		return NULL;
	memcpy(point + 1, p, len);
	if (EVP_PKEY_set1_encoded_public_key(pkey, point, len + 1) > 0)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *key_new(uint8_t algorithm, const uint8_t *p, size_t len)
{
	switch (algorithm) {
	case ALG_RSASHA256:
	case ALG_RSASHA512:
		return rsa_key(p, len);
	case ALG_ECDSAP256:
		return ec_key(&p256, p, len);
	case ALG_ECDSAP384:
		return ec_key(&p384, p, len);
	case ALG_ED25519:
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p, len);
	case ALG_ED448:
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, p, len);
	default:
		return NULL;
	}
}

/* Keys of the jobs before, the last used first: to make one takes longer than to verify with it.  One thread. */
static struct kept {
	uint8_t *rdata;
	size_t len;
	EVP_PKEY *pkey;
} kept[KEPT];

static EVP_PKEY *public_key(const uint8_t *rdata, size_t len)
{
	struct kept found = { .len = 0 };
	size_t i = 0;

	while (i < KEPT - 1 && (kept[i].len != len || memcmp(kept[i].rdata, rdata, len) != 0))
		i++;
	if (kept[i].len == len && memcmp(kept[i].rdata, rdata, len) == 0) {
		found = kept[i];
	} else {
		free(kept[i].rdata);
		EVP_PKEY_free(kept[i].pkey);
		found = (struct kept){ mem_dup(rdata, len), len, key_new(rdata[3], rdata + 4, len - 4) };
	}
	memmove(kept + 1, kept, i * sizeof(*kept));
	kept[0] = found;
	if (found.pkey != NULL)
		EVP_PKEY_up_ref(found.pkey);
	return found.pkey;
}

bool dnskeys_add(struct dnskeys *keys, const uint8_t *rdata, size_t len)
{
	struct dnskey *k = &keys->key[keys->n];

	if (keys->n == DNSKEY_MAX || len < 4)
		return false;
	k->rdata = mem_dup(rdata, len);
	k->rdlen = len;
	k->flags = (uint16_t)(rdata[0] << 8 | rdata[1]);
	k->protocol = rdata[2];
	k->algorithm = rdata[3];
	k->tag = dnskey_tag(rdata, len);
	k->pkey = public_key(rdata, len);
	k->bits = k->pkey != NULL ? (unsigned)EVP_PKEY_get_bits(k->pkey) : 0;
	keys->n++;
	return true;
}

void dnskeys_fini(struct dnskeys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		free(keys->key[i].rdata);
		EVP_PKEY_free(keys->key[i].pkey);
	}
	keys->n = 0;
}

char *dnskey_name(const struct dnskey *k, char out[24])
{
	snprintf(out, 24, "%u/%u", k->tag, k->algorithm);
	return out;
}

static const EVP_MD *ds_digest(uint8_t digest)
{
	return digest == 1 ? EVP_sha1() : digest == 2 ? EVP_sha256() : digest == 4 ? EVP_sha384() : NULL;
}

bool ds_digest_known(uint8_t digest)
{
	return ds_digest(digest) != NULL;
}

bool dnskey_matches_ds(const struct dnskey *k, const uint8_t *owner, size_t owner_len, const uint8_t *ds,
		       size_t ds_len)
{
	const EVP_MD *md;
	EVP_MD_CTX *ctx;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool same;

	if (ds_len < 4 || (ds[0] << 8 | ds[1]) != k->tag || ds[2] != k->algorithm)
		return false;
	md = ds_digest(ds[3]);
	if (md == NULL)
		return false;
	ctx = EVP_MD_CTX_new();
	same = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
	       EVP_DigestUpdate(ctx, owner, owner_len) == 1 &&
	       EVP_DigestUpdate(ctx, k->rdata, k->rdlen) == 1 && EVP_DigestFinal_ex(ctx, digest, &len) == 1 &&
	       len == ds_len - 4 && memcmp(digest, ds + 4, len) == 0;
	EVP_MD_CTX_free(ctx);
	return same;
}
