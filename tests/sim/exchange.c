/* SPDX-License-Identifier: BSD-3-Clause */
/* exchange: facts and status from node to node, late, twice, out of order or not at all; held only in order.
 */
#include "tests/sim/sim.h"

#include <string.h>

bool node_reaches(const struct sim *s, int a, int b)
{
	return s->node[a].up && s->node[b].up && !s->node[a].gone && !s->node[b].gone && s->cut[a][b] == 0;
}

/* What log.c does: a fact is taken only behind the one before it. */
static bool takes(const struct node *to, const struct sim_fact *f)
{
	static const uint8_t none[FACT_HASH_LEN];
	const struct sim_fact *head = NULL;

	for (int i = to->disk.facts - 1; i >= 0 && head == NULL; i--)
		if (to->log[i]->origin == f->origin && incarnation_cmp(&to->log[i]->f.inc, &f->f.inc) == 0)
			head = to->log[i];
	if (head == NULL)
		return f->f.seq == 1 && memcmp(f->f.prev, none, FACT_HASH_LEN) == 0;
	return f->f.seq == head->f.seq + 1 && memcmp(f->f.prev, head->f.hash, FACT_HASH_LEN) == 0;
}

static bool has(const struct node *n, const struct sim_fact *f)
{
	return (n->has[f->nr / 64] >> f->nr % 64 & 1) != 0;
}

void exchange_holds(struct node *n, const struct sim_fact *f)
{
	n->log[n->disk.facts++] = f;
	n->has[f->nr / 64] |= UINT64_C(1) << f->nr % 64;
	n->told++;
	if (fact_state_apply(n->state, &f->f))
		node_rebuild(n);
}

static void larger(uint32_t *ttl, uint32_t other)
{
	if (*ttl < other)
		*ttl = other;
}

bool exchange_all(struct sim *s, struct node *from, struct node *to, int upto)
{
	bool fresh = false;

	if (upto > from->disk.facts)
		upto = from->disk.facts; /* set back meanwhile */
	for (int i = to->heard[from->i]; i < upto; i++) {
		const struct sim_fact *f = from->log[i];

		if (!has(to, f) && takes(to, f) && fact_state_closed(to->state, &f->f) == NULL) {
			if (to->disk.facts == FACTS_MAX)
				sim_fail(s, "limit", "too many facts");
			exchange_holds(to, f);
			if (f->origin == to->who)
				clone_hears(s, to, f);
			fresh = true;
		}
		to->heard[from->i] = i + 1;
	}
	clone_hears_status(s, to, from, from->disk.version);
	learn_hears(to, from->disk.version);
	larger(&to->disk.heard_dnskey_ttl[from->who], from->disk.dnskey_ttl);
	larger(&to->disk.heard_zone_ttl[from->who], from->disk.zone_ttl);
	for (int i = 0; i < s->nodes; i++) { /* status is relayed */
		larger(&to->disk.heard_dnskey_ttl[i], from->disk.heard_dnskey_ttl[i]);
		larger(&to->disk.heard_zone_ttl[i], from->disk.heard_zone_ttl[i]);
		clone_hears_status(s, to, from, from->heard_of[i]);
		learn_hears(to, from->heard_of[i]);
	}
	if (to->heard[from->i] == from->disk.facts) /* all that it has */
		to->compared_with |= UINT32_C(1) << from->i;
	if (fresh)
		exchange_push(s, to);
	return fresh;
}

static void on_arrives(struct sim *s, const struct event *ev)
{
	struct node *from = &s->node[ev->a], *to = &s->node[ev->b];

	if (!node_reaches(s, ev->a, ev->b)) {
		/* peers compare again and again: it comes once they hear each other */
		if (from->gone || to->gone)
			return;
		sim_later(s, chance_between(&s->chance, 10 * MINUTE, 6 * HOUR), on_arrives, ev->a, ev->b,
			  ev->value, NULL);
		return;
	}
	if (!to->backup && !to->compared)
		return;
	if (exchange_all(s, from, to, (int)ev->value))
		node_wake(s, to);
	else
		serve_step(s, to);
}

void exchange_push(struct sim *s, struct node *n)
{
	for (int i = 0; i < s->nodes && !s->quiet; i++) {
		int64_t delay = chance_between(&s->chance, 0, 3);

		if (s->node[i].who == n->who || s->node[i].gone)
			continue;
		if (chance_of(&s->chance, s->move.lossy ? 40 : 5))
			delay = chance_between(&s->chance, 0, 2 * HOUR); /* lost, and made up for later */
		sim_later(s, delay, on_arrives, n->i, i, (uint64_t)n->disk.facts, NULL);
		if (chance_of(&s->chance, 3))
			sim_later(s, delay + 1, on_arrives, n->i, i, (uint64_t)n->disk.facts, NULL);
	}
}
