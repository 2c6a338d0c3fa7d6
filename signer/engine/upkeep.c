/* SPDX-License-Identifier: BSD-3-Clause */
/* upkeep: now and then, while no change is open, a volume that is partly dead is compacted. */
#include <malloc.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "sort/sort.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"

#define EVERY_MS 60000
#define AGAIN_MS 1000  /* there is more to do, or a change was open */
#define IDLE_MS  10000 /* without a publication */
#define TRIM_MS  3000
#define TRIM_MANY 256  /* publications and plans, after which it is not waited for */

/* A test may have it sooner, and then without waiting for a quiet moment. */
static bool hurried(void)
{
	return fail_errno("engine-upkeep") != 0;
}

/* Pages of a zone may lie elsewhere now, in a version that says the same. */
static void versions_again(struct engine *e)
{
	for (size_t i = 0; i < e->zone_count; i++) {
		struct zwork *z = e->zone[i];
		struct version *now = z->version == NULL ? NULL : store_current(e->store, z->apex);

		if (now == NULL || now == z->version) {
			version_unref(now);
			continue;
		}
		version_unref(z->version);
		z->version = now;
		content_unread(z->input);
		content_unread(z->loaded);
		netlink_version(e->net, z);
	}
}

static void done(void *ctx, int rc, const struct err *err)
{
	struct engine *e = ctx;
	bool again = rc == 1 || (rc < 0 && err->code == ERR_NOTNOW);

	if (rc < 0 && err->code != ERR_NOTNOW)
		log_event(LOG_ERROR, "store", "msg=%s", err->text);
	for (size_t i = 0; i < e->zone_count && rc < 0 && err->code == ERR_DAMAGE; i++)
		zwork_look_for_damage(e->zone[i]);
	if (rc == 1) {
		log_event(LOG_INFO, "compacted", "msg=live pages of a volume lie elsewhere now, and the volume is gone");
		versions_again(e);
	}
	e->upkeep_ms = clock_mono_ms() + (hurried() ? 0 : again ? AGAIN_MS : EVERY_MS);
	e->upkeep_on = false;
	works_pause(e->works, false);
}

/* What many zones needed while they were loaded and signed, or their plans read, goes back to the system, also while more of
 * them come: it lies between what stays of each. */
static void trim(struct engine *e, int64_t now_ms)
{
	if (e->grew_ms == e->trimmed_ms || (now_ms - e->grew_ms < TRIM_MS && e->untrimmed < TRIM_MANY))
		return;
	e->trimmed_ms = e->grew_ms;
	e->untrimmed = 0;
	sort_memory_trim(e->sort_memory);
	malloc_trim(0);
}

void engine_upkeep(struct engine *e)
{
	int64_t now_ms = clock_mono_ms();

	trim(e, now_ms);
	netlink_volumes(e->net); /* not only now and then: whoever worked on a version may let go of its volumes later */
	if (e->upkeep_ms == 0)
		e->upkeep_ms = now_ms + (hurried() ? 0 : EVERY_MS);
	if (e->upkeep_on || now_ms < e->upkeep_ms || works_long(e->works))
		return;
	works_pause(e->works, true); /* what is signed would be a change that is open */
	if (works_running(e->works) > 0)
		return; /* soon */
	e->upkeep_on = true;
	writer_compact(e->writer, hurried() || now_ms - e->wrote_ms > IDLE_MS, done, e);
}
