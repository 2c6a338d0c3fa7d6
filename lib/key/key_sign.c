/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_sign: signatures in DNSSEC's form (RFC 5702 section 3, RFC 6605 section 4, RFC 8080 section 4).
 *
 * A signer has its digest and signing contexts made once: fetching them anew costs OpenSSL 3 more than half of
 * a P-256 signature.  Ed25519 is signed by libsodium, which does it in less than half of OpenSSL's time.  RSA
 * gets a copy of the key, since OpenSSL guards the blinding of a shared one by a lock; ECDSA has one of its own kind
 * (key_ecdsa.c).
 */
#include "key/key_ecdsa.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

struct key_signer {
	const struct key *key;
	EVP_MD_CTX *md_ctx;   /* the digest, or EdDSA in one go */
	EVP_PKEY *copy;       /* RSA's */
	EVP_PKEY_CTX *rsa;
	EC_KEY *ecdsa;
	uint8_t *ed25519;     /* libsodium's form of the private half, in memory of sodium_malloc */
};

static bool pkcs1(const struct key *k, EVP_PKEY_CTX *ctx)
{
	return k->alg->group != NULL || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
}

static bool rsa_signer(struct key_signer *s)
{
	const struct key *k = s->key;

	if ((s->copy = EVP_PKEY_dup(k->priv)) == NULL)
		return false;
	s->rsa = EVP_PKEY_CTX_new_from_pkey(NULL, s->copy, NULL);
	return s->rsa != NULL && EVP_PKEY_sign_init(s->rsa) > 0 && pkcs1(k, s->rsa) &&
	       EVP_PKEY_CTX_set_signature_md(s->rsa, k->md) > 0;
}

/* Not a struct secret: opening one for each signature costs as much as the signature does, and they are one
 * thread's.  It lives as long as the signing it is for. */
static bool ed25519_signer(struct key_signer *s)
{
	uint8_t pub[crypto_sign_ed25519_PUBLICKEYBYTES], *seed;
	size_t len = crypto_sign_ed25519_SEEDBYTES;
	bool ok;

	/* Behind it is room for the seed on its way. */
	s->ed25519 = sodium_malloc(crypto_sign_ed25519_SECRETKEYBYTES + len);
	if (s->ed25519 == NULL)
		return false;
	seed = s->ed25519 + crypto_sign_ed25519_SECRETKEYBYTES;
	ok = EVP_PKEY_get_raw_private_key(s->key->priv, seed, &len) > 0 &&
	     len == crypto_sign_ed25519_SEEDBYTES &&
	     crypto_sign_ed25519_seed_keypair(pub, s->ed25519, seed) == 0;
	sodium_memzero(seed, crypto_sign_ed25519_SEEDBYTES);
	if (ok)
		sodium_mprotect_readonly(s->ed25519);
	return ok;
}

int key_signer_new(const struct key *k, struct key_signer **out, struct err *e)
{
	struct key_signer *s;
	bool ok;

	if (k->priv == NULL)
		return err_set(e, ERR_CRYPTO, "key %u/%s has no private half here", k->tag, k->alg->text);
	s = mem_new(1, sizeof(*s));
	s->key = k;
	if (k->alg->number == ALG_ED25519)
		ok = ed25519_signer(s);
	else
		ok = (s->md_ctx = EVP_MD_CTX_new()) != NULL;
	if (ok && k->alg->group != NULL)
		ok = (s->ecdsa = key_ecdsa_new(k)) != NULL;
	else if (ok && k->md != NULL)
		ok = rsa_signer(s);
	if (!ok) {
		key_signer_free(s);
		key_evp_err(e, "signing");
		return err_ctx(e, "key %u/%s", k->tag, k->alg->text);
	}
	*out = s;
	return 0;
}

void key_signer_free(struct key_signer *s)
{
	if (s == NULL)
		return;
	EVP_PKEY_CTX_free(s->rsa);
	key_ecdsa_free(s->ecdsa);
	EVP_PKEY_free(s->copy);
	EVP_MD_CTX_free(s->md_ctx);
	sodium_free(s->ed25519);
	free(s);
}

const struct key *key_signer_key(const struct key_signer *s)
{
	return s->key;
}

static bool sign_digest(struct key_signer *s, const uint8_t *data, size_t len, uint8_t *sig, size_t *sig_len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	const struct key *k = s->key;
	unsigned n;

	if (!EVP_DigestInit_ex2(s->md_ctx, k->md, NULL) || !EVP_DigestUpdate(s->md_ctx, data, len) ||
	    !EVP_DigestFinal_ex(s->md_ctx, digest, &n))
		return false;
	if (s->ecdsa == NULL)
		return EVP_PKEY_sign(s->rsa, sig, sig_len, digest, n) > 0;
	*sig_len = k->alg->sig_len;
	return key_ecdsa_sign(s->ecdsa, k, digest, n, sig);
}

int key_signer_sign(struct key_signer *s, const uint8_t *data, size_t len, uint8_t *sig, size_t *sig_len,
		    struct err *e)
{
	const struct key *k = s->key;
	bool ok;

	*sig_len = KEY_SIG_MAX;
	if (s->ed25519 != NULL) {
		ok = crypto_sign_ed25519_detached(sig, NULL, data, len, s->ed25519) == 0;
		*sig_len = crypto_sign_ed25519_BYTES;
	} else if (k->md != NULL) {
		ok = sign_digest(s, data, len, sig, sig_len);
	} else {
		ok = EVP_DigestSignInit_ex(s->md_ctx, NULL, NULL, NULL, NULL, k->priv, NULL) > 0 &&
		     EVP_DigestSign(s->md_ctx, sig, sig_len, data, len) > 0;
	}
	if (!ok) {
		key_evp_err(e, "signing");
		return err_ctx(e, "key %u/%s", k->tag, k->alg->text);
	}
	return 0;
}

int key_sign(const struct key *k, const uint8_t *data, size_t len, uint8_t *sig, size_t *sig_len,
	     struct err *e)
{
	struct key_signer *s = NULL;
	int rc;

	if (key_signer_new(k, &s, e) != 0)
		return -1;
	rc = key_signer_sign(s, data, len, sig, sig_len, e);
	key_signer_free(s);
	return rc;
}

static bool verify_digest(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig,
			  size_t sig_len)
{
	EVP_PKEY_CTX *ctx = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE], der[128];
	unsigned n;
	bool ok = false;

	if (k->alg->group != NULL) {
		sig_len = key_ecdsa_der(k, sig, der, sizeof(der));
		sig = der;
		if (sig_len == 0)
			return false;
	}
	if (EVP_Digest(data, len, digest, &n, k->md, NULL) &&
	    (ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pub, NULL)) != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
	    pkcs1(k, ctx) && EVP_PKEY_CTX_set_signature_md(ctx, k->md) > 0)
		ok = EVP_PKEY_verify(ctx, sig, sig_len, digest, n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool verify_whole(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig,
			 size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, k->pub, NULL) > 0 &&
		  EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

int key_verify(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig, size_t sig_len,
	       struct err *e)
{
	bool ok = sig_len == key_sig_len(k);

	if (ok)
		ok = k->md != NULL ? verify_digest(k, data, len, sig, sig_len)
				   : verify_whole(k, data, len, sig, sig_len);
	if (!ok) {
		key_evp_err(e, "the signature is not right");
		return err_ctx(e, "key %u/%s", k->tag, k->alg->text);
	}
	return 0;
}

/* A signature that verifies. */
static bool probe_fits(const struct key *k)
{
	static const char what[] = "duet: private half and public half";
	uint8_t probe[sizeof(what) + 32], sig[KEY_SIG_MAX];
	size_t sig_len;

	memcpy(probe, what, sizeof(what));
	randombytes_buf(probe + sizeof(what), 32);
	return key_sign(k, probe, sizeof(probe), sig, &sig_len, NULL) == 0 &&
	       key_verify(k, probe, sizeof(probe), sig, sig_len, NULL) == 0;
}

int key_join(struct key *k, EVP_PKEY **priv, struct err *e)
{
	if (!key_evp_is(k->alg, *priv))
		return err_set(e, ERR_CRYPTO, "the private half is no key for %s", k->alg->text);
	k->priv = *priv;
	*priv = NULL;
	if (k->alg->group != NULL ? key_ecdsa_fits(k) : probe_fits(k)) {
		EVP_PKEY_free(k->pub); /* now known to be in the private half, too: OpenSSL takes some KiB for each */
		k->pub = k->priv;
		EVP_PKEY_up_ref(k->pub);
		return 0;
	}
	EVP_PKEY_free(k->priv);
	k->priv = NULL;
	ERR_clear_error();
	return err_set(e, ERR_CRYPTO, "private and public half of key %u/%s do not belong together", k->tag,
		       k->alg->text);
}
