/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_NAME_H
#define DUET_AUDIT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * name - domain names as the auditor keeps them: a key whose memcmp order is canonical order (RFC 4034
 * section 6.1).
 *
 * The key has the labels from the root down, in lowercase, each ended by 0, and one more 0 at the end.  In a
 * label octet 0 stands as 1 1 and octet 1 as 1 2.  So no key is the start of another, and the key of a name
 * without its last octet is the start of the keys of all names at or below it.
 */
#define NAME_MAX_OCTETS 255
#define NAME_KEY_MAX    (2 * NAME_MAX_OCTETS + 2)
#define NAME_TEXT_MAX   1024

/* A wire name of at most 255 octets, uncompressed -> its key; returns the length of the key. */
size_t name_key(const uint8_t *wire, uint8_t key[NAME_KEY_MAX]);
/* A key -> the wire name in lowercase; returns its length. */
size_t name_from_key(const uint8_t *key, size_t key_len, uint8_t wire[NAME_MAX_OCTETS]);
/* Labels of a wire name, the root not counted. */
unsigned name_labels(const uint8_t *wire);
/* Octets of a wire name within len octets, or 0 when it does not end there or is compressed. */
size_t name_length(const uint8_t *wire, size_t len);
void name_lower(uint8_t *wire, size_t len);
bool name_is_wildcard(const uint8_t *wire);
/* Presentation form; returns out. */
char *name_text(const uint8_t *wire, char out[NAME_TEXT_MAX]);
/* Text with or without final dot -> wire, case kept; its length, or 0 with ERR_SYNTAX. */
size_t name_from_text(const char *text, uint8_t wire[NAME_MAX_OCTETS], struct err *e);
/* Whether the name of key is at or below the name of above. */
bool name_at_or_below(const uint8_t *key, size_t key_len, const uint8_t *above, size_t above_len);

#endif
