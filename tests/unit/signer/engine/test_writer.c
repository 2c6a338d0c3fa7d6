/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer's thread: all that is given to it is durable when it says so, and nothing is left behind at its end. */
#include "../../lib/store/lab.h"

#include "signer/engine/writer.h"

#define MANY 1500 /* more than one commit takes */

static uv_loop_t loop;
static struct store *store;
static struct writer *writer;
static size_t done_count, failures;

struct one {
	struct writing writing;
	uint8_t apex[16];
	char keep[40];
};

static void done(struct writing *w)
{
	struct one *o = (struct one *)w;
	char *keep = store_keep_get(store, o->apex);

	failures += w->write.rc != 0 || keep == NULL || strcmp(keep, o->keep) != 0;
	done_count++;
	free(keep);
	free(o);
}

static void add(unsigned i)
{
	struct one *o = calloc(1, sizeof(*o));

	snprintf((char *)o->apex, sizeof(o->apex), "%cz%06u", 7, i);
	snprintf(o->keep, sizeof(o->keep), "{\"n\":%u}", i);
	o->writing.write = (struct store_write){ .what = STORE_KEEP, .apex = o->apex, .keep = o->keep };
	o->writing.done = done;
	writer_queue(writer, &o->writing);
}

static int setup(void **state)
{
	struct err e;

	if (lab_setup(state) != 0)
		return -1;
	uv_loop_init(&loop);
	done_count = failures = 0;
	return store_open(lab_dir, &store, &e) != 0 || writer_new(&loop, store, &writer, &e) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
	while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
		;
	store_close(store);
	uv_loop_close(&loop);
	return lab_teardown(state);
}

static void many_are_written_and_told_of_in_the_loop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		add(i);
	assert_int_equal(done_count, 0); /* never before the loop runs */
	while (done_count < MANY)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(failures, 0);
	writer_free(writer);
}

static void what_waits_is_written_before_the_end(void **state)
{
	struct store *again;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		add(i);
	writer_free(writer);
	assert_int_equal(done_count, MANY);
	assert_int_equal(failures, 0);
	while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
		;
	store_close(store);
	assert_int_equal(store_open(lab_dir, &again, &e), 0);
	for (unsigned i = 0; i < MANY; i++) {
		uint8_t apex[16];
		char *keep;

		snprintf((char *)apex, sizeof(apex), "%cz%06u", 7, i);
		keep = store_keep_get(again, apex);
		assert_non_null(keep);
		free(keep);
	}
	store = again;
}

static void on_compacted(void *ctx, int rc, const struct err *e)
{
	(void)e;
	*(int *)ctx = rc;
}

static void compaction_waits_for_what_is_to_be_written(void **state)
{
	int rc = -2;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add(i);
	writer_compact(writer, true, on_compacted, &rc);
	while (rc == -2)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(rc, 0); /* nothing is dead */
	assert_int_equal(done_count, 10);
	assert_int_equal(failures, 0);
	writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_are_written_and_told_of_in_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_is_written_before_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(compaction_waits_for_what_is_to_be_written, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
