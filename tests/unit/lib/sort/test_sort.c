/* SPDX-License-Identifier: BSD-3-Clause */
#include "sort/sort.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Keys as a test makes them; the data is the number of the record, as often as its length asks for. */
struct input {
	uint8_t key[64];
	size_t key_len;
	uint32_t number;
};

static uint64_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static size_t data_len(uint32_t number)
{
	return 4 * (number % 7);
}

static int by_key(const void *left, const void *right)
{
	const struct input *a = left, *b = right;
	size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
	int d = memcmp(a->key, b->key, len);

	if (d == 0)
		d = (int)a->key_len - (int)b->key_len;
	return d != 0 ? d : a->number < b->number ? -1 : a->number > b->number;
}

static struct sort_memory *memory; /* of the sorts that follow, or NULL */

static struct sorted *sort(const struct input *in, size_t n, size_t budget, bool beside)
{
	struct sorter *s = sorter_new(budget, NULL, memory);
	struct sorted *sorted = NULL;
	struct err e;

	if (beside)
		sorter_beside(s);

	for (size_t i = 0; i < n; i++) {
		if (i % 2 == 0) {
			uint32_t data[8];

			for (int k = 0; k < 8; k++)
				data[k] = in[i].number;
			if (sorter_add(s, in[i].key, in[i].key_len, data, data_len(in[i].number), &e) != 0)
				fail_msg("%s", e.text);
			continue;
		}
		size_t used = in[i].key_len;
		uint8_t *p = sorter_begin(s, used, &e);

		assert_non_null(p);
		memcpy(p, in[i].key, used);
		for (size_t k = 0; k < data_len(in[i].number); k += 4, used += 4) {
			p = sorter_more(s, used, 100);
			memcpy(p + used, &in[i].number, 4);
		}
		sorter_commit(s, in[i].key_len, used - in[i].key_len);
	}
	assert_int_equal(sorter_end(s, &sorted, &e), 0);
	assert_int_equal(sorted_count(sorted), n);
	return sorted;
}

static void expect_order(const struct sorted *sorted, const struct input *want, size_t n)
{
	struct sorted_cursor *c = NULL;
	struct sort_record r;
	struct err e;

	assert_int_equal(sorted_cursor_open(sorted, &c, &e), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(sorted_cursor_next(c, &r, &e), 1);
		assert_int_equal(r.key_len, want[i].key_len);
		assert_memory_equal(r.key, want[i].key, r.key_len);
		assert_int_equal(r.len, data_len(want[i].number));
		for (size_t k = 0; k < r.len; k += 4)
			assert_memory_equal(r.data + k, &want[i].number, 4);
	}
	assert_int_equal(sorted_cursor_next(c, &r, &e), 0);
	assert_int_equal(sorted_cursor_next(c, &r, &e), 0);
	sorted_cursor_close(c);
}

/* By one thread, and with another beside it. */
static void check(struct input *in, size_t n, size_t budget, bool in_memory)
{
	struct sorted *sorted[2];

	for (int beside = 0; beside < 2; beside++) {
		sorted[beside] = sort(in, n, budget, beside);
		assert_int_equal(sorted_in_memory(sorted[beside]), in_memory);
	}
	qsort(in, n, sizeof(*in), by_key);
	for (int beside = 0; beside < 2; beside++) {
		expect_order(sorted[beside], in, n);
		sorted_free(sorted[beside]);
	}
}

/* Lengths, alphabets and common beginnings that lead through every part of the order. */
static void fill(struct input *in, size_t n, unsigned kind)
{
	static const struct { unsigned prefix, most, letters; } kinds[] = {
		{ 0, 5, 256 }, { 0, 40, 256 }, { 0, 3, 2 }, { 9, 12, 3 }, { 30, 4, 2 }, { 0, 20, 1 }, { 8, 1, 1 }, { 7, 2, 2 }, { 0, 0, 1 },
	};

	for (size_t i = 0; i < n; i++) {
		unsigned prefix = kinds[kind % COUNT(kinds)].prefix, more = chance(kinds[kind % COUNT(kinds)].most + 1);

		memset(in[i].key, 'x', prefix);
		for (unsigned k = 0; k < more; k++)
			in[i].key[prefix + k] = (uint8_t)chance(kinds[kind % COUNT(kinds)].letters);
		in[i].key_len = prefix + more;
		in[i].number = (uint32_t)i;
	}
}

static void records_come_in_the_order_of_keys(void **state)
{
	static struct input in[3000];

	(void)state;
	for (unsigned kind = 0; kind < 9; kind++) {
		for (size_t n = 0; n < 60; n += 1 + n / 8) {
			fill(in, n, kind);
			check(in, n, SORT_BUDGET_DEFAULT, true);
		}
		fill(in, COUNT(in), kind);
		check(in, COUNT(in), SORT_BUDGET_DEFAULT, true);
	}
}

/* How many entries still have the heads that they came with: bringing keys with one beginning into order takes others. */
static size_t untouched(const struct sorted *s)
{
	const struct part *p = &s->part[s->newest];
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct sort_record r = record_at(p->octets.p + part_entries(p)[i].at);

		n += part_entries(p)[i].head == head_of(r.key, r.key_len);
	}
	return n;
}

static void what_comes_in_order_is_not_sorted(void **state)
{
	static struct input in[3000];
	struct sorted *sorted;

	(void)state;
	fill(in, COUNT(in), 3);
	qsort(in, COUNT(in), sizeof(*in), by_key);
	sorted = sort(in, COUNT(in), SORT_BUDGET_DEFAULT, false);
	assert_int_equal(untouched(sorted), COUNT(in));
	expect_order(sorted, in, COUNT(in));
	sorted_free(sorted);
	fill(in, COUNT(in), 3);
	sorted = sort(in, COUNT(in), SORT_BUDGET_DEFAULT, false);
	assert_true(untouched(sorted) < COUNT(in) / 2);
	sorted_free(sorted);
}

static void what_does_not_fit_is_spilled_and_merged(void **state)
{
	static struct input in[3000];

	(void)state;
	for (unsigned kind = 0; kind < 9; kind++) {
		fill(in, COUNT(in), kind);
		check(in, COUNT(in), 100000, false);
		fill(in, COUNT(in), kind);
		check(in, COUNT(in), 1000, false);
		check(in, COUNT(in), 1000, false); /* in order now */
		fill(in, 5, kind);
		check(in, 5, 1, false);
	}
}

/* Two parts in memory, neither of them in the file. */
static void what_fits_is_not_spilled_beside_a_thread(void **state)
{
	static struct input in[3000];
	size_t size = 0;

	(void)state;
	fill(in, COUNT(in), 1);
	for (size_t i = 0; i < COUNT(in); i++)
		size += 6 + in[i].key_len + data_len((uint32_t)i) + 2 * 16; /* as sort_impl.h has it */
	check(in, COUNT(in), size + size / 4, true);
}

static void large_records(bool beside)
{
	size_t len = (size_t)3 << 20;
	uint8_t *large = mem_new(len, 1);
	struct sorter *s = sorter_new(1000, NULL, NULL);
	struct sorted *sorted = NULL;
	struct sorted_cursor *c = NULL;
	struct sort_record r;

	if (beside)
		sorter_beside(s);
	memset(large, 7, len);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sorter_add(s, i == 1 ? "b" : "a", 1, large, i == 2 ? 1 : len, NULL), 0);
	assert_int_equal(sorter_end(s, &sorted, NULL), 0);
	assert_int_equal(sorted_cursor_open(sorted, &c, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sorted_cursor_next(c, &r, NULL), 1);
		assert_int_equal(r.key[0], i == 2 ? 'b' : 'a');
		assert_int_equal(r.len, i == 1 ? 1 : len);
		assert_memory_equal(r.data, large, r.len);
	}
	assert_int_equal(sorted_cursor_next(c, &r, NULL), 0);
	sorted_cursor_close(c);
	sorted_free(sorted);
	free(large);
}

static void records_larger_than_the_budget_come_back(void **state)
{
	(void)state;
	large_records(false);
	large_records(true);
}

struct reader {
	const struct sorted *sorted;
	size_t n;
	uint64_t sum;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct sorted_cursor *c = NULL;
	struct sort_record record;

	if (sorted_cursor_open(r->sorted, &c, NULL) != 0)
		return NULL;
	while (sorted_cursor_next(c, &record, NULL) == 1) {
		for (size_t i = 0; i < record.key_len; i++)
			r->sum = r->sum * 31 + record.key[i];
		r->n++;
	}
	sorted_cursor_close(c);
	return NULL;
}

static void several_threads_read_at_once(void **state)
{
	static struct input in[3000];
	struct reader readers[3] = { { .n = 0 } };
	pthread_t threads[3];
	struct sorted *sorted;

	(void)state;
	fill(in, COUNT(in), 1);
	sorted = sort(in, COUNT(in), 20000, true);
	for (int i = 0; i < 3; i++) {
		readers[i].sorted = sorted;
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].n, COUNT(in));
		assert_int_equal(readers[i].sum, readers[0].sum);
	}
	sorted_free(sorted);
}

static int add_until_refused(struct sorter *s, int most, struct err *e)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < most; i++)
		rc = sorter_add(s, "key", 3, "0123456789012345678901234567890123456789", 40, e);
	return rc;
}

static void a_disk_that_refuses_is_an_error(void **state)
{
	for (int beside = 0; beside < 2; beside++) {
		struct rlimit old, small;
		struct sorter *s = sorter_new(100, "/nonexistent", NULL);
		struct sorted *sorted = NULL;
		struct err e = { .code = ERR_NONE };

		(void)state;
		if (beside)
			sorter_beside(s);
		assert_int_equal(add_until_refused(s, 10, &e), -1);
		assert_int_equal(e.code, ERR_IO);
		sorter_free(s);

		assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
		small = old;
		small.rlim_cur = 3000;
		signal(SIGXFSZ, SIG_IGN);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		s = sorter_new(1000, NULL, NULL);
		if (beside)
			sorter_beside(s);
		assert_int_equal(add_until_refused(s, 1000, &e), -1);
		assert_int_equal(e.code, ERR_IO);
		sorter_free(s);
		/* The one that is under way when all is there. */
		for (int n = 2; beside && n < 40; n++) {
			int rc;

			s = sorter_new(20000, "/nonexistent", NULL);
			sorter_beside(s);
			rc = add_until_refused(s, n * 10, &e);
			if (rc != 0) {
				sorter_free(s);
				break;
			}
			if (sorter_end(s, &sorted, &e) != 0)
				assert_int_equal(e.code, ERR_IO);
			else
				assert_true(sorted_in_memory(sorted));
			sorted_free(sorted);
			sorted = NULL;
		}
		setrlimit(RLIMIT_FSIZE, &old);
	}
}

/* Large enough for areas that are kept, and not all of the same size. */
static void memory_goes_from_one_sort_to_the_next(void **state)
{
	static struct input in[60000];

	(void)state;
	memory = sort_memory_new();
	for (unsigned kind = 0; kind < 4; kind++) {
		size_t n = COUNT(in) / (1 + kind % 2);

		fill(in, n, kind);
		check(in, n, kind == 2 ? (size_t)2 << 20 : SORT_BUDGET_DEFAULT, kind != 2);
		if (kind == 1)
			sort_memory_trim(memory);
	}
	sort_memory_free(memory);
	memory = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_in_the_order_of_keys),
		cmocka_unit_test(what_comes_in_order_is_not_sorted),
		cmocka_unit_test(what_does_not_fit_is_spilled_and_merged),
		cmocka_unit_test(what_fits_is_not_spilled_beside_a_thread),
		cmocka_unit_test(records_larger_than_the_budget_come_back),
		cmocka_unit_test(memory_goes_from_one_sort_to_the_next),
		cmocka_unit_test(several_threads_read_at_once),
		cmocka_unit_test(a_disk_that_refuses_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
