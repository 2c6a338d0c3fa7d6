/* SPDX-License-Identifier: BSD-3-Clause */
/* What is due comes first, whatever was moved and taken off before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agenda/agenda.h"

#define ITEMS 500

static void what_is_due_comes_in_order(void **state)
{
	static const int64_t at[] = { 50, 10, 40, 10, 30, 20 };
	struct agenda a = { 0 };
	struct agenda_item item[6] = { { 0 } }, *due;
	int64_t last = 0;
	size_t n = 0;

	(void)state;
	assert_true(agenda_first(&a) == INT64_MAX);
	for (size_t i = 0; i < 6; i++)
		agenda_set(&a, &item[i], at[i]);
	assert_int_equal(agenda_first(&a), 10);
	assert_null(agenda_due(&a, 9));
	while ((due = agenda_due(&a, 40)) != NULL) {
		assert_true(due->at >= last);
		assert_int_equal(due->place, 0);
		last = due->at;
		n++;
	}
	assert_int_equal(n, 5);
	assert_int_equal(agenda_first(&a), 50);
	assert_ptr_equal(agenda_due(&a, 50), &item[0]);
	assert_null(agenda_due(&a, INT64_MAX));
	agenda_fini(&a);
}

static void what_is_taken_off_does_not_come(void **state)
{
	struct agenda a = { 0 };
	struct agenda_item item[3] = { { 0 } };

	(void)state;
	for (int i = 0; i < 3; i++)
		agenda_set(&a, &item[i], i);
	agenda_set(&a, &item[1], INT64_MAX);
	agenda_set(&a, &item[1], INT64_MAX); /* twice is once */
	assert_ptr_equal(agenda_due(&a, 9), &item[0]);
	assert_ptr_equal(agenda_due(&a, 9), &item[2]);
	assert_null(agenda_due(&a, 9));
	agenda_fini(&a);
}

/* Against the plain way: the smallest of an array. */
static void by_chance_it_is_what_an_array_would_be(void **state)
{
	static struct agenda_item item[ITEMS];
	struct agenda a = { 0 }, *const p = &a;
	struct agenda_item *due;
	size_t there = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct agenda_item *it = &item[rand() % ITEMS];
		int64_t least = INT64_MAX;

		switch (rand() % 4) {
		case 0:
			there -= it->place != 0;
			agenda_set(p, it, INT64_MAX);
			break;
		case 1:
			for (size_t i = 0; i < ITEMS; i++)
				if (item[i].place != 0 && item[i].at < least)
					least = item[i].at;
			due = agenda_due(p, INT64_MAX - 1);
			assert_int_equal(due == NULL, there == 0);
			assert_true(due == NULL || due->at == least);
			there -= due != NULL;
			break;
		default:
			there += it->place == 0;
			agenda_set(p, it, rand() % 100);
			break;
		}
		assert_int_equal(a.n, there);
	}
	agenda_fini(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_comes_in_order),
		cmocka_unit_test(what_is_taken_off_does_not_come),
		cmocka_unit_test(by_chance_it_is_what_an_array_would_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
