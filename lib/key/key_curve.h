/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEY_CURVE_H
#define DUET_KEY_CURVE_H

#include <openssl/evp.h>
#include <stdbool.h>

/*
 * key_curve - for the files of lib/key only: OpenSSL's objects of a curve, made once.  What is given out is a copy, the
 * caller's own; any thread may ask.  group: "prime256v1" or "secp384r1".  NULL on failure.
 */
EVP_PKEY *key_curve_params(const char *group); /* a key without either half */
EC_KEY *key_curve_ec(const char *group);
/* Whether these octets, two coordinates, are a point of the curve. */
bool key_curve_has(const char *group, const uint8_t *octets, size_t len);

#endif
