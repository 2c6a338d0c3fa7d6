/* SPDX-License-Identifier: BSD-3-Clause */
/* ends: a table of half hours around now. */
#include "audit/ends.h"

#include <stdlib.h>

#include "arena/arena.h"

#define STEPS      32768 /* 682 days */
#define STEPS_PAST 48    /* of those that have gone by; what ended before stands in the first */
#define EXPIRATION 8     /* its place in the rdata (RFC 4034 section 3.1) */

struct ends {
	int64_t now, first; /* half hour of n[0] */
	uint32_t n[STEPS];
};

struct ends *ends_new(int64_t now)
{
	struct ends *e = mem_new(1, sizeof(*e));

	e->now = now;
	e->first = now / ENDS_STEP_S - STEPS_PAST;
	return e;
}

void ends_free(struct ends *e)
{
	free(e);
}

static size_t place(const struct ends *e, int64_t step)
{
	return step <= e->first ? 0 : step - e->first >= STEPS ? STEPS - 1 : (size_t)(step - e->first);
}

void ends_note(struct ends *e, const uint8_t *rdata, size_t len)
{
	uint32_t t;

	if (len < EXPIRATION + 4)
		return;
	t = (uint32_t)rdata[EXPIRATION] << 24 | (uint32_t)rdata[EXPIRATION + 1] << 16 | (uint32_t)rdata[EXPIRATION + 2] << 8 |
	    rdata[EXPIRATION + 3];
	__atomic_fetch_add(&e->n[place(e, (e->now + (int32_t)(t - (uint32_t)e->now)) / ENDS_STEP_S)], 1, __ATOMIC_RELAXED);
}

static int add(struct ends *e, const json_t *before, size_t i)
{
	const json_t *step = json_array_get(before, i), *n = json_array_get(before, i + 1);

	if (!json_is_integer(step) || !json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > UINT32_MAX)
		return -1;
	e->n[place(e, json_integer_value(step))] += (uint32_t)json_integer_value(n);
	return 0;
}

int ends_carry(struct ends *e, const json_t *before, const struct ends *gone, struct err *err)
{
	bool fits = json_is_array(before);

	for (size_t i = 0; fits && i < json_array_size(before); i += 2)
		fits = add(e, before, i) == 0;
	for (size_t i = 0; fits && i < STEPS; i++) {
		fits = e->n[i] >= gone->n[i];
		e->n[i] -= gone->n[i];
	}
	return fits ? 0 : err_set(err, ERR_REFUSED, "when all signatures end is not known: the whole zone is needed");
}

bool ends_first(const struct ends *e, int64_t *begins)
{
	size_t i = 0;

	while (i < STEPS && e->n[i] == 0)
		i++;
	*begins = (e->first + (int64_t)i) * ENDS_STEP_S;
	return i < STEPS;
}

void ends_sum(const struct ends *e, uint64_t *all, uint64_t *most)
{
	*all = *most = 0;
	for (size_t i = 0; i < STEPS; i++) {
		const uint64_t hour = (uint64_t)e->n[i] + (i + 1 < STEPS ? e->n[i + 1] : 0);

		*all += e->n[i];
		*most = hour > *most ? hour : *most;
	}
}

json_t *ends_json(const struct ends *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < STEPS; i++)
		if (e->n[i] != 0) {
			json_array_append_new(list, json_integer(e->first + (int64_t)i));
			json_array_append_new(list, json_integer(e->n[i]));
		}
	return list;
}
