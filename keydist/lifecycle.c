/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lifecycle: what facts allow with each key of a zone (DESIGN section 5).  Functions of the state alone,
 * apart from who `self` is: they ask no clock and change nothing.
 *
 *   created -> held by every counted signer, stored by the backups (distributed) -> published in DNSKEY,
 * signs
 *           -> served by every counted signer -> seen by every counted signer: named by CDS
 */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

/* The policy that a fact set, read once. */
static const struct policy *policy_of(struct keydist *k, const struct fact_reg *r)
{
	struct known_policy *known;
	struct policy p;

	for (size_t i = 0; i < k->policies; i++)
		if (memcmp(k->policy[i].hash, r->hash, FACT_HASH_LEN) == 0)
			return &k->policy[i].policy;
	if (policy_from_json(json_object_get(r->body, "policy"), &p, NULL) != 0)
		return NULL;
	k->policy = mem_grow(k->policy, k->policies + 1, sizeof(*k->policy));
	known = &k->policy[k->policies++];
	memcpy(known->hash, r->hash, FACT_HASH_LEN);
	known->policy = p;
	known->policy.rev = (int64_t)r->rev;
	return &known->policy;
}

struct policy lifecycle_policy(struct keydist *k, const struct zone_state *z)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct add_state *a = zone_addition(z);
	const char *name = a == NULL ? "default" : json_string_value(json_object_get(a->body, "policy"));

	for (size_t i = 0; i < s->policies; i++)
		if (strcmp(s->policy[i].name, name) == 0 && s->policy[i].reg.set) {
			const struct policy *p = policy_of(k, &s->policy[i].reg);

			if (p != NULL)
				return *p;
		}
	return policy_default();
}

bool lifecycle_is_in(const uint8_t (*ids)[NODE_ID_LEN], size_t n, const struct id_set *set)
{
	for (size_t i = 0; i < n; i++)
		if (!id_set_has(set, ids[i]))
			return false;
	return n > 0;
}

/* Backups, admitted and not retired, that keep the key for a recovery key to which it was sealed. */
static size_t count_stored(const struct fact_state *s, const struct key_state *ks)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nodes; i++) {
		bool has = false;

		if (!node_is_backup(&s->node[i]))
			continue;
		for (size_t r = 0; r < ks->recoveries && !has; r++)
			has = key_stored_by(ks, s->node[i].id, ks->recovery[r].to);
		n += has;
	}
	return n;
}

/* Every counted signer counts every other one. */
static bool all_count_each_other(const struct fact_state *s, const uint8_t (*ids)[NODE_ID_LEN], size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (i != j && !id_set_has(&state_node(s, ids[i])->counts, ids[j]))
				return false;
	return n > 0;
}

bool lifecycle_said_held(const struct keydist *k, const struct key_state *ks)
{
	for (size_t i = 0; i < ks->helds; i++)
		if (memcmp(ks->held[i].node, k->self.id, NODE_ID_LEN) == 0)
			return true;
	return false;
}

static bool is_held(const struct keydist *k, const struct zone_state *z, struct key_state *ks,
		    const uint8_t node[NODE_ID_LEN])
{
	return memcmp(node, k->self.id, NODE_ID_LEN) == 0 ? lifecycle_said_held(k, ks) : key_held_by(z, ks, node);
}

static void view_one(struct keydist *k, const struct zone_state *z, struct key_state *ks,
		     const struct policy *p, const uint8_t (*ids)[NODE_ID_LEN], size_t n, struct key_view *v)
{
	const struct fact_state *s = cluster_state(k->cluster);

	memset(v, 0, sizeof(*v));
	v->key = ks;
	v->sep = strcmp(ks->role, "zsk") != 0;
	v->zone_signing = strcmp(ks->role, "ksk") != 0;
	v->alg = ks->dnskey[3];
	v->tag = dnskey_tag(ks->dnskey, ks->dnskey_len);
	v->counted = n;
	v->served_by_any = ks->record[RECORD_DNSKEY].serves.n > 0;
	/* the proofs of what is served already do not matter here any more */
	for (size_t i = 0; i < n; i++) {
		v->held += v->served_by_any || is_held(k, z, ks, ids[i]);
		v->declined |= id_set_has(&ks->declined, ids[i]);
	}
	v->declined_here = id_set_has(&ks->declined, k->self.id);
	v->stored = count_stored(s, ks);
	v->served_by_all = lifecycle_is_in(ids, n, &ks->record[RECORD_DNSKEY].serves);
	v->seen_by_all = lifecycle_is_in(ids, n, &ks->record[RECORD_DNSKEY].seen);
	/* what anybody serves was distributed in his eyes, and is never taken back here */
	v->distributed = v->served_by_any ||
			 (n > 0 && v->held == n && !v->declined && v->stored >= (size_t)p->require_backups &&
			  all_count_each_other(s, ids, n));
}

/* An algorithm is shown once it has a key for the DNSKEY RRset and one for the zone; a key that is served
 * stays. */
static void decide_published(struct key_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool sep = false, zone_signing = false;

		for (size_t j = 0; j < n; j++)
			if (views[j].alg == views[i].alg && views[j].distributed) {
				sep |= views[j].sep;
				zone_signing |= views[j].zone_signing;
			}
		views[i].published = views[i].served_by_any || (views[i].distributed && sep && zone_signing);
	}
}

/* Per algorithm one key signs the zone: the smallest hash among those that every signer serves and whose wait
 * is over, else among those that every signer serves, else among the published. */
static int signing_rank(const struct key_view *v)
{
	if (!v->published || !v->zone_signing || v->declined_here)
		return 0;
	return v->seen_by_all ? 3 : v->served_by_all ? 2 : 1;
}

static void decide_signing(struct key_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int rank = signing_rank(&views[i]);
		bool best = rank > 0;

		for (size_t j = 0; j < n && best; j++) {
			const int other = views[j].alg == views[i].alg ? signing_rank(&views[j]) : 0;

			if (j != i && (other > rank || (other == rank && memcmp(views[j].key->hash,
										views[i].key->hash, 32) < 0)))
				best = false;
		}
		views[i].signing = best;
	}
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct key_view *)a)->key->hash, ((const struct key_view *)b)->key->hash, 32);
}

size_t lifecycle_view(struct keydist *k, const struct zone_state *z, struct key_view views[VIEWS_MAX])
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct policy p = lifecycle_policy(k, z);
	uint8_t ids[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN];
	size_t counted, n = 0;

	if (s->nodes > sizeof(ids) / sizeof(ids[0]))
		return 0;
	counted = state_counted(s, k->self.id, ids);
	for (size_t i = 0; i < z->keys && n < VIEWS_MAX; i++)
		if (z->key[i].created)
			view_one(k, z, &z->key[i], &p, (const uint8_t(*)[NODE_ID_LEN])ids, counted,
				 &views[n++]);
	qsort(views, n, sizeof(*views), by_hash);
	decide_published(views, n);
	decide_signing(views, n);
	return n;
}

json_t *lifecycle_missing(struct keydist *k, const struct zone_state *z, const struct key_view *v)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct policy p = lifecycle_policy(k, z);
	uint8_t ids[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN];
	json_t *list = json_array();
	size_t n;

	if (v->distributed)
		return list;
	n = state_counted(s, k->self.id, ids);
	for (size_t i = 0; i < n; i++) {
		const char *name = cluster_name(k->cluster, ids[i]);

		if (id_set_has(&v->key->declined, ids[i]))
			json_array_append_new(list, json_sprintf("%s has declined it", name));
		else if (!key_held_by(z, v->key, ids[i]))
			json_array_append_new(list, json_sprintf("%s has not said that it holds it", name));
	}
	if (v->stored < (size_t)p.require_backups)
		json_array_append_new(list, json_sprintf("%zu of %lld backups have said that they store it",
							 v->stored, (long long)p.require_backups));
	if (v->held == v->counted && json_array_size(list) == 0)
		json_array_append_new(list, json_string("not all signers count each other yet"));
	return list;
}
