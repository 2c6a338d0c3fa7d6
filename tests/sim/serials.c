/* SPDX-License-Identifier: BSD-3-Clause */
/* serials: what must never happen to serials and to secondaries (DESIGN section 8, number 4). */
#include "tests/sim/sim.h"

#define DAY_VERSIONS_MAX 90
#define BACK_OFF_MAX     (26 * HOUR) /* of overtaking, and a look */
#define LATE_S           (30 * HOUR) /* by then whoever lives has renewed, and it has been fetched */

static const char *text(const struct content_id *c, char out[40])
{
	snprintf(out, 40, "%llu.%llu", (unsigned long long)c->number, (unsigned long long)c->steps);
	return out;
}

/* It knows of no version of its own at this serial or above, nor does a secondary show one that it knows.  (What a version says
 * of itself does not tell who made it: one that nobody explains may be of this node before it was set back.) */
static void check_rises(struct sim *s, struct node *n, uint32_t serial)
{
	if (n->highest_serial != 0 && !serial_gt(serial, n->highest_serial))
		sim_fail(s, "serial", "signer %d publishes serial %u after %u", n->i, serial, n->highest_serial);
	n->highest_serial = serial;
	for (int i = 0; i < s->secondaries; i++) {
		const struct version *v = s->secondary[i].version;

		if ((s->secondary[i].primaries >> n->i & 1) != 0 && s->secondary_off[i] == 0 && s->secondary[i].claim == 0 && v != NULL &&
		    v->signer == n->i && learn_explains(s, n, &s->secondary[i]) && !serial_gt(serial, v->word.serial))
			sim_fail(s, "serial", "signer %d publishes serial %u, and secondary %d has its %u", n->i, serial, i,
				 v->word.serial);
	}
}

/* What a secondary alone claims is not followed so far above the larger of today00 and the highest signer's serial. */
static bool too_far(const struct serial_view *view, uint32_t claim)
{
	int32_t reach = serial_distance(view->last, serial_today(view->now));

	reach = reach > 0 ? reach : 0;
	for (size_t i = 0; i < view->known_count; i++) {
		const struct serial_version *k = &view->known[i];
		const int32_t d = serial_distance(view->last, k->serial);

		if (k->from != SERIAL_FROM_SECONDARY && k->serial != 0 && d > reach)
			reach = d;
	}
	return serial_distance(view->last, claim) > reach + SERIAL_SECONDARY_MAX;
}

/* Nothing that it knows is in the way of what it publishes, or newer. */
static void check_order(struct sim *s, const struct node *n, const struct serial_decision *d,
			const struct serial_view *view)
{
	char a[40], b[40];

	for (size_t i = 0; i < view->known_count && d->why != SERIAL_WHY_RENEWAL_BELOW && d->why != SERIAL_WHY_RENEWAL; i++) {
		const struct serial_version *k = &view->known[i];
		const int32_t above = serial_distance(k->serial, d->serial);

		if (!k->explained && k->from == SERIAL_FROM_SECONDARY ? above <= 0 && !too_far(view, k->serial) :
		    above < 0 || (above == 0 && content_cmp_steps(&k->content, &view->want) != 0))
			sim_fail(s, "serial in use", "signer %d publishes content %s at %u and knows %s at %u", n->i,
				 text(&view->want, a), d->serial, text(&k->content, b), k->serial);
		if (k->explained && content_cmp(&k->content, &view->want) > 0 && (d->alarms & SERIAL_ALARM_BEHIND) == 0)
			sim_fail(s, "older content", "signer %d publishes content %s at %u and knows of %s", n->i,
				 text(&view->want, a), d->serial, text(&k->content, b));
	}
}

/* More than one that are wrong may outvote the others. */
static bool only_wrong_clock(const struct sim *s, const struct node *n)
{
	for (int i = 0; i < s->nodes; i++)
		if (i != n->i && s->node[i].clock_off != 0)
			return false;
	return n->clock_off > CLOCK_AGREE_S || n->clock_off < -CLOCK_AGREE_S;
}

/* One above the highest of all signers, or above what a secondary of this one claims now: of several, some may be too far to be followed. */
static bool is_next(const struct sim *s, const struct node *n, uint32_t serial)
{
	bool next = serial == s->top_serial + 1;

	for (int i = 0; i < s->secondaries; i++) {
		const struct secondary *sec = &s->secondary[i];
		const bool foreign = sec->version != NULL && sec->version->signer == FOREIGN;
		const uint32_t claim = foreign ? sec->version->word.serial : sec->claim;

		next |= (sec->primaries >> n->i & 1) != 0 && s->secondary_off[i] == 0 && claim != 0 && serial == claim + 1;
	}
	return next;
}

void serials_check_new(struct sim *s, struct node *n, const struct serial_decision *d, const struct serial_view *view)
{
	const uint32_t today = serial_today(view->now);

	if (only_wrong_clock(s, n))
		sim_fail(s, "wrong clock", "signer %d signs with a clock that is %lld s off", n->i, (long long)n->clock_off);
	check_rises(s, n, d->serial);
	check_order(s, n, d, view);
	if (serial_gt(d->serial, s->top_serial)) {
		if (d->serial != today && !is_next(s, n, d->serial))
			sim_fail(s, "serials drift", "signer %d publishes serial %u, which is next to none, and signers had %u",
				 n->i, d->serial, s->top_serial);
		s->top_serial = d->serial;
	}
	if (n->day != s->now / DAY)
		n->day_versions = 0;
	n->day = s->now / DAY;
	if (++n->day_versions > DAY_VERSIONS_MAX)
		sim_fail(s, "serials race", "signer %d has published %d versions today", n->i, n->day_versions);
}

/* By then a version has gone above all that the secondary shows, and has been fetched, also by one that had just asked. */
static int64_t patience(const struct secondary *sec)
{
	return 2 * sec->refresh + BACK_OFF_MAX;
}

/* A primary that nothing has hindered for long enough. */
static const struct node *well(const struct sim *s, const struct secondary *sec, int i, int64_t for_s)
{
	const struct node *n = &s->node[i];

	if ((sec->primaries >> i & 1) == 0 || sec->elsewhere || n->gone || !n->up || !n->compared || node_leaves(n) || n->source_off > 0 || n->clock_off != 0 ||
	    n->halted > 0 || n->disk.version == NULL || !node_is_signer(state_node(n->state, n->id.id)) ||
	    n->first_at + for_s > s->now || n->well_at + for_s > s->now || sec->well_at + for_s > s->now ||
	    sec->given_at[i] + for_s > s->now ||
	    (sec->claim != 0 && serial_distance(n->disk.last, sec->claim) > SERIAL_SECONDARY_MAX))
		return NULL;
	return n;
}

static bool lags(const struct secondary *sec, const struct node *n)
{
	return sec->version == NULL || sec->version->signer == FOREIGN ||
	       content_cmp_steps(&sec->version->word.content, &n->disk.version->word.content) < 0;
}

void serials_check_lag(struct sim *s)
{
	static const struct version nothing;
	char a[40], b[40];

	for (int i = 0; i < s->secondaries; i++)
		for (int j = 0; j < s->signers && s->secondary_off[i] == 0; j++) {
			const struct secondary *sec = &s->secondary[i];
			const int64_t most = patience(sec);
			const struct node *n = well(s, sec, j, most);
			const struct version *v = sec->version == NULL ? &nothing : sec->version;

			if (n != NULL && n->newest_at + most <= s->now && sec->took_at + most <= s->now && lags(sec, n))
				sim_fail(s, "secondary lags", "secondary %d has content %s at %u, signer %d %s at %u", i,
					 text(&v->word.content, a), v->word.serial, j,
					 text(&n->disk.version->word.content, b), n->disk.version->word.serial);
		}
}

bool serials_settled(const struct sim *s)
{
	for (int i = 0; i < s->secondaries; i++)
		for (int j = 0; j < s->signers; j++)
			if (well(s, &s->secondary[i], j, 0) != NULL &&
			    (lags(&s->secondary[i], &s->node[j]) || s->secondary[i].version->source != s->source))
				return false;
	return true;
}

/* Its signatures end soon, or have ended: whoever it asks must not be well for long. */
static void on_expiration(struct sim *s, const struct event *ev)
{
	const struct secondary *sec = &s->secondary[ev->a];

	if (sec->version != ev->what || sec->version->mask[RECORD_ZONE] == 0)
		return;
	for (int j = 0; j < s->signers && s->secondary_off[ev->a] == 0; j++)
		if (well(s, sec, j, patience(sec)) != NULL)
			sim_fail(s, "expired", "secondary %d has serial %u, whose signatures expire in a day, and signer %d lives",
				 ev->a, sec->version->word.serial, j);
	sim_later(s, 6 * HOUR, on_expiration, ev->a, 0, 0, ev->what);
}

void serials_shown(struct sim *s, int secondary)
{
	const struct version *v = s->secondary[secondary].version;
	const int64_t left = v->word.earliest - SIM_EPOCH - s->now - LATE_S;

	s->secondary[secondary].took_at = s->now;
	sim_later(s, left > 0 ? left : 1, on_expiration, secondary, 0, 0, v);
	for (int i = 0; i < s->signers; i++) /* its primaries look */
		if ((s->secondary[secondary].primaries >> i & 1) != 0)
			serve_soon(s, i);
}
