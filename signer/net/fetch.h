/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_FETCH_H
#define DUET_NET_FETCH_H

#include "signer/net/primary.h"
#include "signer/net/state.h"

/* fetch - one AXFR from a primary over TCP into a memfd: TSIG on every rule of RFC 8945, a bound on its size
 * and its time. */
#define FETCHES_MAX 16

struct fetch_result {
	const char *why; /* NULL: it came whole */
	int memfd;       /* sealed record stream, SOA first; the receiver's */
	uint32_t serial;
	uint64_t octets;
	const uint8_t *soa; /* rdata */
	size_t soa_len;
};

/* The fetch is gone when this is called. */
typedef void fetch_done_fn(void *ctx, const struct fetch_result *result);

struct fetch;
/* NULL with ERR_NOTNOW when as many as allowed run already, or another error.  done is never called from
 * here. */
struct fetch *fetch_start(struct net *net, const uint8_t *apex, const struct primary_source *source,
			  fetch_done_fn *done, void *ctx, struct err *e);
void fetch_cancel(struct fetch *f); /* NULL does nothing */

#endif
