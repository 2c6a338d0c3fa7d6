/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEY_PRIVATE_H
#define DUET_KEY_PRIVATE_H

#include "key/key_evp.h"

/*
 * key_private - for the files of lib/key only: the private half of a key pair, in a file of its own or in PKCS #8.
 */

/* Reads the file and joins it to a key without private half; refused unless both belong together. */
int key_private_read(const char *path, struct key *k, struct err *e);
/* The same with a PEM file. */
int key_pem_read(const char *path, struct key *k, struct err *e);
/* ECDSA's from its number; NULL when OpenSSL does not take it. */
EVP_PKEY *key_private_ec(const struct key *k, const uint8_t *octets, size_t len);
/* Writes a new file of mode 0600; the key must have its private half. */
int key_private_write(const char *path, const struct key *k, struct err *e);

#endif
