/* SPDX-License-Identifier: BSD-3-Clause */
/* clock: whether this node may sign now: keydist's word, or while it is silent what the system and the two clocks say. */
#include "clock/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "signer/engine/zwork.h"
#include "log/log.h"

#define KEYDIST_FRESH_MS 5000
#define JUMP_MS          3000
#define SYNCHRONISED     "/run/systemd/timesync/synchronized"

/* ProtectClock hides adjtimex, timesyncd's file does as well. */
static bool system_says(void)
{
	struct timex t = { .modes = 0 };
	int rc;

	if (access(SYNCHRONISED, F_OK) == 0)
		return true;
	rc = adjtimex(&t);
	return rc >= 0 && rc != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
}

static int64_t drift_s(const struct engine_clock *c)
{
	return clock_now_s() - c->vouched_now_s - (clock_mono_ms() - c->vouched_mono_ms) / 1000;
}

static bool jumped(const struct engine_clock *c)
{
	return c->ever && (drift_s(c) > CLOCK_AGREE_S || drift_s(c) < -CLOCK_AGREE_S);
}

/* After a jump, what keydist said before it, or was about to say, counts no more. */
static bool keydist_fresh(const struct engine_clock *c)
{
	return c->keydist_mono_ms != 0 && clock_mono_ms() - c->keydist_mono_ms <= KEYDIST_FRESH_MS &&
	       (c->jump_mono_ms == 0 || c->keydist_mono_ms > c->jump_mono_ms + JUMP_MS);
}

/*
 * keydist hears the other clocks, so its word counts while it is fresh.  Where only the system vouches, a jump against the
 * monotonic clock since it last did is doubted: the flag says that a clock is disciplined, not that it is right.
 */
static bool vouched(struct engine *e)
{
	struct engine_clock *c = &e->clock;
	struct clock_view view = { .trust = e->conf->node.clock == CONF_CLOCK_TRUST, .now = clock_now_s() };
	const char *why;

	if (!view.trust && keydist_fresh(c)) {
		snprintf(c->why, sizeof(c->why), "%s", c->keydist_why);
		return c->keydist_vouched;
	}
	view.kernel = !view.trust && system_says();
	if (clock_vouched(&view, &why) == CLOCK_VOUCHED && (view.trust || !jumped(c))) {
		snprintf(c->why, sizeof(c->why), "%s", why);
		return true;
	}
	snprintf(c->why, sizeof(c->why), "%s", jumped(c) ? "the clock has jumped" : why);
	return false;
}

void engine_clock_tick(struct engine *e)
{
	struct engine_clock *c = &e->clock;
	bool was = c->vouched;

	if (!jumped(c))
		c->jump_mono_ms = 0;
	else if (c->jump_mono_ms == 0)
		c->jump_mono_ms = clock_mono_ms();
	c->vouched = vouched(e);
	if (c->vouched) {
		c->ever = true;
		c->jump_mono_ms = 0;
		c->vouched_now_s = clock_now_s();
		c->vouched_mono_ms = clock_mono_ms();
	}
	/* At the start nobody has spoken yet: no alarm for that. */
	if (!c->vouched && !c->doubt_shown && clock_mono_ms() - e->started_mono_ms > KEYDIST_FRESH_MS) {
		log_event(LOG_ERROR, "clock-doubt", "msg=%s; nothing is signed, what is published stays served", c->why);
		c->doubt_shown = true;
	} else if (c->vouched && c->doubt_shown) {
		log_event(LOG_NOTICE, "clock-vouched", "msg=%s", c->why);
		c->doubt_shown = false;
	}
	if (was != c->vouched)
		engine_poke_all(e);
}

bool engine_clock_ok(struct engine *e, bool within_half, const char **why)
{
	struct engine_clock *c = &e->clock;

	engine_clock_tick(e);
	*why = c->why;
	return c->vouched || (within_half && c->ever && !jumped(c));
}
