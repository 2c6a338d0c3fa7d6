/* SPDX-License-Identifier: BSD-3-Clause */
/* nsec3: hashes of RFC 5155 appendix A, and two names with one hash, which no zone file can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "audit/nsec3.h"

static const struct chain_params rfc5155 = { .octets = { 1, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd },
					     .len = 8,
					     .count = 1 };

static void hashes_are_those_of_rfc_5155(void **state)
{
	static const struct {
		const char *name, *hash;
	} cases[] = {
		{ "example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom" },
		{ "a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl" },
		{ "*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en" },
		{ "x.y.w.example.", "2vptu5timamqttgl4luu9kg21e0aor3s" },
	};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t wire[NAME_MAX_OCTETS], hash[NSEC3_HASH];
		char text[40];
		struct err e;
		size_t len = name_from_text(cases[i].name, wire, &e);

		assert_true(nsec3_hash(ctx, EVP_sha1(), wire, len, &rfc5155, hash));
		assert_true(ldns_b32_ntop_extended_hex(hash, NSEC3_HASH, text, sizeof(text)) > 0);
		assert_string_equal(text, cases[i].hash);
	}
	EVP_MD_CTX_free(ctx);
}

static void two_names_with_one_hash_are_refused(void **state)
{
	struct facts facts = { .chain = { rfc5155 }, .chains = 1, .nsec3 = 1 };
	struct audit a = {
		.zone_text = "example.", .facts = &facts, .spill_dir = "/tmp", .report = report_new()
	};
	static const uint8_t hash[NSEC3_HASH] = { 1, 2, 3 };
	struct err e;

	(void)state;
	limits_none(&a.limits);
	a.zone_len = name_from_text("example.", a.zone, &e);
	a.zone_key_len = name_key(a.zone, a.zone_key);
	a.nsec3 = nsec3_new(&a);
	assert_non_null(a.nsec3);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t wire[NAME_MAX_OCTETS], key[NAME_KEY_MAX];

		name_from_text(i == 0 ? "one.example." : "two.example.", wire, &e);
		assert_int_equal(
			nsec3_note_hash(a.nsec3, hash, key, name_key(wire, key), true, false, NULL, 0, &e),
			0);
	}
	assert_int_equal(nsec3_end(&a, &e), 0);
	assert_int_equal(report_errors(a.report), 1);
	json_t *j = json_object();

	report_json(a.report, j);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(j, "findings"), 0), "row")),
		"AUD-NSEC3-12");
	json_decref(j);
	nsec3_free(a.nsec3);
	report_free(a.report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_rfc_5155),
		cmocka_unit_test(two_names_with_one_hash_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
