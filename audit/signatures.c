/* SPDX-License-Identifier: BSD-3-Clause */
/* signatures: what must be signed and what must not; batches of RRsets with their RRSIGs for the pool. */
#include "audit/signatures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/sigpool.h"

/* The DNSKEY RRset is signed by its own keys alone: what signs without standing there does not sign it. */
static void note_unsigned(struct audit *a, const struct owner *o, uint16_t type, const bool signed_by[256])
{
	char text[LABEL_MAX];

	for (unsigned alg = 0; alg < 256; alg++)
		if (a->need_algorithm[alg] && !signed_by[alg] && (type != TYPE_DNSKEY || a->has_algorithm[alg]))
			report_add(a->report, RRSIG_MISSING, o->at, "%s: no RRSIG of algorithm %u",
				   owner_text(o, type, text), alg);
}

/* Whether an RRSIG covers a type (0), or stands before (-1) or behind (1) those that do; some are too short for one. */
static int covers(const struct rec *r, uint16_t type)
{
	const uint8_t octets[2] = { (uint8_t)(type >> 8), (uint8_t)type };
	const int c = memcmp(rec_rdata(r), octets, r->rdlen < 2 ? r->rdlen : 2);

	return c == 0 && r->rdlen < 2 ? -1 : c;
}

struct rrset sigpool_covering(const struct rrset *rrsigs, uint16_t type)
{
	struct rrset out = { TYPE_RRSIG, NULL, 0 };
	size_t low = 0, high = rrsigs->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (covers(rrsigs->rec[mid], type) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (out.rec = rrsigs->rec + low; low + out.n < rrsigs->n && covers(out.rec[out.n], type) == 0;)
		out.n++;
	return out;
}

static bool verified_before(const struct owner *was, const struct rrset *set, const struct rrset *sigs)
{
	struct rrset rrsigs, set_was, sigs_were;

	if (was == NULL || set->type == TYPE_SOA)
		return false;
	rrsigs = rrset_of(&was->zone, TYPE_RRSIG);
	set_was = rrset_of(&was->zone, set->type);
	sigs_were = sigpool_covering(&rrsigs, set->type);
	return rrset_same(set, &set_was) && rrset_same(sigs, &sigs_were);
}

/* In an answer owners are compressed; what is too long is an error, so that nobody need look at its signatures. */
static bool fits(struct audit *a, const struct owner *o, const struct rrset *set, const struct rrset *sigs)
{
	size_t octets = 12 + o->wire_len + 4 + 11; /* header, question, OPT */
	char text[LABEL_MAX];

	for (size_t i = 0; i < set->n; i++)
		octets += 12u + set->rec[i]->rdlen;
	for (size_t i = 0; i < sigs->n; i++)
		octets += 12u + sigs->rec[i]->rdlen;
	if (octets <= UINT16_MAX)
		return true;
	report_add(a->report, FRAME_RRSET, o->at, "%s: %zu octets with its RRSIGs", owner_text(o, set->type, text), octets);
	return false;
}

static void check_rrset(struct audit *a, const struct owner *o, const struct owner *was, const struct rrset *set,
			const struct rrset *sigs)
{
	bool signed_by[256] = { false };
	char text[LABEL_MAX];

	if (!is_authoritative(o, set->type)) {
		fits(a, o, set, sigs);
		if (sigs->n > 0)
			report_add(a->report, RRSIG_UNSIGNABLE, o->at, "%s", owner_text(o, set->type, text));
		return;
	}
	for (size_t i = 0; i < sigs->n; i++)
		if (sigs->rec[i]->rdlen > 18)
			signed_by[rec_rdata(sigs->rec[i])[2]] = true;
	note_unsigned(a, o, set->type, signed_by);
	if (fits(a, o, set, sigs) && sigs->n > 0)
		sigpool_add(a->signatures, o, set, sigs, verified_before(was, set, sigs));
}

void signatures_check(struct audit *a, const struct owner *o, const struct owner *was)
{
	struct rrset rrsigs = rrset_of(&o->zone, TYPE_RRSIG), set;
	size_t seen = 0;
	char text[LABEL_MAX];

	for (size_t i = 0; rrset_next(&o->zone, &i, &set);) {
		struct rrset sigs;

		if (set.type == TYPE_RRSIG)
			continue;
		sigs = sigpool_covering(&rrsigs, set.type);
		seen += sigs.n;
		check_rrset(a, o, was, &set, &sigs);
	}
	for (size_t i = 0; seen < rrsigs.n && i < rrsigs.n; i++) {
		const struct rec *r = rrsigs.rec[i];
		uint16_t covered = r->rdlen >= 2 ? get16(rec_rdata(r)) : 0;

		if (covered == TYPE_RRSIG || rrset_of(&o->zone, covered).n == 0) {
			report_add(a->report,
				   o->place == PLACE_BELOW_CUT || o->place == PLACE_BELOW_DNAME
					   ? RRSIG_UNSIGNABLE
					   : RRSIG_NOTHING,
				   o->at, "%s", owner_text(o, covered, text));
		}
	}
}
