/* SPDX-License-Identifier: BSD-3-Clause */
/* sorter: the order is that of the octets, whether all fits into memory or much is spilled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/name.h"
#include "audit/sorter.h"

#define RECORDS 40000

static uint32_t random_of(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static int add(struct sorter *s, const char *label, const void *rdata, size_t len)
{
	uint8_t wire[70], key[NAME_KEY_MAX];
	union {
		struct rec rec;
		uint8_t octets[8192];
	} to;
	struct err e;

	wire[0] = (uint8_t)strlen(label);
	memcpy(wire + 1, label, wire[0] + 1u);
	rec_put(&to.rec, key, name_key(wire, key), 16, 1, 300, rdata, len);
	return sorter_add(s, &to, to.rec.size, &e);
}

struct adder {
	struct sorter *s;
	uint64_t seed;
	size_t n;
	uint64_t sum;
};

static uint64_t sum_of(const struct rec *r)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < r->key_len + 2u + r->rdlen; i++)
		sum = (sum ^ r->octets[i]) * 1099511628211u;
	return sum;
}

static void *add_many(void *arg)
{
	struct adder *a = arg;

	for (size_t i = 0; i < a->n; i++) {
		char label[32];
		uint8_t rdata[100];
		size_t len = random_of(&a->seed) % sizeof(rdata);

		snprintf(label, sizeof(label), "common-start-%u", random_of(&a->seed) % 5000);
		for (size_t k = 0; k < len; k++)
			rdata[k] = (uint8_t)random_of(&a->seed);
		if (add(a->s, label, rdata, len) != 0)
			abort();
	}
	return NULL;
}

/* All records come back, in order. */
static uint64_t drain(struct sorter *s, size_t want)
{
	static uint8_t last[REC_MAX];
	const struct rec *r;
	uint64_t sum = 0;
	size_t n = 0;
	struct err e;

	assert_int_equal(sorter_end(s, &e), 0);
	for (;; n++) {
		assert_int_equal(sorter_next(s, &r, &e), 0);
		if (r == NULL)
			break;
		if (n > 0)
			assert_true(rec_cmp((const struct rec *)last, r) <= 0);
		memcpy(last, r, r->size);
		sum += sum_of(r);
	}
	assert_int_equal(n, want);
	assert_int_equal(sorter_next(s, &r, &e), 0);
	assert_null(r);
	return sum;
}

static void spilled_and_kept_records_come_in_order(void **state)
{
	static const size_t budgets[] = { 64u << 20, 1u << 20, 300000 };
	uint64_t first = 0;

	(void)state;
	for (size_t b = 0; b < sizeof(budgets) / sizeof(budgets[0]); b++) {
		struct adder a = { .s = sorter_new(budgets[b], "/tmp"), .seed = 7, .n = RECORDS };
		uint64_t sum;

		add_many(&a);
		sum = drain(a.s, RECORDS);
		sorter_free(a.s);
		if (b == 0)
			first = sum;
		assert_true(sum == first);
	}
}

static void threads_may_add(void **state)
{
	struct sorter *s = sorter_new(1u << 20, "/tmp");
	struct adder a[3];
	pthread_t t[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		a[i] = (struct adder){ .s = s, .seed = i, .n = 5000 };
		assert_int_equal(pthread_create(&t[i], NULL, add_many, &a[i]), 0);
	}
	for (size_t i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	drain(s, 15000);
	sorter_free(s);
}

static void nothing_and_one_record(void **state)
{
	struct sorter *s = sorter_new(1u << 20, "/tmp");

	(void)state;
	drain(s, 0);
	sorter_free(s);
	s = sorter_new(1u << 20, "/tmp");
	assert_int_equal(add(s, "a", "", 0), 0);
	drain(s, 1);
	sorter_free(s);
}

/* Pages of a zone, the middle ones last: owners in order, the records of each are not. */
static void few_stretches_come_in_order(void **state)
{
	static const unsigned begin[] = { 400, 0, 200, 600, 100 };

	(void)state;
	for (size_t stretches = 1; stretches <= sizeof(begin) / sizeof(begin[0]); stretches++) {
		struct sorter *s = sorter_new(24u << 20, "/tmp");
		char label[16];

		for (size_t i = 0; i < stretches; i++)
			for (unsigned name = begin[i]; name < begin[i] + 150; name++) {
				snprintf(label, sizeof(label), "name%05u", name);
				assert_int_equal(add(s, label, "bb", 2), 0);
				assert_int_equal(add(s, label, "c", 1), 0);
				assert_int_equal(add(s, label, "a", 1), 0);
			}
		drain(s, stretches * 150 * 3);
		sorter_free(s);
	}
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	struct sorter *s = sorter_new(100000, "/nonexistent");
	char label[16];
	int rc = 0;

	(void)state;
	for (unsigned i = 0; i < 20000 && rc == 0; i++) {
		snprintf(label, sizeof(label), "%u", i);
		rc = add(s, label, "0123456789", 10);
	}
	assert_int_equal(rc, -1);
	sorter_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spilled_and_kept_records_come_in_order),
		cmocka_unit_test(threads_may_add),
		cmocka_unit_test(nothing_and_one_record),
		cmocka_unit_test(few_stretches_come_in_order),
		cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
