/* SPDX-License-Identifier: BSD-3-Clause */
/* look: who is looked at and when, and what keydist is told. */
#include "clock/clock.h"
#include "log/log.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/look_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS    100
#define TURN_MS    20    /* of a tick: what is due and not done by then is due still */
#define LIST_MAX   64    /* looks, or lists of servers, in one message */
#define DS_WAIT_MS (2 * LOOK_TIMEOUT_MS) /* a first version for the parent's servers; one that does not answer is not waited for longer */
#define SERVERS_MS 60000 /* keydist is told again who is looked at */

#define NAMES_MS       200  /* until a list is made anew on which addresses are being looked for */
#define INCOMPLETE_MS  5000 /* or cannot be found */
#define IDLE_MS        10000 /* or nobody is looked at now */

/* Waits between looks at one server, by the number of looks since something happened. */
static const int64_t wait_ms[] = { 300, 500, 1000, 2000, 5000, 10000, 30000 };

/* ---- what keydist is told ---- */

static void tell(struct engine *e)
{
	struct lookers *l = e->looks;

	if (json_array_size(l->looks) + json_array_size(l->servers) > 0)
		kdlink_observed(e->keydist, l->servers, l->looks);
	json_array_clear(l->looks);
	json_array_clear(l->servers);
}

static void tell_look(struct look_server *t)
{
	struct engine *e = t->of->z->engine;
	json_t *packed;
	struct err err;

	if ((packed = observed_pack(t->look, &err)) == NULL)
		log_event(LOG_WARNING, "look", "zone=%s msg=%s", t->of->z->name, err.text);
	else
		json_array_append_new(e->looks->looks, packed);
	if (json_array_size(e->looks->looks) >= LIST_MAX)
		tell(e);
}

/* ---- who is looked at ---- */

static struct look_server *server_get(struct look_zone *lz, const struct observed_server *s)
{
	struct look_server *t;

	for (size_t i = 0; i < lz->servers; i++)
		if (addr_equal(&lz->server[i]->server.addr, &s->addr) && lz->server[i]->server.role == s->role)
			return lz->server[i];
	if (lz->servers == lz->cap) {
		lz->cap = 2 * lz->cap + 4;
		lz->server = mem_grow(lz->server, lz->cap, sizeof(struct look_server *));
	}
	t = lz->server[lz->servers++] = mem_new(1, sizeof(*t));
	t->of = lz;
	t->server = (struct observed_server){ .addr = s->addr, .role = s->role };
	t->next_ms = clock_mono_ms();
	return t;
}

static void list_add(struct observed_servers *out, const struct addr *addr, enum observed_role role, bool *whole)
{
	if (out->n == OBSERVED_SERVERS_MAX)
		*whole = false;
	else
		out->server[out->n++] = (struct observed_server){ .addr = *addr, .role = role };
}

/* The same server may be a secondary here, too. */
static void list_watched(const struct look_zone *lz, struct observed_servers *out)
{
	const struct plan *p = lz->z->plan;

	for (size_t i = 0; i < p->watches; i++) {
		size_t at = 0;

		while (at < out->n && !addr_equal(&out->server[at].addr, &p->watch[i]))
			at++;
		if (at == out->n)
			list_add(out, &p->watch[i], OBSERVED_SECONDARY, &out->children_whole);
	}
}

/* All that are to be looked at now.  False: some are still being found. */
static bool list_make(struct look_zone *lz, struct observed_servers *out)
{
	const struct parent_zone *p = lz->ds ? parents_of(lz->z->engine, lz->z->apex) : NULL;
	bool settled;

	memset(out, 0, sizeof(*out));
	memcpy(out->zone, lz->z->apex, dname_len(lz->z->apex));
	out->children_whole = true;
	for (size_t i = 0; i < lz->z->shown_count; i++) {
		struct addr addr;

		if (lz->z->shown[i].configured && addr_parse(lz->z->shown[i].address, 53, &addr, NULL) == 0)
			list_add(out, &addr, OBSERVED_SECONDARY, &out->children_whole);
	}
	list_watched(lz, out);
	settled = !lz->ns || look_ns_add(lz, out);
	if (!lz->ds || p == NULL)
		return settled;
	out->parents_whole = p->whole;
	snprintf(out->why, sizeof(out->why), "%s", p->why);
	for (size_t i = 0; i < p->servers; i++)
		list_add(out, &p->server[i].addr, p->server[i].role, &out->parents_whole);
	return settled;
}

static void server_free(struct look_server *t)
{
	free(t->name);
	free(t);
}

static void list_take(struct look_zone *lz, const struct observed_servers *now)
{
	size_t kept = 0;

	for (size_t i = 0; i < lz->servers; i++)
		lz->server[i]->there = false;
	for (size_t i = 0; i < now->n; i++) {
		struct look_server *t = server_get(lz, &now->server[i]);

		t->there = true;
		zwork_say(&t->name, now->server[i].name == NULL ? NULL : "%s", now->server[i].name);
	}
	for (size_t i = 0; i < lz->servers; i++)
		if (lz->server[i]->there || lz->server[i]->step != LOOK_IDLE)
			lz->server[kept++] = lz->server[i];
		else
			server_free(lz->server[i]);
	lz->servers = kept;
	if (now->children_why[0] == '\0')
		zwork_say(&lz->missing, NULL);
	else
		zwork_say(&lz->missing, "%s%s%s", now->missing, now->missing[0] == '\0' ? "" : ": ", now->children_why);
}

/* Returns when it is to be made anew, if nothing happens before. */
static int64_t list_use(struct look_zone *lz)
{
	struct lookers *l = lz->z->engine->looks;
	const int64_t now_ms = clock_mono_ms();
	uint8_t digest[OBSERVED_ID_LEN];
	struct observed_servers now;
	const bool settled = list_make(lz, &now);

	observed_servers_digest(&now, digest);
	if (lz->said_ms == 0 || memcmp(digest, lz->said, sizeof(digest)) != 0 || now_ms - lz->said_ms >= SERVERS_MS) {
		list_take(lz, &now);
		memcpy(lz->said, digest, sizeof(digest));
		lz->said_ms = now_ms;
		json_array_append_new(l->servers, observed_servers_pack(&now));
		if (json_array_size(l->servers) >= LIST_MAX)
			tell(lz->z->engine);
	}
	return !settled ? now_ms + NAMES_MS : !now.children_whole ? now_ms + INCOMPLETE_MS : INT64_MAX;
}

/* ---- when ---- */

/* It is on the list, and its side of the cut is asked for. */
static bool wanted(const struct look_server *t)
{
	return t->there && (observed_of_parent(t->server.role) ? t->of->ds : t->of->keys);
}

static void schedule(struct look_zone *lz)
{
	int64_t at = lz->list_ms;

	for (size_t i = 0; i < lz->servers; i++)
		if (wanted(lz->server[i]) && lz->server[i]->step == LOOK_IDLE && lz->server[i]->next_ms < at)
			at = lz->server[i]->next_ms;
	if (at == INT64_MAX)
		at = clock_mono_ms() + (lz->keys || lz->ds ? 1000 : IDLE_MS); /* its parent is being looked for, or looks run */
	agenda_set(&lz->z->engine->looks->agenda, &lz->due, at);
}

void look_done(struct look_server *t)
{
	const int64_t most_ms = 1000 * t->of->z->engine->conf->signer.look_interval_s;
	const size_t n = sizeof(wait_ms) / sizeof(wait_ms[0]);
	int64_t wait = t->looks < n ? wait_ms[t->looks] : most_ms;
	char text[ADDR_TEXT_LEN];

	log_event(t->look->outcome == OBSERVED_ANSWERED ? LOG_DEBUG : LOG_INFO, "look",
		  "zone=%s address=%s role=%s outcome=%s msg=%s", t->of->z->name, addr_text(&t->server.addr, text),
		  observed_role_text(t->server.role), observed_outcome_text(t->look->outcome), t->look->why);
	t->looks++;
	t->last.outcome = t->look->outcome;
	t->last.serial = t->look->serial;
	t->last.explained = t->look->explained;
	t->last.at = clock_now_s();
	t->next_ms = clock_mono_ms() + (wait < most_ms ? wait : most_ms);
	tell_look(t);
	look_end(t);
	schedule(t->of);
	if (t->of->z->version == NULL && observed_of_parent(t->server.role))
		zwork_poke(t->of->z); /* its first version may have waited for this */
}

/* ---- the agenda ---- */

static bool may_begin(struct lookers *l)
{
	const int64_t now_ms = clock_mono_ms();

	if (now_ms - l->second_ms >= 1000) {
		l->second_ms = now_ms;
		l->begun = 0;
	}
	return l->running < LOOKS_AT_ONCE && l->begun < LOOKS_PER_S;
}

static void look_zone_tick(struct look_zone *lz)
{
	const int64_t now_ms = clock_mono_ms();

	lz->list_ms = list_use(lz);
	for (size_t i = 0; i < lz->servers; i++) {
		struct look_server *t = lz->server[i];

		if (wanted(t) && t->step == LOOK_IDLE && t->next_ms <= now_ms && may_begin(lz->z->engine->looks))
			look_begin(t);
	}
	schedule(lz);
}

static void on_timer(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	const int64_t until_ms = clock_mono_ms() + TURN_MS;
	struct agenda_item *item;

	if (!netlink_ready(e->net))
		return;
	parents_tick(e);
	names_tick(e);
	while (may_begin(e->looks) && clock_mono_ms() <= until_ms &&
	       (item = agenda_due(&e->looks->agenda, clock_mono_ms())) != NULL)
		look_zone_tick(item->of);
	tell(e);
}

void look_forget(struct zwork *z)
{
	struct look_zone *lz = z->looks;

	if (lz == NULL)
		return;
	agenda_set(&z->engine->looks->agenda, &lz->due, INT64_MAX);
	for (size_t i = 0; i < lz->servers; i++) {
		look_ask_forget(z->engine, lz->server[i]);
		look_end(lz->server[i]);
		server_free(lz->server[i]);
	}
	free(lz->server);
	look_ns_fini(&lz->name_servers);
	free(lz->missing);
	ds_list_fini(&lz->ds_shown);
	free(lz);
	z->looks = NULL;
}

json_t *look_name_servers(const struct zwork *z)
{
	const struct look_zone *lz = z->looks;
	json_t *list;

	if (lz == NULL || !lz->ns)
		return json_null();
	list = json_array();
	for (size_t i = 0; i < lz->servers; i++) {
		const struct look_server *t = lz->server[i];
		char text[ADDR_TEXT_LEN];

		if (t->server.role != OBSERVED_NS || !t->there)
			continue;
		json_array_append_new(list, json_pack("{s:s?,s:s,s:b,s:I,s:b,s:I,s:s?}", "name", t->name, "address",
						      addr_text(&t->server.addr, text), "ok", t->last.outcome == OBSERVED_ANSWERED, "serial", (json_int_t)t->last.serial,
						      "explained", (int)t->last.explained, "seen_at", (json_int_t)t->last.at, "error",
						      t->last.at == 0 || t->last.outcome == OBSERVED_ANSWERED
							      ? NULL
							      : observed_outcome_text(t->last.outcome)));
	}
	return json_pack("{s:o,s:s?}", "servers", list, "missing", lz->missing);
}

json_t *look_ds(const struct zwork *z)
{
	return z->looks == NULL ? NULL : ds_list_known(&z->looks->ds_shown, z->engine->conf->signer.look_interval_s);
}

int64_t look_ds_awaited(const struct zwork *z)
{
	const struct look_zone *lz = z->looks;
	const int64_t until = lz == NULL || !lz->ds ? 0 : lz->began_ms + DS_WAIT_MS;
	size_t parents = 0;
	bool all = true;

	if (until <= clock_mono_ms())
		return 0;
	for (size_t i = 0; i < lz->servers; i++)
		if (lz->server[i]->there && observed_of_parent(lz->server[i]->server.role)) {
			parents++;
			all &= lz->server[i]->looks > 0;
		}
	return parents > 0 && all ? 0 : until;
}

void look_plan(struct zwork *z)
{
	const bool keys = z->plan != NULL && !z->gone && z->plan->look_keys;
	const bool ds = z->plan != NULL && !z->gone && z->plan->look_ds;
	struct look_zone *lz = z->looks;

	if (!keys && !ds && (z->plan == NULL || z->gone || !z->plan->look_ns)) {
		look_forget(z);
		return;
	}
	if (lz == NULL) {
		lz = z->looks = mem_new(1, sizeof(*lz));
		lz->z = z;
		lz->due.of = lz;
		lz->began_ms = clock_mono_ms();
	}
	lz->keys = keys;
	lz->ds = ds;
	lz->ns = z->plan->look_ns;
	lz->said_ms = 0;
	look_soon(z, NULL);
}

void look_soon(struct zwork *z, const char *address)
{
	struct look_zone *lz = z->looks;
	char text[ADDR_TEXT_LEN];

	if (lz == NULL)
		return;
	for (size_t i = 0; i < lz->servers; i++)
		if (address == NULL || strcmp(addr_text(&lz->server[i]->server.addr, text), address) == 0) {
			lz->server[i]->looks = 0;
			lz->server[i]->next_ms = clock_mono_ms() + (address == NULL ? 0 : wait_ms[0]);
		}
	agenda_set(&z->engine->looks->agenda, &lz->due, clock_mono_ms());
}

void look_all_again(struct engine *e)
{
	for (size_t i = 0; i < e->zone_count; i++)
		if (e->zone[i]->looks != NULL)
			e->zone[i]->looks->said_ms = 0;
}

void lookers_reload(struct engine *e)
{
	parents_free(e);
	names_free(e);
	for (size_t i = 0; i < e->zone_count; i++) {
		if (e->zone[i]->looks != NULL)
			look_ns_fini(&e->zone[i]->looks->name_servers); /* it may listen on addresses of another family */
		look_plan(e->zone[i]);
	}
}

void lookers_open(struct engine *e)
{
	e->looks = mem_new(1, sizeof(*e->looks));
	e->looks->looks = json_array();
	e->looks->servers = json_array();
	uv_timer_init(&e->loop, &e->looks->timer);
	e->looks->timer.data = e;
	uv_timer_start(&e->looks->timer, on_timer, TICK_MS, TICK_MS);
}

void lookers_close(struct engine *e)
{
	struct lookers *l = e->looks;

	if (l == NULL)
		return;
	parents_free(e);
	names_free(e);
	agenda_fini(&l->agenda);
	free(l->question);
	json_decref(l->looks);
	json_decref(l->servers);
	free(l);
	e->looks = NULL;
}
