/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include "gen.h"

static struct version *current(struct store *s)
{
	struct version *v = store_current(s, lab_apex);

	assert_non_null(v);
	return v;
}

/* Rows of b that are the very rows of a. */
static size_t shared_rows(const struct table *a, const struct table *b)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < table_len(b); i++) {
		const struct page_row *row = table_row(b, i);

		while (at < table_len(a) && page_row_cmp(table_row(a, at), row) < 0)
			at++;
		n += at < table_len(a) && table_row(a, at) == row;
	}
	return n;
}

static void one_changed_page_copies_one_chunk(void **state)
{
	struct model *one = lab_model(1, 2600, 1);
	struct store *s = lab_open();

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	for (unsigned at = 0; at < 2600; at += 371) {
		struct model *two = lab_next(one);
		struct version *v = current(s), *w;

		two->mark[at] = two->version;
		assert_int_equal(lab_publish(s, one, two, NULL), 0);
		w = current(s);
		assert_int_equal(table_len(version_table(w)), 2600);
		assert_in_range(shared_rows(version_table(v), version_table(w)), 2600 - 256, 2599);
		version_unref(v);
		version_unref(w);
		free(one);
		one = two;
	}
	lab_check(s, one);
	store_close(s);
	free(one);
}

struct differences {
	const struct page_row *was[LAB_PAGES], *is[LAB_PAGES];
	size_t n;
};

static int note(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct differences *d = ctx;

	assert_true(d->n < LAB_PAGES);
	d->was[d->n] = was;
	d->is[d->n++] = is;
	return 0;
}

static void check_differences(struct store *s, struct version *v, const struct model *old,
			      const struct model *new)
{
	struct differences *d = mem_new(1, sizeof(*d));
	struct version *w = current(s);
	size_t at = 0;

	assert_int_equal(table_diff(version_table(v), version_table(w), note, d), 0);
	for (unsigned i = 0; i < LAB_PAGES; i++) {
		if (old->mark[i] == new->mark[i])
			continue;
		assert_true(at < d->n);
		assert_true((d->was[at] != NULL) == (old->mark[i] != 0));
		assert_true((d->is[at] != NULL) == (new->mark[i] != 0));
		if (d->is[at] != NULL)
			assert_int_equal(d->is[at]->digest[0], (uint8_t) new->mark[i]);
		at++;
	}
	assert_int_equal(at, d->n);
	version_unref(w);
	free(d);
}

static void check_sums(struct version *v)
{
	const struct table *t = version_table(v);
	int64_t earliest = INT64_MAX;
	uint64_t octets = 0;

	for (size_t i = 0; i < table_len(t); i++) {
		const struct page_row *row = table_row(t, i);

		octets += row->len;
		earliest = row->earliest < earliest ? row->earliest : earliest;
		assert_true(i == 0 || page_row_cmp(table_row(t, i - 1), row) < 0);
	}
	assert_true(table_octets(t) == octets);
	assert_true(table_earliest(t) == earliest);
}

/* Changes a random stretch or random places: marks anew, takes out, puts in. */
static void change_at_random(struct gen *g, struct model *m)
{
	unsigned kind = gen_below(g, 4), n = 1 + gen_below(g, kind == 0 ? 900 : 40),
		 at = gen_below(g, LAB_PAGES);

	for (unsigned k = 0; k < n; k++) {
		unsigned i = kind < 2 ? (at + k) % LAB_PAGES : gen_below(g, LAB_PAGES);

		m->mark[i] = gen_below(g, 3) == 0 ? 0 : m->version;
	}
}

static void random_changes_give_the_right_table_and_differences(void **state)
{
	struct gen g = { .state = 11 };
	struct model *m = lab_model(1, 1000, 1);
	struct store *s = lab_open();

	(void)state;
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	for (unsigned round = 0; round < 80; round++) {
		struct model *next = lab_next(m);
		struct version *v = current(s), *w;

		change_at_random(&g, next);
		assert_int_equal(lab_publish(s, m, next, NULL), 0);
		check_differences(s, v, m, next);
		version_unref(v);
		w = current(s);
		check_sums(w);
		version_unref(w);
		free(m);
		m = next;
		if (round % 20 == 19) { /* and the database says the same */
			store_close(s);
			s = lab_open();
		}
		if (round % 10 == 9)
			lab_check(s, m);
	}
	store_close(s);
	free(m);
}

/* Chunks that a long life leaves must not become many and small: a change would still be cheap, but not the
 * walk. */
static void many_small_changes_keep_sharing(void **state)
{
	struct gen g = { .state = 12 };
	struct model *m = lab_model(1, 1500, 1);
	struct store *s = lab_open();
	size_t copied = 0;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	for (unsigned round = 0; round < 150; round++) {
		struct model *next = lab_next(m);
		struct version *v = current(s), *w;

		next->mark[gen_below(&g, LAB_PAGES)] = round % 2 == 0 ? 0 : next->version;
		assert_int_equal(lab_publish(s, m, next, NULL), 0);
		w = current(s);
		copied += table_len(version_table(w)) - shared_rows(version_table(v), version_table(w));
		version_unref(v);
		version_unref(w);
		free(m);
		m = next;
	}
	assert_in_range(copied / 150, 64, 320);
	lab_check(s, m);
	store_close(s);
	free(m);
}

/* A chunk that lost nearly all of its rows takes in the one behind it. */
static void small_chunk_melts_into_its_neighbour(void **state)
{
	struct model *m = lab_model(1, 2560, 1), *less = lab_next(m), *next;
	struct store *s = lab_open();
	struct version *v, *w;

	(void)state;
	for (unsigned i = 256; i < 506; i++)
		less->mark[i] = 0;
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	assert_int_equal(lab_publish(s, m, less, NULL), 0);
	v = current(s);
	next = lab_next(less);
	next->mark[508] = 3;
	assert_int_equal(lab_publish(s, less, next, NULL), 0);
	w = current(s);
	assert_int_equal(table_len(version_table(w)), 2310);
	assert_in_range(shared_rows(version_table(v), version_table(w)), 2310 - 256, 2310 - 64);
	version_unref(v);
	version_unref(w);
	lab_check(s, next);
	store_close(s);
	free(m);
	free(less);
	free(next);
}

static int stop(void *ctx, const struct page_row *was, const struct page_row *is)
{
	(void)was;
	(void)is;
	return ++*(int *)ctx == 3 ? 9 : 0;
}

static void differences_from_nothing_and_to_nothing(void **state)
{
	struct model *m = lab_model(1, 20, 1);
	struct store *s = lab_open();
	struct differences *d = mem_new(1, sizeof(*d));
	struct version *v;
	int n = 0;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	v = current(s);
	assert_int_equal(table_diff(NULL, NULL, note, d), 0);
	assert_int_equal(table_diff(version_table(v), version_table(v), note, d), 0);
	assert_int_equal(d->n, 0);
	assert_int_equal(table_diff(NULL, version_table(v), note, d), 0);
	assert_int_equal(d->n, 20);
	assert_true(d->was[0] == NULL && d->is[0] == table_row(version_table(v), 0));
	assert_int_equal(table_diff(version_table(v), NULL, note, d), 0);
	assert_int_equal(d->n, 40);
	assert_true(d->is[20] == NULL && d->was[20] == table_row(version_table(v), 0));
	assert_int_equal(table_diff(version_table(v), NULL, stop, &n), 9);
	assert_int_equal(n, 3);
	version_unref(v);
	store_close(s);
	free(d);
	free(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_changed_page_copies_one_chunk),
		TEST(random_changes_give_the_right_table_and_differences),
		TEST(small_chunk_melts_into_its_neighbour),
		TEST(many_small_changes_keep_sharing),
		TEST(differences_from_nothing_and_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
