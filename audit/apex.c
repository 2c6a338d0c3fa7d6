/* SPDX-License-Identifier: BSD-3-Clause */
/* apex: SOA, DNSKEY RRset, DS at the parent, NSEC3PARAM. */
#include "audit/audit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define RSA_LEAST  1024 /* bits, for any policy */
#define RSA_MOST   4096 /* RFC 3110 section 2; validators ignore larger ones */
#define ANSWER_MAX 1232 /* DNS flag day 2020; RFC 9715 */

static void read_soa(struct audit *a, const struct owner *o)
{
	struct rrset set = rrset_of(&o->zone, TYPE_SOA), in = rrset_of(&o->input, TYPE_SOA);
	const uint8_t *fixed;

	if (in.n > 0 && in.rec[0]->rdlen >= 22) {
		a->has_input_soa = true;
		a->input_serial = get32(rec_rdata(in.rec[0]) + in.rec[0]->rdlen - 20);
	}
	if (set.n != 1)
		report_add(a->report, FRAME_SOA, o->at, "%s: %zu", a->zone_text, set.n);
	if (set.n == 0 || set.rec[0]->rdlen < 22)
		return;
	fixed = rec_rdata(set.rec[0]) + set.rec[0]->rdlen - 20;
	a->has_soa = true;
	a->serial = get32(fixed);
	a->soa_expire = get32(fixed + 12);
	a->soa_minimum = get32(fixed + 16);
	a->soa_ttl = set.rec[0]->ttl;
}

/* ---- DNSKEY ---- */

/* The cluster has it, made or imported under a policy of another day: held back, it would hold back the zone. */
static bool in_plan(const struct audit *a, const struct dnskey *k)
{
	const struct plan_set *set = a->plan != NULL ? &a->plan->dnskey : NULL;

	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (set->item[i].len == k->rdlen && memcmp(set->item[i].rdata, k->rdata, k->rdlen) == 0)
			return true;
	return false;
}

static void check_key(struct audit *a, const struct dnskey *k)
{
	const struct limits *l = &a->limits;
	bool rsa = k->algorithm == ALG_RSASHA256 || k->algorithm == ALG_RSASHA512;
	int64_t bits = (k->flags & FLAG_SEP) != 0 ? l->ksk_bits : l->zsk_bits;
	char name[24];

	dnskey_name(k, name);
	if (k->protocol != 3)
		report_add(a->report, KEY_POLICY, 0, "%s key %s: protocol %u, must be 3", a->zone_text, name,
			   k->protocol);
	if ((k->flags & ~(FLAG_ZONE | FLAG_SEP | FLAG_REVOKE)) != 0 || (k->flags & FLAG_ZONE) == 0)
		report_add(a->report, KEY_POLICY, 0, "%s key %s: flags %u", a->zone_text, name, k->flags);
	if (!algorithm_known(k->algorithm))
		report_add(a->report, KEY_POLICY, 0, "%s key %s: algorithm %u", a->zone_text, name,
			   k->algorithm);
	else if (k->pkey == NULL)
		report_add(a->report, KEY_POLICY, 0, "%s key %s: no public key of algorithm %u", a->zone_text,
			   name, k->algorithm);
	else if (rsa && (k->bits < RSA_LEAST || k->bits > RSA_MOST))
		report_add(a->report, KEY_POLICY, 0, "%s key %s: %u bits, must be %d to %d", a->zone_text, name, k->bits, RSA_LEAST, RSA_MOST);
	else if (rsa && bits >= 0 && k->bits < bits && in_plan(a, k))
		report_warn(a->report, KEY_POLICY, 0, "%s key %s: %u bits, policy has %lld: made under another", a->zone_text, name,
			    k->bits, (long long)bits);
	else if (rsa && bits >= 0 && k->bits < bits)
		report_add(a->report, KEY_POLICY, 0, "%s key %s: %u bits, at least %lld", a->zone_text, name,
			   k->bits, (long long)bits);
	if (l->algorithm != 0 && k->algorithm != l->algorithm &&
	    (a->plan == NULL || (!a->plan->algorithms_given && !a->plan->dnskey.given)))
		report_add(a->report, KEY_POLICY, 0, "%s key %s: algorithm %u, policy has %d", a->zone_text,
			   name, k->algorithm, l->algorithm);
}

static bool same_key(const struct dnskey *x, const struct dnskey *y)
{
	return x->rdlen == y->rdlen && memcmp(x->rdata, y->rdata, x->rdlen) == 0;
}

/* Of the DNSKEY RRset, and of what signs without standing there. */
static void check_tags(struct audit *a)
{
	char name[24];

	for (size_t i = 0; i < a->keys.n; i++)
		for (size_t k = 0; k < i; k++)
			if (a->keys.key[i].tag == a->keys.key[k].tag && !same_key(&a->keys.key[i], &a->keys.key[k]))
				report_add(a->report, KEY_TAG_TWICE, 0, "%s key %s", a->zone_text,
					   dnskey_name(&a->keys.key[i], name));
}

static void compare_plan(struct audit *a, const struct rrset *set)
{
	const struct plan_set *plan = &a->plan->dnskey;
	size_t i = 0, k = 0;
	char name[24];

	while (i < set->n || k < plan->n) {
		const uint8_t *rdata = i < set->n ? rec_rdata(set->rec[i]) : NULL;
		size_t len = i < set->n ? set->rec[i]->rdlen : 0, other = k < plan->n ? plan->item[k].len : 0;
		int c = i == set->n    ? 1
			: k == plan->n ? -1
				       : memcmp(rdata, plan->item[k].rdata, len < other ? len : other);

		if (c == 0)
			c = len < other ? -1 : len > other;
		if (c != 0) {
			const uint8_t *which = c < 0 ? rdata : plan->item[k].rdata;

			snprintf(name, sizeof(name), "%u/%u", dnskey_tag(which, c < 0 ? len : other),
				 which[3]);
			report_add(a->report, KEY_PLAN, 0, "%s key %s: %s", a->zone_text, name,
				   c < 0 ? "not in the plan" : "in the plan, not in the zone");
		}
		i += c <= 0;
		k += c >= 0;
	}
}

/* RFC 4035 section 2.2: every algorithm of the DNSKEY RRset; in a roll those that the plan says. */
static void set_algorithms(struct audit *a)
{
	for (size_t i = 0; i < a->published_keys; i++)
		a->has_algorithm[a->keys.key[i].algorithm] |= (a->keys.key[i].flags & FLAG_ZONE) != 0;
	memcpy(a->need_algorithm, a->plan != NULL && a->plan->algorithms_given ? a->plan->algorithm : a->has_algorithm,
	       sizeof(a->need_algorithm));
}

static void read_keys(struct audit *a, const struct owner *o)
{
	struct rrset set = rrset_of(&o->zone, TYPE_DNSKEY);
	bool to_be_unsigned = a->plan != NULL && a->plan->unsigned_zone;

	for (size_t i = 0; i < set.n; i++) {
		if (!dnskeys_add(&a->keys, rec_rdata(set.rec[i]), set.rec[i]->rdlen))
			report_add(a->report, KEY_POLICY, 0, "%s: a DNSKEY too short, or more than %d",
				   a->zone_text, DNSKEY_MAX);
	}
	a->published_keys = a->keys.n;
	for (size_t i = 0; i < a->published_keys; i++)
		check_key(a, &a->keys.key[i]);
	if (set.n > 0)
		a->dnskey_ttl = set.rec[0]->ttl;
	if (set.n == 0 && !to_be_unsigned)
		report_add(a->report, KEY_NONE, 0, "%s: no DNSKEY", a->zone_text);
	if (to_be_unsigned &&
	    (set.n > 0 || a->facts->rrsigs > 0 || a->facts->nsec > 0 || a->facts->nsec3 > 0))
		report_add(a->report, KEY_NONE, 0, "%s: is to be unsigned, and has DNSSEC records",
			   a->zone_text);
	if (a->plan != NULL && a->plan->dnskey.given)
		compare_plan(a, &set);
	set_algorithms(a);
	for (size_t i = 0; a->plan != NULL && i < a->plan->signing.n; i++)
		dnskeys_add(&a->keys, a->plan->signing.item[i].rdata, a->plan->signing.item[i].len);
	check_tags(a);
}

static void check_answer(struct audit *a, const struct owner *o)
{
	struct rrset keys = rrset_of(&o->zone, TYPE_DNSKEY), sigs = rrset_of(&o->zone, TYPE_RRSIG);
	size_t octets = 12 + a->zone_len + 4 + 11; /* header, question, OPT */

	for (size_t i = 0; i < keys.n; i++)
		octets += 12u + keys.rec[i]->rdlen;
	for (size_t i = 0; i < sigs.n; i++)
		if (sigs.rec[i]->rdlen > 18 && get16(rec_rdata(sigs.rec[i])) == TYPE_DNSKEY)
			octets += 12u + sigs.rec[i]->rdlen;
	if (octets > ANSWER_MAX)
		report_add(a->report, KEY_ANSWER, 0, "%s: %zu octets", a->zone_text, octets);
}

/* ---- NSEC3PARAM ---- */

static void check_nsec3param(struct audit *a, const struct owner *o)
{
	struct rrset set = rrset_of(&o->zone, TYPE_NSEC3PARAM);
	const struct chain_params *chain = NULL;
	size_t matching = 0;

	for (size_t i = 0; i < a->facts->chains; i++)
		if (chain == NULL || a->facts->chain[i].count > chain->count)
			chain = &a->facts->chain[i];
	for (size_t i = 0; i < set.n; i++) {
		const uint8_t *rdata = rec_rdata(set.rec[i]);
		size_t len = set.rec[i]->rdlen;

		if (len < 5)
			continue;
		if (rdata[1] != 0)
			report_add(a->report, NSEC3_PARAM_FLAGS, 0, "%s: flags %u", a->zone_text, rdata[1]);
		if (chain != NULL && len == chain->len + 1 && rdata[0] == chain->octets[0] &&
		    memcmp(rdata + 2, chain->octets + 1, chain->len - 1) == 0)
			matching++;
	}
	if (set.n != (a->denial == DENIES_NSEC3 ? 1 : 0) || matching != set.n)
		report_add(a->report, NSEC3_PARAM, 0, "%s: %zu NSEC3PARAM, %zu of them as the chain",
			   a->zone_text, set.n, matching);
	if (chain == NULL)
		return;
	if (chain->octets[0] != 1)
		report_add(a->report, NSEC3_VALUES, 0, "%s: hash algorithm %u", a->zone_text,
			   chain->octets[0]);
	if (a->limits.nsec3_iterations >= 0 && get16(chain->octets + 1) > a->limits.nsec3_iterations)
		report_add(a->report, NSEC3_VALUES, 0, "%s: %u iterations, at most %lld", a->zone_text,
			   get16(chain->octets + 1), (long long)a->limits.nsec3_iterations);
	if (a->limits.nsec3_salt_len >= 0 && chain->octets[3] > a->limits.nsec3_salt_len)
		report_add(a->report, NSEC3_VALUES, 0, "%s: salt of %u octets, at most %lld", a->zone_text,
			   chain->octets[3], (long long)a->limits.nsec3_salt_len);
}

/* The owner's records go with the owner; CDS and CDNSKEY are looked at after the pass. */
static struct records copy_of(const struct rrset *set)
{
	struct records out = { mem_new(set->n + 1, sizeof(*out.rec)), set->n };

	for (size_t i = 0; i < set->n; i++)
		out.rec[i] = mem_dup(set->rec[i], set->rec[i]->size);
	return out;
}

void apex_begin(struct audit *a, const struct owner *o)
{
	struct rrset cds = rrset_of(&o->zone, TYPE_CDS), cdnskey = rrset_of(&o->zone, TYPE_CDNSKEY);

	if (o->zone.n == 0)
		return;
	read_soa(a, o);
	if (rrset_of(&o->zone, TYPE_NS).n == 0)
		report_add(a->report, FRAME_NS, o->at, "%s", a->zone_text);
	read_keys(a, o);
	check_answer(a, o);
	check_nsec3param(a, o);
	a->cds = copy_of(&cds);
	a->cdnskey = copy_of(&cdnskey);
}

/* ---- after the pass ---- */

char *apex_chain(const struct audit *a, char out[PAST_CHAIN_HEX])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	for (size_t i = 0; i < a->published_keys; i++)
		if (atomic_load(&a->keys.key[i].signs_dnskey))
			crypto_hash_sha256_update(&s, a->keys.key[i].rdata, a->keys.key[i].rdlen);
	crypto_hash_sha256_final(&s, digest);
	return sodium_bin2hex(out, PAST_CHAIN_HEX, digest, sizeof(digest));
}

/* What is published hangs on the DS as this version does: to hold this one back would not mend it, and let that one run out. */
static bool chain_is_published(const struct audit *a)
{
	char chain[PAST_CHAIN_HEX];

	return a->past != NULL && a->past->last.there &&
	       (a->past->last.chain[0] == '\0' || strcmp(a->past->last.chain, apex_chain(a, chain)) == 0);
}

/* A key that it names stands there, and signs the DNSKEY RRset; another signer's does so in its version (RFC 8901). */
static bool ds_is_good(const struct audit *a, const struct plan_rdata *ds)
{
	for (size_t k = 0; k < a->published_keys; k++) {
		const struct dnskey *key = &a->keys.key[k];

		if ((key->flags & (FLAG_ZONE | FLAG_REVOKE)) == FLAG_ZONE && key->protocol == 3 &&
		    (atomic_load(&key->signs_dnskey) || plan_is_foreign(a->plan, key->rdata, key->rdlen)) &&
		    dnskey_matches_ds(key, a->zone, a->zone_len, ds->rdata, ds->len))
			return true;
	}
	return false;
}

/* The DS of a set whose digest type is at least this one. */
static void check_ds_from(struct audit *a, const struct plan_set *set, uint8_t digest)
{
	bool by_algorithm[256] = { false }, good[256] = { false };
	const bool mild = chain_is_published(a);

	for (size_t i = 0; i < set->n; i++) {
		const struct plan_rdata *ds = &set->item[i];

		if (ds->rdata[3] < digest || !ds_digest_known(ds->rdata[3]))
			continue; /* to validators it is not there (RFC 4035 section 5.2) */
		by_algorithm[ds->rdata[2]] = true;
		good[ds->rdata[2]] |= ds_is_good(a, ds);
	}
	for (unsigned alg = 0; alg < 256; alg++)
		if (by_algorithm[alg] && !good[alg] && mild)
			report_warn(a->report, KEY_DS, 0, "%s: algorithm %u; so it is with what is published", a->zone_text, alg);
		else if (by_algorithm[alg] && !good[alg])
			report_add(a->report, KEY_DS, 0, "%s: algorithm %u, DS of digest type %u or above", a->zone_text, alg, digest);
}

/*
 * One DS RRset: a validator has that of one server, and nothing of the others.  Some look at all digest types, others leave SHA-1
 * alone where there is another (RFC 4509 section 3), Unbound takes the highest type alone: the chain must hold for each.
 */
static void check_ds_set(struct audit *a, const struct plan_set *set)
{
	bool there[256] = { false };

	for (size_t i = 0; i < set->n; i++)
		there[set->item[i].rdata[3]] = ds_digest_known(set->item[i].rdata[3]);
	check_ds_from(a, set, 1);
	if (there[1] && (there[2] || there[4]))
		check_ds_from(a, set, 2);
	if (there[2] && there[4])
		check_ds_from(a, set, 4);
}

static void check_ds(struct audit *a)
{
	size_t n = 0;

	if (a->plan == NULL || !a->plan->ds_given) {
		report_skip(a->report, rows[KEY_DS].id, "the DS RRset at the parent is not known");
		return;
	}
	for (size_t i = 0; i < a->plan->ds_sets; i++) {
		n += a->plan->ds[i].n;
		check_ds_set(a, &a->plan->ds[i]);
	}
	if (n == 0)
		report_skip(a->report, rows[KEY_DS].id, "the parent has no DS");
}

/* Where no policy says it: a key with SEP is a CSK as long as no key without it signs beside it. */
static void check_roles(struct audit *a)
{
	char name[24];

	if (a->plan != NULL && a->plan->csk.given)
		return; /* that was said of each signature */
	for (size_t i = 0; a->limits.keys == LIMITS_KEYS_ANY && i < a->published_keys; i++) {
		const struct dnskey *sep = &a->keys.key[i];

		for (size_t k = 0; k < a->published_keys; k++) {
			const struct dnskey *zone = &a->keys.key[k];

			if ((sep->flags & FLAG_SEP) == 0 ||
			    (zone->flags & (FLAG_ZONE | FLAG_SEP)) != FLAG_ZONE ||
			    sep->algorithm != zone->algorithm || !atomic_load(&sep->signs_data) ||
			    !atomic_load(&zone->signs_data) || plan_is_csk(a->plan, sep->rdata, sep->rdlen))
				continue;
			report_add(a->report, RRSIG_ROLE, 0, "%s key %s: signs beside keys without SEP",
				   a->zone_text, dnskey_name(sep, name));
			break;
		}
	}
}

void apex_end(struct audit *a)
{
	bool sep = false;
	char name[24];

	if (!a->has_soa)
		report_add(a->report, FRAME_SOA, 0, "%s: none", a->zone_text);
	for (size_t i = 0; i < a->published_keys; i++) {
		const struct dnskey *k = &a->keys.key[i];

		if (atomic_load(&k->signs_dnskey) && (k->flags & (FLAG_SEP | FLAG_REVOKE)) == FLAG_SEP)
			sep = true;
		if ((k->flags & FLAG_REVOKE) != 0 && !atomic_load(&k->signs_dnskey))
			report_add(a->report, KEY_REVOKED, 0, "%s key %s", a->zone_text,
				   dnskey_name(k, name));
	}
	if (a->published_keys == 0 && (a->plan == NULL || !a->plan->unsigned_zone))
		return;
	check_ds(a);
	if (a->published_keys == 0)
		return;
	check_roles(a);
	if (!sep)
		report_add(a->report, KEY_SEP, 0, "%s", a->zone_text);
}
