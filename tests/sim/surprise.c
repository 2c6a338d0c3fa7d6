/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * surprise: a newcomer is admitted at the worst moment of a roll.  One signer has said that a record is everywhere; another,
 * which is about to say so, hears nobody from now on and nobody hears it, so it takes its next step without knowing of the
 * newcomer.
 */
#include "tests/sim/sim.h"

/* From all others. */
static void isolate(struct sim *s, int node, int by)
{
	for (int i = 0; i < s->nodes; i++)
		if (i != node) {
			s->cut[i][node] += by;
			s->cut[node][i] += by;
		}
}

static void on_together(struct sim *s, const struct event *ev)
{
	sim_say(s, "node %d and the others hear each other again", ev->a);
	isolate(s, ev->a, -1);
	s->node[ev->a].well_at = s->now;
	serve_soon(s, ev->a);
}

void surprise_alone(struct sim *s, int node, int64_t length)
{
	sim_say(s, "node %d and the others do not hear each other", node);
	isolate(s, node, 1);
	sim_later(s, length, on_together, node, 0, 0, NULL);
}

static void on_admission(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	if (n->up && n->compared && !n->gone && node_is_signer(state_node(n->state, n->id.id)))
		operator_admits(s, n);
}

static void on_alone(struct sim *s, const struct event *ev)
{
	const int64_t end = (int64_t)ev->value - s->now, most = end < 2 * DAY ? end : 2 * DAY;

	surprise_alone(s, ev->b, chance_between(&s->chance, most / 2, most));
	sim_later(s, chance_between(&s->chance, 1, 3 * HOUR), on_admission, ev->a, 0, 0, NULL);
}

void surprise_begins(struct sim *s, const struct trouble *t)
{
	s->surprise = t;
	s->surprise_words = (int)t->value;
}

void surprise_ends(struct sim *s)
{
	s->surprise = NULL;
}

void surprise_word(struct sim *s, const struct node *n, const uint8_t key[32], enum key_record r)
{
	const struct trouble *t = s->surprise;
	const struct node *b = t == NULL ? NULL : &s->node[t->b];
	const struct key_state *k = b == NULL || node_zone(b) == NULL ? NULL : zone_key(node_zone(b), key);

	if (k == NULL || n->i != t->a || b->gone || id_set_has(&k->record[r].seen, b->id.id) || --s->surprise_words > 0)
		return;
	s->surprise = NULL;
	if (s->now + 2 * MINUTE < t->to)
		sim_later(s, chance_between(&s->chance, 10, MINUTE), on_alone, t->a, t->b, (uint64_t)t->to, NULL);
}
