/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KDLINK_H
#define DUET_KDLINK_H

#include "signer/engine/zwork.h"

/* kdlink - the link to the local keydist: plans, peers, their words and TSIG keys come in; status and deeds go out. */
struct kdlink;

int kdlink_open(struct engine *e, struct kdlink **out, struct err *err);
/* The loop must run once more.  NULL does nothing. */
void kdlink_close(struct kdlink *k);
bool kdlink_up(const struct kdlink *k);
/* Once a second: heartbeat, silence, statuses that are due. */
void kdlink_tick(struct kdlink *k);
/* There is news of the zone: said at once, with that of others. */
void kdlink_status(struct kdlink *k, struct zwork *z);
/* Plans up to this rev of keydist's were read: it may send more. */
void kdlink_took(struct kdlink *k, uint64_t rev);
/* The DNSKEY RRset of the published version is out. */
void kdlink_served(struct kdlink *k, struct zwork *z);
/* What looks showed, and who is looked at (msg/observed.h); borrowed.  Lost while keydist is down: the next look says it. */
void kdlink_observed(struct kdlink *k, json_t *servers, json_t *looks);
int kdlink_floor(struct kdlink *k, const char *zone, uint32_t serial, struct err *e);
/* digest: of the content.  What comes of it stands in a plan. */
int kdlink_override(struct kdlink *k, const char *zone, uint32_t serial, const uint8_t digest[CONTENT_DIGEST_LEN], const char *why,
		    struct err *e);
int kdlink_accept_serial(struct kdlink *k, const char *zone, struct err *e);
int kdlink_alone(struct kdlink *k, struct err *e);
/* Asks the peer for a chunk of its input (input_wish_json); takes wish over. */
void kdlink_input(struct kdlink *k, const char *node, json_t *wish);
/* Asks for a chunk of what was submitted (submission.h); takes wish over. */
void kdlink_submission(struct kdlink *k, const char *zone, json_t *wish);

#endif
