/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_EXCHANGE_H
#define DUET_NET_EXCHANGE_H

#include "dns/message.h"
#include "signer/net/state.h"

/*
 * exchange - one query of ours and its one answer, over UDP with repetitions or over TCP; a truncated answer
 * is asked for again over TCP.  At most EXCHANGES_MAX run at once, and EXCHANGES_PER_HOST with one server, so
 * that a silent one holds nobody else up; others wait their turn.
 */
#define EXCHANGES_MAX      256
#define EXCHANGES_PER_HOST 32

enum exchange_result {
	EXCHANGE_OK, /* an answer that belongs to the query, with a right TSIG if asked for; any RCODE */
	EXCHANGE_TIMEOUT,
	EXCHANGE_REFUSED, /* the other host has no server there */
	EXCHANGE_BAD,     /* an answer, but not one to be used: why says more */
};

struct exchange_spec {
	struct addr to;
	const uint8_t *name; /* copied */
	uint16_t type;
	uint8_t opcode;
	bool tcp;
	bool tcp_at_last;        /* UDP first, and TCP when no answer came */
	bool edns;               /* with DO */
	bool recursion;          /* with RD and AD: of a resolver (RFC 6840 section 5.7) */
	const struct rr *answer; /* record for the answer section (NOTIFY), copied; or NULL */
	const uint8_t *update;   /* records of the update section (RFC 2136 section 2.5), copied; or NULL */
	size_t update_len;
	unsigned update_count;
	bool has_key;
	const uint8_t *key; /* name */
	unsigned tries;     /* UDP: how often it is sent */
	int64_t wait_ms;    /* UDP: after the first try; doubles with every other.  TCP: in all */
};

/* reply: valid during the call, NULL unless EXCHANGE_OK.  The exchange is gone when this is called. */
typedef void exchange_done_fn(void *ctx, enum exchange_result result, const struct dns_msg *reply,
			      const char *why);

struct exchange;
struct exchange *exchange_start(struct net *net, const struct exchange_spec *spec, exchange_done_fn *done,
				void *ctx);
void exchange_cancel(struct exchange *x); /* done is not called; NULL does nothing */

void exchanges_init(struct net *net);
void exchanges_fini(struct net *net); /* those that are left end with EXCHANGE_TIMEOUT */

/* A non-blocking socket bound to the address that we serve on, so that others know us by it; -1 with *e. */
int exchange_socket(const struct net *net, const struct addr *to, int type, struct err *e);
/* Checks that m answers: QR, opcode, ID, question.  */
int exchange_matches(const struct dns_msg *m, uint16_t id, uint8_t opcode, const uint8_t *name, uint16_t type,
		     struct err *e);

#endif
