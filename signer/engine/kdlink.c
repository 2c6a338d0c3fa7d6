/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kdlink: the link to keydist, and what this engine says over it.  Words on zones and deeds travel many to a message,
 * and what keydist must know is said again whenever the link comes up.
 */
#include "signer/engine/kdlink_impl.h"

#include "signer/engine/look.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "log/log.h"

#define SILENT_MS 5000 /* keydist says who is there every second */
#define STATUS_MS 1000
#define SOON_MS   2   /* where work waits: what is published meanwhile goes along.  Else at once, beside what has just begun */
#define LIST_MAX  256

int kdlink_say(struct kdlink *k, const char *type, json_t *body, struct err *e)
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

/* ---- words and deeds ---- */

/* What the published version shows, in keydist's own words; whether or not the plan of now was heard yet. */
static json_t *deed(const struct zwork *z)
{
	const struct shows *s = &z->kept.shows;
	char id[2 * VERSION_ID_LEN + 1];

	if (z->version == NULL || s->text == NULL)
		return NULL;
	sodium_bin2hex(id, sizeof(id), version_info(z->version)->id, VERSION_ID_LEN);
	return json_pack("{s:s,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "zone", z->name, "shows", json_loads(s->text, 0, NULL), "id",
			 id, "serial", (json_int_t)version_info(z->version)->serial, "steps", (json_int_t)z->kept.mine.steps,
			 "dnskey_ttl", (json_int_t)s->dnskey_ttl, "zone_ttl", (json_int_t)s->zone_ttl, "dnskey_before",
			 (json_int_t)s->dnskey_before, "zone_before", (json_int_t)s->zone_before);
}

/* Before the comparison peers may remember more of us than we do: a word of ours would replace what they know. */
static json_t *word(const struct zwork *z)
{
	if (z->gone || !engine_may_make(z->engine))
		return NULL;
	return json_pack("{s:s,s:o,s:o}", "zone", z->name, "status", status_word(z), "alarms", status_alarms(z));
}

/* The zones whose words or deeds are in a list on its way. */
struct list {
	const char *type;
	json_t *json;
	struct zwork *zone[LIST_MAX];
	size_t n;
	bool failed;
};

static void send_list(struct kdlink *k, struct list *l)
{
	const bool status = strcmp(l->type, "status") == 0;

	if (l->n > 0)
		l->failed = kdlink_say(k, l->type, json_pack("{s:O}", "list", l->json), NULL) != 0;
	for (size_t i = 0; i < l->n; i++) {
		if (status) {
			l->zone[i]->status_ms = clock_mono_ms();
			l->zone[i]->status_due = l->failed;
		} else {
			l->zone[i]->served_due = l->failed;
		}
	}
	json_array_clear(l->json);
	l->n = 0;
}

static void add(struct kdlink *k, struct list *l, struct zwork *z, json_t *row)
{
	if (row == NULL || l->failed) {
		json_decref(row);
		return;
	}
	json_array_append_new(l->json, row);
	l->zone[l->n++] = z;
	if (l->n == LIST_MAX)
		send_list(k, l);
}

/* Says all deeds that are due, and words: those of zones with a new version, or (all) whose last one is old enough. */
static void say_due(struct kdlink *k, bool all)
{
	struct list status = { .type = "status", .json = json_array() };
	struct list served = { .type = "served", .json = json_array() };
	const int64_t now_ms = clock_mono_ms();
	struct zwork *z;

	while (all && (z = TAILQ_FIRST(&k->engine->telling_later)) != NULL)
		zwork_tell_now(z);
	TAILQ_FOREACH(z, &k->engine->telling_now, telling_entry) {
		if (z->status_due && (z->status_now || (all && now_ms - z->status_ms >= STATUS_MS))) {
			z->status_now = false;
			add(k, &status, z, word(z));
		}
		if (z->served_due) {
			z->served_due = false;
			add(k, &served, z, deed(z));
		}
	}
	send_list(k, &status);
	send_list(k, &served);
	json_decref(status.json);
	json_decref(served.json);
	while ((z = TAILQ_FIRST(&k->engine->telling_now)) != NULL) {
		zwork_told(z);
		if (z->status_due || z->served_due) /* next time */
			zwork_tell_later(z);
	}
}

static void on_soon(uv_timer_t *timer)
{
	say_due(timer->data, false);
}

static void say_soon(struct kdlink *k)
{
	if (k != NULL && !uv_is_active((uv_handle_t *)&k->soon) && !uv_is_closing((uv_handle_t *)&k->soon))
		uv_timer_start(&k->soon, on_soon, works_waiting(k->engine->works) > 0 ? SOON_MS : 0, 0);
}

void kdlink_status(struct kdlink *k, struct zwork *z)
{
	z->status_due = z->status_now = true;
	zwork_tell_now(z);
	say_soon(k);
}

void kdlink_served(struct kdlink *k, struct zwork *z)
{
	z->served_due = true;
	zwork_tell_now(z);
	say_soon(k);
}

void kdlink_observed(struct kdlink *k, json_t *servers, json_t *looks)
{
	kdlink_say(k, "observed", json_pack("{s:O,s:O}", "servers", servers, "looks", looks), NULL);
}

void kdlink_took(struct kdlink *k, uint64_t rev)
{
	kdlink_say(k, "took", json_pack("{s:I}", "rev", (json_int_t)rev), NULL);
}

int kdlink_floor(struct kdlink *k, const char *zone, uint32_t serial, struct err *e)
{
	return kdlink_say(k, "floor", json_pack("{s:s,s:I}", "zone", zone, "serial", (json_int_t)serial), e);
}

int kdlink_override(struct kdlink *k, const char *zone, uint32_t serial, const uint8_t digest[CONTENT_DIGEST_LEN], const char *why,
		    struct err *e)
{
	return kdlink_say(k, "override", json_pack("{s:s,s:I,s:o,s:s}", "zone", zone, "serial", (json_int_t)serial, "digest",
						   msg_json_hex(digest, CONTENT_DIGEST_LEN), "reason", why), e);
}

int kdlink_accept_serial(struct kdlink *k, const char *zone, struct err *e)
{
	return kdlink_say(k, "accept-serial", json_pack("{s:s}", "zone", zone), e);
}

void kdlink_submission(struct kdlink *k, const char *zone, json_t *wish)
{
	json_object_set_new(wish, "zone", json_string(zone));
	kdlink_say(k, "submission", wish, NULL);
}

void kdlink_input(struct kdlink *k, const char *node, json_t *wish)
{
	json_object_set_new(wish, "node", json_string(node));
	kdlink_say(k, "input", wish, NULL);
}

int kdlink_alone(struct kdlink *k, struct err *e)
{
	return kdlink_say(k, "alone", json_object(), e);
}

/* ---- the link ---- */

static void on_message(void *ctx, const char *type, json_t *msg)
{
	struct kdlink *k = ctx;

	k->heard_ms = clock_mono_ms();
	if (!k->up)
		log_event(LOG_NOTICE, "keydist-up", "endpoint=%s", k->engine->conf->signer.keydist);
	k->up = true;
	kdhear(k, type, msg);
}

static void on_up(void *ctx)
{
	struct kdlink *k = ctx;

	look_all_again(k->engine);
	for (size_t i = 0; i < k->engine->zone_count; i++) {
		k->engine->zone[i]->status_due = true;
		k->engine->zone[i]->served_due = true;
		zwork_tell_now(k->engine->zone[i]);
	}
	/* Of zones that were not named before the greeting nothing is published. */
	say_due(k, false);
	kdlink_say(k, "hello", json_object(), NULL);
	say_soon(k);
}

void kdlink_tick(struct kdlink *k)
{
	const int64_t now_ms = clock_mono_ms();

	kdlink_say(k, "clock", json_pack("{s:I,s:b}", "now", (json_int_t)clock_now_s(), "silent", (int)k->engine->leaving), NULL);
	say_due(k, true);
	if (k->up && now_ms - k->heard_ms > SILENT_MS) {
		k->up = false;
		log_event(LOG_WARNING, "keydist-down", "endpoint=%s msg=nothing heard for %d s; what is published stays served",
			  k->engine->conf->signer.keydist, SILENT_MS / 1000);
	}
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int kdlink_open(struct engine *e, struct kdlink **out, struct err *err)
{
	struct kdlink *k = mem_new(1, sizeof(*k));
	const struct msg_client_config config = {
		.endpoint = e->conf->signer.keydist, .identity = &e->identity, .ctx = k, .on_up = on_up,
		.on_message = on_message,
	};

	k->engine = e;
	uv_timer_init(&e->loop, &k->soon);
	k->soon.data = k;
	if (msg_client_open(&e->loop, &config, &k->client, err) != 0) {
		uv_close((uv_handle_t *)&k->soon, on_closed);
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
	uv_close((uv_handle_t *)&k->soon, on_closed);
}
