/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show: what this node's next version has.  Records come in when order.c allows, and go when the chain of
 * trust holds without them, whatever the other signers do meanwhile.
 */
#include "timeline/order.h"

#include "fail/fault.h"

#include <string.h>

/* ---- coming in ---- */

bool show_alg_complete(const struct timeline *t, unsigned alg)
{
	bool sep = false, zone_signing = false;

	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].alg == alg && t->key[i].distributed && !t->key[i].dead && !t->key[i].foreign) {
			sep |= t->key[i].sep;
			zone_signing |= t->key[i].zone_signing;
		}
	return sep && zone_signing;
}

/* A foreign signer's key makes no signatures here. */
static bool foreign_never(const struct timeline_key *k, enum key_record r)
{
	return k->foreign && ((r == RECORD_ZONE && !FAULT(FOREIGN_SIGNS)) || (r == RECORD_DS && FAULT(FOREIGN_NOT_NAMED)));
}

/* Each foreign key that is to stay may be named in CDS, or is: so ours comes beside it, at a parent that does what CDS says, and
 * never for a while in its place. */
static bool foreign_named(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];
		const struct record_view *v = &k->record[RECORD_DS];

		if (k->foreign && k->sep && !k->dead && !v->retiring && !v->any_stopped && !v->show &&
		    !(k->distributed && order_all_ready(t, k, RECORD_DS)) && !FAULT(FOREIGN_NAMED_LATER) && !FAULT(FOREIGN_NOT_NAMED))
			return false;
	}
	return true;
}

/* All but an operator's word is there. */
static bool could_come(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	/* also by who is retired since: it is on its way out */
	const bool stopped = k->key->record[r].stopped.n > 0;

	return order_has(k, r) && !foreign_never(k, r) && !k->record[r].retiring && !stopped && !k->record[r].gone && (k->distributed || FAULT(NOT_DISTRIBUTED)) && show_alg_complete(t, k->alg) &&
	       order_all_ready(t, k, r) && (r != RECORD_DS || k->foreign || foreign_named(t));
}

/* Keys that bring another algorithm come together: a validator may ask for all of it once it sees any. */
static bool come_together(const struct timeline_key *a, const struct timeline_key *b)
{
	return a == b || (a->alg == b->alg && !b->dead && !FAULT(STEPS_TEAR_ALGORITHM) &&
			  (a->key->method == METHOD_CONSERVATIVE || a->key->method == METHOD_LIBERAL));
}

/* What any signer shows was released, though the word may not be here yet; and what comes together with a key that waits for
 * no word waits for none. */
static bool is_released(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	if (k->key->hold == HOLD_NONE || (k->key->hold == HOLD_STANDBY && order_before(k->key->method, r) == 0))
		return true;
	for (size_t i = 0; i < t->n; i++)
		if (come_together(k, &t->key[i]) &&
		    (t->key[i].record[r].any_serves || (t->key[i].key->released & RELEASE_IN(r)) != 0 ||
		     (t->key[i].key->hold == HOLD_NONE && t->key[i].distributed)))
			return true;
	return false;
}

static bool may_come(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	return could_come(t, k, r) && is_released(t, k, r);
}

/* What any signer serves as DNSKEY, all publish: so divergence heals.  One that begins names in CDS what the
 * others name, too. */
static bool others_show(const struct timeline_key *k, enum key_record r)
{
	const struct record_view *v = &k->record[r];

	return v->any_serves && ((!v->any_stopped && !v->stopped) || FAULT(PROMISE_FORGOTTEN)) &&
	       !FAULT(JOINER_NO_UNION);
}

/* ---- going ---- */

/* A DS of the algorithm may be in some cache, or come there. */
static bool ds_asks(const struct timeline *t, unsigned alg)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].alg == alg && t->key[i].sep &&
		    t->key[i].record[RECORD_DS].phase != PHASE_HIDDEN)
			return true;
	return false;
}

/* Nobody asks for the algorithm any more: its last signature may go. */
static bool alg_is_over(const struct timeline *t, unsigned alg)
{
	for (size_t i = 0; i < t->n && t->strict && !FAULT(SIGNATURES_WITH_DNSKEY); i++)
		if (t->key[i].alg == alg && t->key[i].record[RECORD_DNSKEY].phase != PHASE_HIDDEN)
			return false;
	return !ds_asks(t, alg);
}

/* Another key that is to stay has what this one loses, and a DNSKEY that all have: it stays so until this
 * node itself promises not to use it. */
static bool stands_in(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *o = &t->key[i];

		if (o != k && !o->foreign && o->record[r].show && !o->record[r].retiring &&
		    o->record[RECORD_DNSKEY].phase == PHASE_OMNIPRESENT &&
		    (r == RECORD_DS || o->alg == k->alg))
			return true;
	}
	return FAULT(LAST_SIGNATURE_GOES);
}

/* What a foreign signer published may be in caches: RRSIGs, and a DNSKEY RRset that its own keys alone have signed. */
static bool foreign_in_caches(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].foreign && t->key[i].zone_signing && t->key[i].record[RECORD_ZONE].phase != PHASE_HIDDEN)
			return true;
	return false;
}

/*
 * What signers decide at the same time must not meet: who takes a signature or a DS away relies on another
 * key's DNSKEY, so a DNSKEY goes only when all have promised not to sign with it and not to name it, and
 * these promises are kept everywhere; nobody relies on signatures or DS that others might take away.
 */
static bool has_leave(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	if (r == RECORD_DS && k->foreign && t->secure && foreign_in_caches(t))
		return FAULT(FOREIGN_DS_AT_ONCE);
	if (r == RECORD_DS)
		return !t->secure || stands_in(t, k, r);
	if (r == RECORD_ZONE)
		return stands_in(t, k, r) || alg_is_over(t, k->alg) || (!t->secure && (chain_no_ds(t) || FAULT(INSECURE_AT_ONCE)));
	if (FAULT(OLD_KEY_REMOVED_EARLY) || FAULT(RELIES_ON_SIGNATURES) ||
	    (FAULT(INSECURE_AT_ONCE) && !t->secure))
		return true;
	if (k->sep && k->record[RECORD_DS].phase != PHASE_HIDDEN)
		return FAULT(DNSKEY_BEFORE_DS);
	if (!t->secure && !chain_no_ds(t))
		return false; /* all go together: were one gone for good before another, the zone could be asked to be secure with half its keys */
	if (k->foreign && k->zone_signing && k->record[RECORD_ZONE].phase != PHASE_HIDDEN)
		return FAULT(FOREIGN_DNSKEY_AT_ONCE); /* what that signer signed may be in caches */
	/* the last of an algorithm that no DS names: its signatures stay until the DNSKEY is gone */
	return !k->zone_signing || k->record[RECORD_ZONE].phase == PHASE_HIDDEN ||
	       !(ds_asks(t, k->alg) || chain_unnamed(t)) ||
	       FAULT(DNSKEY_BEFORE_SIGNATURES);
}

static bool may_go(struct timeline *t, struct timeline_key *k, enum key_record r)
{
	struct record_view *v = &k->record[r];
	const enum record_phase before = v->phase;
	bool holds;

	if (!has_leave(t, k, r))
		return false;
	v->phase = PHASE_UNRETENTIVE;
	if ((FAULT(OLD_KEY_REMOVED_EARLY) || FAULT(DNSKEY_BEFORE_SIGNATURES)) && r == RECORD_DNSKEY)
		return true;
	/* The DELETE of an insecure zone needs no chain for DS: it is what takes the chain away. */
	holds = (r == RECORD_DS && !t->secure) || timeline_chain_holds(t) ||
		(FAULT(INSECURE_AT_ONCE) && !t->secure);
	if (!holds)
		v->phase = before;
	return holds;
}

/* The key that takes the place of this one step by step; NULL: none does. */
static const struct timeline_key *steps_after(const struct timeline *t, const struct timeline_key *k)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].key->hold == HOLD_STEPS && !t->key[i].dead && goals_replaces(&t->key[i], k->key->hash))
			return &t->key[i];
	return NULL;
}

/* Its place is taken step by step, and this step is not released.  Signatures change hands when the new key's are; the keys
 * of an algorithm go together, as they came. */
static bool is_held(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	const struct timeline_key *after = r == RECORD_ZONE || !t->secure ? NULL : steps_after(t, k);

	for (size_t i = 0; i < t->n && after != NULL; i++) {
		const struct timeline_key *o = &t->key[i];
		const bool together = o == k || (o->alg == k->alg && after->alg != k->alg && o->record[r].retiring &&
						 !FAULT(STEPS_TEAR_ALGORITHM));

		if (together && !o->dead && (o->record[r].any_stopped || (o->key->released & RELEASE_OUT(r)) != 0))
			return false;
	}
	return after != NULL;
}

/* Others sign with it, and none has given it up. */
static bool others_sign(const struct timeline_key *k)
{
	return k->zone_signing && k->held && !k->record[RECORD_ZONE].any_stopped && k->record[RECORD_ZONE].any_serves;
}

/* Who joins takes nothing away that all others have seen everywhere: servers that only they look at may have its versions. */
static bool others_rely(const struct timeline *t, const struct timeline_key *k, enum key_record r)
{
	return r == RECORD_ZONE && t->joining && others_sign(k) && k->record[r].all_seen;
}

static void let_go(struct timeline *t, enum key_record r)
{
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];
		const enum record_phase before = k->record[r].phase;

		if (!k->record[r].show || !k->record[r].retiring || others_rely(t, k, r) || !may_go(t, k, r))
			continue;
		k->record[r].waits_out = is_held(t, k, r);
		if (k->record[r].waits_out)
			k->record[r].phase = before;
		else
			k->record[r].show = false;
	}
}

/* In the DNSKEY RRset the algorithm has keys for that or for the zone, and not for both. */
static bool alg_is_half(const struct timeline *t, unsigned alg)
{
	bool sep = false, zone_signing = false;

	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].alg == alg && !t->key[i].foreign && t->key[i].record[RECORD_DNSKEY].show) {
			sep |= t->key[i].sep;
			zone_signing |= t->key[i].zone_signing;
		}
	return sep != zone_signing;
}

static void set_phases(struct timeline *t, unsigned alg, const enum record_phase *each)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].alg == alg)
			t->key[i].record[RECORD_DNSKEY].phase = each == NULL ? PHASE_HIDDEN : each[i];
}

/*
 * All that the algorithm has there goes at once, if all of it may: then each DNSKEY RRset with any of it has the keys of its
 * signatures, and only the other algorithms have to hold.  None of them may go alone, so each that is held waits for its word here.
 */
static void let_alg_go(struct timeline *t, unsigned alg)
{
	enum record_phase phase[TIMELINE_KEYS_MAX];
	bool held = false, holds;

	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		phase[i] = k->record[RECORD_DNSKEY].phase;
		if (k->alg != alg || !k->record[RECORD_DNSKEY].show)
			continue;
		if (k->foreign || !k->record[RECORD_DNSKEY].retiring || !has_leave(t, k, RECORD_DNSKEY))
			return;
		held |= is_held(t, k, RECORD_DNSKEY);
	}
	set_phases(t, alg, NULL);
	holds = !ds_asks(t, alg) && timeline_chain_holds(t);
	for (size_t i = 0; i < t->n && holds; i++) {
		struct record_view *v = &t->key[i].record[RECORD_DNSKEY];

		if (t->key[i].alg != alg || !v->show)
			continue;
		if (held) {
			v->waits_out = is_held(t, &t->key[i], RECORD_DNSKEY);
		} else {
			phase[i] = PHASE_UNRETENTIVE;
			v->show = false;
		}
	}
	set_phases(t, alg, phase);
}

/* A validator may ask for all of an algorithm while it sees any: its last keys go together, as they came. */
static void let_go_dnskeys(struct timeline *t)
{
	enum record_phase before[TIMELINE_KEYS_MAX];
	bool shown[TIMELINE_KEYS_MAX], was_half[TIMELINE_KEYS_MAX];

	for (size_t i = 0; i < t->n; i++)
		let_alg_go(t, t->key[i].alg);
	for (size_t i = 0; i < t->n; i++) {
		before[i] = t->key[i].record[RECORD_DNSKEY].phase;
		shown[i] = t->key[i].record[RECORD_DNSKEY].show;
		was_half[i] = alg_is_half(t, t->key[i].alg);
	}
	let_go(t, RECORD_DNSKEY);
	for (size_t i = 0; i < t->n; i++) {
		if (was_half[i] || !alg_is_half(t, t->key[i].alg))
			continue;
		for (size_t j = i; j < t->n; j++)
			if (t->key[j].alg == t->key[i].alg) {
				t->key[j].record[RECORD_DNSKEY].phase = before[j];
				t->key[j].record[RECORD_DNSKEY].show = shown[j];
			}
	}
}

/* ---- signatures over the zone ---- */

static bool can_sign(const struct timeline *t, const struct timeline_key *k)
{
	if (k->foreign && !FAULT(FOREIGN_SIGNS))
		return false;
	/* with what all others have served long enough; or the first there is: they wait for who joins with all that comes after */
	if (t->joining && others_sign(k) &&
	    (k->record[RECORD_DNSKEY].all_seen || k->record[RECORD_ZONE].all_seen || k->key->method == METHOD_FIRST))
		return true;
	return k->held && (may_come(t, k, RECORD_ZONE) ||
			   (k->record[RECORD_ZONE].show && !k->record[RECORD_ZONE].stopped));
}

/* Per algorithm one key signs: of those that are to stay the smallest hash, else one that is still allowed. */
static void choose_signing(struct timeline *t, unsigned alg)
{
	struct timeline_key *best = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];

		if (k->alg != alg || !k->zone_signing || !can_sign(t, k))
			continue;
		if (best == NULL || (best->record[RECORD_ZONE].retiring && !k->record[RECORD_ZONE].retiring))
			best = k;
	}
	for (size_t i = 0; i < t->n && best == NULL && t->revives; i++) /* those who could have waited for more are lost */
		if (t->key[i].alg == alg && !t->key[i].foreign && others_sign(&t->key[i]))
			best = &t->key[i];
	if (best == NULL)
		return;
	best->record[RECORD_ZONE].show = true;
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];

		/* what was said to be served goes by a promise alone, which is said of a key that is to go */
		if (k->record[RECORD_ZONE].serves && !k->record[RECORD_ZONE].retiring)
			continue;
		if (k != best && k->alg == alg && k->record[RECORD_ZONE].show && may_go(t, k, RECORD_ZONE))
			k->record[RECORD_ZONE].show = false;
	}
	for (size_t i = 0; i < t->n; i++)
		t->key[i].record[RECORD_ZONE].show |= t->key[i].alg == alg && others_rely(t, &t->key[i], RECORD_ZONE);
}

/* DELETE once no signer names a key any more, while there is still something that a parent could name. */
static bool wants_delete(const struct timeline *t)
{
	bool gone = true, named = false;

	if (t->secure)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		if (!k->sep || k->dead)
			continue;
		if (!k->record[RECORD_DS].all_stopped && !k->record[RECORD_DS].all_gone)
			return false;
		named |= k->record[RECORD_DNSKEY].show;
		gone &= k->record[RECORD_DS].all_gone;
	}
	return named && !gone;
}

void show_decide(const struct timeline_in *in, struct timeline *t)
{
	if (!in->published->any && !t->may_serve)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_key *k = &t->key[i];

		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			k->record[r].waits_in = could_come(t, k, r) && !is_released(t, k, r);
		k->record[RECORD_DNSKEY].show |=
			others_show(k, RECORD_DNSKEY) || may_come(t, k, RECORD_DNSKEY);
		k->record[RECORD_DS].show |=
			(may_come(t, k, RECORD_DS) && parents_known(in, in->memory)) ||
			(t->joining && others_show(k, RECORD_DS) && !FAULT(JOINER_NO_CDS));
	}
	for (size_t i = 0; i < t->n && FAULT(SERVES_TAKEN_BACK); i++) /* of what not all show yet */
		if (!t->key[i].record[RECORD_DNSKEY].all_serve && in->published->any)
			t->key[i].record[RECORD_DNSKEY].show = !t->key[i].record[RECORD_DNSKEY].shown;
	for (size_t i = 0; i < t->n; i++)
		choose_signing(t, t->key[i].alg);
	if (parents_known(in, in->memory))
		let_go(t, RECORD_DS);
	let_go(t, RECORD_ZONE);
	let_go_dnskeys(t);
	t->cds_delete = wants_delete(t);
}
