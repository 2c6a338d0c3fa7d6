/* SPDX-License-Identifier: BSD-3-Clause */
/* parent: the wanted DS of each zone on its way to hooks, webhooks and UPDATE, each until it is done. */
#include "keydist/parent.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "rrset/rr.h"
#include "runner/runner.h"
#include "runner/webhook.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS   1000
#define LAST_MS    3600000
#define AT_ONCE    16
#define UPDATE_MS  15000

enum kind { HOOK, WEBHOOK, UPDATE, KINDS };
static const char *const kind_text[KINDS] = { "hook", "webhook", "update" };

struct channel {
	struct telling *of; /* NULL in a request whose zone has gone */
	enum kind kind;
	bool busy, done;
	uint64_t number; /* of the runner's request */
	unsigned tries;
	int64_t next_ms;
	uint8_t sending[32];
	char why[256];
};

struct telling {
	struct telling *next;
	struct keydist *k;
	struct zone_ctx *c;
	bool known;
	uint8_t wanted[32];     /* digest of the set */
	json_t *ds;             /* base64 of rdata */
	char *lines;            /* presentation format, one a line */
	struct channel *channel[KINDS];
};

struct parents {
	struct telling *first;
	struct runner *hooks, *web;
	size_t running;
};

static const struct conf_tell *row_of(const struct keydist *k, const uint8_t *zone)
{
	const struct conf_keydist *c = &k->conf->keydist;
	const struct conf_tell *best = NULL;
	unsigned labels = 0;

	for (size_t i = 0; i < c->tell_count; i++) {
		uint8_t name[DNAME_MAX];

		if (dname_from_text(c->tell[i].zone, name, NULL) == 0 && dname_is_within(zone, name) &&
		    !dname_equal(zone, name) && (best == NULL || dname_labels(name) > labels)) {
			best = &c->tell[i];
			labels = dname_labels(name);
		}
	}
	return best;
}

/* ---- what is wanted ---- */

/* The DS of the keys, by hash: the same on all nodes. */
static void set_make(struct telling *t, const struct policy *p, const struct zone_state *z, const struct key_set *named)
{
	struct rr_lines lines = { 0 };
	crypto_hash_sha256_state st;

	json_decref(t->ds);
	free(t->lines);
	t->ds = json_array();
	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < named->n; i++) {
		const struct key_state *ks = zone_key(z, named->hash[i]);
		uint8_t rdata[4 + 48];

		for (unsigned d = 0; ks != NULL && d < DS_DIGESTS; d++) {
			const size_t len = dnskey_ds_by(p, z, ks, d, rdata);

			if (len == 0)
				continue;
			crypto_hash_sha256_update(&st, rdata, len);
			json_array_append_new(t->ds, msg_json_base64(rdata, len));
			rr_lines_add(&lines, &(struct rr){ .owner = z->name, .rdata = rdata, .type = TYPE_DS, .ttl = 3600,
							   .rdlen = (uint16_t)len }, 1);
		}
	}
	crypto_hash_sha256_final(&st, t->wanted);
	t->lines = mem_new(lines.len + 1, 1);
	if (lines.len > 0)
		memcpy(t->lines, lines.p, lines.len);
	free(lines.p);
}

static struct telling *telling_new(struct keydist *k, struct zone_ctx *c, const struct conf_tell *row)
{
	const bool has[KINDS] = { [HOOK] = row->hook != NULL, [WEBHOOK] = row->webhook != NULL,
				  [UPDATE] = row->update_count > 0 };
	struct telling *t = mem_new(1, sizeof(*t));

	if (k->parents == NULL) {
		k->parents = mem_new(1, sizeof(*k->parents));
		k->parents->hooks = runner_open(&k->loop, k->conf->hook.socket);
		k->parents->web = runner_open(&k->loop, k->conf->fetch.socket);
	}
	t->k = k;
	t->c = c;
	t->next = k->parents->first;
	k->parents->first = t;
	for (int i = 0; i < KINDS; i++)
		if (has[i]) {
			t->channel[i] = mem_new(1, sizeof(struct channel));
			t->channel[i]->of = t;
			t->channel[i]->kind = (enum kind)i;
		}
	return t;
}

/* Of the set that is told, and of who is told: another registrar was told nothing yet. */
static void told_digest(const uint8_t set[32], enum kind kind, const struct conf_tell *row, uint8_t out[32])
{
	crypto_hash_sha256_state st;
	char address[ADDR_TEXT_LEN];
	const char *whom = kind == HOOK ? row->hook : kind == WEBHOOK ? row->webhook : addr_text(&row->update[0], address);

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, set, 32);
	crypto_hash_sha256_update(&st, (const uint8_t *)whom, strlen(whom));
	crypto_hash_sha256_final(&st, out);
}

static bool was_told(const struct telling *t, enum kind kind, const struct conf_tell *row)
{
	uint8_t digest[32];

	told_digest(t->wanted, kind, row, digest);
	return store_was_told(t->k, t->c->text, (int)kind, digest);
}

void parent_tell(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct key_set *named, bool none)
{
	const struct conf_tell *row = row_of(k, z->name);
	const struct policy p = zone_policy(k, z);
	struct telling *t = c->telling;
	uint8_t before[32];
	bool known;

	if (row == NULL || (named->n == 0 && !none))
		return;
	if (t == NULL)
		t = c->telling = telling_new(k, c, row);
	memcpy(before, t->wanted, sizeof(before));
	known = t->known;
	set_make(t, &p, z, named);
	t->known = true;
	if (known && memcmp(before, t->wanted, sizeof(before)) == 0)
		return;
	for (int i = 0; i < KINDS; i++)
		if (t->channel[i] != NULL) {
			t->channel[i]->done = !known && was_told(t, (enum kind)i, row);
			t->channel[i]->tries = 0;
			t->channel[i]->next_ms = clock_mono_ms();
		}
	log_event(LOG_NOTICE, "parent-wanted", "zone=%s parent=%s ds=%zu", c->text, row->zone, json_array_size(t->ds));
}

/* ---- what became of it ---- */

static void keep_told(const struct channel *ch)
{
	const struct telling *t = ch->of;
	const struct conf_tell *row = row_of(t->k, t->c->name);
	uint8_t digest[32];
	struct err e;

	if (row == NULL)
		return;
	told_digest(ch->sending, ch->kind, row, digest);
	if (store_told(t->k, t->c->text, (int)ch->kind, digest, &e) != 0)
		log_event(LOG_WARNING, "told-not-kept", "zone=%s msg=%s; it is told once more after the next start", t->c->text, e.text);
}

static void ended(struct channel *ch, const char *why)
{
	struct telling *t = ch->of;
	char at[CLOCK_TEXT_LEN];
	int64_t wait_ms = FIRST_MS;

	ch->busy = false;
	t->k->parents->running--;
	ch->done = why == NULL && memcmp(ch->sending, t->wanted, sizeof(t->wanted)) == 0;
	snprintf(ch->why, sizeof(ch->why), "%s", why == NULL ? "" : why);
	if (why == NULL) {
		keep_told(ch);
		ch->tries = 0;
		log_event(LOG_NOTICE, "parent-told", "zone=%s by=%s ds=%zu", t->c->text, kind_text[ch->kind],
			  json_array_size(t->ds));
		return;
	}
	for (unsigned i = 0; i < ch->tries && wait_ms < LAST_MS; i++)
		wait_ms *= 2;
	wait_ms = wait_ms < LAST_MS ? wait_ms : LAST_MS;
	ch->tries++;
	ch->next_ms = clock_mono_ms() + wait_ms;
	log_event(LOG_WARNING, "parent-not-told", "zone=%s by=%s msg=%s; next try at %s", t->c->text, kind_text[ch->kind],
		  why, clock_text(clock_now_s() + wait_ms / 1000, at));
}

static void on_run(void *ctx, const struct runner_result *r)
{
	struct channel *ch = ctx;
	const bool good = r->outcome == RUNNER_DONE &&
			  (ch->kind == HOOK ? r->status == 0 : r->status >= 200 && r->status < 300);
	char why[256];

	if (r->outcome == RUNNER_DONE)
		snprintf(why, sizeof(why), ch->kind == HOOK ? "exit code %d" : "HTTP status %d", r->status);
	else
		snprintf(why, sizeof(why), "%s: %.200s", runner_outcome_text(r->outcome), r->why);
	ended(ch, good ? NULL : why);
}

static void on_update(void *ctx, json_t *result, const struct err *why)
{
	struct channel *ch = ctx;

	(void)result;
	if (ch->of == NULL)
		free(ch); /* its zone has gone meanwhile */
	else
		ended(ch, why == NULL ? NULL : why->text);
}

/* ---- telling ---- */

static void tell_hook(struct channel *ch, const struct conf_tell *row)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	const struct telling *t = ch->of;
	char *words[4] = { mem_printf("DUET_EVENT=ds"), mem_printf("DUET_ZONE=%s", t->c->text),
			   mem_printf("DUET_PARENT=%s", row->zone),
			   mem_printf("DUET_DS_COUNT=%zu", json_array_size(t->ds)) };
	char *label = mem_printf("zone=%s hook=ds", t->c->text);

	q.what = row->hook;
	q.label = label;
	q.words = (const char *const *)words;
	q.word_count = 4;
	q.body = t->lines;
	q.body_len = strlen(t->lines);
	q.limit_ms = 1000 * row->limit_s;
	ch->number = runner_run(t->k->parents->hooks, &q, on_run, ch);
	for (int i = 0; i < 4; i++)
		free(words[i]);
	free(label);
}

static int tell_webhook(struct channel *ch, const struct conf_tell *row, struct err *e)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_HTTP);
	const struct telling *t = ch->of;
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:O,s:s,s:I}", "event", "ds", "zone", t->c->text, "parent", row->zone, "node",
			      t->k->conf->node.name, "ds_rdata", t->ds, "ds", t->lines, "at", (json_int_t)clock_now_s());
	char *body = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS), *label = mem_printf("zone=%s webhook=ds", t->c->text);
	char header[WEBHOOK_HEADER];
	const char *words[2] = { "Content-Type: application/json", header };
	int rc = 0;

	json_decref(o);
	if (row->webhook_secret != NULL)
		rc = webhook_sign(row->webhook_secret, body, header, e);
	if (rc == 0) {
		q.what = row->webhook;
		q.label = label;
		q.words = words;
		q.word_count = row->webhook_secret == NULL ? 1 : 2;
		q.body = body;
		q.body_len = strlen(body);
		q.limit_ms = 1000 * row->limit_s;
		ch->number = runner_run(t->k->parents->web, &q, on_run, ch);
	}
	free(body);
	free(label);
	return rc;
}

static void tell_update(struct channel *ch, const struct conf_tell *row)
{
	char address[ADDR_TEXT_LEN];
	json_t *args = json_pack("{s:s,s:s,s:s,s:s?,s:I,s:O}", "zone", ch->of->c->text, "parent", row->zone, "address",
				 addr_text(&row->update[0], address), "key", row->update_key, "ttl",
				 (json_int_t)row->ds_ttl_s, "ds", ch->of->ds);

	engine_ask(ch->of->k, "ds-update", args, UPDATE_MS, on_update, ch);
	json_decref(args);
}

static void start(struct channel *ch, const struct conf_tell *row)
{
	struct err e;

	ch->busy = true;
	ch->of->k->parents->running++;
	memcpy(ch->sending, ch->of->wanted, sizeof(ch->sending));
	switch (ch->kind) {
	case HOOK:
		tell_hook(ch, row);
		break;
	case WEBHOOK:
		if (tell_webhook(ch, row, &e) != 0)
			ended(ch, e.text);
		break;
	case UPDATE:
		tell_update(ch, row);
		break;
	case KINDS:
		break;
	}
}

void parent_tick(struct keydist *k)
{
	const int64_t now_ms = clock_mono_ms();

	if (k->parents == NULL)
		return;
	for (struct telling *t = k->parents->first; t != NULL; t = t->next) {
		const struct conf_tell *row = row_of(k, t->c->name);

		for (int i = 0; i < KINDS && row != NULL; i++) {
			struct channel *ch = t->channel[i];

			if (ch != NULL && !ch->busy && !ch->done && t->known && ch->next_ms <= now_ms &&
			    k->parents->running < AT_ONCE)
				start(ch, row);
		}
	}
}

void parent_forget(struct keydist *k, struct zone_ctx *c)
{
	struct telling *t = c->telling;

	if (t == NULL)
		return;
	for (struct telling **at = &k->parents->first; *at != NULL; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
	for (int i = 0; i < KINDS; i++) {
		struct channel *ch = t->channel[i];

		if (ch == NULL)
			continue;
		k->parents->running -= ch->busy;
		if (ch->busy && ch->kind == UPDATE) {
			ch->of = NULL; /* its answer frees it */
			continue;
		}
		if (ch->busy)
			runner_cancel(ch->kind == HOOK ? k->parents->hooks : k->parents->web, ch->number);
		free(ch);
	}
	json_decref(t->ds);
	free(t->lines);
	free(t);
	c->telling = NULL;
}

void parent_close(struct keydist *k)
{
	if (k->parents == NULL)
		return;
	while (k->parents->first != NULL)
		parent_forget(k, k->parents->first->c);
	runner_close(k->parents->hooks);
	runner_close(k->parents->web);
	free(k->parents);
	k->parents = NULL;
}

json_t *parent_status(const struct zone_ctx *c)
{
	const struct telling *t = c->telling;
	json_t *list;

	if (t == NULL)
		return NULL;
	list = json_array();
	for (int i = 0; i < KINDS; i++)
		if (t->channel[i] != NULL)
			json_array_append_new(list, json_pack("{s:s,s:b,s:i,s:s}", "by", kind_text[i], "done",
							      (int)t->channel[i]->done, "tries",
							      (int)t->channel[i]->tries, "why", t->channel[i]->why));
	return list;
}
