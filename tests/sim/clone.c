/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clone: a node's disk is copied, and the copy is started on another host while the node runs on: one identity, twice.  Whichever has
 * spoken, and then hears of the other, holds; then a person takes one of them away.
 */
#include "tests/sim/sim.h"

#include "fact/own.h"

/* The host that is kept for one who joins. */
static struct node *host(struct sim *s)
{
	return &s->node[s->members];
}

void clone_made(struct sim *s, struct node *of)
{
	struct node *x = host(s);

	if (x->who != x->i || of->gone || state_node(of->state, x->id.id) != NULL)
		return;
	sim_say(s, "node %d is copied to another host, %d", of->i, x->i);
	x->id = of->id;
	x->who = of->i;
	x->up = x->compared = false;
	node_copy(x, of);
	for (int i = 0; i < s->secondaries; i++) {
		if ((s->secondary[i].primaries >> of->i & 1) != 0 && chance_of(&s->chance, 50))
			s->secondary[i].primaries |= 1 << x->i;
		if ((s->secondary[i].watchers >> of->i & 1) != 0)
			s->secondary[i].watchers |= 1 << x->i;
	}
}

void clone_starts(struct sim *s)
{
	struct node *x = host(s);

	if (x->who == x->i)
		return;
	node_observe(s, x);
	node_start(s, x);
	for (int i = 0; i < s->secondaries; i++)
		if ((s->secondary[i].primaries >> x->i & 1) != 0)
			s->secondary[i].given_at[x->i] = s->now;
}

static struct node *other_of(struct sim *s, const struct node *n)
{
	for (int i = 0; i < s->nodes; i++)
		if (i != n->i && s->node[i].who == n->who && !s->node[i].gone)
			return &s->node[i];
	return NULL;
}

static void take_away(struct sim *s, struct node *x, struct node *stays)
{
	sim_say(s, "node %d is taken away: its identity is in use at %d", x->i, stays->i);
	if (x->up)
		node_stop(s, x);
	x->gone = true;
	for (int i = 0; i < s->secondaries; i++) {
		if ((s->secondary[i].primaries >> x->i & 1) == 0)
			continue;
		if ((s->secondary[i].primaries >> stays->i & 1) == 0)
			s->secondary[i].given_at[stays->i] = s->now;
		s->secondary[i].primaries &= ~(1 << x->i);
		s->secondary[i].primaries |= 1 << stays->i;
		secondary_notify(s, i);
	}
}

/* A person has seen the alarm. */
static void on_person(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a], *o = other_of(s, n);

	if (!n->elsewhere || n->gone)
		return;
	if (o != NULL && chance_of(&s->chance, 50)) {
		take_away(s, n, o);
		return;
	}
	if (o != NULL)
		take_away(s, o, n);
	if (n->up)
		node_stop(s, n);
	node_start(s, n);
}

static void in_use_elsewhere(struct sim *s, struct node *n)
{
	if (n->elsewhere)
		return;
	sim_say(s, "node %d holds: its identity is in use elsewhere", n->i);
	n->elsewhere = true;
	n->compared = n->making = false;
	sim_later(s, chance_between(&s->chance, MINUTE, 2 * DAY), on_person, n->i, 0, 0, NULL);
}

void clone_hears(struct sim *s, struct node *n, const struct sim_fact *own)
{
	n->set_back = true;
	if (own_fact(&n->inc, &own->f.inc) == OWN_ELSEWHERE)
		in_use_elsewhere(s, n);
}

/* A status of its own, of another run, from a start that it has not counted. */
void clone_hears_status(struct sim *s, struct node *n, const struct node *from, const struct version *own)
{
	if (own == NULL || own->who != n->who || own->start < n->disk.starts || (own->signer == n->i && own->boot == n->boot))
		return;
	n->set_back = true;
	n->met |= own->signer != n->i && (n->compared_with >> from->i & 1) != 0;
	if (own_status(&n->inc, (n->compared_with >> from->i & 1) != 0) == OWN_ELSEWHERE)
		in_use_elsewhere(s, n);
	else
		n->disk.starts = own->start + 1;
}

/* Whoever has met a word of itself from a higher incarnation than its own is silent. */
void clone_check(struct sim *s, const struct node *n)
{
	if (n->met)
		sim_fail(s, "identity twice", "node %d goes on, and has heard that its identity was started again elsewhere", n->i);
	for (int i = 0; i < n->disk.facts && n->inc.number != 0; i++)
		if (n->log[i]->origin == n->who && n->log[i]->f.inc.number > n->inc.number)
			sim_fail(s, "identity twice", "node %d goes on, and holds a fact of its own from incarnation %u above %u", n->i,
				 n->log[i]->f.inc.number, n->inc.number);
}
