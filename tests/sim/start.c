/* SPDX-License-Identifier: BSD-3-Clause */
/* start: nodes end and start again, with all that was durable or with an old copy of it (DESIGN section 4,
 * "Set back"). */
#include "tests/sim/sim.h"

#include "fact/own.h"

#include <stdlib.h>
#include <string.h>

static void copy_memory(struct timeline_memory *to, const struct timeline_memory *from)
{
	timeline_memory_fini(to);
	*to = *from;
	to->wait = from->waits == 0 ? NULL : mem_dup(from->wait, from->waits * sizeof(*from->wait));
}

static void copy_disk(struct node_disk *to, const struct node_disk *from)
{
	struct timeline_memory m = to->memory;

	copy_memory(&m, &from->memory);
	*to = *from;
	to->memory = m;
	to->own.v = to->own_v;
	to->others.v = to->others_v;
}

/* fact_state_load. */
void node_rebuild(struct node *n)
{
	fact_state_free(n->state);
	n->state = fact_state_new();
	memset(n->has, 0, sizeof(n->has));
	n->told++;
	for (int i = 0; i < n->disk.facts; i++)
		n->has[n->log[i]->nr / 64] |= UINT64_C(1) << n->log[i]->nr % 64;
	for (int i = 0; i < n->disk.facts; i++)
		if (fact_is_of_nodes(&n->log[i]->f))
			fact_state_apply(n->state, &n->log[i]->f);
	for (int i = 0; i < n->disk.facts; i++)
		if (!fact_is_of_nodes(&n->log[i]->f))
			fact_state_apply(n->state, &n->log[i]->f);
}

void node_stop(struct sim *s, struct node *n)
{
	struct timeline_memory *m = &n->disk.memory;

	sim_say(s, "node %d ends", n->i);
	n->up = n->frozen = false;
	for (size_t i = 0; i < m->waits; i++) { /* what ran since the last minute is lost */
		m->wait[i].ran_ms -= chance_between(&s->chance, 0, MINUTE) * 1000;
		if (m->wait[i].ran_ms < 0)
			m->wait[i].ran_ms = 0;
	}
}

/* Asks all that it hears for what they have; whether there is none that it does not hear. */
static bool asks_all(struct sim *s, struct node *n)
{
	bool all = true;

	for (int i = 0; i < s->nodes; i++) {
		struct node *o = &s->node[i];

		if (o->who == n->who || o->gone)
			continue;
		if (node_reaches(s, i, n->i) && node_reaches(s, n->i, i)) {
			exchange_all(s, o, n, o->disk.facts);
			n->compared_with |= UINT32_C(1) << i;
			n->vouched |= o->backup || o->compared;
		}
		all &= (n->compared_with >> i & 1) != 0;
	}
	return all;
}

/* Peers compare again and again, though neither has anything to say: those that it has not met yet. */
static void on_meet(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	const uint64_t told = n->told;
	bool all = true;

	if (n->gone || !n->compared || n->boot != ev->b)
		return;
	for (int i = 0; i < s->nodes && n->up; i++) {
		struct node *o = &s->node[i];
		const bool met = (n->compared_with >> i & 1) != 0 || o->who == n->who || o->gone;

		if (!met && node_reaches(s, i, n->i))
			exchange_all(s, o, n, o->disk.facts);
		else
			all &= met || !o->up; /* who starts tells what it has */
	}
	if (n->told != told)
		node_wake(s, n);
	if (!all || !n->up)
		sim_later(s, chance_between(&s->chance, 10 * MINUTE, 6 * HOUR), on_meet, n->i, n->boot, 0, NULL);
}

static void on_compare(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	bool all;

	if (n->gone || n->compared || n->elsewhere || n->boot != ev->b || (!n->up && !n->frozen))
		return;
	if (n->frozen) {
		sim_later(s, HOUR, on_compare, n->i, n->boot, 0, NULL);
		return;
	}
	all = asks_all(s, n);
	if (all || (n->vouched && !n->set_back)) {
		sim_say(s, "node %d has compared%s", n->i, n->set_back ? " and was set back" : "");
		n->compared = true;
		n->well_at = s->now;
		learn_starts(s, n);
		exchange_push(s, n);
		node_wake(s, n);
		if (!all)
			sim_later(s, chance_between(&s->chance, 10 * MINUTE, 6 * HOUR), on_meet, n->i, n->boot, 0, NULL);
		return;
	}
	sim_later(s, chance_between(&s->chance, MINUTE, 2 * HOUR), on_compare, n->i, n->boot, 0, NULL);
}

/* It has all that node i has, as i says now. */
static bool is_level(const struct sim *s, const struct node *n, int i)
{
	return node_reaches(s, i, n->i) && n->heard[i] == s->node[i].disk.facts;
}

/* Those that it is level with, and those that these say to be level with. */
static void meet(const struct sim *s, struct node *n)
{
	n->met_others |= n->compared_with;
	for (int j = 0; j < s->nodes; j++)
		for (int i = 0; i < s->nodes && (n->compared_with >> j & 1) != 0 && is_level(s, n, j); i++)
			if (is_level(s, &s->node[j], i))
				n->met_others |= UINT32_C(1) << i;
}

static bool is_met(const struct sim *s, const struct node *n, const uint8_t id[NODE_ID_LEN])
{
	for (int i = 0; i < s->nodes; i++)
		if (memcmp(s->node[i].id.id, id, NODE_ID_LEN) == 0 && (n->met_others >> i & 1) != 0)
			return true;
	return false;
}

/* Then an operator, who knows it, says `zone resume --alone`: it is dead; or it has been down for long, and n is no old copy. */
static bool is_away(const struct sim *s, const struct node *n, const uint8_t id[NODE_ID_LEN])
{
	const bool may_wait = n->old_copy || s->now < n->started_at + 2 * DAY;
	bool away = true;

	for (int i = 0; i < s->nodes; i++)
		away &= s->node[i].gone || (!s->node[i].up && !may_wait) || memcmp(s->node[i].id.id, id, NODE_ID_LEN) != 0;
	return away;
}

bool start_is_sure(const struct sim *s, struct node *n)
{
	struct own_others others = { 0 };

	meet(s, n);
	for (size_t i = 0; i < n->state->nodes; i++) {
		const struct node_state *o = &n->state->node[i];

		if (is_away(s, n, o->id) || memcmp(o->id, n->id.id, NODE_ID_LEN) == 0)
			continue;
		others.signers += node_is_signer(o);
		others.backups += node_is_backup(o);
		others.signers_met += node_is_signer(o) && is_met(s, n, o->id);
		others.backups_met += node_is_backup(o) && is_met(s, n, o->id);
	}
	if (!own_is_sure(&others, false))
		return false;
	n->old_copy = false;
	return true;
}

void node_start(struct sim *s, struct node *n)
{
	if (n->up || n->gone)
		return;
	sim_say(s, "node %d starts", n->i);
	n->up = true;
	n->boot++;
	n->started_at = s->now;
	n->disk.starts++;
	n->ran_at = s->now;
	n->making = false;
	n->looking = 0;
	n->wake_at = 0;
	n->inc.number = 0;
	n->compared = own_may_speak((size_t)s->nodes - 1, 0, false) && !n->backup;
	n->elsewhere = n->met = false;
	n->set_back = n->sure = false;
	n->compared_with = n->met_others = 0;
	n->vouched = false;
	memset(n->heard, 0, sizeof(n->heard));
	memset(n->heard_of, 0, sizeof(n->heard_of));
	memset(n->shown, 0, sizeof(n->shown));
	n->step_at = 0;
	serial_watch_init(&n->watch);
	for (int i = 0; i < s->nodes; i++)
		s->node[i].heard[n->i] = 0;
	sim_later(s, chance_between(&s->chance, 0, 5), on_compare, n->i, n->boot, 0, NULL);
}

void node_copy(struct node *to, const struct node *of)
{
	copy_disk(&to->disk, &of->disk);
	memcpy(to->log, of->log, (size_t)of->disk.facts * sizeof(to->log[0]));
	to->highest_serial = to->disk.last;
	node_rebuild(to);
	to->old_copy = true;
}

void node_snapshot(struct sim *s, struct node *n)
{
	sim_say(s, "node %d is copied", n->i);
	copy_disk(&n->snapshot, &n->disk);
	n->has_snapshot = true;
}

static uint32_t keys_held(const struct sim *s, const struct node *n)
{
	const struct zone_state *z = node_zone(n);
	uint32_t held = 0;

	for (int k = 0; k < s->keys && z != NULL; k++) {
		struct key_state *ks = zone_key(z, s->key[k]->hash);

		if (ks != NULL && ks->created && key_held_by(z, ks, n->id.id))
			held |= UINT32_C(1) << k;
	}
	return held;
}

void node_restore(struct sim *s, struct node *n)
{
	uint32_t had;

	if (!n->has_snapshot || n->gone)
		return;
	if (n->up || n->frozen)
		node_stop(s, n);
	had = keys_held(s, n);
	sim_say(s, "node %d is set back to the copy: %d of %d facts", n->i, n->snapshot.facts, n->disk.facts);
	copy_disk(&n->disk, &n->snapshot);
	n->highest_serial = n->disk.last;
	node_rebuild(n);
	n->old_copy = true;
	n->lost = (n->lost | had) & ~keys_held(s, n);
	node_start(s, n);
}
