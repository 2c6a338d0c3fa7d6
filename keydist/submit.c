/* SPDX-License-Identifier: BSD-3-Clause */
/* submit: which text a zone is to have, and getting it from the other signers. */
#include "keydist/submit.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS      10000
#define RETRY_MS    2000
#define CATCH_UP    16 /* MiB of what was there before a restart are read in one go */
#define SYNC_OCTETS (8u << 20)
#define SWEEP_MS    600000

/* A text that is on its way here. */
struct getting {
	struct getting *next;
	struct zone_ctx *c;
	struct submission s;
	struct assembly a;
	char *path;
	size_t peer;      /* who is asked */
	bool pending;     /* an answer is waited for */
	bool told;        /* that nobody has it */
	int64_t retry_ms;
};

/* One question; outlives what it is for. */
struct question {
	struct keydist *k;
	uint8_t digest[SUBMISSION_DIGEST_LEN];
};

static void step(struct keydist *k, struct getting *g);

static void drop(struct keydist *k, struct getting *g)
{
	struct getting **at = &k->getting;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	assembly_close(&g->a);
	free(g->path);
	free(g);
}

static struct getting *by_digest(struct keydist *k, const uint8_t digest[SUBMISSION_DIGEST_LEN])
{
	struct getting *g = k->getting;

	while (g != NULL && memcmp(g->s.digest, digest, SUBMISSION_DIGEST_LEN) != 0)
		g = g->next;
	return g;
}

/* Another zone may wait for the same text. */
static void touch_waiting(struct keydist *k)
{
	for (size_t i = 0; i < k->zones; i++)
		if (k->zone[i]->wants_text)
			zones_touch(k, k->zone[i]);
}

static void trouble(struct getting *g, const char *why)
{
	g->retry_ms = clock_mono_ms() + RETRY_MS;
	if (!g->told)
		log_event(LOG_WARNING, "submission-waits", "zone=%s rev=%" PRIu64 " at=%" PRIu64 " msg=%s; it is asked for again",
			  g->c->text, g->s.rev, g->a.at, why);
	g->told = true;
}

/* What is there is not what it should be: it begins anew. */
static void begin_anew(struct keydist *k, struct getting *g, const char *why)
{
	struct err e;
	int fd;

	assembly_close(&g->a);
	unlink(g->path);
	fd = submit_open(k, g->path, &e);
	assembly_open(&g->a, fd);
	trouble(g, fd < 0 ? e.text : why);
}

static void whole(struct keydist *k, struct getting *g)
{
	struct err e;

	if (!assembly_is(&g->a, g->s.digest)) {
		g->peer++; /* who gave the last of it, at least */
		begin_anew(k, g, "what came has another digest");
		return;
	}
	if (assembly_sync(&g->a, &e) != 0 || submit_keep(k, g->path, g->s.digest, &e) != 0) {
		begin_anew(k, g, e.text);
		return;
	}
	drop(k, g);
	touch_waiting(k);
}

static int take_chunk(struct getting *g, const json_t *result, struct err *e)
{
	struct chunk chunk;
	int rc = -1;

	if (chunk_read(result, &chunk, e) != 0)
		return err_ctx(e, "the answer is not a chunk");
	if (memcmp(chunk.digest, g->s.digest, sizeof(chunk.digest)) != 0)
		err_set(e, ERR_SYNTAX, "the answer is of another submission");
	else if (assembly_add(&g->a, chunk.offset, chunk.octets, chunk.len, g->s.size, e) == 0 &&
		 (g->a.at - g->a.synced < SYNC_OCTETS || assembly_sync(&g->a, e) == 0))
		rc = 0;
	free(chunk.octets);
	return rc;
}

static void on_chunk(void *ctx, json_t *result, const struct err *why)
{
	struct question *q = ctx;
	struct keydist *k = q->k;
	struct getting *g = by_digest(k, q->digest);
	struct err e;

	free(q);
	if (g == NULL)
		return;
	g->pending = false;
	if (why != NULL || take_chunk(g, result, &e) != 0) {
		g->peer++;
		trouble(g, why != NULL ? why->text : e.text);
		return;
	}
	fail_point("submit-got-chunk");
	g->told = false;
	step(k, g);
}

/* The next signer to ask; NULL: there is no other. */
static const struct node_state *whom(const struct keydist *k, const struct getting *g)
{
	const struct fact_state *s = cluster_state(k->cluster);

	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *n = &s->node[(g->peer + i) % s->nodes];

		if (n->role == NODE_SIGNER && n->admitted.set && !n->retired && memcmp(n->id, k->self.id, NODE_ID_LEN) != 0)
			return n;
	}
	return NULL;
}

static void ask(struct keydist *k, struct getting *g)
{
	const struct node_state *n = whom(k, g);
	struct question *q;
	json_t *wish;

	if (n == NULL) {
		trouble(g, "there is no other signer");
		return;
	}
	q = mem_new(1, sizeof(*q));
	q->k = k;
	memcpy(q->digest, g->s.digest, sizeof(q->digest));
	g->pending = true;
	wish = chunk_wish(g->s.digest, g->a.at);
	cluster_request(k->cluster, n->id, "submission", wish, ASK_MS, on_chunk, q);
	json_decref(wish);
}

static void step(struct keydist *k, struct getting *g)
{
	struct err e;
	int more = 1;

	if (g->pending || k->stopping || clock_mono_ms() < g->retry_ms)
		return;
	for (int i = 0; more > 0 && i < CATCH_UP; i++)
		more = assembly_catch_up(&g->a, &e);
	if (more < 0 || g->a.at > g->s.size)
		begin_anew(k, g, more < 0 ? e.text : "what was there is too long");
	else if (more == 0 && g->a.at == g->s.size)
		whole(k, g);
	else if (more == 0)
		ask(k, g);
}

static void begin(struct keydist *k, struct zone_ctx *c, const struct submission *s)
{
	struct getting *g = by_digest(k, s->digest);
	struct err e;
	int fd;

	if (g != NULL)
		return;
	g = mem_new(1, sizeof(*g));
	g->c = c;
	g->s = *s;
	g->path = submit_path(k, s->digest, true);
	fd = submit_open(k, g->path, &e);
	assembly_open(&g->a, fd);
	g->next = k->getting;
	k->getting = g;
	if (fd < 0) {
		trouble(g, e.text);
		drop(k, g);
		c->retry = true;
		return;
	}
	log_event(LOG_NOTICE, "submission-wanted", "zone=%s rev=%" PRIu64 " octets=%" PRIu64 " there=%" PRIu64, c->text, s->rev,
		  s->size, g->a.there);
	step(k, g);
}

static void say_again(struct keydist *k, struct zone_ctx *c, const struct zone_state *z)
{
	struct submission s;

	if (submission_read(z->submission.body, &s, NULL) != 0)
		return;
	s.rev++;
	words_add(k, c, "submission", submission_json(&s), "submission-said-again", "zone=%s rev=%" PRIu64
		  " msg=two submissions had the same rev: the one that counts is said again", z->text, s.rev);
}

void submit_zone(struct keydist *k, struct zone_ctx *c, const struct zone_state *z)
{
	const char *source = zone_addition(z) == NULL ? "" : json_string_value(json_object_get(zone_addition(z)->body, "source"));
	struct submission s;
	char *text;

	c->wants_text = false;
	if (strcmp(source, SUBMIT_SOURCE) != 0 || !z->submission.set || submission_read(z->submission.body, &s, NULL) != 0)
		return;
	if (z->submission_tied && k->acting)
		say_again(k, c, z);
	if (!submit_have(k, &s)) {
		c->wants_text = true;
		begin(k, c, &s);
		return;
	}
	text = submission_source(&s);
	if (c->submitted == NULL || strcmp(c->submitted, text) != 0)
		log_event(LOG_NOTICE, "submission-here", "zone=%s rev=%" PRIu64 " octets=%" PRIu64, z->text, s.rev, s.size);
	free(c->submitted);
	c->submitted = text;
}

const char *submit_plan_source(const struct zone_ctx *c, const char *source)
{
	return strcmp(source, SUBMIT_SOURCE) == 0 && c->submitted != NULL ? c->submitted : source;
}

/* Some zone still wants it. */
static bool is_wanted(const struct keydist *k, const struct getting *g)
{
	const struct zone_state *z = state_zone(cluster_state(k->cluster), g->c->name);
	struct submission s;

	return z != NULL && g->c->wants_text && submission_read(z->submission.body, &s, NULL) == 0 &&
	       memcmp(s.digest, g->s.digest, sizeof(s.digest)) == 0;
}

void submit_tick(struct keydist *k)
{
	struct getting *g, *next;

	for (g = k->getting; g != NULL; g = next) {
		next = g->next;
		if (g->pending)
			continue;
		if (is_wanted(k, g)) {
			step(k, g);
		} else {
			drop(k, g);
			touch_waiting(k);
		}
	}
	uploads_tick(k, false);
	if (clock_mono_ms() >= k->swept_ms + SWEEP_MS) {
		k->swept_ms = clock_mono_ms();
		submit_sweep(k);
	}
}

void submit_close(struct keydist *k)
{
	uploads_tick(k, true);
	while (k->getting != NULL)
		drop(k, k->getting);
}

void submit_on_request(struct keydist *k, const char *token, const json_t *args)
{
	struct err e;
	json_t *chunk = submit_chunk(k, args, &e);

	cluster_answer(k->cluster, token, chunk, chunk == NULL ? &e : NULL);
	json_decref(chunk);
}

void submit_on_get(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	const char *zone = msg_text(msg, "zone", DNAME_TEXT_MAX - 1, NULL);
	json_t *chunk = zone == NULL ? NULL : submit_chunk(k, msg, NULL);

	(void)from;
	if (chunk == NULL)
		return; /* it asks again */
	json_object_set_new(chunk, "zone", json_string(zone));
	engine_send(k, "submitted", chunk);
	json_decref(chunk);
}
