/* SPDX-License-Identifier: BSD-3-Clause */
/* node: a signer or a backup: what its keydist and its engine do with what lib/timeline tells them. */
#include "tests/sim/sim.h"

#include "msg/msg.h"
#include "fail/fault.h"
#include "fact/state_parts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SAYS_MAX 64

void node_init(struct sim *s, int i, bool backup)
{
	static uint8_t pk[NODES_MAX][32];
	struct node *n = &s->node[i];
	uint8_t seed[32] = { 0 }, sk[64];

	memset(n, 0, offsetof(struct node, log));
	n->i = n->who = i;
	n->backup = backup;
	n->up = n->compared = n->sure = true;
	seed[0] = (uint8_t)(i + 1);
	if (sodium_is_zero(pk[i], 32))
		crypto_sign_seed_keypair(pk[i], sk, seed);
	memcpy(n->id.line.sign_pk, pk[i], 32);
	memset(n->id.line.box_pk, 9, 32);
	memset(n->id.line.curve_pk, 10 + i, 32);
	node_id_of(n->id.line.sign_pk, n->id.id);
	node_id_text(n->id.id, n->id.id_text);
	node_line_text(&n->id.line, n->line);
	n->state = fact_state_new();
	learn_first(s, n);
}

void node_fini(struct node *n)
{
	fact_state_free(n->state);
	timeline_memory_fini(&n->disk.memory);
	timeline_memory_fini(&n->snapshot.memory);
}

/* A signer is an identity: while it runs on two hosts, and neither knows, one of them holds for both. */
static bool holds(const struct sim *s, const struct node *n, int k)
{
	for (int i = 0; i < s->nodes; i++) {
		struct zone_state *z = node_zone(&s->node[i]);
		struct key_state *ks = z == NULL || s->node[i].who != n->who ? NULL : zone_key(z, s->key[k]->hash);

		if (ks != NULL && key_held_by(z, ks, n->id.id))
			return true;
	}
	return false;
}

/* It has said that it serves nothing any more, and has not heard yet that it is retired. */
static bool has_left(const struct node *n)
{
	const struct node_state *me = state_node(n->state, n->id.id);

	return me != NULL && me->left;
}

/* Invariant 2: what is published is held by every signer that serves, and kept by a backup. */
void node_check_held(struct sim *s, uint32_t mask)
{
	for (int k = 0; k < s->keys; k++) {
		bool stored = false, any_backup = false;

		if ((mask >> k & 1) == 0)
			continue;
		for (int i = 0; i < s->nodes; i++) {
			const struct node *n = &s->node[i];
			struct zone_state *z = node_zone(n);
			struct key_state *ks = z == NULL ? NULL : zone_key(z, s->key[k]->hash);

			if (n->gone || !n->compared || has_left(n))
				continue;
			any_backup |= n->backup;
			stored |= n->backup && ks != NULL && ks->storeds > 0;
			if ((n->lost >> k & 1) != 0 && (ks == NULL || !ks->created))
				continue; /* it has not met anybody yet who knows of the key */
			if (!n->backup && n->disk.version != NULL && !holds(s, n, k))
				sim_fail(s, "not held", "k%d is published, and signer %d does not have it", k,
					 i);
		}
		if (any_backup && !stored && (s->move.keys >> k & 1) == 0)
			sim_fail(s, "not stored", "k%d is published, and no backup has it", k);
	}
}

/* ---- the loop ---- */

static void read_policy(const struct sim *s, struct node *n)
{
	const struct fact_reg *r = n->state->policies == 0 ? NULL : &n->state->policy[0].reg;
	const json_t *p;

	if (r == NULL || !r->set) {
		n->policy = s->policy;
		return;
	}
	if (memcmp(r->hash, n->policy_fact, FACT_HASH_LEN) == 0)
		return;
	memcpy(n->policy_fact, r->hash, FACT_HASH_LEN);
	p = json_object_get(r->body, "policy");
	n->policy = s->policy;
	n->policy.algorithm = (unsigned)json_integer_value(json_object_get(p, "algorithm"));
	n->policy.split = json_is_true(json_object_get(p, "split"));
}

/* A mistake: what a status shows counts as said. */
static void believe_status(const struct sim *s, struct node *n, struct zone_state *z)
{
	for (int i = 0; i < s->nodes && z != NULL; i++)
		for (size_t k = 0; k < z->keys && n->heard_of[i] != NULL; k++)
			for (enum key_record r = 0; r < KEY_RECORDS; r++) {
				struct record_state *rec = &z->key[k].record[r];

				if (!key_set_has(&n->heard_of[i]->published.record[r], z->key[k].hash) &&
				    id_set_has(&rec->serves, s->node[i].id.id))
					id_set_add(&rec->stopped, s->node[i].id.id);
			}
}

void node_in(struct sim *s, struct node *n, struct timeline_in *in)
{
	struct zone_state *z = node_zone(n);

	if (FAULT(STATUS_OPENS))
		believe_status(s, n, z);
	n->told += FAULT(STATUS_OPENS);
	read_policy(s, n);
	*in = (struct timeline_in){
		.facts = n->state,
		.zone = z,
		.self = n->id.id,
		.policy = &n->policy,
		.published = serve_shows(s, n),
		.memory = &n->disk.memory,
		.making = n->making ? &n->next : NULL,
		.observer = n->observer,
		.observers = n->observers,
	};
	leave_in(s, n, in);
}

const struct timeline *node_view(struct sim *s, struct node *n, struct timeline_in *in)
{
	const struct timeline_memory *m = &n->disk.memory;
	struct node_view of;

	node_in(s, n, in);
	of = (struct node_view){ n->told, n->disk.version, m->parents, m->observers, n->observers };
	if (memcmp(&of, &n->viewed, sizeof(of)) == 0)
		return &n->view;
	timeline_view(in, &n->view);
	n->viewed = of;
	return &n->view;
}

void node_count_time(const struct sim *s, struct node *n)
{
	const int64_t now = s->now + (FAULT(WALL_CLOCK_WAITS) ? n->clock_off : 0);

	timeline_ran(&n->disk.memory, (now - n->ran_at) * 1000);
	n->ran_at = now;
}

/* A backup stores what was made, once. */
static bool store_keys(struct sim *s, struct node *n, const struct zone_state *z)
{
	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *k = &z->key[i];

		if (!k->created || k->storeds > 0 || k->foreign)
			continue;
		node_say(s, n, "key.stored", true,
			 json_pack("{s:o,s:s}", "key", msg_json_hex(k->hash, 32), "recovery", "8899aabbccddeeff"));
		return true;
	}
	return false;
}

static bool hold_keys(struct sim *s, struct node *n)
{
	const struct zone_state *z = node_zone(n);

	if (z == NULL || n->backup)
		return z != NULL && store_keys(s, n, z);
	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *k = &z->key[i];

		switch (timeline_hold(z, k, n->id.id)) {
		case HOLD_WORD_NOTHING:
		case HOLD_WORD_SAID:
			continue;
		case HOLD_WORD_HELD:
			node_says_held(s, n, k);
			return true;
		case HOLD_WORD_DECLINED:
			node_say(s, n, "key.declined", true, json_pack("{s:o,s:s}", "key", msg_json_hex(k->hash, 32), "why", "tag"));
			return true;
		case HOLD_WORD_MAKE_AGAIN:
			node_makes_again(s, n, k);
			return true;
		}
	}
	return false;
}

static bool count_others(struct sim *s, struct node *n)
{
	const struct node_state *me = state_node(n->state, n->id.id);

	for (size_t i = 0; node_is_signer(me) && i < n->state->nodes; i++) {
		const struct node_state *o = &n->state->node[i];
		char id[NODE_ID_TEXT];

		if (o == me || !node_is_signer(o) || id_set_has(&me->counts, o->id))
			continue;
		node_say(s, n, "counts", false, json_pack("{s:s}", "node", node_id_text(o->id, id)));
		return true;
	}
	return false;
}

static void on_wake(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	if (n->wake_at != s->now)
		return;
	n->wake_at = 0;
	node_wake(s, n);
}

static void wake_later(struct sim *s, struct node *n)
{
	const int64_t left = timeline_left(&n->disk.memory);
	int64_t at;

	if (left < 0)
		return;
	at = s->now + left / 1000 + 1;
	if (n->wake_at > s->now && n->wake_at <= at)
		return;
	n->wake_at = at;
	sim_later(s, at - s->now, on_wake, n->i, 0, 0, NULL);
}

static void work(struct sim *s, struct node *n)
{
	struct timeline_say says[SAYS_MAX];
	struct timeline_in in;
	const struct timeline *t;

	for (int round = 0;; round++) {
		size_t count;

		if (round == 200)
			sim_fail(s, "livelock", "signer %d talks without end", n->i);
		while (count_others(s, n) || hold_keys(s, n))
			;
		if (leave_watched(s, n) != n->watched)
			node_observe(s, n);
		t = node_view(s, n, &in);
		timeline_tend(&in, t, &n->disk.memory);
		if (leave_step(s, n, &in))
			continue;
		count = node_leaves(n) ? 0 : timeline_says(&in, t, &n->disk.memory, says, SAYS_MAX);
		if (count == 0)
			break;
		node_says(s, n, &says[0]);
	}
	truth_of_view(s, n); /* all that it had to say is said */
	if (!node_leaves(n))
		serve_next(s, n, &in, t);
	for (size_t i = 0; i < n->observers; i++)
		if (timeline_wants(&in, &n->disk.memory, n->observer[i].id))
			look_begin(s, n, i);
	wake_later(s, n);
}

void node_wake(struct sim *s, struct node *n)
{
	if (!n->up || n->gone)
		return;
	if (n->backup) {
		while (hold_keys(s, n))
			;
		return;
	}
	node_count_time(s, n);
	leave_end(s, n);
	if (n->up && n->compared && node_zone(n) != NULL &&
	    node_is_signer(state_node(n->state, n->id.id)))
		work(s, n);
}

/* Whom the node looks at: the secondaries that take versions of it, those of who leaves, and whatever had a version of it, which the
 * NS RRset names if that one does not, and the parent's servers. */
void node_observe(struct sim *s, struct node *n)
{
	n->observers = 0;
	n->watched = leave_watched(s, n);
	for (int i = 0; i < s->secondaries; i++)
		if ((s->secondary[i].watchers >> n->i & 1) != 0 ||
		    ((s->secondary[i].watchers | s->secondary[i].had) & n->watched) != 0)
			n->observer[n->observers++] =
				(struct timeline_observer){ (uint64_t)i + 1, OBSERVER_SECONDARY };
	for (int i = 0; i < s->parents; i++)
		n->observer[n->observers++] =
			(struct timeline_observer){ (uint64_t)(SECONDARIES_MAX + i + 1), OBSERVER_PARENT };
}

/* All is where it should be, and nothing is to be done. */
bool node_is_settled(struct sim *s, struct node *n)
{
	struct timeline_in in;
	const struct timeline *t;

	if (!node_is_signer(state_node(n->state, n->id.id)))
		return n->disk.version == NULL;
	if (!n->up || !n->compared || n->making || leave_watched(s, n) != 0 || node_zone(n) == NULL)
		return false;
	t = node_view(s, n, &in);
	if (timeline_changes(t, in.published) || n->disk.memory.waits > 0)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		if (k->dead)
			continue;
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if ((r == RECORD_DNSKEY || (r == RECORD_ZONE ? k->zone_signing : k->sep)) &&
			    k->record[r].phase != PHASE_OMNIPRESENT)
				return false;
	}
	return true;
}
