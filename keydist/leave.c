/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leave: signers that are to be retired (DESIGN section 4).  lib/timeline decides; here is what it goes by: what this node's engine
 * says that it serves, what the others' last statuses say of them, and the servers that they named.
 */
#include "keydist/leave.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define SILENT_MS 5000 /* the engine says it every second */

static uint32_t uint_of(const json_t *o, const char *name)
{
	uint64_t v;

	return msg_uint(o, name, UINT32_MAX, &v, NULL) == 0 ? (uint32_t)v : 0;
}

static uint32_t largest(uint32_t a, uint32_t b, uint32_t c)
{
	const uint32_t ab = a > b ? a : b;

	return ab > c ? ab : c;
}

bool leave_self(const struct keydist *k)
{
	const struct node_state *me = state_node(cluster_state(k->cluster), k->self.id);

	return me != NULL && me->leaving;
}

bool leave_serves_nothing(const struct keydist *k)
{
	const struct node_state *me = state_node(cluster_state(k->cluster), k->self.id);

	return me != NULL && (me->leaving || me->retired);
}

void leave_on_silent(struct keydist *k, bool silent)
{
	k->silent_ms = silent ? clock_mono_ms() : 0;
}

static bool watched(const struct keydist *k, size_t i)
{
	const struct fact_state *s = cluster_state(k->cluster);

	return timeline_watches(s, k->self.id, &s->node[i]);
}

static struct timeline_leaver leaver(struct keydist *k, const struct zone_ctx *c, const struct node_state *n)
{
	struct timeline_leaver l = { .known = false };
	json_t *status;

	memcpy(l.node, n->id, NODE_ID_LEN);
	if (memcmp(n->id, k->self.id, NODE_ID_LEN) == 0) {
		l.known = k->silent_ms != 0 && clock_mono_ms() - k->silent_ms < SILENT_MS;
		l.published = c->shown.any;
		l.ttl = largest(c->shown.dnskey_ttl, c->shown.zone_ttl, 0);
		return l;
	}
	if ((status = cluster_status_get(k->cluster, n->id, c->text)) == NULL)
		return l;
	l.known = true;
	l.published = uint_of(status, "serial") != 0;
	l.ttl = largest(uint_of(status, "dnskey_ttl"), uint_of(status, "zone_ttl"), uint_of(status, "largest_ttl"));
	json_decref(status);
	return l;
}

size_t leave_list(struct keydist *k, const struct zone_ctx *c, struct timeline_leaver out[LEAVERS_MAX])
{
	const struct fact_state *s = cluster_state(k->cluster);
	size_t n = 0;

	for (size_t i = 0; i < s->nodes && n < LEAVERS_MAX; i++)
		if (watched(k, i))
			out[n++] = leaver(k, c, &s->node[i]);
	return n;
}

/* ---- the servers that they named ---- */

static void add_named(const json_t *status, json_t *list)
{
	const json_t *row, *address;
	size_t i;

	json_array_foreach(json_object_get(status, "secondaries"), i, row)
		if (json_is_string(address = json_object_get(row, "address")))
			json_array_append(list, (json_t *)(uintptr_t)address);
}

json_t *leave_watch(struct keydist *k, const struct zone_ctx *c)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = NULL, *status;

	for (size_t i = 0; i < s->nodes; i++) {
		if (!watched(k, i) || memcmp(s->node[i].id, k->self.id, NODE_ID_LEN) == 0)
			continue;
		list = list == NULL ? json_array() : list;
		status = cluster_status_get(k->cluster, s->node[i].id, c->text);
		add_named(status, list);
		json_decref(status);
	}
	return list;
}

bool leave_stays(struct keydist *k, const struct zone_ctx *c, const struct observed *o)
{
	const struct fact_state *s = cluster_state(k->cluster);
	bool stays = false;

	for (size_t i = 0; i < s->nodes && !stays && o->has_version; i++) {
		const struct node_state *n = &s->node[i];
		uint8_t id[OBSERVED_ID_LEN];
		json_t *status;

		if (!node_is_signer(n) || n->leaving || (status = cluster_status_get(k->cluster, n->id, c->text)) == NULL)
			continue;
		stays = msg_hex(status, "id", id, sizeof(id), NULL) == 0 && memcmp(id, o->id, sizeof(id)) == 0 &&
			uint_of(status, "serial") == o->serial;
		json_decref(status);
	}
	return stays;
}

/* ---- what may be said ---- */

static const struct timeline_memory nothing;

static struct timeline_in view(struct keydist *k, struct zone_ctx *c, struct zone_state *z,
			       struct timeline_leaver list[LEAVERS_MAX])
{
	return (struct timeline_in){ .facts = cluster_state(k->cluster), .zone = z, .self = k->self.id, .leaver = list,
				     .leavers = leave_list(k, c, list) };
}

/* The first zone that is still waited for; NULL: none.  begin: where no wait runs, the zone is looked at, as one may begin. */
static const struct zone_ctx *zone_left(struct keydist *k, const struct node_state *n, bool begin)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct zone_ctx *first = NULL;

	for (size_t i = 0; i < s->zones && (begin || first == NULL); i++) {
		struct timeline_leaver list[LEAVERS_MAX];
		struct zone_ctx *c;
		struct timeline_in in;

		if (zone_addition(&s->zone[i]) == NULL || (c = zone_ctx(k, s->zone[i].name, true)) == NULL)
			continue;
		in = view(k, c, &s->zone[i], list);
		if (timeline_departed(&in, c->memory == NULL ? &nothing : c->memory, n->id))
			continue;
		first = first == NULL ? c : first;
		if (begin && (c->memory == NULL || timeline_leave_wait(c->memory, n->id) == NULL))
			zones_touch(k, c);
	}
	return first;
}

static void say(struct keydist *k, const struct node_state *n, enum leave_word word)
{
	const bool stopped = word == LEAVE_STOPPED;
	const char *why = n->left ? "stopped" : "observed", *name = cluster_name(k->cluster, n->id);
	char id[NODE_ID_TEXT];
	struct err e;

	node_id_text(n->id, id);
	if (keydist_say(k, stopped ? "node.stopped" : "retired", NULL,
			stopped ? json_object() : cluster_retirement(k->cluster, n, why), &e) != 0)
		log_event(LOG_ERROR, stopped ? "node-stopped" : "node-retired", "node=%s id=%s msg=%s", name, id, e.text);
	else if (stopped)
		log_event(LOG_NOTICE, "node-stopped", "node=%s id=%s msg=nothing of this node is served or cached any more", name, id);
	else
		log_event(LOG_NOTICE, "node-retired", "node=%s id=%s why=%s", name, id, why);
}

void leave_tick(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);

	if (!cluster_compared(k->cluster) || cluster_hold(k->cluster) != NULL)
		return;
	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *n = &s->node[i];
		enum leave_word word;

		if (!n->leaving)
			continue;
		word = timeline_leave(s, k->self.id, n, watched(k, i) && zone_left(k, n, true) == NULL);
		if (word == LEAVE_STOPPED || (word == LEAVE_RETIRED && cluster_sure_but(k->cluster, n->id))) {
			say(k, n, word);
			return; /* the state may be another one now */
		}
	}
}

/* ---- for people ---- */

static json_t *sentence(struct keydist *k, const struct node_state *n)
{
	const bool self = memcmp(n->id, k->self.id, NODE_ID_LEN) == 0;
	struct timeline_leaver l;
	const struct timeline_wait *w;
	const struct zone_ctx *c;
	const bool sure = self || cluster_sure_but(k->cluster, n->id);
	static const char unsure[] = "this signer has not met all others and a backup since its start, and may not know what it said last: another "
				     "signer retires it, or this one when it has";

	if (n->left)
		return json_string(sure ? "it has stopped, and is retired by the first signer that hears of it" : unsure);
	if (!watched(k, (size_t)(n - cluster_state(k->cluster)->node)))
		return json_string("it is waited until it says that nothing of it is served or cached");
	if ((c = zone_left(k, n, false)) == NULL)
		return json_string(sure ? "nothing of it is served or cached any more" : unsure);
	l = leaver(k, c, n);
	w = c->memory == NULL ? NULL : timeline_leave_wait(c->memory, n->id);
	if (!l.known && self)
		return json_string("the local signer has not said that it serves nothing any more");
	if (!l.known || !l.published)
		return json_sprintf("zone %s: what it served last is not known here: duetctl node retire --fenced swears to it", c->text);
	if (w == NULL || !w->complete)
		return json_sprintf("zone %s: not every server that it named, and not every name server of the zone, has shown the version of a signer that stays", c->text);
	return json_sprintf("zone %s: caches may have what it published for %lld s more", c->text,
			    (long long)(w->need_ms - w->ran_ms + 999) / 1000);
}

void leave_tell(struct keydist *k, json_t *nodes)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *row;
	size_t i;

	json_array_foreach(nodes, i, row) {
		uint8_t id[NODE_ID_LEN];
		const struct node_state *n = msg_hex(row, "id", id, sizeof(id), NULL) == 0 ? state_node(s, id) : NULL;

		if (n != NULL && n->leaving)
			json_object_set_new(row, "waits", sentence(k, n));
	}
}
