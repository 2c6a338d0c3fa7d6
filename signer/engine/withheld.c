/* SPDX-License-Identifier: BSD-3-Clause */
/* withheld: at the start of a signer that was down for longer than its signatures last, or was set back. */
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

void withheld_set_back(struct zwork *z)
{
	if (z->version == NULL || z->withheld_ms != 0)
		return;
	z->withheld_ms = clock_mono_ms() + WITHHELD_MS;
	z->withheld_old = true;
	netlink_version(z->engine->net, z);
	zwork_poke(z);
}

void withheld_plan(struct zwork *z, bool set_back)
{
	if (set_back && !z->withheld_told) /* once: when its time is over it is served */
		withheld_set_back(z);
	if (set_back && !z->withheld_told && z->withheld_old)
		log_event(LOG_WARNING, "withheld", "zone=%s serial=%u msg=an old copy of this node was put back, which had published other keys: "
			  "it is not served before it is made again", z->name, version_info(z->version)->serial);
	z->withheld_told = set_back;
	if (set_back || !z->withheld_old)
		return;
	z->withheld_old = false;
	z->withheld_ms = 0;
	withheld_open(z);
	netlink_version(z->engine->net, z);
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

bool withheld_is_late(const struct zwork *z, int64_t now_ms)
{
	return z->withheld_old && now_ms >= z->withheld_ms;
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
	if (z->withheld_old)
		log_event(LOG_ERROR, "old-served", "zone=%s serial=%u msg=it could not be made again, and nobody is known to have a better one: it "
			  "is served although it is of an old copy that was put back", z->name, version_info(z->version)->serial);
	else
		log_event(LOG_ERROR, "expired-served", "zone=%s serial=%u msg=it could not be renewed, and nobody is known to have a better one: it "
			  "is served although its signatures have ended", z->name, version_info(z->version)->serial);
	z->withheld_old = false;
	netlink_version(z->engine->net, z);
	zwork_tell(z);
}

char *withheld_alarm(const struct zwork *z)
{
	char at[CLOCK_TEXT_LEN];

	if (z->withheld_old)
		return mem_printf("version %u is of an old copy of this node that was put back: it is not served, and secondaries are told to "
				  "come back", version_info(z->version)->serial);
	if (!expired(z))
		return NULL;
	return mem_printf("the signatures of version %u have ended at %s: %s", version_info(z->version)->serial,
			  clock_text(version_info(z->version)->earliest, at),
			  z->withheld_ms != 0 ? "it is not served, and secondaries are told to come back" : "it is served all the same");
}
