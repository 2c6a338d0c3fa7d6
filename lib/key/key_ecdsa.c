/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_ecdsa: r | s from an EC_KEY.
 *
 * These calls are deprecated.  They are taken since EVP_PKEY_sign goes through them, too, and then through DER and
 * back: 4 % of a P-256 signature.  The nonce stays the one that OpenSSL makes of randomness, key and digest, so that two
 * copies of a machine with one state of randomness do not give the key away; ECDSA_sign_setup, which makes it of
 * randomness alone, would save as much as 10 % more.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/key_ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "key/key_curve.h"

#define POINT_MAX 96 /* octets of P-384's two coordinates */

EC_KEY *key_ecdsa_new(const struct key *k)
{
	EC_KEY *ec = key_curve_ec(k->alg->group);
	BIGNUM *secret = BN_secure_new();
	bool ok = ec != NULL && secret != NULL &&
		  EVP_PKEY_get_bn_param(k->priv, OSSL_PKEY_PARAM_PRIV_KEY, &secret) > 0 &&
		  EC_KEY_set_private_key(ec, secret) > 0;

	BN_clear_free(secret);
	if (ok)
		return ec;
	EC_KEY_free(ec);
	return NULL;
}

void key_ecdsa_free(EC_KEY *ec)
{
	EC_KEY_free(ec);
}

bool key_ecdsa_fits(const struct key *k)
{
	uint8_t point[1 + POINT_MAX];
	EC_KEY *ec = key_ecdsa_new(k);
	const EC_GROUP *group = ec == NULL ? NULL : EC_KEY_get0_group(ec);
	EC_POINT *pub = group == NULL ? NULL : EC_POINT_new(group);
	const size_t len = 1 + k->alg->pub_len;
	bool fits = pub != NULL && EC_POINT_mul(group, pub, EC_KEY_get0_private_key(ec), NULL, NULL, NULL) > 0 &&
		    EC_POINT_point2oct(group, pub, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL) == len &&
		    memcmp(point + 1, k->rdata + 4, k->alg->pub_len) == 0;

	EC_POINT_free(pub);
	EC_KEY_free(ec);
	return fits;
}

bool key_ecdsa_sign(EC_KEY *ec, const struct key *k, const uint8_t *digest, size_t len, uint8_t *sig)
{
	ECDSA_SIG *pair = ECDSA_do_sign(digest, (int)len, ec);
	int half = (int)k->alg->sig_len / 2;
	bool ok = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, half) == half &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + half, half) == half;

	ECDSA_SIG_free(pair);
	return ok;
}

size_t key_ecdsa_der(const struct key *k, const uint8_t *sig, uint8_t *der, size_t cap)
{
	int half = (int)k->alg->sig_len / 2, n = 0;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, half, NULL), *s = BN_bin2bn(sig + half, half, NULL);

	if (pair == NULL || r == NULL || s == NULL || !ECDSA_SIG_set0(pair, r, s)) {
		BN_free(r);
		BN_free(s);
	} else if ((n = i2d_ECDSA_SIG(pair, NULL)) > 0 && (size_t)n <= cap) {
		n = i2d_ECDSA_SIG(pair, &der);
	} else {
		n = 0;
	}
	ECDSA_SIG_free(pair);
	return n > 0 ? (size_t)n : 0;
}
