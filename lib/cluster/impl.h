/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CLUSTER_IMPL_H
#define DUET_CLUSTER_IMPL_H

#include "cluster/cluster.h"
#include "msg/word.h"
#include "sql/sql.h"

/* For lib/cluster only. */

/* One run of a node: the number of its starts, and random octets, since an old copy counts starts anew. */
#define status_start incarnation

struct status_entry {
	uint8_t node[NODE_ID_LEN];
	uint8_t from[NODE_ID_LEN]; /* who told us */
	bool own;                  /* said in this run of this node */
	bool dirty;                /* not in the database yet */
	bool voice;                /* the first that came of this start of its author: goes to everybody (gossip.c) */
	struct status_start start; /* of its author */
	uint64_t counter;          /* within that start */
	uint64_t revision;         /* ours: when this entry changed last, in steps of cluster.status_revision */
	uint32_t older, newer;     /* by revision: the entries before and after it; STATUS_NONE: there is none */
	char *zone;
	char *status; /* JSON */
};

struct status_voice {
	uint8_t node[NODE_ID_LEN];
	struct status_start start;
};

#define STATUS_NONE UINT32_MAX

struct pending {
	char id[33];
	int64_t until_ms;
	cluster_reply_fn *fn;
	void *ctx;
	struct pending *next;
};

struct known_line {
	uint8_t id[NODE_ID_LEN];
	struct node_line line;
};

struct cluster {
	struct cluster_config config;
	const struct identity *self;
	struct fact_log *log;
	struct fact_state *state;
	sqlite3 *db;
	struct msg_hub *hub;
	struct msg_row *rows;
	struct cluster_peer *peer;
	struct known_line *line; /* of the peers, in the same order */
	size_t peers;
	uv_timer_t tick, soon, greet;
	unsigned greeted;
	bool announce, changed; /* what `soon` is to do */
	bool rebuild;           /* the state is to be made anew */
	bool void_told;         /* that retirements are void */

	struct incarnation inc; /* number 0: none taken since the start */
	struct status_start start;
	char session[SESSION_TEXT]; /* start.random in hex: names this process to its peers */
	bool started_heard; /* something of a peer was compared since the start */
	bool go_alone, set_back, held_for_good, sure;
	char hold[256];

	struct status_entry *status;
	size_t statuses;
	uint32_t status_newest; /* STATUS_NONE: there is none */
	struct index status_index; /* by node and zone */
	uint64_t status_revision, status_counter;
	int64_t saved_ms;
	struct status_voice *voice; /* the start of each node that a word came from last */
	size_t voices;

	struct pending *pending;
	uint8_t (*told)[16]; /* refusals that were logged */
	size_t told_count;
};

/* sync.c */
void sync_on_hello(void *ctx, const struct msg_peer *from, json_t *msg);
void sync_on_have(void *ctx, const struct msg_peer *from, json_t *msg);
void sync_tell(struct cluster *c, struct cluster_peer *p);
void sync_soon(struct cluster *c);
void sync_later(struct cluster *c, unsigned ms);
bool sync_peer_has_more(struct cluster *c, const struct cluster_peer *p);
bool sync_peer_hears(const struct cluster_peer *p, const uint8_t node[NODE_ID_LEN]);
/* It had all of the node when it told its newest vector. */
bool sync_peer_is_level(const struct cluster_peer *p, const uint8_t node[NODE_ID_LEN]);
const struct fact_rules *sync_rules(struct cluster *c, struct fact_rules *rules);
void sync_applied(struct cluster *c, const struct fact *f);
int sync_after(struct cluster *c, struct err *e); /* after facts were added and applied */
struct cluster_peer *cluster_peer_of(struct cluster *c, const struct msg_peer *from);
bool cluster_tell_once(struct cluster *c, const char *what);

/* facts.c */
void sync_on_facts(void *ctx, const struct msg_peer *from, json_t *msg);
/* What the peer lacks and is not on its way to it. */
void facts_send(struct cluster *c, struct cluster_peer *p);

/* start.c */
void start_compare(struct cluster *c, struct cluster_peer *p);
void start_own_status(struct cluster *c, const struct cluster_peer *from, uint32_t start);
void start_own_facts(struct cluster *c, const struct incarnation *inc, const char *peer);
void start_in_use(struct cluster *c, const char *how);
struct incarnation start_incarnation(const struct cluster *c);

/* gossip.c */
void gossip_on_status(void *ctx, const struct msg_peer *from, json_t *msg);
/* A run of what has changed for this peer, when there is something. */
void gossip_send(struct cluster *c, struct cluster_peer *p);
/* A peer's vector came: which process it is, and how far it has our words. */
void gossip_got(struct cluster *c, struct cluster_peer *p, const json_t *msg);
json_t *gossip_got_json(struct cluster_peer *p);
/* It hears somebody no more whose words were left out. */
void gossip_hears_less(struct cluster_peer *p);
/* More nodes may be known now: what was left out is asked for anew. */
void gossip_nodes_changed(struct cluster *c);

/* status.c */
bool status_is_newer(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone,
		     const struct status_start *start, uint64_t counter);
/* Takes a word that is newer; false when there is no room. */
bool status_take(struct cluster *c, const struct msg_word *w, const struct status_start *start,
		 const uint8_t from[NODE_ID_LEN]);
/* The oldest entry that changed after this revision, to go on from by `newer`; STATUS_NONE: nothing has changed. */
uint32_t status_changed(const struct cluster *c, uint64_t since);
int status_load(struct cluster *c, struct err *e);
void status_save(struct cluster *c);
void status_fini(struct cluster *c);

/* relay.c */
void relay_on_request(void *ctx, const struct msg_peer *from, json_t *msg);
void relay_on_reply(void *ctx, const struct msg_peer *from, json_t *msg);
void relay_tick(struct cluster *c, bool all);

#endif
