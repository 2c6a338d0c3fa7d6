/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waits: time that this node ran since it learned that every counted signer serves a key (DESIGN section 5,
 * "Waits").  Saved each minute; what was not saved before a crash is waited again, and gaps do not count.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define SAVE_MS 60000
#define GAP_MS  10000 /* a loop that did not run for longer was not running */

static struct wait *find(const struct zone_ctx *c, const uint8_t key[32])
{
	for (size_t i = 0; c != NULL && i < c->waits; i++)
		if (memcmp(c->wait[i].key, key, 32) == 0)
			return &c->wait[i];
	return NULL;
}

struct wait *waits_add(struct zone_ctx *c, const uint8_t key[32])
{
	struct wait *w;

	c->wait = mem_grow(c->wait, c->waits + 1, sizeof(*c->wait));
	w = &c->wait[c->waits++];
	memset(w, 0, sizeof(*w));
	memcpy(w->key, key, 32);
	return w;
}

/* The largest TTL that the zone had unsigned (a cached answer without signatures, negative ones too), and,
 * where other keys were shown before, the DNSKEY RRset without this key; then the time that changes take to
 * all secondaries. */
static int64_t length_s(struct keydist *k, const struct zone_state *z, const uint8_t key[32])
{
	const struct policy p = lifecycle_policy(k, z);
	int64_t ttl = (int64_t)z->unsigned_ttl;

	for (size_t i = 0; i < z->keys; i++)
		if (memcmp(z->key[i].hash, key, 32) != 0 && z->key[i].record[RECORD_DNSKEY].serves.n > 0 &&
		    p.dnskey_ttl_s > ttl)
			ttl = p.dnskey_ttl_s;
	return ttl + p.propagation_s;
}

int64_t waits_left(struct keydist *k, const struct zone_state *z, const uint8_t key[32])
{
	const struct wait *w = find(zone_ctx(k, z->name, false), key);
	int64_t left;

	if (w == NULL)
		return -1;
	left = length_s(k, z, key) - w->ran_ms / 1000;
	return left > 0 ? left : 0;
}

/* Most zones have nothing to wait for: found out without judging every key. */
static bool may_wait(const struct keydist *k, const struct zone_state *z)
{
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].created && z->key[i].record[RECORD_DNSKEY].serves.n > 0 &&
		    !id_set_has(&z->key[i].record[RECORD_DNSKEY].seen, k->self.id))
			return true;
	return false;
}

void waits_zone(struct keydist *k, struct zone_ctx *c, struct zone_state *z)
{
	struct key_view views[VIEWS_MAX];
	size_t n = may_wait(k, z) ? lifecycle_view(k, z, views) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct key_state *ks = views[i].key;
		struct wait *w = find(c, ks->hash);

		if (!views[i].served_by_all || id_set_has(&ks->record[RECORD_DNSKEY].seen, k->self.id))
			continue;
		if (w == NULL) {
			w = waits_add(c, ks->hash);
			/* the second that is running now counts from here */
			w->ran_ms = k->waited_ms == 0 ? 0 : k->waited_ms - clock_mono_ms();
			w->dirty = true;
			log_event(LOG_INFO, "wait-begun",
				  "zone=%s msg=every signer serves a key; old answers must leave the caches first",
				  c->text);
		}
		w->length_ms = 1000 * length_s(k, z, ks->hash);
		w->over = w->ran_ms >= w->length_ms;
		if (w->over)
			words_add(k, c, "key.seen", json_pack("{s:o}", "key", msg_json_hex(ks->hash, 32)), "key-seen",
				  "zone=%s key=%u/%u", c->text, views[i].tag, views[i].alg);
	}
}

void waits_tick(struct keydist *k)
{
	const int64_t now = clock_mono_ms();
	int64_t ran = k->waited_ms == 0 ? 0 : now - k->waited_ms;
	struct err e;

	k->waited_ms = now;
	if (ran < 0 || ran > GAP_MS)
		ran = 0;
	for (size_t i = 0; i < k->zones; i++)
		for (size_t j = 0; j < k->zone[i]->waits; j++) {
			struct wait *w = &k->zone[i]->wait[j];

			if (w->over)
				continue;
			w->ran_ms += ran;
			w->dirty = true;
			/* of how long it lasts nothing is known before the zone was looked at */
			if (w->length_ms > 0 && w->ran_ms >= w->length_ms)
				zones_touch(k, k->zone[i]);
		}
	if (k->waits_saved_ms != 0 && now - k->waits_saved_ms < SAVE_MS)
		return;
	k->waits_saved_ms = now;
	if (store_waits_save(k, &e) != 0)
		log_event(LOG_ERROR, "waits-not-kept", "msg=%s", e.text);
}
