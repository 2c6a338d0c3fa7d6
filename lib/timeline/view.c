/* SPDX-License-Identifier: BSD-3-Clause */
/* view: from facts to the phase of every record, as the slowest counted signer has it. */
#include "timeline/order.h"

#include "rrset/rr.h"
#include "fail/fault.h"

#include <stdlib.h>
#include <string.h>

bool key_set_has(const struct key_set *s, const uint8_t hash[32])
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->hash[i], hash, 32) == 0)
			return true;
	return false;
}

void key_set_add(struct key_set *s, const uint8_t hash[32])
{
	if (s->n < TIMELINE_KEYS_MAX && !key_set_has(s, hash))
		memcpy(s->hash[s->n++], hash, 32);
}

struct timeline_key *timeline_find(const struct timeline *t, const uint8_t hash[32])
{
	for (size_t i = 0; i < t->n; i++)
		if (memcmp(t->key[i].key->hash, hash, 32) == 0)
			return (struct timeline_key *)&t->key[i];
	return NULL;
}

/* ---- who counts ---- */

/* Voters as bits. */
static uint64_t voters_in(const struct timeline *t, const struct id_set *set)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < set->n; i++)
		for (size_t v = 0; v < t->voters; v++)
			bits |= (uint64_t)(memcmp(t->voter[v], set->id[i], NODE_ID_LEN) == 0) << v;
	return bits;
}

static uint64_t all_voters(const struct timeline *t)
{
	return t->voters == 0 ? 0 : UINT64_MAX >> (64 - t->voters);
}

static uint64_t voter_bit(const struct timeline *t, const uint8_t *node)
{
	for (size_t v = 0; v < t->voters; v++)
		if (memcmp(t->voter[v], node, NODE_ID_LEN) == 0)
			return UINT64_C(1) << v;
	return 0;
}

/* Of those asked all are there; and somebody is asked. */
static bool every(uint64_t bits, uint64_t asked)
{
	return asked != 0 && (asked & ~bits) == 0;
}

static bool any(const struct timeline *t, const struct id_set *set)
{
	for (size_t i = 0; i < t->voters; i++)
		if (id_set_has(set, t->voter[i]))
			return true;
	return false;
}

/* Every counted signer counts every other one, so no signer acts without another's word. */
static bool all_count_each_other(const struct timeline_in *in, const struct timeline *t)
{
	for (size_t i = 0; i < t->counted_n; i++)
		for (size_t j = 0; j < t->counted_n; j++)
			if (i != j &&
			    !id_set_has(&state_node(in->facts, t->counted[i])->counts, t->counted[j]))
				return false;
	return t->counted_n > 0;
}

static bool knows_uncounted(const struct timeline_in *in, const struct timeline *t)
{
	for (size_t i = 0; i < in->facts->nodes; i++) {
		bool counted = false;

		for (size_t j = 0; j < t->counted_n; j++)
			counted |= memcmp(in->facts->node[i].id, t->counted[j], NODE_ID_LEN) == 0;
		if (node_is_signer(&in->facts->node[i]) && !counted)
			return true;
	}
	return false;
}

/* ---- keys ---- */

static bool is_distributed(const struct timeline_in *in, const struct timeline *t, struct key_state *ks)
{
	if (any(t, &ks->declined))
		return false;
	for (size_t i = 0; i < t->counted_n; i++) {
		const bool self = memcmp(t->counted[i], in->self, NODE_ID_LEN) == 0;

		if (self ? !key_said_held(ks, in->self) : !FAULT(OWN_HELD_IS_ENOUGH) && !key_held_by(in->zone, ks, t->counted[i]))
			return false;
	}
	if (!ks->foreign && key_stored_count(in->facts, ks) < in->policy->require_backups && !FAULT(BACKUP_NOT_WAITED_FOR))
		return false;
	return all_count_each_other(in, t);
}

/*
 * Gone for everybody.  Who has nothing to do with the record, neither served it nor promised, need not say it once this node
 * has: this node did so when all whom it counted then had promised, and who was counted later held that promise of this node
 * before it began.  So what is over stays over when a signer joins.
 */
static bool all_gone(uint64_t gone, uint64_t involved, bool own, uint64_t asked)
{
	return every(own ? gone | ~involved : gone, asked);
}

static void view_record(const struct timeline_in *in, const struct timeline *t, struct timeline_key *k,
			enum key_record r)
{
	const struct record_state *s = &k->key->record[r];
	struct record_view *v = &k->record[r];
	const uint64_t serves = voters_in(t, &s->serves), seen = voters_in(t, &s->seen);
	const uint64_t stopped = voters_in(t, &s->stopped), gone = voters_in(t, &s->gone);
	const uint64_t all = all_voters(t), self = voter_bit(t, in->self);
	/* before its first version a signer takes the others' word for what is there */
	const uint64_t asked = t->joining ? all & ~self : all;

	v->any_serves = serves != 0;
	v->all_serve = FAULT(ANY_SERVES_IS_ENOUGH) ? v->any_serves : every(serves, asked);
	v->all_seen = FAULT(ANY_SEEN_IS_ENOUGH) ? seen != 0 : every(seen, asked);
	v->any_stopped = stopped != 0;
	v->all_stopped = every(stopped, asked);
	v->serves = id_set_has(&s->serves, in->self);
	v->seen = id_set_has(&s->seen, in->self);
	v->stopped = id_set_has(&s->stopped, in->self);
	v->gone = id_set_has(&s->gone, in->self);
	v->any_seen = seen != 0 || v->seen;
	v->all_gone = FAULT(ANY_GONE_IS_ENOUGH) ? gone != 0 : all_gone(gone, serves | stopped, v->gone, asked);
	v->others_gone = every(gone, all & ~self);
	v->shown = key_set_has(&in->published->record[r], k->key->hash);
	v->show = v->shown;
}

/* Needs the views of all keys: what comes before a record may be another key's. */
static enum record_phase phase_of(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	const struct record_view *v = &k->record[r];

	if (v->all_gone || (k->dead && FAULT(DEAD_WITH_DNSKEY)))
		return PHASE_HIDDEN;
	if (v->any_stopped)
		return PHASE_UNRETENTIVE;
	if (v->all_seen)
		return PHASE_OMNIPRESENT;
	if (v->any_serves || v->shown || order_may_be_shown(t, k, r) || (k->foreign && r != RECORD_DNSKEY))
		return PHASE_RUMOURED;
	return PHASE_HIDDEN;
}

static void view_key(const struct timeline_in *in, const struct timeline *t, struct key_state *ks,
		     struct timeline_key *k)
{
	*k = (struct timeline_key){ .key = ks, .alg = ks->dnskey[3] };
	k->sep = strcmp(ks->role, "zsk") != 0;
	k->zone_signing = strcmp(ks->role, "ksk") != 0;
	k->foreign = ks->foreign;
	k->held = key_said_held(ks, in->self);
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		view_record(in, t, k, r);
	k->dead = true;
	for (enum key_record r = 0; r < KEY_RECORDS && !FAULT(DEAD_WITH_DNSKEY); r++)
		k->dead &= k->record[r].all_gone || !order_has(k, r);
	if (FAULT(DEAD_WITH_DNSKEY))
		k->dead = k->record[RECORD_DNSKEY].all_gone;
}

static bool is_shown(const struct timeline_key *k)
{
	return k->record[RECORD_DNSKEY].shown || k->record[RECORD_ZONE].shown || k->record[RECORD_DS].shown;
}

/* Places in zone.key of the keys that were made, by hash. */
static size_t by_hash(const struct zone_state *z, size_t *at, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < z->keys; i++) {
		size_t to = n;

		if (!z->key[i].created)
			continue;
		if (n == room)
			return n + 1;
		for (; to > 0 && memcmp(z->key[at[to - 1]].hash, z->key[i].hash, 32) > 0; to--)
			at[to] = at[to - 1];
		at[to] = i;
		n++;
	}
	return n;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(((const struct timeline_key *)a)->key->hash, ((const struct timeline_key *)b)->key->hash, 32);
}

/* Those that live first, and what an old copy shows of others. */
static void choose_of_many(const struct timeline_in *in, struct timeline *t)
{
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < in->zone->keys && t->n < TIMELINE_KEYS_MAX; i++) {
			struct timeline_key *k = &t->key[t->n];

			if (!in->zone->key[i].created)
				continue;
			view_key(in, t, &in->zone->key[i], k);
			t->n += (!k->dead || is_shown(k)) == (round == 0);
		}
	qsort(t->key, t->n, sizeof(t->key[0]), compare_keys);
}

/* All, as a rule; but a zone may have had any number of keys. */
static void choose_keys(const struct timeline_in *in, struct timeline *t)
{
	size_t at[TIMELINE_KEYS_MAX];
	const size_t n = by_hash(in->zone, at, TIMELINE_KEYS_MAX);

	if (n > TIMELINE_KEYS_MAX) {
		choose_of_many(in, t);
		return;
	}
	for (; t->n < n; t->n++)
		view_key(in, t, &in->zone->key[at[t->n]], &t->key[t->n]);
}

/* Of those that count nobody has served: what caches and secondaries have is of signers that are retired, all of them. */
static bool revives(const struct timeline_in *in, struct timeline *t)
{
	size_t n = 0;

	if (in->published->any || FAULT(RESTORE_FORGETS))
		return false;
	for (size_t i = 0; i < in->facts->nodes && n < TIMELINE_OBSERVERS_MAX; i++)
		if (in->facts->node[i].retired && timeline_ever_served(in->zone, in->facts->node[i].id))
			memcpy(t->voter[n++], in->facts->node[i].id, NODE_ID_LEN);
	if (n > 0)
		t->voters = n;
	return n > 0;
}

static void view_keys(const struct timeline_in *in, struct timeline *t)
{
	bool others_serve = false;

	memcpy(t->voter, t->counted, sizeof(t->voter[0]) * t->counted_n);
	t->voters = t->counted_n;
	for (size_t i = 0; i < in->zone->keys; i++)
		others_serve |= any(t, &in->zone->key[i].record[RECORD_DNSKEY].serves);
	t->revives = !timeline_ever_served(in->zone, in->self) && !others_serve && revives(in, t);
	t->joining = t->revives || (others_serve && !timeline_ever_served(in->zone, in->self));
	t->may_serve = FAULT(ADMITTED_SERVES) || timeline_ever_served(in->zone, in->self) ||
		       (all_count_each_other(in, t) && !knows_uncounted(in, t));
	choose_keys(in, t);
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];

		k->distributed = k->record[RECORD_DNSKEY].any_serves || k->record[RECORD_ZONE].any_serves ||
				 is_distributed(in, t, k->key);
		if (t->joining && !k->held && !k->dead && k->record[RECORD_DNSKEY].any_serves)
			t->may_serve = false;
	}
}

/* The published version is older than this node's own facts: an old copy was put back, or all that was published is lost.  What it
 * said counts, not what the copy shows. */
static bool is_stale(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			const struct record_view *v = &t->key[i].record[r];

			if (v->shown ? v->stopped : v->serves && !v->stopped)
				return true;
		}
	return false;
}

static void begin_from_facts(struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++) {
			struct record_view *v = &t->key[i].record[r];

			v->show = v->serves && !v->stopped;
		}
}

static bool wants_secure(const struct zone_state *z)
{
	return !z->secure.set || json_is_true(json_object_get(z->secure.body, "secure"));
}

/* As the policy says, or as those have it that take the place of keys of another algorithm. */
static bool is_strict(const struct timeline_in *in, const struct timeline *t)
{
	bool liberal = false;

	for (size_t i = 0; i < t->n; i++) {
		const enum key_method method = t->key[i].key->method;

		for (size_t r = 0; r < KEY_REPLACES_MAX && !t->key[i].dead; r++) {
			const struct timeline_key *old = timeline_find(t, t->key[i].key->replaces[r]);

			if (old == NULL || old->dead || old->alg == t->key[i].alg)
				continue;
			if (method == METHOD_CONSERVATIVE)
				return true;
			liberal |= method == METHOD_LIBERAL;
		}
	}
	return !liberal && in->policy->algorithm_method == METHOD_CONSERVATIVE;
}

void timeline_view(const struct timeline_in *in, struct timeline *out)
{
	out->n = 0;
	out->cds_delete = false;
	out->counted_n = 0;
	if (in->facts->nodes <= TIMELINE_OBSERVERS_MAX)
		out->counted_n = state_counted(in->facts, in->self, out->counted);
	out->secure = wants_secure(in->zone);
	view_keys(in, out);
	out->strict = is_strict(in, out);
	for (size_t i = 0; i < out->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			out->key[i].record[r].phase =
				order_has(&out->key[i], r) ? phase_of(out, &out->key[i], r) : PHASE_HIDDEN;
	goals_decide(in, out);
	out->stale = is_stale(out) && !FAULT(COPY_OVER_FACTS);
	if (out->stale)
		begin_from_facts(out);
	out->stale = out->stale && !FAULT(STALE_RENEWED);
	show_decide(in, out);
}

/* ---- the next version ---- */

bool timeline_changes(const struct timeline *t, const struct timeline_published *p)
{
	bool signs = false, others_sign = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct record_view *v = &t->key[i].record[RECORD_ZONE];

		signs |= v->show;
		others_sign |= v->any_serves && !v->all_stopped;
	}
	if (!p->any) /* the first version: signed where the others' are, while anybody may ask for it */
		return t->may_serve && (signs || !others_sign || (!t->secure && chain_no_ds(t)));
	if (t->cds_delete != p->cds_delete)
		return true;
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if (t->key[i].record[r].show != t->key[i].record[r].shown)
				return true;
	return false;
}

void timeline_next(const struct timeline *t, const struct timeline_published *p,
		   struct timeline_published *out)
{
	struct timeline_published next = { .any = true,
					   .dnskey_ttl = p->dnskey_ttl,
					   .zone_ttl = p->zone_ttl };

	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if (t->key[i].record[r].show)
				key_set_add(&next.record[r], t->key[i].key->hash);
	next.cds_delete = t->cds_delete;
	*out = next;
}

bool timeline_ds_moves(const struct timeline *t)
{
	bool moves = t->cds_delete || chain_ds_moves(t);

	for (size_t i = 0; i < t->n; i++)
		moves |= t->key[i].sep && t->key[i].record[RECORD_DS].retiring;
	return moves;
}
