/* SPDX-License-Identifier: BSD-3-Clause */
/* https: asks a web server for a zone's text, again and again. */
#include "signer/engine/https.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "log/log.h"
#include "runner/runner.h"
#include "signer/engine/zwork.h"

#define LIMIT_MS   900000 /* one request */
#define RETRY_MS   10000  /* after a failure, doubling up to the interval */
#define OCTETS_MIB 1048576

struct https {
	uint64_t asked;        /* the request that runs; 0: none */
	int fd;                /* where its answer goes, then the answer until it is taken; -1: none */
	bool ready;            /* fd is a whole text */
	char *etag, *modified; /* of the text read last; NULL: ask for all of it */
	int64_t next_ms;       /* monotonic */
	int64_t retry_ms;      /* after the next failure */
	bool failing;          /* the source's error is ours: the server did not answer as it should */
	int64_t since_ms;      /* monotonic: asked first */
	struct engine *engine;
};

static void set(char **slot, const char *text)
{
	free(*slot);
	*slot = text == NULL || text[0] == '\0' ? NULL : mem_strdup(text);
}

static void forget(struct https *h)
{
	set(&h->etag, NULL);
	set(&h->modified, NULL);
}

static int64_t interval_ms(const struct zwork *z)
{
	return 1000 * z->engine->conf->signer.fetch_interval_s;
}

static void drop_text(struct https *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	h->ready = false;
}

void https_start(struct zwork *z)
{
	struct https *h = mem_new(1, sizeof(*h));

	h->fd = -1;
	h->retry_ms = RETRY_MS;
	h->since_ms = h->next_ms = clock_mono_ms();
	z->source.https = h;
	h->engine = z->engine;
}

void https_stop(struct source *s)
{
	struct https *h = s->https;

	if (h == NULL)
		return;
	if (h->asked != 0 && h->engine->web != NULL)
		runner_cancel(h->engine->web, h->asked);
	drop_text(h);
	forget(h);
	free(h);
	s->https = NULL;
}

/* Longer than SOA expire without word that what is published is current. */
static void watch_expire(struct zwork *z)
{
	const struct source *s = &z->source;
	const struct rr *soa = z->version == NULL ? NULL : &version_info(z->version)->soa;
	const int64_t last = s->confirmed_mono_ms != 0 ? s->confirmed_mono_ms : s->https->since_ms;
	const int64_t silent_s = (clock_mono_ms() - last) / 1000;

	if (soa == NULL || s->expired != NULL)
		return;
	if (silent_s > (int64_t)soa_timers(soa->rdata, soa->rdlen).expire_s)
		source_expired(z, silent_s);
}

static void failed(struct zwork *z, const char *why)
{
	struct https *h = z->source.https;
	const int64_t wait_ms = h->retry_ms < interval_ms(z) ? h->retry_ms : interval_ms(z);

	drop_text(h);
	/* Our sentence takes the place of what was wrong with the text: once the server answers, it is read again. */
	if (z->source.error != NULL && !h->failing)
		forget(h);
	h->failing = true;
	h->next_ms = clock_mono_ms() + wait_ms;
	h->retry_ms = 2 * wait_ms;
	source_failed(z, why, (wait_ms + 999) / 1000);
	watch_expire(z);
}

static void answered(struct zwork *z)
{
	struct https *h = z->source.https;

	h->next_ms = clock_mono_ms() + interval_ms(z);
	h->retry_ms = RETRY_MS;
	if (h->failing)
		source_accepted(z);
	h->failing = false;
	zwork_say(&z->source.expired, NULL);
}

static void on_text(struct zwork *z, const struct runner_result *r)
{
	struct https *h = z->source.https;

	answered(z);
	set(&h->etag, r->etag);
	set(&h->modified, r->last_modified);
	z->source.size = (int64_t)r->output_octets;
	z->source.confirmed_mono_ms = clock_mono_ms();
	h->ready = true;
	log_event(LOG_INFO, "fetched", "zone=%s source=%s octets=%" PRIu64 " ms=%" PRId64, z->name, z->source.text,
		  r->output_octets, r->ran_ms);
}

static void on_same(struct zwork *z)
{
	answered(z);
	drop_text(z->source.https);
	if (z->source.error == NULL)
		z->source.confirmed_mono_ms = clock_mono_ms();
}

static void on_done(void *ctx, const struct runner_result *r)
{
	struct zwork *z = ctx;
	struct https *h = z->source.https;
	const bool conditional = h->etag != NULL || h->modified != NULL;
	char why[400];

	h->asked = 0;
	if (r->outcome == RUNNER_DONE && r->status == 200 && r->output_octets > 0) {
		on_text(z, r);
	} else if (r->outcome == RUNNER_DONE && r->status == 304 && conditional) {
		on_same(z);
	} else if (r->outcome == RUNNER_DONE && r->status == 200) {
		failed(z, "the server sent an empty answer");
	} else if (r->outcome == RUNNER_DONE) {
		snprintf(why, sizeof(why), "the server answered with status %d, not with the zone (200)", r->status);
		failed(z, why);
	} else if (r->outcome == RUNNER_TOO_LARGE) {
		snprintf(why, sizeof(why), "the answer is larger than signer.fetch-max-mib, %" PRId64 " MiB, or the disk is full: %.200s",
			 z->engine->conf->signer.fetch_max_mib, r->why);
		failed(z, why);
	} else {
		snprintf(why, sizeof(why), "%s: %.300s", runner_outcome_text(r->outcome), r->why);
		failed(z, why);
	}
	zwork_poke(z);
}

static size_t conditions(const struct https *h, char *none_match, char *since, size_t cap, const char *words[2])
{
	size_t n = 0;

	if (h->etag != NULL && snprintf(none_match, cap, "If-None-Match: %s", h->etag) < (int)cap)
		words[n++] = none_match;
	if (h->modified != NULL && snprintf(since, cap, "If-Modified-Since: %s", h->modified) < (int)cap)
		words[n++] = since;
	return n;
}

static void ask(struct zwork *z)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_HTTP);
	struct https *h = z->source.https;
	struct engine *e = z->engine;
	char none_match[1200], since[1200], *label;
	const char *words[2];

	drop_text(h);
	if ((h->fd = source_nameless(z)) < 0) {
		failed(z, strerror(errno));
		return;
	}
	if (e->web == NULL)
		e->web = runner_open(&e->loop, e->conf->fetch.socket);
	label = mem_printf("zone=%s fetch=source", z->name);
	q.what = z->source.text;
	q.label = label;
	q.word_count = conditions(h, none_match, since, sizeof(since), words);
	q.words = words;
	q.out_fd = h->fd;
	q.limit_ms = LIMIT_MS;
	q.output_max = (uint64_t)e->conf->signer.fetch_max_mib * OCTETS_MIB;
	h->next_ms = INT64_MAX;
	h->asked = runner_run(e->web, &q, on_done, z);
	free(label);
}

void https_step(struct zwork *z)
{
	if (z->source.https->asked == 0 && clock_mono_ms() >= z->source.https->next_ms)
		ask(z);
}

void https_refresh(struct zwork *z, bool whole)
{
	struct https *h = z->source.https;

	if (whole)
		forget(h);
	if (h->asked == 0 && !h->ready)
		h->next_ms = clock_mono_ms();
	zwork_poke(z);
}

int64_t https_next(const struct zwork *z)
{
	return z->source.kind == SOURCE_HTTPS ? z->source.https->next_ms : INT64_MAX;
}

bool https_has_text(const struct zwork *z)
{
	return z->source.https->ready;
}

int https_take(struct zwork *z)
{
	struct https *h = z->source.https;
	const int fd = h->fd;

	h->fd = -1;
	h->ready = false;
	lseek(fd, 0, SEEK_SET);
	return fd;
}
