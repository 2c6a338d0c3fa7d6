/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fact/own.h"

static struct incarnation inc(uint32_t number, uint8_t random)
{
	return (struct incarnation){ number, { random } };
}

static void who_has_spoken_and_meets_itself_is_in_use_elsewhere(void **state)
{
	const struct {
		struct incarnation now, heard;
		enum own_word is;
	} cases[] = {
		{ inc(0, 0), inc(5, 1), OWN_LACKED },    /* just started: an old copy that catches up */
		{ inc(6, 1), inc(5, 1), OWN_LACKED },    /* of before its start, and late */
		{ inc(6, 1), inc(6, 2), OWN_ELSEWHERE }, /* two were started from one copy */
		{ inc(6, 1), inc(6, 1), OWN_ELSEWHERE }, /* more than it said */
		{ inc(6, 1), inc(7, 1), OWN_ELSEWHERE },
	};
	const struct incarnation silent = inc(0, 0), spoke = inc(1, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(own_fact(&cases[i].now, &cases[i].heard), cases[i].is);
	assert_int_equal(own_status(&silent, false), OWN_LACKED);
	assert_int_equal(own_status(&spoke, false), OWN_ELSEWHERE);
	/* the peer had nothing of it when they compared: somebody has spoken since */
	assert_int_equal(own_status(&silent, true), OWN_ELSEWHERE);
}

static void the_next_incarnation_is_above_all_that_are_known(void **state)
{
	const struct incarnation none = inc(0, 0), third = inc(3, 9);

	(void)state;
	assert_int_equal(own_number(&none, 0), 1);
	assert_int_equal(own_number(&none, 4), 5);
	assert_int_equal(own_number(&third, 3), 3); /* one for all that it says until it starts again */
	assert_int_equal(own_number(&third, 8), 3);
}

static void nobody_speaks_before_it_has_compared(void **state)
{
	(void)state;
	assert_false(own_may_speak(2, 0, false));
	assert_true(own_may_speak(2, 1, false));
	assert_true(own_may_speak(2, 0, true)); /* by an operator's word */
	assert_true(own_may_speak(0, 0, false)); /* nobody else is configured */
}

static void who_has_met_all_signers_and_a_backup_is_sure(void **state)
{
	(void)state;
	assert_true(own_is_sure(&(struct own_others){ 0, 0, 0, 0 }, false));
	assert_true(own_is_sure(&(struct own_others){ 2, 2, 0, 0 }, false));
	assert_true(own_is_sure(&(struct own_others){ 2, 2, 3, 1 }, false));
	assert_false(own_is_sure(&(struct own_others){ 2, 1, 3, 3 }, false));
	assert_false(own_is_sure(&(struct own_others){ 2, 2, 3, 0 }, false)); /* they may have been set back, too */
	assert_true(own_is_sure(&(struct own_others){ 2, 0, 3, 0 }, true)); /* by an operator's word */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_spoken_and_meets_itself_is_in_use_elsewhere),
		cmocka_unit_test(the_next_incarnation_is_above_all_that_are_known),
		cmocka_unit_test(nobody_speaks_before_it_has_compared),
		cmocka_unit_test(who_has_met_all_signers_and_a_backup_is_sure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
