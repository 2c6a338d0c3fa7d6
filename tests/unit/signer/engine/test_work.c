/* SPDX-License-Identifier: BSD-3-Clause */
/* Work waits its turn: plans before audits, signing and loading, one large piece at a time, no more zones on their way than there
 * is room for, nothing is lost at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signer/engine/work.h"

#define MANY 100

static uv_loop_t loop;
static struct works *ws;
static atomic_int running_large, most_large, ran, running_small, most_small;
static int done_count, cancelled;
static int order[MANY]; /* in which they began */
static atomic_int ordered;

struct piece {
	struct work work;
	int name;
};

static void most_of(atomic_int *most, int n)
{
	int before = *most;

	while (n > before && !atomic_compare_exchange_weak(most, &before, n))
		;
}

static void run(struct work *w)
{
	atomic_int *now = w->large ? &running_large : &running_small;
	const int at = atomic_fetch_add(&ordered, 1);

	if (at < MANY)
		order[at] = ((struct piece *)w)->name;
	most_of(w->large ? &most_large : &most_small, atomic_fetch_add(now, 1) + 1);
	atomic_fetch_add(&ran, 1);
	for (volatile int i = 0; i < 100000; i++)
		;
	atomic_fetch_sub(now, 1);
}

static void done(struct work *w)
{
	done_count++;
	cancelled += w->cancelled;
	free(w);
}

static void add_on_way(enum work_kind kind, bool large, size_t way, int name)
{
	struct piece *p = calloc(1, sizeof(*p));

	p->work.large = large;
	p->work.way = way;
	p->work.run = run;
	p->work.done = done;
	p->name = name;
	works_queue(ws, kind, &p->work);
}

static void add(enum work_kind kind, bool large, int name)
{
	add_on_way(kind, large, 0, name);
}

static int setup(void **state)
{
	(void)state;
	uv_loop_init(&loop);
	ws = works_new(&loop);
	running_large = most_large = ran = running_small = most_small = 0;
	done_count = cancelled = ordered = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	works_free(ws);
	return uv_loop_close(&loop);
}

static void all_is_done_and_large_ones_one_by_one(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		add(i % 2 == 0 ? WORK_SIGN : WORK_LOAD, i % 10 == 0, i);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(ran, MANY);
	assert_int_equal(done_count, MANY);
	assert_int_equal(most_large, 1);
	assert_true(most_small <= (int)works_threads(ws));
	assert_int_equal(works_running(ws), 0);
}

static void plans_go_first_and_loading_last(void **state)
{
	(void)state;
	works_pause(ws, true);
	for (int i = 0; i < 10; i++) {
		add(WORK_LOAD, false, 3);
		add(WORK_SIGN, false, 2);
		add(WORK_AUDIT, false, 1);
		add(WORK_PLAN, false, 0);
	}
	assert_int_equal(works_running(ws), 0);
	works_pause(ws, false);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(ordered, 40);
	/* Two that begin at the same time may do so in either order. */
	for (int i = 0; i < 40; i++)
		assert_true(abs(i / 10 - order[i]) <= 1);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[39], 3);
}

static void run_until_idle(void)
{
	while (works_running(ws) > 0)
		uv_run(&loop, UV_RUN_ONCE);
}

/* What is loaded waits for its signatures, and more is not loaded meanwhile; what else there is to do goes on. */
static void no_more_is_loaded_than_there_is_room_for(void **state)
{
	const size_t way = WORK_WAY_MAX / 4 + 1;

	(void)state;
	for (int i = 0; i < 10; i++)
		add_on_way(WORK_LOAD, false, way, i);
	run_until_idle();
	assert_int_equal(ordered, 4);
	assert_int_equal(works_waiting(ws), 6);
	add(WORK_AUDIT, false, 0);
	add(WORK_SIGN, false, 0);
	run_until_idle();
	assert_int_equal(ordered, 6);
	works_rest(ws, way);
	run_until_idle();
	assert_int_equal(ordered, 7);
	works_rest(ws, 4 * way);
	run_until_idle();
	assert_int_equal(ordered, 11);
	works_rest(ws, 4 * way);
	add_on_way(WORK_LOAD, false, 2 * WORK_WAY_MAX, 0); /* there is room for one, whatever it is */
	run_until_idle();
	assert_int_equal(ordered, 13);
	works_rest(ws, way + 2 * WORK_WAY_MAX);
}

static void what_waits_at_the_end_is_given_back(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		add(WORK_SIGN, false, i);
	works_end(ws);
	assert_int_equal(done_count, cancelled);
	assert_int_equal(done_count + (int)works_running(ws), MANY);
	while (works_running(ws) > 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(done_count, MANY);
	assert_int_equal(ran + cancelled, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_done_and_large_ones_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(plans_go_first_and_loading_last, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_is_loaded_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_at_the_end_is_given_back, setup, teardown),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	uv_library_shutdown();
	return rc;
}
