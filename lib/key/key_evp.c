/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_evp: DNSKEY public keys (RFC 3110, 6605 section 4, 8080 section 3) to and from OpenSSL's.
 */
#include "key/key_evp.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "key/key_curve.h"
#include "wire/wire.h"

#define RSA_BITS_MAX 4096u
#define RSA_EXP_BITS 64 /* OpenSSL takes no longer exponent with a modulus above 3072 bits */

int key_evp_err(struct err *e, const char *what)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(e, ERR_CRYPTO, "%s%s%s", what, reason != NULL ? ": " : "",
		       reason != NULL ? reason : "");
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* Exponent length in one octet, or 0 and two octets; exponent; modulus (RFC 3110 section 2). */
static int rsa_split(const struct key_alg *alg, const uint8_t *pub, size_t len, BIGNUM **n, BIGNUM **exp,
		     struct err *e)
{
	struct rd r = rd_of(pub, len);
	const uint8_t *p;
	size_t exp_len;
	unsigned bits;

	if ((exp_len = rd_u8(&r)) == 0)
		exp_len = rd_u16(&r);
	if (exp_len == 0 || (p = rd_bytes(&r, exp_len)) == NULL || rd_left(&r) == 0)
		return err_set(e, ERR_SYNTAX,
			       "RSA public key of %zu octets is cut short (RFC 3110 section 2)", len);
	*exp = BN_bin2bn(p, (int)exp_len, NULL);
	*n = BN_bin2bn(pub + r.at, (int)rd_left(&r), NULL);
	if (*exp == NULL || *n == NULL)
		return key_evp_err(e, "RSA public key");
	bits = (unsigned)BN_num_bits(*n);
	if (bits < alg->bits_min || bits > RSA_BITS_MAX)
		return err_set(e, ERR_CRYPTO, "RSA modulus of %u bits, must be %u to %u (RFC 5702 section 2)",
			       bits, alg->bits_min, RSA_BITS_MAX);
	if (!BN_is_odd(*exp) || BN_is_one(*exp) || BN_num_bits(*exp) > RSA_EXP_BITS || !BN_is_odd(*n))
		return err_set(e, ERR_CRYPTO, "RSA public exponent or modulus is not sane");
	return 0;
}

static EVP_PKEY *rsa_public(const struct key_alg *alg, const uint8_t *pub, size_t len, struct err *e)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	BIGNUM *n = NULL, *exp = NULL;
	EVP_PKEY *pkey = NULL;

	if (bld == NULL || rsa_split(alg, pub, len, &n, &exp, e) != 0)
		goto out;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exp) &&
	    (params = OSSL_PARAM_BLD_to_param(bld)) != NULL)
		pkey = from_params(alg->type, params);
	if (pkey == NULL)
		key_evp_err(e, "RSA public key");
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(exp);
	return pkey;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *ec_public(const struct key_alg *alg, const uint8_t *pub, size_t len, struct err *e)
{
	uint8_t point[1 + 96] = { POINT_CONVERSION_UNCOMPRESSED };
	EVP_PKEY *pkey = key_curve_params(alg->group);

	memcpy(point + 1, pub, len);
	if (pkey != NULL && EVP_PKEY_set1_encoded_public_key(pkey, point, len + 1) > 0)
		return pkey;
	key_evp_err(e, "ECDSA public key");
	EVP_PKEY_free(pkey);
	return NULL;
}

int key_evp_check_len(const struct key_alg *alg, size_t len, struct err *e)
{
	if (alg->pub_len != 0 && len != alg->pub_len)
		return err_set(e, ERR_SYNTAX, "public key of %zu octets, must be %zu for %s", len,
			       alg->pub_len, alg->text);
	return 0;
}

int key_evp_public(const struct key_alg *alg, const uint8_t *pub, size_t len, EVP_PKEY **out, struct err *e)
{
	EVP_PKEY *pkey;

	if (key_evp_check_len(alg, len, e) != 0)
		return -1;
	if (alg->pub_len == 0)
		pkey = rsa_public(alg, pub, len, e);
	else if (alg->group != NULL)
		pkey = ec_public(alg, pub, len, e);
	else if ((pkey = EVP_PKEY_new_raw_public_key_ex(NULL, alg->type, NULL, pub, len)) == NULL)
		key_evp_err(e, "EdDSA public key");
	if (pkey == NULL)
		return -1;
	*out = pkey;
	return 0;
}

static size_t rsa_octets(EVP_PKEY *pkey, uint8_t *out, size_t cap)
{
	BIGNUM *n = NULL, *exp = NULL;
	struct wr w = wr_of(out, cap);
	uint8_t *p;

	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exp)) {
		size_t exp_len = (size_t)BN_num_bytes(exp), n_len = (size_t)BN_num_bytes(n);

		if (exp_len < 256) {
			wr_u8(&w, (uint8_t)exp_len);
		} else {
			wr_u8(&w, 0);
			wr_u16(&w, (uint16_t)exp_len);
		}
		if ((p = wr_room(&w, exp_len)) != NULL)
			BN_bn2bin(exp, p);
		if ((p = wr_room(&w, n_len)) != NULL)
			BN_bn2bin(n, p);
	}
	BN_free(n);
	BN_free(exp);
	return w.bad ? 0 : w.at;
}

size_t key_evp_public_octets(const struct key_alg *alg, EVP_PKEY *pkey, uint8_t *out, size_t cap)
{
	uint8_t point[1 + 96];
	size_t len = cap;

	if (alg->pub_len == 0)
		return rsa_octets(pkey, out, cap);
	if (alg->group == NULL)
		return EVP_PKEY_get_raw_public_key(pkey, out, &len) && len == alg->pub_len ? len : 0;
	if (!EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) ||
	    len != alg->pub_len + 1 || point[0] != POINT_CONVERSION_UNCOMPRESSED || cap < len - 1)
		return 0;
	memcpy(out, point + 1, len - 1);
	return len - 1;
}

bool key_evp_is(const struct key_alg *alg, EVP_PKEY *pkey)
{
	char group[32] = "";
	size_t len = 0;

	if (!EVP_PKEY_is_a(pkey, alg->type))
		return false;
	if (alg->group == NULL)
		return true;
	return EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) && strcmp(group, alg->group) == 0;
}
