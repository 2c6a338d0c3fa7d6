/* SPDX-License-Identifier: BSD-3-Clause */
/* report and row: bounded output, the first places kept, identifiers that are unique. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "audit/report.h"

static void the_first_places_are_kept_and_the_rest_is_counted(void **state)
{
	struct report *r = report_new();
	json_t *j = json_object();
	const json_t *found, *first;

	(void)state;
	for (unsigned i = 1000; i > 0; i--)
		report_add(r, RRSIG_BOGUS, (i * 7) % 1009, "%04u", (i * 7) % 1009);
	report_json(r, j);
	found = json_array_get(json_object_get(j, "findings"), 0);
	first = json_object_get(found, "first");
	assert_int_equal(json_integer_value(json_object_get(found, "count")), 1000);
	assert_int_equal(json_array_size(first), REPORT_KEPT);
	for (size_t i = 1; i < REPORT_KEPT; i++)
		assert_true(strcmp(json_string_value(json_array_get(first, i - 1)),
				   json_string_value(json_array_get(first, i))) < 0);
	assert_int_equal(report_errors(r), 1000);
	json_decref(j);
	report_free(r);
}

static void severity_follows_the_policy_and_one_error_is_one(void **state)
{
	struct report *r = report_new();

	(void)state;
	report_set_severity(r, RRSIG_EXPIRE, SEVERITY_ERROR);
	report_add(r, RRSIG_EXPIRE, 1, "x");
	report_add(r, KEY_ANSWER, 1, "y");
	report_error(r, FRAME_SIZE, 1, "z");
	assert_int_equal(report_errors(r), 2);
	assert_int_equal(report_warnings(r), 1);
	report_free(r);
}

static void rows_have_names_of_their_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		assert_int_equal(row_find(rows[i].id), i);
		assert_true(strlen(rows[i].why) > 10);
	}
	assert_int_equal(row_find("AUD-NONE-01"), ROW_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_places_are_kept_and_the_rest_is_counted),
		cmocka_unit_test(severity_follows_the_policy_and_one_error_is_one),
		cmocka_unit_test(rows_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
