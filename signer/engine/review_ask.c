/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * review_ask: who reviews a candidate is asked: a program through duet-hook, a webhook through duet-fetch.  The zone goes on
 * meanwhile; whatever is not a clear yes is a no.  Who was asked before a crash is asked again, with another token.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "runner/runner.h"
#include "runner/webhook.h"
#include "signer/engine/api.h"
#include "signer/engine/zwork.h"

#define TOKEN_OCTETS 32
#define WORDS_MAX    24
#define HTTP_LATER_STATUS 202

/* One question; lives until whoever was asked has answered, or nobody is interested any more. */
struct asking {
	struct work work;
	struct engine *e;
	struct zwork *z;        /* NULL: nobody is */
	bool writing;           /* the text files are being written */
	uint64_t number;        /* of the runner's request, 0: none */
	bool web;
	enum review_stage stage;
	struct version *published, *candidate;
	char *name, *who, *zone_path, *diff_path;
	struct err err;
	int rc;
};

static void asking_free(struct asking *a)
{
	version_unref(a->published);
	version_unref(a->candidate);
	free(a->name);
	free(a->who);
	free(a->zone_path);
	free(a->diff_path);
	free(a);
}

void review_ask_end(struct zwork *z)
{
	struct asking *a = z->review.asking;

	z->review.asking = NULL;
	z->review.asked = false;
	z->review.until_ms = 0;
	z->review.token[0] = '\0';
	if (a == NULL)
		return;
	a->z = NULL;
	if (a->writing)
		return; /* its end frees it */
	if (a->number != 0)
		runner_cancel(a->web ? a->e->web : a->e->hooks, a->number);
	asking_free(a);
}

/* ---- the answer ---- */

/* What a webhook says: {"result":"approved"|"refused","reason":text}, or nothing with 204. */
static void web_answered(struct zwork *z, const struct runner_result *r)
{
	json_t *o = json_loadb((const char *)r->output, r->output_len, 0, NULL);
	const char *result = json_string_value(json_object_get(o, "result"));
	const char *reason = json_string_value(json_object_get(o, "reason"));
	char why[300];

	if (r->status == HTTP_LATER_STATUS) {
		z->review.until_ms = clock_mono_ms() + 1000 * z->plan->policy->review_limit_s;
		log_event(LOG_NOTICE, "review-later", "zone=%s msg=the webhook answers later", z->name);
		zwork_poke(z);
	} else if (r->status >= 200 && r->status < 300 && (result == NULL || strcmp(result, "approved") == 0)) {
		review_passed(z, "webhook");
	} else {
		snprintf(why, sizeof(why), "the webhook says HTTP status %d%s%.200s", r->status, reason != NULL ? ": " : "",
			 reason != NULL ? reason : "");
		review_refused(z, false, why);
	}
	json_decref(o);
}

static void on_answer(void *ctx, const struct runner_result *r)
{
	struct asking *a = ctx;
	struct zwork *z = a->z;
	char why[300];
	bool web = a->web;

	a->number = 0;
	z->review.asking = NULL;
	asking_free(a);
	fail_point("review-answered");
	if (r->outcome != RUNNER_DONE) {
		snprintf(why, sizeof(why), "%s: %.200s", runner_outcome_text(r->outcome), r->why);
		review_refused(z, false, why);
	} else if (web) {
		web_answered(z, r);
	} else if (r->status == 0) {
		review_passed(z, "hook");
	} else {
		snprintf(why, sizeof(why), "the hook ended with exit code %d", r->status);
		review_refused(z, false, why);
	}
}

/* ---- the question ---- */

struct words {
	char *text[WORDS_MAX];
	size_t n;
};

static void word(struct words *w, char *text)
{
	w->text[w->n++] = text;
}

static void server_words(struct words *w, const struct addr *at)
{
	char text[ADDR_TEXT_LEN], *port;
	bool v6 = at->sa.sa_family == AF_INET6;

	addr_text(at, text);
	if ((port = strchr(text, '#')) == NULL)
		return;
	*port++ = '\0';
	word(w, mem_printf("CASCADE_SERVER=%s%s%s:%s", v6 ? "[" : "", text, v6 ? "]" : "", port));
	word(w, mem_printf("CASCADE_SERVER_IP=%s", text));
	word(w, mem_printf("CASCADE_SERVER_PORT=%s", port));
	word(w, mem_printf("DUET_SERVER=%s#%s", text, port));
}

static const struct addr *server_of(const struct asking *a)
{
	const struct conf_review *c = &a->e->conf->signer.review;

	if (a->stage == REVIEW_LOAD)
		return c->load_count > 0 ? &c->load[0] : NULL;
	return c->sign_count > 0 ? &c->sign[0] : NULL;
}

/* Without the final dot, but for the root. */
static int bare_len(const char *zone)
{
	size_t len = strlen(zone);

	return (int)(len > 1 ? len - 1 : len);
}

static void environment(const struct asking *a, struct words *w)
{
	const struct version_info *info = version_info(a->candidate);
	const struct review *r = &a->z->review;
	const struct addr *at = server_of(a);

	word(w, mem_printf("CASCADE_ZONE=%.*s", bare_len(a->name), a->name));
	word(w, mem_printf("CASCADE_SERIAL=%u", info->serial));
	if (at != NULL)
		server_words(w, at);
	word(w, mem_printf("DUET_ZONE=%s", a->name));
	word(w, mem_printf("DUET_STAGE=%s", review_stage_text(a->stage)));
	word(w, mem_printf("DUET_SERIAL=%u", info->serial));
	word(w, mem_printf("DUET_INPUT_SERIAL=%u", info->input_serial));
	if (a->published != NULL)
		word(w, mem_printf("DUET_PUBLISHED_SERIAL=%u", version_info(a->published)->serial));
	word(w, mem_printf("DUET_ZONE_FILE=%s", a->zone_path));
	word(w, mem_printf("DUET_DIFF_FILE=%s", a->diff_path));
	if (r->refusal != NULL)
		word(w, mem_printf("DUET_REFUSED=%s", r->refusal));
	word(w, mem_printf("DUET_TOKEN=%s", r->token));
	word(w, mem_printf("DUET_REVIEW_SOCKET=%s", a->e->conf->signer.review.socket));
}

/* The program and its arguments, at blanks; *copy is what they lie in. */
static size_t split(const char *who, char **copy, const char *args[RUNNER_WORDS_MAX])
{
	size_t n = 0;
	char *at, *save = NULL;

	*copy = mem_strdup(who);
	for (at = strtok_r(*copy, " \t", &save); at != NULL && n < RUNNER_WORDS_MAX; at = strtok_r(NULL, " \t", &save))
		args[n++] = at;
	return n;
}

static void run_hook(struct asking *a)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	char *copy, *label = mem_printf("zone=%s hook=%s-review", a->name, review_stage_text(a->stage));
	const char *args[RUNNER_WORDS_MAX] = { "" };
	size_t n = split(a->who, &copy, args);
	struct words w = { .n = 0 };

	if (a->e->hooks == NULL)
		a->e->hooks = runner_open(&a->e->loop, a->e->conf->hook.socket);
	environment(a, &w);
	q.what = args[0];
	q.args = args + 1;
	q.arg_count = n > 0 ? n - 1 : 0;
	q.label = label;
	q.words = (const char *const *)w.text;
	q.word_count = w.n;
	q.limit_ms = 1000 * a->z->plan->policy->review_limit_s;
	a->number = runner_run(a->e->hooks, &q, on_answer, a);
	for (size_t i = 0; i < w.n; i++)
		free(w.text[i]);
	free(label);
	free(copy);
}

static int call_webhook(struct asking *a, struct err *e)
{
	const struct version_info *info = version_info(a->candidate);
	const struct conf_review *c = &a->e->conf->signer.review;
	struct runner_request q = RUNNER_REQUEST(RUNNER_HTTP);
	const struct addr *at = server_of(a);
	char server[ADDR_TEXT_LEN], *label = mem_printf("zone=%s webhook=%s-review", a->name, review_stage_text(a->stage));
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:s?,s:s?,s:s,s:I}", "event", "review", "zone", a->name, "stage",
			      review_stage_text(a->stage), "serial", (json_int_t)info->serial, "input_serial",
			      (json_int_t)info->input_serial, "node", a->e->conf->node.name, "server",
			      at == NULL ? NULL : addr_text(at, server), "refused", a->z->review.refusal, "token",
			      a->z->review.token, "at", (json_int_t)clock_now_s());
	char *body, header[WEBHOOK_HEADER];
	const char *words[2] = { "Content-Type: application/json", header };
	int rc = 0;

	if (a->published != NULL)
		json_object_set_new(o, "published_serial", json_integer(version_info(a->published)->serial));
	body = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	q.word_count = 1;
	if (c->webhook_secret != NULL) {
		rc = webhook_sign(c->webhook_secret, body, header, e);
		q.word_count = 2;
	}
	if (rc == 0) {
		if (a->e->web == NULL)
			a->e->web = runner_open(&a->e->loop, a->e->conf->fetch.socket);
		q.what = a->who;
		q.label = label;
		q.words = words;
		q.body = body;
		q.body_len = strlen(body);
		q.limit_ms = 1000 * a->z->plan->policy->review_limit_s;
		a->web = true;
		a->number = runner_run(a->e->web, &q, on_answer, a);
	}
	free(body);
	free(label);
	return rc;
}

static void text_work(struct work *w)
{
	struct asking *a = (struct asking *)w;

	a->rc = review_text(a->e->store, a->e->conf->signer.review.dir, a->name, a->stage, a->published, a->candidate,
			    &a->zone_path, &a->diff_path, &a->err);
}

static bool is_url(const char *who)
{
	return strncmp(who, "http://", 7) == 0 || strncmp(who, "https://", 8) == 0;
}

static void text_done(struct work *w)
{
	struct asking *a = (struct asking *)w;
	struct zwork *z = a->z;

	a->writing = false;
	if (z == NULL || w->cancelled) {
		if (z != NULL)
			z->review.asking = NULL;
		asking_free(a);
		return;
	}
	fail_point("review-asked");
	if (a->rc == 0 && is_url(a->who))
		a->rc = call_webhook(a, &a->err);
	else if (a->rc == 0)
		run_hook(a);
	if (a->rc == 0)
		return;
	z->review.asking = NULL;
	if (a->err.code == ERR_DAMAGE)
		zwork_damaged(z, a->err.text);
	else
		review_refused(z, false, a->err.text);
	asking_free(a);
}

static void token_make(struct review *r)
{
	uint8_t random[TOKEN_OCTETS];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(r->token, sizeof(r->token), random, sizeof(random));
}

void review_ask(struct zwork *z)
{
	struct review *r = &z->review;
	const char *who = r->stage == REVIEW_LOAD ? z->plan->policy->load_review : z->plan->policy->sign_review;
	struct asking *a;

	r->asked = true;
	token_make(r);
	review_socket_open(z->engine);
	if (strcmp(who, "manual") == 0) {
		log_event(LOG_NOTICE, "review-waits", "zone=%s serial=%u stage=%s msg=duetctl zone approve|reject %s %u", z->name,
			  version_info(r->version)->serial, review_stage_text(r->stage), z->name,
			  version_info(r->version)->serial);
		return;
	}
	log_event(LOG_NOTICE, "review-asked", "zone=%s serial=%u stage=%s by=%s", z->name, version_info(r->version)->serial,
		  review_stage_text(r->stage), who);
	a = r->asking = mem_new(1, sizeof(*a));
	a->e = z->engine;
	a->z = z;
	a->stage = r->stage;
	a->name = mem_strdup(z->name);
	a->who = mem_strdup(who);
	a->published = z->version == NULL ? NULL : version_ref(z->version);
	a->candidate = version_ref(r->version);
	a->writing = true;
	a->work.large = table_octets(version_table(r->version)) > WORK_LARGE;
	a->work.run = text_work;
	a->work.done = text_done;
	works_queue(z->engine->works, WORK_SIGN, &a->work);
}

void review_ask_close(struct engine *e)
{
	for (size_t i = 0; i < e->zone_count; i++)
		review_ask_end(e->zone[i]);
	runner_close(e->hooks);
	http_server_close(e->review_api);
	e->hooks = NULL;
	e->review_api = NULL;
}
