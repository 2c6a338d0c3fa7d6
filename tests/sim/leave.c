/* SPDX-License-Identifier: BSD-3-Clause */
/* leave: signers that are to be retired, by their own word or, when they are dead, by what others see. */
#include "tests/sim/sim.h"

#include "fail/fault.h"

#include <string.h>

bool node_leaves(const struct node *n)
{
	const struct node_state *me = state_node(n->state, n->id.id);

	return me != NULL && me->leaving;
}

static struct node *node_of(struct sim *s, const uint8_t id[NODE_ID_LEN])
{
	for (int i = 0; i < s->nodes; i++)
		if (memcmp(s->node[i].id.id, id, NODE_ID_LEN) == 0)
			return &s->node[i];
	return NULL;
}

static struct timeline_leaver leaver_of(const struct node *n, const struct node *x)
{
	const uint32_t dnskey = n == x ? n->disk.dnskey_ttl : n->disk.heard_dnskey_ttl[x->i];
	const uint32_t zone = n == x ? n->disk.zone_ttl : n->disk.heard_zone_ttl[x->i];
	struct timeline_leaver l = { .known = n == x || zone > 0, .published = n != x || n->disk.version != NULL };

	memcpy(l.node, x->id.id, NODE_ID_LEN);
	l.ttl = dnskey > zone ? dnskey : zone;
	return l;
}

bool leave_is_known(const struct sim *s, const struct node *x)
{
	for (int i = 0; i < s->nodes; i++) {
		const struct node *n = &s->node[i];

		struct timeline_leaver l;

		if (n->gone || !timeline_watches(n->state, n->id.id, state_node(n->state, x->id.id)))
			continue;
		l = leaver_of(n, x);
		if (l.known && l.published)
			return true;
	}
	return false;
}

void leave_in(struct sim *s, struct node *n, struct timeline_in *in)
{
	size_t leavers = 0;

	for (size_t i = 0; i < n->state->nodes; i++)
		if (timeline_watches(n->state, n->id.id, &n->state->node[i]))
			n->leaver[leavers++] = leaver_of(n, node_of(s, n->state->node[i].id));
	in->leaver = n->leaver;
	in->leavers = leavers;
}

bool leave_stays(struct sim *s, const struct node *n, const struct version *v)
{
	const struct node_state *by = v->signer == FOREIGN ? NULL : state_node(n->state, s->node[v->signer].id.id);

	return by != NULL && node_is_signer(by) && !by->leaving;
}

/* What is looked at for another that leaves: all that it looked at. */
int leave_watched(struct sim *s, const struct node *n)
{
	int of = 0;

	for (size_t i = 0; i < n->state->nodes; i++)
		if (timeline_watches(n->state, n->id.id, &n->state->node[i]))
			of |= 1 << node_of(s, n->state->node[i].id)->i;
	return of;
}

bool leave_step(struct sim *s, struct node *n, const struct timeline_in *in)
{
	for (size_t i = 0; i < n->state->nodes; i++) {
		const struct node_state *x = &n->state->node[i];
		const bool departed = timeline_departed(in, &n->disk.memory, x->id);

		const enum leave_word word = timeline_leave(n->state, n->id.id, x, departed);

		if (word == LEAVE_RETIRED && !n->sure && !start_is_sure(s, n)) /* it may lack what that one said last */
			continue;
		switch (word) {
		case LEAVE_NOTHING:
			continue;
		case LEAVE_STOPPED:
			node_say(s, n, "node.stopped", false, json_object());
			return true;
		case LEAVE_RETIRED:
			operator_says_retired(s, n, node_of(s, x->id), x->left ? "stopped" : "observed");
			return true;
		}
	}
	return false;
}

void leave_tell(struct sim *s, const struct node *n)
{
	const struct timeline_memory *m = &n->disk.memory;

	for (size_t i = 0; i < n->state->nodes; i++)
		if (n->state->node[i].leaving)
			sim_say(s, "signer %d: node %d is to leave%s%s", n->i, node_of(s, n->state->node[i].id)->i,
				n->state->node[i].dead ? ", and dead" : "", n->state->node[i].left ? ", and has stopped" : "");
	for (size_t i = 0; i < m->waits; i++)
		if (m->wait[i].kind == WAIT_LEAVE)
			sim_say(s, "signer %d: that is waited for, %lld of %lld s, and %s has been seen", n->i,
				(long long)m->wait[i].ran_ms / 1000, (long long)m->wait[i].need_ms / 1000,
				m->wait[i].complete ? "all" : "not all");
}

/* What it was, once it knows that it is retired: it is taken away. */
void leave_end(struct sim *s, struct node *n)
{
	const struct node_state *me = state_node(n->state, n->id.id);

	if (n->gone || me == NULL || !me->retired)
		return;
	sim_say(s, "node %d is retired, and taken away", n->i);
	n->gone = true;
	n->up = false;
}

/* Two operators have two signers leave, and each gave the secondaries to the other one; or those that have them serve nothing:
 * one that stays, and serves, has them. */
void leave_none_without(struct sim *s)
{
	for (int i = 0; i < s->secondaries; i++) {
		struct secondary *sec = &s->secondary[i];
		const struct node *stays = NULL;
		bool has = sec->elsewhere;

		for (int j = 0; j < s->signers; j++) {
			const struct node *n = &s->node[j];

			if (n->gone || node_leaves(n) || n->disk.version == NULL || !node_is_signer(state_node(n->state, n->id.id)))
				continue;
			stays = stays == NULL ? n : stays;
			has |= (sec->primaries >> j & 1) != 0;
		}
		if (has || stays == NULL)
			continue;
		sec->given_at[stays->i] = s->now;
		sec->primaries |= 1 << stays->i;
		sec->watchers |= 1 << stays->i;
		node_observe(s, &s->node[stays->i]);
		secondary_notify(s, i);
	}
}

/*
 * An operator at n wants x to leave.  It runs until it is retired, or is dead.  Others are asked in its place from now on, or
 * besides: then secondaries ask it, too, as long as it serves.
 */
void leave_begin(struct sim *s, struct node *n, struct node *x, bool dead, bool besides)
{
	for (int i = 0; i < s->secondaries; i++) {
		if (s->secondary[i].elsewhere)
			continue;
		if ((s->secondary[i].primaries >> n->i & 1) == 0)
			s->secondary[i].well_at = s->now;
		if (!besides)
			s->secondary[i].primaries &= ~(1 << x->i);
		s->secondary[i].primaries |= 1 << n->i;
		s->secondary[i].watchers |= 1 << n->i;
		secondary_notify(s, i);
	}
	if (dead) {
		x->gone = true;
		x->up = false;
	}
	node_observe(s, n);
	node_say(s, n, "retiring", false, json_pack("{s:s,s:b}", "node", x->id.id_text, "dead", (int)dead));
	node_wake(s, n);
}
