/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * observe: who looks at secondaries, name servers and parents.  Where no server of the parent is looked at, an operator is: `key
 * ds-seen` and `key ds-gone` are his words, and each counts for the key that it names.
 */
#include "keydist/looks.h"

#include <string.h>

size_t observe_list(struct keydist *k, const struct zone_state *z, const struct policy *p,
		    struct timeline_observer out[TIMELINE_OBSERVERS_MAX])
{
	return looks_observers(k, zone_ctx(k, z->name, false), looks_at_name_servers(z, p), out);
}

/* The parent as he has it.  Of a key that he never named he says nothing: it is shown while we wait for it to go, and not
 * while we wait for it to come. */
static void look_of(const struct life *l, struct timeline_look *look)
{
	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *key = &l->t.key[i];
		const struct fact_reg *word = &key->key->at_parent;
		const bool there = word->set ? json_is_true(json_object_get(word->body, "seen"))
					     : key->record[RECORD_DS].all_stopped;
		uint64_t ttl;

		if (there)
			key_set_add(&look->record[RECORD_DS], key->key->hash);
		if (word->set && msg_uint(word->body, "ttl", INT32_MAX, &ttl, NULL) == 0 && ttl > look->ds_ttl)
			look->ds_ttl = (uint32_t)ttl;
	}
}

void observe_operator(struct zone_ctx *c, const struct life *l)
{
	struct timeline_look look = { .observer = LOOKS_OPERATOR, .mark = c->memory->mark, .explained = true };

	for (size_t i = 0; i < l->in.observers; i++)
		if (l->in.observer[i].id == LOOKS_OPERATOR && timeline_wants(&l->in, c->memory, LOOKS_OPERATOR)) {
			look_of(l, &look);
			c->memory_changed |= timeline_looked(c->memory, &l->in, &look);
		}
}
