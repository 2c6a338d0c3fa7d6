/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_INBOUND_H
#define DUET_NET_INBOUND_H

#include "dns/message.h"
#include "err/err.h"

/*
 * inbound - the messages of an AXFR as they come (RFC 5936), judged one by one: no socket, no clock.
 *
 * The first record is the apex SOA, the last the same SOA again, all are of class IN and within the zone,
 * nothing follows.
 */
typedef int inbound_put_fn(void *ctx, const struct rr *rr, struct err *e);

struct inbound {
	uint16_t id;
	const uint8_t *apex;
	uint64_t max_octets;
	inbound_put_fn *put; /* gets each record once, the SOA first and not again at the end; -1 ends all */
	void *ctx;
	/* below: its own */
	unsigned messages;
	uint64_t octets;
	uint64_t records;
	uint8_t *soa; /* rdata of the first SOA */
	size_t soa_len;
	uint8_t *rdata;
};

void inbound_init(struct inbound *in);
void inbound_fini(struct inbound *in);
/* 1: the last SOA has come; 0: more is needed; -1 with ERR_SYNTAX, ERR_LIMIT or ERR_REFUSED.  m: read by
 * dns_msg_read, its TSIG judged by the caller. */
int inbound_message(struct inbound *in, const struct dns_msg *m, struct err *e);
uint32_t inbound_serial(const struct inbound *in);

#endif
