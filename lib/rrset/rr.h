/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RR_H
#define DUET_RR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname/dname.h"
#include "err/err.h"

/*
 * rr - one resource record of class IN.  owner and rdata are uncompressed wire form with their case kept; both are
 * borrowed from whoever owns the record (an arena, a message buffer).
 */
struct rr {
	const uint8_t *owner;
	const uint8_t *rdata;
	uint32_t ttl; /* seconds, at most 2^31 - 1 (RFC 2181 section 8) */
	uint16_t type;
	uint16_t rdlen;
};

enum rr_type {
	TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_TXT = 16,
	TYPE_AAAA = 28, TYPE_DNAME = 39, TYPE_OPT = 41, TYPE_DS = 43, TYPE_RRSIG = 46, TYPE_NSEC = 47, TYPE_DNSKEY = 48,
	TYPE_NSEC3 = 50, TYPE_NSEC3PARAM = 51, TYPE_CDS = 59, TYPE_CDNSKEY = 60, TYPE_ZONEMD = 63,
	TYPE_TSIG = 250, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_ANY = 255,
};
#define CLASS_IN  1
#define CLASS_ANY 255

/* "MX", or "TYPE65280" (RFC 3597 section 5); returns out. */
char *rr_type_text(uint16_t type, char out[16]);
/* Both forms, any case; 0 when it is no type. */
uint16_t rr_type_from_text(const char *text);

/* Records that signing makes and that are dropped from input: RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY, CDS, CDNSKEY
 * (and ZONEMD, which would be wrong once signed). */
bool rr_type_is_signing(uint16_t type);

/* Types of queries and messages, which no zone holds (RFC 6895 section 3.1; OPT; 0). */
bool rr_type_is_meta(uint16_t type);

/*
 * rdata_check - whether rdata has the form that its type asks for (names inside included).  Types without a row in
 * the table of types are opaque and always right (RFC 3597).  Returns 0, or -1 with ERR_SYNTAX.
 */
int rdata_check(uint16_t type, const uint8_t *rdata, size_t len, struct err *e);

/* Copies rdata with names in lower case for the types of RFC 4034 section 6.2 (as corrected by RFC 6840 section 5.1:
 * not NSEC; HINFO has no names).  rdata must have passed rdata_check.  Same length; out may be rdata. */
void rdata_canonical(uint16_t type, const uint8_t *rdata, size_t len, uint8_t *out);

/* Whether rdata_canonical changes anything in rdata of the type, ever. */
bool rr_type_has_case(uint16_t type);

/* Calls fn for every domain name inside the rdata that RFC 1035 lets be compressed (NS CNAME SOA PTR MX and the
 * obsolete MD MF MB MG MR MINFO), with its offset; for building and reading messages. */
void rdata_compressible(uint16_t type, const uint8_t *rdata, size_t len,
			void (*fn)(void *ctx, size_t offset, const uint8_t *name), void *ctx);

/* Octets of the record in a message without compression. */
static inline size_t rr_wire_len(const struct rr *rr)
{
	return dname_len(rr->owner) + 10 + rr->rdlen;
}

/* Order of two rdatas of a type in canonical form (RFC 4034 section 6.3); both must have passed rdata_check. */
int rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);

/* Order of records in a zone: canonical owner, type, canonical rdata (RFC 4034 section 6.3). */
int rr_cmp(const struct rr *a, const struct rr *b);
/* Whether owner, with its case, TTL and rdata are the same octets; of records that rr_cmp has found equal. */
bool rr_is_same(const struct rr *a, const struct rr *b);

/*
 * The record stream: records one after another, each as in a message without compression (owner, type, class IN, ttl,
 * rdlen, rdata).  It is what net hands to engine after a transfer.  rr_read returns 1 for a record (its pointers lead
 * into the input), 0 at the end, -1 with ERR_SYNTAX; rdata is checked.
 */
int rr_read(struct rd *r, struct rr *out, struct err *e);
void rr_write(struct wr *w, const struct rr *rr);

/* One line of presentation format without newline that BIND, ldns and Knot read alike (RFC 3597 form where they would
 * not).  Free with free(). */
char *rr_text(const struct rr *rr);

/* Such lines one behind the other, each with its newline; all zeroes is none, and p is the caller's to free.  Records in
 * a row whose owners are the same octets in memory cost less. */
struct rr_lines {
	char *p;
	size_t len, room;
};
void rr_lines_add(struct rr_lines *l, const struct rr *rrs, size_t n);

#endif
