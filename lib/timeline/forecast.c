/* SPDX-License-Identifier: BSD-3-Clause */
/* forecast: runs view, tend and says on a copy of the zone, in which whatever is said is said by all. */
#include "timeline/forecast.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 2000
#define SAYS_MAX   64
#define FRESH_MAX  16 /* keys that are made on the way */

/* Invariants: 1. sets of `zone` that were changed are `all`, the others belong to the caller.  2. nothing of the caller's is
 * written to. */
struct run {
	struct timeline_in in;
	struct timeline_policy policy;
	struct timeline_published published;
	struct zone_state zone;
	struct timeline_memory memory;
	struct timeline t;
	uint8_t ids[2 * TIMELINE_OBSERVERS_MAX][NODE_ID_LEN];
	struct id_set all; /* who counts, and who did */
	struct held_state held[TIMELINE_OBSERVERS_MAX];
	uint8_t dnskey[FRESH_MAX][4];
	size_t keys_before;
	enum record_phase phase[TIMELINE_KEYS_MAX + FRESH_MAX][KEY_RECORDS]; /* by place in zone.key */
	int64_t now_ms;
	struct forecast *out;
};

/* ---- the copy ---- */

static void add_id(struct run *r, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < r->all.n; i++)
		if (memcmp(r->ids[i], id, NODE_ID_LEN) == 0)
			return;
	memcpy(r->ids[r->all.n++], id, NODE_ID_LEN);
}

static void take_nodes(struct run *r)
{
	r->all.id = r->ids;
	for (size_t i = 0; i < r->t.counted_n; i++) {
		add_id(r, r->t.counted[i]);
		memcpy(r->held[i].node, r->t.counted[i], NODE_ID_LEN);
		r->held[i].proven = 1;
	}
	for (size_t i = 0; i < r->t.voters; i++)
		add_id(r, r->t.voter[i]);
}

static void all_hold(const struct run *r, struct key_state *k)
{
	k->held = (struct held_state *)r->held;
	k->helds = r->t.counted_n;
}

static size_t place_of(const struct run *r, const struct key_state *k)
{
	return (size_t)(k - r->zone.key);
}

static void begin(struct run *r, const struct timeline_in *in, const struct timeline_memory *m, struct forecast *out)
{
	memset(r, 0, sizeof(*r));
	r->out = out;
	r->policy = *in->policy;
	r->policy.require_backups = 0;
	r->published = *in->published;
	r->zone = *in->zone;
	/* Those that have gone are no matter, and a zone may have had any number of them. */
	r->zone.key = mem_new(TIMELINE_KEYS_MAX + FRESH_MAX, sizeof(*r->zone.key));
	r->zone.keys = 0;
	r->in = *in;
	timeline_view(in, &r->t);
	for (size_t i = 0; i < r->t.n; i++)
		if (!r->t.key[i].dead) {
			for (enum key_record rec = 0; rec < KEY_RECORDS; rec++)
				r->phase[r->zone.keys][rec] = r->t.key[i].record[rec].phase;
			r->zone.key[r->zone.keys++] = *r->t.key[i].key;
		}
	r->keys_before = r->zone.keys;
	take_nodes(r);
	for (size_t i = 0; i < r->zone.keys; i++)
		if (r->zone.key[i].declined.n == 0)
			all_hold(r, &r->zone.key[i]);
	r->memory = *m;
	r->memory.wait = mem_new(m->waits + 1, sizeof(*m->wait));
	if (m->waits > 0)
		memcpy(r->memory.wait, m->wait, m->waits * sizeof(*m->wait));
	r->in.zone = &r->zone;
	r->in.policy = &r->policy;
	r->in.published = &r->published;
	r->in.memory = &r->memory;
	r->in.making = NULL;
}

static void want_rolls(struct run *r, const struct forecast_roll *roll)
{
	for (size_t i = 0; roll != NULL && i < roll->keys; i++) {
		struct key_state *k = zone_key(&r->zone, roll->key[i]);

		if (k == NULL)
			continue;
		k->roll = true;
		k->roll_now |= roll->now;
		if (!k->want.set)
			k->want = roll->want;
	}
}

/* ---- what becomes of what is said ---- */

static void note(struct run *r)
{
	for (size_t i = 0; i < r->t.n; i++)
		for (enum key_record rec = 0; rec < KEY_RECORDS; rec++) {
			const struct key_state *k = r->t.key[i].key;
			const size_t at = place_of(r, k);
			const enum record_phase phase = r->t.key[i].record[rec].phase;
			struct forecast_step *s = &r->out->step[r->out->n];

			if (phase == r->phase[at][rec] || r->out->n == FORECAST_MAX)
				continue;
			r->phase[at][rec] = phase;
			r->out->n++;
			*s = (struct forecast_step){ .at_ms = r->now_ms, .alg = r->t.key[i].alg, .fresh = at >= r->keys_before,
						     .record = rec, .phase = phase };
			memcpy(s->key, k->hash, sizeof(s->key));
			memcpy(s->role, k->role, sizeof(s->role));
		}
}

static void raise(uint64_t *to, uint64_t v)
{
	*to = v > *to ? v : *to;
}

static void all_serve(struct run *r)
{
	const uint64_t before[KEY_RECORDS] = { r->published.dnskey_ttl, r->published.zone_ttl, 0 };

	for (size_t i = 0; i < r->t.n; i++)
		for (enum key_record rec = 0; rec < KEY_RECORDS; rec++) {
			struct record_state *s = &r->t.key[i].key->record[rec];

			if (!r->t.key[i].record[rec].shown || r->t.key[i].record[rec].all_serve)
				continue;
			s->serves = r->all;
			raise(&s->before_ttl, before[rec]);
		}
}

static void all_create(struct run *r, const struct timeline_say *say)
{
	for (size_t i = 0; i < say->creates && r->zone.keys < r->keys_before + FRESH_MAX; i++) {
		const struct timeline_create *c = &say->create[i];
		const size_t at = r->zone.keys - r->keys_before;
		struct key_state *k = &r->zone.key[r->zone.keys++];

		memset(k, 0, sizeof(*k));
		memset(k->hash, 0xff, sizeof(k->hash));
		k->hash[31] = (uint8_t)at;
		k->created = true;
		strcpy(k->role, c->role);
		r->dnskey[at][3] = (uint8_t)c->alg;
		k->dnskey = r->dnskey[at];
		k->dnskey_len = sizeof(r->dnskey[at]);
		k->method = c->method;
		k->hold = c->hold;
		memcpy(k->replaces, c->replaces, sizeof(k->replaces));
		all_hold(r, k);
	}
}

static void all_say(struct run *r, const struct timeline_say *say)
{
	struct record_state *s = say->key == NULL ? NULL : &say->key->key->record[say->record];

	switch (say->kind) {
	case SAY_SERVES:
		all_serve(r);
		break;
	case SAY_SEEN:
		s->seen = r->all;
		break;
	case SAY_STOPPED:
		s->stopped = r->all;
		s->insecure |= say->insecure;
		raise(&s->ttl, say->ttl);
		break;
	case SAY_GONE:
		s->gone = r->all;
		break;
	case SAY_CREATE:
		all_create(r, say);
		break;
	}
}

/* Every server shows what is published, and the parent what CDS names. */
static bool look_everywhere(struct run *r)
{
	bool news = false;

	for (size_t i = 0; i < r->in.observers; i++) {
		struct timeline_look look = { .observer = r->in.observer[i].id, .mark = r->memory.mark, .explained = true };

		memcpy(look.record, r->published.record, sizeof(look.record));
		news |= timeline_looked(&r->memory, &r->in, &look);
	}
	return news;
}

/* Signers do not wait for their turn: the first one has it at once. */
static void take_turn(struct run *r)
{
	for (size_t i = 0; i < r->memory.waits; i++)
		if (r->memory.wait[i].kind == WAIT_CREATE)
			r->memory.wait[i].need_ms = 0;
}

static bool round_is_news(struct run *r)
{
	struct timeline_say says[SAYS_MAX];
	bool news = false;
	size_t n;

	timeline_view(&r->in, &r->t);
	note(r);
	if (timeline_changes(&r->t, &r->published)) {
		timeline_next(&r->t, &r->published, &r->published);
		timeline_view(&r->in, &r->t);
		note(r);
		news = true;
	}
	timeline_tend(&r->in, &r->t, &r->memory);
	take_turn(r);
	news |= look_everywhere(r);
	n = timeline_says(&r->in, &r->t, &r->memory, says, SAYS_MAX);
	for (size_t i = 0; i < n; i++)
		all_say(r, &says[i]);
	return news || n > 0;
}

static bool needs_word(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record rec = 0; rec < KEY_RECORDS; rec++)
			if (t->key[i].record[rec].waits_in || t->key[i].record[rec].waits_out)
				return true;
	return false;
}

void timeline_forecast(const struct timeline_in *in, const struct timeline_memory *m, const struct forecast_roll *roll,
		       struct forecast *out)
{
	struct run *r = mem_new(1, sizeof(*r));

	out->n = 0;
	out->whole = false;
	begin(r, in, m, out);
	want_rolls(r, roll);
	for (int round = 0; round < ROUNDS_MAX && !out->whole && out->n < FORECAST_MAX; round++) {
		if (round_is_news(r))
			continue;
		const int64_t left_ms = timeline_left(&r->memory);

		out->whole = left_ms <= 0;
		if (left_ms > 0) {
			r->now_ms += left_ms;
			timeline_ran(&r->memory, left_ms);
		}
	}
	out->needs_word = needs_word(&r->t);
	timeline_memory_fini(&r->memory);
	free(r->zone.key);
	free(r);
}
