/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lost: private keys that a signer held and cannot open any more (DESIGN section 5).  Their DNSKEYs stay, and so do the
 * signatures that are there.
 *
 * Who loses one says so.  A signer that has it, or has it again, seals it once more (share.c); so a box behind the first one is
 * the answer to that word.  Boxes are looked at when they are needed, and all of them once a day: a KSK is needed once in a week or two.
 */
#include "keydist/lost.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_MS 86400000
#define AT_ONCE  20 /* zones in a second: some 100 us for each key */

bool lost_here(const struct keydist *k, const struct key_state *ks)
{
	return lost_at(ks, k->self.id);
}

bool lost_at(const struct key_state *ks, const uint8_t id[NODE_ID_LEN])
{
	size_t boxes = 0;

	for (size_t i = 0; i < ks->boxes; i++)
		boxes += memcmp(ks->box[i].to, id, NODE_ID_LEN) == 0;
	return id_set_has(&ks->lost, id) && boxes < 2;
}

/* The key is of use, and this node said that it holds it. */
static bool concerns(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	return !key->dead && !key->foreign && key_held_by(l->in.zone, key->key, k->self.id);
}

void lost_look(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	const struct zone_state *z = l->in.zone;

	c->look_for_lost = false;
	for (size_t i = 0; i < l->t.n; i++) {
		struct key_state *ks = l->t.key[i].key;
		struct err e;

		if (!concerns(k, l, &l->t.key[i]) || id_set_has(&ks->lost, k->self.id) || keys_can_open(k, z, ks, &e))
			continue;
		log_event(LOG_ERROR, "key-lost",
			  "zone=%s key=%u/%u msg=%s; what is served stays, and a signer that has the key seals it anew: duetctl key "
			  "explain %s", z->text, dnskey_tag(ks->dnskey, ks->dnskey_len), l->t.key[i].alg, e.text, z->text);
		words_add(k, c, "key.lost", json_pack("{s:o}", "key", msg_json_hex(ks->hash, 32)), NULL, "-");
	}
}

/* ---- for people ---- */

/* How many of those that count have it. */
static size_t have(const struct life *l, struct key_state *ks)
{
	size_t n = 0;

	for (size_t i = 0; i < l->t.counted_n; i++)
		n += key_held_by(l->in.zone, ks, l->t.counted[i]) && !lost_at(ks, l->t.counted[i]);
	return n;
}

/* This node lost it, and what was sealed to it since cannot be opened either. */
static bool for_good(struct keydist *k, const struct life *l, struct key_state *ks)
{
	return id_set_has(&ks->lost, k->self.id) && !lost_at(ks, k->self.id) && !keys_can_open(k, l->in.zone, ks, NULL);
}

/* The first that lost it; NULL: none did. */
static const char *loser(struct keydist *k, const struct life *l, struct key_state *ks)
{
	for (size_t i = 0; i < l->t.counted_n; i++)
		if (lost_at(ks, l->t.counted[i]))
			return cluster_name(k->cluster, l->t.counted[i]);
	return for_good(k, l, ks) ? k->conf->node.name : NULL;
}

char *lost_why(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	struct key_state *ks = key->key;
	const char *zone = l->in.zone->text, *who;

	if (key->dead || key->foreign || (who = loser(k, l, ks)) == NULL)
		return NULL;
	if (for_good(k, l, ks))
		return mem_printf("%s cannot open its private key, nor what was sealed to it since: put back the identity that this host "
				  "had, or retire this signer and add it anew", who);
	if (have(l, ks) > 0)
		return mem_printf("%s has lost its private key: its DNSKEY and signatures stay, and a signer that has it seals it anew", who);
	if (key->zone_signing)
		return mem_printf("every signer has lost its private key: what is signed stays until it expires, and nothing new can be "
				  "signed.  Bring it back from the backups (duetctl backup restore; docs/rollovers.md, A private key that is lost)");
	return mem_printf("every signer has lost its private key: its DNSKEY and its signatures stay until these expire.  Replace it while "
			  "they last, the new DS first: ksk-rollover: double-ds in the policy, then duetctl key roll %s --role ksk, and "
			  "give the parent what duetctl key ds prints", zone);
}

void lost_tell(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	char *why = NULL;
	struct timeline_key *key = NULL;

	for (size_t i = 0; i < l->t.n && why == NULL; i++) {
		key = (struct timeline_key *)&l->t.key[i];
		why = key->key->lost.n == 0 ? NULL : lost_why(k, l, key);
	}
	free(c->lost);
	c->lost = why == NULL ? NULL
			      : mem_printf("key %u/%u: %s", dnskey_tag(key->key->dnskey, key->key->dnskey_len), key->alg, why);
	free(why);
}

/* ---- once a day ---- */

static void look_at(struct keydist *k, struct zone_ctx *c)
{
	struct zone_state *z = state_zone(cluster_state(k->cluster), c->name);
	struct life l;

	if (z == NULL || zone_addition(z) == NULL)
		return;
	life_view(k, c, z, &l);
	lost_look(k, c, &l);
}

void lost_tick(struct keydist *k)
{
	if (!k->acting || clock_mono_ms() < k->lost_ms)
		return;
	for (size_t i = 0; i < AT_ONCE && k->lost_next < k->zones; i++)
		look_at(k, k->zone[k->lost_next++]);
	if (k->lost_next < k->zones)
		return;
	k->lost_next = 0;
	k->lost_ms = clock_mono_ms() + ROUND_MS;
}
