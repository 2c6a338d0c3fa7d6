/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_owner: the rules about the records of one owner. */
#include "zone/zone_owner.h"

struct owner_traits owner_traits_of(const struct zone_owner *o, bool apex)
{
	struct owner_traits t = { .cname = TRAIT_NONE, .dname = TRAIT_NONE, .ns = TRAIT_NONE, .ds = TRAIT_NONE,
				  .apex = apex };
	uint16_t last = 0;

	for (size_t i = 0; i < o->n; i++) {
		uint16_t type = o->rr[i].type;

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

/* What is wrong, of what `together` has found. */
static int refuse(const struct zone_owner *o, const struct owner_traits *t, size_t *at, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];

	dname_to_text(o->name, name);
	*at = TRAIT_NONE;
	if (t->apex && t->ns == TRAIT_NONE)
		return err_set(e, ERR_REFUSED, "no NS at the apex %s; a zone has its name servers there (RFC 1034 section 4.2.1)",
			       name);
	*at = t->cname;
	if (t->cname != TRAIT_NONE && t->types > 1)
		return err_set(e, ERR_REFUSED, "%s has a CNAME and other data (%s), which excludes each other (RFC 1034 "
			       "section 3.6.2)", name, rr_type_text(o->rr[t->cname == 0 ? t->cnames : 0].type, type));
	*at = t->cname + 1;
	if (t->cnames > 1)
		return err_set(e, ERR_REFUSED, "%s has %zu CNAMEs, may have one (RFC 2181 section 10.1)", name, t->cnames);
	*at = t->dname + 1;
	if (t->dnames > 1)
		return err_set(e, ERR_REFUSED, "%s has %zu DNAMEs, may have one (RFC 6672 section 2.4)", name, t->dnames);
	*at = t->dname;
	if (t->dname != TRAIT_NONE && t->ns != TRAIT_NONE && !t->apex)
		return err_set(e, ERR_REFUSED, "%s has NS and DNAME, which only the apex may (RFC 6672 section 2.3)", name);
	*at = t->ds;
	if (t->ds != TRAIT_NONE && t->apex)
		return err_set(e, ERR_REFUSED, "DS at the apex %s; it belongs to the parent (RFC 4035 section 2.4)", name);
	if (t->ds != TRAIT_NONE && t->ns == TRAIT_NONE)
		return err_set(e, ERR_REFUSED, "%s has DS without NS (RFC 4035 section 2.4)", name);
	*at = t->ns;
	return err_set(e, ERR_REFUSED, "%s is a wildcard with NS (RFC 4592 section 4.2)", name);
}

static bool together(const struct zone_owner *o, const struct owner_traits *t)
{
	return !((t->apex && t->ns == TRAIT_NONE) || (t->cname != TRAIT_NONE && t->types > 1) || t->cnames > 1 ||
		 t->dnames > 1 || (t->dname != TRAIT_NONE && t->ns != TRAIT_NONE && !t->apex) ||
		 (t->ds != TRAIT_NONE && (t->apex || t->ns == TRAIT_NONE)) ||
		 (t->ns != TRAIT_NONE && dname_is_wildcard(o->name)));
}

int zone_owner_check(const struct zone_owner *o, const struct owner_traits *t, const struct zone_limits *limits,
		     size_t *at, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];
	size_t octets = 0, name_len = dname_len(o->name), unwanted;

	if (at == NULL)
		at = &unwanted;
	if (!together(o, t))
		return refuse(o, t, at, e);
	for (size_t i = 0; i < o->n; i++) {
		if (i > 0 && o->rr[i].type != o->rr[i - 1].type)
			octets = 0;
		octets += name_len + 10 + o->rr[i].rdlen;
		if (octets > limits->max_rrset_octets) {
			*at = i;
			return err_set(e, ERR_LIMIT, "RRset %s %s has more than %zu octets of wire",
				       dname_to_text(o->name, name), rr_type_text(o->rr[i].type, type),
				       limits->max_rrset_octets);
		}
	}
	return 0;
}
