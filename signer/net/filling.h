/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_FILLING_H
#define DUET_NET_FILLING_H

#include <sys/uio.h>

#include "signer/net/block.h"

/*
 * filling - messages of one transfer that are sent together: those of a block of pages, and the SOA's before and behind
 * them.  Each gets the query's ID and, for a transfer with a key, a TSIG, which a thread of the crew makes.
 */
#define FILLING_HEAD     14                /* of a message: length octets and header */
#define FILLING_MESSAGES (BLOCK_PAGES + 2)

struct filling_message {
	const uint8_t *octets; /* with length octets */
	size_t len;
	size_t tsig_len;
	uint8_t head[FILLING_HEAD]; /* in their place */
	uint8_t *tsig;              /* TSIG_RR_MAX octets of the filling */
};

struct filling {
	struct block *block; /* with a reference, or NULL */
	size_t count;
	struct filling_message message[FILLING_MESSAGES];
	uint8_t *tsigs;      /* room for all TSIGs, once there was one */
	bool failed;         /* a message cannot be signed */
	struct iovec iov[3 * FILLING_MESSAGES];
	size_t iov_count, iov_at; /* [iov_at, iov_count) is what the socket has not taken */
};

/* One message, with its length octets; it stays where it is as long as the filling is sent. */
void filling_add(struct filling *f, const uint8_t *octets, size_t len, uint16_t id);
/* All messages of its block. */
void filling_add_block(struct filling *f, uint16_t id);
/* Makes a TSIG for each message, in their order.  In any thread; sets failed. */
void filling_sign(struct filling *f, struct tsig *tsig, int64_t now_s);
/* Once all is in its place: what is to be written. */
void filling_seal(struct filling *f);
/* The socket took n octets. */
void filling_taken(struct filling *f, size_t n);
/* Empty again. */
void filling_clear(struct filling *f);
void filling_fini(struct filling *f);

static inline bool filling_sent(const struct filling *f)
{
	return f->iov_at == f->iov_count;
}

#endif
