/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wait: a record is everywhere, or gone, when all signers say so, every server that this node looks at has
 * shown it since, and what was cached before has had the time to leave the caches while this node ran.
 */
#include "timeline/order.h"

#include "fail/fault.h"
#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS   ((int64_t)3600 * 1000)
#define MINUTE_MS ((int64_t)60 * 1000)

void timeline_memory_fini(struct timeline_memory *m)
{
	free(m->wait);
	memset(m, 0, sizeof(*m));
}

struct timeline_wait *timeline_wait_find(const struct timeline_memory *m, const uint8_t key[32],
					 enum key_record record, enum wait_kind kind)
{
	for (size_t i = 0; i < m->waits; i++)
		if (m->wait[i].kind == kind && m->wait[i].record == record &&
		    memcmp(m->wait[i].key, key, 32) == 0)
			return &m->wait[i];
	return NULL;
}

uint64_t timeline_mark(const struct timeline_memory *m)
{
	return m->mark;
}

/* ---- observers ---- */

static size_t slot(struct timeline_memory *m, uint64_t observer)
{
	size_t i = 0;

	while (i < m->observers && m->observer[i] != observer)
		i++;
	if (i == m->observers && i < TIMELINE_OBSERVERS_MAX)
		m->observer[m->observers++] = observer;
	return i;
}

/* Whom a wait is about: the DS is at the parent, and its CDS at the secondaries, where a parent reads it.  A
 * parent that reads an old CDS takes the DS back, now or after its delay. */
static bool concerns(const struct timeline_policy *p, const struct timeline_wait *w, enum observer_kind kind)
{
	if (w->kind == WAIT_CREATE)
		return false;
	if (w->kind == WAIT_LEAVE)
		return (kind == OBSERVER_SECONDARY || w->confirmed) && !FAULT(LEAVE_NOT_LOOKED);
	if (w->record != RECORD_DS)
		return kind == OBSERVER_SECONDARY && !(FAULT(NOT_LOOKED_IN) && w->kind == WAIT_IN) &&
		       !(FAULT(NOT_LOOKED_OUT) && w->kind == WAIT_OUT);
	if (kind == OBSERVER_SECONDARY && w->kind == WAIT_IN && p->no_cds && !FAULT(CDS_AWAITED))
		return false; /* there is none to be shown */
	return kind == OBSERVER_PARENT || !FAULT(CDS_NOT_LOOKED_AT);
}

/* It has not answered for longer than it serves what it has (policy: more than the SOA's EXPIRE).  A parent's server has no
 * such end. */
static bool given_up(const struct timeline_in *in, const struct timeline_memory *m, const struct timeline_observer *o)
{
	for (size_t s = 0; s < m->observers && in->policy->limit_s > 0 && o->kind == OBSERVER_SECONDARY; s++)
		if (m->observer[s] == o->id && m->silent_ms[s] >= in->policy->limit_s * 1000)
			return true;
	return false;
}

/* It has shown what is waited for. */
static bool has_shown(const struct timeline_memory *m, const struct timeline_wait *w, const struct timeline_observer *o)
{
	for (size_t s = 0; s < m->observers; s++)
		if (m->observer[s] == o->id && (w->looked >> s & 1) != 0)
			return true;
	return false;
}

static bool all_looked(const struct timeline_in *in, const struct timeline_memory *m,
		       const struct timeline_wait *w)
{
	bool looked_secondary = false, looked_parent = false;

	for (size_t i = 0; i < in->observers; i++) {
		const struct timeline_observer *o = &in->observer[i];
		bool has;

		if (!concerns(in->policy, w, o->kind))
			continue;
		has = has_shown(m, w, o) || given_up(in, m, o);
		looked_secondary |= has && o->kind == OBSERVER_SECONDARY;
		looked_parent |= has && o->kind == OBSERVER_PARENT;
		if (!has && !(FAULT(ONE_SECONDARY) && o->kind == OBSERVER_SECONDARY) &&
		    !(FAULT(ONE_PARENT) && o->kind == OBSERVER_PARENT))
			return false;
	}
	if (FAULT(ONE_SECONDARY) && w->record != RECORD_DS)
		return looked_secondary;
	return !FAULT(ONE_PARENT) || w->record != RECORD_DS || looked_parent;
}

struct wait_shown wait_shown(const struct timeline_in *in, const struct timeline_memory *m, const struct timeline_wait *w)
{
	struct wait_shown out = { 0 };

	for (size_t i = 0; i < in->observers; i++) {
		const struct timeline_observer *o = &in->observer[i];
		bool has;

		if (!concerns(in->policy, w, o->kind))
			continue;
		has = has_shown(m, w, o);
		out.of++;
		out.seen += has;
		if (!has && out.missing == NULL)
			out.missing = o;
	}
	return out;
}

bool parents_known(const struct timeline_in *in, const struct timeline_memory *m)
{
	for (size_t i = 0; i < in->observers; i++) {
		bool has = in->observer[i].kind != OBSERVER_PARENT;

		for (size_t s = 0; s < m->observers; s++)
			has |= m->observer[s] == in->observer[i].id && (m->parents >> s & 1) != 0;
		if (!has)
			return false;
	}
	return true;
}

/* ---- lengths ---- */

static int64_t need_s(const struct timeline_in *in, const struct timeline_memory *m,
		      const struct timeline_wait *w)
{
	const struct key_state *k = zone_key(in->zone, w->key);
	const struct record_state *r = &k->record[w->record];
	const uint64_t ds_ttl =
		m->ds_ttl > in->zone->ds_ttl || FAULT(LAST_DS_TTL) ? m->ds_ttl : in->zone->ds_ttl;

	if (FAULT(POLICY_TTL))
		return 3600; /* as the policy has it now */
	if (w->record == RECORD_DS)
		return w->confirmed ? (int64_t)ds_ttl : in->policy->parent_delay_s;
	return (int64_t)(w->kind == WAIT_IN ? r->before_ttl : r->ttl);
}

static bool left_out(const struct timeline_wait *w)
{
	const bool in = w->kind == WAIT_IN, out = w->kind == WAIT_OUT;

	switch (w->record) {
	case RECORD_DNSKEY:
		return (in && FAULT(NO_WAIT_DNSKEY_IN)) || (out && FAULT(NO_WAIT_DNSKEY_OUT));
	case RECORD_ZONE:
		return FAULT(NO_WAIT_ZONE); /* in and out run side by side: either would do for the other */
	case RECORD_DS:
		return w->confirmed && out && FAULT(NO_WAIT_DS_OUT);
	case KEY_RECORDS:
		break;
	}
	return false;
}

/* Its roll is to be as fast as is safe: without what policy adds to what was seen. */
static bool is_hurried(const struct zone_state *z, const struct key_state *k)
{
	bool now = k->roll_now;

	for (size_t i = 0; i < KEY_REPLACES_MAX; i++) {
		const struct key_state *old = zone_key(z, k->replaces[i]);

		now |= old != NULL && old->roll_now;
	}
	return now;
}

static int64_t need_ms(const struct timeline_in *in, const struct timeline_memory *m,
		       const struct timeline_wait *w)
{
	const int64_t extra_s = is_hurried(in->zone, zone_key(in->zone, w->key)) ? 0 : in->policy->extra_s;

	return left_out(w) ? 0 : (need_s(in, m, w) + extra_s) * 1000;
}

/* ---- opening and closing ---- */

static bool wanted(const struct timeline_key *k, enum key_record r, enum wait_kind kind)
{
	const struct record_view *v = &k->record[r];

	if (!order_has(k, r))
		return false;
	if (kind == WAIT_IN)
		return (v->all_serve || (FAULT(OWN_SERVES_IS_ENOUGH) && v->serves)) && !v->any_stopped &&
		       !v->seen && !v->stopped;
	return v->all_stopped && v->stopped && !v->gone;
}

struct timeline_wait *wait_open(struct timeline_memory *m, const uint8_t key[32], enum key_record r, enum wait_kind kind)
{
	struct timeline_wait *w = timeline_wait_find(m, key, r, kind);

	if (w != NULL)
		return w;
	m->wait = mem_grow(m->wait, m->waits + 1, sizeof(*m->wait));
	w = &m->wait[m->waits++];
	memset(w, 0, sizeof(*w));
	memcpy(w->key, key, 32);
	w->record = r;
	w->kind = kind;
	w->opened = ++m->mark;
	return w;
}

void wait_close(struct timeline_memory *m, struct timeline_wait *w)
{
	if (w == NULL)
		return;
	if (w->record == RECORD_DS && w->kind != WAIT_LEAVE)
		m->parents = 0;
	*w = m->wait[--m->waits];
}

void wait_judge(const struct timeline_in *in, const struct timeline_memory *m, struct timeline_wait *w)
{
	const bool complete = w->kind == WAIT_CREATE || all_looked(in, m, w);

	if (!complete && !FAULT(TIME_BEFORE_LOOKS))
		w->ran_ms = 0; /* a server more to look at: the time begins when it has shown it */
	w->complete = complete;
}

/* What was seen before the parent's delay was over is looked at once more. */
static void confirm(struct timeline_memory *m, struct timeline_wait *w)
{
	if (w->record != RECORD_DS || w->kind == WAIT_CREATE || w->confirmed || !w->complete ||
	    (w->ran_ms < w->need_ms && !FAULT(NO_PARENT_DELAY)))
		return;
	w->confirmed = true;
	w->complete = false;
	w->looked = 0;
	w->opened = ++m->mark;
}

static void tend_create(const struct timeline_in *in, const struct timeline *t, struct timeline_memory *m, bool leaves)
{
	struct timeline_create create[2];
	const struct timeline_key *rolled = NULL;
	const size_t n = leaves ? 0 : create_wanted(in, t, create, &rolled);
	struct timeline_wait *w;

	for (size_t i = m->waits; i-- > 0;)
		if (m->wait[i].kind == WAIT_CREATE &&
		    (n == 0 || memcmp(m->wait[i].key, rolled->key->hash, 32) != 0))
			wait_close(m, &m->wait[i]);
	if (n == 0)
		return;
	w = wait_open(m, rolled->key->hash, RECORD_DNSKEY, WAIT_CREATE);
	w->complete = true;
	w->need_ms = (int64_t)create_rank(in, t, rolled->key->hash) * (rolled->key->roll_now ? MINUTE_MS : HOUR_MS);
}

/* Silence counts while answers are wanted. */
static void tend_silence(const struct timeline_in *in, struct timeline_memory *m)
{
	for (size_t i = 0; i < in->observers && in->policy->limit_s > 0; i++)
		slot(m, in->observer[i].id);
	for (size_t s = 0; s < m->observers; s++)
		if (!timeline_wants(in, m, m->observer[s]))
			m->silent_ms[s] = 0;
}

void timeline_tend(const struct timeline_in *in, const struct timeline *t, struct timeline_memory *m)
{
	const struct node_state *me = state_node(in->facts, in->self);
	const bool leaves = me != NULL && me->leaving; /* it says nothing of keys any more */

	m->ds_moves = chain_ds_moves(t);
	if (!in->published->any && !leaves)
		return;
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			for (enum wait_kind kind = WAIT_IN; kind <= WAIT_OUT; kind++) {
				const uint8_t *key = t->key[i].key->hash;
				struct timeline_wait *w;

				if (leaves || !wanted(&t->key[i], r, kind)) {
					wait_close(m, timeline_wait_find(m, key, r, kind));
					continue;
				}
				w = wait_open(m, key, r, kind);
				confirm(m, w);
				w->need_ms = need_ms(in, m, w);
				wait_judge(in, m, w);
			}
	tend_create(in, t, m, leaves);
	leave_tend(in, m);
	tend_silence(in, m);
}

/* ---- time and looks ---- */

void timeline_ran(struct timeline_memory *m, int64_t ms)
{
	for (size_t s = 0; s < m->observers; s++)
		m->silent_ms[s] += ms;
	for (size_t i = 0; i < m->waits; i++)
		if (m->wait[i].complete || FAULT(TIME_BEFORE_LOOKS))
			m->wait[i].ran_ms += ms;
}

int64_t timeline_left(const struct timeline_memory *m)
{
	int64_t least = -1;

	for (size_t i = 0; i < m->waits; i++) {
		const struct timeline_wait *w = &m->wait[i];
		const int64_t left = w->need_ms > w->ran_ms ? w->need_ms - w->ran_ms : 0;

		if (w->kind == WAIT_LEAVE && leave_is_over(w))
			continue; /* it stands until the node is retired */
		if (w->complete && (least < 0 || left < least))
			least = left;
	}
	return least;
}

bool timeline_wants(const struct timeline_in *in, const struct timeline_memory *m, uint64_t observer)
{
	enum observer_kind kind = OBSERVER_SECONDARY;
	size_t s = 0;

	for (size_t i = 0; i < in->observers; i++)
		if (in->observer[i].id == observer)
			kind = in->observer[i].kind;
	while (s < m->observers && m->observer[s] != observer)
		s++;
	if (kind == OBSERVER_PARENT && (m->ds_moves || s == m->observers || (m->parents >> s & 1) == 0))
		return true;
	for (size_t i = 0; i < m->waits; i++)
		if (concerns(in->policy, &m->wait[i], kind) && (s == m->observers || (m->wait[i].looked >> s & 1) == 0 ||
						    m->wait[i].record == RECORD_DS || m->wait[i].kind == WAIT_LEAVE))
			return true;
	return false;
}

bool timeline_looked(struct timeline_memory *m, const struct timeline_in *in,
		     const struct timeline_look *look)
{
	enum observer_kind kind = OBSERVER_SECONDARY;
	const size_t s = slot(m, look->observer);
	const uint64_t bit = UINT64_C(1) << (s % 64), parents = m->parents;
	const uint32_t ds_ttl = m->ds_ttl;
	bool news = false;

	for (size_t i = 0; i < in->observers; i++)
		if (in->observer[i].id == look->observer)
			kind = in->observer[i].kind;
	if (kind == OBSERVER_PARENT && (look->ds_ttl > m->ds_ttl || FAULT(LAST_DS_TTL)))
		m->ds_ttl = look->ds_ttl;
	if (s == TIMELINE_OBSERVERS_MAX)
		return false;
	m->silent_ms[s] = 0; /* whatever it shows: it lives */
	if (!look->explained)
		return false;
	if (kind == OBSERVER_PARENT)
		m->parents |= bit;
	for (size_t i = 0; i < m->waits; i++) {
		struct timeline_wait *w = &m->wait[i];
		const bool shows = w->kind == WAIT_LEAVE ? leave_shows(in, look, kind) : key_set_has(&look->record[w->record], w->key);
		const bool awaited = w->kind != WAIT_OUT;

		if (!concerns(in->policy, w, kind) || look->mark < w->opened)
			continue;
		if ((shows == awaited) == ((w->looked & bit) != 0))
			continue;
		wait_judge(in, m, w); /* there may be a server more than when it was judged last */
		w->looked ^= bit;
		wait_judge(in, m, w);
		news = true;
	}
	return news || m->parents != parents || m->ds_ttl != ds_ttl;
}
