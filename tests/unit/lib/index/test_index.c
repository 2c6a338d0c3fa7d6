/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "index/index.h"

#define N 5000

static char name[N][16];

struct wanted {
	const char *name;
};

static bool same(const void *ctx, size_t at)
{
	return strcmp(((const struct wanted *)ctx)->name, name[at]) == 0;
}

static size_t find(const struct index *x, const char *what, uint64_t hash)
{
	return index_find(x, hash, same, &(struct wanted){ what });
}

static void every_name_is_found_at_its_place(void **state)
{
	struct index x = { 0 };

	(void)state;
	assert_true(find(&x, "n1", index_hash("n1", 2, 0)) == INDEX_NONE);
	for (size_t i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "n%zu", i);
		index_add(&x, index_hash(name[i], strlen(name[i]), 0), i);
		assert_int_equal(find(&x, name[i / 2], index_hash(name[i / 2], strlen(name[i / 2]), 0)), i / 2);
	}
	for (size_t i = 0; i < N; i++)
		assert_int_equal(find(&x, name[i], index_hash(name[i], strlen(name[i]), 0)), i);
	assert_true(find(&x, "other", index_hash("other", 5, 0)) == INDEX_NONE);
	index_fini(&x);
	assert_true(find(&x, name[0], index_hash(name[0], strlen(name[0]), 0)) == INDEX_NONE);
	index_fini(&x);
}

static void names_of_one_hash_are_told_apart(void **state)
{
	struct index x = { 0 };

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		snprintf(name[i], sizeof(name[i]), "n%zu", i);
		index_add(&x, 7, i);
	}
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(find(&x, name[i], 7), i);
	assert_true(find(&x, "other", 7) == INDEX_NONE);
	index_fini(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found_at_its_place),
		cmocka_unit_test(names_of_one_hash_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
