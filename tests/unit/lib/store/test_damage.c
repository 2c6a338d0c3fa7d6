/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows that are not what was written: their zone has no version until it is published anew, the others have theirs. */
#include "lab.h"

#include <sqlite3.h>

#include "zone/zone_sum.h"

static const uint8_t other[] = "\5other";

static void exec_sql(const char *text)
{
	char path[256];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/store.db", lab_dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A version of one page of its own. */
static void publish_other(struct store *s, const struct zone_sum *sum)
{
	struct page_build *b = page_build_new();
	struct version *v = NULL;
	struct version_info info;
	struct change *c = NULL;
	uint8_t rdata[64];
	struct rr sig;

	lab_info(5, &info, rdata, &sig);
	if (sum != NULL) {
		info.sum = sum;
		zone_sum_digest(sum, info.content_digest);
	}
	assert_int_equal(change_begin(s, other, &c, NULL), 0);
	assert_int_equal(lab_put(c, b, 3, 1, NULL), 0);
	assert_int_equal(change_publish(c, &info, "{}", &v, NULL), 0);
	version_unref(v);
	page_build_free(b);
}

static int find_damage(void *ctx, const uint8_t *apex, const char *damage)
{
	if (damage != NULL) {
		assert_true(dname_equal(apex, lab_apex));
		*(const char **)ctx = damage;
	}
	return 0;
}

static void other_is_whole(struct store *s)
{
	struct version *v = store_current(s, other);
	uint8_t buf[PAGE_OCTETS_MAX];

	assert_non_null(v);
	assert_int_equal(version_info(v)->serial, 5);
	assert_int_equal(store_read(s, table_row(version_table(v), 0), buf, NULL), 0);
	version_unref(v);
}

static void damaged_row_is_its_zones_matter(void **state)
{
	static const char *const harm[] = {
		"UPDATE page SET len = 70000 WHERE zone = 1",
		"UPDATE page SET chain = 2 WHERE zone = 1 AND part = 0 AND offset = 0",
		"UPDATE page SET chain = 1 WHERE zone = 1 AND offset = 0",
		"UPDATE page SET digest = x'00' WHERE zone = 1",
		"UPDATE page SET earliest = earliest + 1 WHERE zone = 1 AND offset = 0",
		"UPDATE page SET volume = 77 WHERE zone = 1 AND offset = 0",
		"UPDATE page SET offset = offset + 4294967296 WHERE zone = 1 AND offset = 0",
		"UPDATE page SET key = x'6500' WHERE zone = 1 AND offset = 0",
		"UPDATE page SET zone = 4 WHERE zone = 1 AND offset = 0",
		"UPDATE page SET zone = 9223372036854775807 WHERE zone = 1 AND offset = 0",
		"DELETE FROM page WHERE zone = 1 AND offset = 0",
		"UPDATE zone SET soa = x'00' WHERE id = 1",
		"UPDATE zone SET keyset = x'' WHERE id = 1",
		"UPDATE zone SET serial = serial + 256 WHERE id = 1",
		"UPDATE zone SET earliest = 0 WHERE id = 1",
		"UPDATE zone SET pages = 4 WHERE id = 1",
		"UPDATE zone SET page_sum = page_sum + 1 WHERE id = 1",
		"UPDATE zone SET sum = sum - 1 WHERE id = 1",
	};
	struct model *one = lab_model(1, 3, 1), *two = lab_model(2, 4, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		const char *damage = NULL;
		struct store *s;

		lab_remove(lab_dir);
		s = lab_open();
		assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
		publish_other(s, NULL);
		store_close(s);
		exec_sql(harm[i]);

		s = lab_open();
		store_zones(s, find_damage, &damage);
		if (damage == NULL)
			fail_msg("not noticed: %s", harm[i]);
		assert_non_null(strstr(damage, "store.db"));
		assert_null(store_current(s, lab_apex));
		other_is_whole(s);
		store_close(s);
		s = lab_open(); /* it is still there to be told */
		damage = NULL;
		store_zones(s, find_damage, &damage);
		assert_non_null(damage);
		assert_int_equal(lab_publish(s, NULL, two, NULL), 0);
		lab_check(s, two);
		store_close(s);

		s = lab_open();
		damage = NULL;
		store_zones(s, find_damage, &damage);
		assert_null(damage);
		lab_check(s, two);
		other_is_whole(s);
		store_close(s);
	}
	free(one);
	free(two);
}

static void row_whose_name_is_lost_goes_and_the_name_is_free(void **state)
{
	static const char *const harm[] = {
		"UPDATE zone SET apex = x'05' WHERE id = 1",
		"UPDATE zone SET apex = x'0565786d706c6500' WHERE id = 1", /* a name, but nobody's */
	};
	struct model *one = lab_model(1, 3, 1), *two = lab_model(2, 4, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		struct store *s;

		lab_remove(lab_dir);
		s = lab_open();
		assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
		publish_other(s, NULL);
		store_close(s);
		exec_sql(harm[i]);
		s = lab_open();
		assert_int_equal(store_unnamed_damage(s), 1);
		other_is_whole(s);
		assert_int_equal(lab_publish(s, NULL, two, NULL), 0);
		store_close(s);
		s = lab_open();
		assert_int_equal(store_unnamed_damage(s), 0);
		lab_check(s, two);
		store_close(s);
	}
	free(one);
	free(two);
}

/* A volume's row that says too little must not have its pages cut off. */
static void damaged_volume_row_costs_no_page(void **state)
{
	static const char *const harm[] = {
		"UPDATE volume SET octets = 1", "UPDATE volume SET octets = octets + 4096",
		"UPDATE volume SET sum = 1", "UPDATE volume SET octets = 1, sum = NULL",
		"PRAGMA foreign_keys = OFF; DELETE FROM volume",
		"PRAGMA foreign_keys = OFF; UPDATE volume SET id = 7",
	};
	struct model *one = lab_model(1, 30, 1), *two = lab_next(one);

	(void)state;
	two->mark[7] = 2;
	for (size_t i = 0; i < sizeof(harm) / sizeof(harm[0]); i++) {
		struct store *s;

		lab_remove(lab_dir);
		s = lab_open();
		assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
		store_close(s);
		exec_sql(harm[i]);
		for (unsigned round = 0; round < 2; round++) {
			s = lab_open();
			lab_check(s, one);
			store_close(s);
		}
		s = lab_open();
		assert_int_equal(lab_publish(s, one, two, NULL), 0);
		store_close(s);
		s = lab_open();
		lab_check(s, two);
		store_close(s);
	}
	free(one);
	free(two);
}

static void what_is_kept_is_not_believed_when_damaged(void **state)
{
	struct store *s = lab_open();
	char *keep;

	(void)state;
	assert_int_equal(store_keep_put(s, other, "{\"last\":2026010100}", NULL), 0);
	store_close(s);
	exec_sql("UPDATE keep SET json = '{\"last\":2026010101}'");
	s = lab_open();
	assert_null(store_keep_get(s, other));
	assert_int_equal(store_keep_put(s, other, "{}", NULL), 0);
	keep = store_keep_get(s, other);
	assert_string_equal(keep, "{}");
	free(keep);
	store_close(s);
}

static void sum_comes_back_for_the_content_that_it_is_of(void **state)
{
	struct zone_sum sum, got;
	struct version *v;
	struct store *s = lab_open();
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ZONE_SUM_LANES; i++)
		sum.lane[i] = (uint16_t)(i * 40503);
	publish_other(s, &sum);
	store_close(s);
	s = lab_open();
	v = store_current(s, other);
	memset(&got, 0, sizeof(got));
	assert_int_equal(store_sum_get(s, other, v, &got, &e), 0);
	assert_memory_equal(&got, &sum, sizeof(sum));
	version_unref(v);
	publish_other(s, NULL); /* other content, whose sum nobody knew */
	v = store_current(s, other);
	assert_int_equal(store_sum_get(s, other, v, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	version_unref(v);
	store_close(s);
}

/* A page that was read as damaged is not kept by a change. */
static void damaged_page_is_not_kept(void **state)
{
	struct model *one = lab_model(1, 10, 1);
	struct store *s = lab_open();
	const struct page_row *row;
	struct change *c = NULL;
	struct version *v;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	v = store_current(s, lab_apex);
	row = table_row(version_table(v), 4);
	assert_false(store_damaged(s, row));
	store_mark_damaged(s, row->volume, row->offset);
	assert_true(store_damaged(s, row));
	assert_false(store_damaged(s, table_row(version_table(v), 5)));
	assert_int_equal(change_begin(s, lab_apex, &c, NULL), 0);
	assert_int_equal(change_keep(c, table_row(version_table(v), 3)), 0);
	assert_int_equal(change_keep(c, row), -1);
	change_drop(c);
	version_unref(v);
	store_close(s);
	free(one);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(damaged_row_is_its_zones_matter),
		TEST(row_whose_name_is_lost_goes_and_the_name_is_free),
		TEST(damaged_volume_row_costs_no_page),
		TEST(what_is_kept_is_not_believed_when_damaged),
		TEST(sum_comes_back_for_the_content_that_it_is_of),
		TEST(damaged_page_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
