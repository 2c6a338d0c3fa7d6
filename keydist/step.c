/* SPDX-License-Identifier: BSD-3-Clause */
/* step: everything that follows from facts, in its order. */
#include "keydist/keydist.h"

#include "clock/clock.h"
#include "log/log.h"

#define PLAN_MS 10000

int keydist_say(struct keydist *k, const char *kind, const uint8_t *zone, json_t *body, struct err *e)
{
	const struct cluster_word word = { kind, zone, body };
	int rc = body == NULL ? err_set(e, ERR_INTERNAL, "%s: no body", kind)
			      : cluster_say(k->cluster, &word, 1, e);

	json_decref(body);
	return rc;
}

void keydist_step(struct keydist *k)
{
	members_step(k);
	keys_step(k);
	waits_step(k);
	plan_step(k);
	k->planned_ms = clock_mono_ms();
	engine_flush_soon(k);
}

void keydist_tick(struct keydist *k)
{
	const bool before = k->clock_good;
	const char *hold = cluster_hold(k->cluster);

	k->clock_good = cluster_clock(k->cluster, k->clock_why);
	if (before && !k->clock_good)
		log_event(LOG_ERROR, "clock-doubted", "msg=%s; no signature is made", k->clock_why);
	else if (!before && k->clock_good)
		log_event(LOG_NOTICE, "clock-vouched", "msg=%s", k->clock_why);
	/* Plans change with facts, which come by themselves, with the clock's standing, with a hold, and when
	 * signatures age. */
	if (before != k->clock_good || (hold != NULL) != k->held ||
	    clock_mono_ms() - k->planned_ms > PLAN_MS) {
		keydist_step(k);
	} else {
		members_step(k);
		keys_step(k);
		waits_step(k);
	}
	k->held = hold != NULL;
	engine_tick(k);
}
