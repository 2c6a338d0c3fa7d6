/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_pem: private halves as PKCS #8 in PEM (RFC 7468 section 10).  The text and what it decodes to stay in secrets.
 */
#include "key/key_private.h"

#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

#define TEXT_MAX 8192 /* RSA-4096 has 3.3 k */

static const char head[] = "-----BEGIN PRIVATE KEY-----\n", tail[] = "-----END PRIVATE KEY-----\n";

/* What stands between head and tail, decoded; NULL where there is none. */
static struct secret *decode(const char *text, size_t len)
{
	const char *from = memmem(text, len, head, sizeof(head) - 2); /* without the newline, which may be CR LF */
	struct secret *der;
	const char *to;
	size_t n = 0;
	int rc;

	if (from == NULL)
		return NULL;
	from += sizeof(head) - 2;
	if ((to = memmem(from, len - (size_t)(from - text), tail, sizeof(tail) - 2)) == NULL)
		return NULL;
	der = secret_new(TEXT_MAX);
	rc = sodium_base642bin(secret_open_rw(der), TEXT_MAX, from, (size_t)(to - from), " \t\r\n", &n, NULL,
			       sodium_base64_VARIANT_ORIGINAL);
	secret_close(der);
	if (rc == 0 && n > 0) {
		secret_shrink(der, n);
		return der;
	}
	secret_free(der);
	return NULL;
}

static struct secret *read_der(const char *path, struct err *e)
{
	struct secret *file = secret_read(path, TEXT_MAX, e), *der;

	if (file == NULL)
		return NULL;
	der = decode((const char *)secret_open(file), secret_len(file));
	secret_close(file);
	secret_free(file);
	if (der == NULL)
		err_set(e, ERR_SYNTAX, "%s: no PRIVATE KEY in PEM (RFC 7468 section 10)", path);
	return der;
}

int key_pem_read(const char *path, struct key *k, struct err *e)
{
	struct secret *der = read_der(path, e);
	int rc;

	if (der == NULL)
		return -1;
	rc = key_join_pkcs8(k, der, e);
	secret_free(der);
	return rc == 0 ? 0 : err_ctx(e, "%s", path);
}

EVP_PKEY *key_pem_pkey(const char *path, struct err *e)
{
	struct secret *der = read_der(path, e);
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *pkey = NULL;
	const uint8_t *p;

	if (der == NULL)
		return NULL;
	p = secret_open(der);
	if ((info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)secret_len(der))) != NULL)
		pkey = EVP_PKCS82PKEY(info);
	secret_close(der);
	if (pkey == NULL) {
		key_evp_err(e, "PKCS #8");
		err_ctx(e, "%s", path);
	}
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes the octets */
	secret_free(der);
	return pkey;
}

int key_write_pem(const struct key *k, const char *path, struct err *e)
{
	struct secret *der = NULL, *file;
	const uint8_t *p;
	size_t len, at = sizeof(head) - 1;
	char *text;
	int rc;

	if (key_pkcs8(k, &der, e) != 0)
		return -1;
	len = secret_len(der);
	if (len > TEXT_MAX / 2) {
		secret_free(der);
		return err_set(e, ERR_LIMIT, "PKCS #8 of %zu octets, at most %u", len, TEXT_MAX / 2);
	}
	file = secret_new(TEXT_MAX);
	text = (char *)secret_open_rw(file);
	p = secret_open(der);
	memcpy(text, head, at);
	for (size_t i = 0; i < len; i += 48) { /* lines of 64 characters (RFC 7468 section 2) */
		sodium_bin2base64(text + at, TEXT_MAX - at, p + i, len - i < 48 ? len - i : 48,
				  sodium_base64_VARIANT_ORIGINAL);
		at += strlen(text + at);
		text[at++] = '\n';
	}
	memcpy(text + at, tail, sizeof(tail) - 1);
	at += sizeof(tail) - 1;
	secret_close(der);
	secret_close(file);
	secret_shrink(file, at);
	rc = secret_write(path, file, e);
	secret_free(der);
	secret_free(file);
	return rc;
}
