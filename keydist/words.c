/* SPDX-License-Identifier: BSD-3-Clause */
/* words: what a turn says, together. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "fail/fail.h"
#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct said {
	struct zone_ctx *c;
	const char *event;
	char *text;
};

struct words {
	struct cluster_word *word;
	struct said *said;
	size_t n;
};

void words_add(struct keydist *k, struct zone_ctx *c, const char *kind, json_t *body, const char *event,
	       const char *fmt, ...)
{
	struct words *w = k->words == NULL ? k->words = mem_new(1, sizeof(*w)) : k->words;
	char text[1500];
	va_list ap;

	if (body == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->word = mem_grow(w->word, w->n + 1, sizeof(*w->word));
	w->said = mem_grow(w->said, w->n + 1, sizeof(*w->said));
	w->word[w->n] = (struct cluster_word){ kind, c->name, body };
	w->said[w->n++] = (struct said){ c, event, mem_strdup(text) };
}

size_t words_count(const struct keydist *k)
{
	return k->words == NULL ? 0 : k->words->n;
}

/* The places where tests end the process: around the transaction, by what is in it. */
static void fail_points(const struct words *w, bool after)
{
	static const struct {
		const char *kind, *before, *after;
	} points[] = {
		{ "key.created", "key-before-created", "key-after-created" },
		{ "key.held", "key-before-held", "key-after-held" },
		{ "key.serves", "serves-before", "serves-after" },
	};

	for (size_t p = 0; p < sizeof(points) / sizeof(points[0]); p++)
		for (size_t i = 0; i < w->n; i++)
			if (strcmp(w->word[i].kind, points[p].kind) == 0) {
				fail_point(after ? points[p].after : points[p].before);
				break;
			}
	(void)after;
}

static void not_said(const struct words *w, const struct err *e)
{
	for (size_t i = 0; i < w->n; i++) {
		struct zone_ctx *c = w->said[i].c;

		c->retry = true;
		if (c->trouble == NULL || strcmp(c->trouble, e->text) != 0)
			log_event(LOG_ERROR, "not-said", "zone=%s kind=%s msg=%s; it is tried again", c->text,
				  w->word[i].kind, e->text);
		zone_trouble(c, e->text);
	}
}

static void said(const struct words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		zone_trouble(w->said[i].c, NULL);
		if (w->said[i].event != NULL)
			log_event(LOG_NOTICE, w->said[i].event, "%s", w->said[i].text);
	}
}

static void clear(struct words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		json_decref(w->word[i].body);
		free(w->said[i].text);
	}
	free(w->word);
	free(w->said);
	free(w);
}

int words_say(struct keydist *k, struct err *e)
{
	struct words *w = k->words;
	int rc;

	if (w == NULL)
		return 0;
	k->words = NULL;
	fail_points(w, false);
	rc = cluster_say(k->cluster, w->word, w->n, e);
	fail_points(w, true);
	if (rc != 0)
		not_said(w, e);
	else
		said(w);
	clear(w);
	return rc;
}

void words_free(struct keydist *k)
{
	if (k->words != NULL)
		clear(k->words);
	k->words = NULL;
}
