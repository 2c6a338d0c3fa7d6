/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIM_H
#define DUET_SIM_H

/*
 * sim - one zone in a small world: signers that run the production engine (lib/timeline) and the production
 * fact code (lib/fact), backups, secondaries, the parent's servers, and validators that keep whatever they
 * may keep. Everything follows from a seed: a history is the same each time it is run.
 */
#include "tests/sim/world.h"

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
int keys_take(struct sim *s, const struct node *n, unsigned alg, const char *role);
bool keys_clash(const struct sim_key *a, const struct sim_key *b); /* have one tag */
int keys_find(const struct sim *s, const uint8_t hash[32]);
extern unsigned keys_body; /* number of the fact that is made */
uint32_t keys_mask(const struct sim *s, const struct key_set *set);
uint32_t keys_seps(const struct sim *s, uint32_t mask);
void keys_probe(const struct sim_key *k, const uint8_t *data, size_t len, uint8_t sig[32]);
extern const uint8_t sim_zone[];

/* move.c: a foreign signer, and operators who have the zone moved from there */
bool move_is_planned(const struct sim *s);
void move_set_up(struct sim *s);      /* that signer, in place of keys and versions of ours */
void move_set_up_server(struct sim *s, int secondary);
void move_begin(struct sim *s);
bool move_is_over(struct sim *s);
void move_tell(struct sim *s); /* why it is not */
bool move_tells_parent(const struct sim *s); /* people or programs do: it trusts no key of ours yet, which could sign CDS */
uint32_t move_beside(const struct sim *s);    /* what stays at the parent beside ours */

/* plan.c */
bool plan_is_of_deaths(const struct sim *s); /* signers die in the middle of rolls */

/* world.c */
void world_build(struct sim *s);
void trouble_begins(struct sim *s, const struct event *ev);
void trouble_ends(struct sim *s, const struct event *ev);

/* operator.c */
void operator_acts(struct sim *s, const struct trouble *t);
void operator_restores(struct sim *s);
void operator_admits(struct sim *s, struct node *n);
void operator_begin(struct sim *s); /* who releases what waits for a word, by and by */

void operator_says_retired(struct sim *s, struct node *n, const struct node *x, const char *why);

/* clone.c: a copy of a node runs beside it */
void clone_made(struct sim *s, struct node *of);
void clone_starts(struct sim *s);
void clone_hears(struct sim *s, struct node *n, const struct sim_fact *own); /* that it lacked */
void clone_hears_status(struct sim *s, struct node *n, const struct node *from, const struct version *own);
void clone_check(struct sim *s, const struct node *n);                       /* it acts */

/* surprise.c: a newcomer in the middle of a step */
void surprise_begins(struct sim *s, const struct trouble *t);
void surprise_ends(struct sim *s);
void surprise_alone(struct sim *s, int node, int64_t length); /* the node and the others do not hear each other */
void surprise_word(struct sim *s, const struct node *n, const uint8_t key[32], enum key_record r); /* it says `seen` */

/* leave.c: signers that are to be retired */
bool node_leaves(const struct node *n); /* as far as it knows: it serves nothing */
bool leave_is_known(const struct sim *s, const struct node *x); /* somebody knows who had what the dead x published */
void leave_in(struct sim *s, struct node *n, struct timeline_in *in);
bool leave_stays(struct sim *s, const struct node *n, const struct version *v);
int leave_watched(struct sim *s, const struct node *n);
bool leave_step(struct sim *s, struct node *n, const struct timeline_in *in); /* true: something was said */
void leave_tell(struct sim *s, const struct node *n); /* why it has not ended */
void leave_end(struct sim *s, struct node *n);
void leave_none_without(struct sim *s);
void leave_begin(struct sim *s, struct node *n, struct node *x, bool dead, bool besides);

/* Of the one zone that there is; NULL: nothing was said of it. */
static inline struct zone_state *node_zone(const struct node *n)
{
	return n->state->zones == 0 ? NULL : n->state->zone;
}

/* start.c, say.c, node.c */
void node_init(struct sim *s, int i, bool backup);
void node_fini(struct node *n);
bool node_say(struct sim *s, struct node *n, const char *kind, bool zone, json_t *body);
void node_says(struct sim *s, struct node *n, const struct timeline_say *w);
void node_says_held(struct sim *s, struct node *n, const struct key_state *k);
void node_makes_again(struct sim *s, struct node *n, const struct key_state *k);
void node_wake(struct sim *s, struct node *n);
void node_count_time(const struct sim *s, struct node *n);
void node_start(struct sim *s, struct node *n);
/* own_is_sure. */
bool start_is_sure(const struct sim *s, struct node *n);
void node_stop(struct sim *s, struct node *n);
void node_snapshot(struct sim *s, struct node *n);
void node_restore(struct sim *s, struct node *n);
void node_rebuild(struct node *n); /* its state, from its log */
void node_copy(struct node *to, const struct node *of); /* its disk */
void node_in(struct sim *s, struct node *n, struct timeline_in *in);
const struct timeline *node_view(struct sim *s, struct node *n, struct timeline_in *in); /* until the next one of n */
bool node_reaches(const struct sim *s, int a, int b);
bool node_is_settled(struct sim *s, struct node *n);
void node_check_held(struct sim *s, uint32_t mask);
void node_create(struct sim *s, struct node *n, const struct timeline_create *c);
void node_observe(struct sim *s, struct node *n);

/* serve.c: what signers publish, and under which serial */
/* What the node's version shows, with TTLs of all that it, and those that are gone, have published as far as it has heard. */
const struct timeline_published *serve_shows(const struct sim *s, struct node *n);
int64_t serve_clock(const struct sim *s, const struct node *n);
void serve_set_up(struct sim *s, struct node *n, struct version *v);
void serve_step(struct sim *s, struct node *n); /* as often as anything may have changed */
void serve_soon(struct sim *s, int node);
void serve_tick(struct sim *s, const struct event *ev);
void serve_next(struct sim *s, struct node *n, const struct timeline_in *in, const struct timeline *t);

/* learn.c: what signers know */
#define LEARN_MAX (NODES_MAX + 1 + SECONDARIES_MAX)
void learn_first(struct sim *s, struct node *n);
void learn_starts(struct sim *s, struct node *n); /* it reads its source */
void learn_from_source(struct sim *s, struct node *n, int64_t least, int64_t most);
void learn_source_changes(struct sim *s);
void learn_waits(struct sim *s, struct node *n); /* for newer content, which others have */
void learn_numbers(const struct sim *s, struct node *n); /* that others have given to the same content */
void learn_hears(struct node *n, const struct version *v);
void learn_of_peers(const struct sim *s, struct node *n);
size_t learn_known(const struct sim *s, struct node *n, bool next, struct serial_version known[LEARN_MAX]);
bool learn_explains(struct sim *s, const struct node *n, const struct secondary *sec);

/* serials.c: DESIGN section 8, number 4 */
void serials_check_new(struct sim *s, struct node *n, const struct serial_decision *d,
		       const struct serial_view *view);
void serials_check_lag(struct sim *s);    /* of any secondary behind a signer that nothing hinders */
bool serials_settled(const struct sim *s); /* all secondaries have the newest */
void serials_shown(struct sim *s, int secondary); /* it has taken a version */

/* exchange.c: facts between nodes */
void exchange_push(struct sim *s, struct node *n);
/* It is the node's own from now on. */
void exchange_holds(struct node *n, const struct sim_fact *f);
/* True when the other one got something new. */
bool exchange_all(struct sim *s, struct node *from, struct node *to, int upto);

/* servers.c: secondaries and the parent */
void secondary_notify(struct sim *s, int secondary);
void secondary_shows(struct sim *s, const struct secondary *sec, const struct version *v, int delta);
void secondary_claims(struct sim *s, int secondary, uint32_t above);
void secondary_relents(struct sim *s, int secondary);
void parent_begin(struct sim *s);
void look_begin(struct sim *s, struct node *n, size_t observer);

/* truth.c: what the node takes for granted, as it saw things last, is so */
void truth_of_signing(struct sim *s, const struct node *n, uint32_t fresh); /* fresh: keys that it begins to sign with */
void truth_of_content(struct sim *s, const struct node *n, const struct content *c);
void truth_of_view(struct sim *s, const struct node *n); /* of all that validators may have */

/* validator.c */
bool validator_may_have(const struct sim *s, const struct content *c);
/* signed_by: of a DNSKEY RRset; else 0 */
void validator_shows(struct sim *s, enum key_record record, uint32_t mask, uint32_t signed_by, int delta, uint32_t ttl);

#endif
