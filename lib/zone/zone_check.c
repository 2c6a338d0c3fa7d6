/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_check: what may stand together in a zone, owner by owner in canonical order. */
#include <string.h>

#include "zone/zone_build.h"

#define BIND_TYPES_MAX 100 /* at an owner, RRSIGs count */

/* All records of one owner, in order. */
struct owner {
	struct build_rr *rr;
	size_t n;
	size_t types;
	struct build_rr *cname, *dname, *ns, *ds; /* the first of each, or NULL */
	size_t cnames, dnames;
	bool apex;
};

static struct owner owner_at(struct zone_build *b, size_t at)
{
	struct build_rr *first = &b->rrs[at];
	struct owner o = { .rr = first, .apex = first->key_len == 0 };

	for (size_t i = at; i < b->n; i++) {
		struct build_rr *r = &b->rrs[i];

		if (r->key_len != first->key_len || memcmp(r->key, first->key, r->key_len) != 0)
			break;
		o.types += o.n == 0 || r->rr.type != r[-1].rr.type;
		o.n++;
		if (r->rr.type == TYPE_CNAME && o.cnames++ == 0)
			o.cname = r;
		if (r->rr.type == TYPE_DNAME && o.dnames++ == 0)
			o.dname = r;
		if (r->rr.type == TYPE_NS && o.ns == NULL)
			o.ns = r;
		if (r->rr.type == TYPE_DS && o.ds == NULL)
			o.ds = r;
	}
	return o;
}

static int owner_check(const struct owner *o, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];

	dname_to_text(o->rr->rr.owner, name);
	if (o->cname != NULL && o->types > 1) {
		const struct build_rr *other = o->rr == o->cname ? o->rr + o->cnames : o->rr;

		return place_err(e, ERR_REFUSED, o->cname->place,
				 "%s has a CNAME and other data (%s), which excludes each other (RFC 1034 "
				 "section 3.6.2)",
				 name, rr_type_text(other->rr.type, type));
	}
	if (o->cnames > 1)
		return place_err(e, ERR_REFUSED, o->cname[1].place,
				 "%s has %zu CNAMEs, may have one (RFC 2181 section 10.1)", name, o->cnames);
	if (o->dnames > 1)
		return place_err(e, ERR_REFUSED, o->dname[1].place,
				 "%s has %zu DNAMEs, may have one (RFC 6672 section 2.4)", name, o->dnames);
	if (o->dname != NULL && o->ns != NULL && !o->apex)
		return place_err(e, ERR_REFUSED, o->dname->place,
				 "%s has NS and DNAME, which only the apex may (RFC 6672 section 2.3)", name);
	if (o->ds != NULL && o->apex)
		return place_err(e, ERR_REFUSED, o->ds->place,
				 "DS at the apex %s; it belongs to the parent (RFC 4035 section 2.4)", name);
	if (o->ds != NULL && o->ns == NULL)
		return place_err(e, ERR_REFUSED, o->ds->place, "%s has DS without NS (RFC 4035 section 2.4)",
				 name);
	if (o->ns != NULL && dname_is_wildcard(o->rr->rr.owner))
		return place_err(e, ERR_REFUSED, o->ns->place,
				 "%s is a wildcard with NS (RFC 4592 section 4.2)", name);
	return 0;
}

static int rrset_sizes(struct zone_build *b, const struct owner *o, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];
	size_t octets = 0, first = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (i > 0 && o->rr[i].rr.type != o->rr[i - 1].rr.type) {
			octets = 0;
			first = i;
		}
		octets += rr_wire_len(&o->rr[i].rr);
		if (octets > b->limits.max_rrset_octets)
			return place_err(e, ERR_LIMIT, o->rr[i].place,
					 "RRset %s %s has more than %zu octets of wire",
					 dname_to_text(o->rr->rr.owner, name),
					 rr_type_text(o->rr[i].rr.type, type), b->limits.max_rrset_octets);
		if (i - first == b->limits.warn_rrset_records)
			zone_build_notice(b, NOTICE_LARGE,
					  "RRset %s %s has more than %zu records; BIND refuses such a zone",
					  dname_to_text(o->rr->rr.owner, name),
					  rr_type_text(o->rr[i].rr.type, type), b->limits.warn_rrset_records);
	}
	if (o->types * 2 + 2 > BIND_TYPES_MAX) /* each has its RRSIG, and there is NSEC */
		zone_build_notice(b, NOTICE_TYPES,
				  "%s has %zu types; with RRSIGs more than the %d that BIND takes",
				  dname_to_text(o->rr->rr.owner, name), o->types, BIND_TYPES_MAX);
	return 0;
}

/* Is o the cut itself or below it? */
static bool is_under(const struct owner *o, const struct owner *cut)
{
	return o->rr->key_len >= cut->rr->key_len && memcmp(o->rr->key, cut->rr->key, cut->rr->key_len) == 0;
}

/* Below a delegation only addresses may be glue; at it, only NS and DS are seen too (RFC 4035 section 2.2).
 */
static void occlusion(struct zone_build *b, const struct owner *o, const struct owner *cut)
{
	bool at_cut = o->rr->key_len == cut->rr->key_len;
	char name[DNAME_TEXT_MAX], type[16], above[DNAME_TEXT_MAX];

	if (at_cut && cut->ns == NULL) /* beside a DNAME other types live */
		return;
	for (size_t i = 0; i < o->n; i++) {
		uint16_t t = o->rr[i].rr.type;

		if (i > 0 && t == o->rr[i - 1].rr.type)
			continue;
		if (cut->ns != NULL &&
		    (t == TYPE_A || t == TYPE_AAAA || (at_cut && (t == TYPE_NS || t == TYPE_DS))))
			continue;
		zone_build_notice(b, NOTICE_OCCLUDED, "%s %s is occluded by the %s at %s%s",
				  dname_to_text(o->rr->rr.owner, name), rr_type_text(t, type),
				  cut->ns != NULL ? "delegation" : "DNAME",
				  dname_to_text(cut->rr->rr.owner, above),
				  cut->ns != NULL ? "" : "; Knot refuses such a zone (RFC 6672 section 2.4)");
	}
}

int zone_check(struct zone_build *b, struct err *e)
{
	struct owner cut = { .rr = NULL }, o;
	char name[DNAME_TEXT_MAX];

	for (size_t at = 0; at < b->n; at += o.n) {
		o = owner_at(b, at);
		if (owner_check(&o, e) != 0 || rrset_sizes(b, &o, e) != 0)
			return -1;
		if (o.apex && o.ns == NULL)
			zone_build_notice(b, NOTICE_APEX, "no NS at the apex %s; BIND refuses such a zone",
					  dname_to_text(b->z->apex, name));
		if (cut.rr != NULL && !is_under(&o, &cut))
			cut.rr = NULL;
		if (cut.rr == NULL && ((o.ns != NULL && !o.apex) || o.dname != NULL)) {
			cut = o;
			if (o.apex)
				cut.ns = NULL;
		}
		if (cut.rr != NULL)
			occlusion(b, &o, &cut);
	}
	return 0;
}
