/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leave: a signer that is to be retired leaves the conjunctions once nothing of it is served or cached: by its own word, as it
 * serves nothing any more and has seen the versions of others wherever its own were; or, where it cannot speak, by what
 * another signer has seen.
 */
#include "timeline/order.h"

#include "fail/fault.h"

#include <string.h>

bool timeline_watches(const struct fact_state *s, const uint8_t *self, const struct node_state *n)
{
	const struct node_state *me = state_node(s, self);

	return n->leaving && node_is_signer(me) && (n == me || (n->dead && !me->leaving));
}

static const struct timeline_leaver *leaver_of(const struct timeline_in *in, const uint8_t *node)
{
	for (size_t i = 0; i < in->leavers; i++)
		if (memcmp(in->leaver[i].node, node, NODE_ID_LEN) == 0)
			return &in->leaver[i];
	return NULL;
}

const struct timeline_wait *timeline_leave_wait(const struct timeline_memory *m, const uint8_t *node)
{
	uint8_t key[32] = { 0 };

	memcpy(key, node, NODE_ID_LEN);
	return timeline_wait_find(m, key, RECORD_DNSKEY, WAIT_LEAVE);
}

static bool all_in(const struct id_set *set, uint8_t ids[][NODE_ID_LEN], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!id_set_has(set, ids[i]))
			return false;
	return n > 0;
}

/*
 * Nobody but the leaver may have looked at its servers, and its `seen` and `gone` are not asked for once it has left.  So the
 * servers must have come as far as those who stay may rely upon: they show what all serve, or some have seen everywhere, and
 * nothing that all have stopped, or some have found gone.  (Who came later, and serves nothing yet, has said neither.)
 * Returns of how many records that is asked; look NULL: none is looked at.
 */
static size_t steps_of(const struct timeline_in *in, const struct timeline_look *look, enum observer_kind kind, bool *shows)
{
	uint8_t ids[TIMELINE_OBSERVERS_MAX][NODE_ID_LEN];
	size_t n = in->facts->nodes <= TIMELINE_OBSERVERS_MAX ? state_counted(in->facts, in->self, ids) : 0, steps = 0;

	for (size_t i = 0; i < in->zone->keys; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const struct key_state *k = &in->zone->key[i];
			const struct record_state *s = &k->record[r];
			const bool out = s->gone.n > 0 || all_in(&s->stopped, ids, n);
			const bool comes = r != RECORD_DS && s->stopped.n == 0 && (s->seen.n > 0 || all_in(&s->serves, ids, n));

			if ((!out && !comes) || (kind == OBSERVER_PARENT && (r != RECORD_DS || s->gone.n == 0)))
				continue;
			steps += 1 + out;
			if (look != NULL && key_set_has(&look->record[r], k->hash) != comes)
				*shows = false;
		}
	return steps;
}

bool leave_shows(const struct timeline_in *in, const struct timeline_look *look, enum observer_kind kind)
{
	bool shows = look->stays || kind == OBSERVER_PARENT;

	steps_of(in, look, kind, &shows);
	return shows;
}

/*
 * Those who stay may have found a DS gone that the leaver has not: what its servers showed as CDS until now may have brought it
 * back to the parent, and into caches.
 */
static bool ds_in_doubt(const struct timeline_in *in, const struct timeline_leaver *l)
{
	for (size_t i = 0; i < in->zone->keys; i++) {
		const struct record_state *s = &in->zone->key[i].record[RECORD_DS];

		if (s->gone.n > 0 && !id_set_has(&s->gone, l->node))
			return true;
	}
	return false;
}

/* Its servers are looked at anew. */
static void again(struct timeline_memory *m, struct timeline_wait *w, bool confirmed)
{
	w->confirmed = confirmed;
	w->complete = false;
	w->looked = 0;
	w->opened = ++m->mark;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Largest TTL of what its servers may have had: its own versions, this node's, or any other's, by what was said of them. */
static int64_t largest_ttl(const struct timeline_in *in, const struct timeline_leaver *l)
{
	uint64_t ttl = larger(l->ttl, larger(in->published->dnskey_ttl, in->published->zone_ttl));

	for (size_t i = 0; i < in->zone->keys; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const struct record_state *s = &in->zone->key[i].record[r];

			if (r != RECORD_DS && s->before_ttl > ttl)
				ttl = s->before_ttl;
			if (r != RECORD_DS && s->ttl > ttl)
				ttl = s->ttl;
		}
	return (int64_t)ttl;
}

static int64_t need_s(const struct timeline_in *in, const struct timeline_memory *m, const struct timeline_wait *w,
		      const struct timeline_leaver *l)
{
	const int64_t s = largest_ttl(in, l) + in->policy->extra_s;

	if (w->confirmed)
		return larger(m->ds_ttl, (uint32_t)in->zone->ds_ttl) + in->policy->extra_s;
	return w->doubt && s < in->policy->parent_delay_s ? in->policy->parent_delay_s : s;
}

/* Where a DS is in doubt: once nothing brings it back, the parent has had the time to take it out, and is looked at. */
bool leave_is_over(const struct timeline_wait *w)
{
	return w->complete && w->ran_ms >= w->need_ms && (w->confirmed || !w->doubt);
}

void leave_tend(const struct timeline_in *in, struct timeline_memory *m)
{
	for (size_t i = m->waits; i-- > 0;)
		if (m->wait[i].kind == WAIT_LEAVE && leaver_of(in, m->wait[i].key) == NULL)
			wait_close(m, &m->wait[i]);
	for (size_t i = 0; i < in->leavers; i++) {
		const struct timeline_leaver *l = &in->leaver[i];
		const bool self = memcmp(l->node, in->self, NODE_ID_LEN) == 0;
		uint8_t key[32] = { 0 };
		struct timeline_wait *w;
		size_t steps;

		memcpy(key, l->node, NODE_ID_LEN);
		if (self && !l->known) /* it may be serving again */
			wait_close(m, timeline_wait_find(m, key, RECORD_DNSKEY, WAIT_LEAVE));
		if (!l->known || !l->published)
			continue;
		w = wait_open(m, key, RECORD_DNSKEY, WAIT_LEAVE);
		w->doubt = ds_in_doubt(in, l);
		steps = steps_of(in, NULL, OBSERVER_SECONDARY, NULL);
		if (w->steps != steps) /* what caches have of its servers is of before this step */
			again(m, w, false);
		else if (w->doubt && !w->confirmed && w->complete && w->ran_ms >= w->need_ms)
			again(m, w, true);
		w->steps = steps;
		w->need_ms = FAULT(LEAVE_NO_WAIT) ? 0 : need_s(in, m, w, l) * 1000;
		wait_judge(in, m, w);
	}
}

bool timeline_departed(const struct timeline_in *in, const struct timeline_memory *m, const uint8_t *node)
{
	const struct timeline_leaver *l = leaver_of(in, node);
	const struct timeline_wait *w = timeline_leave_wait(m, node);

	if (l == NULL || (!l->known && memcmp(node, in->self, NODE_ID_LEN) == 0))
		return false;
	if (FAULT(RETIREMENT_AT_ONCE))
		return true;
	/* By its word nothing: of before it served, or of an old copy, where the facts say that it did.  Then nobody knows who
	 * had it, nor for how long caches keep it. */
	if (!l->known || !l->published)
		return !timeline_ever_served(in->zone, node);
	return w != NULL && leave_is_over(w);
}

enum leave_word timeline_leave(const struct fact_state *s, const uint8_t *self, const struct node_state *n, bool departed)
{
	const struct node_state *me = state_node(s, self);

	if (!n->leaving || !node_is_signer(me))
		return LEAVE_NOTHING;
	if (n == me)
		return departed && !n->left ? LEAVE_STOPPED : LEAVE_NOTHING;
	return !me->leaving && (n->left || (departed && n->dead)) ? LEAVE_RETIRED : LEAVE_NOTHING;
}
