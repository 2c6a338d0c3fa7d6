/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key: making keys, and what a key says about itself.
 */
#include "key/key_private.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "key/key_curve.h"

#define RSA_BITS_DEFAULT 2048u
#define RSA_BITS_MIN     2048u /* of keys that we make */
#define RSA_BITS_MAX     4096u

static const struct key_alg algs[] = {
	{ 8, "RSASHA256", "RSA", NULL, "SHA256", 0, 0, 512 },
	{ 10, "RSASHA512", "RSA", NULL, "SHA512", 0, 0, 1024 },
	{ 13, "ECDSAP256SHA256", "EC", "prime256v1", "SHA256", 64, 64, 0 },
	{ 14, "ECDSAP384SHA384", "EC", "secp384r1", "SHA384", 96, 96, 0 },
	{ 15, "ED25519", "ED25519", NULL, NULL, 32, 64, 0 },
	{ 16, "ED448", "ED448", NULL, NULL, 57, 114, 0 },
};
#define ALGS (sizeof(algs) / sizeof(algs[0]))

const struct key_alg *key_alg_find(unsigned number)
{
	for (size_t i = 0; i < ALGS; i++)
		if (algs[i].number == number)
			return &algs[i];
	return NULL;
}

bool key_algorithm_known(unsigned alg)
{
	return key_alg_find(alg) != NULL;
}

const char *key_algorithm_text(unsigned alg)
{
	static const char digits[256][4] = {
#define D1(n) #n
#define D4(p)                                                                                                \
	D1(p##0), D1(p##1), D1(p##2), D1(p##3), D1(p##4), D1(p##5), D1(p##6), D1(p##7), D1(p##8), D1(p##9)
		D1(0),  D1(1),  D1(2),  D1(3),  D1(4),  D1(5),  D1(6),  D1(7),  D1(8),  D1(9),
		D4(1),  D4(2),  D4(3),  D4(4),  D4(5),  D4(6),  D4(7),  D4(8),  D4(9),  D4(10),
		D4(11), D4(12), D4(13), D4(14), D4(15), D4(16), D4(17), D4(18), D4(19), D4(20),
		D4(21), D4(22), D4(23), D4(24), "250",  "251",  "252",  "253",  "254",  "255",
#undef D4
#undef D1
	};
	const struct key_alg *a = key_alg_find(alg);

	return a != NULL ? a->text : digits[alg & 255];
}

unsigned key_algorithm_from_text(const char *text)
{
	char *end;
	unsigned long n;

	for (size_t i = 0; i < ALGS; i++)
		if (strcasecmp(text, algs[i].text) == 0)
			return algs[i].number;
	if (text[0] < '0' || text[0] > '9')
		return 0;
	n = strtoul(text, &end, 10);
	return *end == '\0' && n < 256 && key_algorithm_known((unsigned)n) ? (unsigned)n : 0;
}

/* RFC 4034 appendix B. */
static uint32_t tag_sum(const uint8_t *rdata, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	return (uint16_t)(sum + (sum >> 16));
}

uint16_t dnskey_tag(const uint8_t *rdata, size_t len)
{
	return folded(tag_sum(rdata, len));
}

struct dnskey_tags dnskey_tags(const uint8_t *rdata, size_t len)
{
	const uint32_t sum = tag_sum(rdata, len), revoke = (rdata[1] & DNSKEY_FLAG_REVOKE) != 0 ? 0 : DNSKEY_FLAG_REVOKE;

	return (struct dnskey_tags){ folded(sum), folded(sum + revoke) };
}

bool dnskey_tags_clash(struct dnskey_tags a, struct dnskey_tags b)
{
	return a.tag == b.tag || a.tag == b.revoked || a.revoked == b.tag || a.revoked == b.revoked;
}

void dnskey_hash(const uint8_t *rdata, size_t len, uint8_t out[KEY_HASH_LEN])
{
	uint8_t head[4] = { rdata[0], (uint8_t)(rdata[1] & ~DNSKEY_FLAG_REVOKE), rdata[2], rdata[3] };
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, head, sizeof(head));
	crypto_hash_sha256_update(&st, rdata + sizeof(head), len - sizeof(head));
	crypto_hash_sha256_final(&st, out);
}

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, KEY_HASH_LEN);
}

int key_set_hash(const struct rr *dnskeys, size_t n, uint8_t out[KEY_HASH_LEN], struct err *e)
{
	uint8_t(*hashes)[KEY_HASH_LEN] = mem_new(n + 1, sizeof(*hashes));

	for (size_t i = 0; i < n; i++) {
		if (dnskeys[i].rdlen < 4) {
			free(hashes);
			return err_set(e, ERR_SYNTAX, "DNSKEY rdata of %u octets", dnskeys[i].rdlen);
		}
		dnskey_hash(dnskeys[i].rdata, dnskeys[i].rdlen, hashes[i]);
	}
	qsort(hashes, n, sizeof(*hashes), by_octets);
	crypto_hash_sha256(out, hashes[0], n * sizeof(*hashes));
	free(hashes);
	return 0;
}

/* NULL: it is no DNSKEY rdata of an algorithm that we know. */
static const struct key_alg *rdata_alg(const uint8_t *rdata, size_t len, struct err *e)
{
	const struct key_alg *alg = NULL;

	if (len < 5 || len > KEY_RDATA_MAX)
		err_set(e, ERR_SYNTAX, "DNSKEY rdata of %zu octets, must be 5 to %u", len, KEY_RDATA_MAX);
	else if (rdata[2] != 3)
		err_set(e, ERR_SYNTAX, "DNSKEY protocol %u, must be 3 (RFC 4034 section 2.1.2)", rdata[2]);
	else if ((alg = key_alg_find(rdata[3])) == NULL)
		err_set(e, ERR_CRYPTO, "DNSKEY algorithm %u, must be 8, 10, 13, 14, 15 or 16", rdata[3]);
	return alg;
}

int key_begin(const uint8_t *rdata, size_t len, struct key **out, struct err *e)
{
	const struct key_alg *alg = rdata_alg(rdata, len, e);
	struct key *k = NULL;

	if (alg == NULL)
		return -1;
	k = mem_new(1, sizeof(*k) + len);
	k->alg = alg;
	k->rdlen = len;
	memcpy(k->rdata, rdata, len);
	if (alg->group == NULL && key_evp_public(alg, rdata + 4, len - 4, &k->pub, e) != 0)
		goto fail;
	if (alg->group != NULL && key_evp_check_len(alg, len - 4, e) != 0)
		goto fail;
	if (alg->md != NULL && (k->md = EVP_MD_fetch(NULL, alg->md, NULL)) == NULL) {
		key_evp_err(e, alg->md);
		goto fail;
	}
	k->tag = dnskey_tag(rdata, len);
	dnskey_hash(rdata, len, k->hash);
	*out = k;
	return 0;
fail:
	key_free(k);
	return err_ctx(e, "key %s", alg->text);
}

int key_from_dnskey(const uint8_t *rdata, size_t len, struct key **out, struct err *e)
{
	struct key *k = NULL;

	if (key_begin(rdata, len, &k, e) != 0)
		return -1;
	if (k->pub == NULL && key_evp_public(k->alg, k->rdata + 4, k->rdlen - 4, &k->pub, e) != 0) {
		err_ctx(e, "key %s", k->alg->text);
		key_free(k);
		return -1;
	}
	*out = k;
	return 0;
}

int dnskey_check(const uint8_t *rdata, size_t len, struct err *e)
{
	const struct key_alg *alg = rdata_alg(rdata, len, e);
	struct key *key;

	if (alg == NULL)
		return -1;
	if (alg->group == NULL) {
		if (key_from_dnskey(rdata, len, &key, e) != 0)
			return -1;
		key_free(key);
		return 0;
	}
	if (key_evp_check_len(alg, len - 4, e) != 0)
		return err_ctx(e, "key %s", alg->text);
	return key_curve_has(alg->group, rdata + 4, len - 4)
		       ? 0
		       : err_set(e, ERR_CRYPTO, "key %s: ECDSA public key: the point is not on the curve", alg->text);
}

void key_close(struct key *k)
{
	EVP_PKEY_free(k->pub);
	EVP_PKEY_free(k->priv);
	k->pub = k->priv = NULL;
}

void key_free(struct key *k)
{
	if (k == NULL)
		return;
	key_close(k);
	EVP_MD_free(k->md);
	free(k);
}

static EVP_PKEY *generate_ec(const char *group)
{
	EVP_PKEY *params = key_curve_params(group), *pkey = NULL;
	EVP_PKEY_CTX *ctx = params == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_keygen(ctx, &pkey) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(params);
	return pkey;
}

static EVP_PKEY *generate(const struct key_alg *alg, unsigned bits)
{
	if (alg->pub_len == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, alg->type, (size_t)bits);
	if (alg->group != NULL)
		return generate_ec(alg->group);
	return EVP_PKEY_Q_keygen(NULL, NULL, alg->type);
}

int key_from_pair(const struct key_alg *alg, uint16_t flags, EVP_PKEY **priv, struct key **out, struct err *e)
{
	uint8_t rdata[KEY_RDATA_MAX] = { (uint8_t)(flags >> 8), (uint8_t)flags, 3, alg->number };
	const size_t len = key_evp_public_octets(alg, *priv, rdata + 4, sizeof(rdata) - 4);
	struct key *k = NULL;

	if (len == 0)
		return key_evp_err(e, "no public half");
	if (key_begin(rdata, len + 4, &k, e) != 0 || key_join(k, priv, e) != 0) {
		key_free(k);
		return -1;
	}
	*out = k;
	return 0;
}

int key_generate(unsigned alg, uint16_t flags, unsigned bits, struct key **out, struct err *e)
{
	const struct key_alg *a = key_alg_find(alg);
	EVP_PKEY *priv = NULL;
	int rc;

	if (a == NULL)
		return err_set(e, ERR_REFUSED, "algorithm %u, must be 8, 10, 13, 14, 15 or 16", alg);
	if ((flags & ~DNSKEY_FLAG_SEP) != DNSKEY_FLAG_ZONE)
		return err_set(e, ERR_REFUSED, "flags %u of a new key, must be 256 or 257", flags);
	if (bits == 0 && a->pub_len == 0)
		bits = RSA_BITS_DEFAULT;
	if (a->pub_len == 0 ? bits < RSA_BITS_MIN || bits > RSA_BITS_MAX : bits != 0)
		return err_set(e, ERR_REFUSED,
			       "a key of %u bits for %s: RSA has %u to %u, others do not choose", bits,
			       a->text, RSA_BITS_MIN, RSA_BITS_MAX);
	if ((priv = generate(a, bits)) == NULL)
		return key_evp_err(e, "making a key");
	rc = key_from_pair(a, flags, &priv, out, e);
	EVP_PKEY_free(priv);
	return rc;
}

const uint8_t *key_rdata(const struct key *k, size_t *len)
{
	if (len != NULL)
		*len = k->rdlen;
	return k->rdata;
}

unsigned key_alg(const struct key *k)
{
	return k->alg->number;
}

uint16_t key_flags(const struct key *k)
{
	return (uint16_t)(k->rdata[0] << 8 | k->rdata[1]);
}

uint16_t key_tag(const struct key *k)
{
	return k->tag;
}

const uint8_t *key_hash(const struct key *k)
{
	return k->hash;
}

bool key_has_private(const struct key *k)
{
	return k->priv != NULL;
}

size_t key_sig_len(const struct key *k)
{
	return k->alg->sig_len != 0 ? k->alg->sig_len : (size_t)EVP_PKEY_get_size(k->pub);
}

/* RFC 4034 section 5.1.4, RFC 6605: digest over the canonical owner and the DNSKEY rdata. */
size_t dnskey_ds(const uint8_t *rdata, size_t len, const uint8_t *zone, unsigned digest_type, uint8_t out[4 + 48])
{
	uint8_t octets[DNAME_MAX + KEY_RDATA_MAX];
	const size_t n = dname_lower(zone, octets);
	const uint16_t tag = dnskey_tag(rdata, len);

	memcpy(octets + n, rdata, len);
	out[0] = (uint8_t)(tag >> 8);
	out[1] = (uint8_t)tag;
	out[2] = rdata[3];
	out[3] = (uint8_t)digest_type;
	if (digest_type == 2) {
		SHA256(octets, n + len, out + 4);
		return 4 + SHA256_DIGEST_LENGTH;
	}
	if (digest_type == 4) {
		SHA384(octets, n + len, out + 4);
		return 4 + SHA384_DIGEST_LENGTH;
	}
	return 0;
}

size_t key_ds(const struct key *k, const uint8_t *zone, unsigned digest_type, uint8_t out[4 + 48])
{
	return dnskey_ds(k->rdata, k->rdlen, zone, digest_type, out);
}
