/* SPDX-License-Identifier: BSD-3-Clause */
/* api: one small function per row of the table. */
#include "signer/engine/api.h"

#include <inttypes.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/cross.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "signer/engine/whole.h"
#include "log/log.h"

#define HISTORY_SHOWN 200
#define DRAIN_MAX_MS (24 * 3600 * 1000)

struct zwork *api_zone(struct engine *e, const char *word, struct err *err)
{
	uint8_t name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	struct zwork *z;

	if (dname_from_text(word, name, err) != 0)
		return NULL;
	dname_lower(name, name);
	if ((z = engine_zone(e, dname_to_text(name, text), false)) == NULL || z->gone) {
		err_set(err, ERR_NOTFOUND, "zone %s is not here: duetctl zone add", text);
		return NULL;
	}
	return z;
}

static struct zwork *zone_of(struct engine *e, const struct http_request *q, struct err *err)
{
	return api_zone(e, q->segment[0], err);
}

/* A waiter that is an open HTTP request. */
void api_answer(void *ctx, json_t *body, const struct err *why)
{
	http_finish(ctx, body, why);
}

static int on_status(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)e;
	a->body = status_engine(ctx);
	return 0;
}

static int on_zone_status(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);

	if (z == NULL)
		return -1;
	a->body = status_zone(z);
	return 0;
}

static int on_history(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);

	return z == NULL ? -1 : history_read(z, HISTORY_SHOWN, &a->body, e);
}

/* Whether a new version may be asked for now. */
static int may_sign(const struct zwork *z, struct err *e)
{
	if (z->hold != NULL)
		return err_set(e, ERR_REFUSED, "zone %s is on hold: %s", z->name, z->hold);
	if (z->version == NULL && z->input == NULL && !z->loading && z->loaded == NULL)
		return err_set(e, ERR_NOTNOW, "zone %s: %s", z->name, z->held_shown != NULL ? z->held_shown : "nothing to sign");
	return 0;
}

int api_sign(struct zwork *z, bool full, waiter_fn *fn, void *ctx, struct err *e)
{
	if (may_sign(z, e) != 0)
		return -1;
	z->forced = true;
	z->full = z->full || full;
	z->retry_ms = 0;
	waiter_add(z, WAITER_SIGN, 0, fn, ctx);
	zwork_poke(z);
	return 0;
}

void api_ask_secondaries(struct zwork *z, waiter_fn *fn, void *ctx)
{
	secondary_ask(z);
	waiter_add(z, WAITER_SECONDARIES, 0, fn, ctx);
	zwork_poke(z);
}

/* The RRset that the request names; *name stays NULL where it names none. */
static int rrset_of(const struct zwork *z, const struct http_request *q, const uint8_t **name, uint8_t buf[DNAME_MAX],
		    struct err *e)
{
	const char *owner, *word;
	uint16_t type;

	*name = NULL;
	if (http_text_or(q->body, "name", "", &owner, e) != 0 || http_text_or(q->body, "type", "", &word, e) != 0)
		return -1;
	if (*owner == '\0' && *word == '\0')
		return 0;
	if (dname_from_text(owner, buf, e) != 0)
		return -1;
	if ((type = rr_type_from_text(word)) == 0)
		return err_set(e, ERR_SYNTAX, "type: %.20s is no type", word);
	if (z->version == NULL)
		return err_set(e, ERR_NOTFOUND, "zone %s: nothing is published", z->name);
	if (!dname_is_within(buf, z->apex))
		return err_set(e, ERR_REFUSED, "%.200s is not in zone %s", owner, z->name);
	if (z->again != NULL && !dname_equal(z->again, buf))
		return err_set(e, ERR_NOTNOW, "zone %s: another RRset is being signed anew", z->name);
	*name = buf;
	return patch_signs(z->engine->store, z->version, buf, type, e);
}

static int on_sign(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);
	uint8_t buf[DNAME_MAX];
	const uint8_t *name;
	bool full;

	(void)a;
	if (z == NULL || http_bool_or(q->body, "full", false, &full, e) != 0 || may_sign(z, e) != 0 ||
	    rrset_of(z, q, &name, buf, e) != 0)
		return -1;
	if (name != NULL && z->again == NULL)
		z->again = mem_dup(name, dname_len(name));
	api_sign(z, full, api_answer, http_later(q), e);
	return HTTP_LATER;
}

int api_when_saved(struct zwork *z, const struct http_request *q)
{
	zwork_save(z);
	waiter_add(z, WAITER_SAVED, z->save_wanted, api_answer, http_later(q));
	return HTTP_LATER;
}

static int on_hold(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);
	const char *reason;

	(void)a;
	if (z == NULL || http_text_or(q->body, "reason", "held by an operator", &reason, e) != 0)
		return -1;
	zwork_say(&z->hold, "%s", reason);
	log_event(LOG_NOTICE, "held", "zone=%s msg=%s", z->name, reason);
	zwork_tell(z);
	return api_when_saved(z, q);
}

static int on_resume(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct engine *engine = ctx;
	struct zwork *z = zone_of(ctx, q, e);
	bool alone;

	(void)a;
	if (z == NULL || http_bool_or(q->body, "alone", false, &alone, e) != 0)
		return -1;
	if (alone && !engine->alone) {
		engine->alone = true;
		log_event(LOG_WARNING, "alone", "msg=an operator has new versions made without comparing with another node");
		kdlink_alone(engine->keydist, NULL);
	}
	log_event(LOG_NOTICE, "resumed", "zone=%s", z->name);
	zwork_say(&z->hold, NULL);
	review_resume(z);
	z->set_back = false;
	z->retry_ms = 0;
	z->source.want_load = z->source.want_load || z->source.error != NULL;
	zwork_tell(z);
	return api_when_saved(z, q);
}

static int have_plan(const struct zwork *z, struct err *e)
{
	return z->plan != NULL ? 0 : err_set(e, ERR_NOTNOW, "keydist has not given a plan of zone %s yet", z->name);
}

static int on_accept_serial(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct engine *engine = ctx;
	struct zwork *z = zone_of(ctx, q, e);

	(void)a;
	if (z == NULL || have_plan(z, e) != 0 || kdlink_accept_serial(engine->keydist, z->name, e) != 0)
		return -1;
	waiter_add(z, WAITER_EPOCH, z->plan->epoch + 1, api_answer, http_later(q));
	return HTTP_LATER;
}

static int on_floor(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct engine *engine = ctx;
	struct zwork *z = zone_of(ctx, q, e);
	json_int_t serial;

	if (z == NULL || http_int_or(q->body, "serial", 0, 1, UINT32_MAX, &serial, e) != 0)
		return -1;
	if (serial == 0)
		return err_set(e, ERR_SYNTAX, "serial: a number from 1 to %u", UINT32_MAX);
	if (have_plan(z, e) != 0)
		return -1;
	if ((uint32_t)serial == z->plan->floor) { /* said twice: it is there already */
		a->body = json_pack("{s:I}", "serial", serial);
		return 0;
	}
	if (z->kept.last != 0 && (serial_distance(z->kept.last, (uint32_t)serial) < 0 ||
				  serial_distance(z->kept.last, (uint32_t)serial) > SERIAL_WINDOW))
		return err_set(e, ERR_REFUSED, "serial %u: it must be at most 2^30 above the last one, %u (RFC 1982)",
			       (unsigned)serial, z->kept.last);
	if (kdlink_floor(engine->keydist, z->name, (uint32_t)serial, e) != 0)
		return -1;
	waiter_add(z, WAITER_FLOOR, (uint64_t)serial, api_answer, http_later(q));
	return HTTP_LATER;
}

static int on_audit(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);

	(void)a;
	if (z == NULL || whole_wanted(z, e) != 0)
		return -1;
	waiter_add(z, WAITER_AUDIT, 0, api_answer, http_later(q));
	return HTTP_LATER;
}

static int on_export(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);

	const char *stage = http_query(q, "stage"), *serial = http_query(q, "serial");

	if (stage != NULL && serial != NULL)
		return err_set(e, ERR_SYNTAX, "stage, serial: one of them");
	return z == NULL ? -1 : export_open(z, stage != NULL ? stage : serial != NULL ? serial : "published", a, e);
}

static int on_diff(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);
	const char *from = http_query(q, "from"), *to = http_query(q, "to");

	if (from == NULL || to == NULL)
		return err_set(e, ERR_SYNTAX, "from, to: must be given");
	return z == NULL ? -1 : export_diff(z, from, to, a, e);
}

static int on_cross_audit(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct engine *engine = ctx;
	struct zwork *z = zone_of(ctx, q, e);
	size_t n;

	if (z == NULL || crosses_ask(engine->crosses, z, &n, e) != 0)
		return -1;
	a->body = json_pack("{s:I}", "peers", (json_int_t)n);
	return 0;
}

static int on_secondaries(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = zone_of(ctx, q, e);

	(void)a;
	if (z == NULL)
		return -1;
	api_ask_secondaries(z, api_answer, http_later(q));
	return HTTP_LATER;
}

static int on_drain(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	json_int_t for_ms;

	if (http_int_or(q->body, "for_ms", 60000, 0, DRAIN_MAX_MS, &for_ms, e) != 0)
		return -1;
	engine_drain(ctx, for_ms);
	a->body = json_pack("{s:I}", "drained_until_ms", for_ms == 0 ? 0 : (json_int_t)(clock_now_s() * 1000 + for_ms));
	return 0;
}

static int on_reload(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)a;
	return engine_reload(ctx, e);
}

static const struct http_route routes[] = {
	{ "GET", "/v1/status", 0, on_status },
	{ "GET", "/v1/zones/{zone}/status", 0, on_zone_status },
	{ "GET", "/v1/zones/{zone}/history", 0, on_history },
	{ "POST", "/v1/zones/{zone}/sign", HTTP_BODY_SMALL, on_sign },
	{ "POST", "/v1/zones/{zone}/hold", HTTP_BODY_SMALL, on_hold },
	{ "POST", "/v1/zones/{zone}/resume", HTTP_BODY_SMALL, on_resume },
	{ "POST", "/v1/zones/{zone}/accept-serial", HTTP_BODY_SMALL, on_accept_serial },
	{ "POST", "/v1/zones/{zone}/floor", HTTP_BODY_SMALL, on_floor },
	{ "POST", "/v1/zones/{zone}/approve", HTTP_BODY_SMALL, review_api_approve },
	{ "POST", "/v1/zones/{zone}/reject", HTTP_BODY_SMALL, review_api_reject },
	{ "POST", "/v1/zones/{zone}/override", HTTP_BODY_SMALL, review_api_override },
	{ "POST", "/v1/zones/{zone}/audit", HTTP_BODY_SMALL, on_audit },
	{ "GET", "/v1/zones/{zone}/export", 0, on_export },
	{ "GET", "/v1/zones/{zone}/diff", 0, on_diff },
	{ "POST", "/v1/zones/{zone}/cross-audit", HTTP_BODY_SMALL, on_cross_audit },
	{ "POST", "/v1/zones/{zone}/secondaries", HTTP_BODY_SMALL, on_secondaries },
	{ "POST", "/v1/drain", HTTP_BODY_SMALL, on_drain },
	{ "POST", "/v1/reload", HTTP_BODY_SMALL, on_reload },
};

int api_open(struct engine *e, struct err *err)
{
	return http_server_open(&e->loop, e->conf->signer.socket, routes, sizeof(routes) / sizeof(routes[0]), e, &e->api, err);
}
