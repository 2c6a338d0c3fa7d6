/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CONVERT_H
#define DUET_AUDIT_CONVERT_H

#include <ldns/ldns.h>

#include "audit/reading.h"

/*
 * convert - records of a batch in canonical form, into one sorter or two.
 *
 * A converter belongs to one thread and serves one batch after the other:
 *
 *   converter_begin(c, sorter, NULL, &facts); convert_wire(c, batch, e);
 */
#define NAME_SLOTS 256

/* A name that stands in a message, at the octet that pointers to it name (RFC 1035 section 4.1.4). */
struct name_slot {
	uint64_t message; /* number of the message; 0: none */
	uint16_t at, len;
	uint8_t wire[NAME_MAX_OCTETS];
};

struct fields;

struct converter {
	struct sorter *sorter, *also; /* also: NULL, or one more that gets the same */
	struct facts *facts;
	uint8_t *scratch; /* records not handed over yet */
	size_t used;
	uint8_t owner[NAME_MAX_OCTETS];
	uint8_t key[NAME_KEY_MAX];
	size_t owner_len, key_len;
	uint64_t message; /* counts messages, over all batches */
	struct name_slot slot[NAME_SLOTS];
	struct fields *fields; /* of texts; NULL until there is one */
};

struct converter *converter_new(void);
void converter_free(struct converter *c);
/* What comes from now on; facts are added to. */
void converter_begin(struct converter *c, struct sorter *sorter, struct sorter *also, struct facts *facts);
/* Hands over what is left. */
int converter_end(struct converter *c, struct err *e);

/* A whole batch, converter_end included. */
int convert_text(struct converter *c, const struct batch *b, struct err *e);
int convert_wire(struct converter *c, const struct batch *b, struct err *e);
/* The records from octet `from` of a message of len octets up to `to`, converter_end included. */
int convert_records(struct converter *c, const uint8_t *m, size_t len, size_t from, size_t to, struct err *e);

/* ---- shared by the two ---- */

/* The owner of the records that follow. */
void convert_owner(struct converter *c, const uint8_t *owner, size_t len);
/* A record of that owner, its rdata uncompressed and in canonical form. */
int convert_put(struct converter *c, uint16_t type, uint16_t rclass, uint32_t ttl, const uint8_t *rdata, size_t len,
		struct err *e);
/* Owner and record as ldns read them. */
int convert_rr(struct converter *c, const ldns_rr *rr, struct err *e);
/* Whether names in the rdata are in lowercase in canonical form. */
bool convert_lowers(uint16_t type);
#define TYPE_A6 38
void convert_lower_a6(uint16_t type, uint8_t *rdata, size_t len);

#endif
