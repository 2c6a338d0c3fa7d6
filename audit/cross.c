/* SPDX-License-Identifier: BSD-3-Clause */
/* cross: content, key RRsets and mixed signatures of two signers' versions, and the denial of one of them. */
#include "audit/cross.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/nsec3.h"
#include "audit/sigpool.h"
#include "audit/sum.h"

enum who { OURS, OTHERS };
static const char *const whose[] = { "ours", "the other's" };

/* The DNSKEY RRset of one signer. */
struct keys {
	struct dnskeys of;
	struct verifier *verifier;
};

struct cross {
	struct cross_terms terms;
	char *step;
	struct keys keys[2];
	bool apex; /* it was there */
	struct cut cut[2]; /* what is a delegation to one may be a name to the other */
	uint64_t state, below; /* of the choice; an RRset is chosen when the next number lies below */
	uint64_t sampled;
	struct sum *ours;
	uint8_t *buf;
	size_t cap;
};

struct cross *cross_new(const struct cross_terms *terms)
{
	struct cross *c = mem_new(1, sizeof(*c));

	c->terms = *terms;
	c->step = terms->step != NULL ? mem_strdup(terms->step) : NULL;
	c->state = terms->seed;
	return c;
}

void cross_free(struct cross *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		verifier_free(c->keys[i].verifier);
		dnskeys_fini(&c->keys[i].of);
	}
	sum_free(c->ours);
	free(c->step);
	free(c->buf);
	free(c);
}

int cross_begin(struct audit *a, struct err *e)
{
	struct cross *c = a->cross;
	uint64_t all = a->facts->rrsigs + a->input_facts->rrsigs;

	c->below = c->terms.sample == 0 || all <= c->terms.sample ? UINT64_MAX : UINT64_MAX / all * c->terms.sample;
	c->ours = sum_new();
	return c->ours != NULL ? 0 : err_set(e, ERR_CRYPTO, "no AES-128-CTR");
}

/* SplitMix64: the choice is no secret, and the same for one seed. */
static bool chosen(struct cross *c)
{
	uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) <= c->below;
}

/* ---- the apex ---- */

static void compare_keys(struct audit *a, const struct owner side[2], uint16_t type, enum row_id row)
{
	const struct cross *c = a->cross;
	const struct rrset ours = rrset_of(&side[OURS].zone, type), others = rrset_of(&side[OTHERS].zone, type);
	char word[24];

	if (rrset_same(&ours, &others))
		return;
	type_text(type, word);
	if (c->step != NULL)
		report_skip(a->report, rows[row].id, "%s: %zu records here, %zu there: %s", word, ours.n, others.n, c->step);
	else
		report_add(a->report, row, 0, "%s %s: %zu records here, %zu there, and no step of a rollover explains it",
			   a->zone_text, word, ours.n, others.n);
}

static void read_keys(struct cross *c, const struct owner *o, enum who who)
{
	const struct rrset set = rrset_of(&o->zone, TYPE_DNSKEY);
	struct keys *k = &c->keys[who];

	for (size_t i = 0; i < set.n; i++)
		dnskeys_add(&k->of, rec_rdata(set.rec[i]), set.rec[i]->rdlen);
	k->verifier = verifier_new(&k->of);
}

static void read_apex(struct audit *a, const struct owner side[2])
{
	struct cross *c = a->cross;
	const struct rrset soa = rrset_of(&side[OTHERS].zone, TYPE_SOA);

	if (soa.n == 1 && soa.rec[0]->rdlen >= 22) {
		a->has_soa = true;
		a->serial = get32(rec_rdata(soa.rec[0]) + soa.rec[0]->rdlen - 20);
	} else {
		report_add(a->report, FRAME_SOA, side[OTHERS].at, "%s: %zu, there", a->zone_text, soa.n);
	}
	c->apex = true;
	read_keys(c, &side[OURS], OURS);
	read_keys(c, &side[OTHERS], OTHERS);
	compare_keys(a, side, TYPE_DNSKEY, CROSS_DNSKEY);
	compare_keys(a, side, TYPE_CDS, CROSS_CDS);
	compare_keys(a, side, TYPE_CDNSKEY, CROSS_CDS);
}

/* ---- signatures ---- */

/* Whether a validator would try the key (RFC 4034 section 2.1, RFC 5011 section 2.1). */
static bool may_sign(const struct dnskey *k, const struct sig *s, uint16_t type)
{
	return k->tag == s->tag && k->algorithm == s->algorithm && k->protocol == 3 && (k->flags & FLAG_ZONE) != 0 &&
	       ((k->flags & FLAG_REVOKE) == 0 || type == TYPE_DNSKEY);
}

/* Whether a validator takes the signature, now, by one of these keys (RFC 4035 section 5.3). */
static bool validates(struct audit *a, const struct owner *o, const struct rrset *set, const struct rec *rrsig,
		      const struct keys *keys)
{
	struct cross *c = a->cross;
	const size_t body = sigpool_body_size(o, set);
	size_t head, tried = 0;
	struct sig s;

	if (!sig_parse(rec_rdata(rrsig), rrsig->rdlen, rrsig->ttl, a->now, &s) || s.signer_len != a->zone_len ||
	    memcmp(s.rdata + SIG_FIXED, a->zone, a->zone_len) != 0 || s.labels != sig_labels(o->wire) || s.inception > a->now ||
	    s.expiration < a->now)
		return false;
	head = SIG_FIXED + s.signer_len;
	if (c->cap < body) {
		c->cap = 2 * body;
		c->buf = mem_grow(c->buf, c->cap, 1);
	}
	sigpool_body(c->buf, o, set, s.original_ttl);
	for (size_t i = 0; i < keys->of.n; i++) {
		if (!may_sign(&keys->of.key[i], &s, set->type) || tried++ >= SIGPOOL_KEYS_TRIED)
			continue;
		a->verified++;
		if (verifier_check(keys->verifier, i, s.rdata, head, c->buf, body, s.rdata + head, s.len - head))
			return true;
	}
	return false;
}

/* One RRset as one signer has it, with that one's signatures, by the DNSKEY RRset of either. */
static void check_mix(struct audit *a, const struct owner *o, const struct rrset *set, enum who who)
{
	struct cross *c = a->cross;
	const struct rrset all = rrset_of(&o->zone, TYPE_RRSIG), sigs = sigpool_covering(&all, set->type);
	char text[LABEL_MAX];

	for (enum who by = OURS; by <= OTHERS; by++) {
		bool good = c->keys[by].of.n == 0; /* unsigned there: it is said by AUD-CROSS-02 */

		for (size_t i = 0; !good && i < sigs.n; i++)
			good = validates(a, o, set, sigs.rec[i], &c->keys[by]);
		if (!good)
			report_add(a->report, CROSS_MIX, o->at, "%s: none of %zu signatures of %s by the DNSKEY RRset that is %s",
				   owner_text(o, set->type, text), sigs.n, whose[who], whose[by]);
	}
	c->sampled++;
}

static void check_signatures(struct audit *a, const struct owner *o, enum who who)
{
	struct cross *c = a->cross;
	struct rrset set;

	for (size_t i = 0; c->keys[who].of.n > 0 && rrset_next(&o->zone, &i, &set);)
		if (is_authoritative(o, set.type) && (o->place == PLACE_APEX || chosen(c)))
			check_mix(a, o, &set, who);
}

/* ---- the pass ---- */

/* The owner as one of the two has it, at its place there. */
static struct owner side_of(struct audit *a, const struct owner *o, enum who who)
{
	struct owner side = *o;

	if (who == OURS)
		side.zone = o->input;
	side.input = (struct records){ NULL, 0 };
	if (side.zone.n > 0)
		owner_place(a, &side, &a->cross->cut[who]);
	return side;
}

static void compare_content(struct audit *a, const struct owner side[2])
{
	char text[LABEL_MAX];

	sum_add(a->sum, &side[OTHERS], &side[OTHERS].zone);
	sum_add(a->cross->ours, &side[OURS], &side[OURS].zone);
	if (a->cross->terms.same && !content_same(&side[OURS], &side[OTHERS]))
		report_add(a->report, CROSS_CONTENT, side[OTHERS].at, "%s", owner_text(&side[OTHERS], -1, text));
}

int cross_owner(struct audit *a, const struct owner *o, struct err *e)
{
	const struct owner side[2] = { side_of(a, o, OURS), side_of(a, o, OTHERS) };
	char text[LABEL_MAX];

	if (o->place == PLACE_OUTSIDE) {
		report_add(a->report, CONTENT_OUTSIDE, o->at, "%s", owner_text(o, -1, text));
		return 0;
	}
	if (o->place == PLACE_APEX)
		read_apex(a, side);
	compare_content(a, side);
	if (!a->cross->apex)
		return 0;
	check_signatures(a, &side[OURS], OURS);
	check_signatures(a, &side[OTHERS], OTHERS);
	if (a->denial == DENIES_NSEC)
		nsec_check(a, &side[OTHERS]);
	return a->denial == DENIES_NSEC3 && side[OTHERS].zone.n > 0 ? nsec3_note(a, &side[OTHERS], e) : 0;
}

void cross_end(struct audit *a)
{
	struct cross *c = a->cross;
	char ours[SUM_HEX];

	sum_hex(a->sum, a->content_hex);
	sum_hex(c->ours, ours);
	if (!c->apex)
		report_add(a->report, FRAME_SOA, 0, "%s: none", a->zone_text);
	if (c->keys[OTHERS].of.n > 0 && a->denial == DENIES_NOTHING)
		report_add(a->report, NSEC_MISSING, 0, "%s: no denial at all, there", a->zone_text);
	if (!c->terms.same)
		report_skip(a->report, rows[CROSS_CONTENT].id, "the two are of different content numbers");
	else if (strcmp(ours, a->content_hex) != 0)
		report_add(a->report, CROSS_CONTENT, 0, "%s: %.16s... here, %.16s... there", a->zone_text, ours, a->content_hex);
}

uint64_t cross_sampled(const struct cross *c)
{
	return c->sampled;
}
