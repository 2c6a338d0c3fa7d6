/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_curve: a curve's parameters are made once and copied, in 2 us; OpenSSL 3 makes them anew, in 25 us, for each key that
 * begins with the curve's name.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/key_curve.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#define COORDINATES_MAX 96 /* octets of P-384's two */

static struct curve {
	const char *group;
	EVP_PKEY *params; /* never changed */
	EC_KEY *ec;
} curves[] = { { .group = "prime256v1" }, { .group = "secp384r1" } };

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
									 (char *)(uintptr_t)curves[i].group, 0),
					OSSL_PARAM_construct_end() };
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

		if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
		    EVP_PKEY_fromdata(ctx, &curves[i].params, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
			curves[i].params = NULL;
		EVP_PKEY_CTX_free(ctx);
		curves[i].ec = EC_KEY_new_by_curve_name(OBJ_txt2nid(curves[i].group));
	}
}

static const struct curve *find(const char *group)
{
	pthread_once(&once, make);
	return &curves[strcmp(group, curves[0].group) == 0 ? 0 : 1];
}

EVP_PKEY *key_curve_params(const char *group)
{
	const struct curve *c = find(group);

	return c->params == NULL ? NULL : EVP_PKEY_dup(c->params);
}

EC_KEY *key_curve_ec(const char *group)
{
	const struct curve *c = find(group);

	return c->ec == NULL ? NULL : EC_KEY_dup(c->ec);
}

bool key_curve_has(const char *group, const uint8_t *octets, size_t len)
{
	const EC_KEY *ec = find(group)->ec;
	const EC_GROUP *curve = ec == NULL ? NULL : EC_KEY_get0_group(ec);
	uint8_t encoded[1 + COORDINATES_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
	EC_POINT *point = curve == NULL || len > COORDINATES_MAX ? NULL : EC_POINT_new(curve);
	bool has;

	if (point == NULL)
		return false;
	memcpy(encoded + 1, octets, len);
	has = EC_POINT_oct2point(curve, point, encoded, len + 1, NULL) > 0;
	EC_POINT_free(point);
	ERR_clear_error();
	return has;
}
