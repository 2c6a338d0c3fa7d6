/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIM_WORLD_H
#define DUET_SIM_WORLD_H

/* world - what a simulated world is made of: keys, versions, nodes and their disks, servers, caches, trouble, events. */
#include "arena/arena.h"
#include "fact/fact.h"
#include "fact/state.h"
#include "signer/engine/known.h"
#include "serial/serial.h"
#include "timeline/timeline.h"
#include "tests/sim/chance.h"
#include "tests/sim/fault_list.h"

#include <setjmp.h>

#define NODES_MAX       6
#define SECONDARIES_MAX 6
#define PARENTS_MAX     3
#define SIM_KEYS_MAX    32
#define FACTS_MAX       1500
#define EVENTS_MAX      4096
#define TROUBLES_MAX    64
#define CONTENTS_MAX    256

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
#define SIM_EPOCH INT64_C(1767225600) /* when each history begins */

/* ---- keys and versions ---- */

/* A key that a history may use: made once for all histories, the same in each process. */
struct sim_key {
	uint8_t rdata[300];
	size_t len;
	uint8_t hash[32];
	struct dnskey_tags tags;
	unsigned alg;
	bool sep, zone_signing;
	size_t next; /* key of the pool with the same last octets */
};

#define FOREIGN (-1)

struct sim;

struct version {
	int signer, who; /* the host; whose identity that has.  FOREIGN: none of ours */
	uint32_t start; /* of that host, in the order of its identity's starts */
	int boot;       /* the run in which it was published, or told again */
	struct past_version word; /* serial, id, content, and when its signatures end */
	int source; /* the source's content that it has, of 1, 2, .. */
	uint64_t nr;
	int64_t at; /* published */
	uint32_t dnskey_ttl, zone_ttl;
	uint32_t mask[KEY_RECORDS]; /* bits of sim.key */
	uint32_t signed_by; /* the DNSKEY RRset */
	bool cds; /* stand in it, for mask[RECORD_DS] */
	struct timeline_published published;
};

/* ---- nodes ---- */

struct sim_fact {
	struct fact f;
	int origin;
	unsigned nr;
};

struct node_disk {
	uint32_t starts;
	int facts; /* length of log */
	uint32_t last; /* serial */
	struct past_version self; /* a version of its own that others remember, and it lacks; serial 0: none */
	const struct version *version; /* published; NULL: none */
	struct past own, others; /* in own_v, others_v */
	struct past_version own_v[PAST_MAX], others_v[PAST_MAX];
	struct content_id mine, taken; /* content that is published; that was taken from the source */
	int source; /* what of the source was taken */
	uint32_t dnskey_ttl, zone_ttl; /* largest published */
	uint32_t heard_dnskey_ttl[NODES_MAX], heard_zone_ttl[NODES_MAX]; /* by status of each, itself too */
	struct timeline_memory memory;
};

/* All that a timeline comes from, besides policy, which is in the facts. */
struct node_view {
	uint64_t told;
	const struct version *version;
	uint64_t parents, slots, observers;
};

struct node {
	int i, who; /* who: the node whose identity it has: itself, unless it is a copy of another */
	bool elsewhere; /* it holds, since its identity is in use elsewhere */
	bool met;       /* since its start a peer with which it had compared brought a later word of the other host of its identity */
	bool backup, up, compared, set_back, gone;
	uint32_t lost; /* bits of keys: it had them, and a copy that was put back does not */
	struct timeline_policy policy; /* as its facts have it */
	uint8_t policy_fact[FACT_HASH_LEN];
	int halted;
	bool frozen;
	uint32_t highest_serial; /* that it published, as far as it can know after a set-back */
	uint64_t next_steps;
	bool next_cds;
	struct serial_watch watch;
	const struct version *heard_of[NODES_MAX]; /* newest status of each */
	bool silent[NODES_MAX];
	struct known_shown shown[SECONDARIES_MAX];
	int source_off;    /* how many troubles cut its source off */
	bool asking;       /* the source */
	int64_t step_at;   /* the serial rule is asked again */
	int64_t withheld_at; /* since when what it published is, as it was set back; 0: it is not */
	int64_t behind_at; /* since when it has waited for content that a dead one alone has; 0: it does not */
	int64_t well_at;   /* since when it runs, has compared, has a right clock and its source */
	int64_t first_at;  /* when it published its first version */
	int64_t newest_at; /* when it last published other content, or steps */
	int64_t day;       /* and how much it published on that day */
	int day_versions;
	struct identity id;
	char line[NODE_LINE_TEXT];
	struct incarnation inc; /* number 0: none since the start */
	struct fact_state *state;
	struct node_view viewed; /* of this is `view` */
	uint64_t told;           /* how often its state changed */
	uint64_t has[FACTS_MAX / 64 + 1]; /* bits of facts by their numbers: those in log */
	struct node_disk disk;
	struct node_disk snapshot;
	bool has_snapshot;
	uint32_t compared_with;            /* bits of nodes, since the start */
	bool vouched;                      /* one of them had itself compared, or is a backup */
	uint32_t met_others;               /* and those with whom these were level */
	bool sure; /* own_is_sure, since then */
	bool old_copy; /* it was set back, and has not been sure since */
	int64_t started_at;
	int heard[NODES_MAX];              /* of each node's log, how much has come */
	int64_t ran_at; /* waits were counted until then */
	int64_t clock_off;
	bool making; /* a version is on its way */
	uint32_t making_id;
	struct timeline_published next;
	struct timeline_published shows; /* serve_shows */
	int boot;         /* how often it was started */
	uint64_t looking; /* bits of observers with a question under way */
	int64_t wake_at;
	struct timeline_observer observer[SECONDARIES_MAX + PARENTS_MAX];
	size_t observers;
	struct timeline_leaver leaver[NODES_MAX];
	int watched; /* bits of nodes that leave, whose secondaries are among the observers */
	/* Not cleared by node_init: */
	struct timeline view;
	const struct sim_fact *log[FACTS_MAX]; /* as many as disk.facts */
	struct timeline_look look[SECONDARIES_MAX + PARENTS_MAX]; /* the answer under way, by observer */
};

struct secondary {
	int primaries; /* bits of nodes whose versions come to it, maybe by way of others */
	int watchers;  /* bits of nodes that look at it */
	int had;       /* bits of nodes: it has had a version of theirs */
	bool elsewhere; /* it has the zone from the foreign signer, and asks no other */
	bool unnamed;   /* the zone's NS RRset does not name it yet: no validator asks it */
	const struct version *version; /* NULL: none yet */
	uint32_t claim; /* a serial that it shows in place of its version's, and that no signer gave; 0: none */
	int64_t refresh;
	int64_t well_at; /* since when it can be reached */
	int64_t took_at; /* the version */
	int64_t given_at[NODES_MAX]; /* since when this node is a primary of it; 0: all the time */
	bool busy;
};

struct parent_server {
	uint32_t ds; /* bits of sim.key */
	uint32_t rev;
	uint32_t ttl;
	bool looked; /* a signer has seen that */
};

/* ---- what validators may have ---- */

struct content {
	enum key_record record;
	uint32_t mask, signed_by; /* signed_by: RECORD_DNSKEY */
	int servers;   /* that show it now */
	int64_t until; /* when the last cache forgets it */
};

/* ---- trouble ---- */

enum trouble_kind {
	TROUBLE_CUT,        /* a to b, one way */
	TROUBLE_SPLIT,      /* a and b, both ways */
	TROUBLE_CRASH,      /* a for some time */
	TROUBLE_RESTORE,    /* a is set back to a snapshot */
	TROUBLE_FREEZE,     /* a does not run */
	TROUBLE_HALT,       /* a publishes nothing new, and renews what it has */
	TROUBLE_SECONDARY,  /* secondary b cannot be reached by anybody */
	TROUBLE_PARENT,     /* parent server b cannot be looked at */
	TROUBLE_PARENT_OFF, /* the parent reads no CDS */
	TROUBLE_TTL,        /* TTLs of the zone change */
	TROUBLE_CLOCK,      /* a's clock jumps */
	TROUBLE_ROLL,       /* an operator at a rolls a key */
	TROUBLE_POLICY,     /* an operator at a changes policy and rolls */
	TROUBLE_INSECURE,   /* an operator at a */
	TROUBLE_SECURE,
	TROUBLE_JOIN,   /* node b is admitted at a */
	TROUBLE_RETIRE, /* node b is gone for good, which an operator swears to a */
	TROUBLE_DISASTER, /* all signers are gone for good; the newcomer is restored from the backup */
	TROUBLE_CONTENT,  /* the source has new content */
	TROUBLE_SOURCE,   /* a does not reach the source */
	TROUBLE_CLAIM,    /* secondary b shows a serial that no signer gave */
	TROUBLE_CLONE,    /* a's disk is copied, and the copy is started elsewhere at the end */
	TROUBLE_SURPRISE, /* a admits the newcomer once it has seen a record everywhere, and b, which it hears no more, has not */
	TROUBLES
};

struct trouble {
	enum trouble_kind kind;
	bool off; /* taken out by shrinking */
	int a, b;
	int64_t from, to, value;
};

/* ---- events ---- */

struct event {
	int64_t at;
	void (*run)(struct sim *s, const struct event *ev);
	int a, b;
	uint64_t value;
	const void *what;
};

/* Events by time, and of one time as they were asked for: both in one number, and where the event lies. */
struct event_turn {
	uint64_t turn;
	uint32_t event;
};

/* The last key that was made in place of another. */
struct made {
	int by;
	unsigned alg;
	char role[4]; /* "": none */
};

/* A zone that moves here from a signer whose private keys do not. */
struct move {
	bool on;
	uint32_t keys; /* bits of sim.key: that signer's */
	const struct version *version; /* its newest */
	uint32_t dnskey_ttl, zone_ttl;
	bool serial_of_today;
	bool hooks;     /* a program tells the parent at once, word for word what a signer shows */
	bool slow;      /* servers change over one by one, days apart */
	bool hasty;     /* its operators look often */
	bool lossy;     /* what nodes say is often late */
	bool begun;     /* a server has changed over */
	bool created;   /* an operator has had our first keys made */
	bool withdrawn; /* an operator has begun to have that signer's keys go */
	int64_t both_at; /* since when each server of that signer was seen to show what ours do; 0: not */
	uint32_t both;  /* the keys of ours that they show then */
	uint32_t taken; /* that its operator is about to show */
};

struct sim {
	uint64_t seed;
	struct chance chance;
	struct arena *arena; /* of one history */
	int64_t now;
	uint64_t order;
	size_t events, ran; /* in heap; and those that are over */
	size_t event_room;  /* used of event[] */
	uint64_t digest; /* of all that happened and when */
	bool story, quiet; /* quiet: facts are handed on by hand */

	int nodes, signers; /* signers first, then those that join, then backups */
	int members;        /* signers at the beginning */
	struct secondary secondary[SECONDARIES_MAX];
	int secondaries;
	struct parent_server parent[PARENTS_MAX];
	int parents;
	int source;       /* content that the source has, 1, 2, .. */
	int64_t source_at;
	enum content_order content_order;
	uint32_t top_serial; /* highest that was ever published */
	uint64_t versions;
	bool parent_off;
	enum { CDS_ALWAYS, CDS_AROUND_ROLLS, CDS_NEVER } cds_when;
	uint32_t parent_ds, parent_rev, parent_ttl;
	int64_t parent_delay;
	int64_t rolled_at[SIM_KEYS_MAX]; /* first said */
	struct made made[SIM_KEYS_MAX];  /* its successor */
	json_t *body[FACTS_MAX]; /* of all facts */
	size_t bodies;
	const struct sim_key *key[SIM_KEYS_MAX]; /* made so far */
	int keys;
	uint32_t given_up[KEY_RECORDS]; /* bits of keys: some signer has published a version with it, then one without */
	struct timeline_policy policy; /* at the beginning */
	uint32_t dnskey_ttl, zone_ttl;
	bool hurried; /* a roll was asked for --now */
	bool rare;     /* all signers may be lost, or: */
	bool strict, by_steps; /* its operators roll step by step, with standby keys, in a hurry */

	struct content content[CONTENTS_MAX];
	size_t contents;
	struct trouble trouble[TROUBLES_MAX];
	size_t troubles;
	struct move move;
	const struct trouble *surprise; /* waited for; NULL: none */
	int surprise_words;             /* until then */
	int cut[NODES_MAX][NODES_MAX]; /* how many troubles cut this way */
	int secondary_off[SECONDARIES_MAX], parent_server_off[PARENTS_MAX];
	int64_t healed_at;
	int64_t changed_over_at; /* when an operator last took a step of a move; they take their time */

	jmp_buf end;
	const char *failed; /* which invariant */
	char failure[512];

	/* Not cleared between histories: */
	struct node node[NODES_MAX]; /* node_init does */
	struct event_turn heap[EVENTS_MAX]; /* heap[events ..]: what event[] has free, as far as it was used */
	struct event event[EVENTS_MAX];
};

#endif
