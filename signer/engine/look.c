/* SPDX-License-Identifier: BSD-3-Clause */
/* look: the agenda of looks, one look after the other, and what keydist is told. */
#include "signer/engine/look.h"

#include "clock/clock.h"
#include "log/log.h"
#include "signer/engine/kdlink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS    100
#define LIST_MAX   64    /* looks in one message */
#define TRIES_MAX  3     /* of a look during which the version changed */
#define DS_WAIT_MS (2 * LOOK_TIMEOUT_MS) /* a first version for the parent's servers; one that does not answer is not waited for longer */
#define SERVERS_MS 60000 /* keydist is told again who is looked at */

/* Waits between looks at one server, by the number of looks since something happened. */
static const int64_t wait_ms[] = { 300, 500, 1000, 2000, 5000, 10000, 30000 };

enum step { IDLE, ASK_SOA, ASK_DNSKEY, ASK_CDS, ASK_SOA_AGAIN, ASK_DS };

/* One server of one zone. */
struct target {
	struct look_zone *of;
	struct observed_server server;
	bool there;    /* still on the list */
	int64_t next_ms, asked_ms;
	unsigned looks, tries;
	enum step step;
	struct arena *arena;  /* of the look that runs */
	struct observed *look;
};

struct look_zone {
	struct zwork *z;
	struct agenda_item due;
	bool keys, ds;
	struct target **target;
	size_t targets, cap;
	struct ds_list ds_shown;      /* by the parent's servers */
	int64_t began_ms;
	struct observed_servers said; /* what keydist was told */
	int64_t said_ms;              /* 0: never */
};

/* ---- what keydist is told ---- */

static void tell(struct engine *e)
{
	struct lookers *l = e->looks;

	if (json_array_size(l->looks) + json_array_size(l->servers) > 0)
		kdlink_observed(e->keydist, l->servers, l->looks);
	json_array_clear(l->looks);
	json_array_clear(l->servers);
}

static void tell_look(struct target *t)
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

static struct target *target_get(struct look_zone *lz, const struct observed_server *s)
{
	struct target *t;

	for (size_t i = 0; i < lz->targets; i++)
		if (addr_equal(&lz->target[i]->server.addr, &s->addr) && lz->target[i]->server.role == s->role)
			return lz->target[i];
	if (lz->targets == lz->cap) {
		lz->cap = 2 * lz->cap + 4;
		lz->target = mem_grow(lz->target, lz->cap, sizeof(struct target *));
	}
	t = lz->target[lz->targets++] = mem_new(1, sizeof(*t));
	t->of = lz;
	t->server = *s;
	t->next_ms = clock_mono_ms();
	return t;
}

static void list_add(struct observed_servers *out, const struct addr *addr, enum observed_role role, bool *whole)
{
	if (out->n == OBSERVED_SERVERS_MAX)
		*whole = false;
	else
		out->server[out->n++] = (struct observed_server){ *addr, role };
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

/* All that are to be looked at now. */
static void list_make(struct look_zone *lz, struct observed_servers *out)
{
	const struct parent_zone *p = lz->ds ? parents_of(lz->z->engine, lz->z->apex) : NULL;

	memset(out, 0, sizeof(*out));
	memcpy(out->zone, lz->z->apex, dname_len(lz->z->apex));
	out->children_whole = true;
	for (size_t i = 0; i < lz->z->shown_count; i++) {
		struct addr addr;

		if (lz->z->shown[i].configured && addr_parse(lz->z->shown[i].address, 53, &addr, NULL) == 0)
			list_add(out, &addr, OBSERVED_SECONDARY, &out->children_whole);
	}
	list_watched(lz, out);
	if (!lz->ds || p == NULL)
		return;
	out->parents_whole = p->whole;
	snprintf(out->why, sizeof(out->why), "%s", p->why);
	for (size_t i = 0; i < p->servers; i++)
		list_add(out, &p->server[i].addr, p->server[i].role, &out->parents_whole);
}

static void list_use(struct look_zone *lz)
{
	struct lookers *l = lz->z->engine->looks;
	struct observed_servers now;

	list_make(lz, &now);
	if (lz->said_ms != 0 && memcmp(&now, &lz->said, sizeof(now)) == 0 && clock_mono_ms() - lz->said_ms < SERVERS_MS)
		return;
	for (size_t i = 0; i < lz->targets; i++)
		lz->target[i]->there = false;
	for (size_t i = 0; i < now.n; i++)
		target_get(lz, &now.server[i])->there = true;
	lz->said = now;
	lz->said_ms = clock_mono_ms();
	json_array_append_new(l->servers, observed_servers_pack(&now));
}

/* ---- one look ---- */

static bool is_parent(const struct target *t)
{
	return t->server.role == OBSERVED_PARENT || t->server.role == OBSERVED_RESOLVER;
}

/* It is on the list, and its side of the cut is asked for. */
static bool wanted(const struct target *t)
{
	return t->there && (is_parent(t) ? t->of->ds : t->of->keys);
}

static void schedule(struct look_zone *lz)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < lz->targets; i++)
		if (wanted(lz->target[i]) && lz->target[i]->step == IDLE && lz->target[i]->next_ms < at)
			at = lz->target[i]->next_ms;
	if (at == INT64_MAX)
		at = clock_mono_ms() + 1000; /* its parent is being looked for, or looks run */
	agenda_set(&lz->z->engine->looks->agenda, &lz->due, at);
}

static void end(struct target *t)
{
	if (t->step != IDLE)
		t->of->z->engine->looks->running--;
	t->step = IDLE;
	arena_free(t->arena);
	t->arena = NULL;
	t->look = NULL;
}

static void done(struct target *t)
{
	const int64_t most_ms = 1000 * t->of->z->engine->conf->signer.look_interval_s;
	const size_t n = sizeof(wait_ms) / sizeof(wait_ms[0]);
	int64_t wait = t->looks < n ? wait_ms[t->looks] : most_ms;
	char text[ADDR_TEXT_LEN];

	log_event(t->look->outcome == OBSERVED_ANSWERED ? LOG_DEBUG : LOG_INFO, "look",
		  "zone=%s address=%s role=%s outcome=%s msg=%s", t->of->z->name, addr_text(&t->server.addr, text),
		  observed_role_text(t->server.role), observed_outcome_text(t->look->outcome), t->look->why);
	t->looks++;
	t->next_ms = clock_mono_ms() + (wait < most_ms ? wait : most_ms);
	tell_look(t);
	end(t);
	schedule(t->of);
	if (t->of->z->version == NULL && is_parent(t))
		zwork_poke(t->of->z); /* its first version may have waited for this */
}

static void fail(struct target *t, enum observed_outcome outcome, const char *why)
{
	t->look->outcome = outcome;
	t->look->sets = 0;
	t->look->has_version = t->look->explained = false;
	if (why != NULL)
		snprintf(t->look->why, sizeof(t->look->why), "%.100s", why);
	done(t);
}

static const char *key_of(const struct target *t)
{
	char text[ADDR_TEXT_LEN];

	addr_text(&t->server.addr, text);
	for (size_t i = 0; i < t->of->z->shown_count; i++)
		if (strcmp(t->of->z->shown[i].address, text) == 0)
			return t->of->z->shown[i].key;
	return NULL;
}

static void on_answer(void *ctx, const json_t *msg);

static void ask(struct target *t, enum step step)
{
	static const char *const what[] = { [ASK_SOA] = "soa", [ASK_DNSKEY] = "dnskey", [ASK_CDS] = "cds",
					    [ASK_SOA_AGAIN] = "soa", [ASK_DS] = "ds" };
	char address[ADDR_TEXT_LEN];
	const struct netlink_question q = { .zone = t->of->z->name, .address = addr_text(&t->server.addr, address),
					    .key = key_of(t), .what = what[step], .tcp = step != ASK_DS,
					    .recursion = t->server.role == OBSERVED_RESOLVER,
					    .timeout_ms = LOOK_TIMEOUT_MS };

	t->step = step;
	look_ask(t->of->z->engine, &q, on_answer, t);
}

/* The RRset of this type, of a record stream, into the look. */
static int keep(struct target *t, const uint8_t *octets, size_t len, uint16_t type)
{
	struct rr rr[OBSERVED_RECORDS_MAX + 1];
	struct rd r = rd_of(octets, len);
	uint32_t ttl = 0;
	size_t n = 0;
	int rc = 0;

	while (n <= OBSERVED_RECORDS_MAX && (rc = rr_read(&r, &rr[n], NULL)) == 1)
		if (rr[n].type == type && dname_equal(rr[n].owner, t->look->zone))
			ttl = rr[n++].ttl;
	if (rc < 0)
		return -1; /* half a set would say that the rest is gone */
	return observed_add(t->look, type, ttl, rr, n, t->arena, NULL);
}

static void take_soa(struct target *t, const uint8_t *octets, size_t len)
{
	struct observed *o = t->look;
	uint8_t id[VERSION_ID_LEN];
	uint32_t serial;
	struct zwork *z = t->of->z;

	if (!secondary_version(z->apex, octets, len, &serial, id)) {
		fail(t, OBSERVED_LAME, "no SOA");
		return;
	}
	if (t->step == ASK_SOA) {
		o->serial = serial;
		memcpy(o->id, id, sizeof(o->id));
		o->has_version = true;
		if (keep(t, octets, len, TYPE_RRSIG) != 0)
			fail(t, OBSERVED_MALFORMED, "too many RRSIGs, or one that is none");
		else
			ask(t, ASK_DNSKEY);
		return;
	}
	if (serial == o->serial && memcmp(id, o->id, sizeof(id)) == 0) {
		o->explained = past_find(&z->kept.own, serial, id) != NULL || past_find(&z->others, serial, id) != NULL;
		o->outcome = OBSERVED_ANSWERED;
		done(t);
	} else if (++t->tries < TRIES_MAX) {
		o->sets = 0;
		o->asked_ms = clock_mono_ms();
		ask(t, ASK_SOA);
	} else {
		fail(t, OBSERVED_CHANGING, "its version changed while it was looked at");
	}
}

static void take_ds(struct target *t, const json_t *msg, const uint8_t *octets, size_t len)
{
	const struct parent_zone *p = parents_of(t->of->z->engine, t->of->z->apex);
	struct parent_answer a = { .rcode = (unsigned)json_integer_value(json_object_get(msg, "rcode")),
				   .aa = json_is_true(json_object_get(msg, "aa")),
				   .ad = json_is_true(json_object_get(msg, "ad")),
				   .cname = json_is_true(json_object_get(msg, "cname")),
				   .rrs = octets, .rrs_len = len };
	uint8_t *auth = look_octets(msg, "auth", &a.auth_len);

	a.auth = auth;
	parent_judge(&a, &(struct parent_keys){ p->trust, p->name, p->keys, p->keys_len }, clock_now_s(), t->arena, t->look);
	free(auth);
	ds_list_take(&t->of->ds_shown, t->look);
	done(t);
}

static void on_answer(void *ctx, const json_t *msg)
{
	struct target *t = ctx;
	char why[128], rcode[64];
	const enum observed_outcome outcome = look_failed(msg, why, sizeof(why));
	const json_int_t code = json_integer_value(json_object_get(msg, "rcode"));
	uint8_t *octets;
	size_t len;

	if (outcome != OBSERVED_ANSWERED) {
		fail(t, outcome, why);
		return;
	}
	if (t->step != ASK_DS && (code != 0 || !json_is_true(json_object_get(msg, "aa")))) {
		snprintf(rcode, sizeof(rcode), code != 0 ? "RCODE %d" : "not authoritative", (int)code);
		fail(t, code != 0 ? OBSERVED_REFUSED : OBSERVED_LAME, rcode);
		return;
	}
	octets = look_octets(msg, "rrs", &len);
	if (t->step == ASK_DS) {
		take_ds(t, msg, octets, len);
	} else if (t->step == ASK_SOA || t->step == ASK_SOA_AGAIN) {
		take_soa(t, octets, len);
	} else if (keep(t, octets, len, t->step == ASK_DNSKEY ? TYPE_DNSKEY : TYPE_CDS) != 0) {
		fail(t, OBSERVED_MALFORMED, "too many records, or one that is none");
	} else {
		ask(t, t->step == ASK_DNSKEY ? ASK_CDS : ASK_SOA_AGAIN);
	}
	free(octets);
}

static void begin(struct target *t)
{
	struct lookers *l = t->of->z->engine->looks;

	t->arena = arena_new();
	t->look = arena_alloc(t->arena, 1, sizeof(*t->look));
	memcpy(t->look->zone, t->of->z->apex, dname_len(t->of->z->apex));
	t->look->server = t->server.addr;
	t->look->role = t->server.role;
	t->look->trust = OBSERVED_UNCHECKED;
	t->look->asked_ms = clock_mono_ms();
	t->tries = 0;
	l->running++;
	l->begun++;
	ask(t, is_parent(t) ? ASK_DS : ASK_SOA);
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

	list_use(lz);
	for (size_t i = 0; i < lz->targets; i++) {
		struct target *t = lz->target[i];

		if (wanted(t) && t->step == IDLE && t->next_ms <= now_ms && may_begin(lz->z->engine->looks))
			begin(t);
	}
	schedule(lz);
}

static void on_timer(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	struct agenda_item *item;

	if (!netlink_ready(e->net))
		return;
	parents_tick(e);
	while (may_begin(e->looks) && (item = agenda_due(&e->looks->agenda, clock_mono_ms())) != NULL)
		look_zone_tick(item->of);
	tell(e);
}

void look_forget(struct zwork *z)
{
	struct look_zone *lz = z->looks;

	if (lz == NULL)
		return;
	agenda_set(&z->engine->looks->agenda, &lz->due, INT64_MAX);
	for (size_t i = 0; i < lz->targets; i++) {
		look_ask_forget(z->engine, lz->target[i]);
		end(lz->target[i]);
		free(lz->target[i]);
	}
	free(lz->target);
	ds_list_fini(&lz->ds_shown);
	free(lz);
	z->looks = NULL;
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
	for (size_t i = 0; i < lz->targets; i++)
		if (lz->target[i]->there && is_parent(lz->target[i])) {
			parents++;
			all &= lz->target[i]->looks > 0;
		}
	return parents > 0 && all ? 0 : until;
}

void look_plan(struct zwork *z)
{
	const bool keys = z->plan != NULL && !z->gone && z->plan->look_keys;
	const bool ds = z->plan != NULL && !z->gone && z->plan->look_ds;
	struct look_zone *lz = z->looks;

	if (!keys && !ds) {
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
	lz->said_ms = 0;
	look_soon(z, NULL);
}

void look_soon(struct zwork *z, const char *address)
{
	struct look_zone *lz = z->looks;
	char text[ADDR_TEXT_LEN];

	if (lz == NULL)
		return;
	for (size_t i = 0; i < lz->targets; i++)
		if (address == NULL || strcmp(addr_text(&lz->target[i]->server.addr, text), address) == 0) {
			lz->target[i]->looks = 0;
			lz->target[i]->next_ms = clock_mono_ms() + (address == NULL ? 0 : wait_ms[0]);
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
	for (size_t i = 0; i < e->zone_count; i++)
		look_plan(e->zone[i]);
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
	agenda_fini(&l->agenda);
	free(l->question);
	json_decref(l->looks);
	json_decref(l->servers);
	free(l);
	e->looks = NULL;
}
