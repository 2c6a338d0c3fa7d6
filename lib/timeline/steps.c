/* SPDX-License-Identifier: BSD-3-Clause */
/* steps: how far a zone's keys have come, as a number that orders versions of the same content. */
#include "timeline/order.h"

bool timeline_ever_served(const struct zone_state *z, const uint8_t node[NODE_ID_LEN])
{
	for (size_t i = 0; i < z->keys; i++)
		if (id_set_has(&z->key[i].record[RECORD_DNSKEY].serves, node))
			return true;
	return false;
}

uint64_t timeline_steps(const struct timeline_in *in, const struct timeline *t)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < in->zone->keys; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const struct record_state *s = &in->zone->key[i].record[r];

			steps += (s->serves.n > 0) + (s->stopped.n > 0);
		}
	for (size_t i = 0; i < in->facts->nodes; i++)
		steps += in->facts->node[i].retired && timeline_ever_served(in->zone, in->facts->node[i].id);
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const struct record_state *s = &t->key[i].key->record[r];

			steps += t->key[i].record[r].show ? s->serves.n == 0 : s->serves.n > 0 && s->stopped.n == 0;
		}
	return steps;
}
