/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain: whether every validator finds a chain of trust, whatever it has in its caches ("Flexible and Robust
 * Key Rollover in DNSSEC", Schaeffer, Mekking and others; here over sets of keys instead of pairs).
 *
 * A validator has one DS RRset, one DNSKEY RRset with its RRSIGs, and RRsets of the zone, each of its own
 * age.  All that is known is which record may be missing from them.
 */
#include "timeline/order.h"

static enum record_phase phase(const struct timeline_key *k, enum key_record r)
{
	return order_has(k, r) ? k->record[r].phase : PHASE_HIDDEN;
}

static bool everywhere(const struct timeline_key *k, enum key_record r)
{
	return phase(k, r) == PHASE_OMNIPRESENT;
}

static bool anywhere(const struct timeline_key *k, enum key_record r)
{
	return phase(k, r) != PHASE_HIDDEN;
}

/* Some key of the algorithm stands in every such RRset, though not always the same: all signers had one in
 * it, and no signer takes its last one away. */
static bool always_one(const struct timeline *t, unsigned alg, enum key_record r)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].alg == alg && !t->key[i].foreign && t->key[i].record[r].all_seen && anywhere(&t->key[i], r))
			return true;
	return false;
}

/*
 * Two RRsets of which each has at least one of the algorithm's keys: `upper` (DS, RRSIG) names keys, `lower`
 * has them. They match when 1. one key is in all of both; 2. whatever may be in `upper` is in all of `lower`;
 * or 3. whatever may be in `lower` is in all of `upper`. A foreign key signs no DNSKEY RRset of ours, so a DS of it alone is no match.  by_ds: asked for also where `lower` has none of the
 * algorithm.
 */
static bool match(const struct timeline *t, unsigned alg, enum key_record upper, bool by_ds)
{
	bool one = false, up = false, up_in_low = true, low_in_up = true;

	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		if (k->alg != alg || !order_has(k, upper))
			continue;
		if (k->foreign) {
			up_in_low &= !anywhere(k, upper) || (upper == RECORD_ZONE && everywhere(k, RECORD_DNSKEY));
			continue;
		}
		one |= everywhere(k, upper) && everywhere(k, RECORD_DNSKEY);
		up |= anywhere(k, upper);
		up_in_low &= !anywhere(k, upper) || everywhere(k, RECORD_DNSKEY);
		low_in_up &= !anywhere(k, RECORD_DNSKEY) || everywhere(k, upper);
	}
	return one || (up && up_in_low && (upper == RECORD_DS || always_one(t, alg, upper))) ||
	       (low_in_up && (!by_ds || always_one(t, alg, RECORD_DNSKEY)));
}

bool chain_no_ds(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (anywhere(&t->key[i], RECORD_DS))
			return false;
	return true;
}

bool chain_unnamed(const struct timeline *t)
{
	return t->secure && chain_no_ds(t);
}

/* Validators may ask for signatures of this algorithm: it is in a DS RRset (RFC 6840 section 5.11), or, for
 * the strict, in the DNSKEY RRset. */
static bool asked_for(const struct timeline *t, unsigned alg, bool *by_ds)
{
	bool by_dnskey = false;

	*by_ds = false;
	for (size_t i = 0; i < t->n; i++) {
		*by_ds |= t->key[i].alg == alg && anywhere(&t->key[i], RECORD_DS);
		by_dnskey |= t->key[i].alg == alg && anywhere(&t->key[i], RECORD_DNSKEY);
	}
	return *by_ds || ((t->strict || chain_unnamed(t)) && by_dnskey);
}

bool timeline_chain_holds(const struct timeline *t)
{
	/* somebody may have a trust anchor from elsewhere, or a DS that was put there by hand */
	const bool trusted = t->secure || !chain_no_ds(t);
	bool by_ds;

	if (!trusted)
		return true; /* insecure for everybody */
	for (size_t i = 0; i < t->n; i++) {
		const unsigned alg = t->key[i].alg;

		if (!asked_for(t, alg, &by_ds))
			continue;
		if (by_ds && !match(t, alg, RECORD_DS, true))
			return false;
		if (!match(t, alg, RECORD_ZONE, by_ds))
			return false;
	}
	return true;
}

bool chain_ds_moves(const struct timeline *t)
{
	bool moves = false;

	for (size_t i = 0; i < t->n; i++) {
		const enum record_phase phase = t->key[i].record[RECORD_DS].phase;

		moves |= t->key[i].sep && (phase == PHASE_RUMOURED || phase == PHASE_UNRETENTIVE);
	}
	return moves;
}
