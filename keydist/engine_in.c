/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine_in: what the local signer's engine says: statuses, what it publishes, and wishes of its operator.  A
 * wish waits here until a fact says it; the state tells when it does.
 */
#include "keydist/leave.h"
#include "keydist/lend.h"
#include "keydist/looks.h"
#include "keydist/submit.h"

#include "arena/arena.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX    1024 /* words in one message */
#define ALARMS_TEXT 2048 /* what is longer is cut off */

static struct zone_ctx *zone_of(struct keydist *k, const json_t *o)
{
	uint8_t name[DNAME_MAX];

	return msg_name(o, "zone", name, NULL) == 0 ? zone_ctx(k, name, false) : NULL;
}

static void on_hello(void *ctx, const struct msg_peer *from, json_t *msg)
{
	(void)from;
	(void)msg;
	log_event(LOG_INFO, "engine-up", "msg=the local signer has connected");
	engine_greet(cluster_context(ctx));
}

/* What its operator should know of the zone; the peers are not told. */
static void take_alarms(struct zone_ctx *c, const json_t *list)
{
	char text[ALARMS_TEXT] = "";
	const json_t *row;
	size_t i, len = 0;

	json_array_foreach(list, i, row)
	{
		const char *word = json_string_value(row);

		if (word != NULL && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? "; " : "", word);
	}
	free(c->alarm);
	c->alarm = len > 0 ? mem_strdup(text) : NULL;
	c->alarm_known = true;
}

static void on_status(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	json_t *row;
	size_t i;

	(void)from;
	json_array_foreach(json_object_get(msg, "list"), i, row)
	{
		struct zone_ctx *c = zone_of(k, row);
		json_t *status = json_object_get(row, "status");

		if (i >= LIST_MAX || c == NULL || !json_is_object(status))
			continue;
		cluster_status_put(k->cluster, c->text, status, NULL);
		take_alarms(c, json_object_get(row, "alarms"));
	}
}

/* ---- what it publishes ---- */

static void on_served(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	json_t *row;
	size_t i;

	(void)from;
	json_array_foreach(json_object_get(msg, "list"), i, row)
	{
		uint8_t name[DNAME_MAX];
		struct zone_ctx *c;

		if (i >= LIST_MAX || msg_name(row, "zone", name, NULL) != 0)
			continue;
		c = zone_ctx(k, name, true); /* facts about it may come later */
		shown_take(k, c, row);
		zones_touch(k, c);
	}
}

/* ---- wishes of its operator ---- */

/* Whether the fact says what the operator of this node wished. */
static bool is_wished(const struct fact_reg *r, const json_t *wish)
{
	static const char *const members[] = { "node", "serial", "digest", "reason" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!r->set || !json_equal(json_object_get(r->body, members[i]), json_object_get(wish, members[i])))
			return false;
	return true;
}

static void wish_override(struct keydist *k, struct zone_ctx *c, const struct zone_state *z)
{
	json_t *body;

	if (c->override != NULL && json_integer_value(json_object_get(c->override, "above")) < (json_int_t)z->override.rev &&
	    is_wished(&z->override, c->override)) {
		json_decref(c->override);
		c->override = NULL;
	}
	if (c->override == NULL)
		return;
	body = json_deep_copy(c->override);
	json_object_del(body, "above");
	json_object_set_new(body, "rev", json_integer((json_int_t)z->override.rev + 1));
	words_add(k, c, "override", body, "override", "zone=%s serial=%lld msg=%s", c->text,
		  (long long)json_integer_value(json_object_get(body, "serial")), json_string_value(json_object_get(body, "reason")));
}

void engine_wishes(struct keydist *k, struct zone_ctx *c, const struct zone_state *z)
{
	if (c->floor != NULL && z->floor.set && json_equal(json_object_get(z->floor.body, "serial"), c->floor)) {
		json_decref(c->floor);
		c->floor = NULL;
	}
	if (c->floor != NULL)
		words_add(k, c, "floor",
			  json_pack("{s:O,s:I}", "serial", c->floor, "rev", (json_int_t)z->floor.rev + 1), NULL, "-");
	if (c->epoch > 0 && z->epoch.set && z->epoch.rev >= c->epoch)
		c->epoch = 0;
	if (c->epoch > 0)
		words_add(k, c, "epoch", json_pack("{s:I}", "epoch", (json_int_t)c->epoch), NULL, "-");
	wish_override(k, c, z);
}

static void on_override(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct zone_ctx *c = zone_of(k, msg);
	const struct zone_state *z = c == NULL ? NULL : state_zone(cluster_state(k->cluster), c->name);
	const char *digest = msg_text(msg, "digest", 96, NULL), *reason = msg_text(msg, "reason", OVERRIDE_REASON_MAX, NULL);
	uint64_t serial;

	(void)from;
	if (z == NULL || digest == NULL || reason == NULL || msg_uint(msg, "serial", UINT32_MAX, &serial, NULL) != 0)
		return;
	json_decref(c->override);
	c->override = json_pack("{s:s,s:I,s:s,s:s,s:I}", "node", cluster_self(k->cluster)->id_text, "serial",
				(json_int_t)serial, "digest", digest, "reason", reason, "above", (json_int_t)z->override.rev);
	zones_touch(k, c);
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
	zones_touch(k, c);
}

static void on_accept_serial(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct zone_ctx *c = zone_of(k, msg);
	const struct zone_state *z = c == NULL ? NULL : state_zone(cluster_state(k->cluster), c->name);

	(void)from;
	if (z == NULL)
		return;
	c->epoch = z->epoch.rev + 1;
	zones_touch(k, c);
}

static void on_alone(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);

	(void)from;
	(void)msg;
	cluster_go_alone(k->cluster);
	keydist_turn(k);
}

/* Its time is in the status too, which everybody gets. */
static void on_clock(void *ctx, const struct msg_peer *from, json_t *msg)
{
	(void)from;
	leave_on_silent(cluster_context(ctx), json_is_true(json_object_get(msg, "silent")));
}

static void on_took(void *ctx, const struct msg_peer *from, json_t *msg)
{
	uint64_t rev;

	(void)from;
	if (msg_uint(msg, "rev", INT64_MAX, &rev, NULL) == 0)
		engine_took(cluster_context(ctx), rev);
}

const struct msg_row engine_rows[] = {
	{ "hello", MSG_ENGINE, 1000, on_hello },
	{ "took", MSG_ENGINE, 1000, on_took },
	{ "status", MSG_ENGINE, MSG_MAX, on_status },
	{ "clock", MSG_ENGINE, 1000, on_clock },
	{ "served", MSG_ENGINE, MSG_MAX, on_served },
	{ "observed", MSG_ENGINE, MSG_MAX, looks_on_observed },
	{ "floor", MSG_ENGINE, 4000, on_floor },
	{ "override", MSG_ENGINE, 4000, on_override },
	{ "submission", MSG_ENGINE, 4000, submit_on_get },
	{ "input", MSG_ENGINE, 4000, lend_on_wish },
	{ "accept-serial", MSG_ENGINE, 4000, on_accept_serial },
	{ "alone", MSG_ENGINE, 1000, on_alone },
	{ "reply", MSG_ENGINE, MSG_MAX, engine_on_reply },
	{ NULL, 0, 0, NULL },
};
