/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FACT_STATE_PARTS_H
#define DUET_FACT_STATE_PARTS_H

#include "fact/state.h"

/* For lib/fact only: what the files of the state share. */
#define REV_MAX ((uint64_t)1 << 53)

void node_on_first(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_admitted(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_counts(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_retiring(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_stopped(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_retired(struct fact_state *s, const struct fact *f, json_t *body);
void node_on_restored(struct fact_state *s, const struct fact *f, json_t *body);
void nodes_fini(struct fact_state *s);
/* Derives every node from the claims.  Returns whether it has changed who is retired, or how far. */
bool members_derive(struct fact_state *s);
void id_set_add(struct id_set *s, const uint8_t id[NODE_ID_LEN]);
void reg_take(struct fact_reg *r, uint64_t rev, const uint8_t hash[FACT_HASH_LEN], json_t *body);
void key_fact(struct zone_state *z, const struct fact *f, json_t *body);
void key_state_fini(struct key_state *k);

#endif
