/* SPDX-License-Identifier: BSD-3-Clause */
/* kdlink: what keydist says is taken field by field; what it must know is said again whenever the link comes up. */
#include "signer/engine/kdlink.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/netlink.h"
#include "log/log.h"
#include "msg/msg.h"
#include "seal/seal.h"

#define SILENT_MS   5000 /* keydist says who is there every second */
#define TSIG_MAX    256
#define STATUS_MS   1000

struct kdlink {
	struct engine *engine;
	struct msg_client *client;
	bool up;
	int64_t heard_ms;
};

static int say(struct kdlink *k, const char *type, json_t *body, struct err *e)
{
	struct err unused;
	int rc = k == NULL || k->client == NULL ? err_set(e, ERR_NOTNOW, "keydist is not connected")
						 : msg_client_send(k->client, type, body, e == NULL ? &unused : e);

	json_decref(body);
	return rc;
}

bool kdlink_up(const struct kdlink *k)
{
	return k != NULL && k->up;
}

/* ---- out ---- */

void kdlink_status(struct kdlink *k, struct zwork *z)
{
	/* Before the comparison peers may remember more of us than we do: a word of ours would replace what they know. */
	if (z->gone || !engine_may_make(z->engine))
		return;
	if (say(k, "status", json_pack("{s:s,s:o}", "zone", z->name, "status", status_word(z)), NULL) == 0)
		z->status_due = false;
	z->status_ms = clock_mono_ms();
}

static json_t *key_hashes(const struct zwork *z)
{
	json_t *list = json_array();

	for (size_t i = 0; z->plan != NULL && i < z->plan->ready_count; i++)
		for (size_t j = 0; j < z->plan->ready[i].n; j++) {
			const struct rr *rr = &z->plan->ready[i].rrs[j];
			struct key *key;

			if (rr->type != TYPE_DNSKEY || key_from_dnskey(rr->rdata, rr->rdlen, &key, NULL) != 0)
				continue;
			json_array_append_new(list, msg_json_hex(key_hash(key), KEY_HASH_LEN));
			key_free(key);
		}
	return list;
}

void kdlink_served(struct kdlink *k, const struct zwork *z)
{
	const struct version_info *info;

	/* Only a version that was made by the plan of now says which keys those are. */
	if (z->version == NULL || z->plan == NULL || z->plan->state != PLAN_SIGNED ||
	    memcmp(z->plan->hash, z->kept.plan_hash, sizeof(z->plan->hash)) != 0)
		return;
	info = version_info(z->version);
	say(k, "served",
	    json_pack("{s:s,s:o,s:I,s:o,s:I,s:I,s:I}", "zone", z->name, "keyset", msg_json_hex(info->keyset, 32), "serial",
		      (json_int_t)info->serial, "keys", key_hashes(z), "unsigned_ttl", (json_int_t)z->kept.unsigned_ttl,
		      "largest_ttl", (json_int_t)info->largest_ttl, "previous_largest_ttl",
		      (json_int_t)z->kept.previous_ttl), NULL);
}

void kdlink_content(struct kdlink *k, const struct zwork *z, const struct content_id *c)
{
	say(k, "content", json_pack("{s:s,s:I,s:I,s:o}", "zone", z->name, "epoch", (json_int_t)c->epoch, "content",
				    (json_int_t)c->number, "digest", msg_json_hex(c->digest, sizeof(c->digest))), NULL);
}

int kdlink_floor(struct kdlink *k, const char *zone, uint32_t serial, struct err *e)
{
	return say(k, "floor", json_pack("{s:s,s:I}", "zone", zone, "serial", (json_int_t)serial), e);
}

int kdlink_accept_serial(struct kdlink *k, const char *zone, struct err *e)
{
	return say(k, "accept-serial", json_pack("{s:s}", "zone", zone), e);
}

int kdlink_alone(struct kdlink *k, struct err *e)
{
	return say(k, "alone", json_object(), e);
}

/* ---- in ---- */

static struct zwork *zone_of(struct kdlink *k, const json_t *msg, bool make)
{
	uint8_t name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	struct err e;

	if (msg_name(msg, "zone", name, &e) != 0) {
		log_event(LOG_WARNING, "keydist-message", "msg=%s", e.text);
		return NULL;
	}
	dname_lower(name, name);
	return engine_zone(k->engine, dname_to_text(name, text), make);
}

static void on_plan(struct kdlink *k, const json_t *msg)
{
	struct zwork *z = zone_of(k, msg, !json_is_true(json_object_get(msg, "gone")));

	if (z != NULL) {
		bool first = z->plan == NULL;

		zwork_plan(z, msg);
		if (first)
			kdlink_served(k, z);
	}
}

static void on_peers(struct kdlink *k, const json_t *msg)
{
	struct engine *e = k->engine;
	const json_t *clock = json_object_get(msg, "clock");
	const char *why = json_string_value(json_object_get(clock, "why"));
	json_t *o;
	size_t i;

	e->node_count = 0;
	json_array_foreach(json_object_get(msg, "nodes"), i, o) {
		struct engine_node *n = &e->node[e->node_count];
		const char *id = json_string_value(json_object_get(o, "node"));
		const char *name = json_string_value(json_object_get(o, "name"));
		const char *role = json_string_value(json_object_get(o, "role"));
		const json_t *heard = json_object_get(o, "heard_ms");

		if (e->node_count == ENGINE_NODES_MAX || id == NULL || name == NULL || role == NULL)
			continue;
		snprintf(n->id, sizeof(n->id), "%s", id);
		snprintf(n->name, sizeof(n->name), "%s", name);
		snprintf(n->role, sizeof(n->role), "%s", role);
		n->self = json_is_true(json_object_get(o, "self"));
		n->counted = json_is_true(json_object_get(o, "counted"));
		n->heard_ms = json_is_integer(heard) ? json_integer_value(heard) : -1;
		e->node_count++;
	}
	e->nodes_mono_ms = clock_mono_ms();
	e->clock.keydist_mono_ms = e->nodes_mono_ms;
	e->clock.keydist_vouched = json_is_true(json_object_get(clock, "vouched"));
	snprintf(e->clock.keydist_why, sizeof(e->clock.keydist_why), "%s", why == NULL ? "keydist does not vouch" : why);
	if (json_is_true(json_object_get(msg, "compared")) && !e->compared) {
		e->compared = true;
		log_event(LOG_NOTICE, "compared", "msg=facts and status were compared with another node");
	}
	engine_clock_tick(e);
}

static void on_synced(struct kdlink *k, const json_t *msg)
{
	struct engine *e = k->engine;
	const char *hold = json_string_value(json_object_get(msg, "hold"));

	if (json_is_true(json_object_get(msg, "compared")) && !e->compared)
		log_event(LOG_NOTICE, "compared", "msg=facts and status were compared with another node");
	e->compared = e->compared || json_is_true(json_object_get(msg, "compared"));
	/* "alone" there only says that nobody was heard yet; going on without them is the operator's word (zone resume --alone),
	 * which keydist then tells as compared. */
	if (json_is_true(json_object_get(msg, "set_back")) && !e->set_back)
		log_event(LOG_ERROR, "set-back", "msg=this node was set back to an old copy: it catches up before it makes a version");
	e->set_back = json_is_true(json_object_get(msg, "set_back"));
	if (hold != NULL && (e->hold == NULL || strcmp(hold, e->hold) != 0))
		log_event(LOG_ERROR, "held", "msg=%s", hold);
	if (hold == NULL)
		zwork_say(&e->hold, NULL);
	else
		zwork_say(&e->hold, "%s", hold);
	for (size_t i = 0; i < e->zone_count; i++)
		zwork_poke(e->zone[i]);
}

static void on_status(struct kdlink *k, const json_t *msg)
{
	const char *node = json_string_value(json_object_get(msg, "node"));
	const char *name = json_string_value(json_object_get(msg, "name"));
	const json_t *status = json_object_get(msg, "status");
	struct zwork *z = zone_of(k, msg, false);

	if (z != NULL && node != NULL && json_is_object(status))
		zwork_word(z, node, name == NULL ? node : name, status);
}

static struct tsig_key *tsig_read(struct kdlink *k, const json_t *o, struct err *e)
{
	const struct engine_identity *id = &k->engine->identity;
	uint8_t name[DNAME_MAX], hash[SEAL_HASH_LEN], *box;
	const struct seal_label label = { .purpose = SEAL_TSIG_ENGINE, .name = name, .hash = hash };
	const char *alg_text = msg_text(o, "alg", 32, e);
	enum tsig_alg alg = alg_text == NULL ? 0 : tsig_alg_from_text(alg_text);
	struct secret *secret = NULL;
	size_t box_len;
	int rc;

	if (msg_name(o, "name", name, e) != 0 || msg_hex(o, "hash", hash, sizeof(hash), e) != 0)
		return NULL;
	if (alg == 0) {
		err_set(e, ERR_REFUSED, "algorithm %s", alg_text == NULL ? "?" : alg_text);
		return NULL;
	}
	if ((box = msg_base64(o, "box", SEAL_MAX, &box_len, e)) == NULL)
		return NULL;
	dname_lower(name, name);
	rc = seal_open(&label, id->box_pk, id->box_sk, box, box_len, &secret, e);
	free(box);
	return rc != 0 ? NULL : tsig_key_new(name, alg, secret);
}

static void on_tsig(struct kdlink *k, const json_t *msg)
{
	struct tsig_key *keys[TSIG_MAX];
	bool newest[TSIG_MAX];
	size_t n = 0, i;
	struct err e;
	json_t *o;

	json_array_foreach(json_object_get(msg, "keys"), i, o) {
		if (n == TSIG_MAX)
			break;
		if ((keys[n] = tsig_read(k, o, &e)) == NULL) {
			log_event(LOG_ERROR, "tsig-refused", "key=%s msg=%s",
				  json_string_value(json_object_get(o, "name")) == NULL ? "?" :
				  json_string_value(json_object_get(o, "name")), e.text);
			continue;
		}
		newest[n++] = json_is_true(json_object_get(o, "newest"));
	}
	log_event(LOG_INFO, "tsig", "keys=%zu", n);
	netlink_tsig(k->engine->net, keys, newest, n);
}

static void reply(struct kdlink *k, json_int_t id, const struct err *why, json_t *result)
{
	json_t *o = json_pack("{s:I,s:b,s:s?,s:o}", "id", id, "ok", why == NULL, "error",
			      why == NULL ? NULL : why->text, "result", result == NULL ? json_object() : result);

	say(k, "reply", o, NULL);
}

/* An open request: whom to answer when the zone has got there. */
struct asked {
	struct kdlink *k;
	json_int_t id;
};

static void on_done(void *ctx, json_t *body, const struct err *why)
{
	struct asked *a = ctx;

	reply(a->k, a->id, why, why == NULL ? body : NULL);
	if (why != NULL)
		json_decref(body);
	free(a);
}

/* What is about one zone: { "zone": NAME } in args. */
static int on_zone_request(struct kdlink *k, const char *what, json_int_t id, const json_t *args, struct err *err)
{
	const char *name = json_string_value(json_object_get(args, "zone"));
	struct zwork *z = name == NULL ? NULL : api_zone(k->engine, name, err);
	struct asked *a;

	if (name == NULL)
		return err_set(err, ERR_SYNTAX, "\"zone\" must be given");
	if (z == NULL)
		return -1;
	if (strcmp(what, "status") == 0) {
		reply(k, id, NULL, status_zone(z));
		return 0;
	}
	a = mem_new(1, sizeof(*a));
	a->k = k;
	a->id = id;
	if (strcmp(what, "sign") == 0) {
		if (api_sign(z, json_is_true(json_object_get(args, "full")), on_done, a, err) == 0)
			return 0;
		free(a);
		return -1;
	}
	api_ask_secondaries(z, on_done, a);
	return 0;
}

static void on_request(struct kdlink *k, const json_t *msg)
{
	struct engine *e = k->engine;
	const char *what = json_string_value(json_object_get(msg, "what"));
	const json_t *args = json_object_get(msg, "args");
	json_int_t id = json_integer_value(json_object_get(msg, "id"));
	struct err err;

	if (what != NULL && strcmp(what, "drain") == 0) {
		engine_drain(e, json_integer_value(json_object_get(args, "for_ms")));
		reply(k, id, NULL, json_pack("{s:I}", "for_ms", e->drain_until_ms == 0 ? (json_int_t)0 :
					     (json_int_t)(e->drain_until_ms - clock_mono_ms())));
	} else if (what != NULL && strcmp(what, "status") == 0 && json_object_get(args, "zone") == NULL) {
		reply(k, id, NULL, status_engine(e));
	} else if (what != NULL && (strcmp(what, "sign") == 0 || strcmp(what, "status") == 0 ||
				    strcmp(what, "probe-secondaries") == 0)) {
		if (on_zone_request(k, what, id, args, &err) != 0)
			reply(k, id, &err, NULL);
	} else {
		err_set(&err, ERR_REFUSED, "%s is not something that a signer does", what == NULL ? "?" : what);
		reply(k, id, &err, NULL);
	}
}

static const struct {
	const char *type;
	void (*take)(struct kdlink *k, const json_t *msg);
} rows[] = {
	{ "plan", on_plan },     { "peers", on_peers }, { "synced", on_synced },
	{ "status", on_status }, { "tsig", on_tsig },   { "request", on_request },
};

static void up(struct kdlink *k)
{
	k->heard_ms = clock_mono_ms();
	if (!k->up)
		log_event(LOG_NOTICE, "keydist-up", "endpoint=%s", k->engine->conf->signer.keydist);
	k->up = true;
}

static void on_message(void *ctx, const char *type, json_t *msg)
{
	struct kdlink *k = ctx;

	up(k);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].type, type) == 0) {
			rows[i].take(k, msg);
			return;
		}
}

static void on_up(void *ctx)
{
	struct kdlink *k = ctx;

	say(k, "hello", json_object(), NULL);
	for (size_t i = 0; i < k->engine->zone_count; i++) {
		k->engine->zone[i]->status_due = true;
		kdlink_served(k, k->engine->zone[i]);
	}
}

void kdlink_tick(struct kdlink *k)
{
	struct engine *e = k->engine;
	int64_t now_ms = clock_mono_ms();

	say(k, "clock", json_pack("{s:I}", "now", (json_int_t)clock_now_s()), NULL);
	for (size_t i = 0; i < e->zone_count; i++)
		if (e->zone[i]->status_due && now_ms - e->zone[i]->status_ms >= STATUS_MS)
			kdlink_status(k, e->zone[i]);
	if (k->up && now_ms - k->heard_ms > SILENT_MS) {
		k->up = false;
		log_event(LOG_WARNING, "keydist-down", "endpoint=%s msg=nothing heard for %d s; what is published stays served",
			  e->conf->signer.keydist, SILENT_MS / 1000);
	}
}

int kdlink_open(struct engine *e, struct kdlink **out, struct err *err)
{
	struct kdlink *k = mem_new(1, sizeof(*k));
	const struct msg_client_config config = {
		.endpoint = e->conf->signer.keydist, .identity = &e->identity, .ctx = k, .on_up = on_up,
		.on_message = on_message,
	};

	k->engine = e;
	if (msg_client_open(&e->loop, &config, &k->client, err) != 0) {
		free(k);
		return -1;
	}
	*out = k;
	return 0;
}

void kdlink_close(struct kdlink *k)
{
	if (k == NULL)
		return;
	msg_client_close(k->client);
	free(k);
}
