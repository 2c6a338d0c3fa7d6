/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rounds: who is looked at when.  A zone is stepped soon after something happened to it (zwork_poke), and at the instant that
 * its last step named.  What nobody tells us of is found by looking at some of the zones' files each second, in turn.
 */
#include <inttypes.h>

#include "clock/clock.h"
#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/cross.h"
#include "signer/engine/https.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/lend.h"
#include "signer/engine/netlink.h"
#include "signer/engine/whole.h"
#include "signer/engine/withheld.h"
#include "signer/engine/zwork.h"

#define TICK_MS   1000
#define QUICK_MS  100
#define SOON_MS   0    /* in the next turn of the loop: each wait here is paid by every change of a zone */
#define ROUND_MAX 256  /* zones stepped before the loop looks at other things */
#define SWEEP_MAX 1000 /* files looked at each second */
#define AGAIN_MS  1000 /* a zone that waits for what nobody tells */
#define MANY      32   /* pieces of work that wait: their commits may wait for each other */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void on_quick(uv_timer_t *timer);

/* When the zone is to be stepped again by itself. */
static void schedule(struct zwork *z)
{
	struct engine *e = z->engine;
	int64_t at = sooner(z->look_ms, sooner(https_next(z), sooner(secondary_next(z), waiter_next(z))));

	if (z->ask_until_ms != 0 || z->set_back || (z->held_shown != NULL && !z->held_quiet))
		at = sooner(at, clock_mono_ms() + AGAIN_MS);
	agenda_set(&e->by_mono, &z->due_mono, at);
	agenda_set(&e->by_wall, &z->due_wall, z->look_s);
	if (at == INT64_MAX)
		return;
	at -= clock_mono_ms();
	if (at < 0 || (uint64_t)at + 1 < uv_timer_get_due_in(&e->quick))
		uv_timer_start(&e->quick, on_quick, at < 0 ? 0 : (uint64_t)at + 1, QUICK_MS);
}

void zwork_rests(struct zwork *z)
{
	const size_t way = z->way;

	z->way = 0;
	if (way > 0)
		works_rest(z->engine->works, way);
}

static void look_at(struct zwork *z)
{
	secondary_tick(z);
	zwork_step(z);
	if (!z->loading && !z->busy)
		zwork_rests(z);
	withheld_look(z);
	waiter_tick(z);
	schedule(z);
}

static void on_soon(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	struct zwork *last = TAILQ_LAST(&e->poked, poked_list), *z;
	bool more = true;

	if (e->stopping) /* what a step would begin now nobody would end */
		return;
	for (size_t n = 0; more && n < ROUND_MAX && (z = TAILQ_FIRST(&e->poked)) != NULL; n++) {
		more = z != last;
		TAILQ_REMOVE(&e->poked, z, poked_entry);
		z->poked = false;
		look_at(z);
	}
	writer_gather(e->writer, works_waiting(e->works) >= MANY);
	if (!TAILQ_EMPTY(&e->poked))
		uv_timer_start(&e->soon, on_soon, more ? 1 : SOON_MS, 0); /* 0 would run before messages and other timers */
}

void zwork_poke(struct zwork *z)
{
	struct engine *e = z->engine;

	if (!z->poked)
		TAILQ_INSERT_TAIL(&e->poked, z, poked_entry);
	z->poked = true;
	if (!e->stopping && !uv_is_active((uv_handle_t *)&e->soon))
		uv_timer_start(&e->soon, on_soon, SOON_MS, 0);
}

void engine_poke_all(struct engine *e)
{
	for (size_t i = 0; i < e->zone_count; i++)
		zwork_poke(e->zone[i]);
}

void zwork_told(struct zwork *z)
{
	if (z->telling == TELL_LATER)
		TAILQ_REMOVE(&z->engine->telling_later, z, telling_entry);
	else if (z->telling == TELL_NOW)
		TAILQ_REMOVE(&z->engine->telling_now, z, telling_entry);
	z->telling = TELL_NONE;
}

void zwork_tell_later(struct zwork *z)
{
	if (z->telling != TELL_NONE)
		return;
	TAILQ_INSERT_TAIL(&z->engine->telling_later, z, telling_entry);
	z->telling = TELL_LATER;
}

void zwork_tell(struct zwork *z)
{
	z->status_due = true;
	zwork_tell_later(z);
}

void zwork_tell_now(struct zwork *z)
{
	if (z->telling == TELL_NOW)
		return;
	zwork_told(z);
	TAILQ_INSERT_TAIL(&z->engine->telling_now, z, telling_entry);
	z->telling = TELL_NOW;
}

void zwork_forget(struct zwork *z)
{
	struct engine *e = z->engine;

	if (z->poked)
		TAILQ_REMOVE(&e->poked, z, poked_entry);
	zwork_told(z);
	agenda_set(&e->by_mono, &z->due_mono, INT64_MAX);
	agenda_set(&e->by_wall, &z->due_wall, INT64_MAX);
}

/* Files on systems that give no notice, behind symbolic links, or in folders below. */
static void sweep(struct engine *e)
{
	size_t n = e->zone_count < SWEEP_MAX ? e->zone_count : SWEEP_MAX;

	for (size_t i = 0; i < n; i++) {
		struct zwork *z = e->zone[e->sweep_at++ % e->zone_count];

		source_step(z);
		if (z->look_ms < z->due_mono.at || z->due_mono.place == 0)
			schedule(z);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	struct agenda_item *due;

	engine_clock_tick(e);
	engine_serve_when_due(e);
	kdlink_tick(e->keydist);
	engine_upkeep(e);
	wholes_tick(e);
	lends_tick(e->lends);
	crosses_tick(e->crosses);
	if (e->drain_until_ms != 0 && clock_mono_ms() >= e->drain_until_ms) {
		e->drain_until_ms = 0;
		log_event(LOG_NOTICE, "drained", "on=no msg=the time is over: serving again");
	}
	while ((due = agenda_due(&e->by_wall, clock_now_s())) != NULL)
		zwork_poke(due->of);
	sweep(e);
}

/* Shorter waits than the tick: polls and asking; sooner than QUICK_MS where something is due. */
static void on_quick(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	struct agenda_item *due;

	while ((due = agenda_due(&e->by_mono, clock_mono_ms())) != NULL)
		zwork_poke(due->of);
	folder_other(e);
	engine_serve_when_due(e);
}

void rounds_start(struct engine *e)
{
	TAILQ_INIT(&e->poked);
	TAILQ_INIT(&e->plans);
	TAILQ_INIT(&e->telling_later);
	TAILQ_INIT(&e->telling_now);
	uv_timer_init(&e->loop, &e->tick);
	uv_timer_init(&e->loop, &e->quick);
	uv_timer_init(&e->loop, &e->soon);
	e->tick.data = e->quick.data = e->soon.data = e;
	uv_timer_start(&e->tick, on_tick, 0, TICK_MS);
	uv_timer_start(&e->quick, on_quick, QUICK_MS, QUICK_MS);
}

void rounds_end(struct engine *e)
{
	uv_timer_stop(&e->tick);
	uv_timer_stop(&e->quick);
	uv_timer_stop(&e->soon);
}
