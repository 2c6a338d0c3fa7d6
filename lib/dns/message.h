/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_DNS_MESSAGE_H
#define DUET_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname/dname.h"
#include "err/err.h"
#include "rrset/rr.h"
#include "wire/wire.h"

/*
 * message - DNS messages (RFC 1035 section 4) as they come from strangers, with EDNS (RFC 6891), and the
 * building of ours.
 */
#define DNS_HEADER_LEN  12
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_SIZE    1232 /* what we offer, and the most that we send */

enum dns_flag { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_AD = 0x0020 };
enum dns_opcode { DNS_QUERY = 0, DNS_NOTIFY = 4, DNS_UPDATE = 5 };
enum dns_rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_NOTAUTH = 9,
	RCODE_BADVERS = 16,
};
/* "NOERROR", ..., or "RCODE17"; returns out. */
const char *dns_rcode_text(unsigned rcode, char out[16]);

/* The TSIG record of a message; pointers lead into it. */
struct dns_tsig {
	bool present;
	size_t at;               /* offset of its owner: what the MAC covers ends here */
	uint8_t name[DNAME_MAX]; /* lower case */
	uint8_t alg[DNAME_MAX];  /* lower case */
	uint64_t signed_at;
	uint16_t fudge_s;
	const uint8_t *mac;
	uint16_t mac_len;
	uint16_t original_id;
	uint16_t error;
	const uint8_t *other;
	uint16_t other_len;
};

/* A message that has been read: header, question, OPT, TSIG, and where the records begin. */
struct dns_msg {
	const uint8_t *p; /* the whole message, borrowed */
	size_t len;
	uint16_t id;
	uint16_t flags;
	uint8_t opcode;
	uint16_t rcode; /* with the upper bits of EDNS */
	uint16_t qdcount, ancount, nscount, arcount;
	uint8_t qname[DNAME_MAX]; /* case as it came */
	uint16_t qtype, qclass;   /* of the one question; 0 without */
	size_t question_end;      /* where the answer section begins */
	bool edns;
	bool dnssec_ok;
	uint8_t edns_version;
	uint16_t udp_size; /* at least 512 */
	bool has_serial;   /* an SOA of qname in the authority section (IXFR, RFC 1995 section 3) ... */
	uint32_t serial;   /* ... or in the answer section of NOTIFY (RFC 1996 section 3.7): its serial */
	struct dns_tsig tsig;
};

/*
 * dns_msg_read - reads a whole message, all its records, and checks that nothing follows them.
 *
 * More than one question, two OPT records, a TSIG that is not last and anything malformed are ERR_SYNTAX;
 * then out->id, flags and opcode hold if there were DNS_HEADER_LEN octets, so that FORMERR can be answered.
 * Records themselves are looked at no further: see dns_rr_read.
 */
int dns_msg_read(const uint8_t *p, size_t len, struct dns_msg *out, struct err *e);

/* One record as it stands in a message. */
struct dns_rr {
	uint8_t owner[DNAME_MAX];
	uint16_t type, class;
	uint32_t ttl;
	size_t rdata_at; /* offset in the message */
	uint16_t rdlen;
};

/* Reads the record at r->at of a whole message (r->p is its first octet).  -1 with ERR_SYNTAX. */
int dns_rr_read(struct rd *r, struct dns_rr *out, struct err *e);
/*
 * dns_rdata_read - the rdata without compression, for the types of RFC 1035 and those that RFC 3597 section 4
 * names.  out has room for DNS_MESSAGE_MAX octets.  Returns the length, or -1 with ERR_SYNTAX or ERR_LIMIT;
 * rdata_check has passed.
 */
long dns_rdata_read(const struct dns_msg *m, const struct dns_rr *rr, uint8_t *out, struct err *e);

/*
 * Building: dns_build_* append to a writer whose first octet is the header's.  Names are written as they are,
 * without compression, but for an owner equal to the question's, which becomes a pointer to it.  Overflow
 * shows as w->bad.
 */
void dns_build_header(struct wr *w, uint16_t id, uint16_t flags, uint8_t opcode, uint16_t rcode);
void dns_build_question(struct wr *w, const uint8_t *name, uint16_t type, uint16_t class_);
enum dns_section { DNS_ANSWER = 6, DNS_AUTHORITY = 8, DNS_ADDITIONAL = 10 }; /* offset of the count */
void dns_build_rr(struct wr *w, enum dns_section section, const struct rr *rr);
/* rcode: upper eight bits of twelve.  ede: an extended error (RFC 8914), or -1. */
void dns_build_opt(struct wr *w, uint16_t udp_size, bool dnssec_ok, uint16_t rcode, int ede);
/* Appends a ready record, such as a TSIG, to the additional section. */
void dns_build_raw(struct wr *w, const uint8_t *record, size_t len);

#endif
