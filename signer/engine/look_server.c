/* SPDX-License-Identifier: BSD-3-Clause */
/* look_server: one look at one server, question after question. */
#include "clock/clock.h"
#include "signer/engine/look_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3 /* of a look during which the version changed */

void look_end(struct look_server *t)
{
	if (t->step != LOOK_IDLE)
		t->of->z->engine->looks->running--;
	t->step = LOOK_IDLE;
	arena_free(t->arena);
	t->arena = NULL;
	t->look = NULL;
}

static void fail(struct look_server *t, enum observed_outcome outcome, const char *why)
{
	t->look->outcome = outcome;
	t->look->sets = 0;
	t->look->has_version = t->look->explained = false;
	if (why != NULL)
		snprintf(t->look->why, sizeof(t->look->why), "%.100s", why);
	look_done(t);
}

static const char *key_of(const struct look_server *t)
{
	char text[ADDR_TEXT_LEN];

	addr_text(&t->server.addr, text);
	for (size_t i = 0; i < t->of->z->shown_count; i++)
		if (strcmp(t->of->z->shown[i].address, text) == 0)
			return t->of->z->shown[i].key;
	return NULL;
}

static void on_answer(void *ctx, const json_t *msg);

static void ask(struct look_server *t, enum look_step step)
{
	static const char *const what[] = { [LOOK_SOA] = "soa", [LOOK_DNSKEY] = "dnskey", [LOOK_CDS] = "cds",
					    [LOOK_SOA_AGAIN] = "soa", [LOOK_DS] = "ds" };
	char address[ADDR_TEXT_LEN];
	const struct netlink_question q = { .zone = t->of->z->name, .address = addr_text(&t->server.addr, address),
					    .key = key_of(t), .what = what[step], .tcp = step != LOOK_DS,
					    .recursion = t->server.role == OBSERVED_RESOLVER,
					    .timeout_ms = LOOK_TIMEOUT_MS };

	t->step = step;
	look_ask(t->of->z->engine, &q, on_answer, t);
}

/* The RRset of this type, of a record stream, into the look. */
static int keep(struct look_server *t, const uint8_t *octets, size_t len, uint16_t type)
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

static void take_soa(struct look_server *t, const uint8_t *octets, size_t len)
{
	struct observed *o = t->look;
	uint8_t id[VERSION_ID_LEN];
	uint32_t serial;
	struct zwork *z = t->of->z;

	if (!secondary_version(z->apex, octets, len, &serial, id)) {
		fail(t, OBSERVED_LAME, "no SOA");
		return;
	}
	if (t->step == LOOK_SOA) {
		o->serial = serial;
		memcpy(o->id, id, sizeof(o->id));
		o->has_version = true;
		if (keep(t, octets, len, TYPE_RRSIG) != 0)
			fail(t, OBSERVED_MALFORMED, "too many RRSIGs, or one that is none");
		else
			ask(t, LOOK_DNSKEY);
		return;
	}
	if (serial == o->serial && memcmp(id, o->id, sizeof(id)) == 0) {
		o->explained = past_find(&z->kept.own, serial, id) != NULL || past_find(&z->others, serial, id) != NULL;
		o->outcome = OBSERVED_ANSWERED;
		look_done(t);
	} else if (++t->tries < TRIES_MAX) {
		o->sets = 0;
		o->asked_ms = clock_mono_ms();
		ask(t, LOOK_SOA);
	} else {
		fail(t, OBSERVED_CHANGING, "its version changed while it was looked at");
	}
}

static void take_ds(struct look_server *t, const json_t *msg, const uint8_t *octets, size_t len)
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
	look_done(t);
}

static void on_answer(void *ctx, const json_t *msg)
{
	struct look_server *t = ctx;
	char why[128], rcode[64];
	const enum observed_outcome outcome = look_failed(msg, why, sizeof(why));
	const json_int_t code = json_integer_value(json_object_get(msg, "rcode"));
	uint8_t *octets;
	size_t len;

	if (outcome != OBSERVED_ANSWERED) {
		fail(t, outcome, why);
		return;
	}
	if (t->step != LOOK_DS && (code != 0 || !json_is_true(json_object_get(msg, "aa")))) {
		snprintf(rcode, sizeof(rcode), code != 0 ? "RCODE %d" : "not authoritative", (int)code);
		fail(t, code != 0 ? OBSERVED_REFUSED : OBSERVED_LAME, rcode);
		return;
	}
	octets = look_octets(msg, "rrs", &len);
	if (t->step == LOOK_DS) {
		take_ds(t, msg, octets, len);
	} else if (t->step == LOOK_SOA || t->step == LOOK_SOA_AGAIN) {
		take_soa(t, octets, len);
	} else if (keep(t, octets, len, t->step == LOOK_DNSKEY ? TYPE_DNSKEY : TYPE_CDS) != 0) {
		fail(t, OBSERVED_MALFORMED, "too many records, or one that is none");
	} else {
		ask(t, t->step == LOOK_DNSKEY ? LOOK_CDS : LOOK_SOA_AGAIN);
	}
	free(octets);
}

void look_begin(struct look_server *t)
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
	ask(t, observed_of_parent(t->server.role) ? LOOK_DS : LOOK_SOA);
}
