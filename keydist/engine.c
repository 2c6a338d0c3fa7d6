/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine: the link to the local signer.  It gets plans, its peers' status and TSIG keys; it gives status and
 * deeds.  What could not be sent, or not be said as a fact, is tried again with the next tick.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX 10000
#define KEYS_MAX  64

struct asked {
	uint64_t id;
	int64_t until_ms;
	engine_reply_fn *fn;
	void *ctx;
	struct asked *next;
};

static int send_engine(struct keydist *k, const char *type, json_t *body)
{
	return msg_send(cluster_hub(k->cluster), k->self.id, MSG_ENGINE, type, body, NULL);
}

/* ---- to the engine ---- */

static void queue_status(void *ctx, const char *node, const char *zone, json_t *status);

struct one_zone {
	struct keydist *k;
	const char *zone;
};

static void status_of_zone(void *ctx, const char *node, const char *zone, json_t *status)
{
	const struct one_zone *o = ctx;

	if (strcmp(zone, o->zone) == 0)
		queue_status(o->k, node, zone, status);
}

static void send_plans(struct keydist *k)
{
	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = &k->zone[i];

		if (c->plan == NULL || c->plan == c->sent || send_engine(k, "plan", c->plan) != 0)
			continue;
		/* What was said of a zone before the engine had heard of it was lost on it. */
		if (c->sent == NULL)
			cluster_status_each(k->cluster, status_of_zone, &(struct one_zone){ k, c->text });
		json_decref(c->sent);
		c->sent = json_incref(c->plan);
	}
}

static json_t *synced(struct keydist *k)
{
	return json_pack("{s:b,s:b,s:b,s:s?}", "compared", cluster_compared(k->cluster), "alone",
			 cluster_alone(k->cluster), "set_back", cluster_set_back(k->cluster), "hold",
			 cluster_hold(k->cluster));
}

/* Sends body when it differs from what was sent before; takes over the reference. */
static void send_changed(struct keydist *k, const char *type, json_t *body, json_t **sent)
{
	if ((*sent != NULL && json_equal(*sent, body)) || send_engine(k, type, body) != 0) {
		json_decref(body);
		return;
	}
	json_decref(*sent);
	*sent = body;
}

static void send_statuses(struct keydist *k)
{
	size_t done = 0, n = json_array_size(k->status_queue);
	json_t *rest;

	while (done < n && send_engine(k, "status", json_array_get(k->status_queue, done)) == 0)
		done++;
	if (done == 0)
		return;
	rest = json_array();
	for (size_t i = done; i < n; i++)
		json_array_append(rest, json_array_get(k->status_queue, i));
	json_decref(k->status_queue);
	k->status_queue = rest;
}

static void on_flush(uv_timer_t *timer)
{
	struct keydist *k = timer->data;

	if (!k->engine_up)
		return;
	send_changed(k, "synced", synced(k), &k->synced_sent);
	send_changed(k, "tsig", tsig_for_engine(k), &k->tsig_sent);
	send_plans(k);
	send_statuses(k);
}

void engine_flush_soon(struct keydist *k)
{
	if (k->engine_up && !uv_is_active((uv_handle_t *)&k->flush))
		uv_timer_start(&k->flush, on_flush, 1, 0);
}

static void queue_status(void *ctx, const char *node, const char *zone, json_t *status)
{
	struct keydist *k = ctx;
	uint8_t id[NODE_ID_LEN];

	if (!k->engine_up || node_id_parse(node, id, NULL) != 0 ||
	    json_array_size(k->status_queue) >= QUEUE_MAX)
		return;
	json_array_append_new(k->status_queue,
			      json_pack("{s:s,s:s,s:s,s:O}", "zone", zone, "node", node, "name",
					cluster_name(k->cluster, id), "status", status));
}

void engine_on_status(void *ctx, const char *node, const char *zone, json_t *status)
{
	queue_status(ctx, node, zone, status);
	engine_flush_soon(ctx);
}

static json_t *node_json(struct keydist *k, const uint8_t id[NODE_ID_LEN], bool self,
			 const struct cluster_peer *p)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct node_state *me = state_node(s, k->self.id), *n = state_node(s, id);
	const bool counted = node_is_signer(n) && (self || (me != NULL && id_set_has(&me->counts, id)));
	char hex[NODE_ID_TEXT];
	const char *role = self || (p != NULL && p->peer.role == MSG_SIGNER) ? "signer" : "backup";
	json_t *heard = json_null();

	if (self)
		heard = json_integer(0);
	else if (p != NULL && p->heard_ms != 0)
		heard = json_integer(clock_mono_ms() - p->heard_ms);
	return json_pack("{s:s,s:s,s:s,s:b,s:b,s:o}", "node", node_id_text(id, hex), "name",
			 cluster_name(k->cluster, id), "role", role, "self", self, "counted", counted,
			 "heard_ms", heard);
}

static void send_peers(struct keydist *k)
{
	json_t *nodes = json_array(), *body;
	const struct cluster_peer *p;
	size_t n;

	p = cluster_peers(k->cluster, &n);
	json_array_append_new(nodes, node_json(k, k->self.id, true, NULL));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(nodes, node_json(k, p[i].peer.id, false, &p[i]));
	body = json_pack("{s:{s:b,s:s},s:o,s:b}", "clock", "vouched", k->clock_good, "why", k->clock_why,
			 "nodes", nodes, "compared", cluster_compared(k->cluster));
	send_engine(k, "peers", body);
	json_decref(body);
}

/* ---- from the engine ---- */

static void on_hello(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);

	(void)from;
	(void)msg;
	log_event(LOG_INFO, "engine-up", "msg=the local signer has connected");
	k->engine_up = true;
	for (size_t i = 0; i < k->zones; i++) {
		json_decref(k->zone[i].sent);
		k->zone[i].sent = NULL;
	}
	json_decref(k->tsig_sent);
	json_decref(k->synced_sent);
	k->tsig_sent = k->synced_sent = NULL;
	json_array_clear(k->status_queue);
	cluster_status_each(k->cluster, engine_on_status, k);
	send_peers(k);
	on_flush(&k->flush);
}

static struct zone_ctx *zone_of(struct keydist *k, const json_t *msg)
{
	uint8_t name[DNAME_MAX];

	return msg_name(msg, "zone", name, NULL) == 0 ? zone_ctx(k, name, false) : NULL;
}

static void on_status(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	const struct zone_ctx *c = zone_of(k, msg);
	json_t *status = json_object_get(msg, "status");

	(void)from;
	if (c != NULL && json_is_object(status))
		cluster_status_put(k->cluster, c->text, status, NULL);
}

/* Says `serves` when the engine's word holds a key or a TTL that this node has not said yet. */
static void say_serves(struct keydist *k, struct zone_ctx *c)
{
	const struct zone_state *z = state_zone(cluster_state(k->cluster), c->name);
	const json_t *keys = json_object_get(c->served, "keys");
	uint64_t unsigned_ttl = 0, largest = 0, previous = 0;
	bool fresh = false;
	json_t *row, *say;
	size_t i;
	struct err e;

	msg_uint(c->served, "unsigned_ttl", INT32_MAX, &unsigned_ttl, NULL);
	msg_uint(c->served, "largest_ttl", INT32_MAX, &largest, NULL);
	msg_uint(c->served, "previous_largest_ttl", INT32_MAX, &previous, NULL);
	if (z == NULL || json_array_size(keys) > KEYS_MAX)
		goto done;
	say = json_array();
	json_array_foreach(keys, i, row)
	{
		json_t *o = json_pack("{s:O}", "k", row);
		const struct key_state *ks;
		uint8_t hash[32];

		if (msg_hex(o, "k", hash, sizeof(hash), NULL) == 0 && (ks = zone_key(z, hash)) != NULL &&
		    ks->created) {
			json_array_append(say, row);
			fresh |= !id_set_has(&ks->record[RECORD_DNSKEY].serves, k->self.id);
		}
		json_decref(o);
	}
	fresh |= unsigned_ttl > z->unsigned_ttl;
	if (!fresh || json_array_size(say) == 0) {
		json_decref(say);
		goto done;
	}
	fail_point("serves-before");
	if (keydist_say(k, "key.serves", c->name,
			json_pack("{s:o,s:O?,s:I,s:I,s:I}", "keys", say, "keyset",
				  json_object_get(c->served, "keyset"), "unsigned_ttl",
				  (json_int_t)unsigned_ttl, "largest_ttl", (json_int_t)largest,
				  "previous_largest_ttl", (json_int_t)previous),
			&e) != 0)
		return; /* tried again with the next tick */
	log_event(LOG_NOTICE, "key-serves", "zone=%s keys=%zu unsigned_ttl=%llu", c->text,
		  json_array_size(keys), (unsigned long long)unsigned_ttl);
done:
	json_decref(c->served);
	c->served = NULL;
}

static void say_wishes(struct keydist *k, struct zone_ctx *c)
{
	const struct zone_state *z = state_zone(cluster_state(k->cluster), c->name);
	struct err e;

	if (c->served != NULL)
		say_serves(k, c);
	if (c->floor != NULL && z != NULL &&
	    keydist_say(k, "floor", c->name,
			json_pack("{s:O,s:I}", "serial", c->floor, "rev", (json_int_t)z->floor.rev + 1),
			&e) == 0) {
		json_decref(c->floor);
		c->floor = NULL;
	}
	z = state_zone(cluster_state(k->cluster), c->name);
	if (c->accept_serial && z != NULL &&
	    keydist_say(k, "epoch", c->name, json_pack("{s:I}", "epoch", (json_int_t)z->epoch.rev + 1), &e) ==
		    0)
		c->accept_serial = false;
}

static void on_served(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct zone_ctx *c = zone_of(k, msg);

	(void)from;
	if (c == NULL)
		return;
	json_decref(c->served);
	c->served = json_incref(msg);
	say_wishes(k, c);
}

static void on_floor(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct zone_ctx *c = zone_of(k, msg);
	uint64_t serial;

	(void)from;
	if (c == NULL || msg_uint(msg, "serial", UINT32_MAX, &serial, NULL) != 0)
		return;
	json_decref(c->floor);
	c->floor = json_integer((json_int_t)serial);
	say_wishes(k, c);
}

static void on_accept_serial(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct zone_ctx *c = zone_of(k, msg);

	(void)from;
	if (c == NULL)
		return;
	c->accept_serial = true;
	say_wishes(k, c);
}

static void on_alone(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);

	(void)from;
	(void)msg;
	cluster_go_alone(k->cluster);
	keydist_step(k);
}

static void on_nothing(void *ctx, const struct msg_peer *from, json_t *msg)
{
	(void)ctx;
	(void)from;
	(void)msg; /* in the status too, which everybody gets */
}

/* ---- requests ---- */

void engine_ask(struct keydist *k, const char *what, json_t *args, unsigned timeout_ms, engine_reply_fn *fn,
		void *ctx)
{
	struct asked *a = mem_new(1, sizeof(*a));
	json_t *body;

	a->id = ++k->asked_id;
	a->until_ms = clock_mono_ms() + timeout_ms;
	a->fn = fn;
	a->ctx = ctx;
	a->next = k->asked;
	k->asked = a;
	body = json_pack("{s:I,s:s,s:O?}", "id", (json_int_t)a->id, "what", what, "args", args);
	if (!k->engine_up || send_engine(k, "request", body) != 0)
		a->until_ms = 0;
	json_decref(body);
}

static void on_reply(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	const char *text = msg_text(msg, "error", 900, NULL);
	struct asked *a;
	bool ok = false;
	uint64_t id;
	struct err why;

	(void)from;
	if (msg_uint(msg, "id", INT64_MAX, &id, NULL) != 0 || msg_bool(msg, "ok", &ok, NULL) != 0)
		return;
	for (struct asked **at = &k->asked; (a = *at) != NULL; at = &a->next) {
		if (a->id != id)
			continue;
		*at = a->next;
		err_set(&why, ERR_REFUSED, "%s", text == NULL ? "the signer refused" : text);
		a->fn(a->ctx, ok ? json_object_get(msg, "result") : NULL, ok ? NULL : &why);
		free(a);
		return;
	}
}

static void expire(struct keydist *k, bool all)
{
	const int64_t now = clock_mono_ms();
	struct asked **at = &k->asked, *a;
	struct err why;

	while ((a = *at) != NULL) {
		if (!all && now < a->until_ms) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		err_set(&why, ERR_TIMEOUT,
			k->engine_up ? "the signer did not answer" : "the signer is not running");
		a->fn(a->ctx, NULL, &why);
		free(a);
		at = &k->asked;
	}
}

void engine_tick(struct keydist *k)
{
	expire(k, false);
	for (size_t i = 0; i < k->zones; i++)
		say_wishes(k, &k->zone[i]);
	if (!k->engine_up)
		return;
	send_peers(k);
	engine_flush_soon(k);
}

void engine_close(struct keydist *k)
{
	k->engine_up = false;
	expire(k, true);
}

const struct msg_row engine_rows[] = {
	{ "hello", MSG_ENGINE, 1000, on_hello },
	{ "status", MSG_ENGINE, STATUS_MAX + 2000, on_status },
	{ "clock", MSG_ENGINE, 1000, on_nothing },
	{ "content", MSG_ENGINE, 4000, on_nothing },
	{ "served", MSG_ENGINE, 20000, on_served },
	{ "floor", MSG_ENGINE, 4000, on_floor },
	{ "accept-serial", MSG_ENGINE, 4000, on_accept_serial },
	{ "alone", MSG_ENGINE, 1000, on_alone },
	{ "reply", MSG_ENGINE, 1u << 20, on_reply },
	{ NULL, 0, 0, NULL },
};
