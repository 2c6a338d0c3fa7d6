/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SECRET_H
#define DUET_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * secret - the only home of private keys, passphrases, TSIG secrets and CURVE secret keys.
 *
 * The octets lie in locked slabs with guard pages (sodium_malloc) that are not accessible between uses, and are
 * wiped when the secret is freed.  A secret has no printer and goes into no arena, error or log.
 * One thread at a time: opening one secret makes its slab readable, which other secrets share.
 */
struct secret;

#define SECRET_MAX 16384 /* the largest secret, in octets: an RSA-4096 key in PKCS #8 has 2.4 k */

/* Once per process, before any secret and any EVP_PKEY: sodium_init, OpenSSL's secure heap, no core dumps, not
 * dumpable (not in sanitizer builds, where LeakSanitizer needs ptrace). */
int secret_init(struct err *e);

/* Room for len octets (1..SECRET_MAX), zeroed.  Never NULL for a valid length (ends the process without memory). */
struct secret *secret_new(size_t len);
/* A secret made of a copy; the caller wipes its own. */
struct secret *secret_from(const void *bytes, size_t len);
/* len random octets. */
struct secret *secret_random(size_t len);
/* Wipes and frees.  NULL does nothing. */
void secret_free(struct secret *s);

size_t secret_len(const struct secret *s);
/* Cuts to a shorter length; what is cut off is wiped. */
void secret_shrink(struct secret *s, size_t len);

/* Makes the octets readable (and writable, with secret_open_rw) until secret_close; calls nest. */
const uint8_t *secret_open(struct secret *s);
uint8_t *secret_open_rw(struct secret *s);
void secret_close(struct secret *s);

/* Same length and octets; constant time for equal lengths. */
bool secret_equal(struct secret *a, struct secret *b);

/* Reads a whole file of at most max octets (max <= SECRET_MAX).  Refuses one that others may read or write
 * (mode & 077), one that is empty and one that is no regular file.  NULL and *e on failure. */
struct secret *secret_read(const char *path, size_t max, struct err *e);
/* Writes a new file of mode 0600, fsynced, with its folder; refuses to replace one (ERR_EXISTS). */
int secret_write(const char *path, struct secret *s, struct err *e);

#endif
