/* SPDX-License-Identifier: BSD-3-Clause */
/* cds: CDS and CDNSKEY (RFC 7344, RFC 8078), once it is known which keys sign the DNSKEY RRset. */
#include "audit/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t delete_cds[] = { 0, 0, 0, 0, 0 }, delete_cdnskey[] = { 0, 0, 3, 0, 0 };

static bool is_delete(const struct rec *r)
{
	return r->rdlen == 5 && memcmp(rec_rdata(r), r->type == TYPE_CDS ? delete_cds : delete_cdnskey,
				       sizeof(delete_cds)) == 0;
}

static size_t deletes(const struct records *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += is_delete(set->rec[i]);
	return n;
}

/* Where the DS goes before the DNSKEY (RFC 7583 section 2.2), CDS name a key that is not published yet; only the plan can say
 * that it is meant so; the same of a key of another signer (RFC 8901), and of a lost one.  That the chain of trust holds without it
 * is check_chain's. */
static bool is_planned(const struct audit *a, const struct rec *r)
{
	const struct plan_set *set = a->plan == NULL ? NULL : r->type == TYPE_CDS ? &a->plan->cds : &a->plan->cdnskey;

	for (size_t i = 0; set != NULL && set->given && i < set->n; i++)
		if (set->item[i].len == r->rdlen && memcmp(set->item[i].rdata, rec_rdata(r), r->rdlen) == 0)
			return true;
	return false;
}

static void compare_plan(struct audit *a, const struct records *set, const struct plan_set *plan,
			 const char *type)
{
	bool same = set->n == plan->n;

	for (size_t i = 0; same && i < set->n; i++)
		same = set->rec[i]->rdlen == plan->item[i].len &&
		       memcmp(rec_rdata(set->rec[i]), plan->item[i].rdata, plan->item[i].len) == 0;
	if (plan->given && !same)
		report_add(a->report, CDS_PLAN, 0, "%s %s", a->zone_text, type);
}

/* The published key that a CDS or CDNSKEY names; NULL when there is none. */
static const struct dnskey *named(const struct audit *a, const struct rec *r)
{
	for (size_t i = 0; i < a->published_keys; i++) {
		const struct dnskey *k = &a->keys.key[i];

		if (r->type == TYPE_CDS
			    ? dnskey_matches_ds(k, a->zone, a->zone_len, rec_rdata(r), r->rdlen)
			    : r->rdlen == k->rdlen && memcmp(rec_rdata(r), k->rdata, k->rdlen) == 0)
			return k;
	}
	return NULL;
}

/* Digest types that are not known here cannot be followed; RFC 8624 section 3.3 has them all but GOST. */
static bool is_unknown_digest(const struct rec *r)
{
	return r->type == TYPE_CDS && r->rdlen > 4 && !ds_digest_known(rec_rdata(r)[3]);
}

/* A DS RRset of nothing else makes the zone insecure (RFC 4035 section 5.2). */
static void check_digests(struct audit *a, const struct records *set)
{
	size_t unknown = 0;

	for (size_t i = 0; i < set->n; i++)
		unknown += is_unknown_digest(set->rec[i]) && !is_delete(set->rec[i]);
	if (unknown > 0 && unknown == set->n)
		report_add(a->report, CDS_BREAKS, 0, "%s CDS: digest types that nobody knows", a->zone_text);
}

static void check_named(struct audit *a, const struct records *set, bool names[DNSKEY_MAX],
			bool algorithms[256], bool good[256])
{
	char type[24];

	for (size_t i = 0; i < set->n; i++) {
		const struct rec *r = set->rec[i];
		const struct dnskey *k;

		if (is_delete(r) || is_unknown_digest(r))
			continue;
		k = named(a, r);
		algorithms[r->rdlen > 3 ? rec_rdata(r)[r->type == TYPE_CDS ? 2 : 3] : 0] = true;
		if ((k == NULL || plan_is_foreign(a->plan, k->rdata, k->rdlen) ||
		     (!atomic_load(&k->signs_dnskey) && plan_is_lost(a->plan, k->rdata, k->rdlen))) && is_planned(a, r))
			continue;
		if (k == NULL || !atomic_load(&k->signs_dnskey)) {
			report_add(a->report, CDS_UNSIGNED, 0, "%s %s, key tag %u", a->zone_text,
				   type_text(r->type, type),
				   r->type == TYPE_CDS && r->rdlen > 2 ? get16(rec_rdata(r))
								       : dnskey_tag(rec_rdata(r), r->rdlen));
			continue;
		}
		names[k - a->keys.key] = true;
		good[k->algorithm] = true;
	}
}

static void check_chain(struct audit *a, const bool algorithms[256], const bool good[256])
{
	for (unsigned alg = 0; alg < 256; alg++)
		if (algorithms[alg] && !good[alg])
			report_add(a->report, CDS_BREAKS, 0,
				   "%s: no key of algorithm %u that signs the DNSKEY RRset", a->zone_text,
				   alg);
}

static void check_deletes(struct audit *a)
{
	size_t cds = deletes(&a->cds), cdnskey = deletes(&a->cdnskey);

	if (cds + cdnskey == 0)
		return;
	if ((cds > 0 && a->cds.n > 1) || (cdnskey > 0 && a->cdnskey.n > 1) ||
	    (a->cds.n > 0 && a->cdnskey.n > 0 && (cds == 0 || cdnskey == 0)))
		report_add(a->report, CDS_BREAKS, 0, "%s: DELETE beside other CDS or CDNSKEY", a->zone_text);
}

void cds_check(struct audit *a)
{
	bool by_cds[DNSKEY_MAX] = { false }, by_cdnskey[DNSKEY_MAX] = { false };
	bool algorithms[256] = { false }, good[256] = { false };
	char name[24];

	if (a->plan != NULL) {
		compare_plan(a, &a->cds, &a->plan->cds, "CDS");
		compare_plan(a, &a->cdnskey, &a->plan->cdnskey, "CDNSKEY");
	}
	check_deletes(a);
	check_digests(a, &a->cds);
	check_named(a, &a->cds, by_cds, algorithms, good);
	check_named(a, &a->cdnskey, by_cdnskey, algorithms, good);
	check_chain(a, algorithms, good);
	for (size_t i = 0; a->cds.n > 0 && a->cdnskey.n > 0 && i < a->published_keys; i++)
		if (by_cds[i] != by_cdnskey[i])
			report_add(a->report, CDS_BREAKS, 0, "%s key %s: in %s only", a->zone_text,
				   dnskey_name(&a->keys.key[i], name), by_cds[i] ? "CDS" : "CDNSKEY");
}

static void free_copies(struct records *set)
{
	for (size_t i = 0; i < set->n; i++)
		free((void *)(uintptr_t)set->rec[i]);
	free(set->rec);
	*set = (struct records){ NULL, 0 };
}

void cds_fini(struct audit *a)
{
	free_copies(&a->cds);
	free_copies(&a->cdnskey);
}
