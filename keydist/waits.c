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

static struct wait *find(const struct keydist *k, const char *zone, const uint8_t key[32])
{
	for (size_t i = 0; i < k->waits; i++)
		if (strcmp(k->wait[i].zone, zone) == 0 && memcmp(k->wait[i].key, key, 32) == 0)
			return &k->wait[i];
	return NULL;
}

static struct wait *begin(struct keydist *k, const struct zone_state *z, const uint8_t key[32])
{
	struct wait *w;

	k->wait = mem_grow(k->wait, k->waits + 1, sizeof(*k->wait));
	w = &k->wait[k->waits++];
	memset(w, 0, sizeof(*w));
	snprintf(w->zone, sizeof(w->zone), "%s", z->text);
	memcpy(w->key, key, 32);
	w->dirty = true;
	log_event(LOG_INFO, "wait-begun",
		  "zone=%s msg=every signer serves a key; old answers must leave the caches first", z->text);
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
		if (memcmp(z->key[i].hash, key, 32) != 0 && z->key[i].record[RECORD_DNSKEY].serves.n > 0 && p.dnskey_ttl_s > ttl)
			ttl = p.dnskey_ttl_s;
	return ttl + p.propagation_s;
}

int64_t waits_left(struct keydist *k, const struct zone_state *z, const uint8_t key[32])
{
	const struct wait *w = find(k, z->text, key);
	int64_t left;

	if (w == NULL)
		return -1;
	left = length_s(k, z, key) - w->ran_ms / 1000;
	return left > 0 ? left : 0;
}

static void count_time(struct keydist *k)
{
	const int64_t now = clock_mono_ms();
	int64_t ran = k->waited_ms == 0 ? 0 : now - k->waited_ms;

	k->waited_ms = now;
	if (ran < 0 || ran > GAP_MS)
		ran = 0;
	for (size_t i = 0; i < k->waits; i++) {
		const int64_t before = k->wait[i].ran_ms / SAVE_MS;

		k->wait[i].ran_ms += ran;
		if (k->wait[i].ran_ms / SAVE_MS != before)
			k->wait[i].dirty = true;
	}
}

/* Most zones have nothing to wait for: found out without judging every key. */
static bool may_wait(const struct keydist *k, const struct zone_state *z)
{
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].created && z->key[i].record[RECORD_DNSKEY].serves.n > 0 && !id_set_has(&z->key[i].record[RECORD_DNSKEY].seen, k->self.id))
			return true;
	return false;
}

/* Says `seen` for one key whose wait is over; true when it did. */
static bool step_any(struct keydist *k)
{
	struct fact_state *s = cluster_state(k->cluster);
	struct key_view views[VIEWS_MAX];

	for (size_t i = 0; i < s->zones; i++) {
		struct zone_state *z = &s->zone[i];
		size_t n = may_wait(k, z) ? lifecycle_view(k, z, views) : 0;

		for (size_t j = 0; j < n; j++) {
			const struct key_state *ks = views[j].key;
			char zone[DNAME_TEXT_MAX];
			struct err e;

			if (!views[j].served_by_all || id_set_has(&ks->record[RECORD_DNSKEY].seen, k->self.id))
				continue;
			if (find(k, z->text, ks->hash) == NULL)
				begin(k, z, ks->hash);
			if (waits_left(k, z, ks->hash) > 0)
				continue;
			strcpy(zone, z->text);
			if (keydist_say(k, "key.seen", z->name,
					json_pack("{s:o}", "key", msg_json_hex(ks->hash, 32)), &e) != 0)
				return false;
			log_event(LOG_NOTICE, "key-seen", "zone=%s key=%u/%u", zone, views[j].tag,
				  views[j].alg);
			return true;
		}
	}
	return false;
}

void waits_step(struct keydist *k)
{
	bool dirty = false;
	struct err e;

	count_time(k);
	if (cluster_compared(k->cluster) && cluster_hold(k->cluster) == NULL && members_self(k))
		while (step_any(k))
			;
	for (size_t i = 0; i < k->waits; i++)
		dirty |= k->wait[i].dirty;
	if (dirty && store_waits_save(k, &e) != 0)
		log_event(LOG_ERROR, "waits-not-kept", "msg=%s", e.text);
}
