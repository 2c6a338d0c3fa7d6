/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_STATE_H
#define DUET_NET_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "addr/addr.h"
#include "dname/dname.h"
#include "dns/tsig.h"
#include "err/err.h"
#include "signer/net/io.h"
#include "signer/net/net.h"
#include "signer/net/pages.h"
#include "signer/netmsg.h"

/*
 * state - what net knows: volumes, zones and the versions it serves, who may transfer, TSIG keys.  Private to
 * signer/net; one thread.
 */

/* A volume file.  Lives as long as the list or a page table refers to it. */
struct volume {
	uint32_t number;
	int fd;
	unsigned refs;
	struct volume *next; /* in net->volumes */
};

struct xfrout;
/* One published version, immutable.  Running transfers hold references while newer ones come. */
struct served {
	unsigned refs;
	uint8_t apex[DNAME_MAX];
	char *zone; /* text */
	uint32_t serial;
	uint64_t number; /* engine's, by which a difference names it */
	uint8_t *soa; /* record stream: SOA, then its RRSIGs (and what else belongs to the version) */
	size_t soa_len;
	struct pages *pages;
	bool waits;         /* for a review: its transfers are nobody's business */
	struct xfrout *out; /* its transfers that run */
};

struct primary;
struct notify;
struct net_zone {
	struct net_zone *next;   /* in its bucket */
	uint8_t apex[DNAME_MAX]; /* lower case */
	char *text;
	bool configured; /* engine said `zone` */
	bool refused;    /* engine said `unserve`, for good, since the last version */
	struct served *now;
	struct served *candidate[NET_SHOWS]; /* what waits for a review; NULL: nothing */
	struct primary *primary; /* NULL: the zone's source is no primary */
	struct notify *notifies; /* that run */
};

/* Who is named by configuration: a secondary (address and zones) or a range of addresses (all zones). */
struct peer {
	struct addr addr;
	struct prefix prefix; /* of the address alone for a secondary */
	bool secondary;
	bool notify;
	bool has_key;
	uint8_t key[DNAME_MAX];
	bool all_zones;
	uint8_t (*zones)[DNAME_MAX];
	size_t zone_count;
};

struct keyring {
	struct tsig_key **keys;
	bool *newest;
	size_t n;
};

#define ZONE_BUCKETS 4096

struct link;
struct listener;
struct block;
struct crew;
struct beside;
struct fetch;
struct net {
	uv_loop_t loop;
	struct crew *readers; /* wait for the disk */
	struct crew *crew;    /* makes MACs */
	const struct net_config *config;
	struct link *link;
	struct net_zone *zones[ZONE_BUCKETS];
	size_t zone_count;
	struct volume *volumes;
	struct peer *peers;
	size_t peer_count;
	struct peer *reviewers; /* who may look at what waits */
	size_t reviewer_count;
	struct keyring keys;
	struct keyring incoming_keys; /* a list that is not complete yet */
	bool holding;                 /* hold-serve */
	bool drained;
	struct io *drain_timer;
	unsigned transfers;         /* out, running */
	struct fetch *fetches;      /* in, running */
	struct beside *beside;      /* from another signer, running; or NULL */
	struct block *blocks;       /* pages that were read for transfers */
	struct tcp *tcp;
	struct listener *udp;
	struct exchanges *exchanges;
	struct refreshes *refreshes;
	int exit_code;
};

/* net.c: closes everything and the loop.  0, or UV_EBUSY when a handle was left open, which is our mistake. */
int net_stop(struct net *net);

/* zones.c */
struct net_zone *net_zone_find(struct net *net, const uint8_t *apex); /* any case; NULL when unknown */
struct net_zone *net_zone_get(struct net *net, const uint8_t *apex);  /* made when unknown */
void net_zone_forget(struct net *net, struct net_zone *zone);
/* soa: copied.  pages: taken in any case.  NULL with ERR_SYNTAX. */
struct served *served_new(struct net *net, const uint8_t *apex, uint32_t serial, const uint8_t *soa,
			  size_t soa_len, struct pages *pages, struct err *e);
struct served *served_ref(struct served *v);
void served_unref(struct net *net, struct served *v); /* NULL does nothing */

/* volumes.c */
/* Takes fd in any case. */
int net_volume_add(struct net *net, uint32_t number, int fd, struct err *e);
void net_volume_gone(struct net *net, uint32_t number);
struct volume *net_volume_find(const struct net *net, uint32_t number); /* NULL when it is not here */
struct volume *net_volume_ref(struct volume *v);
void net_volume_unref(struct net *net, struct volume *v);

/* access.c */
struct json_t;
int access_set(struct net *net, const struct json_t *message, struct err *e);
/* Whether this address, having shown that it knows `key` (NULL: none), may ask about the zone. */
bool access_allows(const struct net *net, const uint8_t *apex, const struct addr *from,
		   const struct tsig_key *key);
/* The same for what waits for a review. */
bool access_reviews(const struct net *net, const struct addr *from, const struct tsig_key *key);
bool peer_has_zone(const struct peer *peer, const uint8_t *apex);
/* All that was transferred under the old list goes on; the list itself is freed. */
void access_free(struct net *net);

/* keyring.c */
int keyring_packet(struct net *net, const void *packet, size_t len, struct err *e);
/* The key of this name to send with; NULL when there is none. */
struct tsig_key *keyring_newest(const struct net *net, const uint8_t *name);
void keyring_free(struct keyring *keys);

#endif
