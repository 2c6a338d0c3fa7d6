/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lifetime: a key that policy has had in use for long enough is to be rolled, as if an operator had asked for it.
 *
 * Its age is told by the time of the fact that created it, and this node's clock while that is vouched for: a roll that
 * begins on another day than meant does no harm, and every node that finds the key due says the same.
 */
#include "keydist/keydist.h"

#include "clock/clock.h"
#include "log/log.h"

#include <string.h>

json_t *lifetime_want(const struct life *l, unsigned alg, enum key_hold hold)
{
	return json_pack("{s:i,s:b,s:s,s:s,s:s,s:I}", "algorithm", (int)alg, "split", l->policy.split, "ksk_method",
			 key_method_names[l->policy.ksk_method], "algorithm_method",
			 key_method_names[l->policy.algorithm_method], "hold", key_hold_names[hold], "policy_rev",
			 (json_int_t)l->p.rev);
}

static bool in_use(const struct timeline_key *key)
{
	const enum key_record use = key->sep ? RECORD_DS : RECORD_ZONE;

	return !key->dead && !key->foreign && !key->key->roll && key->key->declined.n == 0 && !key->record[use].retiring &&
	       key->record[use].phase == PHASE_OMNIPRESENT;
}

void lifetime_step(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	const int64_t now = clock_now_s();

	c->due_at = INT64_MAX;
	for (size_t i = 0; i < l->t.n && l->t.secure && k->clock_good; i++) {
		const struct timeline_key *key = &l->t.key[i];
		const struct key_state *ks = key->key;
		const int64_t lifetime = key->sep ? l->p.ksk_lifetime_s : l->p.zsk_lifetime_s;

		if (lifetime == 0 || !in_use(key))
			continue;
		if (ks->created_at + lifetime > now) {
			if (ks->created_at + lifetime < c->due_at)
				c->due_at = ks->created_at + lifetime;
			continue;
		}
		words_add(k, c, "key.roll",
			  json_pack("{s:o,s:b,s:o}", "key", msg_json_hex(ks->hash, 32), "now", 0, "want",
				    lifetime_want(l, (unsigned)l->p.algorithm, l->policy.hold)),
			  "key-roll", "zone=%s key=%u/%u algorithm=%d msg=its lifetime is over", c->text,
			  dnskey_tag(ks->dnskey, ks->dnskey_len), key->alg, l->p.algorithm);
	}
}
