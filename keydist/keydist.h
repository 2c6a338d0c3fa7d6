/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_H
#define DUET_KEYDIST_H

#include <jansson.h>
#include <uv.h>

#include "cluster/cluster.h"
#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"
#include "key/key.h"
#include "policy/policy.h"
#include "sql/sql.h"

/*
 * keydist - what the files of this program share.
 *
 * cluster holds the facts; from them, from time that this node ran (`waits`) and from nothing else follow the
 * deeds that it says (members.c, keys.c, waits.c) and the plan of each zone (lifecycle.c, plan.c), which the
 * engine gets (engine.c).
 */

/* What is kept per zone besides facts. */
struct zone_ctx {
	uint8_t name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	json_t *plan;   /* newest, NULL: none yet */
	json_t *sent;   /* what the engine has, NULL: nothing */
	json_t *served; /* the engine's newest word on what it publishes; kept until facts say it */
	json_t *floor;  /* wishes of the engine's operator that could not be said yet */
	bool accept_serial;
	bool look_for_lost; /* a key could not be used: look which, and say so */
	char trouble[256];  /* why keys cannot be used here, "" when they can; told once */
};

/* A zone-signing key resealed to the engine. */
struct engine_box {
	uint8_t hash[32];
	json_t *box;
};

struct keydist {
	uv_loop_t loop;
	struct conf *conf;
	struct identity self;
	uint8_t recovery_pk[PUBLIC_LEN];
	bool recovery_known;
	char recovery_id[RECOVERY_ID_TEXT];
	struct cluster *cluster;
	sqlite3 *db;
	struct http_server *http;
	uv_signal_t term, intr, hup;
	bool stopping;

	struct zone_ctx *zone;
	size_t zones;
	struct engine_box *engine_box;
	size_t engine_boxes;

	struct wait *wait; /* waits.c */
	size_t waits;
	int64_t waited_ms; /* running time was last counted */

	bool engine_up;
	uv_timer_t flush;
	uint64_t plan_rev;
	json_t *tsig_sent, *synced_sent;
	json_t *status_queue; /* array of status messages for the engine */
	struct asked *asked;  /* requests that the engine works on */
	uint64_t asked_id;
	int64_t planned_ms; /* when plans were made last */
	bool held;          /* then */
	bool clock_good;
	char clock_why[160];
};

/* store.c: keydist.db */
int store_db_open(struct keydist *k, struct err *e);
/* The signatures made over `digest`; NULL when there are none.  free() it. */
uint8_t *store_ready_get(struct keydist *k, const uint8_t digest[32], size_t *len, int64_t *earliest);
int store_ready_put(struct keydist *k, const uint8_t digest[32], const char *zone, const uint8_t *stream,
		    size_t len, int64_t earliest, struct err *e);
int store_waits_load(struct keydist *k, struct err *e);
int store_waits_save(struct keydist *k, struct err *e);

/* members.c: who takes part */
void members_step(struct keydist *k);
int members_add(struct keydist *k, const char *line, const char *name, const char *role, struct err *e);
bool members_self(const struct keydist *k); /* this node is an admitted signer */

/* keys.c: private keys */
int keys_create(struct keydist *k, const struct zone_state *z, unsigned alg, const char *role,
		const uint8_t *instead, uint8_t hash_out[32], struct err *e);
void keys_step(struct keydist *k);
/* Opens this node's box of a key. */
int keys_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct key **out,
	      struct err *e);
/* The key's box for the engine, borrowed; NULL and *e when this node cannot open its own. */
json_t *keys_engine_box(struct keydist *k, const struct zone_state *z, const struct key_state *ks,
			struct err *e);

/* lifecycle.c: what facts allow with a key */
struct key_view {
	struct key_state *key;
	bool sep, zone_signing;
	unsigned alg;
	uint16_t tag;
	bool distributed;
	bool served_by_all;
	bool served_by_any;
	bool seen_by_all; /* CDS may name it */
	bool declined_here, declined;
	bool published; /* stands in the DNSKEY RRset */
	bool signing;   /* signs the zone's records */
	size_t held, counted, stored;
};
#define VIEWS_MAX 64
/* All keys of the zone that were created; returns their number (at most VIEWS_MAX). */
size_t lifecycle_view(struct keydist *k, const struct zone_state *z, struct key_view views[VIEWS_MAX]);
struct policy lifecycle_policy(const struct keydist *k, const struct zone_state *z);
bool lifecycle_is_in(const uint8_t (*ids)[NODE_ID_LEN], size_t n, const struct id_set *set);
/* The names of who is missing for distribution, a new array of sentences. */
json_t *lifecycle_missing(struct keydist *k, const struct zone_state *z, const struct key_view *v);

/* waits.c: time that this node ran since it learned of something */
struct wait {
	char zone[DNAME_TEXT_MAX];
	uint8_t key[32];
	int64_t ran_ms;
	bool dirty;
};
void waits_step(struct keydist *k);
/* Seconds that the wait of this key still lasts; -1 when it has not begun. */
int64_t waits_left(struct keydist *k, const struct zone_state *z, const uint8_t key[32]);

/* dnskey.c: the signed RRsets of a zone's apex */
struct apex_rrset {
	const char *type;
	json_t *rrset;    /* base64 record stream */
	int64_t earliest; /* of its RRSIGs */
};
int dnskey_make(struct keydist *k, const struct zone_state *z, const struct key_view *views, size_t n,
		const struct policy *p, struct apex_rrset out[3], size_t *count, struct err *e);

/* plan.c */
void plan_step(struct keydist *k);
struct zone_ctx *zone_ctx(struct keydist *k, const uint8_t *name, bool make);

/* engine.c */
extern const struct msg_row engine_rows[];
void engine_flush_soon(struct keydist *k);
void engine_tick(struct keydist *k);
void engine_on_status(void *ctx, const char *node, const char *zone, json_t *status);
/* Asks the engine; fn gets its answer, or none in time. */
typedef void engine_reply_fn(void *ctx, json_t *result, const struct err *why);
void engine_ask(struct keydist *k, const char *what, json_t *args, unsigned timeout_ms, engine_reply_fn *fn,
		void *ctx);
void engine_close(struct keydist *k);

/* tsig.c */
int tsig_create(struct keydist *k, const char *name, const char *alg, const char *file, const char *write_to,
		json_t **out, struct err *e);
int tsig_remove(struct keydist *k, const char *name, const char *hash, struct err *e);
json_t *tsig_for_engine(struct keydist *k); /* new reference: the whole `tsig` message */
json_t *tsig_list(struct keydist *k);

/* api*.c */
int api_open(struct keydist *k, struct err *e);
extern const struct http_route zone_routes[], key_routes[], node_routes[];
extern const size_t zone_route_count, key_route_count, node_route_count;

/* everything that follows from facts, in its order; safe to call at any time */
void keydist_step(struct keydist *k);
void keydist_tick(struct keydist *k); /* once a second */
int keydist_reload(struct keydist *k, struct err *e);
/* One fact. */
int keydist_say(struct keydist *k, const char *kind, const uint8_t *zone, json_t *body,
		struct err *e); /* steals body */

#endif
