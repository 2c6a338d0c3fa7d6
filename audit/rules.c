/* SPDX-License-Identifier: BSD-3-Clause */
/* rules: what may stand beside what, and TTLs. */
#include "audit/audit.h"

#include <stdio.h>
#include <string.h>

static void check_cname(struct audit *a, const struct owner *o)
{
	struct rrset set;
	bool cname = false, data = false;
	char text[LABEL_MAX];

	for (size_t i = 0; rrset_next(&o->zone, &i, &set);) {
		if (set.type == TYPE_CNAME)
			cname = true;
		else if (set.type != TYPE_RRSIG && set.type != TYPE_NSEC && set.type != TYPE_NSEC3 &&
			 set.type != TYPE_SIG && set.type != TYPE_KEY && set.type != TYPE_NXT)
			data = true;
		if ((set.type == TYPE_CNAME || set.type == TYPE_DNAME) && set.n > 1)
			report_add(a->report, CONTENT_CNAMES, o->at, "%s: %zu", owner_text(o, set.type, text),
				   set.n);
	}
	if (cname && data)
		report_add(a->report, CONTENT_CNAME_DATA, o->at, "%s", owner_text(o, -1, text));
}

/* A delegation to a zone that is signed here has the DS that the plan names, and no other. */
static void check_child(struct audit *a, const struct owner *o)
{
	const struct plan_child *child = o->place == PLACE_CUT ? plan_child(a->plan, o->wire, o->wire_len) : NULL;
	const struct rrset ds = rrset_of(&o->zone, TYPE_DS);
	char text[LABEL_MAX];
	bool same;

	if (child == NULL || rrset_of(&o->zone, TYPE_NS).n == 0)
		return;
	same = ds.n == child->ds.n;
	for (size_t i = 0; i < ds.n && same; i++)
		same = ds.rec[i]->rdlen == child->ds.item[i].len &&
		       memcmp(rec_rdata(ds.rec[i]), child->ds.item[i].rdata, child->ds.item[i].len) == 0;
	if (!same)
		report_add(a->report, CONTENT_CHILD, o->at, "%s", owner_text(o, TYPE_DS, text));
}

static void check_delegation(struct audit *a, const struct owner *o)
{
	bool ns = rrset_of(&o->zone, TYPE_NS).n > 0, ds = rrset_of(&o->zone, TYPE_DS).n > 0;
	char text[LABEL_MAX];

	if (ds && (!ns || o->place == PLACE_APEX))
		report_add(a->report, CONTENT_DS, o->at, "%s", owner_text(o, TYPE_DS, text));
	check_child(a, o);
	if (o->place == PLACE_CUT && rrset_of(&o->zone, TYPE_DNAME).n > 0)
		report_add(a->report, CONTENT_DNAME_NS, o->at, "%s", owner_text(o, -1, text));
	if (ns && name_is_wildcard(o->wire))
		report_add(a->report, CONTENT_WILDCARD_NS, o->at, "%s", owner_text(o, -1, text));
	if (o->place != PLACE_APEX && rrset_of(&o->zone, TYPE_SOA).n > 0)
		report_add(a->report, FRAME_SOA_OWNER, o->at, "%s", owner_text(o, TYPE_SOA, text));
	if (o->place != PLACE_APEX && rrset_of(&o->zone, TYPE_NSEC3PARAM).n > 0)
		report_add(a->report, NSEC3_PARAM_OWNER, o->at, "%s", owner_text(o, -1, text));
}

static void check_ttls(struct audit *a, const struct owner *o)
{
	uint32_t denial = a->soa_ttl < a->soa_minimum ? a->soa_ttl : a->soa_minimum;
	struct rrset set;
	char text[LABEL_MAX];

	for (size_t i = 0; rrset_next(&o->zone, &i, &set);) {
		bool is_signed = is_authoritative(o, set.type) || set.type == TYPE_RRSIG;
		int64_t most = is_signed ? a->limits.max_ttl_signed_s : a->limits.max_ttl_unsigned_s;

		if (set.type == TYPE_RRSIG &&
		    o->place == PLACE_CUT) /* of DS and NSEC, which have limits of their own */
			most = -1;
		for (size_t k = 0; k < set.n; k++) {
			if (most >= 0 && set.rec[k]->ttl > most) {
				report_add(a->report, TTL_MAX, o->at, "%s: TTL %u, at most %lld allowed",
					   owner_text(o, set.type, text), set.rec[k]->ttl, (long long)most);
				break;
			}
		}
		if (set.type == TYPE_RRSIG)
			continue;
		for (size_t k = 1; k < set.n; k++)
			if (set.rec[k]->ttl != set.rec[0]->ttl) {
				report_add(a->report, TTL_RRSET, o->at, "%s: TTLs %u and %u",
					   owner_text(o, set.type, text), set.rec[0]->ttl, set.rec[k]->ttl);
				break;
			}
		if (a->has_soa && (set.type == TYPE_NSEC || set.type == TYPE_NSEC3) &&
		    set.rec[0]->ttl != denial)
			report_add(a->report, TTL_DENIAL, o->at, "%s: TTL %u, must be %u",
				   owner_text(o, set.type, text), set.rec[0]->ttl, denial);
	}
}

void rules_check(struct audit *a, const struct owner *o)
{
	check_cname(a, o);
	check_delegation(a, o);
	check_ttls(a, o);
}
