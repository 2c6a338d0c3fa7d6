/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NETLINK_H
#define DUET_NETLINK_H

#include "dns/tsig.h"
#include "signer/engine/zwork.h"

/* netlink - engine's end of the socket to net: packets out in order, packets in checked and given to their zones. */
struct netlink;

int netlink_open(struct engine *e, int sock, struct netlink **out, struct err *err);
/* The loop must run once more afterwards.  NULL does nothing. */
void netlink_close(struct netlink *n);
bool netlink_ready(const struct netlink *n);

/* Serves the zone's version, after the volumes that it needs: its difference to the one that net has, where there is one.  While
 * it is withheld (withheld.h), none. */
void netlink_version(struct netlink *n, struct zwork *z);
/* Shows what waits for a review on the addresses of that review, or that nothing does. */
void netlink_candidate(struct netlink *n, struct zwork *z);
void netlink_unserve(struct netlink *n, struct zwork *z);
/* Tells net which volumes the store has let go of. */
void netlink_volumes(struct netlink *n);
/* Source of the zone: only primaries are net's business. */
void netlink_zone(struct netlink *n, const struct zwork *z, bool refresh);
void netlink_zone_gone(struct netlink *n, const char *zone);
/* Secondaries and further access, from the configuration. */
void netlink_peers(struct netlink *n);
/* Returns the id under which the answer comes; 0: net is not ready. */
uint64_t netlink_query(struct netlink *n, const struct zwork *z, const char *address, const char *key, const char *what,
		       unsigned timeout_ms);
/* The same with all that can be said. */
struct netlink_question {
	const char *zone, *name; /* name NULL: the zone's */
	const char *address, *key, *what;
	bool tcp, recursion;
	unsigned timeout_ms;
	json_t *update; /* base64 of an update section with so many records, borrowed; NULL: none */
	unsigned update_count;
};
uint64_t netlink_ask(struct netlink *n, const struct netlink_question *q);
/* A zone by AXFR, as another signer publishes it, into a file, which is taken.  Returns the id of its `fetched`; 0: net is not
 * ready. */
uint64_t netlink_fetch(struct netlink *n, const char *zone, const char *address, const char *key, int fd);
/* Tells one secondary again. */
void netlink_notify(struct netlink *n, const char *zone, const char *address);
void netlink_drain(struct netlink *n, int64_t for_ms);
void netlink_hold_serve(struct netlink *n, bool on);
/* Takes over the keys; the list itself is borrowed. */
void netlink_tsig(struct netlink *n, struct tsig_key **keys, const bool *newest, size_t count);

#endif
