/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_pkcs8: private halves in PKCS #8 (RFC 5958).
 *
 * What lies inside for ECDSA (RFC 5915) and EdDSA (RFC 8410) is read and written here: OpenSSL 3 looks through all its
 * decoders for each key, which takes 40 times as long, and thousands of keys are opened in a row.  RSA, and
 * what others wrote in another way, is left to it.
 */
#include "key/key_private.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "wire/wire.h"

#define TAG_INTEGER     0x02
#define TAG_BIT_STRING  0x03
#define TAG_OCTETS      0x04
#define TAG_SEQUENCE    0x30
#define TAG_EC_PUBLIC   0xa1
#define INNER_MAX       256 /* octets; P-384 has 167.  Lengths have at most two octets */

/* ---- reading ---- */

/* The content of the next value, which must have this tag. */
static struct rd content(struct rd *r, uint8_t tag)
{
	size_t len;

	r->bad |= rd_u8(r) != tag;
	if ((len = rd_u8(r)) == 0x81)
		len = rd_u8(r);
	else if (len >= 0x80)
		r->bad = true;
	return rd_of(rd_bytes(r, len), r->bad ? 0 : len);
}

static EVP_PKEY *ec_read(const struct key *k, const uint8_t *der, size_t len)
{
	struct rd all = rd_of(der, len), r = content(&all, TAG_SEQUENCE), version = content(&r, TAG_INTEGER);
	struct rd octets = content(&r, TAG_OCTETS);
	const size_t n = rd_left(&octets);

	if (all.bad || r.bad || rd_u8(&version) != 1 || n == 0 || n > k->alg->pub_len / 2)
		return NULL;
	return key_private_ec(k, rd_bytes(&octets, n), n);
}

static EVP_PKEY *eddsa_read(const struct key *k, const uint8_t *der, size_t len)
{
	struct rd all = rd_of(der, len), octets = content(&all, TAG_OCTETS);
	const size_t n = rd_left(&octets);

	return all.bad ? NULL
		       : EVP_PKEY_new_raw_private_key_ex(NULL, k->alg->type, NULL, rd_bytes(&octets, n), n);
}

/* NULL: something else than we would write. */
static EVP_PKEY *inner_read(const struct key *k, const PKCS8_PRIV_KEY_INFO *info)
{
	const ASN1_OBJECT *alg = NULL;
	const uint8_t *der = NULL;
	int len = 0;

	if (k->alg->pub_len == 0 || !PKCS8_pkey_get0(&alg, &der, &len, NULL, info) || len <= 0)
		return NULL;
	if (k->alg->group != NULL)
		return OBJ_obj2nid(alg) == NID_X9_62_id_ecPublicKey ? ec_read(k, der, (size_t)len) : NULL;
	return OBJ_obj2nid(alg) == OBJ_sn2nid(k->alg->type) ? eddsa_read(k, der, (size_t)len) : NULL;
}

int key_join_pkcs8(struct key *k, struct secret *der, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *priv = NULL;
	const uint8_t *p;
	int rc = -1;

	p = secret_open(der);
	if ((info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)secret_len(der))) != NULL &&
	    (priv = inner_read(k, info)) == NULL)
		priv = EVP_PKCS82PKEY(info);
	secret_close(der);
	if (priv == NULL)
		key_evp_err(e, "PKCS #8");
	else
		rc = key_join(k, &priv, e);
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes the octets */
	EVP_PKEY_free(priv);
	return rc;
}

int key_from_pkcs8(const uint8_t *rdata, size_t len, struct secret *der, struct key **out, struct err *e)
{
	struct key *k = NULL;

	if (key_begin(rdata, len, &k, e) != 0)
		return -1;
	if (key_join_pkcs8(k, der, e) != 0) {
		key_free(k);
		return -1;
	}
	*out = k;
	return 0;
}

int key_reopen(struct key *k, struct secret *der, struct err *e)
{
	if ((k->alg->group != NULL || key_evp_public(k->alg, k->rdata + 4, k->rdlen - 4, &k->pub, e) == 0) &&
	    key_join_pkcs8(k, der, e) == 0)
		return 0;
	key_close(k);
	return -1;
}

/* ---- writing ---- */

static void put_head(struct wr *w, uint8_t tag, size_t len)
{
	wr_u8(w, tag);
	if (len >= 0x80)
		wr_u8(w, 0x81);
	wr_u8(w, (uint8_t)len);
}

static size_t with_head(size_t len)
{
	return len + (len < 0x80 ? 2 : 3);
}

static void ec_write(const struct key *k, struct wr *w)
{
	const size_t half = k->alg->pub_len / 2, bits = 1 + 1 + k->alg->pub_len; /* unused bits, form, point */
	BIGNUM *bn = NULL;
	uint8_t *to;

	put_head(w, TAG_SEQUENCE, 3 + with_head(half) + with_head(with_head(bits)));
	put_head(w, TAG_INTEGER, 1);
	wr_u8(w, 1);
	put_head(w, TAG_OCTETS, half);
	to = wr_room(w, half);
	w->bad |= !EVP_PKEY_get_bn_param(k->priv, OSSL_PKEY_PARAM_PRIV_KEY, &bn) || to == NULL ||
		  BN_bn2binpad(bn, to, (int)half) != (int)half;
	BN_clear_free(bn);
	put_head(w, TAG_EC_PUBLIC, with_head(bits));
	put_head(w, TAG_BIT_STRING, bits);
	wr_u8(w, 0);
	wr_u8(w, POINT_CONVERSION_UNCOMPRESSED);
	wr_bytes(w, k->rdata + 4, k->alg->pub_len);
}

static void eddsa_write(const struct key *k, struct wr *w)
{
	size_t len = k->alg->pub_len; /* the private half is as long */
	uint8_t *to;

	put_head(w, TAG_OCTETS, len);
	to = wr_room(w, len);
	w->bad |= to == NULL || !EVP_PKEY_get_raw_private_key(k->priv, to, &len) || len != k->alg->pub_len;
}

static PKCS8_PRIV_KEY_INFO *info_of(const struct key *k)
{
	const bool ec = k->alg->group != NULL;
	PKCS8_PRIV_KEY_INFO *info;
	uint8_t *inner;
	struct wr w;

	if (k->alg->pub_len == 0)
		return EVP_PKEY2PKCS8(k->priv);
	info = PKCS8_PRIV_KEY_INFO_new();
	inner = OPENSSL_zalloc(INNER_MAX);
	w = wr_of(inner, inner == NULL ? 0 : INNER_MAX);
	if (ec)
		ec_write(k, &w);
	else
		eddsa_write(k, &w);
	if (info != NULL && !w.bad &&
	    PKCS8_pkey_set0(info, OBJ_nid2obj(ec ? NID_X9_62_id_ecPublicKey : OBJ_sn2nid(k->alg->type)), 0,
			    ec ? V_ASN1_OBJECT : V_ASN1_UNDEF, ec ? OBJ_nid2obj(OBJ_sn2nid(k->alg->group)) : NULL, inner,
			    (int)w.at))
		return info; /* which owns what is inside, and wipes it */
	OPENSSL_clear_free(inner, INNER_MAX);
	PKCS8_PRIV_KEY_INFO_free(info);
	return NULL;
}

int key_pkcs8(const struct key *k, struct secret **out, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	struct secret *der = NULL;
	uint8_t *p;
	int len, rc = -1;

	if (k->priv == NULL)
		return err_set(e, ERR_NOTFOUND, "key %u/%s has no private half here", k->tag, k->alg->text);
	if ((info = info_of(k)) == NULL || (len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL)) <= 0 || len > SECRET_MAX) {
		key_evp_err(e, "PKCS #8");
		goto out;
	}
	der = secret_new((size_t)len);
	p = secret_open_rw(der);
	rc = i2d_PKCS8_PRIV_KEY_INFO(info, &p) == len ? 0 : -1;
	secret_close(der);
	if (rc != 0) {
		key_evp_err(e, "PKCS #8");
		secret_free(der);
		goto out;
	}
	*out = der;
out:
	PKCS8_PRIV_KEY_INFO_free(info);
	return rc;
}
