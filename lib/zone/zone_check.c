/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_check: what may stand together in a zone, owner by owner in canonical order. */
#include <string.h>

#include "zone/zone_build.h"

#define BIND_TYPES_MAX 100 /* at an owner, RRSIGs count */

/* What an owner has: the index of the first of each, or NONE. */
#define NONE SIZE_MAX
struct traits {
	size_t types;
	size_t cname, dname, ns, ds;
	size_t cnames, dnames;
	bool apex;
};

static struct traits traits_of(const struct zone_cursor *c)
{
	struct traits t = { .cname = NONE, .dname = NONE, .ns = NONE, .ds = NONE, .apex = c->key_len == 0 };
	uint16_t last = 0;

	for (size_t i = 0; i < c->n; i++) {
		uint16_t type = c->rr[i].type;

		if (type != last) {
			t.types++;
			last = type;
			if (type == TYPE_NS)
				t.ns = i;
			else if (type == TYPE_DS)
				t.ds = i;
			else if (type == TYPE_CNAME)
				t.cname = i;
			else if (type == TYPE_DNAME)
				t.dname = i;
		}
		t.cnames += type == TYPE_CNAME;
		t.dnames += type == TYPE_DNAME;
	}
	return t;
}

/* What is wrong, of what owner_check has found. */
static int refuse(const struct zone_cursor *c, const struct traits *t, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];

	dname_to_text(c->name, name);
	if (t->cname != NONE && t->types > 1)
		return place_err(e, ERR_REFUSED, c->places[t->cname],
				 "%s has a CNAME and other data (%s), which excludes each other (RFC 1034 "
				 "section 3.6.2)",
				 name, rr_type_text(c->rr[t->cname == 0 ? t->cnames : 0].type, type));
	if (t->cnames > 1)
		return place_err(e, ERR_REFUSED, c->places[t->cname + 1],
				 "%s has %zu CNAMEs, may have one (RFC 2181 section 10.1)", name, t->cnames);
	if (t->dnames > 1)
		return place_err(e, ERR_REFUSED, c->places[t->dname + 1],
				 "%s has %zu DNAMEs, may have one (RFC 6672 section 2.4)", name, t->dnames);
	if (t->dname != NONE && t->ns != NONE && !t->apex)
		return place_err(e, ERR_REFUSED, c->places[t->dname],
				 "%s has NS and DNAME, which only the apex may (RFC 6672 section 2.3)", name);
	if (t->ds != NONE && t->apex)
		return place_err(e, ERR_REFUSED, c->places[t->ds],
				 "DS at the apex %s; it belongs to the parent (RFC 4035 section 2.4)", name);
	if (t->ds != NONE && t->ns == NONE)
		return place_err(e, ERR_REFUSED, c->places[t->ds], "%s has DS without NS (RFC 4035 section 2.4)", name);
	return place_err(e, ERR_REFUSED, c->places[t->ns], "%s is a wildcard with NS (RFC 4592 section 4.2)", name);
}

static int owner_check(const struct zone_cursor *c, const struct traits *t, struct err *e)
{
	char name[DNAME_TEXT_MAX];

	if (t->apex && t->ns == NONE)
		return err_set(e, ERR_REFUSED, "no NS at the apex %s; a zone has its name servers there (RFC 1034 section 4.2.1)",
			       dname_to_text(c->name, name));
	if ((t->cname != NONE && t->types > 1) || t->cnames > 1 || t->dnames > 1 ||
	    (t->dname != NONE && t->ns != NONE && !t->apex) || (t->ds != NONE && (t->apex || t->ns == NONE)) ||
	    (t->ns != NONE && dname_is_wildcard(c->name)))
		return refuse(c, t, e);
	return 0;
}

static int rrset_sizes(struct zone_build *b, const struct zone_cursor *c, const struct traits *t, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];
	size_t octets = 0, first = 0, name_len = dname_len(c->name);

	for (size_t i = 0; i < c->n; i++) {
		const struct rr *rr = &c->rr[i];

		if (i > 0 && rr->type != rr[-1].type) {
			octets = 0;
			first = i;
		}
		octets += name_len + 10 + rr->rdlen;
		if (octets > b->limits.max_rrset_octets)
			return place_err(e, ERR_LIMIT, c->places[i], "RRset %s %s has more than %zu octets of wire",
					 dname_to_text(c->name, name), rr_type_text(rr->type, type),
					 b->limits.max_rrset_octets);
		if (i - first == b->limits.warn_rrset_records)
			zone_build_notice(b, NOTICE_LARGE, "RRset %s %s has more than %zu records; BIND refuses such a zone",
					  dname_to_text(c->name, name), rr_type_text(rr->type, type),
					  b->limits.warn_rrset_records);
	}
	if (t->types * 2 + 2 > BIND_TYPES_MAX) /* each has its RRSIG, and there is NSEC */
		zone_build_notice(b, NOTICE_TYPES, "%s has %zu types; with RRSIGs more than the %d that BIND takes",
				  dname_to_text(c->name, name), t->types, BIND_TYPES_MAX);
	return 0;
}

/* Is the owner the cut itself or below it? */
static bool is_under(const struct zone_cursor *c, const struct zone_cut *cut)
{
	return c->key_len >= cut->key_len && memcmp(c->key, cut->key, cut->key_len) == 0;
}

/* Below a delegation only addresses may be glue; at it, only NS and DS are seen too (RFC 4035 section 2.2). */
static void occlusion(struct zone_build *b, const struct zone_cursor *c, const struct zone_cut *cut)
{
	bool at_cut = c->key_len == cut->key_len;
	char name[DNAME_TEXT_MAX], type[16], above[DNAME_TEXT_MAX];

	if (at_cut && !cut->delegation) /* beside a DNAME other types live */
		return;
	for (size_t i = 0; i < c->n; i++) {
		uint16_t t = c->rr[i].type;

		if (i > 0 && t == c->rr[i - 1].type)
			continue;
		if (cut->delegation && (t == TYPE_A || t == TYPE_AAAA || (at_cut && (t == TYPE_NS || t == TYPE_DS))))
			continue;
		zone_build_notice(b, NOTICE_OCCLUDED, "%s %s is occluded by the %s at %s%s", dname_to_text(c->name, name),
				  rr_type_text(t, type), cut->delegation ? "delegation" : "DNAME",
				  dname_to_text(cut->name, above),
				  cut->delegation ? "" : "; Knot refuses such a zone (RFC 6672 section 2.4)");
	}
}

static void cut_here(const struct zone_cursor *c, const struct traits *t, struct zone_cut *cut)
{
	cut->there = true;
	cut->delegation = t->ns != NONE && !t->apex;
	cut->key_len = c->key_len;
	memcpy(cut->key, c->key, c->key_len);
	memcpy(cut->name, c->name, dname_len(c->name));
}

int zone_check(struct zone_build *b, const struct zone_cursor *c, struct zone_cut *cut, struct err *e)
{
	struct traits t = traits_of(c);

	if (owner_check(c, &t, e) != 0 || rrset_sizes(b, c, &t, e) != 0)
		return -1;
	if (cut->there && !is_under(c, cut))
		cut->there = false;
	if (!cut->there && ((t.ns != NONE && !t.apex) || t.dname != NONE))
		cut_here(c, &t, cut);
	if (cut->there)
		occlusion(b, c, cut);
	return 0;
}
