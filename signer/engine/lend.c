/* SPDX-License-Identifier: BSD-3-Clause */
/* lend: texts of published content, written for peers and given in chunks. */
#include "signer/engine/lend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/zwork.h"
#include "submission/submission.h"

#define LENDS_MAX  8
#define IDLE_MS    60000
#define HOLD_MS    5000 /* whoever asks waits so long for a text that is being written, then asks again */
#define READ_CHUNK 65536

_Static_assert(INPUT_CONTENT_LEN == CONTENT_DIGEST_LEN, "content is named by its digest");

struct waiting {
	struct waiting *next;
	waiter_fn *fn;
	void *ctx;
	uint64_t offset;
	int64_t until_ms;
};

struct lend {
	struct work work; /* writes it */
	struct lend *next;
	char *zone;
	uint8_t content[INPUT_CONTENT_LEN];
	struct http_answer text; /* what it is written from */
	struct assembly a;
	uint64_t most;
	uint8_t digest[SUBMISSION_DIGEST_LEN];
	bool writing, failed;
	struct err why;
	struct waiting *waiting;
	int64_t used_ms;
};

struct lends {
	struct lend *first;
	size_t n;
};

struct lends *lends_new(void)
{
	return mem_new(1, sizeof(struct lends));
}

static void lend_free(struct lend *l)
{
	if (l->text.done != NULL)
		l->text.done(l->text.stream);
	assembly_close(&l->a);
	free(l->zone);
	free(l);
}

void lends_free(struct lends *ls)
{
	struct lend *l;

	while (ls != NULL && (l = ls->first) != NULL) {
		ls->first = l->next;
		lend_free(l);
	}
	free(ls);
}

/* ---- writing ---- */

/* In the pool. */
static void write_work(struct work *w)
{
	struct lend *l = (struct lend *)w;
	static const char lie[] = "lie 60 IN TXT \"nobody has this\"\n"; /* for tests */
	char *buf = mem_new(READ_CHUNK, 1);
	ssize_t n;

	while ((n = l->text.read(l->text.stream, buf, READ_CHUNK)) > 0 && !l->failed)
		l->failed = assembly_add(&l->a, l->a.at, (const uint8_t *)buf, (size_t)n, l->most, &l->why) != 0;
	if (n < 0 && !l->failed) {
		err_set(&l->why, ERR_DAMAGE, "what is published cannot be read");
		l->failed = true;
	}
	if (!l->failed && fail_number("lend-spoil") == 2)
		l->failed = assembly_add(&l->a, l->a.at, (const uint8_t *)lie, sizeof(lie) - 1, l->most, &l->why) != 0;
	assembly_digest(&l->a, l->digest);
	free(buf);
}

/* Some octets of what was written. */
static json_t *chunk_of(const struct lend *l, uint64_t offset, struct err *e)
{
	struct chunk c = { .offset = offset, .size = l->a.at, .octets = mem_new(SUBMISSION_CHUNK, 1) };
	const ssize_t n = pread(l->a.fd, c.octets, SUBMISSION_CHUNK, (off_t)offset);
	json_t *o = NULL;

	memcpy(c.digest, l->digest, sizeof(c.digest));
	c.len = n > 0 ? (size_t)n : 0;
	if (n > 0 && fail_number("lend-spoil") == 1)
		c.octets[n / 2] ^= 1;
	if (n > 0)
		o = input_chunk(&c);
	else
		err_set(e, ERR_NOTFOUND, "nothing of it lies at %llu", (unsigned long long)offset);
	free(c.octets);
	return o;
}

static void answer(const struct lend *l, struct waiting *w, json_t *body, const struct err *why)
{
	struct err e;

	if (body == NULL && why == NULL && !l->failed && (body = chunk_of(l, w->offset, &e)) == NULL)
		why = &e;
	w->fn(w->ctx, body, why != NULL ? why : body == NULL ? &l->why : NULL);
	free(w);
}

static void answer_all(struct lend *l, const struct err *why)
{
	struct waiting *w;

	while ((w = l->waiting) != NULL) {
		l->waiting = w->next;
		answer(l, w, NULL, why);
	}
}

static void write_done(struct work *w)
{
	struct lend *l = (struct lend *)w;

	l->writing = false;
	if (w->cancelled)
		l->failed = err_set(&l->why, ERR_NOTNOW, "the signer is stopping") != 0;
	l->text.done(l->text.stream);
	l->text.done = NULL;
	l->used_ms = clock_mono_ms();
	if (l->failed)
		log_event(LOG_WARNING, "input-not-lent", "zone=%s msg=a peer has asked for the input: %s", l->zone, l->why.text);
	else
		log_event(LOG_NOTICE, "input-lent", "zone=%s octets=%llu msg=a peer's own source does not give it", l->zone,
			  (unsigned long long)l->a.at);
	answer_all(l, NULL);
}

/* ---- asking ---- */

static struct lend *find(const struct lends *ls, const char *zone, const uint8_t content[INPUT_CONTENT_LEN])
{
	struct lend *l = ls->first;

	while (l != NULL && (strcmp(l->zone, zone) != 0 || memcmp(l->content, content, INPUT_CONTENT_LEN) != 0))
		l = l->next;
	return l;
}

/* Begins to write what is published; NULL: it is not what is asked for, or cannot be written. */
static struct lend *begin(struct lends *ls, const struct zwork *z, const uint8_t content[INPUT_CONTENT_LEN], struct err *e)
{
	struct http_answer text;
	struct lend *l;
	int fd;

	if (z->version == NULL || z->damage != NULL || memcmp(z->kept.mine.digest, content, INPUT_CONTENT_LEN) != 0) {
		err_set(e, ERR_NOTFOUND, "zone %s: what is asked for is not published here", z->name);
		return NULL;
	}
	if ((fd = source_nameless(z)) < 0) {
		err_set(e, ERR_IO, "zone %s: a file for its text: %s", z->name, strerror(errno));
		return NULL;
	}
	if (export_input(z, &text, e) != 0) {
		close(fd);
		return NULL;
	}
	l = mem_new(1, sizeof(*l));
	l->zone = mem_strdup(z->name);
	memcpy(l->content, content, INPUT_CONTENT_LEN);
	l->text = text;
	l->most = (uint64_t)z->engine->conf->signer.fetch_max_mib << 20;
	assembly_open(&l->a, fd);
	l->writing = true;
	l->next = ls->first;
	ls->first = l;
	ls->n++;
	l->work.large = table_octets(version_table(z->version)) > WORK_LARGE;
	l->work.run = write_work;
	l->work.done = write_done;
	works_queue(z->engine->works, WORK_SIGN, &l->work);
	return l;
}

int lend_ask(struct engine *e, const json_t *args, waiter_fn *fn, void *ctx, struct err *err)
{
	char name[DNAME_TEXT_MAX];
	struct input_wish wish;
	struct zwork *z;
	struct lend *l;
	struct waiting *w;

	if (input_wish_read(args, &wish, err) != 0)
		return -1;
	dname_lower(wish.zone, wish.zone);
	if ((z = engine_zone(e, dname_to_text(wish.zone, name), false)) == NULL)
		return err_set(err, ERR_NOTFOUND, "zone %s: it is not signed here", name);
	l = find(e->lends, z->name, wish.content);
	if (l == NULL && e->lends->n == LENDS_MAX) {
		fn(ctx, input_wait(), NULL);
		return 0;
	}
	if (l == NULL && (l = begin(e->lends, z, wish.content, err)) == NULL)
		return -1;
	l->used_ms = clock_mono_ms();
	w = mem_new(1, sizeof(*w));
	*w = (struct waiting){ .fn = fn, .ctx = ctx, .offset = wish.offset, .until_ms = l->used_ms + HOLD_MS, .next = l->waiting };
	if (l->writing)
		l->waiting = w;
	else
		answer(l, w, NULL, NULL);
	return 0;
}

static void expire(struct lend *l)
{
	struct waiting **at = &l->waiting, *w;

	while ((w = *at) != NULL) {
		if (clock_mono_ms() < w->until_ms) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		answer(l, w, input_wait(), NULL);
	}
}

void lends_tick(struct lends *ls)
{
	struct lend **at = &ls->first, *l;

	while ((l = *at) != NULL) {
		expire(l);
		if (l->writing || (!l->failed && clock_mono_ms() - l->used_ms < IDLE_MS)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		ls->n--;
		lend_free(l);
	}
}

void lends_end(struct lends *ls)
{
	struct err e;

	err_set(&e, ERR_NOTNOW, "the signer is stopping");
	for (struct lend *l = ls == NULL ? NULL : ls->first; l != NULL; l = l->next)
		answer_all(l, &e);
}
