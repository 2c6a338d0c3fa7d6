/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TIMELINE_ORDER_H
#define DUET_TIMELINE_ORDER_H

#include "timeline/timeline.h"

/* For lib/timeline only. */

#define BIT(record) (1u << (record))

/* Records that must be omnipresent before this one comes in, as BIT()s.  RECORD_ZONE in it is about any key
 * of the algorithm. */
unsigned order_before(enum key_method method, enum key_record record);
/* Whether the key ever has such a record. */
bool order_has(const struct timeline_key *k, enum key_record record);
/* Everybody has said that what must come before the record is everywhere. */
bool order_all_ready(const struct timeline *t, const struct timeline_key *k, enum key_record record);
/* Somebody has said so.  No more is known where others may have a version with the record on its way from before they counted this
 * node, or where this node showed it and was set back to before it had seen what comes before. */
bool order_may_be_shown(const struct timeline *t, const struct timeline_key *k, enum key_record record);

/* Whether k was made to take the place of this one. */
bool goals_replaces(const struct timeline_key *k, const uint8_t hash[32]);
/* Sets `retiring` of every key. */
void goals_decide(const struct timeline_in *in, struct timeline *t);
/* Sets `show` of every key. */
void show_decide(const struct timeline_in *in, struct timeline *t);
/* An algorithm is shown once it has a key for the DNSKEY RRset and one for the zone. */
bool show_alg_complete(const struct timeline *t, unsigned alg);
/* What is to be created, without regard to whose turn it is; returns their number, at most 2. */
size_t create_wanted(const struct timeline_in *in, const struct timeline *t, struct timeline_create out[2],
		     const struct timeline_key **rolled);
/* This node's place among those who may create, from 0. */
size_t create_rank(const struct timeline_in *in, const struct timeline *t, const uint8_t key[32]);

/* The DS of no key is anywhere, nor may it be in a cache. */
bool chain_no_ds(const struct timeline *t);
/* No DS is known to be anywhere, though the zone is to be secure: a trust anchor may come from elsewhere. */
bool chain_unnamed(const struct timeline *t);
/* Some DS comes or goes: caches may have one RRset or another. */
bool chain_ds_moves(const struct timeline *t);

/* This node knows the TTL that the DS RRset has now. */
bool parents_known(const struct timeline_in *in, const struct timeline_memory *m);

struct timeline_key *timeline_find(const struct timeline *t, const uint8_t hash[32]);
struct timeline_wait *timeline_wait_find(const struct timeline_memory *m, const uint8_t key[32],
					 enum key_record record, enum wait_kind kind);

/* leave.c: opens and closes the waits for signers that leave. */
void leave_tend(const struct timeline_in *in, struct timeline_memory *m);
/* Whether a server that a leaver named shows what signers that stay have come to. */
bool leave_is_over(const struct timeline_wait *w);
bool leave_shows(const struct timeline_in *in, const struct timeline_look *look, enum observer_kind kind);
/* wait.c */
struct timeline_wait *wait_open(struct timeline_memory *m, const uint8_t key[32], enum key_record record, enum wait_kind kind);
void wait_close(struct timeline_memory *m, struct timeline_wait *w); /* NULL does nothing */
/* How far the servers are that a wait is about. */
struct wait_shown {
	size_t seen, of;
	const struct timeline_observer *missing; /* the first that has shown nothing of it; NULL: none */
};
struct wait_shown wait_shown(const struct timeline_in *in, const struct timeline_memory *m, const struct timeline_wait *w);
void wait_judge(const struct timeline_in *in, const struct timeline_memory *m, struct timeline_wait *w);

/* steps.c: whether this node ever showed a DNSKEY of the zone. */
bool timeline_ever_served(const struct zone_state *z, const uint8_t node[NODE_ID_LEN]);

#endif
