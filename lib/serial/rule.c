/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rule: the serial rule of DESIGN section 6.
 *
 * All serials are turned into distances from a base (the last that this node published, or before the first one the
 * highest that is known of), so that plain comparison is the comparison of RFC 1982.
 */
#include "serial/serial.h"

#include "fail/fault.h"

#define NONE INT64_MIN /* no distance */
#define DATE_LIKE 1000000 /* serials further than a year above the date are no dates */

struct scan {
	const struct serial_view *v;
	uint32_t base;
	int64_t highest;     /* T */
	int64_t today;       /* NONE when today00 is further than the window */
	int64_t floor;       /* NONE when there is none, or it is too far */
	int64_t unexplained; /* lowest unexplained above the base, or NONE */
	bool unsure;         /* some is at the base or above, with other keys: by who has come further than this node, maybe */
	int64_t half_s;      /* half the margin */
	int64_t next;        /* earliest instant at which something changes by itself */
	int64_t peer_late;   /* and at which what secondaries may have in place of ours is within half the margin */
	bool change, renew_mine, renew_peer, overtake_older, overtake_unknown;
	int64_t renew_above; /* the new serial must be above this */
	const struct serial_version *newer;       /* content newer than want */
	const struct serial_version *newer_steps; /* same content, more key steps */
	const struct serial_version *older;       /* what is to be overtaken */
	unsigned alarms;
};

static int64_t distance(const struct scan *s, uint32_t serial)
{
	return serial_distance(s->base, serial);
}

static uint32_t at(const struct scan *s, int64_t d)
{
	uint32_t serial = serial_add(s->base, (uint32_t)d);

	return serial == 0 ? 1 : serial;
}

static bool by_signer(const struct serial_version *k)
{
	return k->from != SERIAL_FROM_SECONDARY;
}

/* Before anything was published: the highest of the signers' serials as RFC 1982 orders them, else what there is. */
static uint32_t first_base(const struct serial_view *v)
{
	uint32_t base = 0;

	for (size_t i = 0; i < v->known_count; i++)
		if (by_signer(&v->known[i]) && v->known[i].serial != 0 &&
		    (base == 0 || serial_gt(v->known[i].serial, base)))
			base = v->known[i].serial;
	return base;
}

/* What counts as known: a secondary alone may not lead far up (its word is cheaper than a signer's). */
static bool counts(const struct scan *s, const struct serial_version *k)
{
	int64_t reach = 0;

	if (k->serial == 0)
		return false;
	if (k->explained || by_signer(k))
		return serial_distance(s->base, k->serial) != INT32_MIN;
	for (size_t i = 0; i < s->v->known_count; i++)
		if (by_signer(&s->v->known[i]) && s->v->known[i].serial != 0 &&
		    distance(s, s->v->known[i].serial) > reach)
			reach = distance(s, s->v->known[i].serial);
	if (s->today != NONE && s->today > reach)
		reach = s->today;
	return distance(s, k->serial) <= reach + SERIAL_SECONDARY_MAX && distance(s, k->serial) >= -SERIAL_WINDOW;
}

static void sooner(struct scan *s, int64_t instant)
{
	if (instant > s->v->now && instant < s->next)
		s->next = instant;
}

static int64_t before(int64_t instant, int64_t seconds)
{
	return instant == INT64_MAX ? INT64_MAX : instant - seconds;
}

static void look_at_content(struct scan *s, const struct serial_version *k, int64_t d)
{
	const struct serial_view *v = s->v;
	int order = content_cmp(&k->content, &v->want);

	if (content_differs(&k->content, &v->want))
		s->alarms |= SERIAL_ALARM_DIGEST;
	if (order > 0 && (s->newer == NULL || content_cmp(&k->content, &s->newer->content) > 0))
		s->newer = k;
	if (order == 0 && k->content.steps > v->want.steps)
		s->newer_steps = k;
	if (v->serving && d >= 0 && content_cmp_steps(&k->content, &v->mine) < 0 && !FAULT(NO_OVERTAKING)) {
		s->overtake_older = true;
		s->older = k;
	}
	if (v->serving && d >= 0) { /* a secondary may still have the one before the peer's newest */
		int64_t due = before(k->earliest, s->half_s);

		if (due <= v->now && !FAULT(PEER_END_IGNORED)) {
			s->renew_peer = true;
			s->renew_above = d > s->renew_above ? d : s->renew_above;
		} else if (due < s->peer_late) {
			s->peer_late = due;
		}
		sooner(s, due);
	}
}

static void look_at(struct scan *s, const struct serial_version *k)
{
	int64_t d;

	if (!counts(s, k)) {
		if (k->serial != 0)
			s->alarms |= by_signer(k) || k->explained ? SERIAL_ALARM_FAR : SERIAL_ALARM_CLAIM;
		return;
	}
	d = distance(s, k->serial);
	if (d > SERIAL_WINDOW || d < -SERIAL_WINDOW)
		s->alarms |= SERIAL_ALARM_FAR;
	if (d > s->highest)
		s->highest = d;
	if (k->from == SERIAL_FROM_SELF && d > s->renew_above)
		s->renew_above = d; /* lost with an old copy, and not to be used again, nor anything below */
	if (by_signer(k) || k->explained) {
		look_at_content(s, k, d);
		return;
	}
	if (d > 0 && (s->unexplained == NONE || d < s->unexplained))
		s->unexplained = d;
	s->unsure |= d >= 0 && s->v->unsure && !k->same_keys;
	if (s->v->serving && d >= 0 && s->v->confirmed && !FAULT(NO_OVERTAKING)) {
		if (s->v->overtake_at <= s->v->now) {
			s->overtake_unknown = true;
			s->older = s->older == NULL ? k : s->older;
		}
		sooner(s, s->v->overtake_at);
	}
}

static void scan(struct scan *s, const struct serial_view *v)
{
	uint32_t today = serial_today(v->now);
	bool first;

	*s = (struct scan){ .v = v, .unexplained = NONE, .floor = NONE, .next = INT64_MAX,
			    .peer_late = INT64_MAX, .half_s = (int64_t)v->margin_s / 2 };
	s->base = v->last != 0 ? v->last : first_base(v);
	s->renew_above = v->last != 0 ? 0 : NONE;
	first = s->base == 0;
	if (first)
		s->base = v->floor != 0 && serial_gt(v->floor, today) ? v->floor : today;
	s->today = distance(s, today);
	if (s->today > SERIAL_WINDOW || s->today < -SERIAL_WINDOW)
		s->today = NONE;
	if (v->floor != 0) {
		s->floor = distance(s, v->floor);
		if (s->floor > SERIAL_WINDOW || s->floor == INT32_MIN) {
			s->floor = NONE;
			s->alarms |= SERIAL_ALARM_FAR;
		}
	}
	s->highest = first ? -1 : 0;
	for (size_t i = 0; i < v->known_count; i++)
		look_at(s, &v->known[i]);
	s->change = !v->serving || v->forced || content_cmp_steps(&v->want, &v->mine) > 0 ||
		    (s->floor != NONE && s->floor > 0);
	s->renew_mine = v->serving && before(v->mine_earliest, v->margin_s) <= v->now;
	if (v->serving)
		sooner(s, before(v->mine_earliest, v->margin_s));
}

/* Everything known at this distance is explained, has the content that is wanted and ends late enough. */
static bool may_take(const struct scan *s, int64_t d)
{
	const struct serial_view *v = s->v;
	bool any = false;

	if (v->last != 0 && d <= 0)
		return false;
	for (size_t i = 0; i < v->known_count; i++) {
		const struct serial_version *k = &v->known[i];

		if (!counts(s, k) || distance(s, k->serial) != d)
			continue;
		any = true;
		/* Our own former serial, which we lack, was used already: taking it would be publishing it twice. */
		if (k->from == SERIAL_FROM_SELF || (!k->explained && !by_signer(k)))
			return false;
		if (content_cmp_steps(&k->content, &v->want) != 0 || before(k->earliest, s->half_s) <= v->now)
			return false;
	}
	return any && (s->floor == NONE || d >= s->floor);
}

/* Highest known distance below a bound, the base included. */
static int64_t highest_below(const struct scan *s, int64_t bound)
{
	int64_t highest = 0;

	for (size_t i = 0; i < s->v->known_count; i++) {
		const struct serial_version *k = &s->v->known[i];

		if (counts(s, k) && distance(s, k->serial) < bound && distance(s, k->serial) > highest)
			highest = distance(s, k->serial);
	}
	return highest;
}

static int64_t step_above(const struct scan *s, int64_t d)
{
	return serial_distance(s->base, serial_next(at(s, d)));
}

/* Rule 2: T itself where it is the same, else above it, not below the date nor the floor. */
static int64_t choose(const struct scan *s)
{
	int64_t d;

	for (size_t i = 0; i < s->v->known_count && FAULT(TAKES_BELOW_HIGHEST); i++)
		if (may_take(s, distance(s, s->v->known[i].serial)))
			return distance(s, s->v->known[i].serial);
	if (may_take(s, s->highest)) /* nothing at the highest is due, so a renewal may go there, too */
		return s->highest;
	d = s->highest < 0 ? 0 : step_above(s, s->highest);
	if (s->today != NONE && s->today > d)
		d = s->today;
	if (s->floor != NONE && s->floor > d)
		d = s->floor;
	return d;
}

static void publish(const struct scan *s, struct serial_decision *out, enum serial_why why, int64_t d)
{
	int64_t used = serial_distance(serial_today(s->v->now), at(s, d));

	out->act = s->v->fresh ? SERIAL_PUBLISH : SERIAL_ASK;
	out->why = why;
	out->serial = at(s, d);
	if (used >= 70 && used < DATE_LIKE)
		out->alarms |= SERIAL_ALARM_DAY;
	if (used >= 200 && used < DATE_LIKE)
		out->alarms |= SERIAL_ALARM_AHEAD;
}

/* Signatures are about to expire: ours, or those of what secondaries have in place of ours. */
static bool is_late(const struct scan *s)
{
	return s->renew_peer || (s->v->serving && before(s->v->mine_earliest, s->half_s) <= s->v->now);
}

/* When they will be, if nothing changes. */
static int64_t late_at(const struct scan *s)
{
	const int64_t mine = s->v->serving ? before(s->v->mine_earliest, s->half_s) : INT64_MAX;

	return mine < s->peer_late ? mine : s->peer_late;
}

/*
 * Rule 3 where a serial above ours is not to be passed: an unexplained one, or one of newer content that this node cannot
 * get.  It goes below; without room it waits until time is short, and then goes above all with an alarm.
 */
static void renew_below(const struct scan *s, struct serial_decision *out, int64_t bound, enum serial_alarm alarm)
{
	int64_t below = highest_below(s, bound), d;

	d = may_take(s, below) && below > s->renew_above ? below : step_above(s, below);
	if (d < bound && d > s->renew_above) {
		publish(s, out, SERIAL_WHY_RENEWAL_BELOW, d);
		return;
	}
	if (!is_late(s)) {
		out->act = SERIAL_WAIT;
		out->why = SERIAL_WHY_RENEWAL;
		out->until = late_at(s);
		return;
	}
	out->alarms |= alarm;
	publish(s, out, SERIAL_WHY_RENEWAL, step_above(s, s->highest));
}

/* Rule 1.  True when the decision is made. */
static bool catch_up(const struct scan *s, struct serial_decision *out)
{
	const struct serial_view *v = s->v;

	if (s->newer != NULL && !FAULT(OLDER_ON_TOP)) {
		out->cause = s->newer;
		if (is_late(s) && distance(s, s->newer->serial) > 0) {
			renew_below(s, out, distance(s, s->newer->serial), SERIAL_ALARM_BEHIND);
			return true;
		}
		if (!is_late(s)) {
			out->act = SERIAL_CATCH_UP;
			out->until = late_at(s);
			return true;
		}
		out->alarms |= SERIAL_ALARM_BEHIND;
		return false;
	}
	/* Key steps hold a change for a moment, a renewal never. */
	if (s->newer_steps != NULL && s->change && !s->renew_mine && !s->renew_peer && v->behind_since != 0 &&
	    v->now < v->behind_since + SERIAL_STEPS_WAIT_S) {
		out->act = SERIAL_CATCH_UP;
		out->cause = s->newer_steps;
		out->until = v->behind_since + SERIAL_STEPS_WAIT_S;
		return true;
	}
	return false;
}

void serial_decide(const struct serial_view *view, struct serial_decision *out)
{
	struct scan s;

	scan(&s, view);
	*out = (struct serial_decision){ .act = SERIAL_NOTHING, .until = s.next, .alarms = s.alarms };
	if (catch_up(&s, out))
		return;
	if (s.unsure && (s.change || s.overtake_older || s.overtake_unknown || s.renew_mine || s.renew_peer)) {
		out->alarms |= SERIAL_ALARM_UNSURE;
		if (s.renew_mine || s.renew_peer)
			renew_below(&s, out, s.unexplained == NONE ? 0 : s.unexplained, SERIAL_ALARM_FORCED_UP);
	} else if (s.change) {
		publish(&s, out, SERIAL_WHY_CHANGE, choose(&s));
	} else if (s.overtake_older || s.overtake_unknown) {
		out->cause = s.older;
		publish(&s, out, SERIAL_WHY_OVERTAKING, step_above(&s, s.highest));
	} else if (s.renew_mine || s.renew_peer) {
		if (s.unexplained != NONE)
			renew_below(&s, out, s.unexplained, SERIAL_ALARM_FORCED_UP);
		else
			publish(&s, out, SERIAL_WHY_RENEWAL, choose(&s));
	}
}

bool serial_within_half(const struct serial_view *view)
{
	struct scan s;

	scan(&s, view);
	return is_late(&s);
}
