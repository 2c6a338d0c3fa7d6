/* SPDX-License-Identifier: BSD-3-Clause */
/* events: steps of keys and alarms on their way to webhooks, through keydist.db, each until it was taken. */
#include "keydist/events.h"
#include "keydist/looks.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "runner/runner.h"
#include "runner/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS 1000
#define LAST_MS  3600000
#define SIGNER_KEY (DNAME_TEXT_MAX + 8)

const char *const key_step_names[KEY_STEPS] = {
	[STEP_CREATED] = "created", [STEP_PUBLISHED] = "published", [STEP_ACTIVE] = "active",
	[STEP_DS_SEEN] = "ds-seen", [STEP_RETIRED] = "retired",     [STEP_REMOVED] = "removed",
};

/* One webhook. */
struct receiver {
	struct keydist *k;
	const struct conf_event *row; /* of the configuration, which outlives this */
	bool busy;
	int64_t upto, sending; /* numbers of events */
	unsigned tries;
	int64_t next_ms;
};

struct events {
	struct runner *web;
	struct receiver *receiver;
	size_t n;
	char *alarm; /* about no zone, as it was posted; NULL: none */
};

/* What was posted of a zone's keys. */
struct steps_known {
	struct steps_row *row;
	size_t n;
	char *alarm;        /* of this daemon's, as it was posted; NULL: none */
	char *signer_alarm; /* of the signer's */
};

/* ---- what there is to post ---- */

unsigned events_steps(const struct timeline_key *key)
{
	const struct record_view *dnskey = &key->record[RECORD_DNSKEY], *zone = &key->record[RECORD_ZONE];
	const struct record_view *ds = &key->record[RECORD_DS];
	const bool has[KEY_STEPS] = {
		[STEP_CREATED] = true,
		[STEP_PUBLISHED] = dnskey->all_serve,
		[STEP_ACTIVE] = key->zone_signing ? zone->all_serve : dnskey->all_serve, /* a KSK signs with its DNSKEY */
		[STEP_DS_SEEN] = key->sep && ds->all_seen,
		[STEP_RETIRED] = key->sep ? ds->all_stopped : zone->all_stopped,
		[STEP_REMOVED] = key->dead,
	};
	unsigned bits = 0;

	for (unsigned i = 0; i < KEY_STEPS; i++)
		bits |= has[i] ? 1u << i : 0;
	return bits;
}

/* Under which the signer's alarm is kept: no zone has this name. */
static void signer_key(const struct zone_ctx *c, char key[SIGNER_KEY])
{
	snprintf(key, SIGNER_KEY, "signer %s", c->text);
}

static struct steps_known *known_of(struct keydist *k, struct zone_ctx *c)
{
	char key[SIGNER_KEY];

	if (c->steps == NULL) {
		c->steps = mem_new(1, sizeof(*c->steps));
		c->steps->n = store_steps_get(k, c->text, &c->steps->row);
		c->steps->alarm = store_alarm_get(k, c->text);
		signer_key(c, key);
		c->steps->signer_alarm = store_alarm_get(k, key);
	}
	return c->steps;
}

static struct steps_row *row_of(struct steps_known *s, const uint8_t hash[32])
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->row[i].hash, hash, 32) == 0)
			return &s->row[i];
	s->row = mem_grow(s->row, s->n + 1, sizeof(*s->row));
	memcpy(s->row[s->n].hash, hash, 32);
	s->row[s->n].bits = 0;
	return &s->row[s->n++];
}

/* Takes the body over. */
static int put(struct keydist *k, json_t *body, struct err *e)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	const int rc = store_event_put(k, text, e);

	json_decref(body);
	free(text);
	if (rc != 0)
		log_event(LOG_ERROR, "event-not-kept", "msg=%s", e->text);
	return rc;
}

static void look_at_key(struct keydist *k, const char *zone, const struct timeline_key *key, struct steps_row *row)
{
	const unsigned fresh = events_steps(key) & ~row->bits;
	const struct key_state *ks = key->key;
	struct err e;

	for (unsigned i = 0; i < KEY_STEPS && fresh != 0; i++) {
		const unsigned tag = dnskey_tag(ks->dnskey, ks->dnskey_len);

		if ((fresh & 1u << i) == 0)
			continue;
		if (put(k,
			json_pack("{s:s,s:s,s:s,s:o,s:o,s:s,s:s,s:I}", "event", "key", "step", key_step_names[i], "zone", zone,
				  "key", json_sprintf("%u/%u", tag, key->alg), "hash", msg_json_hex(ks->hash, 32),
				  "role", ks->role, "node", k->conf->node.name, "at", (json_int_t)clock_now_s()),
			&e) != 0 ||
		    store_steps_put(k, zone, ks->hash, row->bits | 1u << i, &e) != 0)
			return; /* with the next look */
		row->bits |= 1u << i;
		log_event(LOG_NOTICE, "key-step", "zone=%s key=%u/%u step=%s", zone, tag, key->alg, key_step_names[i]);
	}
}

void events_look(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	struct steps_known *s;

	if (k->conf->keydist.event_count == 0)
		return;
	s = known_of(k, c);
	for (size_t i = 0; i < l->t.n; i++)
		look_at_key(k, c->text, &l->t.key[i], row_of(s, l->t.key[i].key->hash));
}

void events_forget(struct zone_ctx *c)
{
	if (c->steps == NULL)
		return;
	free(c->steps->row);
	free(c->steps->alarm);
	free(c->steps->signer_alarm);
	free(c->steps);
	c->steps = NULL;
}

/* Posts when it begins, when it is another one, and when it is over.  known: since the start so much was looked at that what was
 * posted before it would be seen again.  key: under which it is kept. */
static void look_at_alarm(struct keydist *k, const char *zone, const char *key, char **told, const char *now, bool known)
{
	struct err e;

	if (*told == NULL ? now == NULL : !known || (now != NULL && strcmp(*told, now) == 0))
		return;
	if (put(k,
		json_pack("{s:s,s:s?,s:s,s:s,s:I}", "event", now == NULL ? "alarm-over" : "alarm", "zone", zone, "message",
			  now == NULL ? *told : now, "node", k->conf->node.name, "at", (json_int_t)clock_now_s()),
		&e) != 0 ||
	    store_alarm_put(k, key, now, &e) != 0)
		return;
	free(*told);
	*told = now == NULL ? NULL : mem_strdup(now);
}

static const char *node_alarm(struct keydist *k)
{
	const char *hold = cluster_hold(k->cluster);

	if (hold != NULL)
		return hold;
	if (cluster_state(k->cluster)->void_retirements)
		return "signers were retired so that none is left: these retirements are void";
	return k->clock_good ? NULL : k->clock_why;
}

/* The first of those that there are. */
static const char *zone_alarm(const struct zone_ctx *c)
{
	return c->lost != NULL ? c->lost : c->trouble != NULL ? c->trouble : looks_alarm(c);
}

static void look_for_alarms(struct keydist *k)
{
	look_at_alarm(k, NULL, "", &k->events->alarm, node_alarm(k),
		      cluster_compared(k->cluster) || cluster_hold(k->cluster) != NULL);
	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];
		const char *now = zone_alarm(c);

		if (now != NULL || c->steps != NULL)
			look_at_alarm(k, c->text, c->text, &known_of(k, c)->alarm, now,
				      c->gone || c->trouble != NULL || (c->has_sent && looks_since(k, c, known_of(k, c)->alarm)));
		if (c->alarm != NULL || c->steps != NULL) {
			char key[SIGNER_KEY];

			signer_key(c, key);
			look_at_alarm(k, c->text, key, &known_of(k, c)->signer_alarm, c->gone ? NULL : c->alarm,
				      c->gone || c->alarm_known);
		}
	}
}

/* ---- posting ---- */

/* Events that every webhook has taken are needed no more. */
static void drop_taken(struct keydist *k)
{
	int64_t least = INT64_MAX;
	struct err e;

	for (size_t i = 0; i < k->events->n; i++)
		least = k->events->receiver[i].upto < least ? k->events->receiver[i].upto : least;
	if (store_event_drop(k, least, &e) != 0)
		log_event(LOG_WARNING, "events-not-dropped", "msg=%s", e.text);
}

static void ended(struct receiver *r, const char *why)
{
	char at[CLOCK_TEXT_LEN];
	int64_t wait_ms = FIRST_MS;
	struct err e;

	r->busy = false;
	if (why == NULL) {
		r->upto = r->sending;
		r->tries = 0;
		r->next_ms = 0;
		log_event(LOG_INFO, "event-told", "number=%lld", (long long)r->upto);
		if (store_event_told(r->k, r->row->webhook, r->upto, &e) != 0)
			log_event(LOG_WARNING, "told-not-kept", "msg=%s; it is told once more after the next start", e.text);
		drop_taken(r->k);
		keydist_turn_soon(r->k); /* which commits */
		return;
	}
	for (unsigned i = 0; i < r->tries && wait_ms < LAST_MS; i++)
		wait_ms *= 2;
	wait_ms = wait_ms < LAST_MS ? wait_ms : LAST_MS;
	r->tries++;
	r->next_ms = clock_mono_ms() + wait_ms;
	log_event(LOG_WARNING, "event-not-told", "number=%lld msg=%s; next try at %s", (long long)r->sending, why,
		  clock_text(clock_now_s() + wait_ms / 1000, at));
}

static void post_next(struct receiver *r);

static void on_answer(void *ctx, const struct runner_result *result)
{
	struct receiver *r = ctx;
	char why[256];

	if (result->outcome != RUNNER_DONE)
		snprintf(why, sizeof(why), "%s: %.200s", runner_outcome_text(result->outcome), result->why);
	else
		snprintf(why, sizeof(why), "HTTP status %d", result->status);
	ended(r, result->outcome == RUNNER_DONE && result->status >= 200 && result->status < 300 ? NULL : why);
	post_next(r);
}

static void post(struct receiver *r, const char *body)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_HTTP);
	char header[WEBHOOK_HEADER];
	const char *words[2] = { "Content-Type: application/json", header };
	struct err e;

	r->busy = true;
	if (r->row->webhook_secret != NULL && webhook_sign(r->row->webhook_secret, body, header, &e) != 0) {
		ended(r, e.text);
		return;
	}
	q.what = r->row->webhook;
	q.label = "webhook=event";
	q.words = words;
	q.word_count = r->row->webhook_secret == NULL ? 1 : 2;
	q.body = body;
	q.body_len = strlen(body);
	q.limit_ms = 1000 * r->row->limit_s;
	runner_run(r->k->events->web, &q, on_answer, r);
}

static void post_next(struct receiver *r)
{
	char *body;

	if (r->busy || r->next_ms > clock_mono_ms())
		return;
	if ((body = store_event_next(r->k, r->upto, &r->sending)) == NULL)
		return;
	post(r, body);
	free(body);
}

static void begin(struct keydist *k)
{
	const struct conf_keydist *c = &k->conf->keydist;

	k->events = mem_new(1, sizeof(*k->events));
	k->events->web = runner_open(&k->loop, k->conf->fetch.socket);
	k->events->n = c->event_count;
	k->events->receiver = mem_new(c->event_count, sizeof(*k->events->receiver));
	for (size_t i = 0; i < c->event_count; i++)
		k->events->receiver[i] = (struct receiver){ .k = k, .row = &c->event[i],
							    .upto = store_event_upto(k, c->event[i].webhook) };
	k->events->alarm = store_alarm_get(k, "");
	zones_touch_all(k);
}

void events_tick(struct keydist *k)
{
	if (k->conf->keydist.event_count == 0)
		return;
	if (k->events == NULL)
		begin(k);
	look_for_alarms(k);
	for (size_t i = 0; i < k->events->n; i++)
		post_next(&k->events->receiver[i]);
}

void events_close(struct keydist *k)
{
	if (k->events == NULL)
		return;
	runner_close(k->events->web);
	free(k->events->receiver);
	free(k->events->alarm);
	free(k->events);
	k->events = NULL;
}
