/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_check: what may stand together in a zone, owner by owner in canonical order. */
#include <string.h>

#include "zone/zone_build.h"
#include "zone/zone_owner.h"

#define BIND_TYPES_MAX 100 /* at an owner, RRSIGs count */

/* What secondaries of others may refuse. */
static void sizes(struct zone_build *b, const struct zone_cursor *c, const struct owner_traits *t)
{
	char name[DNAME_TEXT_MAX], type[16];
	size_t first = 0;

	for (size_t i = 1; i < c->n; i++) {
		const struct rr *rr = &c->rr[i];

		if (rr->type != rr[-1].type)
			first = i;
		if (i - first == b->limits.warn_rrset_records)
			zone_build_notice(b, NOTICE_LARGE, "RRset %s %s has more than %zu records; BIND refuses such a zone",
					  dname_to_text(c->name, name), rr_type_text(rr->type, type),
					  b->limits.warn_rrset_records);
	}
	if (t->types * 2 + 2 > BIND_TYPES_MAX) /* each has its RRSIG, and there is NSEC */
		zone_build_notice(b, NOTICE_TYPES, "%s has %zu types; with RRSIGs more than the %d that BIND takes",
				  dname_to_text(c->name, name), t->types, BIND_TYPES_MAX);
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

static void cut_here(const struct zone_cursor *c, const struct owner_traits *t, struct zone_cut *cut)
{
	cut->there = true;
	cut->delegation = t->ns != TRAIT_NONE && !t->apex;
	cut->key_len = c->key_len;
	memcpy(cut->key, c->key, c->key_len);
	memcpy(cut->name, c->name, dname_len(c->name));
}

int zone_check(struct zone_build *b, const struct zone_cursor *c, struct zone_cut *cut, struct err *e)
{
	const struct zone_owner o = { .name = c->name, .rr = c->rr, .n = c->n };
	struct owner_traits t = owner_traits_of(&o, c->key_len == 0);
	size_t at;

	if (zone_owner_check(&o, &t, &b->limits, &at, e) != 0)
		return at == TRAIT_NONE ? -1 : place_ctx(e, c->places[at]);
	sizes(b, c, &t);
	if (cut->there && !is_under(c, cut))
		cut->there = false;
	if (!cut->there && ((t.ns != TRAIT_NONE && !t.apex) || t.dname != TRAIT_NONE))
		cut_here(c, &t, cut);
	if (cut->there)
		occlusion(b, c, cut);
	return 0;
}
