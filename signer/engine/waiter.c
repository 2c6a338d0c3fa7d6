/* SPDX-License-Identifier: BSD-3-Clause */
/* waiter: open requests of one zone. */
#include <stdlib.h>

#include "clock/clock.h"
#include "signer/engine/api.h"

#define SIGN_MS        60000
#define SECONDARIES_MS 2500

struct waiter {
	struct waiter *next;
	enum waiter_kind kind;
	waiter_fn *fn;
	void *ctx;
	int64_t since_ms, until_ms;
};

void waiter_add(struct zwork *z, enum waiter_kind kind, waiter_fn *fn, void *ctx)
{
	struct waiter *w = mem_new(1, sizeof(*w));

	w->kind = kind;
	w->fn = fn;
	w->ctx = ctx;
	w->since_ms = clock_mono_ms();
	w->until_ms = w->since_ms + (kind == WAITER_SIGN ? SIGN_MS : SECONDARIES_MS);
	w->next = z->waiters;
	z->waiters = w;
}

static void finish(struct waiter **at, json_t *body, const struct err *why)
{
	struct waiter *w = *at;

	*at = w->next;
	w->fn(w->ctx, body, why);
	free(w);
}

void waiter_published(struct zwork *z)
{
	for (struct waiter **at = &z->waiters; *at != NULL;)
		if ((*at)->kind == WAITER_SIGN)
			finish(at, json_pack("{s:I}", "serial", (json_int_t)z->kept.last), NULL);
		else
			at = &(*at)->next;
}

void waiter_failed(struct zwork *z, enum err_code code, const char *why)
{
	struct err e;

	err_set(&e, code, "%s", why);
	for (struct waiter **at = &z->waiters; *at != NULL;)
		if ((*at)->kind == WAITER_SIGN)
			finish(at, NULL, &e);
		else
			at = &(*at)->next;
}

void waiter_stop(struct zwork *z)
{
	const struct err stopping = { .code = ERR_NOTNOW, .text = "the signer is stopping" };

	while (z->waiters != NULL)
		finish(&z->waiters, NULL, &stopping);
}

void waiter_tick(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms();
	struct err e;

	for (struct waiter **at = &z->waiters; *at != NULL;) {
		const struct waiter *w = *at;
		bool over = now_ms >= w->until_ms;

		if (w->kind == WAITER_SECONDARIES && (over || secondary_fresh(z, w->since_ms))) {
			json_t *body = status_word(z), *list = json_object_get(body, "secondaries");

			finish(at, json_pack("{s:O}", "secondaries", list), NULL);
			json_decref(body);
		} else if (over) {
			err_set(&e, ERR_TIMEOUT, "nothing was published within %d s: %s", SIGN_MS / 1000,
				z->held_shown != NULL ? z->held_shown : "the work goes on");
			finish(at, NULL, &e);
		} else {
			at = &(*at)->next;
		}
	}
}
