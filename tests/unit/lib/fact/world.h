/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_FACT_WORLD_H
#define DUET_TEST_FACT_WORLD_H

/* Nodes that sign facts, for the tests of lib/fact: no files, and fixed keys. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include <cmocka.h>

#include "fact/log.h"
#include "fact/state.h"

#define NODES     4
#define FACTS_MAX 400

struct speaker {
	struct identity id;
	struct incarnation inc;
	uint64_t seq;
	uint8_t prev[FACT_HASH_LEN];
	char line[NODE_LINE_TEXT];
};

struct world {
	struct speaker node[NODES];
	uint8_t *octets[FACTS_MAX];
	struct fact fact[FACTS_MAX];
	size_t n;
	struct fact_state *state; /* for the rules */
	bool unknown[NODES];      /* these are known to nobody */
};

static const uint8_t *world_key_of(void *ctx, const uint8_t origin[NODE_ID_LEN])
{
	struct world *w = ctx;

	for (int i = 0; i < NODES; i++)
		if (!w->unknown[i] && memcmp(w->node[i].id.id, origin, NODE_ID_LEN) == 0)
			return w->node[i].id.line.sign_pk;
	return NULL;
}

static const char *world_closed(void *ctx, const struct fact *f)
{
	struct world *w = ctx;

	return w->state == NULL ? NULL : fact_state_closed(w->state, f);
}

static inline struct fact_rules world_rules(struct world *w)
{
	return (struct fact_rules){ w, world_key_of, world_closed, false };
}

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	for (int i = 0; i < NODES; i++) {
		struct speaker *s = &w->node[i];
		uint8_t seed[32], sk[64];

		memset(seed, 7 + i, sizeof(seed));
		crypto_sign_seed_keypair(s->id.line.sign_pk, sk, seed);
		s->id.sign_sk = secret_from(sk, sizeof(sk));
		memset(s->id.line.box_pk, 9, 32);
		memset(s->id.line.curve_pk, 10 + i, 32);
		node_id_of(s->id.line.sign_pk, s->id.id);
		node_id_text(s->id.id, s->id.id_text);
		node_line_text(&s->id.line, s->line);
		s->inc.number = 1;
		memset(s->inc.random, 0x40 + i, sizeof(s->inc.random));
	}
	return w;
}

static inline void world_free(struct world *w)
{
	for (int i = 0; i < NODES; i++)
		secret_free(w->node[i].id.sign_sk);
	for (size_t i = 0; i < w->n; i++)
		free(w->octets[i]);
	fact_state_free(w->state);
	free(w);
}

/* A fact of a node, the next of its chain; body is taken over. */
static inline struct fact *world_say(struct world *w, int node, const char *kind, const char *zone,
				     json_t *body)
{
	struct speaker *s = &w->node[node];
	struct fact head = { .inc = s->inc, .seq = s->seq + 1, .time = 1700000000 + (int64_t)w->n };
	uint8_t name[DNAME_MAX];
	struct fact *f;
	size_t len;
	struct err e;

	assert_true(w->n < FACTS_MAX);
	assert_non_null(body);
	memcpy(head.prev, s->prev, FACT_HASH_LEN);
	strcpy(head.kind, kind);
	if (zone != NULL) {
		assert_int_equal(dname_from_text(zone, name, &e), 0);
		head.zone_len = dname_lower(name, head.zone);
	}
	assert_int_equal(fact_make(&head, body, &s->id, &w->octets[w->n], &len, &e), 0);
	json_decref(body);
	f = &w->fact[w->n];
	assert_int_equal(fact_read(w->octets[w->n], len, f, &e), 0);
	w->n++;
	s->seq++;
	memcpy(s->prev, f->hash, FACT_HASH_LEN);
	return f;
}

#endif
