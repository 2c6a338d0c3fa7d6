/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_PRIMARY_H
#define DUET_NET_PRIMARY_H

#include "primaries/primaries.h"
#include "signer/net/state.h"

/*
 * primary - keeps the input of one zone as fresh as the SOA timers ask (RFC 1034 section 4.3.5): SOA queries to its
 * primaries every refresh, IXFR or AXFR from the first whose serial is above ours, retry with back-off when all of them
 * failed, and word to engine when expire has passed without confirmation by any.
 */

/* The input that engine has taken. */
struct primary_have {
	bool known;
	bool diff; /* engine can apply differences to it */
	uint32_t serial;
	bool timers; /* of its SOA */
	uint32_t retry_s, expire_s;
};

/* Its time has come (refresh.h): asks them all. */
void primary_look(void *primary);

/* Makes or changes the zone's primaries, which are taken over.  refresh: look now. */
void primary_set(struct net *net, struct net_zone *zone, struct primaries *sources, bool refresh, struct primary_have have);
void primary_free(struct primary *p); /* NULL does nothing; what runs is given up */
/* Whether a NOTIFY of this sender counts: a configured address, and if it is signed, by the key configured with it. */
bool primary_is(const struct primary *p, const struct addr *from, const struct tsig_key *key);
/* Looks soon, at the sender first: at once when it has shown that it knows a key, else once a second at most.  serial: what
 * the NOTIFY says, a hint (RFC 1996 section 3.7), or NULL. */
void primary_notified(struct primary *p, const struct addr *from, bool has_shown_key, const uint32_t *serial);

#endif
