/* SPDX-License-Identifier: BSD-3-Clause */
/* watch: the back-off of overtaking, and since when newer key steps are known elsewhere. */
#include "serial/serial.h"

#include "fail/fault.h"

void serial_watch_init(struct serial_watch *w)
{
	*w = (struct serial_watch){ .overtake_at = INT64_MAX, .overtake_wait_s = SERIAL_OVERTAKE_FIRST_S };
}

void serial_watch_heard(struct serial_watch *w)
{
	w->overtake_at = INT64_MAX;
	w->overtake_wait_s = SERIAL_OVERTAKE_FIRST_S;
}

static bool unexplained(const struct serial_view *v)
{
	for (size_t i = 0; i < v->known_count; i++)
		if (!v->known[i].explained && v->known[i].serial != 0 && v->last != 0 &&
		    serial_distance(v->last, v->known[i].serial) >= 0)
			return true;
	return false;
}

/* Steps that only a node knows which is silent, or gone for good, are not waited for. */
static bool behind(const struct serial_view *v)
{
	for (size_t i = 0; i < v->known_count; i++) {
		const struct serial_version *k = &v->known[i];

		if (k->from == SERIAL_FROM_SIGNER && !k->silent && k->serial != 0 &&
		    content_cmp(&k->content, &v->want) == 0 && k->content.steps > v->want.steps)
			return true;
	}
	return false;
}

void serial_watch_look(struct serial_watch *w, struct serial_view *v)
{
	if (!unexplained(v))
		w->overtake_at = INT64_MAX;
	else if (w->overtake_at == INT64_MAX)
		w->overtake_at = v->now + (FAULT(NO_BACK_OFF) ? 0 : w->overtake_wait_s);
	if (!behind(v))
		w->behind_since = 0;
	else if (w->behind_since == 0)
		w->behind_since = v->now;
	v->overtake_at = w->overtake_at;
	v->behind_since = w->behind_since;
}

void serial_watch_published(struct serial_watch *w, int64_t now, enum serial_why why)
{
	if (why != SERIAL_WHY_OVERTAKING)
		return;
	w->overtake_wait_s *= 2;
	if (w->overtake_wait_s > SERIAL_OVERTAKE_LAST_S)
		w->overtake_wait_s = SERIAL_OVERTAKE_LAST_S;
	w->overtake_at = now + (FAULT(NO_BACK_OFF) ? 0 : w->overtake_wait_s);
}
