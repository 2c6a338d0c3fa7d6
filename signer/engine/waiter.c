/* SPDX-License-Identifier: BSD-3-Clause */
/* waiter: open requests of one zone. */
#include <stdlib.h>

#include "clock/clock.h"
#include "signer/engine/api.h"

#define SIGN_MS        60000
#define SECONDARIES_MS 2500
#define KEYDIST_MS     10000
#define AUDIT_MS       3600000

struct waiter {
	struct waiter *next;
	enum waiter_kind kind;
	waiter_fn *fn;
	void *ctx;
	uint64_t value;
	int64_t since_ms, until_ms;
};

void waiter_add(struct zwork *z, enum waiter_kind kind, uint64_t value, waiter_fn *fn, void *ctx)
{
	static const int64_t limit_ms[] = { [WAITER_SIGN] = SIGN_MS, [WAITER_SECONDARIES] = SECONDARIES_MS,
					    [WAITER_FLOOR] = KEYDIST_MS, [WAITER_EPOCH] = KEYDIST_MS,
					    [WAITER_OVERRIDE] = KEYDIST_MS, [WAITER_SAVED] = SIGN_MS,
					    [WAITER_AUDIT] = AUDIT_MS };
	struct waiter *w = mem_new(1, sizeof(*w));

	w->kind = kind;
	w->fn = fn;
	w->ctx = ctx;
	w->since_ms = clock_mono_ms();
	w->until_ms = w->since_ms + limit_ms[kind];
	w->value = value;
	w->next = z->waiters;
	z->waiters = w;
	zwork_poke(z);
}

static void finish(struct waiter **at, json_t *body, const struct err *why)
{
	struct waiter *w = *at;

	*at = w->next;
	w->fn(w->ctx, body, why);
	free(w);
}

int64_t waiter_next(const struct zwork *z)
{
	int64_t at = INT64_MAX;

	for (const struct waiter *w = z->waiters; w != NULL; w = w->next)
		at = w->until_ms < at ? w->until_ms : at;
	return at;
}

void waiter_published(struct zwork *z)
{
	/* With something to be signed anew there is another version to come. */
	for (struct waiter **at = &z->waiters; *at != NULL;)
		if ((*at)->kind == WAITER_SIGN && z->again == NULL && !z->full)
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

void waiter_saved(struct zwork *z, const struct err *why)
{
	for (struct waiter **at = &z->waiters; *at != NULL;)
		if ((*at)->kind == WAITER_SAVED && (*at)->value <= z->saved)
			finish(at, why == NULL ? json_object() : NULL, why);
		else
			at = &(*at)->next;
}

void waiter_audited(struct zwork *z, json_t *body, const struct err *why)
{
	for (struct waiter **at = &z->waiters; *at != NULL;)
		if ((*at)->kind == WAITER_AUDIT)
			finish(at, why == NULL ? json_incref(body) : NULL, why);
		else
			at = &(*at)->next;
	json_decref(body);
}

void waiter_end(struct zwork *z, enum err_code code, const char *why)
{
	struct err e;

	err_set(&e, code, "%s", why);
	while (z->waiters != NULL)
		finish(&z->waiters, NULL, &e);
}

/* The answer to one whose wait is over; NULL when it is not, or when only its time is. */
static json_t *answer_of(struct zwork *z, const struct waiter *w, bool over)
{
	json_t *body, *answer;

	switch (w->kind) {
	case WAITER_SECONDARIES:
		if (!over && !secondary_fresh(z, w->since_ms))
			return NULL;
		body = status_word(z);
		answer = json_pack("{s:O}", "secondaries", json_object_get(body, "secondaries"));
		json_decref(body);
		return answer;
	case WAITER_FLOOR: /* a plan that names it comes from facts that are durable */
		if (z->plan == NULL || z->plan->floor == 0 || serial_distance((uint32_t)w->value, z->plan->floor) < 0)
			return NULL;
		return json_pack("{s:I}", "serial", (json_int_t)w->value);
	case WAITER_EPOCH:
		if (z->plan == NULL || z->plan->epoch < w->value)
			return NULL;
		return json_pack("{s:I}", "epoch", (json_int_t)z->plan->epoch);
	case WAITER_OVERRIDE:
		if (z->plan == NULL || z->plan->override.rev < w->value)
			return NULL;
		return json_object();
	default:
		return NULL;
	}
}

static void too_late(const struct zwork *z, const struct waiter *w, struct err *e)
{
	if (w->kind == WAITER_SIGN)
		err_set(e, ERR_TIMEOUT, "nothing was published within %d s: %s", SIGN_MS / 1000,
			z->held_shown != NULL ? z->held_shown : "the work goes on");
	else if (w->kind == WAITER_AUDIT)
		err_set(e, ERR_TIMEOUT, "not audited within %d s: duetctl zone status tells when it was", AUDIT_MS / 1000);
	else if (w->kind == WAITER_SAVED)
		err_set(e, ERR_TIMEOUT, "it is in force but not written down after %d s: the zone is busy", SIGN_MS / 1000);
	else
		err_set(e, ERR_TIMEOUT, "keydist did not confirm it within %d s; it may still be done: say it again",
			KEYDIST_MS / 1000);
}

void waiter_tick(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms();
	struct err e;

	for (struct waiter **at = &z->waiters; *at != NULL;) {
		bool over = now_ms >= (*at)->until_ms;
		json_t *body = answer_of(z, *at, over);

		if (body != NULL) {
			finish(at, body, NULL);
		} else if (over) {
			too_late(z, *at, &e);
			finish(at, NULL, &e);
		} else {
			at = &(*at)->next;
		}
	}
}
