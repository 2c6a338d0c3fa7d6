/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_LOOK_H
#define DUET_LOOK_H

#include "signer/engine/netlink.h"
#include "signer/engine/parent.h"

/*
 * look - looks at secondaries, the zone's name servers and parents while keydist wants them (plan: look), and tells it what they showed.
 *
 * A zone that nobody waits for costs nothing.  The others stand on one agenda; at most LOOKS_AT_ONCE looks run at a time and
 * LOOKS_PER_S begin in a second, the longest waiting first.  A server is looked at soon and often after something happened
 * (a publication, a NOTIFY that was acknowledged, a transfer, a new plan), then less and less, until signer.look-interval-s.
 */
#define LOOKS_AT_ONCE 64
#define LOOKS_PER_S   100
#define LOOK_TIMEOUT_MS 3000

struct lookers;

void lookers_open(struct engine *e);
/* Whoever waits for an answer gets none. */
void lookers_end(struct engine *e);
/* After all zones have gone and the loop has closed its handles.  NULL in e->looks does nothing. */
void lookers_close(struct engine *e);
/* The configuration is another. */
void lookers_reload(struct engine *e);

/* The plan has come, or the configuration: looks begin or end. */
void look_plan(struct zwork *z);
/* The name servers that are looked at and what each showed last, for people; null: none are.  A new reference. */
json_t *look_name_servers(const struct zwork *z);
/* What servers of the zone's parent show, as ds_list_known. */
json_t *look_ds(const struct zwork *z);
/* Until when (monotonic) a first version waits for the first word of the parent's servers; 0: it has come, or nobody asks. */
int64_t look_ds_awaited(const struct zwork *z);
/* Something happened to the zone, or (address not NULL) to one server: looks are due soon. */
void look_soon(struct zwork *z, const char *address);
/* The link to keydist came up: it knows of no server. */
void look_all_again(struct engine *e);
void look_forget(struct zwork *z);
/* net's `answer`; true when the question was ours. */
bool look_answer(struct engine *e, const json_t *msg);

/* ---- look_ask.c: questions and their answers ---- */

/* NULL in msg: it could not be asked. */
typedef void look_answer_fn(void *ctx, const json_t *msg);
/* zone: text of the zone that net is told it is for. */
void look_ask(struct engine *e, const struct netlink_question *q, look_answer_fn *fn, void *ctx);
/* No answer for this ctx comes any more. */
void look_ask_forget(struct engine *e, const void *ctx);
/* The record stream of a field, free() it; never NULL. */
uint8_t *look_octets(const json_t *msg, const char *field, size_t *len);
/* OBSERVED_ANSWERED where the answer is one, else the outcome and a sentence why not. */
enum observed_outcome look_failed(const json_t *msg, char *why, size_t cap);
/* A resolver has answered: there is something, or there is nothing. */
bool look_answered(const json_t *msg);
/* That of an A or AAAA record, with port 53; false: it is neither. */
bool look_address(const struct rr *rr, struct addr *out);
/* This node listens on addresses of that family; of others it could ask none. */
bool look_family_here(const struct engine *e, sa_family_t family);

/* ---- look_ds.c: DS RRsets that servers of a parent showed ---- */

struct ds_shown;
struct ds_list {
	struct ds_shown *row; /* one a server */
	size_t n;
};
/* A look at one of them; one that does not count changes nothing. */
void ds_list_take(struct ds_list *l, const struct observed *look);
/*
 * A list of DS RRsets, each once, each a list of rdata as text (RFC 3597): of servers that were looked at of late, which is
 * a few times the interval between looks.  NULL: of none.  A new reference.
 */
json_t *ds_list_known(const struct ds_list *l, int64_t interval_s);
void ds_list_fini(struct ds_list *l);

/* ---- look_parents.c: parent zones, their servers and keys ---- */

struct parent_zone {
	struct parent_zone *next;
	struct engine *engine;
	uint8_t name[DNAME_MAX];     /* of the parent zone, once known */
	uint8_t below[DNAME_MAX];    /* the name above a zone, from which it was looked for */
	const struct conf_parent *row; /* NULL: found through a resolver */
	bool named;
	struct observed_server server[OBSERVED_SERVERS_MAX];
	size_t servers;
	bool whole;                  /* these are all */
	enum observed_trust trust;
	uint8_t *keys;               /* record stream of its DNSKEY RRset */
	size_t keys_len;
	char why[128];               /* what is missing */
	int64_t next_ms;             /* looked for anew then */
	unsigned open;               /* questions that run */
	uint8_t target[32][DNAME_MAX]; /* names of its servers */
	size_t targets;
	struct observed_server found[OBSERVED_SERVERS_MAX];
	size_t founds;
	bool found_all;
};
/* That of a zone; made, and looked for, when it is not known. */
struct parent_zone *parents_of(struct engine *e, const uint8_t *apex);
void parents_tick(struct engine *e);
void parents_free(struct engine *e);

#endif
