/* SPDX-License-Identifier: BSD-3-Clause */
/* upkeep: now and then, while nothing else uses the store: its log is folded in, volumes that are mostly dead are copied. */
#include <stdlib.h>

#include "clock/clock.h"
#include "log/log.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"

#define EVERY_MS 60000
#define MIN_DEAD (UINT64_C(64) << 20)

struct upkeep {
	struct task task;
	struct engine *e;
	struct err err;
	int rc;
};

static void work(struct task *t)
{
	struct upkeep *u = (struct upkeep *)t;

	if ((u->rc = store_idle(u->e->store, &u->err)) == 0)
		u->rc = store_compact(u->e->store, MIN_DEAD, &u->err);
}

/* Pages of a zone may lie elsewhere now, in a version that says the same. */
static void done(struct task *t)
{
	struct upkeep *u = (struct upkeep *)t;
	struct engine *e = u->e;

	if (u->rc != 0 && u->err.code != ERR_NOTNOW)
		log_event(LOG_ERROR, "store", "msg=%s", u->err.text);
	for (size_t i = 0; i < e->zone_count && u->rc != 0 && u->err.code == ERR_DAMAGE; i++)
		zwork_look_for_damage(e->zone[i]);
	for (size_t i = 0; i < e->zone_count; i++) {
		struct zwork *z = e->zone[i];
		struct version *now = z->version == NULL ? NULL : store_current(e->store, z->apex);

		if (now == NULL || now == z->version) {
			version_unref(now);
			continue;
		}
		version_unref(z->version);
		z->version = now;
		netlink_version(e->net, z);
	}
	netlink_volumes(e->net);
	e->upkeep_ms = clock_mono_ms() + EVERY_MS;
	e->upkeep_on = false;
	free(u);
}

void engine_upkeep(struct engine *e)
{
	struct upkeep *u;

	if (e->upkeep_ms == 0)
		e->upkeep_ms = clock_mono_ms() + EVERY_MS;
	if (e->upkeep_on || e->task_first != NULL || clock_mono_ms() < e->upkeep_ms)
		return;
	u = mem_new(1, sizeof(*u));
	u->e = e;
	u->task.work = work;
	u->task.done = done;
	e->upkeep_on = true;
	engine_task(e, &u->task);
}
