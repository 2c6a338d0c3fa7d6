/* SPDX-License-Identifier: BSD-3-Clause */
/* A candidate keeps its pages whatever is published, compacted or restarted meanwhile. */
#include "lab.h"

#include <sqlite3.h>

#define WORDS "{\"stage\":\"sign\"}"

static struct model published, waits;

/* Every seventh page of `of` is another one, one is gone and one is new. */
static struct model changed(const struct model *of, uint32_t version, unsigned from)
{
	struct model m = *of;

	m.version = version;
	for (unsigned i = from; i < LAB_PAGES; i += 7)
		m.mark[i] = version;
	m.mark[from + 1] = 0;
	m.mark[from + 2] = version;
	return m;
}

static int write_one(struct store *s, struct store_write *w)
{
	struct store_write *list[] = { w };

	store_write(s, list, 1);
	version_unref(w->version);
	return w->rc;
}

/* `new` waits beside what is published. */
static void put_candidate(struct store *s, const struct model *old, const struct model *new)
{
	struct version *base = store_current(s, lab_apex);
	struct store_write w = { .what = STORE_CANDIDATE, .apex = lab_apex, .candidate = WORDS };
	struct version_info info;
	uint8_t rdata[64];
	struct rr sig;

	lab_info(new->version, &info, rdata, &sig);
	assert_int_equal(change_begin(s, lab_apex, &w.change, NULL), 0);
	assert_int_equal(lab_fill(w.change, version_table(base), old, new, NULL), 0);
	w.info = &info;
	assert_int_equal(write_one(s, &w), 0);
	version_unref(base);
}

static void check_candidate(struct store *s, const struct model *m, const char *words)
{
	char *text;
	struct version *v = store_candidate(s, lab_apex, &text);

	assert_non_null(v);
	assert_string_equal(text, words);
	lab_check_version(s, v, m);
	version_unref(v);
	free(text);
}

static struct store *again(struct store *s)
{
	store_close(s);
	return lab_open();
}

static struct store *begin(void)
{
	struct store *s = lab_open();

	published = waits = (struct model){ .version = 1 };
	for (unsigned i = 0; i < LAB_PAGES; i += 2)
		published.mark[i] = 1;
	assert_int_equal(lab_publish(s, NULL, &published, NULL), 0);
	waits = changed(&published, 2, 100);
	put_candidate(s, &published, &waits);
	return s;
}

static void it_outlives_what_is_published(void **state)
{
	struct store *s = begin();
	struct model renewed = changed(&published, 3, 101);

	(void)state;
	lab_check(s, &published);
	check_candidate(s, &waits, WORDS);
	s = again(s);
	lab_check(s, &published);
	check_candidate(s, &waits, WORDS);
	assert_int_equal(lab_publish(s, &published, &renewed, NULL), 0);
	check_candidate(s, &waits, WORDS);
	s = again(s);
	lab_check(s, &renewed);
	check_candidate(s, &waits, WORDS);
	while (store_compact(s, &(struct compact_rule){ .dead_min = 1 }, NULL) > 0)
		;
	s = again(s);
	lab_check(s, &renewed);
	check_candidate(s, &waits, WORDS);
	store_close(s);
}

static void its_words_change_alone_and_it_is_published(void **state)
{
	struct store *s = begin();
	struct store_write words = { .what = STORE_CANDIDATE, .apex = lab_apex, .candidate = "{\"passed\":true}" };
	struct store_write publish = { .what = STORE_PUBLISH, .candidate_ends = true, .keep = "{\"version\":2}" };
	struct version_info info;
	uint8_t rdata[64];
	struct rr sig;
	char *text;

	(void)state;
	assert_int_equal(write_one(s, &words), 0);
	s = again(s);
	check_candidate(s, &waits, "{\"passed\":true}");
	lab_info(waits.version, &info, rdata, &sig);
	publish.info = &info;
	assert_int_equal(change_of_candidate(s, lab_apex, &publish.change, NULL), 0);
	assert_int_equal(write_one(s, &publish), 0);
	for (int i = 0; i < 2; i++) {
		lab_check(s, &waits);
		assert_null(store_candidate(s, lab_apex, &text));
		assert_null(text);
		assert_int_equal(change_of_candidate(s, lab_apex, &publish.change, NULL), -1);
		s = again(s);
	}
	store_close(s);
}

static void it_goes_with_its_zone_or_by_a_word(void **state)
{
	struct store *s = begin();
	struct store_write ends = { .what = STORE_KEEP, .apex = lab_apex, .keep = "{\"version\":1}", .candidate_ends = true };
	char *text;

	(void)state;
	assert_int_equal(write_one(s, &ends), 0);
	s = again(s);
	lab_check(s, &published);
	assert_null(store_candidate(s, lab_apex, &text));
	put_candidate(s, &published, &waits);
	assert_int_equal(store_remove(s, lab_apex, NULL), 0);
	s = again(s);
	assert_null(store_candidate(s, lab_apex, &text));
	store_close(s);
}

static void damage_of_its_rows_is_its_own(void **state)
{
	static const char *const spoil[] = {
		"UPDATE candidate SET json = '{\"passed\":true}'",
		"DELETE FROM candidate_page WHERE key = (SELECT min(key) FROM candidate_page)",
		"UPDATE candidate_page SET octets = x'00'",
		"DELETE FROM candidate_page",
	};
	char path[256], *text;

	(void)state;
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct store *s = begin();
		sqlite3 *sql;

		store_close(s);
		snprintf(path, sizeof(path), "%s/store.db", lab_dir);
		assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
		assert_int_equal(sqlite3_exec(sql, spoil[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(sql);
		s = lab_open();
		lab_check(s, &published);
		assert_null(store_candidate(s, lab_apex, &text));
		store_close(s);
		lab_remove(lab_dir);
		assert_int_equal(mkdir(lab_dir, 0700), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_outlives_what_is_published, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(its_words_change_alone_and_it_is_published, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(it_goes_with_its_zone_or_by_a_word, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(damage_of_its_rows_is_its_own, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests_name("candidate", tests, NULL, NULL);
}
