/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "sign/pool.h"

#define JOBS 200

struct tool {
	pthread_t thread; /* that used it */
	unsigned used;
};

struct tools {
	struct tool *tool[8];
	unsigned made, most;
};

static void *make(void *ctx, struct err *e)
{
	struct tools *t = ctx;

	if (t->made == t->most) {
		err_set(e, ERR_CRYPTO, "no more tools");
		return NULL;
	}
	return t->tool[t->made++] = mem_new(1, sizeof(struct tool));
}

static void unmake(void *tool)
{
	(void)tool; /* the test looks at it */
}

struct job {
	struct pool_job job;
	unsigned ran;
	const struct tool *tool;
};

static void run(struct pool_job *job, void *tool)
{
	struct job *j = (struct job *)job;
	struct tool *t = tool;

	if (t->used++ > 0 && !pthread_equal(t->thread, pthread_self()))
		abort(); /* a tool is one thread's */
	t->thread = pthread_self();
	j->tool = tool;
	for (volatile unsigned i = 0; i < 2000; i++)
		;
	j->ran++;
}

static void tools_free(struct tools *t)
{
	for (unsigned i = 0; i < t->made; i++)
		free(t->tool[i]);
}

/* As the signer does it: some out at a time, back in order. */
static void jobs_run_once_each(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 4; threads++) {
		struct tools tools = { .most = 8 };
		const struct pool_tools with = { .ctx = &tools, .make = make, .free = unmake };
		struct job *jobs = mem_new(JOBS, sizeof(*jobs));
		struct pool *p = NULL;
		struct pool_times times;
		struct err e;

		assert_int_equal(pool_new(threads, &with, &p, &e), 0);
		for (size_t i = 0; i < JOBS + 10; i++) {
			if (i < JOBS) {
				jobs[i].job.run = run;
				assert_int_equal(pool_submit(p, &jobs[i].job, &e), 0);
			}
			if (i >= 10) {
				pool_wait(p, &jobs[i - 10].job);
				assert_int_equal(jobs[i - 10].ran, 1);
			}
		}
		times = pool_times(p);
		assert_int_equal(times.threads + 1, tools.made);
		assert_true(times.all_us + times.caller_us > 0 && times.least_us <= times.most_us &&
			    times.most_us <= times.all_us);
		pool_free(p);
		assert_in_range(tools.made, threads < 2 ? 1 : 2, threads < 2 ? 1 : threads + 1);
		tools_free(&tools);
		free(jobs);
	}
}

static void one_job_needs_no_thread(void **state)
{
	struct tools tools = { .most = 8 };
	const struct pool_tools with = { .ctx = &tools, .make = make, .free = unmake };
	struct job job = { .job.run = run };
	struct pool *p = NULL;
	struct err e;

	(void)state;
	assert_int_equal(pool_new(4, &with, &p, &e), 0);
	assert_int_equal(pool_submit(p, &job.job, &e), 0);
	pool_wait(p, &job.job);
	assert_int_equal(tools.made, 1);
	assert_true(pthread_equal(tools.tool[0]->thread, pthread_self()));
	pool_free(p);
	tools_free(&tools);
}

/* After a failure nobody waits for what was out: what has not begun never runs. */
static void a_pool_can_be_left(void **state)
{
	struct tools tools = { .most = 2 };
	const struct pool_tools with = { .ctx = &tools, .make = make, .free = unmake };
	struct job jobs[20] = { 0 };
	struct pool *p = NULL;
	bool failed = false;
	struct err e;

	(void)state;
	assert_int_equal(pool_new(4, &with, &p, &e), 0);
	for (size_t i = 0; i < 20 && !failed; i++) {
		jobs[i].job.run = run;
		failed = pool_submit(p, &jobs[i].job, &e) != 0;
	}
	pool_free(p);
	for (size_t i = 0; i < 20; i++)
		assert_in_range(jobs[i].ran, 0, 1);
	tools_free(&tools);
	tools = (struct tools){ .most = 0 };
	assert_int_equal(pool_new(4, &with, &p, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_once_each),
		cmocka_unit_test(one_job_needs_no_thread),
		cmocka_unit_test(a_pool_can_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
