/* SPDX-License-Identifier: BSD-3-Clause */
/* content: the signed zone without what signing adds is the input; nothing is outside, little is occluded. */
#include "audit/audit.h"
#include "audit/sum.h"

#include <stdio.h>
#include <string.h>

/* named's notes on its progress, at the apex of zones that it signs. */
#define TYPE_NAMED_SIGNING 65534

/* Types that signing makes, here. */
bool content_is_added(const struct owner *o, uint16_t type)
{
	switch (type) {
	case TYPE_RRSIG:
	case TYPE_NSEC:
	case TYPE_NSEC3:
		return true;
	case TYPE_DNSKEY:
	case TYPE_CDS:
	case TYPE_CDNSKEY:
	case TYPE_NSEC3PARAM:
	case TYPE_ZONEMD:
	case TYPE_NAMED_SIGNING:
		return o->place == PLACE_APEX;
	default:
		return false;
	}
}

/* Data that the zone neither answers nor needs for a referral. */
static bool is_occluded(const struct owner *o, uint16_t type)
{
	bool address = type == TYPE_A || type == TYPE_AAAA;

	if (o->place == PLACE_BELOW_DNAME)
		return true;
	if (o->place == PLACE_BELOW_CUT)
		return !address;
	return o->place == PLACE_CUT && !address && type != TYPE_NS && type != TYPE_DS &&
	       !content_is_added(o, type) && type != TYPE_DNAME;
}

/* As rec_cmp for records of one owner; a SOA's serial is no content (RFC 1035 section 3.3.13: 20 octets from
 * the end). */
static int compare(const struct rec *a, const struct rec *b)
{
	if (a->type == TYPE_SOA && b->type == TYPE_SOA && a->rdlen == b->rdlen && a->rdlen > 20) {
		size_t names = a->rdlen - 20u;
		int c = memcmp(rec_rdata(a), rec_rdata(b), names);

		return c != 0 ? c : memcmp(rec_rdata(a) + names + 4, rec_rdata(b) + names + 4, 16);
	}
	return rec_cmp(a, b);
}

/* Behind what signing adds. */
static size_t content_from(const struct owner *o, size_t i)
{
	while (i < o->zone.n && content_is_added(o, o->zone.rec[i]->type))
		i++;
	return i;
}

bool content_same(const struct owner *a, const struct owner *b)
{
	size_t i = content_from(a, 0), k = content_from(b, 0);

	while (i < a->zone.n && k < b->zone.n) {
		if (compare(a->zone.rec[i], b->zone.rec[k]) != 0 || a->zone.rec[i]->ttl != b->zone.rec[k]->ttl)
			return false;
		i = content_from(a, i + 1);
		k = content_from(b, k + 1);
	}
	return i == a->zone.n && k == b->zone.n;
}

static void only_in_input(struct audit *a, const struct owner *o, const struct rec *r)
{
	char text[LABEL_MAX];

	owner_text(o, r->type, text);
	if (o->place == PLACE_OUTSIDE)
		report_add(a->report, CONTENT_IN_OUTSIDE, o->at, "%s", text);
	else if (content_is_added(o, r->type))
		report_add(a->report, CONTENT_DNSSEC, o->at, "%s", text);
	else if (is_occluded(o, r->type))
		report_add(a->report, CONTENT_OCCLUDED, o->at, "%s: dropped", text);
	else
		report_add(a->report, CONTENT_MISSING, o->at, "%s", text);
}

static void only_in_zone(struct audit *a, const struct owner *o, const struct rec *r)
{
	char text[LABEL_MAX];

	if (!content_is_added(o, r->type))
		report_add(a->report, CONTENT_EXTRA, o->at, "%s", owner_text(o, r->type, text));
}

/* Where the TTLs of an RRset of the input differ, any of them will do. */
static void check_ttl(struct audit *a, const struct owner *o, const struct rec *in, const struct rec *r)
{
	struct rrset set = rrset_of(&o->input, in->type);
	char text[LABEL_MAX];

	if (content_is_added(o, r->type))
		return;
	for (size_t i = 0; i < set.n; i++)
		if (set.rec[i]->ttl == r->ttl)
			return;
	report_add(a->report, CONTENT_TTL, o->at, "%s: TTL %u, in the input %u", owner_text(o, r->type, text),
		   r->ttl, in->ttl);
}

static void compare_owner(struct audit *a, const struct owner *o)
{
	size_t i = 0, k = 0;

	while (i < o->input.n || k < o->zone.n) {
		int c = i == o->input.n ? 1 : k == o->zone.n ? -1 : compare(o->input.rec[i], o->zone.rec[k]);

		if (c < 0) {
			only_in_input(a, o, o->input.rec[i++]);
		} else if (c > 0) {
			only_in_zone(a, o, o->zone.rec[k++]);
		} else {
			check_ttl(a, o, o->input.rec[i++], o->zone.rec[k]);
			k++;
		}
	}
}

void content_check(struct audit *a, const struct owner *o)
{
	char text[LABEL_MAX];

	for (size_t i = 0; i < o->zone.n; i++) {
		const struct rec *r = o->zone.rec[i];

		if (o->place == PLACE_OUTSIDE) {
			report_add(a->report, CONTENT_OUTSIDE, o->at, "%s", owner_text(o, r->type, text));
			continue;
		}
		if (is_occluded(o, r->type) && !content_is_added(o, r->type))
			report_add(a->report, CONTENT_OCCLUDED, o->at, "%s", owner_text(o, r->type, text));
	}
	if (a->changes == NULL && o->place != PLACE_OUTSIDE)
		sum_add(a->sum, o, &o->zone);
	if (a->with_input)
		compare_owner(a, o);
}

void content_end(struct audit *a)
{
	if (a->changes == NULL)
		sum_hex(a->sum, a->content_hex);
	if (a->plan != NULL && a->plan->content.digest[0] != '\0' && strcmp(a->plan->content.digest, a->content_hex) != 0)
		report_add(a->report, CONTENT_DIGEST, 0, "%s: %.16s..., the input has %.16s...", a->zone_text,
			   a->content_hex, a->plan->content.digest);
}
