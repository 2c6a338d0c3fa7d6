/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIM_H
#define DUET_SIM_H

/*
 * sim - one zone in a small world: signers that run the production engine (lib/timeline) and the production
 * fact code (lib/fact), backups, secondaries, the parent's servers, and validators that keep whatever they
 * may keep. Everything follows from a seed: a history is the same each time it is run.
 */
#include "arena/arena.h"
#include "fact/fact.h"
#include "fact/state.h"
#include "signer/engine/past.h"
#include "serial/serial.h"
#include "timeline/timeline.h"
#include "tests/sim/fault_list.h"

#include <setjmp.h>

#define NODES_MAX       6
#define SECONDARIES_MAX 6
#define PARENTS_MAX     3
#define SIM_KEYS_MAX    32
#define FACTS_MAX       1500
#define EVENTS_MAX      1024
#define TROUBLES_MAX    48
#define CONTENTS_MAX    256

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
#define SIM_EPOCH INT64_C(1767225600) /* when each history begins */

/* ---- chance ---- */

struct chance {
	uint64_t state;
};
uint64_t chance_u64(struct chance *c);
uint32_t chance_below(struct chance *c, uint32_t n); /* 0 .. n - 1 */
int64_t chance_between(struct chance *c, int64_t least, int64_t most);
bool chance_of(struct chance *c, uint32_t percent);

/* ---- keys and versions ---- */

/* A key that a history may use: made once for all histories, the same in each process. */
struct sim_key {
	uint8_t rdata[300];
	size_t len;
	uint8_t hash[32];
	unsigned alg;
	bool sep, zone_signing;
};

struct sim;

struct version {
	int signer;
	struct past_version word; /* serial, id, content, and when its signatures end */
	int source; /* the source's content that it has, of 1, 2, .. */
	uint64_t nr;
	int64_t at; /* published */
	uint32_t dnskey_ttl, zone_ttl;
	uint32_t mask[KEY_RECORDS]; /* bits of sim.key */
	struct timeline_published published;
};

/* ---- nodes ---- */

struct sim_fact {
	struct fact f;
	int origin;
};

struct node_disk {
	int facts; /* length of log */
	uint32_t last; /* serial */
	const struct version *version; /* published; NULL: none */
	struct past own, others; /* in own_v, others_v */
	struct past_version own_v[PAST_MAX], others_v[PAST_MAX];
	struct content_id mine, taken; /* content that is published; that was taken from the source */
	int source; /* what of the source was taken */
	uint32_t dnskey_ttl, zone_ttl; /* largest published */
	uint32_t heard_dnskey_ttl[NODES_MAX], heard_zone_ttl[NODES_MAX]; /* by status of each, itself too */
	struct timeline_memory memory;
};

struct node {
	int i;
	bool backup, up, compared, set_back, gone, restored;
	struct timeline_policy policy; /* as its facts have it */
	uint8_t policy_fact[FACT_HASH_LEN];
	int halted;
	bool frozen;
	uint32_t highest_serial; /* that it published, as far as it can know after a set-back */
	uint64_t next_steps;
	struct serial_watch watch;
	const struct version *heard_of[NODES_MAX]; /* newest status of each */
	struct past_version self; /* a version of its own that others remember; serial 0: none */
	bool silent[NODES_MAX];
	int source_off;    /* how many troubles cut its source off */
	bool asking;       /* the source */
	int64_t step_at;   /* the serial rule is asked again */
	int64_t well_at;   /* since when it runs, has compared, has a right clock and its source */
	int64_t first_at;  /* when it published its first version */
	int64_t newest_at; /* when it last published other content, or steps */
	int64_t day;       /* and how much it published on that day */
	int day_versions;
	struct identity id;
	char line[NODE_LINE_TEXT];
	struct incarnation inc; /* number 0: none since the start */
	struct incarnation used; /* the last */
	const struct sim_fact *log[FACTS_MAX];
	struct fact_state *state;
	struct node_disk disk;
	struct node_disk snapshot;
	bool has_snapshot;
	uint32_t compared_with;            /* bits of nodes, since the start */
	int heard[NODES_MAX];              /* of each node's log, how much has come */
	int64_t ran_at; /* waits were counted until then */
	int64_t clock_off;
	bool making; /* a version is on its way */
	uint32_t making_id;
	struct timeline_published next;
	int boot;         /* how often it was started */
	uint64_t looking; /* bits of observers with a question under way */
	int64_t wake_at;
	struct timeline_observer observer[SECONDARIES_MAX + PARENTS_MAX];
	size_t observers;
	struct timeline_look look[SECONDARIES_MAX + PARENTS_MAX]; /* the answer under way, by observer */
};

struct secondary {
	int primaries; /* bits of nodes whose versions come to it, maybe by way of others */
	int watchers;  /* bits of nodes that look at it */
	const struct version *version;
	int64_t refresh;
	int64_t well_at; /* since when it can be reached */
	int64_t took_at; /* the version */
	bool busy;
};

struct parent_server {
	uint32_t ds; /* bits of sim.key */
	uint32_t rev;
	uint32_t ttl;
};

/* ---- what validators may have ---- */

struct content {
	enum key_record record;
	uint32_t mask;
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
	uint64_t order;
	void (*run)(struct sim *s, const struct event *ev);
	int a, b;
	uint64_t value;
	const void *what;
};

struct sim {
	uint64_t seed;
	struct chance chance;
	struct arena *arena; /* of one history */
	int64_t now;
	uint64_t order;
	struct event heap[EVENTS_MAX];
	size_t events, ran;
	bool story, quiet; /* quiet: facts are handed on by hand */

	struct node node[NODES_MAX];
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
	uint32_t parent_ds, parent_rev, parent_ttl;
	int64_t parent_delay;
	int64_t rolled_at[SIM_KEYS_MAX], made_at[SIM_KEYS_MAX]; /* first said; successor made */
	int made_by[SIM_KEYS_MAX];
	json_t *body[FACTS_MAX]; /* of all facts */
	size_t bodies;
	const struct sim_key *key[SIM_KEYS_MAX]; /* made so far */
	int keys;
	struct timeline_policy policy; /* at the beginning */
	uint32_t dnskey_ttl, zone_ttl;
	bool hurried; /* a roll was asked for --now */
	bool rare;     /* all signers may be lost, or: */
	bool strict, by_steps; /* its operators roll step by step, with standby keys, in a hurry */

	struct content content[CONTENTS_MAX];
	size_t contents;
	struct trouble trouble[TROUBLES_MAX];
	size_t troubles;
	int cut[NODES_MAX][NODES_MAX]; /* how many troubles cut this way */
	int secondary_off[SECONDARIES_MAX], parent_server_off[PARENTS_MAX];
	int64_t healed_at;

	jmp_buf end;
	const char *failed; /* which invariant */
	char failure[512];
};

/* main parts */
void sim_run(struct sim *s); /* trouble and seed are set; failed tells */
void sim_plan(struct sim *s);
void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_later(struct sim *s, int64_t delay, void (*run)(struct sim *s, const struct event *ev), int a, int b,
	       uint64_t value, const void *what);
const char *trouble_text(const struct trouble *t, char out[128]);
char *mask_text(const struct sim *s, uint32_t mask, char out[96]);

/* keys.c */
void keys_make(void);
int keys_take(struct sim *s, unsigned alg, const char *role);
int keys_find(const struct sim *s, const uint8_t hash[32]);
uint32_t keys_mask(const struct sim *s, const struct key_set *set);
void keys_probe(const struct sim_key *k, const uint8_t *data, size_t len, uint8_t sig[32]);
extern const uint8_t sim_zone[];

/* plan.c */
bool plan_is_of_deaths(const struct sim *s); /* signers die in the middle of rolls */

/* world.c */
void world_build(struct sim *s);
void trouble_begins(struct sim *s, const struct event *ev);
void trouble_ends(struct sim *s, const struct event *ev);

/* operator.c */
void operator_acts(struct sim *s, const struct trouble *t);
void operator_restores(struct sim *s);
void operator_begin(struct sim *s); /* who releases what waits for a word, by and by */

/* start.c, node.c */
void node_init(struct sim *s, int i, bool backup);
void node_fini(struct node *n);
bool node_say(struct sim *s, struct node *n, const char *kind, bool zone, json_t *body);
void node_wake(struct sim *s, struct node *n);
void node_count_time(const struct sim *s, struct node *n);
void node_start(struct sim *s, struct node *n);
void node_stop(struct sim *s, struct node *n);
void node_snapshot(struct sim *s, struct node *n);
void node_restore(struct sim *s, struct node *n);
void node_in(struct sim *s, struct node *n, struct timeline_in *in);
void node_view(struct sim *s, struct node *n, struct timeline_in *in, struct timeline *t);
bool node_reaches(const struct sim *s, int a, int b);
bool node_is_settled(struct sim *s, struct node *n);
void node_check_held(struct sim *s, uint32_t mask);
void node_create(struct sim *s, struct node *n, const struct timeline_create *c);
void node_observe(struct sim *s, struct node *n);

/* serve.c: what signers publish, and under which serial */
int64_t serve_clock(const struct sim *s, const struct node *n);
void serve_first(struct sim *s, struct node *n);
void serve_set_up(struct sim *s, struct node *n, struct version *v);
void serve_hears(struct node *n, const struct version *v);
bool serve_explains(struct sim *s, const struct node *n, const struct version *v);
void serve_step(struct sim *s, struct node *n); /* as often as anything may have changed */
void serve_soon(struct sim *s, int node);
void serve_tick(struct sim *s, const struct event *ev);
void serve_next(struct sim *s, struct node *n, const struct timeline_in *in, const struct timeline *t);
void serve_source_changes(struct sim *s);
void serve_starts(struct sim *s, struct node *n);

/* serials.c: DESIGN section 8, number 4 */
void serials_check_new(struct sim *s, struct node *n, const struct serial_decision *d,
		       const struct serial_view *view);
void serials_check_lag(struct sim *s);    /* of any secondary behind a signer that nothing hinders */
bool serials_settled(const struct sim *s); /* all secondaries have the newest */
void serials_shown(struct sim *s, int secondary); /* it has taken a version */

/* exchange.c: facts between nodes */
void exchange_push(struct sim *s, struct node *n);
/* True when the other one got something new. */
bool exchange_all(struct sim *s, struct node *from, struct node *to, int upto);

/* servers.c: secondaries and the parent */
void secondary_notify(struct sim *s, int secondary);
void parent_begin(struct sim *s);
void look_begin(struct sim *s, struct node *n, size_t observer);

/* validator.c */
void validator_shows(struct sim *s, enum key_record record, uint32_t mask, int delta, uint32_t ttl);

#endif
