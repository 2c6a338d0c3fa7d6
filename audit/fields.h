/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_FIELDS_H
#define DUET_AUDIT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/name.h"

/*
 * fields - a record's text whose fields are given to ldns one by one, and not twice.
 *
 * ldns cuts a line into fields at a cost that is three times that of reading them, and most fields were there before: names of
 * servers, the signer's, types, TTLs.  Here the line is cut, ldns reads each field, and what it read of short ones is kept.
 * Whatever is not of the plainest form, or is refused, is left to ldns as a whole line, so that it decides what such text
 * means, and says what is wrong with it.
 */
#define FIELDS_RDATA 16384

struct fields_record {
	uint8_t owner[NAME_MAX_OCTETS];
	size_t owner_len;
	uint16_t type;
	uint32_t ttl; /* TTL_UNKNOWN where it is not stated */
	uint8_t rdata[FIELDS_RDATA]; /* in canonical form */
	size_t rdlen;
};

struct fields;

struct fields *fields_new(void);
void fields_free(struct fields *f);
/*
 * fields_read - one record of class IN.
 *
 * line: without comments, parentheses, quotes and escapes, and no blank at its end.  *r has the owner of the record before, which
 * stays where the line begins with a blank.  False, and the owner as it was, when the line is for ldns as a whole.
 */
bool fields_read(struct fields *f, const char *line, size_t len, struct fields_record *r);

#endif
