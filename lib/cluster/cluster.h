/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CLUSTER_H
#define DUET_CLUSTER_H

#include <jansson.h>
#include <uv.h>

#include "conf/conf.h"
#include "fact/fact.h"
#include "fact/log.h"
#include "fact/state.h"
#include "http/http.h"
#include "identity/identity.h"
#include "msg/msg.h"

/*
 * cluster - one node among its peers, as keydist and backupd both are: the fact log and its exchange (DESIGN
 * section 4), the comparison after a start, status and its relay, requests to other nodes, and the offsets of
 * their clocks.
 *
 * Everything runs in the thread of the loop.  All state that matters is in DIR/facts.db; DIR/cluster.db has
 * the last status of everybody and the number of starts.
 */
#define CLUSTER_PEERS_MAX 64
#define STATUS_MAX        65536 /* octets of one status */
#define SESSION_TEXT      17

struct cluster;

/* How far somebody holds one incarnation. */
struct cluster_row {
	uint8_t origin[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t seq;
	uint8_t hash[FACT_HASH_LEN]; /* of the fact under seq */
};

/* Facts of one incarnation that are on their way to a peer. */
struct cluster_sent {
	uint8_t origin[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t held, upto; /* the peer held up to there when it told last; it was sent up to there */
	int64_t moved_ms;    /* since when it has held no more */
};

/* Nodes that a message names. */
struct cluster_ids {
	uint8_t id[CLUSTER_PEERS_MAX][NODE_ID_LEN];
	size_t n;
};

/* What a peer is to us.  Times are clock_mono_ms, 0: never. */
struct cluster_peer {
	struct msg_peer peer;
	int64_t heard_ms;
	int64_t offset_s;        /* its clock less ours, when heard */
	bool compared;           /* we had at some moment since our start all that it had */
	bool has_compared;       /* it has compared itself, as it said last */
	bool vouches;            /* we had all that it had when it had compared, or it is a backup */
	bool has_told;           /* the vector is there */
	struct cluster_row *row; /* its newest vector */
	size_t rows;
	int64_t asked_ms;      /* when it was last told our vector */
	struct cluster_ids hears;      /* nodes that it hears itself */
	struct cluster_ids level_with; /* of these those of which it had all when it told its vector */
	bool level;                    /* we have all that it told with it */
	struct cluster_sent *sent;
	size_t sents;

	char session[SESSION_TEXT]; /* which process of the peer this is */
	/* our statuses for it (gossip.c) */
	uint64_t status_sent, status_acked; /* up to these revisions of ours */
	uint64_t run;                       /* runs sent */
	bool all_again;                     /* everything, with the next second */
	bool run_pending, acked;            /* some are on their way; it has had some of this process */
	int64_t run_ms;
	/* its statuses for us */
	uint64_t got_upto; /* its revision up to which we have whole runs */
	bool got_any, hole, ask_again; /* hole: words of nodes that we do not know were left out */
	int64_t words_due_ms;          /* since when they are asked for again, now that we know the nodes; 0: not */
	uint64_t in_run, in_part;
};

struct cluster_config {
	uv_loop_t *loop;
	const struct conf *conf; /* borrowed; cluster_reload brings another */
	const struct identity *identity;
	enum node_role role;
	const char *dir;
	const char *listen;
	/* Further rows, ended by a NULL type; may be NULL.  Their handlers get the struct cluster, and
	 * cluster_context gives what is in ctx here. */
	const struct msg_row *rows;
	void *ctx;
	/* The state has changed; called once after any number of facts. */
	void (*on_facts)(void *ctx);
	/* A fact that came from elsewhere or was said here and is durable; before on_facts. */
	void (*on_fact)(void *ctx, const struct fact *f);
	/* Nodes have newer words: see cluster_status_since. */
	void (*on_status)(void *ctx);
	/* Another node asks something of us: answer with cluster_answer, now or later. */
	void (*on_request)(void *ctx, const char *token, const char *what, json_t *args);
	/* Compared, held, or heard: once a second and when it changes. */
	void (*on_tick)(void *ctx);
};

int cluster_open(const struct cluster_config *config, struct cluster **out, struct err *e);
/* The loop must run once more afterwards.  NULL does nothing. */
void cluster_close(struct cluster *c);
/* Other peers from now on. */
int cluster_reload(struct cluster *c, const struct conf *conf, struct err *e);

void *cluster_context(const struct cluster *c);
struct fact_state *cluster_state(const struct cluster *c);
struct fact_log *cluster_log(const struct cluster *c);
struct msg_hub *cluster_hub(const struct cluster *c);
const struct identity *cluster_self(const struct cluster *c);
const struct cluster_peer *cluster_peers(const struct cluster *c, size_t *n);
/* A node's name for people: from configuration, else from facts, else its id.  Valid until the next call but
 * three. */
const char *cluster_name(const struct cluster *c, const uint8_t id[NODE_ID_LEN]);
/* From a name or an id in hex. */
int cluster_find(const struct cluster *c, const char *name, uint8_t id[NODE_ID_LEN], struct err *e);

/* How long ago a peer was heard; -1: not since the start, or it is none. */
int64_t cluster_heard_ms(const struct cluster *c, const uint8_t id[NODE_ID_LEN]);
/* The same for people, of any node: 0 of this one, null where that is -1; a new reference. */
json_t *cluster_heard_json(const struct cluster *c, const uint8_t id[NODE_ID_LEN]);
/* The body of a fact that retires a node for good, as its operator swears; a new reference.  What is not held here of what
 * it said is void from then on. */
json_t *cluster_retirement(const struct cluster *c, const struct node_state *n, const char *why);

/* As GET /v1/status and /v1/nodes show nodes: a new array. */
json_t *cluster_nodes_json(const struct cluster *c);
/* GET /v1/facts?zone=Z: JSON lines; an http_handler's body, for any daemon. */
int cluster_facts_answer(struct cluster *c, const struct http_request *q, struct http_answer *a,
			 struct err *e);

/* ---- saying ---- */

struct cluster_word {
	const char *kind;
	const uint8_t *zone; /* NULL: of no zone */
	json_t *body;        /* borrowed */
};
/* Says facts, all in one transaction: durable and applied on return, sent soon.  ERR_NOTNOW before the
 * comparison after a start, or while this node holds. */
int cluster_say(struct cluster *c, const struct cluster_word *words, size_t n, struct err *e);

/* Takes sealed boxes out of facts that are held, for good (fact_log_cut), and makes the state anew. */
int cluster_cut(struct cluster *c, fact_which_fn *which, void *ctx, size_t *n, struct err *e);

/* ---- the comparison after a start ---- */

bool cluster_compared(const struct cluster *c); /* facts may be said, steps taken */
/* own_is_sure; once it is, it stays so. */
bool cluster_sure(struct cluster *c);
/* The same, though this node has not been met: it is to be retired, for good, with all that it said and that is not known here. */
bool cluster_sure_but(struct cluster *c, const uint8_t id[NODE_ID_LEN]);
/* Words on zones of nodes that only now are known are on their way; never for longer than a few seconds. */
bool cluster_words_due(const struct cluster *c);
bool cluster_alone(const struct cluster *c);    /* no peer has answered since the start */
bool cluster_set_back(const struct cluster *c);
const char *cluster_hold(const struct cluster *c); /* why this node holds, NULL when it does not */
/* The operator says that nobody will answer. */
void cluster_go_alone(struct cluster *c);

/* ---- status ---- */

/* This node's newest word on a zone. */
int cluster_status_put(struct cluster *c, const char *zone, json_t *status, struct err *e);
/* As JSON text, borrowed until the next word; NULL when there is none. */
const char *cluster_status_text(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone);
/* A new reference; NULL when there is none. */
json_t *cluster_status_get(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone);
/* All words that came (since its start: this node's own ones only from elsewhere) after this revision, in no
 * order.  Returns the revision to ask from next time; `since` when fn returned other than 0, which ends it. */
typedef int cluster_status_fn(void *ctx, const uint8_t node[NODE_ID_LEN], const char *zone, const char *status);
uint64_t cluster_status_since(const struct cluster *c, uint64_t since, cluster_status_fn *fn, void *ctx);

/* ---- requests ---- */

/* result is NULL when it failed or nobody answered in time. */
typedef void cluster_reply_fn(void *ctx, json_t *result, const struct err *why);
/* Asks another node, directly or through a third one. */
void cluster_request(struct cluster *c, const uint8_t to[NODE_ID_LEN], const char *what, json_t *args,
		     unsigned timeout_ms, cluster_reply_fn *fn, void *ctx);
/* Ends all requests that wait for an answer, with ERR_TIMEOUT. */
void cluster_give_up(struct cluster *c);
/* Answers what on_request brought; token is copied by whoever answers later. */
void cluster_answer(struct cluster *c, const char *token, json_t *result, const struct err *why);

/* ---- clock ---- */

/* Whether this node's clock is vouched for (DESIGN section 6), and why or why not (at most 160 octets). */
bool cluster_clock(const struct cluster *c, char why[160]);

#endif
