/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_H
#define DUET_KEYDIST_H

#include <jansson.h>
#include <uv.h>

#include "cluster/cluster.h"
#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"
#include "index/index.h"
#include "key/key.h"
#include "policy/policy.h"
#include "seal/seal.h"
#include "sql/sql.h"
#include "timeline/timeline.h"

/*
 * keydist - what the files of this program share.
 *
 * cluster holds the facts; lib/timeline says what follows from them, from what the engine publishes (shown.c), from
 * what was seen of secondaries and parents (observe.c) and from the time that this node ran (running.c): what this
 * node says (life.c) and the plan of each zone (plan.c), which the engine gets (engine_out.c).
 *
 * With thousands of zones only what a fact touched is looked at: its zone is put into a queue (zones.c), and a turn
 * (step.c) takes zones out of it for some milliseconds, says what follows in one transaction (words.c), writes
 * what it signed in another (store.c), and sends the plans that changed in few messages.
 */

/* A zone-signing key resealed to the engine. */
struct engine_box {
	uint8_t hash[32];
	json_t *box;
};

/* What the engine's published version shows, packed (shown.c). */
struct shown {
	bool any; /* something is published */
	bool cds_delete;
	struct shown_key {
		uint8_t hash[32];
		uint8_t records; /* bits of enum key_record */
	} *key;
	size_t keys;
	uint32_t dnskey_ttl, zone_ttl;       /* largest of all versions that were published */
	uint32_t dnskey_before, zone_before; /* largest of those before it showed this */
	json_int_t steps;
};

#define TOKEN_TEXT 17

/* What is kept per zone besides facts.  Never moves, and lives as long as the daemon. */
struct zone_ctx {
	uint8_t *name;
	char *text;
	const char *state; /* of the newest plan, static; NULL: none yet */
	bool gone;         /* the newest plan says so */
	uint8_t sent[16];  /* digest of the plan that the engine has */
	bool has_sent;
	bool put_off;      /* the first plan waited once for a key to come */
	bool plan_waits;   /* its plan is made once the engine has taken some of those before */
	int64_t refresh_at; /* when the apex RRsets want new signatures */
	int64_t due_at;     /* when a key's lifetime ends; 0: not looked yet */
	struct shown shown;
	uint64_t told;      /* the engine's life in which it said so */
	char token[TOKEN_TEXT];      /* names what the plan shows, as it was sent last; "": none in this run */
	char shown_token[TOKEN_TEXT]; /* names what is published */
	uint8_t shows[16];  /* digest of what the plan that was sent last shows */
	struct timeline_memory *memory; /* waits and looks; NULL: none */
	bool memory_changed;
	int64_t ran_ms; /* running time was last counted */
	json_t *floor;      /* wishes of the engine's operator, until facts say them */
	uint64_t epoch;     /* the same; 0: none */
	struct steps_known *steps;  /* events.c; NULL: not looked at */
	json_t *override;   /* the same, as its fact but for the rev; NULL: none */
	struct telling *telling;    /* parent.c; NULL: nothing is to be told */
	struct zone_looks *looks;   /* looks.c; NULL: nothing was heard */
	struct zone_ctx *above, **below; /* local.c: the nearest zone above that is signed here, and those to which this is it */
	size_t belows;
	char *submitted;    /* submit.c: the newest text that is here, as a source; NULL: none */
	bool wants_text;    /* a newer one is not here yet */
	bool queued, retry; /* in the queue; to be put there with the next second */
	bool share_waits;   /* another holder, who is heard, is to seal a key for a newcomer (share.c) */
	bool making;        /* keys are being made */
	bool look_for_lost; /* a key could not be opened: look which, and say so */
	char *lost;         /* lost.c: an alarm; NULL: no key is */
	char *alarm;        /* engine_in.c: of the local signer; NULL: none */
	bool alarm_known;   /* it has said so since this process began */
	size_t keys, distributed;
	char *trouble; /* why keys cannot be used here, NULL when they can; told once */
	struct engine_box *box;
	size_t boxes;
};

struct known_policy {
	uint8_t hash[FACT_HASH_LEN]; /* of the fact */
	struct policy policy;
};

/* A policy in the form that plans have it in: plans share it. */
#define SHARED_MAX 16
struct shared_policy {
	struct policy policy;
	bool seen;
	json_t *json; /* NULL: none */
	uint8_t digest[16];
};

#define BULK_ZONES  50 /* so many at once are many */
#define LEAVERS_MAX 8 /* signers that leave at once */
#define HEARD_MS 10000 /* a node that said nothing for so long is not there */
#define OPEN_MAX 2048 /* 4 KiB each: a new key is needed again once the others hold it */

struct keydist {
	uv_loop_t loop;
	struct conf *conf;
	struct identity self;
	uint8_t recovery_pk[PUBLIC_LEN];
	bool recovery_known;
	char recovery_id[RECOVERY_ID_TEXT];
	struct cluster *cluster;
	struct http_server *http;
	uv_signal_t term, intr, hup;
	bool stopping;

	sqlite3 *db; /* store.c */
	sqlite3_stmt *ready_get, *ready_put;
	bool db_open; /* a transaction is */

	struct zone_ctx **zone; /* zones.c */
	size_t zones;
	struct index zone_index;
	struct zone_ctx **queue;
	size_t queue_at, queue_end, queue_size;
	size_t looked_at; /* zones since memory was given back */
	uv_timer_t turn; /* step.c */
	bool local_stale; /* local.c: zones came or went; looked at with the next second */
	bool acting;     /* facts may be said, when the turn before looked */

	struct words *words; /* words.c */
	size_t makings;      /* make.c: lists in the pool */

	struct key *open[OPEN_MAX]; /* keys.c: opened lately, by hash */
	struct known_policy *policy; /* policies.c */
	size_t policies;
	struct shared_policy shared[SHARED_MAX];
	size_t shared_at; /* where the next one goes */
	int64_t saved_ms; /* running.c */

	bool engine_up; /* engine_out.c */
	int64_t silent_ms; /* leave.c: when the engine last said that it serves nothing; 0: it has not */
	uint64_t engine_life; /* counts its greetings */
	uv_timer_t flush;
	uint64_t plan_rev, plan_ticked, plan_taken; /* of the newest plan, and the second before; of those that the engine has taken */
	size_t plans_waiting, plan_next; /* zones whose plan waits; where the next of them is looked for */
	json_t *plans, *plan_policies; /* on their way out; the policies that they name by their place */
	struct plan_out *plan_out;
	size_t plan_outs, plan_octets;
	uint64_t status_rev; /* of the cluster's statuses: the engine has all up to there */
	json_t *tsig_sent, *synced_sent;
	struct engine_box *tsig_box;
	size_t tsig_boxes;
	struct parents *parents; /* parent.c */
	struct events *events;   /* events.c; NULL: none are posted */
	struct getting *getting; /* submit.c */
	struct upload *uploads;
	int64_t swept_ms;
	struct asked *asked; /* requests that the engine works on */
	uint64_t asked_id;
	bool held, words_due; /* in the second before */
	uint64_t share_heard; /* a digest of which signers were, the second before */
	int64_t ticked_ms, ticked_cpu_us; /* the second before: when, and what this thread had used by then */
	bool clock_good;
	char clock_why[160];
	size_t lost_next; /* lost.c: the next zone of the round, and when one begins */
	int64_t lost_ms;
};

/* zones.c */
struct zone_ctx *zone_ctx(struct keydist *k, const uint8_t *name, bool make);
struct zone_ctx *zone_ctx_text(struct keydist *k, const char *text, bool make);
/* Puts the zone into the queue, if it is not there. */
void zones_touch(struct keydist *k, struct zone_ctx *c);
void zones_touch_all(struct keydist *k);
/* The next of the queue; NULL. */
struct zone_ctx *zones_next(struct keydist *k);
size_t zones_waiting(const struct keydist *k);
/* NULL: no trouble. */
void zone_trouble(struct zone_ctx *c, const char *what);
void zones_free(struct keydist *k);

/*
 * words.c: facts that are said together, in one transaction, at the end of a turn.  body is taken over; the event
 * is logged, as a notice, when the fact is durable.  When it cannot be said, the zone is looked at again with the
 * next second.
 */
void words_add(struct keydist *k, struct zone_ctx *c, const char *kind, json_t *body, const char *event,
	       const char *fmt, ...) __attribute__((format(printf, 6, 7)));
size_t words_count(const struct keydist *k);
/* 0, or -1: none of them was said. */
int words_say(struct keydist *k, struct err *e);
void words_free(struct keydist *k);

/* store.c: keydist.db */
int store_db_open(struct keydist *k, struct err *e);
void store_db_close(struct keydist *k);
/* The signatures made over `digest`; NULL when there are none.  free() it. */
uint8_t *store_ready_get(struct keydist *k, const uint8_t digest[32], size_t *len, int64_t *earliest);
/* Durable with store_commit. */
int store_ready_put(struct keydist *k, const uint8_t digest[32], const char *zone, const uint8_t *stream,
		    size_t len, int64_t earliest, struct err *e);
/* Whether the zone's parent was told just this in this way, and said that it is done; before this process began, too. */
bool store_was_told(struct keydist *k, const char *zone, int way, const uint8_t digest[32]);
/* It was; durable with store_commit. */
int store_told(struct keydist *k, const char *zone, int way, const uint8_t digest[32], struct err *e);
/* Events that are to be posted (events.c), in order; durable with store_commit.  Of too many the oldest go. */
int store_event_put(struct keydist *k, const char *body, struct err *e);
/* The one after this number, with its own number in it, "number"; NULL: there is none.  free() it. */
char *store_event_next(struct keydist *k, int64_t after, int64_t *number);
/* Up to which number this URL has taken them. */
int64_t store_event_upto(struct keydist *k, const char *url);
int store_event_told(struct keydist *k, const char *url, int64_t upto, struct err *e);
int store_event_drop(struct keydist *k, int64_t upto, struct err *e);
/* The steps of keys that were made events. */
struct steps_row {
	uint8_t hash[32];
	unsigned bits;
};
size_t store_steps_get(struct keydist *k, const char *zone, struct steps_row **rows); /* free() them */
int store_steps_put(struct keydist *k, const char *zone, const uint8_t hash[32], unsigned bits, struct err *e);
/* The alarm about the zone, "" for the node's own, that was posted and is not over; free() it; NULL: none is. */
char *store_alarm_get(struct keydist *k, const char *zone);
int store_alarm_put(struct keydist *k, const char *zone, const char *message, struct err *e); /* NULL: it is over */
/* Begins the transaction, unless it has begun. */
int store_begin(struct keydist *k, struct err *e);
int store_commit(struct keydist *k, struct err *e);
int store_memory_load(struct keydist *k, struct err *e);
int store_memory_save(struct keydist *k, struct err *e);

/* members.c: who takes part */
void members_step(struct keydist *k);
int members_add(struct keydist *k, const char *line, const char *name, const char *role, struct err *e);
/*
 * name: or id.  A signer is asked to leave, and retired when it has; dead: the operator knows that it does not run; fenced: and
 * swears that nobody serves or caches anything of it, so it is retired at once.  *leaves: it is not retired yet.
 */
enum retire_how { RETIRE_ASKED, RETIRE_DEAD, RETIRE_FENCED };
int members_retire(struct keydist *k, const char *name, enum retire_how how, bool *leaves, struct err *e);
bool members_self(const struct keydist *k); /* this node is an admitted signer */

/* keys.c: private keys, sealed and opened */
/* Opens this node's box of a key.  Borrowed, until the next call. */
int keys_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct key **out,
	      struct err *e);
/* Whether it can be opened; nothing stays open. */
bool keys_can_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct err *e);
/* Keeps a key open that was just made; takes it over. */
void keys_keep_open(struct keydist *k, struct key *key);
/* A box of the key for a signer, for the recovery key, for the engine; a new reference. */
json_t *keys_box(enum seal_purpose purpose, const uint8_t *zone, const uint8_t hash[32], const uint8_t pk[PUBLIC_LEN],
		 struct secret *der, struct err *e);
json_t *keys_recovery_box(struct keydist *k, const uint8_t *zone, const uint8_t hash[32], struct secret *der,
			  struct err *e);
json_t *keys_probe(const uint8_t self[NODE_ID_LEN], const uint8_t *zone, struct key *key, struct err *e);
/* The key's box for the engine, borrowed; NULL and *e when this node cannot open its own.  der: when it is open, else
 * NULL. */
json_t *keys_engine_box(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct key_state *ks,
			struct err *e);
/* Keeps one that was made elsewhere; takes it over. */
void keys_take_engine_box(struct zone_ctx *c, const uint8_t hash[32], json_t *box);
void keys_keep_engine_box(struct keydist *k, struct zone_ctx *c, const uint8_t hash[32], struct secret *der);

/* make.c: new keys, made in the pool */
struct wanted_key {
	struct zone_ctx *c;
	unsigned alg;
	char role[4];
	uint8_t instead[32]; /* zero: of none */
	enum key_method method;
	enum key_hold hold;
	uint8_t replaces[KEY_REPLACES_MAX][32]; /* zero: none */
	struct key *given;   /* made elsewhere, with its private half; taken over; NULL: one is generated */
	uint8_t made[32];    /* its hash, when rc is 0 */
	int rc;
	struct err why;
};
/*
 * keys_make - makes the keys of a list, which is copied, says all in one transaction and then calls done (may be
 * NULL) with what became of each.  At most MAKE_MAX.
 */
#define MAKE_MAX 512
typedef void keys_made_fn(void *ctx, const struct wanted_key *keys, size_t n);
int keys_make(struct keydist *k, const struct wanted_key *keys, size_t n, keys_made_fn *done, void *ctx,
	      struct err *e);
/* Makes and says one key at once, in the loop: for tests. */
int keys_create(struct keydist *k, const struct zone_state *z, unsigned alg, const char *role,
		const uint8_t *instead, uint8_t hash_out[32], struct err *e);

/* hold.c: what this node says about the keys of others */
void hold_zone(struct keydist *k, struct zone_ctx *c, struct zone_state *z);

/* policies.c */
/* The zone's policy, as the newest fact has it. */
struct policy zone_policy(struct keydist *k, const struct zone_state *z);
/* A secondary must expire before its RRSIGs end: a sentence, free() it, when the largest SOA expire of the signed versions that
 * signers show of the zone is above the policy's renewal-margin (RFC 6781 section 4.4.2); NULL when not. */
char *expire_trouble(const struct keydist *k, const struct zone_state *z, const struct policy *p);
/* The same of all zones that name the policy, as ERR_REFUSED. */
int policy_fits(const struct keydist *k, const struct policy *p, struct err *e);
/* As plans have it, for a zone with this source, into which DS are put (given) or not; borrowed, until others are asked for. */
json_t *shared_policy(struct keydist *k, const struct policy *p, const char *source, bool given);
/* NULL: it is none of those. */
const uint8_t *shared_policy_digest(const struct keydist *k, const json_t *policy);
void policies_free(struct keydist *k);

/* shown.c: what the engine publishes */
/* A row of the engine's word `served`. */
void shown_take(struct keydist *k, struct zone_ctx *c, const json_t *row);
/* The engine has greeted: what it did not name before is not published. */
void shown_begin(struct keydist *k);
void shown_get(const struct zone_ctx *c, struct timeline_published *out);
/* The largest TTLs that retired signers have published, by their last status: nobody else says how long caches keep what they
 * served, where all were lost and one is restored.  And this node's own, where it was set back, before its engine has heard of
 * them.  0: none is known. */
void shown_lost(const struct keydist *k, const struct zone_ctx *c, uint32_t *dnskey_ttl, uint32_t *zone_ttl);
/* What a plan shows, for the plan; a new reference.  Names it anew when it has changed. */
json_t *shown_plan(struct zone_ctx *c, const struct timeline_published *next);
/* What is published is what the last plan asked for, and nothing else is on its way. */
bool shown_settled(const struct zone_ctx *c);
void shown_free(struct zone_ctx *c);

/* life.c: the zone's keys as lib/timeline has them now */
struct life {
	struct timeline_in in;
	struct timeline t;
	struct policy p;
	struct timeline_policy policy;
	struct timeline_published published;
	struct timeline_observer observer[TIMELINE_OBSERVERS_MAX];
	struct timeline_leaver leaver[LEAVERS_MAX];
};
void life_view(struct keydist *k, struct zone_ctx *c, struct zone_state *z, struct life *l);
/* Tends its waits, and says what may be said. */
void life_step(struct keydist *k, struct zone_ctx *c, struct life *l);
/* The names of who is missing for distribution, a new array of sentences. */
json_t *life_missing(struct keydist *k, const struct life *l, const struct timeline_key *key);

/* share.c: boxes for signers that came later */
void share_zone(struct keydist *k, struct zone_ctx *c, struct zone_state *z, const struct life *l);
void share_tsig(struct keydist *k);
/* Once a second: zones where another holder was to do it are looked at again when others are heard than before. */
void share_tick(struct keydist *k);

/* lifetime.c: rolls that begin by themselves.  Says that keys are to be rolled whose lifetime is over. */
void lifetime_step(struct keydist *k, struct zone_ctx *c, const struct life *l);
/* What a roll is to end in, as the policy has it now, for `key.roll`; a new reference. */
json_t *lifetime_want(const struct life *l, unsigned alg, enum key_hold hold);

/* faster.c: sentences: what a faster roll of the key would break, and until when; a new reference. */
json_t *faster_breaks(const struct life *l, const struct zone_ctx *c, const struct timeline_key *key);

/* observe.c: who looks at secondaries, name servers and parents */
size_t observe_list(struct keydist *k, const struct zone_state *z, const struct policy *p,
		    struct timeline_observer out[TIMELINE_OBSERVERS_MAX]);
/* The operator's word on the parent counts as a look. */
void observe_operator(struct zone_ctx *c, const struct life *l);

/* running.c: time that this node ran */
/* Counts the time that waits of the zone ran since it was last called. */
void running_count(struct zone_ctx *c);
/* Once a second: counts, puts zones whose wait is over into the queue, saves. */
void running_tick(struct keydist *k);
struct timeline_memory *running_memory(struct zone_ctx *c);
/* From JSON and back: what is kept of it on disk. */
/* Where what is remembered has no room for another observer, those that are none any more are forgotten. */
void running_forget(struct timeline_memory *m, const struct timeline_observer *observer, size_t n);
int running_read(struct zone_ctx *c, const char *text);
char *running_text(const struct timeline_memory *m);

/* dnskey.c: the signed RRsets of a zone's apex */
struct apex_rrset {
	const char *type;
	json_t *rrset;    /* base64 record stream */
	int64_t earliest; /* of its RRSIGs */
};
/* The key stands in the DNSKEY RRset and is lost here, and the chain of trust holds without its signature, which is left out. */
bool dnskey_left_out(struct keydist *k, const struct life *l, const struct timeline_key *key);
int dnskey_make(struct keydist *k, const struct life *l, struct apex_rrset out[3], size_t *count, struct err *e);

/* DS rdata of the key by the first or second digest, if the policy wants that; 0: it does not. */
#define DS_DIGESTS 2
size_t dnskey_ds_by(const struct policy *p, const struct zone_state *z, const struct key_state *ks, unsigned number,
		    uint8_t out[4 + 48]);
/* Whether CDS and CDNSKEY are published now. */
bool dnskey_names_ds(const struct life *l);

/* How many seconds before they expire these RRsets are signed anew. */
int64_t dnskey_renew_before(const struct policy *p);

/* plan.c: makes a zone's plan anew, and hands it to the engine when it has changed */
void plan_zone(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct life *l);
/* The plan of a zone that is there, without rev; a new reference. */
json_t *plan_make(struct keydist *k, struct zone_ctx *c, const struct life *l);

/* engine_in.c */
extern const struct msg_row engine_rows[];
/* Wishes and deeds of the engine that are no facts yet. */
void engine_wishes(struct keydist *k, struct zone_ctx *c, const struct zone_state *z);

/* engine_out.c */
int engine_send(struct keydist *k, const char *type, json_t *body);
/* The engine has just come, and has nothing. */
void engine_greet(struct keydist *k);
/* It has so many plans to read that more would only take memory: the zone's waits.  Else the zone waits no more. */
bool engine_plan_waits(struct keydist *k, struct zone_ctx *c);
/* Puts as many of those that wait into the queue as there is room for. */
void engine_more(struct keydist *k);
/* The engine has taken the plans up to this rev. */
void engine_took(struct keydist *k, uint64_t rev);
/* Takes the plan over; digest: of it without its rev. */
void engine_plan(struct keydist *k, struct zone_ctx *c, json_t *plan, const uint8_t digest[16], size_t octets);
void engine_send_plans(struct keydist *k);
void engine_flush_soon(struct keydist *k);
void engine_tick(struct keydist *k);
void engine_on_status(void *ctx);
void engine_close(struct keydist *k);

/* engine_ask.c: asks the engine; fn gets its answer, or none in time */
typedef void engine_reply_fn(void *ctx, json_t *result, const struct err *why);
void engine_ask(struct keydist *k, const char *what, json_t *args, unsigned timeout_ms, engine_reply_fn *fn,
		void *ctx);
void engine_on_reply(void *ctx, const struct msg_peer *from, json_t *msg);
void engine_expire(struct keydist *k, bool all);

/* tsig.c */
int tsig_create(struct keydist *k, const char *name, const char *alg, const char *file, const char *write_to,
		json_t **out, struct err *e);
int tsig_remove(struct keydist *k, const char *name, const char *hash, struct err *e);
json_t *tsig_for_engine(struct keydist *k); /* new reference: the whole `tsig` message */
json_t *tsig_list(struct keydist *k);
/* A row of its boxes, for another signer; a new reference. */
json_t *tsig_box_for(struct keydist *k, const struct tsig_state *t, const struct node_state *to, struct err *e);

/* api*.c */
int api_open(struct keydist *k, struct err *e);
extern const struct http_route zone_routes[], key_routes[], import_routes[], public_routes[], roll_routes[], node_routes[], many_routes[],
	timeline_routes[];
extern const size_t zone_route_count, key_route_count, import_route_count, public_route_count, roll_route_count, node_route_count, many_route_count,
	timeline_route_count;

/* step.c */
/* A fact came, or was said. */
void keydist_on_fact(void *ctx, const struct fact *f);
/* What follows from facts, for zones in the queue, for some milliseconds; goes on by itself while some are left. */
void keydist_turn(struct keydist *k);
void keydist_turn_soon(struct keydist *k);
/* All turns that are due, for tests. */
void keydist_settle(struct keydist *k);
void keydist_tick(struct keydist *k); /* once a second */
/* Everything but the cluster, the server and the loop, which are closed before. */
void keydist_free(struct keydist *k);
int keydist_reload(struct keydist *k, struct err *e);
/* One fact, now. */
int keydist_say(struct keydist *k, const char *kind, const uint8_t *zone, json_t *body,
		struct err *e); /* steals body */

#endif
