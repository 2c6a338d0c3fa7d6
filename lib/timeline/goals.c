/* SPDX-License-Identifier: BSD-3-Clause */
/* goals: which records are to go, and what is to be created.  Says nothing of when. */
#include "timeline/order.h"

#include "fail/fault.h"

#include <sodium.h>
#include <string.h>

static const uint8_t none[32];

bool goals_replaces(const struct timeline_key *k, const uint8_t hash[32])
{
	for (size_t i = 0; i < KEY_REPLACES_MAX; i++)
		if (memcmp(k->key->replaces[i], hash, 32) == 0 && memcmp(hash, none, 32) != 0)
			return true;
	return false;
}

/* Made for the same purpose, by nodes that did not hear each other. */
static bool competes(const struct timeline_key *a, const struct timeline_key *b, enum key_record use)
{
	if (!order_has(a, use) || !order_has(b, use) || a->foreign || b->foreign)
		return false;
	return memcmp(a->key->replaces[0], b->key->replaces[0], 32) == 0 ||
	       goals_replaces(b, a->key->replaces[0]) || goals_replaces(a, b->key->replaces[0]);
}

static bool brings_algorithm(const struct timeline_key *k)
{
	return k->key->method == METHOD_CONSERVATIVE || k->key->method == METHOD_LIBERAL;
}

static bool is_csk(const struct timeline_key *k)
{
	return k->sep && k->zone_signing;
}

/*
 * All nodes come to the same.  Keys that bring an algorithm come in twos, and of two algorithms one is to stay.  A CSK wins
 * over a KSK and a ZSK for both uses: with one of the two it would never be where a key in use should be.
 */
static bool beats(const struct timeline_key *a, const struct timeline_key *b)
{
	if (brings_algorithm(a) != brings_algorithm(b))
		return brings_algorithm(a);
	if (a->alg != b->alg)
		return a->alg < b->alg;
	return is_csk(a) != is_csk(b) ? is_csk(a) : memcmp(a->key->hash, b->key->hash, 32) < 0;
}

/* Of competing keys that all have everywhere, one is used. */
static bool loses(const struct timeline *t, const struct timeline_key *k, enum key_record use)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *o = &t->key[i];

		if (o != k && !o->dead && competes(o, k, use) && o->record[RECORD_DNSKEY].all_seen && beats(o, k))
			return true;
	}
	return false;
}

/* It is there for the case that the one in use must go, and takes no place until it is released. */
static bool stands_by(const struct timeline_key *k)
{
	return k->key->hold == HOLD_STANDBY && k->key->released == 0;
}

/* Some other key is there for this use of the key. */
static bool replaced(const struct timeline *t, const struct timeline_key *k, enum key_record use)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].distributed && goals_replaces(&t->key[i], k->key->hash) && order_has(&t->key[i], use) &&
		    !stands_by(&t->key[i]))
			return true;
	return false;
}

/* Somebody has promised not to use it, which is for good, and nobody does: it can be of no use any more, whatever became of the
 * key to which it lost. */
static bool never_comes(const struct timeline_key *k, enum key_record use)
{
	return k->key->record[use].stopped.n > 0 && !k->record[use].any_serves;
}

static bool goes(const struct timeline *t, const struct timeline_key *k, enum key_record use)
{
	return order_has(k, use) && (loses(t, k, use) || replaced(t, k, use) || never_comes(k, use));
}

/* Somebody has ceased to name a key for which there is no other: the zone becomes insecure before it can
 * become secure anew. */
static bool insecure_under_way(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS && !t->key[i].dead; r++)
			if (t->key[i].key->record[r].insecure)
				return true;
	return false;
}

/* By anybody, also by who is retired since. */
static bool any_gave_up(const struct key_state *k)
{
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (k->record[r].stopped.n > 0)
			return true;
	return false;
}

void goals_decide(const struct timeline_in *in, struct timeline *t)
{
	(void)in;
	t->secure = t->secure && !insecure_under_way(t);
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];
		/* declined, and not served, or never to be served by all, though some had not heard it when they began to */
		const bool given_up = k->key->declined.n > 0 && (!k->distributed || any_gave_up(k->key));
		const bool all = !t->secure || (k->foreign && k->key->withdrawn) || given_up;

		k->record[RECORD_DS].retiring = k->sep && (all || goes(t, k, RECORD_DS));
		k->record[RECORD_ZONE].retiring = k->zone_signing && (all || goes(t, k, RECORD_ZONE));
		k->record[RECORD_DNSKEY].retiring = (!k->sep || k->record[RECORD_DS].retiring) &&
						    (!k->zone_signing || k->record[RECORD_ZONE].retiring);
	}
}

/* ---- creation ---- */

static bool alive(const struct timeline_key *k)
{
	return !k->dead && k->key->declined.n == 0 && !k->record[RECORD_DNSKEY].retiring;
}

/* The key is where a key in use should be. */
static bool settled(const struct timeline_key *k)
{
	return k->record[RECORD_DNSKEY].phase == PHASE_OMNIPRESENT &&
	       (!k->zone_signing || k->record[RECORD_ZONE].phase == PHASE_OMNIPRESENT) &&
	       (!k->sep || k->record[RECORD_DS].phase == PHASE_OMNIPRESENT);
}

/* One roll at a time for each use: no other key of it comes in or goes out, and no other algorithm.  k NULL: for all
 * uses. */
static bool roll_runs(const struct timeline *t, const struct timeline_key *k)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *o = &t->key[i];

		if (o->foreign && !o->dead && !FAULT(FOREIGN_ROLLS)) /* that signer does not know of the new key */
			return true;
		if (o == k || o->dead || o->foreign || FAULT(ROLLS_OVERLAP))
			continue;
		if (k == NULL ? !alive(o) || !settled(o)
			      : (o->sep && k->sep) || (o->zone_signing && k->zone_signing) || o->alg != k->alg)
			return true;
	}
	return false;
}

static void want(struct timeline_create *c, const char *role, const struct timeline_policy *p, enum key_method method,
		 const struct timeline_key *a, const struct timeline_key *b)
{
	memset(c, 0, sizeof(*c));
	c->role = role;
	c->alg = p->algorithm;
	c->hold = p->hold;
	c->method = method;
	if (a != NULL)
		memcpy(c->replaces[0], a->key->hash, 32);
	if (b != NULL && b != a)
		memcpy(c->replaces[1], b->key->hash, 32);
}

static const struct timeline_key *user_of(const struct timeline *t, enum key_record use)
{
	for (size_t i = 0; i < t->n; i++)
		if (alive(&t->key[i]) && !t->key[i].foreign && order_has(&t->key[i], use))
			return &t->key[i];
	return NULL;
}

/* The keys that policy asks for, in place of all that there are: another algorithm, or split and combined. */
static size_t want_all(const struct timeline_policy *p, const struct timeline *t, struct timeline_create out[2])
{
	const struct timeline_key *ksk = user_of(t, RECORD_DS), *zsk = user_of(t, RECORD_ZONE);
	const bool first = ksk == NULL || zsk == NULL;
	enum key_method method = first                      ? METHOD_FIRST
				 : ksk->alg != p->algorithm ? p->algorithm_method
							    : p->ksk_method;

	if (!p->split) {
		want(&out[0], "csk", p, method, ksk, zsk);
		return 1;
	}
	want(&out[0], "ksk", p, method, ksk, NULL);
	want(&out[1], "zsk", p,
	     !first && zsk->alg == p->algorithm ? METHOD_PREPUBLICATION : method, zsk, NULL);
	return 2;
}

/* The policy as it was when the roll was asked for. */
static struct timeline_policy wanted_by(const struct timeline_policy *now, const struct key_state *ks)
{
	struct timeline_policy p = *now;

	if (ks->want.set) {
		p.algorithm = ks->want.alg;
		p.split = ks->want.split;
		p.ksk_method = ks->want.ksk_method;
		p.algorithm_method = ks->want.algorithm_method;
		p.hold = ks->want.hold;
	}
	return p;
}

size_t create_wanted(const struct timeline_in *in, const struct timeline *t, struct timeline_create out[2],
		     const struct timeline_key **rolled)
{
	*rolled = NULL;
	if (!t->secure)
		return 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];
		const struct timeline_policy p = wanted_by(in->policy, k->key);
		const bool same = k->alg == p.algorithm && p.split != (k->sep && k->zone_signing);

		if (!k->key->roll || k->foreign || !alive(k) || !settled(k) || roll_runs(t, k))
			continue;
		*rolled = k;
		if (!same) {
			/* one roll and one turn, whichever key was named */
			*rolled = user_of(t, RECORD_DS) == NULL || FAULT(TURN_BY_NAMED_KEY)
					  ? k
					  : user_of(t, RECORD_DS);
			return roll_runs(t, NULL) ? 0 : want_all(&p, t, out);
		}
		want(&out[0], k->key->role, &p, k->sep ? p.ksk_method : METHOD_PREPUBLICATION, k, NULL);
		return 1;
	}
	return 0;
}

size_t create_rank(const struct timeline_in *in, const struct timeline *t, const uint8_t key[32])
{
	uint8_t own[32], other[32];
	size_t rank = 0;

	if (FAULT(EVERYBODY_CREATES))
		return 0;
	for (size_t i = 0; i <= t->counted_n; i++) {
		const uint8_t *id = i == 0 ? in->self : t->counted[i - 1];
		crypto_hash_sha256_state st;

		crypto_hash_sha256_init(&st);
		crypto_hash_sha256_update(&st, in->zone->name, dname_len(in->zone->name));
		crypto_hash_sha256_update(&st, key, 32);
		crypto_hash_sha256_update(&st, id, NODE_ID_LEN);
		crypto_hash_sha256_final(&st, i == 0 ? own : other);
		rank += i > 0 && memcmp(other, own, 32) < 0;
	}
	return rank;
}
