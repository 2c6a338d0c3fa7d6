/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * truth: what signers take for granted is so.  By its facts a signer takes a record for omnipresent or hidden; then no cache and no
 * server has an RRset without it, or with it.  A wrong word alone seldom makes anything bogus, so it is looked for by itself.
 */
#include "tests/sim/sim.h"

static bool is_by_hand(const struct sim *s, enum key_record r)
{
	return r == RECORD_DS && (s->move.on || s->cds_when == CDS_NEVER);
}

/*
 * A DNSKEY that is not to go stays until this signer says to stop; signatures and DS, on which none relies for others' sake, as long as
 * nobody has published a version without.  Where people tell the parent, it is what a signer is about to publish; and what servers of
 * one that is retired showed as CDS may have taken a DS back that all others have seen, which is harmless: no DNSKEY goes before its DS.
 *
 * What an old copy has forgotten, as long as those that it hears lack its later words, too, it cannot know.
 */
static bool is_everywhere(const struct sim *s, const struct timeline_key *k, enum key_record r)
{
	if (k->dead || k->record[r].phase != PHASE_OMNIPRESENT)
		return false;
	if (r == RECORD_DNSKEY)
		return !k->record[r].retiring;
	return !is_by_hand(s, r) && (s->given_up[r] >> keys_find(s, k->key->hash) & 1) == 0;
}

/* By what is known, or since nobody may have shown it.  Where a zone is to be insecure, a restored signer says nothing of the signatures
 * of those before it until no DS is left, and then nobody asks for any. */
static bool is_nowhere(const struct sim *s, const struct node *n, const struct timeline_key *k, enum key_record r)
{
	return k->record[r].phase == PHASE_HIDDEN && (k->record[r].all_gone || (n->view.secure && !is_by_hand(s, r)));
}

/* What a foreign signer publishes has ours from when its operator puts them there until he takes them out. */
static bool is_foreign(const struct sim *s, const struct content *c)
{
	return s->move.on && c->record != RECORD_DS &&
	       ((c->record == RECORD_DNSKEY ? c->signed_by : c->mask) & ~s->move.keys) == 0;
}

static void check(struct sim *s, const struct node *n, const struct timeline_key *k, const struct content *c)
{
	const int key = keys_find(s, k->key->hash);
	const bool has = (c->mask >> key & 1) != 0;
	char text[96];

	if (!has && is_everywhere(s, k, c->record) && !is_foreign(s, c))
		sim_fail(s, "untrue", "signer %d takes %s of k%d for omnipresent, and one may have %s", n->i,
			 key_record_names[c->record], key, mask_text(s, c->mask, text));
	if (has && is_nowhere(s, n, k, c->record) && !is_foreign(s, c))
		sim_fail(s, "untrue", "signer %d takes %s of k%d for hidden, and one may have %s", n->i, key_record_names[c->record],
			 key, mask_text(s, c->mask, text));
}

static bool has_record(const struct timeline_key *k, enum key_record r)
{
	return r == RECORD_DNSKEY || (r == RECORD_ZONE ? k->zone_signing : k->sep);
}

/* By these methods a key signs once validators know its DNSKEY: RFC 7583 sections 3.2.1 and 3.3.  Not when the node signs with it
 * again, which it has not promised not to do: a version was held back, and its plan had changed when it came. */
static bool signs_after_dnskey(const struct node *n, const struct sim_key *key)
{
	const struct key_state *k = zone_key(node_zone(n), key->hash);
	const enum key_method m = k->method;

	return !id_set_has(&k->record[RECORD_ZONE].serves, n->id.id) &&
	       (m == METHOD_PREPUBLICATION || m == METHOD_DOUBLE_SIGNATURE || m == METHOD_DOUBLE_DS);
}

/* By whoever signs with it, or did. */
static bool is_signed_with(const struct sim *s, int k)
{
	for (size_t i = 0; i < s->contents; i++)
		if (s->content[i].record == RECORD_ZONE && (s->content[i].mask >> k & 1) != 0 && validator_may_have(s, &s->content[i]))
			return true;
	return false;
}

/* Somebody may have a DS, and so may ask for signatures. */
static bool is_asked_for(const struct sim *s)
{
	for (size_t i = 0; i < s->contents; i++)
		if (s->content[i].record == RECORD_DS && s->content[i].mask != 0 && validator_may_have(s, &s->content[i]))
			return true;
	return false;
}

void truth_of_signing(struct sim *s, const struct node *n, uint32_t fresh)
{
	char text[96];

	if (s->quiet || n->old_copy || !is_asked_for(s))
		return;
	for (int k = 0; k < s->keys; k++) {
		if ((fresh >> k & 1) == 0 || !signs_after_dnskey(n, s->key[k]) || is_signed_with(s, k))
			continue;
		for (size_t i = 0; i < s->contents; i++) {
			const struct content *c = &s->content[i];

			if (c->record == RECORD_DNSKEY && (c->mask >> k & 1) == 0 && validator_may_have(s, c) && !is_foreign(s, c))
				sim_fail(s, "signs early", "signer %d begins to sign with k%d, and one may have the DNSKEY RRset %s",
					 n->i, k, mask_text(s, c->mask, text));
		}
	}
}

/* It is a signer that publishes, or is about to, by what it saw last. */
static bool goes_by_its_view(const struct node *n)
{
	if (n->backup || !n->up || !n->compared || n->gone || n->viewed.told != n->told)
		return false;
	return node_is_signer(state_node(n->state, n->id.id)) && !node_leaves(n) && (n->disk.version != NULL || n->view.may_serve);
}

void truth_of_content(struct sim *s, const struct node *n, const struct content *c)
{
	if (s->quiet || n->old_copy || !goes_by_its_view(n))
		return;
	for (size_t i = 0; i < n->view.n; i++)
		if (has_record(&n->view.key[i], c->record))
			check(s, n, &n->view.key[i], c);
}

void truth_of_view(struct sim *s, const struct node *n)
{
	for (size_t i = 0; i < s->contents; i++)
		if (validator_may_have(s, &s->content[i]))
			truth_of_content(s, n, &s->content[i]);
}
