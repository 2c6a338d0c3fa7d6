/* SPDX-License-Identifier: BSD-3-Clause */
/* vouch: whether the clock of this node may be signed with. */
#include "serial/serial.h"

#include "fail/fault.h"

#define NODES_MAX 64

static bool agree(int64_t a, int64_t b)
{
	return a - b <= CLOCK_AGREE_S && b - a <= CLOCK_AGREE_S;
}

static int64_t heard(const struct clock_view *v, size_t i)
{
	return FAULT(OWN_CLOCK) ? v->now : v->heard[i];
}

static void add_sorted(int64_t *all, size_t n, int64_t value)
{
	for (; n > 0 && all[n - 1] > value; n--)
		all[n] = all[n - 1];
	all[n] = value;
}

/* Within reach of the median of all; for an even count, of both middle ones. */
static bool agrees_with_median(const struct clock_view *v)
{
	int64_t all[NODES_MAX + 1];
	size_t n = v->heard_count < NODES_MAX ? v->heard_count : NODES_MAX;

	for (size_t i = 0; i < n; i++)
		add_sorted(all, i, heard(v, i));
	add_sorted(all, n++, v->now);
	return agree(v->now, all[n / 2]) && agree(v->now, all[(n - 1) / 2]);
}

enum clock_verdict clock_vouched(const struct clock_view *v, const char **why)
{
	const char *unused;

	why = why == NULL ? &unused : why;
	if (v->trust || FAULT(CLOCK_TRUSTED))
		return *why = "trusted by configuration", CLOCK_VOUCHED;
	if (v->heard_count >= 2) {
		if (agrees_with_median(v))
			return *why = "within 10 minutes of the median of the nodes heard", CLOCK_VOUCHED;
		*why = "more than 10 minutes from the median of the nodes heard";
	} else if (v->heard_count == 1 && agree(v->now, heard(v, 0))) {
		return *why = "agrees with the one node heard", CLOCK_VOUCHED;
	} else if (v->kernel) {
		return *why = "the system says that it is synchronised", CLOCK_VOUCHED;
	} else {
		*why = v->heard_count == 1 ? "differs from the one node heard, and the system does not say synchronised"
					   : "no node heard in the last hour, and the system does not say synchronised";
	}
	if (v->within_half && v->ever && agree(v->drift_s, 0)) {
		*why = "nobody vouches, but it ran evenly since it was last vouched for, and signatures are about to expire";
		return CLOCK_LATE;
	}
	return CLOCK_DOUBT;
}
