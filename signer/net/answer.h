/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_ANSWER_H
#define DUET_NET_ANSWER_H

#include "dns/message.h"
#include "signer/net/state.h"

/*
 * answer - decides what one query gets: nothing, a message, or a transfer.  All access rules are here, and
 * none of the sockets.
 */
enum answer_kind { ANSWER_NONE, ANSWER_MESSAGE, ANSWER_TRANSFER };

struct answer {
	enum net_shows shows;   /* of the address that the query came to; the caller's */
	struct wr w;            /* ANSWER_MESSAGE: what to send; the caller gives the buffer */
	struct served *version; /* ANSWER_TRANSFER: with a reference for the caller */
	struct tsig *tsig;      /* ANSWER_TRANSFER: to sign with, or NULL; the caller's */
	uint16_t id, flags;     /* of the query */
	uint16_t qtype;
	uint8_t qname[DNAME_MAX];
};

enum answer_kind answer_query(struct net *net, const uint8_t *query, size_t len, const struct addr *from,
			      bool tcp, struct answer *out);

#endif
