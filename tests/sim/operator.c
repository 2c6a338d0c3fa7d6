/* SPDX-License-Identifier: BSD-3-Clause */
/* operator: what people do, at one node, knowing what it shows them. */
#include "tests/sim/sim.h"

#include "msg/msg.h"

#include <sodium.h>
#include <string.h>

/* As the policy is; now and then step by step, in a hurry, or to make a standby key. */
static void roll(struct sim *s, struct node *n, const struct timeline_key *k)
{
	const int at = keys_find(s, k->key->hash);
	const bool same = k->alg == n->policy.algorithm && n->policy.split != (k->sep && k->zone_signing);
	const enum key_hold hold = !s->by_steps || chance_of(&s->chance, 40) ? HOLD_NONE
				   : same && chance_of(&s->chance, 50) ? HOLD_STANDBY
								       : HOLD_STEPS;

	const bool now = s->by_steps && chance_of(&s->chance, 50);

	s->hurried |= now;
	if (s->rolled_at[at] == 0)
		s->rolled_at[at] = s->now;
	node_say(s, n, "key.roll", true,
		 json_pack("{s:o,s:b,s:{s:i,s:b,s:s,s:s,s:s}}", "key", msg_json_hex(k->key->hash, 32), "now",
			   (int)now, "want", "algorithm", (int)n->policy.algorithm, "split",
			   (int)n->policy.split, "ksk_method", key_method_names[n->policy.ksk_method], "algorithm_method",
			   key_method_names[n->policy.algorithm_method], "hold", key_hold_names[hold]));
}

static bool stands_by(const struct timeline_key *k)
{
	return !k->dead && k->key->hold == HOLD_STANDBY && k->key->released == 0;
}

/* One of the steps that wait for a word. */
static void release(struct sim *s, struct node *n, const struct timeline *t)
{
	const size_t start = chance_below(&s->chance, TIMELINE_KEYS_MAX);

	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[(i + start) % t->n];

		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const bool all = stands_by(k);

			if (!k->record[r].waits_in && !k->record[r].waits_out && !all)
				continue;
			node_say(s, n, "key.release", true,
				 json_pack("{s:o,s:s,s:b}", "key", msg_json_hex(k->key->hash, 32), "record",
					   all ? "all" : key_record_names[r], "goes", (int)k->record[r].waits_out));
			return;
		}
	}
}

static void on_release(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[chance_below(&s->chance, (uint32_t)s->signers)];
	struct timeline_in in;
	const struct timeline *t;

	(void)ev;
	if (n->up && !n->gone && n->compared && node_is_signer(state_node(n->state, n->id.id)) &&
	    node_zone(n) != NULL) {
		t = node_view(s, n, &in);
		release(s, n, t);
		node_wake(s, n);
	}
	sim_later(s, chance_between(&s->chance, MINUTE, 2 * DAY), on_release, 0, 0, 0, NULL);
}

void operator_begin(struct sim *s)
{
	s->by_steps = s->rare && chance_of(&s->chance, 60);
	if (s->by_steps)
		sim_later(s, chance_between(&s->chance, MINUTE, 2 * DAY), on_release, 0, 0, 0, NULL);
}

/* Of the keys in use one, or all. */
static void roll_keys(struct sim *s, struct node *n, bool all)
{
	const size_t start = chance_below(&s->chance, TIMELINE_KEYS_MAX);
	struct timeline_in in;
	const struct timeline *t;

	t = node_view(s, n, &in);
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[(i + start) % t->n];

		if (k->dead || k->record[RECORD_DNSKEY].retiring)
			continue;
		roll(s, n, k);
		if (!all)
			return;
	}
}

static void change_policy(struct sim *s, struct node *n, int64_t value)
{
	struct timeline_in in;
	uint64_t rev = n->state->policies == 0 ? 0 : n->state->policy[0].reg.rev;

	node_in(s, n, &in); /* its policy */
	node_say(s, n, "policy", false,
		 json_pack("{s:{s:s,s:i,s:b},s:I}", "policy", "name", "p", "algorithm",
			   value % 3 != 0 ? 8 + 15 - (int)n->policy.algorithm : (int)n->policy.algorithm,
			   "split", value % 3 == 1 ? n->policy.split : !n->policy.split, "rev",
			   (json_int_t)rev + 1));
	if (json_integer_value(json_object_get(n->state->policy[0].reg.body, "rev")) != (json_int_t)rev + 1)
		sim_fail(s, "command lost", "the policy that was given to node %d is not its newest", n->i);
	roll_keys(s, n, true);
}

static void set_secure(struct sim *s, struct node *n, bool secure)
{
	const struct fact_reg *r = &node_zone(n)->secure;

	node_say(s, n, "zone.secure", true,
		 json_pack("{s:b,s:I}", "secure", secure, "rev", (json_int_t)(r->set ? r->rev + 1 : 1)));
	if (json_is_true(json_object_get(r->body, "secure")) != secure)
		sim_fail(s, "command lost", "what was said to node %d on the zone's security is not its newest", n->i);
}

/* This one, or where it has left for good, another that is a signer; NULL: there is none. */
static struct node *who_is_left(struct sim *s, int from)
{
	for (int i = 0; i < s->signers; i++) {
		struct node *n = &s->node[(from + i) % s->signers];

		if (!n->gone && node_is_signer(state_node(n->state, n->id.id)))
			return n;
	}
	return NULL;
}

/* Makes the first keys, once nothing is left of those before. */
static void on_first_keys(struct sim *s, const struct event *ev)
{
	struct node *n = who_is_left(s, ev->a);
	struct timeline_create c = { .method = METHOD_FIRST };
	struct timeline_in in;
	const struct timeline *t;
	bool dead = true;

	if (n == NULL) { /* until one is restored */
		sim_later(s, DAY, on_first_keys, ev->a, 0, 0, NULL);
		return;
	}
	if (n->up && n->compared) {
		t = node_view(s, n, &in);
		for (size_t i = 0; i < t->n; i++)
			dead &= t->key[i].dead;
		if (!dead && t->secure)
			return; /* somebody else did */
		if (dead && t->secure) {
			c.alg = n->policy.algorithm;
			c.role = n->policy.split ? "ksk" : "csk";
			node_create(s, n, &c);
			c.role = "zsk";
			if (n->policy.split)
				node_create(s, n, &c);
			node_wake(s, n);
			return;
		}
	}
	sim_later(s, DAY, on_first_keys, n->i, 0, 0, NULL);
}

void operator_admits(struct sim *s, struct node *n)
{
	struct node *x = &s->node[s->members];

	if (state_node(n->state, x->id.id) != NULL && state_node(n->state, x->id.id)->admitted.set)
		return;
	node_say(s, n, "admitted", false,
		 json_pack("{s:s,s:s,s:s}", "line", x->line, "name", x->id.id_text, "role", "signer"));
	for (int i = 0; i < s->secondaries; i++)
		if (!s->secondary[i].elsewhere && chance_of(&s->chance, 50)) {
			s->secondary[i].primaries |= 1 << x->i;
			s->secondary[i].watchers |= (int)chance_below(&s->chance, 2) << x->i;
		}
	node_observe(s, x);
	node_wake(s, x);
}

/* How far n knows that another one spoke. */
static json_t *upto_of(const struct node *n, const struct node *dead)
{
	json_t *upto = json_array();
	char random[17];

	for (int i = 0; i < n->disk.facts; i++)
		if (n->log[i]->origin == dead->i) {
			sodium_bin2hex(random, sizeof(random), n->log[i]->f.inc.random, 8);
			json_array_append_new(upto, json_pack("[i,s,I]", (int)n->log[i]->f.inc.number, random,
							      (json_int_t)n->log[i]->f.seq));
		}
	return upto;
}

void operator_says_retired(struct sim *s, struct node *n, const struct node *dead, const char *why)
{
	node_say(s, n, "retired", false,
		 json_pack("{s:s,s:s,s:s,s:o}", "node", dead->id.id_text, "line", dead->line, "why", why,
			   "upto", upto_of(n, dead)));
	s->given_up[RECORD_DS] = UINT32_MAX;
}

static void swear(struct sim *s, struct node *n, const struct node *dead)
{
	node_observe(s, n);
	operator_says_retired(s, n, dead, "fenced");
	node_wake(s, n);
}

/* What `backup restore` says: all signers are retired, a new one is admitted, and that is one restore. */
static void on_restore(struct sim *s, const struct event *ev)
{
	struct node *b = &s->node[s->nodes - 1], *fresh = &s->node[s->members];
	int facts = 1;

	if (!b->up || !b->compared || !fresh->up) {
		sim_later(s, HOUR, on_restore, ev->a, 0, 0, NULL);
		return;
	}
	sim_say(s, "-- the backup restores node %d", fresh->i);
	for (int i = 0; i < s->members; i++, facts++)
		operator_says_retired(s, b, &s->node[i], "fenced");
	node_say(s, b, "admitted", false,
		 json_pack("{s:s,s:s,s:s}", "line", fresh->line, "name", fresh->id.id_text, "role", "signer"));
	node_say(s, b, "restored", false, json_pack("{s:i}", "facts", facts));
	for (int i = 0; i < s->secondaries; i++)
		s->secondary[i].primaries = s->secondary[i].watchers = 1 << fresh->i;
	node_observe(s, fresh);
	node_wake(s, fresh);
}

void operator_restores(struct sim *s)
{
	struct node *b = &s->node[s->nodes - 1];

	for (int i = 0; i <= s->members; i++) /* somebody must be left who is new to all */
		if (s->node[i].gone || state_node(s->node[i].state, s->node[s->members].id.id) != NULL)
			return;
	for (int i = 0; i < s->members; i++) {
		s->node[i].gone = true;
		s->node[i].up = false;
		exchange_all(s, &s->node[i], b, s->node[i].disk.facts); /* the backup has all that they said */
	}
	sim_later(s, chance_between(&s->chance, HOUR, 3 * DAY), on_restore, 0, 0, 0, NULL);
}

/*
 * What an operator swears to: nothing that the dead signer served, or its secondaries, is in any cache.  A node that was set
 * back may have been the only one that had heard it: then it is sworn again.
 */
static void on_oath(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	const struct node *dead = &s->node[ev->b];
	bool over;

	for (int i = 0; n->gone && i < s->signers; i++) /* died meanwhile: the operator swears it to another */
		n = &s->node[i];
	if (!node_is_signer(state_node(n->state, dead->id.id))) {
		sim_later(s, 4 * DAY, on_oath, ev->a, ev->b, ev->value, NULL);
		return;
	}
	leave_none_without(s);
	over = n->up && n->compared && (n->sure || start_is_sure(s, n));
	for (int i = 0; i < s->secondaries; i++)
		over &= s->secondary[i].elsewhere || s->secondary[i].version == NULL || s->secondary[i].version->at >= (int64_t)ev->value;
	if (over && ev->what != NULL) {
		swear(s, n, dead);
		over = false;
	}
	sim_later(s, over ? 4 * DAY : HOUR, on_oath, ev->a, ev->b, ev->value, over ? s : NULL);
}

/*
 * A node is to leave.  Where all have lost what a dead one last said, or one that was set back to before it served says that it
 * serves nothing, no look can tell who has what it published, and the operator takes it away and swears after all; so he does
 * where it takes too long: where servers that it named show what a foreign signer gives, nobody can tell by looks.
 */
#define LOOKS 4 /* in ten days each */
static void on_unknown(struct sim *s, const struct event *ev)
{
	struct node *x = &s->node[ev->b];

	if (!node_is_signer(state_node(s->node[ev->a].state, x->id.id)))
		return;
	leave_none_without(s);
	if (ev->value < LOOKS && (leave_is_known(s, x) || (!x->gone && x->disk.version != NULL))) {
		sim_later(s, 10 * DAY, on_unknown, ev->a, ev->b, ev->value + 1, NULL);
		return;
	}
	if (!x->gone)
		sim_say(s, "node %d serves nothing any more, and is taken away", x->i);
	x->gone = true;
	x->up = false;
	sim_later(s, HOUR, on_oath, ev->a, ev->b, (uint64_t)s->now, NULL);
}

/* The node is dead for good, and its secondaries are given to another; or it is to leave. */
static void retire(struct sim *s, struct node *n, struct node *dead, int64_t value)
{
	uint8_t ids[NODES_MAX * 2][NODE_ID_LEN];

	if (dead == n || dead->backup || dead->gone || node_leaves(n) || !node_is_signer(state_node(n->state, dead->id.id)) ||
	    state_counted(n->state, n->id.id, ids) < 3)
		return;
	if (value % 4 > 1) {
		leave_begin(s, n, dead, value % 4 == 2, value % 8 > 3);
		sim_later(s, 10 * DAY, on_unknown, n->i, dead->i, 0, NULL);
		return;
	}
	dead->gone = true;
	dead->up = false;
	for (int i = 0; i < s->secondaries; i++) {
		if (s->secondary[i].elsewhere)
			continue;
		if ((s->secondary[i].primaries >> n->i & 1) == 0)
			s->secondary[i].given_at[n->i] = s->now;
		s->secondary[i].primaries &= ~(1 << dead->i);
		s->secondary[i].primaries |= 1 << n->i;
		s->secondary[i].watchers |= 1 << n->i;
		secondary_notify(s, i);
	}
	node_observe(s, n);
	sim_later(s, HOUR, on_oath, n->i, dead->i, (uint64_t)s->now, NULL);
}

void operator_acts(struct sim *s, const struct trouble *t)
{
	struct node *n = &s->node[t->a];

	if (!n->up || n->gone || !n->compared || !node_is_signer(state_node(n->state, n->id.id)))
		return;
	if (t->kind == TROUBLE_ROLL) {
		roll_keys(s, n, false);
	} else if (t->kind == TROUBLE_POLICY) {
		change_policy(s, n, t->value);
	} else if (t->kind == TROUBLE_INSECURE) {
		set_secure(s, n, false);
	} else if (t->kind == TROUBLE_SECURE) {
		set_secure(s, n, true);
		sim_later(s, HOUR, on_first_keys, n->i, 0, 0, NULL);
	} else if (t->kind == TROUBLE_JOIN) {
		operator_admits(s, n);
	} else if (t->kind == TROUBLE_RETIRE) {
		retire(s, n, &s->node[t->b], t->value);
	}
	node_wake(s, n);
}
