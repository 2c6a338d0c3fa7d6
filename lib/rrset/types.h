/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TYPES_H
#define DUET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * types - the table of RR types: mnemonic and fields of the rdata, one row each.  Check, canonical form, compression
 * and text are all walks over the same row.  A type without a row is opaque (RFC 3597).
 */
enum field {
	F_END,
	/* names */
	F_NAME_PACK,      /* lower case in canonical form, may be compressed (RFC 1035) */
	F_NAME_LOWER,     /* lower case in canonical form (RFC 4034 section 6.2) */
	F_NAME,           /* kept as it is */
	F_NAMES,          /* none or more names to the end, kept as they are */
	F_NAME_LOWER_OPT, /* lower case; may be missing at the end */
	/* numbers; the text is what differs */
	F_U8,
	F_U16,
	F_U32,
	F_TTL,  /* 32 bits; 1h30m is allowed */
	F_TIME, /* 32 bits; YYYYMMDDHHMMSS or seconds */
	F_TYPE, /* 16 bits; a type's mnemonic */
	F_CERT_TYPE, /* 16 bits; number or mnemonic */
	F_SCHEME, /* 8 bits; number or mnemonic (DSYNC) */
	F_ALG,  /* 8 bits; number or mnemonic of a DNSSEC algorithm */
	/* octets */
	F_IP4,
	F_IP6,
	F_ILNP,  /* 8 octets: 4 groups of hexadecimal digits */
	F_EUI48,
	F_EUI64,
	F_STR,     /* one character-string */
	F_STR_OPT, /* one character-string that may be missing at the end */
	F_STRS,    /* one or more character-strings to the end */
	F_HEX_N,   /* an octet of length, then that many; "-" when none */
	F_B32_N,   /* the same, in base 32 */
	F_TAG,     /* one character-string of letters and digits (CAA) */
	F_TEXT,    /* to the end: text in quotes, without octets of length */
	F_TEXT_SOME, /* the same, at least one */
	F_HEX,     /* to the end, at least one */
	F_HEX_ANY, /* to the end, maybe none */
	F_B64,     /* to the end, at least one */
	F_B64_ANY, /* to the end, maybe none */
	F_B64_DASH, /* to the end; "-" when none */
	F_BITMAP,  /* to the end: windows of types (RFC 4034 section 4.1.2) */
	F_NXTMAP,  /* to the end: one window of types below 128 (RFC 2535 section 5.2) */
	/* types with a form of their own, to the end */
	F_WKS,
	F_LOC,
	F_APL,
	F_A6,
	F_IPSECKEY,
	F_AMTRELAY,
	F_HIP,
	F_SVCB,
	F_NSAP,
	F_DS, /* digest of the length that its type asks for */
	F_ATMA,
	F_ZONEMD,
	F_OPAQUE, /* to the end; text is \# only */
};

#define TYPE_FIELDS_MAX 9

struct type_info {
	const char *name;
	uint8_t fields[TYPE_FIELDS_MAX + 1]; /* enum field, F_END behind the last */
};

/* The row of a type, or NULL. */
const struct type_info *type_info(uint16_t type);
/* The next type above that has a row, 0 behind the last. */
uint16_t type_next(uint16_t type);

/* Octets that the field takes of the left ones; SIZE_MAX when they are not of its form. */
size_t field_len(enum field f, const uint8_t *p, size_t left);

/* What is wrong between the fields of an rdata whose fields are right by themselves, or NULL (rules.c). */
const char *type_rule_broken(uint16_t type, const uint8_t *rdata, size_t len);
/* Whether there is any such rule. */
bool type_has_rule(uint16_t type);

#endif
