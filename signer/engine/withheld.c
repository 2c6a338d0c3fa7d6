/* SPDX-License-Identifier: BSD-3-Clause */
/* withheld: at the start of a signer that was down for longer than its signatures last. */
#include "signer/engine/withheld.h"

#include <stdlib.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/netlink.h"

#define AGAIN_MS 10000

static bool expired(const struct zwork *z)
{
	return z->version != NULL && version_info(z->version)->earliest <= clock_now_s();
}

void withheld_open(struct zwork *z)
{
	char at[CLOCK_TEXT_LEN];

	if (!expired(z))
		return;
	z->withheld_ms = clock_mono_ms() + WITHHELD_MS;
	log_event(LOG_WARNING, "withheld", "zone=%s serial=%u msg=its signatures have ended at %s: it is not served before it is renewed",
		  z->name, version_info(z->version)->serial, clock_text(version_info(z->version)->earliest, at));
}

/* By the last words of the other signers, heard now or not: secondaries may reach them. */
static bool better_elsewhere(const struct zwork *z, int64_t now)
{
	for (size_t i = 0; i < z->peer_count; i++)
		if (z->peer[i].v.serial != 0 && z->peer[i].v.earliest > now)
			return true;
	return false;
}

bool withheld_ends(const struct zwork *z, int64_t now_ms, int64_t now)
{
	return z->withheld_ms != 0 && now_ms >= z->withheld_ms && !z->busy && z->made == NULL && !better_elsewhere(z, now);
}

void withheld_look(struct zwork *z)
{
	const int64_t now_ms = clock_mono_ms(), again_ms = now_ms + AGAIN_MS;

	if (z->withheld_ms == 0)
		return;
	if (!withheld_ends(z, fail_number("withheld-ends") != 0 ? INT64_MAX : now_ms, clock_now_s())) {
		z->look_ms = again_ms < z->look_ms ? again_ms : z->look_ms;
		return;
	}
	z->withheld_ms = 0;
	log_event(LOG_ERROR, "expired-served", "zone=%s serial=%u msg=it could not be renewed, and nobody is known to have a better one: it is "
		  "served although its signatures have ended", z->name, version_info(z->version)->serial);
	netlink_version(z->engine->net, z);
	zwork_tell(z);
}

char *withheld_alarm(const struct zwork *z)
{
	char at[CLOCK_TEXT_LEN];

	if (!expired(z))
		return NULL;
	return mem_printf("the signatures of version %u have ended at %s: %s", version_info(z->version)->serial,
			  clock_text(version_info(z->version)->earliest, at),
			  z->withheld_ms != 0 ? "it is not served, and secondaries are told to come back" : "it is served all the same");
}
