/* SPDX-License-Identifier: BSD-3-Clause */
/* api_timeline: what became of a zone's keys, and what is expected, for charts and calendars. */
#include "keydist/api.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "timeline/forecast.h"

#include <stdlib.h>
#include <string.h>

const char *const api_phase_names[] = {
	[PHASE_HIDDEN] = "hidden",
	[PHASE_RUMOURED] = "rumoured",
	[PHASE_OMNIPRESENT] = "omnipresent",
	[PHASE_UNRETENTIVE] = "unretentive",
};

/* ---- the calendar of a roll ---- */

static const char *const comes[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "its DNSKEY is published",
	[RECORD_ZONE] = "it signs the zone",
	[RECORD_DS] = "CDS names it; the parent is to publish its DS",
};
static const char *const is_there[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "its DNSKEY is everywhere",
	[RECORD_ZONE] = "its RRSIGs over the zone are everywhere",
	[RECORD_DS] = "its DS is everywhere",
};
static const char *const goes[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "its DNSKEY goes",
	[RECORD_ZONE] = "it signs the zone no more",
	[RECORD_DS] = "CDS ceases to name it; the parent is to take its DS out",
};
static const char *const has_gone[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "no cache has its DNSKEY any more",
	[RECORD_ZONE] = "no cache has its RRSIGs any more",
	[RECORD_DS] = "no cache has its DS any more",
};

static const char *text_of(enum key_record record, enum record_phase phase)
{
	switch (phase) {
	case PHASE_HIDDEN:
		return has_gone[record];
	case PHASE_RUMOURED:
		return comes[record];
	case PHASE_OMNIPRESENT:
		return is_there[record];
	case PHASE_UNRETENTIVE:
		return goes[record];
	}
	return "";
}

static void entry(json_t *list, int64_t after_s, const char *what)
{
	json_array_append_new(list, json_pack("{s:I,s:s}", "after_s", (json_int_t)after_s, "what", what));
}

static int64_t seconds(const struct forecast_step *s)
{
	return (s->at_ms + 999) / 1000;
}

static void step_entry(json_t *list, const struct life *l, const struct forecast_step *s)
{
	const struct key_state *ks = s->fresh ? NULL : zone_key(l->in.zone, s->key);
	const char *text = text_of(s->record, s->phase);
	char *what = ks == NULL ? mem_printf("the new %s: %s", s->role, text)
				: mem_printf("%s %u/%u: %s", s->role, dnskey_tag(ks->dnskey, ks->dnskey_len), s->alg, text);

	entry(list, seconds(s), what);
	free(what);
}

/* Of one instant: what has come about, what that lets come in, what that lets go. */
static const enum record_phase causes[] = { PHASE_OMNIPRESENT, PHASE_HIDDEN, PHASE_RUMOURED, PHASE_UNRETENTIVE };

/* Some key takes the place of this one already. */
static bool is_made(const struct life *l, const struct timeline_key *key)
{
	for (size_t i = 0; i < l->t.n; i++)
		for (size_t r = 0; r < KEY_REPLACES_MAX; r++)
			if (l->t.key[i].distributed && memcmp(l->t.key[i].key->replaces[r], key->key->hash, 32) == 0)
				return true;
	return false;
}

json_t *api_calendar(const struct life *l, const struct timeline_key *key, unsigned alg, bool now, enum key_hold hold)
{
	const struct forecast_roll roll = {
		.key = &key->key->hash, .keys = 1, .now = now,
		.want = { .set = true, .alg = alg, .split = l->policy.split, .ksk_method = l->policy.ksk_method,
			  .algorithm_method = l->policy.algorithm_method, .hold = hold },
	};
	struct forecast *f = mem_new(1, sizeof(*f));
	json_t *list = json_array();
	int64_t at_s = 0;

	timeline_forecast(&l->in, l->in.memory, &roll, f);
	if (!is_made(l, key))
		entry(list, 0, "the new key is made, proven by every signer and stored by the backups");
	for (size_t i = 0, end; i < f->n; i = end) {
		at_s = seconds(&f->step[i]);
		for (end = i; end < f->n && seconds(&f->step[end]) == at_s; end++)
			;
		for (size_t p = 0; p < sizeof(causes) / sizeof(causes[0]); p++)
			for (size_t j = i; j < end; j++)
				if (f->step[j].phase == causes[p])
					step_entry(list, l, &f->step[j]);
	}
	entry(list, at_s, f->needs_word ? "the next step waits for your word: duetctl key release"
			  : f->whole    ? "the roll is over"
					: "and more steps follow");
	free(f);
	return list;
}

/* ---- the chart ---- */

/* How far a record is on its one way. */
static int rank(const struct timeline_key *key, enum key_record r)
{
	switch (key->record[r].phase) {
	case PHASE_HIDDEN:
		return key->record[r].all_gone ? 4 : 0;
	case PHASE_RUMOURED:
		return 1;
	case PHASE_OMNIPRESENT:
		return 2;
	case PHASE_UNRETENTIVE:
		return 3;
	}
	return 0;
}

static json_t *record_past(const struct timeline_key *key, enum key_record r)
{
	static const enum record_phase phases[RECORD_WORDS] = {
		[WORD_SERVES] = PHASE_RUMOURED, [WORD_SEEN] = PHASE_OMNIPRESENT,
		[WORD_STOPPED] = PHASE_UNRETENTIVE, [WORD_GONE] = PHASE_HIDDEN,
	};
	json_t *list = json_array();

	for (int w = 0; w < RECORD_WORDS && w < rank(key, r); w++)
		if (key->key->record[r].at[w] != 0)
			json_array_append_new(list, json_pack("{s:s,s:I,s:b}", "phase", api_phase_names[phases[w]], "at",
							      (json_int_t)key->key->record[r].at[w], "expected", 0));
	return list;
}

static json_t *key_row(const struct timeline_key *key)
{
	const struct key_state *ks = key->key;
	json_t *records = json_object();

	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (r == RECORD_DNSKEY || (r == RECORD_ZONE ? key->zone_signing : key->sep))
			json_object_set_new(records, key_record_names[r], record_past(key, r));
	return json_pack("{s:o,s:i,s:i,s:s,s:I,s:b,s:b,s:o}", "hash", msg_json_hex(ks->hash, 32), "tag",
			 (int)dnskey_tag(ks->dnskey, ks->dnskey_len), "algorithm", (int)key->alg, "role", ks->role,
			 "created_at", (json_int_t)ks->created_at, "gone", (int)key->dead, "new", 0, "records", records);
}

/* The row of a key that is not made yet. */
static json_t *fresh_row(const struct forecast_step *s)
{
	return json_pack("{s:o,s:n,s:i,s:s,s:n,s:b,s:b,s:{}}", "hash", msg_json_hex(s->key, 32), "tag", "algorithm", (int)s->alg,
			 "role", s->role, "created_at", "gone", 0, "new", 1, "records");
}

static json_t *row_of(json_t *rows, const struct forecast_step *s)
{
	json_t *hash = msg_json_hex(s->key, 32), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (json_equal(hash, json_object_get(row, "hash"))) {
			json_decref(hash);
			return row;
		}
	json_decref(hash);
	row = fresh_row(s);
	json_array_append_new(rows, row);
	return row;
}

static void add_expected(json_t *rows, const struct forecast *f, int64_t now)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct forecast_step *s = &f->step[i];
		json_t *records = json_object_get(row_of(rows, s), "records");
		json_t *list = json_object_get(records, key_record_names[s->record]);

		if (list == NULL) {
			list = json_array();
			json_object_set_new(records, key_record_names[s->record], list);
		}
		json_array_append_new(list, json_pack("{s:s,s:I,s:b}", "phase", api_phase_names[s->phase], "at",
						      (json_int_t)(now + seconds(s)), "expected", 1));
	}
}

/* GET /v1/zones/{zone}/timeline: per key and record when it came into which phase, and when it is expected to. */
static int on_timeline(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	const int64_t now = clock_now_s();
	struct forecast *f;
	json_t *rows;
	struct life l;

	if (z == NULL)
		return -1;
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), &l);
	f = mem_new(1, sizeof(*f));
	timeline_forecast(&l.in, l.in.memory, NULL, f);
	rows = json_array();
	for (size_t i = 0; i < l.t.n; i++)
		if (l.t.key[i].key->declined.n == 0)
			json_array_append_new(rows, key_row(&l.t.key[i]));
	add_expected(rows, f, now);
	a->body = json_pack("{s:s,s:I,s:o,s:b,s:b}", "zone", z->text, "now", (json_int_t)now, "keys", rows, "whole", (int)f->whole,
			    "needs_word", (int)f->needs_word);
	free(f);
	return 0;
}

const struct http_route timeline_routes[] = {
	{ "GET", "/v1/zones/{zone}/timeline", 0, on_timeline },
};
const size_t timeline_route_count = sizeof(timeline_routes) / sizeof(timeline_routes[0]);
