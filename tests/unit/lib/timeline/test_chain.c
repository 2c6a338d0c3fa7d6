/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether every validator finds a chain of trust: two keys, and what of them may be in caches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "timeline/timeline.h"

#define H PHASE_HIDDEN
#define R PHASE_RUMOURED
#define O PHASE_OMNIPRESENT
#define U PHASE_UNRETENTIVE

/* Of two CSKs: DNSKEY, RRSIG, DS. */
struct row {
	const char *what;
	bool strict;
	unsigned other_alg;
	enum record_phase old[KEY_RECORDS], fresh[KEY_RECORDS];
	bool holds;
};

static const struct row rows[] = {
	{ "one key", true, 13, { O, O, O }, { H, H, H }, true },
	{ "pre-publication: the DNSKEY comes", true, 13, { O, O, O }, { R, H, H }, true },
	{ "pre-publication: signatures change", true, 13, { O, U, O }, { O, R, H }, true },
	{ "signatures of a key that not all have", true, 13, { O, U, O }, { R, R, H }, false },
	{ "the old DNSKEY goes too early", true, 13, { U, U, O }, { O, R, H }, false },
	{ "the DS changes, both DNSKEYs are there", true, 13, { O, O, U }, { O, H, R }, true },
	{ "the DS changes, the new DNSKEY is not everywhere", true, 13, { O, O, U }, { R, H, R }, false },
	{ "the old DNSKEY goes, its DS may be cached", true, 13, { U, H, U }, { O, O, R }, false },
	{ "double DS: the DNSKEYs change", true, 13, { U, O, O }, { R, O, O }, true },
	{ "insecure: no DS, so nothing is asked for", true, 13, { U, U, H }, { H, H, H }, true },
	{ "insecure: the DS may be cached", true, 13, { U, U, U }, { H, H, H }, false },
	{ "algorithm, conservative: signatures first", true, 15, { O, O, O }, { H, R, H }, true },
	{ "algorithm, conservative: then the DNSKEY", true, 15, { O, O, O }, { R, O, H }, true },
	{ "algorithm: both at once, for the strict", true, 15, { O, O, O }, { R, R, H }, false },
	{ "algorithm: both at once, for the liberal", false, 15, { O, O, O }, { R, R, H }, true },
	{ "algorithm: the DS before all have signatures", false, 15, { O, O, O }, { O, R, R }, false },
	{ "algorithm: the old DNSKEY goes, its signatures stay", true, 15, { U, O, H }, { O, O, O }, true },
	{ "algorithm: they go together, for the strict", true, 15, { U, U, H }, { O, O, O }, false },
	{ "algorithm: they go together, for the liberal", false, 15, { U, U, H }, { O, O, O }, true },
};

static void fill(struct timeline_key *k, unsigned alg, const enum record_phase phase[KEY_RECORDS])
{
	*k = (struct timeline_key){ .alg = alg, .sep = true, .zone_signing = true };
	for (size_t r = 0; r < KEY_RECORDS; r++) {
		k->record[r].phase = phase[r];
		k->record[r].all_seen = phase[r] == O || phase[r] == U;
	}
}

static void the_chain_holds_for_whatever_is_cached(void **state)
{
	static struct timeline t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t.n = 2;
		t.strict = rows[i].strict;
		fill(&t.key[0], 13, rows[i].old);
		fill(&t.key[1], rows[i].other_alg, rows[i].fresh);
		if (timeline_chain_holds(&t) != rows[i].holds)
			fail_msg("%s: must %shold", rows[i].what, rows[i].holds ? "" : "not ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_holds_for_whatever_is_cached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
