/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * running: time that this node ran, and what waits remember, on disk each minute (DESIGN section 5, "Waits").  What was not
 * saved before a crash is waited again, and gaps do not count.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_MS   60000
#define GAP_MS    10000 /* a loop that did not run for longer was not running */
#define WAITS_MAX (TIMELINE_KEYS_MAX * (KEY_RECORDS + 1) * 2)

struct timeline_memory *running_memory(struct zone_ctx *c)
{
	if (c->memory == NULL)
		c->memory = mem_new(1, sizeof(*c->memory));
	return c->memory;
}

void running_count(struct zone_ctx *c)
{
	const int64_t now = clock_mono_ms(), ran = now - c->ran_ms;

	if (c->ran_ms != 0 && ran > 0 && ran <= GAP_MS)
		timeline_ran(c->memory, ran);
	c->ran_ms = now;
}

void running_tick(struct keydist *k)
{
	const int64_t now = clock_mono_ms();
	struct err e;

	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];

		if (c->memory == NULL || c->memory->waits == 0)
			continue;
		running_count(c);
		c->memory_changed = true;
		if (timeline_left(c->memory) == 0)
			zones_touch(k, c);
	}
	if (k->saved_ms != 0 && now - k->saved_ms < SAVE_MS)
		return;
	k->saved_ms = now;
	if (store_memory_save(k, &e) != 0)
		log_event(LOG_ERROR, "waits-not-kept", "msg=%s", e.text);
}

/* ---- observers ---- */

static bool observes(const struct timeline_observer *observer, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (observer[i].id == id)
			return true;
	return false;
}

/* The bits of `bits` that `kept` has, side by side. */
static uint64_t packed(uint64_t bits, uint64_t kept)
{
	uint64_t out = 0;

	for (unsigned from = 0, to = 0; from < 64; from++)
		if ((kept >> from & 1) != 0)
			out |= (bits >> from & 1) << to++;
	return out;
}

void running_forget(struct timeline_memory *m, const struct timeline_observer *observer, size_t n)
{
	uint64_t kept = 0;
	size_t to = 0;

	for (size_t i = 0; i < m->observers; i++)
		kept |= (uint64_t)observes(observer, n, m->observer[i]) << i;
	if (m->observers + n - (size_t)__builtin_popcountll(kept) <= TIMELINE_OBSERVERS_MAX)
		return;
	for (size_t i = 0; i < m->observers; i++)
		if ((kept >> i & 1) != 0) {
			m->observer[to] = m->observer[i];
			m->silent_ms[to++] = m->silent_ms[i];
		}
	m->observers = to;
	m->parents = packed(m->parents, kept);
	for (size_t i = 0; i < m->waits; i++)
		m->wait[i].looked = packed(m->wait[i].looked, kept);
}

/* ---- on disk ---- */

static json_t *wait_json(const struct timeline_wait *w)
{
	return json_pack("{s:o,s:i,s:i,s:I,s:b,s:b,s:I,s:I,s:I}", "key", msg_json_hex(w->key, 32), "record", (int)w->record,
			 "kind", (int)w->kind, "looked", (json_int_t)w->looked, "complete", w->complete, "confirmed",
			 w->confirmed, "ran_ms", (json_int_t)w->ran_ms, "need_ms", (json_int_t)w->need_ms,
			 "steps", (json_int_t)w->steps);
}

char *running_text(const struct timeline_memory *m)
{
	json_t *o = json_pack("{s:I,s:I,s:[],s:[],s:[]}", "ds_ttl", (json_int_t)m->ds_ttl, "parents",
			      (json_int_t)m->parents, "observers", "silent_ms", "waits");
	char *text;

	for (size_t i = 0; i < m->observers; i++) {
		json_array_append_new(json_object_get(o, "observers"), json_integer((json_int_t)m->observer[i]));
		json_array_append_new(json_object_get(o, "silent_ms"), json_integer(m->silent_ms[i]));
	}
	for (size_t i = 0; i < m->waits; i++)
		json_array_append_new(json_object_get(o, "waits"), wait_json(&m->wait[i]));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* What was looked at before the start counts; a question from before it does not. */
static void read_wait(struct timeline_memory *m, const json_t *o)
{
	struct timeline_wait w = { .opened = (uint64_t)clock_mono_ms() };
	const json_int_t record = json_integer_value(json_object_get(o, "record"));
	const json_int_t kind = json_integer_value(json_object_get(o, "kind"));

	if (msg_hex(o, "key", w.key, sizeof(w.key), NULL) != 0 || record < 0 || record >= KEY_RECORDS || kind < 0 ||
	    kind >= WAIT_KINDS)
		return;
	w.record = (enum key_record)record;
	w.kind = (enum wait_kind)kind;
	w.looked = (uint64_t)json_integer_value(json_object_get(o, "looked"));
	w.complete = json_is_true(json_object_get(o, "complete"));
	w.confirmed = json_is_true(json_object_get(o, "confirmed"));
	w.ran_ms = json_integer_value(json_object_get(o, "ran_ms"));
	w.need_ms = json_integer_value(json_object_get(o, "need_ms"));
	w.steps = (size_t)json_integer_value(json_object_get(o, "steps"));
	m->wait = mem_grow(m->wait, m->waits + 1, sizeof(*m->wait));
	m->wait[m->waits++] = w;
}

int running_read(struct zone_ctx *c, const char *text)
{
	struct timeline_memory *m = running_memory(c);
	json_t *o = json_loads(text, 0, NULL), *row;
	size_t i;

	if (o == NULL)
		return -1;
	m->ds_ttl = (uint32_t)json_integer_value(json_object_get(o, "ds_ttl"));
	m->parents = (uint64_t)json_integer_value(json_object_get(o, "parents"));
	json_array_foreach(json_object_get(o, "observers"), i, row)
		if (i < TIMELINE_OBSERVERS_MAX) {
			m->silent_ms[i] = json_integer_value(json_array_get(json_object_get(o, "silent_ms"), i));
			m->observer[m->observers++] = (uint64_t)json_integer_value(row);
		}
	json_array_foreach(json_object_get(o, "waits"), i, row)
		if (i < WAITS_MAX)
			read_wait(m, row);
	json_decref(o);
	return 0;
}
