/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void numbers_are_in_network_order(void **state)
{
	uint8_t b[15];
	struct wr w = wr_of(b, sizeof(b));
	struct rd r = rd_of(b, sizeof(b));

	(void)state;
	wr_u8(&w, 1);
	wr_u16(&w, 0x0203);
	wr_u32(&w, 0x04050607);
	wr_u64(&w, 0x08090a0b0c0d0e0fu);
	assert_false(w.bad);
	for (int i = 0; i < 15; i++)
		assert_int_equal(b[i], i + 1);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u32(&r), 0x04050607);
	assert_true(rd_u64(&r) == 0x08090a0b0c0d0e0fu);
	assert_false(r.bad);
	assert_int_equal(rd_left(&r), 0);
}

static void first_failure_sticks(void **state)
{
	uint8_t b[3] = { 1, 2, 3 };
	struct rd r = rd_of(b, 3);
	struct wr w = wr_of(b, 3);

	(void)state;
	assert_int_equal(rd_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 0));
	assert_int_equal(rd_left(&r), 0);
	wr_u32(&w, 9);
	assert_true(w.bad);
	wr_u8(&w, 9);
	assert_int_equal(b[0], w.at == 0 ? 1 : 0);
}

/* A length near SIZE_MAX must not wrap around the bound. */
static void huge_length_is_refused(void **state)
{
	uint8_t b[3] = { 0 };
	struct rd r = rd_of(b, 3);

	(void)state;
	rd_u8(&r);
	assert_null(rd_bytes(&r, SIZE_MAX));
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_in_network_order),
		cmocka_unit_test(first_failure_sticks),
		cmocka_unit_test(huge_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
