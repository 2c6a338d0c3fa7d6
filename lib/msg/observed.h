/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_OBSERVED_H
#define DUET_OBSERVED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr/addr.h"
#include "arena/arena.h"
#include "dname/dname.h"
#include "rrset/rr.h"

/*
 * observed - what one look at one server showed.  net asks, engine puts the answers together and hands them to keydist,
 * which alone judges what they mean (lib/timeline).
 *
 * A look is one round of questions to one address, so what it holds was shown at one time: of a secondary the SOA, the
 * DNSKEY and the CDS RRset, with the same version before and after; of a parent the DS RRset.  A look that did not get
 * all of that says so by its outcome and holds nothing.  The list of who is to be looked at comes apart from the
 * looks (struct observed_servers): who is on it and was not seen never counts as seen.
 */
enum observed_role {
	OBSERVED_SECONDARY = 1, /* configured, or named by a signer that is to leave */
	OBSERVED_NS,            /* an address of the NS RRset of what is published that is no secondary known to us */
	OBSERVED_PARENT,        /* an address of a name server of the parent zone */
	OBSERVED_RESOLVER,      /* a validating resolver that stands in for the parent's name servers */
};

enum observed_outcome {
	OBSERVED_ANSWERED = 1,
	OBSERVED_TIMEOUT,   /* or no connection */
	OBSERVED_REFUSED,   /* REFUSED, NOTAUTH, SERVFAIL or another RCODE that is no answer */
	OBSERVED_LAME,      /* not authoritative: a referral, an answer from the child's side, a CNAME */
	OBSERVED_MALFORMED, /* no DNS, truncated over TCP, an RRset above the limits, wrong TSIG */
	OBSERVED_BOGUS,     /* the signatures of a parent that is signed are missing or wrong */
	OBSERVED_CHANGING,  /* another version after the questions than before */
};

enum observed_trust {
	OBSERVED_UNCHECKED = 1, /* nobody could say whether the parent is signed; and of secondaries, always */
	OBSERVED_INSECURE,      /* the parent is not signed, or configuration says that it is not to be checked */
	OBSERVED_SECURE,        /* validated */
};

#define OBSERVED_SETS_MAX    4
#define OBSERVED_RECORDS_MAX 64        /* in one RRset */
#define OBSERVED_OCTETS_MAX  (48u << 10) /* of a packed look */
#define OBSERVED_ID_LEN      32

/* An RRset of the zone's name; n 0: it is proven, or said by an authoritative server, not to be there. */
struct observed_set {
	uint16_t type; /* DNSKEY, CDS, DS; RRSIG: those of the SOA, by whose key tags one sees who signs the zone */
	uint32_t ttl;  /* of the RRset, as an authoritative server has it; of an absent one the negative TTL */
	size_t n;
	struct rr *rr; /* in canonical order of rdata, without doubles; owner is the zone's name */
};

struct observed {
	uint8_t zone[DNAME_MAX]; /* lower case */
	struct addr server;
	enum observed_role role;
	enum observed_outcome outcome;
	enum observed_trust trust;
	int64_t asked_ms; /* clock_mono_ms of this host when the first question went out: what was known then, was known
	                     beforehand */
	bool has_version;            /* serial and id hold: not of a parent */
	uint32_t serial;
	uint8_t id[OBSERVED_ID_LEN]; /* SHA-256 over the sorted rdata of the SOA's RRSIGs; zero: it has none */
	bool explained; /* engine knows that version: its own past, or a signer's status */
	struct observed_set set[OBSERVED_SETS_MAX];
	size_t sets;
	char why[128]; /* a sentence when it was not answered; "" */
};

/* The server shows the parent's side of the cut. */
bool observed_of_parent(enum observed_role role);
/* Whether the look may count as having seen what it shows: answered, and validated where that is asked for.  A version
 * that is not explained is the caller's to refuse. */
bool observed_counts(const struct observed *o);
/* The RRset of this type, or NULL when the look does not tell. */
const struct observed_set *observed_set(const struct observed *o, uint16_t type);

/* Adds an RRset from records in any order, doubles among them; they are copied to the arena.  -1 with ERR_LIMIT. */
int observed_add(struct observed *o, uint16_t type, uint32_t ttl, const struct rr *rr, size_t n, struct arena *arena,
		 struct err *e);

/* Base64 for a message, a new reference; NULL with ERR_LIMIT when it is above OBSERVED_OCTETS_MAX. */
json_t *observed_pack(const struct observed *o, struct err *e);
/* Reads and checks one; records lie in the arena.  -1 with ERR_SYNTAX or ERR_LIMIT. */
int observed_unpack(const json_t *packed, struct arena *arena, struct observed *out, struct err *e);
/* The same from octets. */
size_t observed_write(const struct observed *o, uint8_t *out, size_t cap); /* 0: they do not fit */
int observed_read(const uint8_t *octets, size_t len, struct arena *arena, struct observed *out, struct err *e);

/* ---- who is to be looked at ---- */

#define OBSERVED_SERVERS_MAX 61 /* TIMELINE_OBSERVERS_MAX less those that stand for who is not on the list */

struct observed_server {
	struct addr addr;
	enum observed_role role;
	const char *name; /* of a name server, its name as text, borrowed; NULL */
};

struct observed_servers {
	uint8_t zone[DNAME_MAX];
	bool name_servers;   /* those of the NS RRset were asked for, too */
	bool children_whole; /* all secondaries are on the list, and those name servers with all their addresses */
	bool parents_whole;  /* all addresses of all parent name servers are */
	size_t n;
	struct observed_server server[OBSERVED_SERVERS_MAX]; /* by address, each once */
	char why[128];       /* what is missing at the parent; "" */
	char missing[DNAME_TEXT_MAX]; /* a name server whose addresses are not known; "" */
	char children_why[160];       /* what is missing of the zone's own, and what to do about it; "" */
};

json_t *observed_servers_pack(const struct observed_servers *s); /* an object, a new reference */
/* Names of servers are the object's: they live as long as that. */
int observed_servers_unpack(const json_t *o, struct observed_servers *out, struct err *e);
/* The same for lists that say the same. */
void observed_servers_digest(const struct observed_servers *s, uint8_t out[OBSERVED_ID_LEN]);

/* A number for an address, other than 0, the same in every run: struct timeline_observer.id. */
uint64_t observed_server_id(const struct addr *addr, enum observed_role role);

const char *observed_role_text(enum observed_role role);
const char *observed_outcome_text(enum observed_outcome outcome);

#endif
