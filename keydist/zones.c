/* SPDX-License-Identifier: BSD-3-Clause */
/* zones: what is kept per zone, found by name, and the queue of those to be looked at. */
#include "keydist/events.h"
#include "keydist/looks.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

struct wanted {
	const struct keydist *k;
	const uint8_t *name;
	size_t len;
};

static bool same(const void *ctx, size_t at)
{
	const struct wanted *w = ctx;
	const uint8_t *name = w->k->zone[at]->name;

	return dname_len(name) == w->len && memcmp(name, w->name, w->len) == 0;
}

struct zone_ctx *zone_ctx(struct keydist *k, const uint8_t *name, bool make)
{
	uint8_t lower[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	struct wanted w = { k, lower, dname_lower(name, lower) };
	const uint64_t hash = index_hash(lower, w.len, 0);
	const size_t at = index_find(&k->zone_index, hash, same, &w);
	struct zone_ctx *c;

	if (at != INDEX_NONE)
		return k->zone[at];
	if (!make)
		return NULL;
	c = mem_new(1, sizeof(*c));
	c->name = mem_dup(lower, w.len);
	c->text = mem_strdup(dname_to_text(lower, text));
	c->refresh_at = INT64_MAX;
	if ((k->zones & (k->zones - 1)) == 0) /* a power of two: full */
		k->zone = mem_grow(k->zone, k->zones == 0 ? 1 : 2 * k->zones, sizeof(*k->zone));
	k->zone[k->zones] = c;
	index_add(&k->zone_index, hash, k->zones++);
	return c;
}

struct zone_ctx *zone_ctx_text(struct keydist *k, const char *text, bool make)
{
	uint8_t name[DNAME_MAX];

	return dname_from_text(text, name, NULL) == 0 ? zone_ctx(k, name, make) : NULL;
}

void zones_touch(struct keydist *k, struct zone_ctx *c)
{
	if (c->queued)
		return;
	if (k->queue_end == k->queue_size) {
		/* What was taken out at the front makes room, or the queue grows. */
		if (k->queue_at > 0)
			memmove(k->queue, k->queue + k->queue_at,
				(k->queue_end - k->queue_at) * sizeof(struct zone_ctx *));
		k->queue_end -= k->queue_at;
		k->queue_at = 0;
		if (2 * k->queue_end >= k->queue_size) {
			k->queue_size = k->queue_size == 0 ? 64 : 2 * k->queue_size;
			k->queue = mem_grow(k->queue, k->queue_size, sizeof(struct zone_ctx *));
		}
	}
	k->queue[k->queue_end++] = c;
	c->queued = true;
	keydist_turn_soon(k);
}

void zones_touch_all(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);

	for (size_t i = 0; i < s->zones; i++)
		zones_touch(k, zone_ctx(k, s->zone[i].name, true));
}

size_t zones_waiting(const struct keydist *k)
{
	return k->queue_end - k->queue_at;
}

struct zone_ctx *zones_next(struct keydist *k)
{
	struct zone_ctx *c;

	if (zones_waiting(k) == 0)
		return NULL;
	c = k->queue[k->queue_at++];
	c->queued = false;
	return c;
}

void zone_trouble(struct zone_ctx *c, const char *what)
{
	free(c->trouble);
	c->trouble = what == NULL ? NULL : mem_strdup(what);
}

void zones_free(struct keydist *k)
{
	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];

		for (size_t j = 0; j < c->boxes; j++)
			json_decref(c->box[j].box);
		looks_free(c);
		json_decref(c->floor);
		json_decref(c->override);
		free(c->submitted);
		free(c->box);
		shown_free(c);
		if (c->memory != NULL)
			timeline_memory_fini(c->memory);
		free(c->memory);
		events_forget(c);
		free(c->trouble);
		free(c->lost);
		free(c->alarm);
		free(c->name);
		free(c->text);
		free(c->below);
		free(c);
	}
	free(k->zone);
	free(k->queue);
	index_fini(&k->zone_index);
}
