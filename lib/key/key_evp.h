/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEY_EVP_H
#define DUET_KEY_EVP_H

#include <openssl/evp.h>

#include "key/key.h"

/*
 * key_evp - for the files of lib/key only: what a key is made of, and how DNSKEY rdata and OpenSSL's keys
 * become each other.
 */
struct key_alg {
	uint8_t number;
	const char *text;
	const char *type;  /* OpenSSL's name of the kind of key */
	const char *group; /* of ECDSA, else NULL */
	const char *md;    /* of RSA and ECDSA; NULL: the algorithm digests by itself */
	size_t pub_len;    /* octets behind flags, protocol and algorithm; 0: RFC 3110 */
	size_t sig_len;    /* 0: as long as the modulus */
	unsigned bits_min; /* of the modulus, to be accepted (RFC 5702 section 2) */
};

struct key {
	const struct key_alg *alg;
	EVP_PKEY *pub;        /* from the DNSKEY rdata alone, or priv, which was compared with that; NULL: closed */
	EVP_PKEY *priv;       /* NULL without private half */
	EVP_MD *md;           /* NULL where alg->md is */
	uint8_t hash[KEY_HASH_LEN];
	uint16_t tag;
	size_t rdlen;
	uint8_t rdata[]; /* as long as it is: a signer keeps a key for each of its zones */
};

/* NULL when it is none of ours. */
const struct key_alg *key_alg_find(unsigned number);

/* A key that waits for its private half: without the public one where that half tells it, as for ECDSA, since key_join
 * computes and compares it. */
int key_begin(const uint8_t *rdata, size_t len, struct key **out, struct err *e);

/* Octets of the public key. */
int key_evp_check_len(const struct key_alg *alg, size_t len, struct err *e);
/* OpenSSL's public key from what lies behind the first four octets of DNSKEY rdata; refuses one that is not
 * sane. */
int key_evp_public(const struct key_alg *alg, const uint8_t *pub, size_t len, EVP_PKEY **out, struct err *e);
/* The inverse: writes at most cap octets, returns how many, or 0. */
size_t key_evp_public_octets(const struct key_alg *alg, EVP_PKEY *pkey, uint8_t *out, size_t cap);
/* Whether the key is of the algorithm's kind and group. */
bool key_evp_is(const struct key_alg *alg, EVP_PKEY *pkey);

/* Takes *priv (sets it to NULL) into a key without private half, if it is proven to fit the public one. */
int key_join(struct key *k, EVP_PKEY **priv, struct err *e);
/* The same with PKCS #8 DER. */
int key_join_pkcs8(struct key *k, struct secret *der, struct err *e);

/* ERR_CRYPTO with OpenSSL's own reason behind the sentence; empties its error queue.  Returns -1. */
int key_evp_err(struct err *e, const char *what);

#endif
