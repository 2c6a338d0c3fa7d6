/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * members: who is admitted, who counts whom and who is retired, derived from all that was claimed about nodes.
 *
 * A claim may be held long before the fact that gives its author the right to make it, so claims are only
 * kept, and everything is derived anew from the whole set after each of them (they are few):
 *
 * 1. Who admits or retires is an admitted signer, or a backup within one restore.  Whoever says `node.first`
 *    of itself is the root of that.
 * 2. What a retired node claimed behind its `upto` is void, retirements apart: else of two that retire each
 *    other the one that is heard first would win.
 * 3. Retirements that leave no signer are void.  Of all that there are, these are the ones within a group of
 *    signers that retire each other while nobody outside of the group retires any of them; so who was retired
 *    by somebody else before stays retired.
 * 4. Who is to leave counts until it is retired.  Where every signer that is left is to leave, none is.
 */
#include "fact/state_parts.h"

#include "arena/arena.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* What is known of each node while deriving, by the number of the node in the state. */
struct derived {
	struct fact_state *s;
	bool *signer, *backup; /* ever admitted as such */
	bool *void_claim;      /* by the number of the claim: a retirement that leaves nobody */
};

/* Who retires whom, directly or by way of others, among those who may retire. */
struct reach {
	size_t *number; /* of each node of the state; n: of none of these */
	size_t n;
	bool *to; /* n x n */
};

static size_t number_of(const struct fact_state *s, const struct node_state *n)
{
	return (size_t)(n - s->node);
}

static bool in_restore(const struct derived *d, const struct claim *c)
{
	const struct node_state *by = state_node(d->s, c->by);

	if (!d->backup[number_of(d->s, by)])
		return false;
	for (size_t i = 0; i < d->s->restores; i++) {
		const struct restore_span *r = &d->s->restore[i];

		if (memcmp(r->by, c->by, NODE_ID_LEN) == 0 && incarnation_cmp(&r->inc, &c->inc) == 0 &&
		    c->seq >= r->from && c->seq < r->to)
			return true;
	}
	return false;
}

/* Said behind the end of a retired author. */
static bool is_closed(const struct derived *d, const struct claim *c)
{
	if (c->kind == CLAIM_RETIRED || c->first)
		return false;
	return node_said_too_late(state_node(d->s, c->by), &c->inc, c->seq) != NULL;
}

/* Whether the author may claim this at all. */
static bool has_right(const struct derived *d, const struct claim *c)
{
	if (c->first || (c->kind == CLAIM_COUNTS && memcmp(c->by, c->of, NODE_ID_LEN) == 0))
		return true;
	if (c->kind != CLAIM_COUNTS && d->signer[number_of(d->s, state_node(d->s, c->by))])
		return true;
	return in_restore(d, c);
}

/* Who was ever admitted: the least set that holds the first and whom its members admitted. */
static void derive_admitted(struct derived *d, bool with_ends)
{
	struct fact_state *s = d->s;
	bool more = true;

	memset(d->signer, 0, s->nodes);
	memset(d->backup, 0, s->nodes);
	while (more) {
		more = false;
		for (size_t i = 0; i < s->claims; i++) {
			const struct claim *c = &s->claim[i];
			bool *ever = c->role == NODE_BACKUP ? d->backup : d->signer;
			size_t at;

			if (c->kind != CLAIM_ADMITTED || !has_right(d, c) || (with_ends && is_closed(d, c)))
				continue;
			at = number_of(s, state_node(s, c->subject));
			more |= !ever[at];
			ever[at] = true;
		}
	}
}

static void take_end(struct node_state *n, const struct node_end *end)
{
	for (size_t i = 0; i < n->ends; i++)
		if (incarnation_cmp(&n->end[i].inc, &end->inc) == 0) {
			if (end->seq > n->end[i].seq)
				n->end[i].seq = end->seq;
			return;
		}
	n->end = mem_grow(n->end, n->ends + 1, sizeof(*n->end));
	n->end[n->ends++] = *end;
}

/* Retires whom the claims that stand retire; per incarnation the most generous end counts. */
static void derive_retired(struct derived *d, const bool *stands)
{
	struct fact_state *s = d->s;

	for (size_t i = 0; i < s->nodes; i++) {
		s->node[i].retired = false;
		s->node[i].ends = 0;
		json_decref(s->node[i].retired_by.body);
		s->node[i].retired_by = (struct fact_reg){ 0 };
	}
	for (size_t i = 0; i < s->claims; i++) {
		const struct claim *c = &s->claim[i];
		struct node_state *n = state_node(s, c->subject);

		if (c->kind != CLAIM_RETIRED || !stands[i] || d->void_claim[i])
			continue;
		n->retired = true;
		reg_take(&n->retired_by, 0, c->hash, c->body);
		for (size_t j = 0; j < c->ends; j++)
			take_end(n, &c->end[j]);
	}
}

static bool anybody_left(const struct derived *d)
{
	bool any = false;

	for (size_t i = 0; i < d->s->nodes; i++) {
		if (d->signer[i] && !d->s->node[i].retired)
			return true;
		any |= d->signer[i];
	}
	return !any; /* where there never was one, none was taken away */
}

static struct reach reach_of(const struct derived *d, const bool *stands)
{
	const struct fact_state *s = d->s;
	struct reach r = { .number = mem_new(s->nodes + 1, sizeof(*r.number)) };
	size_t n = 0;

	for (size_t i = 0; i < s->claims; i++)
		if (s->claim[i].kind == CLAIM_RETIRED && stands[i] && !d->void_claim[i]) {
			size_t *by = &r.number[number_of(s, state_node(s, s->claim[i].by))];
			size_t *whom = &r.number[number_of(s, state_node(s, s->claim[i].subject))];

			*by = *by == 0 ? ++r.n : *by;
			*whom = *whom == 0 ? ++r.n : *whom;
		}
	n = r.n;
	for (size_t i = 0; i < s->nodes; i++)
		r.number[i] = r.number[i] == 0 ? n : r.number[i] - 1;
	r.to = mem_new(n * n + 1, 1);
	for (size_t i = 0; i < s->claims; i++)
		if (s->claim[i].kind == CLAIM_RETIRED && stands[i] && !d->void_claim[i])
			r.to[r.number[number_of(s, state_node(s, s->claim[i].by))] * n +
			     r.number[number_of(s, state_node(s, s->claim[i].subject))]] = true;
	for (size_t via = 0; via < n; via++)
		for (size_t x = 0; x < n; x++)
			for (size_t y = 0; r.to[x * n + via] && y < n; y++)
				r.to[x * n + y] |= r.to[via * n + y];
	return r;
}

/* In a group of nodes that retire each other, and nobody else retires any of them. */
static bool in_closed_group(const struct reach *r, size_t x)
{
	for (size_t y = 0; y < r->n; y++)
		if (r->to[y * r->n + x] && !r->to[x * r->n + y])
			return false;
	return r->to[x * r->n + x];
}

/* Makes retirements void until somebody is left. */
static void give_back(struct derived *d, const bool *stands)
{
	struct fact_state *s = d->s;

	for (;;) {
		bool any = false, all = false;
		struct reach r;

		derive_retired(d, stands);
		derive_admitted(d, true);
		if (anybody_left(d))
			return;
		r = reach_of(d, stands);
		for (int round = 0; round < 2 && !any; round++, all = true)
			for (size_t i = 0; i < s->claims; i++) {
				const struct claim *c = &s->claim[i];

				if (c->kind != CLAIM_RETIRED || !stands[i] || d->void_claim[i] ||
				    !(all || in_closed_group(&r, r.number[number_of(s, state_node(s, c->subject))])))
					continue;
				d->void_claim[i] = any = true;
			}
		free(r.number);
		free(r.to);
		if (!any)
			return;
		s->void_retirements = true;
	}
}

static void take_line(struct node_state *n, const struct claim *c, bool with_right)
{
	const bool better = !n->known || (with_right && !n->line_admitted) ||
			    (with_right == n->line_admitted &&
			     memcmp(n->line_fact, c->hash, FACT_HASH_LEN) < 0);

	if (!c->has_line || !better)
		return;
	memcpy(n->line_fact, c->hash, FACT_HASH_LEN);
	n->known = true;
	n->line_admitted = with_right;
	n->line = c->line;
}

/* Lines, admissions and counts, once it stands who is retired. */
static void derive_rest(struct derived *d)
{
	struct fact_state *s = d->s;

	for (size_t i = 0; i < s->nodes; i++) {
		struct node_state *n = &s->node[i];

		json_decref(n->admitted.body);
		n->admitted = (struct fact_reg){ 0 };
		n->counts.n = 0;
		n->known = n->line_admitted = false;
	}
	for (size_t i = 0; i < s->claims; i++) {
		const struct claim *c = &s->claim[i];
		struct node_state *n = state_node(s, c->subject);
		const bool good = has_right(d, c) && !is_closed(d, c);

		take_line(n, c, good && c->kind == CLAIM_ADMITTED);
		/* Admitted in both roles: a signer, as above, so that who is left is a signer in the state, too. */
		if (good && c->kind == CLAIM_ADMITTED && (c->role == NODE_SIGNER || !d->signer[number_of(s, n)])) {
			reg_take(&n->admitted, 0, c->hash, c->body);
			if (memcmp(n->admitted.hash, c->hash, FACT_HASH_LEN) == 0)
				n->role = c->role;
		} else if (good && c->kind == CLAIM_COUNTS) {
			id_set_add(&state_node(s, c->of)->counts, c->subject);
		}
	}
}

/* Who is to leave, and which of them has stopped. */
static void derive_leaving(struct derived *d)
{
	struct fact_state *s = d->s;
	bool asked = false, anybody_stays = false;

	for (size_t i = 0; i < s->nodes; i++)
		s->node[i].leaving = s->node[i].dead = s->node[i].left = false;
	for (size_t i = 0; i < s->claims; i++) {
		const struct claim *c = &s->claim[i];
		struct node_state *n = state_node(s, c->subject);

		if (c->kind == CLAIM_RETIRING && node_is_signer(n) && has_right(d, c) && !is_closed(d, c)) {
			n->leaving = asked = true;
			n->dead |= c->dead;
		}
	}
	for (size_t i = 0; i < s->nodes; i++)
		anybody_stays |= node_is_signer(&s->node[i]) && !s->node[i].leaving;
	s->void_retirements |= asked && !anybody_stays;
	for (size_t i = 0; i < s->nodes; i++)
		s->node[i].leaving &= anybody_stays;
	for (size_t i = 0; i < s->claims; i++)
		if (s->claim[i].kind == CLAIM_STOPPED && state_node(s, s->claim[i].by)->leaving)
			state_node(s, s->claim[i].by)->left = true;
}

static void ends_digest(const struct fact_state *s, uint8_t out[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 32);
	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *n = &s->node[i];

		if (!n->retired)
			continue;
		crypto_generichash_update(&st, n->id, NODE_ID_LEN);
		for (size_t j = 0; j < n->ends; j++) {
			crypto_generichash_update(&st, (const uint8_t *)&n->end[j].inc.number, 4);
			crypto_generichash_update(&st, n->end[j].inc.random, 8);
			crypto_generichash_update(&st, (const uint8_t *)&n->end[j].seq, 8);
		}
	}
	crypto_generichash_final(&st, out, 32);
}

bool members_derive(struct fact_state *s)
{
	struct derived d = { .s = s };
	bool *stands = mem_new(s->claims + 1, 1);
	uint8_t before[32], after[32];

	ends_digest(s, before);
	d.signer = mem_new(s->nodes + 1, 1);
	d.backup = mem_new(s->nodes + 1, 1);
	d.void_claim = mem_new(s->claims + 1, 1);
	s->void_retirements = false;
	/* Whoever was ever admitted may retire, so that it does not matter which of two that retire each other
	 * is heard first. */
	derive_admitted(&d, false);
	for (size_t i = 0; i < s->claims; i++)
		stands[i] = s->claim[i].kind == CLAIM_RETIRED && has_right(&d, &s->claim[i]);
	give_back(&d, stands);
	derive_rest(&d);
	derive_leaving(&d);
	ends_digest(s, after);
	free(d.signer);
	free(d.backup);
	free(d.void_claim);
	free(stands);
	return memcmp(before, after, sizeof(before)) != 0;
}
