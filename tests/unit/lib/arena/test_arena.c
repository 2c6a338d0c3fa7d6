/* SPDX-License-Identifier: BSD-3-Clause */
#include "arena/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void pieces_do_not_overlap_and_are_zero(void **state)
{
	struct arena *a = arena_new();
	uint8_t *p[2000];

	(void)state;
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 2000; i++) {
			size_t len = 1 + i * 7 % 300;

			p[i] = arena_alloc(a, 1, len);
			assert_int_equal((uintptr_t)p[i] % 16, 0);
			for (size_t k = 0; k < len; k++)
				assert_int_equal(p[i][k], 0);
			memset(p[i], (int)(i & 0xff), len);
		}
		for (size_t i = 0; i < 2000; i++)
			assert_int_equal(p[i][i * 7 % 300], i & 0xff);
		arena_reset(a);
	}
	arena_free(a);
}

static void reset_reuses_memory(void **state)
{
	struct arena *a = arena_new();
	size_t size;

	(void)state;
	for (int i = 0; i < 1000; i++)
		arena_bytes(a, 1000);
	arena_bytes(a, 1000000);
	size = arena_size(a);
	for (int round = 0; round < 10; round++) {
		arena_reset(a);
		for (int i = 0; i < 1000; i++)
			arena_bytes(a, 1000);
		arena_bytes(a, 1000000);
	}
	assert_true(arena_size(a) <= 2 * size);
	arena_free(a);
	arena_free(NULL);
}

/* Many arenas hold one large thing and a few small ones. */
static void what_is_large_does_not_make_what_follows_large(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	arena_bytes(a, 2500);
	arena_bytes(a, 10);
	arena_bytes(a, 100);
	assert_true(arena_size(a) < 4096);
	arena_free(a);
}

static void text_is_copied_and_formatted(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	assert_string_equal(arena_strdup(a, "x.example."), "x.example.");
	assert_string_equal(arena_printf(a, "%s/%d", "k", 7), "k/7");
	assert_memory_equal(arena_dup(a, "abc", 3), "abc", 3);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_overlap_and_are_zero),
		cmocka_unit_test(reset_reuses_memory),
		cmocka_unit_test(what_is_large_does_not_make_what_follows_large),
		cmocka_unit_test(text_is_copied_and_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
