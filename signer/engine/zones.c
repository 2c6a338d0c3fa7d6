/* SPDX-License-Identifier: BSD-3-Clause */
/* zones: the list of zones, in order of their names. */
#include "signer/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"

static size_t zone_index(const struct engine *e, const char *name, bool *there)
{
	size_t low = 0, high = e->zone_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(e->zone[middle]->name, name);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*there = false;
	return low;
}

static struct zwork *zone_insert(struct engine *e, size_t at, const char *name)
{
	if (e->zone_count == e->zone_cap) {
		e->zone_cap = e->zone_cap * 2 + 16;
		e->zone = mem_grow(e->zone, e->zone_cap, sizeof(*e->zone));
	}
	memmove(&e->zone[at + 1], &e->zone[at], (e->zone_count - at) * sizeof(*e->zone));
	e->zone[at] = zwork_new(e, name);
	e->zone_count++;
	return e->zone[at];
}

struct zwork *engine_zone(struct engine *e, const char *name, bool make)
{
	bool there;
	size_t at = zone_index(e, name, &there);

	if (there)
		return e->zone[at];
	if (!make)
		return NULL;
	/* It may have a past in the store. */
	zwork_open(zone_insert(e, at, name));
	if (e->zone[at]->version != NULL)
		netlink_version(e->net, e->zone[at]);
	return e->zone[at];
}

void engine_zone_drop(struct engine *e, struct zwork *z)
{
	bool there;
	size_t at = zone_index(e, z->name, &there);

	if (there) {
		memmove(&e->zone[at], &e->zone[at + 1], (e->zone_count - at - 1) * sizeof(*e->zone));
		e->zone_count--;
	}
	waiter_end(z, ERR_NOTFOUND, "the zone was removed");
	zwork_free(z);
}

static int open_zone(void *ctx, const uint8_t *apex, const char *damage)
{
	struct engine *e = ctx;
	char name[DNAME_TEXT_MAX];
	uint8_t lower[DNAME_MAX];
	bool there;
	size_t at;

	dname_lower(apex, lower);
	at = zone_index(e, dname_to_text(lower, name), &there);
	if (there)
		return 0;
	zwork_open(zone_insert(e, at, name));
	if (damage != NULL)
		zwork_damaged(e->zone[at], damage);
	return 0;
}

void engine_zones_open(struct engine *e)
{
	if (store_unnamed_damage(e->store) > 0)
		log_event(LOG_ERROR, "damaged", "zones=%zu msg=store.db: rows of zones whose names cannot be read; those zones are "
			  "made again from their sources", store_unnamed_damage(e->store));
	store_zones(e->store, open_zone, e);
}

void engine_zones_close(struct engine *e)
{
	while (e->zone_count > 0)
		engine_zone_drop(e, e->zone[e->zone_count - 1]);
	free(e->zone);
	agenda_fini(&e->by_mono);
	agenda_fini(&e->by_wall);
}
