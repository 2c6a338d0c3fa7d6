/* SPDX-License-Identifier: BSD-3-Clause */
#include "sign/pagedigest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t text[40000];

/* All of it in pieces of these lengths, in turn. */
static void expect_same(const size_t *pieces, size_t n, size_t len)
{
	uint8_t want[SHA256_DIGEST_LENGTH], got[PAGEDIGEST_LEN];
	struct pagedigest d;
	size_t at = 0;

	SHA256(text, len, want);
	pagedigest_init(&d);
	for (size_t i = 0; at < len; i++) {
		const size_t piece = pieces[i % n] < len - at ? pieces[i % n] : len - at;

		pagedigest_add(&d, text + at, piece);
		at += piece;
	}
	pagedigest_end(&d, got);
	assert_memory_equal(got, want, sizeof(got));
}

static void pieces_make_no_difference(void **state)
{
	static const size_t small[] = { 23, 26 }, mixed[] = { 1, 0, 4096, 4097, 63, 4095, 1, 2 }, large[] = { 9000 },
			    full[] = { 4096 }, nearly[] = { 4000, 96, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t len = 0; len < sizeof(text); len += 1 + len / 3) {
		expect_same(small, 2, len);
		expect_same(mixed, 8, len);
		expect_same(large, 1, len);
		expect_same(full, 1, len);
		expect_same(nearly, 3, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
