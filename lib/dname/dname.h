/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_DNAME_H
#define DUET_DNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "wire/wire.h"

/*
 * dname - domain names in uncompressed wire form (RFC 1035 section 3.1): labels with a length octet in front, the
 * root label at the end, at most 255 octets.  Names keep their case; comparison ignores it for A-Z (RFC 4343).
 * Functions that take a plain `const uint8_t *` trust it to be a valid name; foreign octets come in through
 * dname_read, dname_read_compressed or dname_from_text.  Pure: any thread.
 */
#define DNAME_MAX      255
#define DNAME_TEXT_MAX 1024 /* room for any name as text, with escapes, final dot and NUL */
#define DNAME_KEY_MAX  512  /* room for any sort key */

/* Octets of the name, root label included: 1 to 255. */
size_t dname_len(const uint8_t *name);
/* Labels without the root label: "." has 0, "example.org." has 2. */
unsigned dname_labels(const uint8_t *name);
/* The name without its first label, a pointer into it.  name must not be the root. */
const uint8_t *dname_parent(const uint8_t *name);
/* The name cut to its last n labels (n <= dname_labels), a pointer into it. */
const uint8_t *dname_suffix(const uint8_t *name, unsigned n);
bool dname_is_wildcard(const uint8_t *name);

/* Reads one uncompressed name; NULL and r->bad when it is none.  The result points into the input. */
const uint8_t *dname_read(struct rd *r);
/* Reads one name at r->at of a whole message (r->p is its first octet), following compression pointers, which must
 * point backwards (RFC 1035 section 4.1.4).  Returns its length, or 0 and r->bad. */
size_t dname_read_compressed(struct rd *r, uint8_t out[DNAME_MAX]);

/* RFC 1035 section 5.1 text: \DDD and \X escapes; a name without a final dot is taken as absolute. */
int dname_from_text(const char *text, uint8_t out[DNAME_MAX], struct err *e);
/* The same for len octets of text; a name without a final dot gets origin behind it (NULL: the root). */
int dname_from_text_at(const char *text, size_t len, const uint8_t *origin, uint8_t out[DNAME_MAX], struct err *e);
/* The same for a plain word (plain.h) that white space ends: out has room for DNAME_MAX + PLAIN_PAD octets.  Returns
 * the octets of text it took, or 0 where it is not plain or not right; the name's length in *out_len. */
size_t dname_from_plain(const char *text, const uint8_t *origin, size_t origin_len, uint8_t *out, size_t *out_len);
/* Absolute, with final dot and escapes; returns out. */
char *dname_to_text(const uint8_t *name, char out[DNAME_TEXT_MAX]);

/* Canonical order of names (RFC 4034 section 6.1): <0, 0, >0. */
int dname_cmp(const uint8_t *a, const uint8_t *b);
bool dname_equal(const uint8_t *a, const uint8_t *b);
/* name is ancestor or below it. */
bool dname_is_within(const uint8_t *name, const uint8_t *ancestor);
/* Copies with A-Z in lower case; returns the length.  out may be name. */
size_t dname_lower(const uint8_t *name, uint8_t *out);

/* Sort key: memcmp over keys (the shorter first when one begins the other) is the canonical order of the names.
 * Labels from the last to the first in lower case, each closed by 0x00; 0x00 in a label is written 0x01 0x01 and
 * 0x01 is written 0x01 0x02.  Returns the length. */
size_t dname_key(const uint8_t *name, uint8_t out[DNAME_KEY_MAX]);
/* The same for the labels in the first len octets alone, which end before a label. */
size_t dname_key_of(const uint8_t *name, size_t len, uint8_t out[DNAME_KEY_MAX]);

#endif
