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
/* What it says of when the key is used; 0 where it says nothing, or what is no time. */
int key_private_times(const char *path, struct key_times *times, struct err *e);
/* A .key file: one DNSKEY record of the zone. */
int key_public_read(const char *path, const uint8_t *zone, struct key **out, struct err *e);
/* The private key of a PEM file; NULL and *e. */
EVP_PKEY *key_pem_pkey(const char *path, struct err *e);
/* The public half of what a key pair has, with flags 256 or 257, and joined to it; takes *priv. */
int key_from_pair(const struct key_alg *alg, uint16_t flags, EVP_PKEY **priv, struct key **out, struct err *e);
/* ECDSA's from its number; NULL when OpenSSL does not take it. */
EVP_PKEY *key_private_ec(const struct key *k, const uint8_t *octets, size_t len);
/* Writes a new file of mode 0600; the key must have its private half. */
int key_private_write(const char *path, const struct key *k, const struct key_times *times, struct err *e);

#endif
