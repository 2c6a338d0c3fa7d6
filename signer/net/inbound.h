/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_INBOUND_H
#define DUET_NET_INBOUND_H

#include "dns/message.h"
#include "err/err.h"

/*
 * inbound - the messages of an AXFR (RFC 5936) or IXFR (RFC 1995) as they come, judged one by one: no socket, no
 * clock.
 *
 * AXFR: the first record is the apex SOA, the last the same SOA again.  IXFR: the same, or only the SOA, or
 * between two SOAs of the newest serial one difference or more, each SOA(old) removed records SOA(new) added
 * records, the first from the serial that was asked for, each from where the one before ended, the last to
 * the newest.  All records are of class IN and within the zone, nothing follows.
 */
typedef int inbound_put_fn(void *ctx, const struct rr *rr, struct err *e);

enum inbound_form {
	INBOUND_UNKNOWN, /* not seen yet */
	INBOUND_WHOLE,   /* put got every record of the zone once, the SOA first and not again at the end */
	INBOUND_DIFF,    /* put got the differences, SOAs included, without the two of the newest around them */
	INBOUND_SAME,    /* the serial that was asked for is the newest */
};

struct inbound {
	uint16_t id;
	const uint8_t *apex;
	bool ixfr;     /* what was asked for */
	uint32_t have; /* IXFR: from where */
	uint64_t max_octets;
	inbound_put_fn *put; /* -1 ends all */
	void *ctx;
	/* below: its own */
	enum inbound_form form;
	bool adding;   /* of a difference: its second half */
	uint32_t from; /* of a difference: where it begins, then where it ends */
	unsigned messages;
	uint64_t octets;
	uint64_t records;
	uint8_t *soa; /* rdata of the first SOA, the newest */
	size_t soa_len;
	uint32_t soa_ttl;
	uint8_t *rdata;
};

void inbound_init(struct inbound *in);
void inbound_fini(struct inbound *in);
/* 1: all has come, see in->form; 0: more is needed; -1 with ERR_SYNTAX, ERR_LIMIT or ERR_REFUSED.  m: read by
 * dns_msg_read, its TSIG judged by the caller. */
int inbound_message(struct inbound *in, const struct dns_msg *m, struct err *e);
uint32_t inbound_serial(const struct inbound *in);

#endif
