/* SPDX-License-Identifier: BSD-3-Clause */
/* nsec: each name has its NSEC, with its types and the next name (RFC 4034 section 4, RFC 4035 section 2.3).
 */
#include "audit/audit.h"

#include <stdio.h>
#include <string.h>

/* Types that denial shows at an owner: those that it is authoritative for, and a delegation's NS. */
static bool shown(const struct owner *o, uint16_t type)
{
	if (o->place == PLACE_CUT)
		return type == TYPE_NS || type == TYPE_DS || type == TYPE_NSEC || type == TYPE_RRSIG;
	return type != TYPE_NSEC3;
}

/* At a delegation RRSIGs count that cover what is shown; where NSEC3 stands beside data, those of the data.
 */
static bool rrsig_shown(const struct owner *o, const struct rrset *rrsigs)
{
	for (size_t i = 0; i < rrsigs->n; i++) {
		uint16_t covered = rrsigs->rec[i]->rdlen >= 2 ? get16(rec_rdata(rrsigs->rec[i])) : 0;

		if (covered != TYPE_NSEC3 && covered != TYPE_NS)
			return true;
		if (covered == TYPE_NS && o->place != PLACE_CUT)
			return true;
	}
	return false;
}

size_t bitmap_make(const struct owner *o, uint8_t out[BITMAP_MAX])
{
	size_t len = 0, window_at = 0;
	int window = -1;
	struct rrset set;

	for (size_t i = 0; rrset_next(&o->zone, &i, &set);) {
		unsigned octet = (set.type & 255u) / 8;

		if (!shown(o, set.type) || (set.type == TYPE_RRSIG && !rrsig_shown(o, &set)))
			continue;
		if (window != set.type >> 8) {
			window = set.type >> 8;
			window_at = len;
			out[len++] = (uint8_t)window;
			out[len++] = 0;
		}
		while (out[window_at + 1] <= octet) {
			out[len++] = 0;
			out[window_at + 1]++;
		}
		out[window_at + 2 + octet] |= (uint8_t)(0x80 >> (set.type & 7));
	}
	return len;
}

/* The NSEC of the name before leads here, or does not. */
static void check_next(struct audit *a, const struct owner *o)
{
	char here[LABEL_MAX], from[NAME_TEXT_MAX], to[NAME_TEXT_MAX];
	uint8_t next[NAME_MAX_OCTETS];
	size_t len = name_length(a->last_nsec.next, sizeof(next));

	if (!a->last_nsec.any || a->last_nsec.broken)
		return;
	memcpy(next, a->last_nsec.next, len);
	name_lower(next, len);
	if (len == o->wire_len && memcmp(next, o->wire, len) == 0)
		return;
	name_text(a->last_nsec.owner, from);
	name_text(next, to);
	if (len == a->zone_len && memcmp(next, a->zone, len) == 0)
		report_add(a->report, NSEC_CYCLE, a->last_nsec.at, "%s: leads to the apex, but %s follows",
			   from, owner_text(o, -1, here));
	else
		report_add(a->report, NSEC_NEXT, a->last_nsec.at, "%s: leads to %s, not to %s", from, to,
			   owner_text(o, -1, here));
}

/* It is the last one from now on; the length of its next name, or 0. */
static size_t take(struct audit *a, const struct owner *o, const struct rec *r)
{
	const uint8_t *rdata = rec_rdata(r);
	size_t name = name_length(rdata, r->rdlen);

	a->last_nsec.any = true;
	a->last_nsec.broken = name == 0;
	a->last_nsec.at = o->at;
	memcpy(a->last_nsec.owner, o->wire, o->wire_len);
	memcpy(a->last_nsec.next, rdata, name);
	return name;
}

void nsec_follow(struct audit *a, const struct owner *o)
{
	struct rrset set = rrset_of(&o->zone, TYPE_NSEC);

	if (set.n == 0 || (a->plan != NULL && a->plan->unsigned_zone))
		return;
	check_next(a, o);
	take(a, o, set.rec[0]);
}

static void check_nsec(struct audit *a, const struct owner *o, const struct rec *r)
{
	const uint8_t *rdata = rec_rdata(r);
	size_t name = take(a, o, r), len;
	uint8_t bitmap[BITMAP_MAX];
	char text[LABEL_MAX];

	if (name == 0) {
		report_add(a->report, NSEC_NEXT, o->at, "%s: no next name", owner_text(o, -1, text));
		return;
	}
	len = bitmap_make(o, bitmap);
	if (len != r->rdlen - name || memcmp(bitmap, rdata + name, len) != 0)
		report_add(a->report, NSEC_BITMAP, o->at, "%s", owner_text(o, -1, text));
}

void nsec_check(struct audit *a, const struct owner *o)
{
	struct rrset set = rrset_of(&o->zone, TYPE_NSEC);
	char text[LABEL_MAX];

	if (!has_denial_data(o)) {
		if (set.n > 0)
			report_add(a->report,
				   o->place == PLACE_BELOW_CUT || o->place == PLACE_BELOW_DNAME
					   ? NSEC_BELOW
					   : NSEC_NOTHING,
				   o->at, "%s", owner_text(o, -1, text));
		return;
	}
	if (a->plan != NULL && a->plan->unsigned_zone)
		return;
	check_next(a, o);
	if (set.n == 0) {
		report_add(a->report, NSEC_MISSING, o->at, "%s", owner_text(o, -1, text));
		a->last_nsec.any = false;
		return;
	}
	if (set.n > 1)
		report_add(a->report, NSEC_TWICE, o->at, "%s: %zu", owner_text(o, -1, text), set.n);
	check_nsec(a, o, set.rec[0]);
}

void nsec_end(struct audit *a)
{
	uint8_t next[NAME_MAX_OCTETS];
	size_t len = name_length(a->last_nsec.next, sizeof(next));
	char from[NAME_TEXT_MAX], to[NAME_TEXT_MAX];

	if (!a->last_nsec.any || a->last_nsec.broken)
		return;
	memcpy(next, a->last_nsec.next, len);
	name_lower(next, len);
	if (len != a->zone_len || memcmp(next, a->zone, len) != 0)
		report_add(a->report, NSEC_CYCLE, a->last_nsec.at,
			   "%s: the last NSEC leads to %s, not to the apex",
			   name_text(a->last_nsec.owner, from), name_text(next, to));
}
