/* SPDX-License-Identifier: BSD-3-Clause */
/* changes: owners of two versions side by side; those that differ are looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/changes_state.h"
#include "audit/sigpool.h"
#include "audit/terms.h"
#include "audit/zonemd.h"
#include "clock/clock.h"

void changes_free(struct changes *c)
{
	if (c == NULL)
		return;
	changes3_free(c->nsec3);
	sum_free(c->delta);
	free(c->start);
	free(c);
}

enum denial changes_denial(const struct audit *a)
{
	if (a->changes->nsec3 != NULL)
		return DENIES_NSEC3;
	return a->facts->nsec > 0 ? DENIES_NSEC : DENIES_NOTHING;
}

bool changes_all_optout(const struct audit *a)
{
	return a->past->last.all_optout && a->facts->optout == a->facts->nsec3;
}

static bool same(const struct records *a, const struct records *b)
{
	const struct rrset all = { 0, a->rec, a->n }, other = { 0, b->rec, b->n };

	return rrset_same(&all, &other);
}

static bool same_keys(const struct owner *now, const struct owner *was)
{
	struct rrset is = rrset_of(&now->zone, TYPE_DNSKEY), before = rrset_of(&was->zone, TYPE_DNSKEY);

	return is.n > 0 && rrset_same(&is, &before);
}

/* Content is compared by its sum, where it may have changed at all. */
static void note_content(struct changes *c, const struct owner *now, const struct owner *was)
{
	if (content_same(now, was))
		return;
	c->content_changed = true;
	sum_add(c->delta, now, &now->zone);
	sum_sub(c->delta, was, &was->zone);
}

static bool begins_run(struct changes *c, const struct owner *o)
{
	bool begins = false;

	for (; c->at < c->starts; c->at++) {
		const struct start *s = &c->start[c->at];
		int order = memcmp(o->key, s->key, o->key_len < s->len ? o->key_len : s->len);

		if (order < 0)
			break;
		begins = true;
	}
	return begins;
}

/* Between an NSEC that is another and the names beside it there may be pages of names that have none. */
static int check_loose(const struct changes *c, struct err *e)
{
	return !c->loose ? 0 : err_set(e, ERR_REFUSED, "what is beside an NSEC is not among the parts: the whole zone is needed");
}

static int link_of_name(struct changes *c, const struct owner *o, const struct owner *was, struct err *e)
{
	struct rrset is = rrset_of(&o->zone, TYPE_NSEC), before = rrset_of(&was->zone, TYPE_NSEC);

	if (rrset_same(&is, &before)) {
		c->loose = c->loose && is.n == 0;
	} else {
		c->loose = !c->preceded && o->place != PLACE_APEX;
		if (check_loose(c, e) != 0)
			return -1;
		c->loose = true;
	}
	c->preceded = c->preceded || is.n > 0 || before.n > 0;
	return 0;
}

static int denial_of_name(struct audit *a, struct changes *c, const struct owner *o, const struct owner *was, bool passed,
			  struct err *e)
{
	if (begins_run(c, o)) {
		if (check_loose(c, e) != 0)
			return -1;
		a->last_nsec.any = c->preceded = false;
		if (c->nsec3 != NULL)
			changes3_gap(c->nsec3);
	}
	if (a->denial == DENIES_NSEC3) {
		changes3_name(a, c->nsec3, o, was);
		return 0;
	}
	if (link_of_name(c, o, was, e) != 0)
		return -1;
	if (o->zone.n == 0)
		return 0;
	if (passed)
		nsec_follow(a, o);
	else
		nsec_check(a, o);
	return 0;
}

int changes_owner(struct audit *a, struct owner *o, struct err *e)
{
	struct changes *c = a->changes;
	struct owner was = *o;
	bool passed, hashed;

	if (o->place == PLACE_APEX && rrset_of(&o->zone, TYPE_ZONEMD).n > 0 && !c->digested)
		return err_set(e, ERR_REFUSED, "there is a ZONEMD: the whole zone is needed");
	if (o->place == PLACE_APEX && c->digested && !zonemd_same(a->zonemd, o))
		report_add(a->report, ZONEMD_WRONG, 0, "%s ZONEMD: not that of the whole zone", a->zone_text);
	was.zone = o->input;
	was.input = (struct records){ NULL, 0 };
	owner_place(a, &was, &c->was_cut);
	if (o->place == PLACE_APEX) { /* the first of all */
		if (terms_check(a, e) != 0)
			return -1;
		c->same_keys = same_keys(o, &was);
	}
	passed = was.place == o->place && o->place != PLACE_APEX && same(&o->zone, &was.zone);
	hashed = owner_is_hash(a, o) || owner_is_hash(a, &was);
	if (!passed) {
		note_content(c, o, &was);
		if (o->zone.n > 0) {
			content_check(a, o);
			rules_check(a, o);
			signatures_check(a, o, c->same_keys ? &was : NULL);
		}
	}
	if (hashed && a->denial == DENIES_NSEC3)
		changes3_records(a, c->nsec3, o, &was);
	if (hashed && a->denial == DENIES_NSEC3 && !has_denial_data(o) && !has_denial_data(&was))
		return 0;
	return denial_of_name(a, c, o, &was, passed, e); /* a name may look like a hash, and be one */
}

/* The content that the input has, with the change taken back, must be the one that passed. */
static void check_content(struct audit *a, struct changes *c)
{
	if (!c->has_sum) { /* no new content was to come */
		if (c->content_changed)
			report_add(a->report, CONTENT_DIGEST, 0, "%s: it changed, the input did not", a->zone_text);
		snprintf(a->content_hex, sizeof(a->content_hex), "%s", a->past->last.content);
		return;
	}
	sum_negate(c->delta);
	sum_add_lanes(c->delta, c->sum);
	sum_hex(c->delta, a->content_hex);
	if (strcmp(a->content_hex, a->past->last.content) != 0)
		report_add(a->report, CONTENT_DIGEST, 0, "%s: the records that changed are not those that the input changed",
			   a->zone_text);
	sum_add_lanes(a->sum, c->sum);
	sum_hex(a->sum, a->content_hex);
}

int changes_check_ends(struct audit *a, struct err *e)
{
	const int64_t needed = a->now + a->limits.propagation_s + a->facts->signed_ttl;
	char t[CLOCK_TEXT_LEN];
	int64_t begins;

	if (!ends_first(a->ends, &begins) || (a->earliest_expiration != 0 && begins + ENDS_STEP_S > a->earliest_expiration))
		return 0; /* it is one of the parts', which has been looked at */
	a->earliest_expiration = begins;
	snprintf(a->earliest_owner, sizeof(a->earliest_owner), "what did not change");
	clock_text(begins, t);
	if (begins < needed && !sigcheck_is_no_worse(a, begins, needed))
		return err_set(e, ERR_REFUSED, "signatures end at %s or soon after: the whole zone is needed", t);
	if (begins < needed)
		report_warn(a->report, RRSIG_EXPIRATION, 0, "%s: what did not change, from %s on", a->zone_text, t);
	else if (begins + ENDS_STEP_S <= needed + a->soa_expire)
		report_add(a->report, RRSIG_EXPIRE, 0, "%s: what did not change, from %s on", a->zone_text, t);
	return 0;
}

int changes_end(struct audit *a, struct err *e)
{
	struct changes *c = a->changes;

	if (!c->last && check_loose(c, e) != 0)
		return -1;
	if (a->denial == DENIES_NSEC3)
		changes3_end(a, c->nsec3, c->closed3, c->last);
	else if (c->last)
		nsec_end(a);
	check_content(a, c);
	terms_note_use(a);
	return 0;
}
