/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_FETCH_H
#define DUET_NET_FETCH_H

#include "signer/net/inbound.h"
#include "signer/net/primary.h"
#include "signer/net/state.h"

/* fetch - one AXFR or IXFR from a primary over TCP into a memfd: TSIG on every rule of RFC 8945, a bound on
 * its size and its time.  Or as it comes, into a file of the caller's. */
#define FETCHES_MAX      32
#define FETCHES_PER_HOST 16 /* so that one primary that is slow with many zones leaves room for those of others */

struct fetch_result {
	const char *why; /* NULL: it came whole */
	bool answered;   /* something came, however wrong */
	enum inbound_form form;
	int memfd; /* sealed record stream as inbound.h has it; the receiver's; -1: INBOUND_SAME, or failed */
	uint32_t from; /* INBOUND_DIFF: the serial that it begins at */
	uint32_t serial;
	uint64_t octets;
	const uint8_t *soa; /* rdata */
	size_t soa_len;
	const uint8_t *version; /* into a file: record stream of the SOA and its RRSIGs; else NULL */
	size_t version_len;
};

/* The fetch is gone when this is called. */
typedef void fetch_done_fn(void *ctx, const struct fetch_result *result);

struct fetch;
/* have: IXFR from this serial; NULL: AXFR.  into: file for the messages as they come, each behind its length (RFC 1035 section
 * 4.2.2), borrowed; -1: records go to a memfd.  NULL with ERR_NOTNOW when as many as allowed run already, in all or
 * from this host, or another error.
 * done is never called from here. */
struct fetch *fetch_start(struct net *net, const uint8_t *apex, const struct primary_source *source,
			  const uint32_t *have, int into, fetch_done_fn *done, void *ctx, struct err *e);
void fetch_cancel(struct fetch *f); /* NULL does nothing */

#endif
