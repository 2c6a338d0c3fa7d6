/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEY_ECDSA_H
#define DUET_KEY_ECDSA_H

#include <openssl/types.h>

#include "key/key_evp.h"

/*
 * key_ecdsa - for the files of lib/key only: ECDSA signatures as r | s (RFC 6605 section 4), straight from OpenSSL's
 * EC_KEY.
 */

/* The private half of an ECDSA key, a copy in OpenSSL's secure heap; NULL on failure. */
EC_KEY *key_ecdsa_new(const struct key *k);
/* NULL does nothing. */
void key_ecdsa_free(EC_KEY *ec);
/* Whether the private half leads to the public one of the rdata. */
bool key_ecdsa_fits(const struct key *k);
/* sig has k->alg->sig_len octets. */
bool key_ecdsa_sign(EC_KEY *ec, const struct key *k, const uint8_t *digest, size_t len, uint8_t *sig);
/* A signature of the key's length as DER; returns its length, 0 on failure. */
size_t key_ecdsa_der(const struct key *k, const uint8_t *sig, uint8_t *der, size_t cap);

#endif
