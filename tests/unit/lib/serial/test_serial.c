/* SPDX-License-Identifier: BSD-3-Clause */
/* Serial arithmetic, the numbering of content, and whose clock may be signed with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "serial/serial.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void serial_addition_wraps(void **state)
{
	static const struct { uint32_t from, add, to; } cases[] = { /* RFC 1982 section 3.1 */
		{ 0, 1, 1 }, { UINT32_MAX, 1, 0 }, { UINT32_MAX, INT32_MAX, INT32_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(serial_add(cases[i].from, cases[i].add), cases[i].to);
}

static void comparison_goes_by_distance(void **state)
{
	static const struct { uint32_t a, b; bool gt; } cases[] = { /* RFC 1982 section 5.2, with 32 bits */
		{ 1, 0, true }, { 0, 1, false }, { 44, 0, true }, { 100, 0, true }, { 100, 44, true },
		{ 200, 100, true }, { 0, UINT32_MAX, true }, { UINT32_MAX, 0, false }, { 7, 7, false },
		{ 0x80000000u, 0, false }, { 0, 0x80000000u, false }, { 0x7fffffffu, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(serial_gt(cases[i].a, cases[i].b), cases[i].gt);
}

static void zero_is_skipped_and_the_date_is_utc(void **state)
{
	(void)state;
	assert_int_equal(serial_next(UINT32_MAX), 1);
	assert_int_equal(serial_next(41), 42);
	assert_int_equal(serial_today(1772323199), 2026022800); /* 2026-02-28T23:59:59Z */
	assert_int_equal(serial_today(1772323200), 2026030100);
	assert_int_equal(serial_today(1709164800), 2024022900);
}

static void dates_are_those_of_the_calendar(void **state)
{
	(void)state;
	for (int64_t day = -200000; day < 3000000; day += 7) { /* the years 1422 to 10183 */
		const time_t last = (time_t)(day * 86400 + 86399);
		struct tm tm;

		assert_non_null(gmtime_r(&last, &tm));
		assert_int_equal(serial_today(last), (uint32_t)((((tm.tm_year + INT64_C(1900)) * 100 + tm.tm_mon + 1) * 100 + tm.tm_mday) * 100));
		assert_int_equal(serial_today(day * 86400), serial_today(last));
	}
}

static struct content_id id(uint64_t epoch, uint64_t number, uint8_t digest, uint64_t steps)
{
	struct content_id c = { .epoch = epoch, .number = number, .steps = steps };

	memset(c.digest, digest, sizeof(c.digest));
	return c;
}

static void content_is_ordered_by_epoch_number_digest_and_then_steps(void **state)
{
	const struct content_id in_order[] = {
		id(0, 9, 9, 9), id(1, 1, 5, 7), id(1, 2, 1, 3), id(1, 2, 1, 4), id(1, 2, 2, 0), id(1, 3, 1, 0), id(2, 1, 1, 0),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(in_order); i++)
		for (size_t j = 0; j < COUNT(in_order); j++) {
			int got = content_cmp_steps(&in_order[i], &in_order[j]);

			assert_int_equal((got > 0) - (got < 0), (i > j) - (i < j));
		}
	assert_int_equal(content_cmp(&in_order[2], &in_order[3]), 0); /* steps left out */
	assert_true(content_differs(&in_order[3], &in_order[4]));
	assert_false(content_differs(&in_order[2], &in_order[3]));
}

static void a_digest_that_is_not_known_equals_any(void **state)
{
	const struct content_id known = id(1, 2, 7, 0), unknown = id(1, 2, 0, 0);

	(void)state;
	assert_int_equal(content_cmp(&known, &unknown), 0);
	assert_false(content_differs(&known, &unknown));
}

static void content_is_numbered_by_whoever_sees_a_digest_first(void **state)
{
	const struct content_id mine = id(1, 2, 'b', 0);
	const struct content_id others[] = { id(1, 1, 'a', 0), id(1, 2, 'b', 0), id(1, 3, 'c', 0), id(0, 9, 'z', 0) };
	const struct content_id back[] = { id(1, 1, 'a', 0), id(1, 4, 'b', 0) };
	const struct content_id clash[] = { id(1, 3, 'a', 0) };
	const struct {
		const char *what;
		uint8_t digest;
		const struct content_id *mine, *known;
		size_t n;
		enum content_result result;
		uint64_t number;
	} cases[] = {
		{ "first of all", 'a', NULL, NULL, 0, CONTENT_NEWER, 1 },
		{ "another node gave it a number", 'c', NULL, others, 4, CONTENT_NEWER, 3 },
		{ "unchanged", 'b', &mine, others, 4, CONTENT_SAME, 2 },
		{ "a change that another node has seen", 'c', &mine, others, 4, CONTENT_NEWER, 3 },
		{ "a change that nobody has seen: above the highest known", 'd', &mine, others, 4, CONTENT_NEWER, 4 },
		{ "a change taken back is newer, though its digest had a lower number", 'a', &mine, others, 4,
		  CONTENT_NEWER, 4 },
		{ "the same input got a higher number elsewhere", 'b', &mine, back, 2, CONTENT_SAME, 4 },
		{ "a late copy of what another had in between", 'c', &mine, (const struct content_id[]){
		  id(1, 3, 'c', 0), id(1, 4, 'd', 0) }, 2, CONTENT_NEWER, 3 },
		{ "above another's content", 'b', NULL, clash, 1, CONTENT_NEWER, 4 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct content_id input = id(1, 0, cases[i].digest, 0);
		const struct content_view view = { .order = CONTENT_SEEN, .epoch = 1, .digest = input.digest,
			.mine = cases[i].mine, .known = cases[i].known, .known_count = cases[i].n };
		struct content_decision got;

		content_decide(&view, &got);
		if (got.result != cases[i].result || got.number != cases[i].number)
			fail_msg("%s: result %d number %d", cases[i].what, got.result, (int)got.number);
		assert_false(got.differs);
	}
}

static void a_new_epoch_begins_anew(void **state)
{
	const struct content_id mine = id(1, 7, 'b', 0), input = id(2, 0, 'b', 0);
	struct content_view view = { .order = CONTENT_SEEN, .epoch = 2, .digest = input.digest, .mine = &mine };
	struct content_decision got;

	(void)state;
	content_decide(&view, &got);
	assert_int_equal(got.result, CONTENT_NEWER);
	assert_int_equal(got.number, 1);
	view.order = CONTENT_SERIAL;
	view.input_serial = 3;
	content_decide(&view, &got);
	assert_int_equal(got.result, CONTENT_NEWER);
	assert_int_equal(got.number, 3);
}

static void a_primary_numbers_its_content_itself(void **state)
{
	const struct {
		const char *what;
		uint64_t mine;
		uint8_t mine_digest;
		uint32_t serial;
		uint8_t digest;
		enum content_result result;
		uint64_t number;
		bool differs;
	} cases[] = {
		{ "next", 100, 'a', 101, 'b', CONTENT_NEWER, 101, false },
		{ "unchanged", 100, 'a', 100, 'a', CONTENT_SAME, 100, false },
		{ "serial raised, same records", 100, 'a', 101, 'a', CONTENT_SAME, 101, false },
		{ "goes back", 100, 'a', 99, 'b', CONTENT_OLDER, 99, false },
		{ "wraps", 0xffffffffu, 'a', 5, 'b', CONTENT_NEWER, 0x100000005u, false },
		{ "after a wrap", 0x100000005u, 'a', 6, 'b', CONTENT_NEWER, 0x100000006u, false },
		{ "back over the wrap", 0x100000005u, 'a', 0xfffffff0u, 'b', CONTENT_OLDER, 0xfffffff0u, false },
		{ "same serial, larger digest", 100, 'a', 100, 'b', CONTENT_NEWER, 100, true },
		{ "same serial, smaller digest", 100, 'b', 100, 'a', CONTENT_OLDER, 100, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct content_id mine = id(1, cases[i].mine, cases[i].mine_digest, 0);
		const struct content_id input = id(1, 0, cases[i].digest, 0);
		const struct content_view view = { .order = CONTENT_SERIAL, .epoch = 1, .input_serial = cases[i].serial,
			.digest = input.digest, .mine = &mine };
		struct content_decision got;

		content_decide(&view, &got);
		if (got.result != cases[i].result || got.number != cases[i].number || got.differs != cases[i].differs)
			fail_msg("%s: result %d number %llu", cases[i].what, got.result,
				 (unsigned long long)got.number);
	}
}

static void clocks_vouch_for_each_other(void **state)
{
	static const int64_t near2[] = { 1000, 1100 }, far2[] = { 90000, 90001 }, split2[] = { 1000, 90000 };
	static const int64_t near1[] = { 1300 }, far1[] = { 5000 }, far3[] = { 1000, 90000, 90001 };
	const struct {
		const char *what;
		struct clock_view view;
		enum clock_verdict verdict;
	} cases[] = {
		{ "trusted", { .trust = true, .now = 1000, .heard = far2, .heard_count = 2 }, CLOCK_VOUCHED },
		{ "three agree", { .now = 1000, .heard = near2, .heard_count = 2 }, CLOCK_VOUCHED },
		{ "two against one", { .now = 1000, .heard = far2, .heard_count = 2, .kernel = true }, CLOCK_DOUBT },
		{ "one of the others is wrong", { .now = 1000, .heard = split2, .heard_count = 2 }, CLOCK_VOUCHED },
		{ "two against two", { .now = 1000, .heard = far3, .heard_count = 3 }, CLOCK_DOUBT },
		{ "agrees with the one heard", { .now = 1000, .heard = near1, .heard_count = 1 }, CLOCK_VOUCHED },
		{ "ten minutes are allowed", { .now = 700, .heard = near1, .heard_count = 1 }, CLOCK_VOUCHED },
		{ "and no second more", { .now = 699, .heard = near1, .heard_count = 1 }, CLOCK_DOUBT },
		{ "the kernel decides between two", { .now = 1000, .heard = far1, .heard_count = 1, .kernel = true },
		  CLOCK_VOUCHED },
		{ "two differ", { .now = 1000, .heard = far1, .heard_count = 1 }, CLOCK_DOUBT },
		{ "alone", { .now = 1000 }, CLOCK_DOUBT },
		{ "alone, synchronised", { .now = 1000, .kernel = true }, CLOCK_VOUCHED },
		{ "alone, late, even", { .now = 1000, .within_half = true, .ever = true, .drift_s = -600 }, CLOCK_LATE },
		{ "alone, late, jumped", { .now = 1000, .within_half = true, .ever = true, .drift_s = 31536000 },
		  CLOCK_DOUBT },
		{ "alone, late, never vouched for", { .now = 1000, .within_half = true }, CLOCK_DOUBT },
		{ "alone, even, but not late", { .now = 1000, .ever = true }, CLOCK_DOUBT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (clock_vouched(&cases[i].view, NULL) != cases[i].verdict)
			fail_msg("%s", cases[i].what);
}

static void own_serials_above_ours_mean_set_back(void **state)
{
	(void)state;
	assert_true(serial_set_back(0, 5));
	assert_true(serial_set_back(4, 5));
	assert_true(serial_set_back(UINT32_MAX, 5));
	assert_false(serial_set_back(5, 5));
	assert_false(serial_set_back(5, 4));
	assert_false(serial_set_back(5, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_addition_wraps),
		cmocka_unit_test(comparison_goes_by_distance),
		cmocka_unit_test(zero_is_skipped_and_the_date_is_utc),
		cmocka_unit_test(dates_are_those_of_the_calendar),
		cmocka_unit_test(content_is_ordered_by_epoch_number_digest_and_then_steps),
		cmocka_unit_test(a_digest_that_is_not_known_equals_any),
		cmocka_unit_test(content_is_numbered_by_whoever_sees_a_digest_first),
		cmocka_unit_test(a_new_epoch_begins_anew),
		cmocka_unit_test(a_primary_numbers_its_content_itself),
		cmocka_unit_test(clocks_vouch_for_each_other),
		cmocka_unit_test(own_serials_above_ours_mean_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
