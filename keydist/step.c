/* SPDX-License-Identifier: BSD-3-Clause */
/* step: what follows from facts, in turns. */
#include "keydist/events.h"
#include "keydist/leave.h"
#include "keydist/local.h"
#include "keydist/lost.h"
#include "keydist/parent.h"
#include "keydist/submit.h"

#include "clock/clock.h"
#include "log/log.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS   30  /* then messages and commands have theirs */
#define WORDS_MAX 256 /* in one transaction */
#define TRIM_ZONES 1000
#define LATE_MS    1000

int keydist_say(struct keydist *k, const char *kind, const uint8_t *zone, json_t *body, struct err *e)
{
	const struct cluster_word word = { kind, zone, body };
	int rc = body == NULL ? err_set(e, ERR_INTERNAL, "%s: no body", kind)
			      : cluster_say(k->cluster, &word, 1, e);

	json_decref(body);
	return rc;
}

/* ---- what is to be looked at ---- */

void keydist_on_fact(void *ctx, const struct fact *f)
{
	struct keydist *k = ctx;

	if (k->cluster == NULL)
		return; /* it is being opened: everything is looked at afterwards */
	if (f->zone_len > 0) {
		struct zone_ctx *c = zone_ctx(k, f->zone, true);

		zones_touch(k, c);
		local_on_fact(k, f, c);
	} else {
		zones_touch_all(k); /* nodes and policies concern every zone */
	}
}

static void on_turn(uv_timer_t *timer)
{
	keydist_turn(timer->data);
}

void keydist_turn_soon(struct keydist *k)
{
	if (!uv_is_active((uv_handle_t *)&k->turn) && !k->stopping)
		uv_timer_start(&k->turn, on_turn, 1, 0); /* 0 would run before messages and other timers (lib/msg/zsock.c) */
}

/* ---- a turn ---- */

static void step_zone(struct keydist *k, struct zone_ctx *c)
{
	struct zone_state *z = state_zone(cluster_state(k->cluster), c->name);
	const size_t before = words_count(k);
	struct life l;

	if (z == NULL)
		return;
	life_view(k, c, z, &l);
	if (k->acting) {
		hold_zone(k, c, z);
		share_zone(k, c, z, &l);
		engine_wishes(k, c, z);
	}
	submit_zone(k, c, z);
	events_look(k, c, &l);
	if ((k->acting || leave_self(k)) && k->engine_up)
		life_step(k, c, &l);
	if (k->acting && k->engine_up && k->conf->keydist.tell_count > 0)
		parent_tell(k, c, z, &l.published.record[RECORD_DS], l.published.cds_delete);
	lost_tell(k, c, &l);
	/* What is said brings the zone here again, with the plan that follows. */
	if (words_count(k) == before)
		plan_zone(k, c, z, &l);
	if (k->acting && c->look_for_lost)
		lost_look(k, c, &l);
}

static void look_who_acts(struct keydist *k)
{
	const bool acting = cluster_compared(k->cluster) && cluster_hold(k->cluster) == NULL && members_self(k) &&
			    !leave_self(k);

	if (acting != k->acting)
		zones_touch_all(k);
	k->acting = acting;
}

void keydist_turn(struct keydist *k)
{
	const int64_t until_ms = clock_mono_ms() + TURN_MS;
	struct zone_ctx *c;
	struct err e;

	members_step(k);
	look_who_acts(k);
	while ((c = zones_next(k)) != NULL) {
		step_zone(k, c);
		k->looked_at++;
		if (words_count(k) >= WORDS_MAX)
			words_say(k, &e);
		if (clock_mono_ms() >= until_ms)
			break;
	}
	words_say(k, &e);
	if (store_commit(k, &e) != 0) {
		log_event(LOG_ERROR, "signatures-not-kept", "msg=%s", e.text);
		for (size_t i = 0; i < k->zones; i++)
			events_forget(k->zone[i]);
	}
	engine_send_plans(k);
	engine_more(k);
	engine_flush_soon(k);
	if (zones_waiting(k) > 0) {
		keydist_turn_soon(k);
	} else if (k->looked_at >= TRIM_ZONES) {
		malloc_trim(0); /* what batches took for a moment */
		k->looked_at = 0;
	}
}

void keydist_settle(struct keydist *k)
{
	do
		keydist_turn(k);
	while (zones_waiting(k) > 0);
}

/* ---- once a second ---- */

static void touch_what_is_due(struct keydist *k)
{
	const int64_t now = clock_now_s();

	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];

		if (c->retry || c->refresh_at <= now || (c->due_at != 0 && c->due_at <= now) ||
		    (c->put_off && !c->has_sent && !c->plan_waits && c->state != NULL && k->engine_up))
			zones_touch(k, c);
		c->retry = false;
	}
}

/* The engine and the peers believe that this node is gone when it says nothing for some seconds. */
static void look_whether_late(struct keydist *k)
{
	const int64_t now = clock_mono_ms(), used_us = clock_thread_us(), late_ms = now - k->ticked_ms - 1000;

	if (k->ticked_ms != 0 && late_ms > LATE_MS)
		log_event(LOG_WARNING, "loop-late", "late-ms=%lld busy-ms=%lld msg=this node was silent for that long",
			  (long long)late_ms, (long long)(used_us - k->ticked_cpu_us) / 1000);
	k->ticked_ms = now;
	k->ticked_cpu_us = used_us;
}

void keydist_tick(struct keydist *k)
{
	const bool before = k->clock_good;
	const char *hold = cluster_hold(k->cluster);

	look_whether_late(k);
	k->clock_good = cluster_clock(k->cluster, k->clock_why);
	if (before && !k->clock_good)
		log_event(LOG_ERROR, "clock-doubted", "msg=%s; no signature is made", k->clock_why);
	else if (!before && k->clock_good)
		log_event(LOG_NOTICE, "clock-vouched", "msg=%s", k->clock_why);
	if (before != k->clock_good || (hold != NULL) != k->held || k->words_due != cluster_words_due(k->cluster))
		zones_touch_all(k);
	k->held = hold != NULL;
	k->words_due = cluster_words_due(k->cluster);
	touch_what_is_due(k);
	share_tick(k);
	running_tick(k);
	local_tend(k);
	lost_tick(k);
	parent_tick(k);
	events_tick(k);
	leave_tick(k);
	if (k->acting)
		share_tsig(k);
	submit_tick(k);
	keydist_turn_soon(k);
	engine_tick(k);
}

void keydist_free(struct keydist *k)
{
	words_free(k);
	zones_free(k);
	for (size_t i = 0; i < OPEN_MAX; i++)
		key_free(k->open[i]);
	for (size_t i = 0; i < k->tsig_boxes; i++)
		json_decref(k->tsig_box[i].box);
	free(k->tsig_box);
	policies_free(k);
	json_decref(k->tsig_sent);
	json_decref(k->synced_sent);
	store_db_close(k);
	identity_fini(&k->self);
}
