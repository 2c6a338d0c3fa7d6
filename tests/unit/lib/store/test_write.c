/* SPDX-License-Identifier: BSD-3-Clause */
/* Several threads make changes and read, while one writes what waits, together. */
#include "lab.h"

#include <pthread.h>
#include <sched.h>

#define MAKERS 3
#define ROUNDS 40
#define PAGES  12

static struct store *store;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct store_write *waiting[MAKERS]; /* guarded by lock */
static unsigned ended;

static void maker_apex(unsigned k, uint8_t out[DNAME_MAX])
{
	char text[32];

	snprintf(text, sizeof(text), "zone%u.", k);
	assert_int_equal(dname_from_text(text, out, NULL), 0);
}

/* In a thread that is not cmocka's. */
static void must(bool right, const char *what)
{
	if (!right) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static int count_mark(void *ctx, const struct rr *rr)
{
	if (rr->type == 65280)
		((unsigned *)ctx)[rr->rdata[4]]++;
	return 0;
}

/* Every page has the mark of the round, besides the first, which is kept from the first round on. */
static void check_round(struct version *v, unsigned round)
{
	unsigned marks[256] = { 0 };
	struct err e = { 0 };

	must(store_walk(store, v, count_mark, marks, &e) == 0, e.text);
	must(marks[round] == (round == 1 ? PAGES : PAGES - 1), "marks of the round");
	must(marks[1] == (round == 1 ? PAGES : 1), "marks of the first round");
}

static struct change *make(const uint8_t *apex, unsigned round)
{
	struct page_build *b = page_build_new();
	struct change *c = NULL;
	struct version *base;

	while (change_begin(store, apex, &c, NULL) != 0)
		sched_yield(); /* the store is being compacted */
	base = store_current(store, apex);
	for (unsigned i = 0; i < PAGES; i++)
		if (i == 0 && base != NULL)
			must(change_keep(c, table_row(version_table(base), 0)) == 0, "kept");
		else
			must(lab_put(c, b, i, round, NULL) == 0, "put");
	page_build_free(b);
	version_unref(base);
	return c;
}

static void *maker(void *arg)
{
	unsigned k = (unsigned)(uintptr_t)arg;
	uint8_t apex[DNAME_MAX], rdata[64];
	struct version_info info;
	struct rr sig;

	maker_apex(k, apex);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct store_write w = { .what = STORE_PUBLISH, .info = &info, .keep = "{}" };

		if (round % 7 == 3)
			change_drop(make(apex, 200));
		w.change = make(apex, round);
		lab_info(round, &info, rdata, &sig);
		pthread_mutex_lock(&lock);
		waiting[k] = &w;
		pthread_cond_broadcast(&moved);
		while (waiting[k] != NULL)
			pthread_cond_wait(&moved, &lock);
		pthread_mutex_unlock(&lock);
		must(w.rc == 0, w.err.text);
		check_round(w.version, round);
		version_unref(w.version);
	}
	pthread_mutex_lock(&lock);
	ended++;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* What waits, in one go; false when all have ended. */
static bool write_waiting(unsigned *writes)
{
	struct store_write *list[MAKERS];
	size_t from[MAKERS], n;

	pthread_mutex_lock(&lock);
	for (;;) {
		n = 0;
		for (size_t k = 0; k < MAKERS; k++)
			if (waiting[k] != NULL) {
				from[n] = k;
				list[n++] = waiting[k];
			}
		if (n > 0 || ended == MAKERS)
			break;
		pthread_cond_wait(&moved, &lock);
	}
	pthread_mutex_unlock(&lock);
	if (n == 0)
		return false;
	store_write(store, list, n);
	++*writes;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n; i++)
		waiting[from[i]] = NULL;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
	return true;
}

static void makers_work_while_one_writes(void **state)
{
	pthread_t thread[MAKERS];
	unsigned writes = 0;

	(void)state;
	store = lab_open();
	store_set_volume_max(store, 60000);
	for (unsigned k = 0; k < MAKERS; k++)
		assert_int_equal(pthread_create(&thread[k], NULL, maker, (void *)(uintptr_t)k), 0);
	while (write_waiting(&writes))
		if (writes % 8 == 0) {
			lab_compact(store, NULL); /* not while a change is open */
			store_checkpoint(store, 256, NULL);
		}
	for (unsigned k = 0; k < MAKERS; k++)
		pthread_join(thread[k], NULL);
	store_close(store);
	store = lab_open();
	for (unsigned k = 0; k < MAKERS; k++) {
		uint8_t apex[DNAME_MAX];
		struct version *v;

		maker_apex(k, apex);
		v = store_current(store, apex);
		assert_non_null(v);
		assert_int_equal(version_info(v)->serial, ROUNDS);
		check_round(v, ROUNDS);
		version_unref(v);
	}
	store_close(store);
}

/* One change that cannot be published does not keep the others from it, and is told so. */
static void each_of_a_group_has_its_own_end(void **state)
{
	struct store_write w[5];
	struct store_write *list[5];
	struct version_info info;
	uint8_t apex[5][DNAME_MAX], rdata[64];
	struct change *rival;
	struct version *v = NULL;
	struct rr sig;
	char *keep;

	(void)state;
	store = lab_open();
	lab_info(1, &info, rdata, &sig);
	for (unsigned k = 0; k < 5; k++) {
		maker_apex(k, apex[k]);
		w[k] = (struct store_write){ .what = STORE_PUBLISH, .apex = apex[k], .info = &info, .keep = "{}" };
		list[k] = &w[k];
	}
	w[0].change = make(apex[0], 1);
	w[1].change = make(apex[1], 1);
	rival = make(apex[1], 1);
	assert_int_equal(change_publish(rival, &info, NULL, &v, NULL), 0);
	version_unref(v);
	w[2].what = STORE_KEEP;
	w[3].what = STORE_REMOVE;
	w[3].keep = NULL;
	assert_int_equal(change_publish(make(apex[3], 1), &info, NULL, &v, NULL), 0);
	version_unref(v);
	w[4].change = make(apex[4], 1);
	store_write(store, list, 5);
	assert_int_equal(w[0].rc, 0);
	assert_int_equal(w[1].rc, -1);
	assert_int_equal(w[1].err.code, ERR_NOTNOW);
	assert_non_null(strstr(w[1].err.text, "zone zone1."));
	assert_null(w[1].version);
	assert_int_equal(w[2].rc, 0);
	assert_int_equal(w[3].rc, 0);
	assert_null(store_current(store, apex[3]));
	assert_int_equal(w[4].rc, 0);
	check_round(w[0].version, 1);
	check_round(w[4].version, 1);
	version_unref(w[0].version);
	version_unref(w[4].version);
	keep = store_keep_get(store, apex[2]);
	assert_string_equal(keep, "{}");
	free(keep);
	store_close(store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makers_work_while_one_writes),
		TEST(each_of_a_group_has_its_own_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
