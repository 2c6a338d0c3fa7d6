/* SPDX-License-Identifier: BSD-3-Clause */
/* sim: one history: the queue of events, and when it is over. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_RUN_MAX 200000
#define PATIENCE       (120 * (int64_t)DAY) /* after all trouble is over */

bool sim_is_off(size_t trouble);

/* ---- events: a heap ---- */

void sim_later(struct sim *s, int64_t delay, void (*run)(struct sim *s, const struct event *ev), int a, int b,
	       uint64_t value, const void *what)
{
	const struct event ev = { s->now + delay, run, a, b, value, what };
	size_t i = s->events++;
	struct event_turn new = { (uint64_t)ev.at << 32 | (uint32_t)s->order++, 0 };

	if (i == EVENTS_MAX)
		sim_fail(s, "limit", "too many events wait");
	new.event = i < s->event_room ? s->heap[i].event : (uint32_t)s->event_room++;
	s->event[new.event] = ev;
	for (; i > 0 && new.turn < s->heap[(i - 1) / 2].turn; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = new;
}

static struct event take(struct sim *s)
{
	const struct event_turn top = s->heap[0], last = s->heap[--s->events];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= s->events)
			break;
		child += child + 1 < s->events && s->heap[child + 1].turn < s->heap[child].turn;
		if (s->heap[child].turn >= last.turn)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = last;
	s->heap[s->events].event = top.event; /* free now */
	return s->event[top.event];
}

/* ---- the story ---- */

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->story)
		return;
	printf("%3lld d %02lld:%02lld:%02lld  ", (long long)(s->now / DAY), (long long)(s->now % DAY / HOUR),
	       (long long)(s->now % HOUR / MINUTE), (long long)(s->now % MINUTE));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->failure, sizeof(s->failure), fmt, ap);
	va_end(ap);
	s->failed = invariant;
	sim_say(s, "%s: %s", invariant, s->failure);
	longjmp(s->end, 1);
}

/* ---- a history ---- */

static bool settled(struct sim *s)
{
	for (int i = 0; i < s->signers; i++)
		if (!s->node[i].gone && !node_is_settled(s, &s->node[i]))
			return false;
	return move_is_over(s) && serials_settled(s);
}

/* Every rollover ends: why it does not, in the words of the engine. */
static void fail_liveness(struct sim *s)
{
	move_tell(s);
	for (int i = 0; i < s->signers; i++) {
		struct node *n = &s->node[i];
		struct timeline_in in;
		const struct timeline *t;
		char why[TIMELINE_WHY_LEN];

		if (n->gone || node_zone(n) == NULL)
			continue;
		t = node_view(s, n, &in);
		leave_tell(s, n);
		for (size_t k = 0; k < t->n; k++)
			sim_say(s, "signer %d: k%d: %s", i, keys_find(s, t->key[k].key->hash),
				timeline_why(&in, t, &n->disk.memory, &t->key[k], why));
	}
	sim_fail(s, "liveness", "%lld days after all trouble a rollover has not ended",
		 (long long)((s->now - s->healed_at) / DAY));
}

static void on_end(struct sim *s, const struct event *ev)
{
	(void)ev;
	serials_check_lag(s);
	if (settled(s))
		s->events = 0;
	else if (s->now > s->healed_at + PATIENCE && s->now > s->changed_over_at + PATIENCE)
		fail_liveness(s);
	else
		sim_later(s, DAY, on_end, 0, 0, 0, NULL);
}

/* Two builds that do the same have drawn as often when each event came. */
static void digest(struct sim *s, const struct event *ev)
{
	s->digest = (s->digest ^ (uint64_t)ev->at) * UINT64_C(0x9e3779b97f4a7c15);
	s->digest = (s->digest ^ s->chance.state ^ ev->value) * UINT64_C(0xbf58476d1ce4e5b9);
	s->digest ^= s->digest >> 29;
}

static void go(struct sim *s)
{
	world_build(s);
	sim_plan(s);
	for (size_t i = 0; i < s->troubles; i++)
		if (!s->trouble[i].off && !sim_is_off(i)) {
			sim_later(s, s->trouble[i].from, trouble_begins, (int)i, 0, 0, NULL);
			sim_later(s, s->trouble[i].to, trouble_ends, (int)i, 0, 0, NULL);
		}
	sim_later(s, s->healed_at + DAY, on_end, 0, 0, 0, NULL);
	for (int i = 0; i < s->nodes; i++)
		node_wake(s, &s->node[i]);
	while (s->events > 0) {
		const struct event ev = take(s);

		if (++s->ran > EVENTS_RUN_MAX)
			sim_fail(s, "livelock", "%d events and no end", EVENTS_RUN_MAX);
		s->now = ev.at;
		ev.run(s, &ev);
		digest(s, &ev);
	}
}

void sim_run(struct sim *s)
{
	s->chance.state = s->seed * UINT64_C(0xd1342543de82ef95) + 1;
	if (setjmp(s->end) == 0)
		go(s);
	for (int i = 0; i < s->nodes; i++)
		node_fini(&s->node[i]);
	for (size_t i = 0; i < s->bodies; i++)
		json_decref(s->body[i]);
}
