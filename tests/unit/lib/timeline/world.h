/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_TIMELINE_WORLD_H
#define DUET_TEST_TIMELINE_WORLD_H

/* A zone with keys as one of two signers has it, for the tests of lib/timeline: facts are put there by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "timeline/forecast.h"

#define KEYS 60
#define DAY  86400

/* Node 0 is this one, node 1 the other; both have said whatever has been said. */
struct world {
	uint8_t ids[2][NODE_ID_LEN];
	struct node_state node[2];
	struct fact_state facts;
	struct zone_state zone;
	struct key_state key[KEYS];
	uint8_t dnskey[KEYS][4];
	struct held_state held[KEYS][2];
	struct timeline_policy policy;
	struct timeline_published published;
	struct timeline_memory memory;
	struct timeline_observer observer;
	struct timeline_in in;
	struct timeline t;
};

static struct world w;
static const struct timeline_in empty_in;

static inline struct id_set both(void)
{
	return (struct id_set){ w.ids, 2 };
}

static inline struct key_state *add_key(const char *role, const struct key_state *instead)
{
	const size_t i = w.zone.keys++;
	struct key_state *k = &w.key[i];

	k->hash[0] = (uint8_t)(i + 1);
	k->created = true;
	strcpy(k->role, role);
	w.dnskey[i][3] = 13;
	k->dnskey = w.dnskey[i];
	k->dnskey_len = 4;
	k->tags = dnskey_tags(k->dnskey, 4);
	k->method = METHOD_PREPUBLICATION;
	if (instead != NULL)
		memcpy(k->replaces[0], instead->hash, 32);
	for (size_t n = 0; n < 2; n++) {
		memcpy(w.held[i][n].node, w.ids[n], NODE_ID_LEN);
		w.held[i][n].proven = 1;
	}
	k->held = w.held[i];
	k->helds = 2;
	return k;
}

/* Everywhere, for long. */
static inline void settle(struct key_state *k, enum key_record r)
{
	k->record[r].serves = k->record[r].seen = both();
	key_set_add(&w.published.record[r], k->hash);
}

static inline void finish(struct key_state *k)
{
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		k->record[r].serves = k->record[r].seen = k->record[r].stopped = k->record[r].gone = both();
}

static inline int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	for (uint8_t n = 0; n < 2; n++)
		w.ids[n][0] = (uint8_t)(n + 1);
	for (size_t n = 0; n < 2; n++) {
		w.node[n].admitted.set = w.node[n].known = w.node[n].line_admitted = true;
		w.node[n].role = NODE_SIGNER;
		w.node[n].counts = both();
		memcpy(w.node[n].id, w.ids[n], NODE_ID_LEN);
	}
	w.facts.node = w.node;
	w.facts.nodes = 2;
	w.zone.key = w.key;
	w.zone.name = (uint8_t *)"\7example";
	w.policy = (struct timeline_policy){ .algorithm = 13, .split = true, .ksk_method = METHOD_DOUBLE_SIGNATURE, .extra_s = 100 };
	w.published.any = true;
	w.observer = (struct timeline_observer){ .id = 7, .kind = OBSERVER_SECONDARY };
	w.in = empty_in;
	w.in.facts = &w.facts;
	w.in.zone = &w.zone;
	w.in.self = w.ids[0];
	w.in.policy = &w.policy;
	w.in.published = &w.published;
	w.in.memory = &w.memory;
	w.in.observer = &w.observer;
	w.in.observers = 1;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	timeline_memory_fini(&w.memory);
	return 0;
}

static inline const struct timeline_key *view(const struct key_state *k)
{
	timeline_view(&w.in, &w.t);
	for (size_t i = 0; i < w.t.n; i++)
		if (w.t.key[i].key == k)
			return &w.t.key[i];
	return NULL;
}

/* A KSK and a ZSK in use, as all have them. */
static inline struct key_state *zone_in_use(void)
{
	struct key_state *ksk = add_key("ksk", NULL), *zsk = add_key("zsk", NULL);

	settle(ksk, RECORD_DNSKEY);
	settle(ksk, RECORD_DS);
	settle(zsk, RECORD_DNSKEY);
	settle(zsk, RECORD_ZONE);
	return zsk;
}

#endif
