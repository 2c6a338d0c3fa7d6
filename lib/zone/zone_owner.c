/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_owner: the rules about the records of one owner. */
#include "zone/zone_owner.h"

/* The first record of the type, and how many there are. */
static const struct rr *of_type(const struct zone_owner *o, uint16_t type, size_t *n)
{
	const struct rr *first = NULL;

	*n = 0;
	for (size_t i = 0; i < o->n; i++)
		if (o->rr[i].type == type && (*n)++ == 0)
			first = &o->rr[i];
	return first;
}

static int together(const struct zone_owner *o, bool apex, struct err *e)
{
	size_t cnames, dnames, nss, dss;
	const struct rr *cname = of_type(o, TYPE_CNAME, &cnames);
	char name[DNAME_TEXT_MAX], type[16];

	of_type(o, TYPE_DNAME, &dnames);
	of_type(o, TYPE_NS, &nss);
	of_type(o, TYPE_DS, &dss);
	dname_to_text(o->name, name);
	if (cnames > 0 && cnames < o->n)
		return err_set(e, ERR_REFUSED,
			       "%s has a CNAME and other data (%s), which excludes each other (RFC 1034 section 3.6.2)", name,
			       rr_type_text(o->rr == cname ? o->rr[cnames].type : o->rr[0].type, type));
	if (cnames > 1)
		return err_set(e, ERR_REFUSED, "%s has %zu CNAMEs, may have one (RFC 2181 section 10.1)", name, cnames);
	if (dnames > 1)
		return err_set(e, ERR_REFUSED, "%s has %zu DNAMEs, may have one (RFC 6672 section 2.4)", name, dnames);
	if (dnames > 0 && nss > 0 && !apex)
		return err_set(e, ERR_REFUSED, "%s has NS and DNAME, which only the apex may (RFC 6672 section 2.3)", name);
	if (dss > 0 && apex)
		return err_set(e, ERR_REFUSED, "DS at the apex %s; it belongs to the parent (RFC 4035 section 2.4)", name);
	if (dss > 0 && nss == 0)
		return err_set(e, ERR_REFUSED, "%s has DS without NS (RFC 4035 section 2.4)", name);
	if (nss > 0 && dname_is_wildcard(o->name))
		return err_set(e, ERR_REFUSED, "%s is a wildcard with NS (RFC 4592 section 4.2)", name);
	return 0;
}

int zone_owner_check(const struct zone_owner *o, bool apex, const struct zone_limits *limits, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];
	size_t octets = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (i > 0 && o->rr[i].type != o->rr[i - 1].type)
			octets = 0;
		octets += rr_wire_len(&o->rr[i]);
		if (octets > limits->max_rrset_octets)
			return err_set(e, ERR_LIMIT, "RRset %s %s has more than %zu octets of wire",
				       dname_to_text(o->name, name), rr_type_text(o->rr[i].type, type),
				       limits->max_rrset_octets);
	}
	return together(o, apex, e);
}
