/* SPDX-License-Identifier: BSD-3-Clause */
/* What was done with a zone's versions is kept with its writes, the last of it. */
#include "lab.h"

static struct store *store;

static void note(const uint8_t *apex, unsigned from, unsigned n, int64_t at)
{
	char *text[64];
	int64_t when[64];
	struct store_write w = { .what = STORE_KEEP, .apex = apex, .keep = "{}", .history = text, .history_at = when,
				 .history_count = n };
	struct store_write *list[] = { &w };

	for (unsigned i = 0; i < n; i++) {
		text[i] = mem_printf("{\"n\":%u}", from + i);
		when[i] = at;
	}
	store_write(store, list, 1);
	assert_int_equal(w.rc, 0);
	for (unsigned i = 0; i < n; i++)
		free(text[i]);
}

struct seen {
	unsigned n, newest, oldest;
};

static int see(void *ctx, const char *json)
{
	struct seen *s = ctx;
	unsigned number;

	assert_int_equal(sscanf(json, "{\"n\":%u}", &number), 1);
	s->newest = s->n++ == 0 ? number : s->newest;
	s->oldest = number;
	return 0;
}

static struct seen look(const uint8_t *apex, size_t most)
{
	struct seen s = { 0 };
	struct err e;

	assert_int_equal(store_history(store, apex, most, see, &s, &e), 0);
	return s;
}

static void the_last_of_each_zone_is_kept_newest_first(void **state)
{
	uint8_t other[DNAME_MAX];

	(void)state;
	assert_int_equal(dname_from_text("other.", other, NULL), 0);
	store = lab_open();
	note(other, 7, 1, 1000);
	for (unsigned i = 0; i < 5; i++)
		note(lab_apex, 60 * i, 60, 1000);
	store_close(store);
	store = lab_open();
	assert_int_equal(look(lab_apex, 1000).n, 200);
	assert_int_equal(look(lab_apex, 1000).newest, 299);
	assert_int_equal(look(lab_apex, 1000).oldest, 100);
	assert_int_equal(look(lab_apex, 3).oldest, 297);
	assert_int_equal(look(other, 1000).n, 1);
	note(lab_apex, 500, 1, 1000 + 181 * 86400);
	assert_int_equal(look(lab_apex, 1000).n, 1);
	store_close(store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_of_each_zone_is_kept_newest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
