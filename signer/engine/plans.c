/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plans: keydist's plans are read in the pool, a message at a time, and taken in the loop in the order in which they came:
 * opening keys and verifying RRSIGs takes long, and keydist's other words must not wait behind thousands of them.
 */
#include "signer/engine/kdlink_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "log/log.h"

struct one {
	char *zone;
	uint8_t apex[DNAME_MAX];
	const json_t *msg;
	struct plan *before, *plan;
	struct err why;
};

struct reading {
	struct work work;
	TAILQ_ENTRY(reading) entry;
	struct engine *engine;
	json_t *msg; /* holds what the list points to */
	uint64_t rev; /* of the last of them */
	int64_t now;
	bool done;
	size_t n;
	struct one one[];
};

/* In the pool. */
static void read_work(struct work *w)
{
	struct reading *r = (struct reading *)w;
	const struct engine_identity *id = &r->engine->identity;

	secret_open(id->box_sk); /* for all boxes: each time interrupts every core */
	for (size_t i = 0; i < r->n; i++) {
		struct one *o = &r->one[i];

		if (plan_read(o->msg, o->apex, id, o->before, r->now, &o->plan, &o->why) != 0)
			o->plan = NULL;
	}
	secret_close(id->box_sk);
}

static void take(struct engine *e, struct one *o)
{
	struct zwork *z = engine_zone(e, o->zone, o->plan == NULL || !o->plan->gone);

	if (z == NULL)
		plan_unref(o->plan);
	else
		zwork_plan(z, o->plan, &o->why);
}

static void reading_free(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		plan_unref(r->one[i].before);
		free(r->one[i].zone);
	}
	json_decref(r->msg);
	free(r);
}

static void read_done(struct work *w)
{
	struct reading *r = (struct reading *)w;
	struct engine *e = r->engine;

	r->done = true;
	e->grew_ms = clock_mono_ms();
	e->untrimmed += r->n;
	while ((r = TAILQ_FIRST(&e->plans)) != NULL && r->done) {
		TAILQ_REMOVE(&e->plans, r, entry);
		for (size_t i = 0; i < r->n; i++) {
			if (e->stopping || r->work.cancelled)
				plan_unref(r->one[i].plan);
			else
				take(e, &r->one[i]);
		}
		kdlink_took(e->keydist, r->rev);
		reading_free(r);
	}
}

/* A plan names its policy by the place in the message's list. */
static void give_policy(const json_t *msg, json_t *plan)
{
	const json_t *at = json_object_get(plan, "policy");

	if (json_is_integer(at) && json_integer_value(at) >= 0)
		json_object_set(plan, "policy", json_array_get(json_object_get(msg, "policies"), (size_t)json_integer_value(at)));
}

void plans_take(struct engine *e, json_t *msg)
{
	const json_t *list = json_object_get(msg, "list");
	struct reading *r;
	json_t *plan;
	size_t i, n = json_array_size(list) < PLANS_MAX ? json_array_size(list) : PLANS_MAX;

	r = mem_new(1, sizeof(*r) + n * sizeof(r->one[0]));
	r->engine = e;
	r->msg = json_incref(msg);
	r->rev = (uint64_t)json_integer_value(json_object_get(msg, "rev"));
	r->now = clock_now_s();
	json_array_foreach(list, i, plan) {
		struct one *o = &r->one[r->n];
		struct zwork *z = i < n ? kdhear_zone(e, plan, !json_is_true(json_object_get(plan, "gone"))) : NULL;

		if (z == NULL)
			continue;
		o->zone = mem_strdup(z->name);
		memcpy(o->apex, z->apex, sizeof(o->apex));
		give_policy(msg, plan);
		o->msg = plan;
		o->before = z->plan == NULL ? NULL : plan_ref(z->plan);
		r->n++;
	}
	r->work.run = read_work;
	r->work.done = read_done;
	TAILQ_INSERT_TAIL(&e->plans, r, entry);
	works_queue(e->works, WORK_PLAN, &r->work);
}
