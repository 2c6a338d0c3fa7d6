/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_IDENTITY_LINE_H
#define DUET_IDENTITY_LINE_H

#include "identity/identity.h"

/* The form that all lines share: PREFIX, then base64url without padding of the payload and its 4 octets of
 * checksum. For lib/identity only. */
#define LINE_CHECK_LEN   4
#define LINE_PAYLOAD_MAX 240
#define LINE_TEXT_MAX    360

void line_checksum(const char *prefix, const uint8_t *payload, size_t len, uint8_t out[LINE_CHECK_LEN]);
int line_read(const char *prefix, const char *text, size_t text_len, uint8_t *payload, size_t len,
	      struct err *e);
void line_write(const char *prefix, const uint8_t *payload, size_t len, char *out, size_t cap);

/* The same with the payload and the text in secrets. */
int line_read_secret(const char *prefix, struct secret *text, size_t len, struct secret **payload,
		     struct err *e);
struct secret *line_write_secret(const char *prefix, struct secret *payload);

#endif
