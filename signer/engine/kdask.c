/* SPDX-License-Identifier: BSD-3-Clause */
/* kdask: what keydist asks of this signer, for itself or for another node, and the answers. */
#include "signer/engine/kdlink_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/lend.h"
#include "signer/engine/update.h"

static void reply(struct kdlink *k, json_int_t id, const struct err *why, json_t *result)
{
	json_t *o = json_pack("{s:I,s:b,s:s?,s:o}", "id", id, "ok", why == NULL, "error",
			      why == NULL ? NULL : why->text, "result", result == NULL ? json_object() : result);

	kdlink_say(k, "reply", o, NULL);
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

static void on_updated(void *ctx, const struct err *why)
{
	struct asked *a = ctx;

	reply(a->k, a->id, why, NULL);
	free(a);
}

static int on_update(struct kdlink *k, json_int_t id, const json_t *args, struct err *err)
{
	struct asked *a = mem_new(1, sizeof(*a));

	a->k = k;
	a->id = id;
	if (update_start(k->engine, args, on_updated, a, err) == 0)
		return 0;
	free(a);
	return -1;
}

/* A peer's own source lags: it asks for ours. */
static int on_input(struct kdlink *k, json_int_t id, const json_t *args, struct err *err)
{
	struct asked *a = mem_new(1, sizeof(*a));

	a->k = k;
	a->id = id;
	if (lend_ask(k->engine, args, on_done, a, err) == 0)
		return 0;
	free(a);
	return -1;
}

void kdask(struct kdlink *k, const json_t *msg)
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
	} else if (what != NULL && strcmp(what, "input") == 0) {
		if (on_input(k, id, args, &err) != 0)
			reply(k, id, &err, NULL);
	} else if (what != NULL && strcmp(what, "ds-update") == 0) {
		if (on_update(k, id, args, &err) != 0)
			reply(k, id, &err, NULL);
	} else {
		err_set(&err, ERR_REFUSED, "%s is not something that a signer does", what == NULL ? "?" : what);
		reply(k, id, &err, NULL);
	}
}
