/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_private: private halves as BIND writes them: lines "Name: base64" (v1.3).
 *
 * The text and what it decodes to stay in secrets; OpenSSL's big numbers are in its secure heap.
 */
#include "key/key_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX  8192 /* RSA-4096 has 3.3 k */
#define FIELD_MAX 512  /* octets of one number */

struct field {
	const char *text;  /* BIND's name */
	const char *param; /* OpenSSL's name */
};

static const struct field rsa_fields[] = {
	{ "Modulus", OSSL_PKEY_PARAM_RSA_N },           { "PublicExponent", OSSL_PKEY_PARAM_RSA_E },
	{ "PrivateExponent", OSSL_PKEY_PARAM_RSA_D },   { "Prime1", OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ "Prime2", OSSL_PKEY_PARAM_RSA_FACTOR2 },      { "Exponent1", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ "Exponent2", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "Coefficient", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};
#define RSA_FIELDS (sizeof(rsa_fields) / sizeof(rsa_fields[0]))

/* The value behind "name:" in the text, up to the end of its line. */
static const char *find_field(const char *text, size_t len, const char *name, size_t *value_len)
{
	size_t name_len = strlen(name);
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((eol != NULL ? eol : end) - at);

		if (line > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == ':') {
			at += name_len + 1;
			line -= name_len + 1;
			while (line > 0 && (*at == ' ' || *at == '\t')) {
				at++;
				line--;
			}
			while (line > 0 &&
			       (at[line - 1] == ' ' || at[line - 1] == '\r' || at[line - 1] == '\t'))
				line--;
			*value_len = line;
			return at;
		}
		at += line + 1;
	}
	return NULL;
}

/* Decodes one field into buf (of FIELD_MAX octets); 0 when it is absent or wrong. */
static size_t field_octets(const char *text, size_t len, const char *name, uint8_t *buf)
{
	size_t value_len, n = 0;
	const char *value = find_field(text, len, name, &value_len), *end;

	if (value == NULL ||
	    sodium_base642bin(buf, FIELD_MAX, value, value_len, NULL, &n, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    end != value + value_len)
		return 0;
	return n;
}

/* A number in secure memory, pushed to the builder; the builder borrows it until its parameters are made. */
static bool push(OSSL_PARAM_BLD *bld, const char *param, const uint8_t *octets, size_t len, BIGNUM **bn)
{
	*bn = BN_secure_new();
	return *bn != NULL && BN_bin2bn(octets, (int)len, *bn) != NULL &&
	       OSSL_PARAM_BLD_push_BN(bld, param, *bn);
}

static EVP_PKEY *pair_from(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
		pkey = NULL;
	OSSL_PARAM_free(params); /* wipes what is in secure memory */
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *rsa_private(const struct key_alg *alg, const char *text, size_t len, uint8_t *buf)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *bn[RSA_FIELDS] = { NULL };
	EVP_PKEY *pkey = NULL;
	bool ok = bld != NULL;
	size_t n;

	for (size_t i = 0; i < RSA_FIELDS && ok; i++)
		ok = (n = field_octets(text, len, rsa_fields[i].text, buf)) > 0 &&
		     push(bld, rsa_fields[i].param, buf, n, &bn[i]);
	if (ok)
		pkey = pair_from(alg->type, bld);
	OSSL_PARAM_BLD_free(bld);
	for (size_t i = 0; i < RSA_FIELDS; i++)
		BN_clear_free(bn[i]);
	return pkey;
}

EVP_PKEY *key_private_ec(const struct key *k, const uint8_t *octets, size_t len)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 96] = { 0x04 };
	BIGNUM *bn = NULL;
	EVP_PKEY *pkey = NULL;

	memcpy(point + 1, k->rdata + 4, k->alg->pub_len);
	if (bld != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, k->alg->group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, k->alg->pub_len + 1) &&
	    push(bld, OSSL_PKEY_PARAM_PRIV_KEY, octets, len, &bn))
		pkey = pair_from(k->alg->type, bld);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(bn);
	return pkey;
}

int key_private_read(const char *path, struct key *k, struct err *e)
{
	struct secret *file = secret_read(path, TEXT_MAX, e), *scratch = NULL;
	EVP_PKEY *priv = NULL;
	const char *text, *value;
	size_t len, n;
	uint8_t *buf;
	int rc = -1;

	if (file == NULL)
		return -1;
	scratch = secret_new(FIELD_MAX);
	text = (const char *)secret_open(file);
	buf = secret_open_rw(scratch);
	len = secret_len(file);
	value = find_field(text, len, "Algorithm", &n);
	if (value == NULL || n == 0 || strtoul(value, NULL, 10) != k->alg->number) {
		err_set(e, ERR_SYNTAX, "%s: Algorithm is not %u as in the .key file", path, k->alg->number);
		goto out;
	}
	if (k->alg->pub_len == 0) {
		priv = rsa_private(k->alg, text, len, buf);
	} else if ((n = field_octets(text, len, "PrivateKey", buf)) == 0) {
		priv = NULL;
	} else if (k->alg->group != NULL && n > k->alg->pub_len / 2) { /* less: some leave out leading zeros */
		err_set(e, ERR_SYNTAX, "%s: PrivateKey of %zu octets, must be %zu", path, n, k->alg->pub_len / 2);
		goto out;
	} else if (k->alg->group != NULL) {
		priv = key_private_ec(k, buf, n);
	} else {
		priv = EVP_PKEY_new_raw_private_key_ex(NULL, k->alg->type, NULL, buf, n);
	}
	if (priv == NULL) {
		key_evp_err(e, "no private key of this algorithm can be read");
		err_ctx(e, "%s", path);
		goto out;
	}
	rc = key_join(k, &priv, e) == 0 ? 0 : err_ctx(e, "%s", path);
out:
	secret_close(scratch);
	secret_close(file);
	EVP_PKEY_free(priv);
	secret_free(scratch);
	secret_free(file);
	return rc;
}

/* ---- times ---- */

static const struct {
	const char *text;
	size_t at;
} time_fields[] = {
	{ "Created", offsetof(struct key_times, created) },   { "Publish", offsetof(struct key_times, publish) },
	{ "Activate", offsetof(struct key_times, activate) }, { "Inactive", offsetof(struct key_times, inactive) },
	{ "Delete", offsetof(struct key_times, removed) },
};
#define TIME_FIELDS (sizeof(time_fields) / sizeof(time_fields[0]))

static int64_t *time_of(struct key_times *t, size_t i)
{
	return (int64_t *)((char *)t + time_fields[i].at);
}

/* YYYYMMDDHHMMSS in UTC; 0 when it is none. */
static int64_t read_time(const char *text, size_t len)
{
	char copy[15] = "";
	struct tm tm = { 0 };
	const char *end;

	if (len != 14 || strspn(text, "0123456789") < 14)
		return 0;
	memcpy(copy, text, 14);
	end = strptime(copy, "%Y%m%d%H%M%S", &tm);
	return end == NULL || *end != '\0' ? 0 : (int64_t)timegm(&tm);
}

int key_private_times(const char *path, struct key_times *times, struct err *e)
{
	struct secret *file = secret_read(path, TEXT_MAX, e);
	const char *text, *value;
	size_t n;

	memset(times, 0, sizeof(*times));
	if (file == NULL)
		return -1;
	text = (const char *)secret_open(file);
	for (size_t i = 0; i < TIME_FIELDS; i++)
		if ((value = find_field(text, secret_len(file), time_fields[i].text, &n)) != NULL)
			*time_of(times, i) = read_time(value, n);
	secret_close(file);
	secret_free(file);
	return 0;
}

static void put_times(char *text, size_t *at, const struct key_times *times)
{
	struct key_times t = *times;

	for (size_t i = 0; i < TIME_FIELDS; i++) {
		const time_t when = (time_t)*time_of(&t, i);
		char digits[16];
		struct tm tm;

		if (when > 0 && gmtime_r(&when, &tm) != NULL && strftime(digits, sizeof(digits), "%Y%m%d%H%M%S", &tm) == 14)
			*at += (size_t)snprintf(text + *at, TEXT_MAX - *at, "%s: %s\n", time_fields[i].text, digits);
	}
}

/* ---- writing ---- */

/* Appends "name: base64\n" to the text; the room left is enough by TEXT_MAX. */
static void put_field(char *text, size_t *at, const char *name, const uint8_t *octets, size_t len)
{
	*at += (size_t)snprintf(text + *at, TEXT_MAX - *at, "%s: ", name);
	sodium_bin2base64(text + *at, TEXT_MAX - *at, octets, len, sodium_base64_VARIANT_ORIGINAL);
	*at += strlen(text + *at);
	*at += (size_t)snprintf(text + *at, TEXT_MAX - *at, "\n");
}

static bool put_number(char *text, size_t *at, const struct field *f, EVP_PKEY *pkey, uint8_t *buf, int pad)
{
	BIGNUM *bn = NULL;
	int len;
	bool ok;

	ok = EVP_PKEY_get_bn_param(pkey, f->param, &bn) &&
	     (len = pad != 0 ? pad : BN_num_bytes(bn)) <= FIELD_MAX && BN_bn2binpad(bn, buf, len) == len;
	if (ok)
		put_field(text, at, f->text, buf, (size_t)len);
	BN_clear_free(bn);
	return ok;
}

static bool put_private(const struct key *k, char *text, size_t *at, uint8_t *buf)
{
	static const struct field ec = { "PrivateKey", OSSL_PKEY_PARAM_PRIV_KEY };
	size_t len = FIELD_MAX;

	*at += (size_t)snprintf(text + *at, TEXT_MAX - *at, "Private-key-format: v1.3\nAlgorithm: %u (%s)\n",
				k->alg->number, k->alg->text);
	if (k->alg->group != NULL)
		return put_number(text, at, &ec, k->priv, buf, (int)(k->alg->pub_len / 2));
	if (k->alg->pub_len != 0) {
		if (!EVP_PKEY_get_raw_private_key(k->priv, buf, &len))
			return false;
		put_field(text, at, ec.text, buf, len);
		return true;
	}
	for (size_t i = 0; i < RSA_FIELDS; i++)
		if (!put_number(text, at, &rsa_fields[i], k->priv, buf, 0))
			return false;
	return true;
}

int key_private_write(const char *path, const struct key *k, const struct key_times *times, struct err *e)
{
	struct secret *file, *scratch;
	size_t at = 0;
	char *text;
	bool ok;
	int rc;

	if (k->priv == NULL)
		return err_set(e, ERR_NOTFOUND, "key %u/%s has no private half here", k->tag, k->alg->text);
	file = secret_new(TEXT_MAX);
	scratch = secret_new(FIELD_MAX);
	text = (char *)secret_open_rw(file);
	ok = put_private(k, text, &at, secret_open_rw(scratch));
	if (times != NULL)
		put_times(text, &at, times);
	secret_close(scratch);
	secret_close(file);
	if (ok) {
		secret_shrink(file, at);
		rc = secret_write(path, file, e);
	} else {
		rc = key_evp_err(e, "reading the private half");
	}
	secret_free(scratch);
	secret_free(file);
	return rc;
}
