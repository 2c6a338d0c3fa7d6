/* SPDX-License-Identifier: BSD-3-Clause */
/* A runner and who asks it, on one loop, with real programs. */
#include "runner/runner.h"

#include "clock/clock.h"
#include "runner/program.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	uv_loop_t loop;
	uv_timer_t tick; /* uv_run(ONCE) waits for something behind the timers that it has run */
	char dir[64], socket[100];
	struct programs programs;
	struct serve *serve;
	struct runner *runner;
};

struct got {
	bool done;
	enum runner_outcome outcome;
	int status;
	char output[RUNNER_BODY_MAX + 1], why[512];
	size_t output_len;
	uint64_t octets;
};

static void on_done(void *ctx, const struct runner_result *r)
{
	struct got *g = ctx;

	assert_false(g->done);
	g->done = true;
	g->outcome = r->outcome;
	g->status = r->status;
	g->output_len = r->output_len;
	g->octets = r->output_octets;
	memcpy(g->output, r->output, r->output_len);
	g->output[r->output_len] = '\0';
	snprintf(g->why, sizeof(g->why), "%s", r->why);
}

static void wait_for(struct world *w, struct got *g)
{
	while (!g->done)
		uv_run(&w->loop, UV_RUN_ONCE);
}

static void script(struct world *w, const char *name, mode_t mode, const char *text)
{
	char *path = mem_printf("%s/hooks/%s", w->dir, name);
	FILE *f = fopen(path, "w");

	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static void serve_start(struct world *w, size_t at_once)
{
	const struct serve_worker worker = programs_worker(&w->programs);
	struct err e;
	int fd;

	assert_true((fd = serve_listen(w->socket, &e)) >= 0);
	assert_int_equal(serve_open(&w->loop, fd, at_once, &worker, &w->serve, &e), 0);
}

static void serve_stop(struct world *w)
{
	serve_close(w->serve);
	while (serve_running(w->serve) > 0)
		uv_run(&w->loop, UV_RUN_ONCE);
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static int setup(void **state)
{
	struct world *w = mem_new(1, sizeof(*w));
	char *hooks;

	clock_init();
	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->tick);
	uv_timer_start(&w->tick, on_tick, 5, 5);
	strcpy(w->dir, "/tmp/duet-runner-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->socket, sizeof(w->socket), "%s/sock", w->dir);
	hooks = mem_printf("%s/hooks", w->dir);
	mkdir(hooks, 0755);
	w->programs = (struct programs){ &w->loop, hooks };
	serve_start(w, 2);
	w->runner = runner_open(&w->loop, w->socket);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[128];

	runner_close(w->runner);
	uv_close((uv_handle_t *)&w->tick, NULL);
	if (w->serve != NULL)
		serve_close(w->serve);
	while (uv_run(&w->loop, UV_RUN_DEFAULT) != 0)
		;
	serve_free(w->serve);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free((void *)(uintptr_t)w->programs.dir);
	free(w);
	return 0;
}

static void ask(struct world *w, const struct runner_request *q, struct got *g)
{
	memset(g, 0, sizeof(*g));
	assert_true(runner_run(w->runner, q, on_done, g) > 0);
	assert_false(g->done);
	wait_for(w, g);
}

static void ask_name(struct world *w, const char *name, struct got *g)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);

	q.what = name;
	ask(w, &q, g);
}

static void a_program_gets_its_variables_arguments_and_input(void **state)
{
	static const char *const words[] = { "ZONE=example. $(x)", "SERIAL=7" }, *const args[] = { "a b", "*" };
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g;

	script(w, "echo", 0755, "echo \"$ZONE|$SERIAL|$1|$2|$HOME|${DUET_TEST_SECRET-none}\"; cat; echo bad >&2; exit 3");
	setenv("DUET_TEST_SECRET", "x", 1); /* of the runner's own environment nothing is handed on */
	q.what = "echo";
	q.label = "zone=example.";
	q.words = words;
	q.word_count = 2;
	q.args = args;
	q.arg_count = 2;
	q.body = "input\n";
	q.body_len = 6;
	ask(w, &q, &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
	assert_int_equal(g.status, 3);
	assert_string_equal(g.output, "example. $(x)|7|a b|*|/|none\ninput\nbad\n");
}

static void descriptors_carry_what_is_large(void **state)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct stat st;
	struct got g;

	script(w, "twice", 0755, "cat >$0.in; cat $0.in $0.in");
	q.what = "twice";
	q.in_fd = memfd_create("in", 0);
	q.out_fd = memfd_create("out", 0);
	assert_int_equal(ftruncate(q.in_fd, 300000), 0);
	ask(w, &q, &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
	assert_int_equal(g.octets, 600000);
	assert_int_equal(fstat(q.out_fd, &st), 0);
	assert_int_equal(st.st_size, 600000);
	q.output_max = 599999;
	ask(w, &q, &g);
	assert_int_equal(g.outcome, RUNNER_TOO_LARGE);
	close(q.in_fd);
	close(q.out_fd);
}

static void of_much_output_the_end_is_kept(void **state)
{
	struct world *w = *state;
	struct got g;

	script(w, "much", 0755, "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
	ask_name(w, "much", &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
	assert_int_equal(g.output_len, RUNNER_BODY_MAX);
	assert_string_equal(g.output + g.output_len - 11, "line 19999\n");
}

/* No longer runs; what its new parent has not looked at yet has ended too. */
static bool ended(int pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state == 'Z' || state == 'X';
}

static void wait_ended(int pid)
{
	for (int i = 0; i < 10000 && !ended(pid); i++)
		usleep(1000);
	assert_true(ended(pid));
}

/* The process that the hook left behind writes its id, and must not live on. */
static void at_the_time_limit_the_whole_group_ends(void **state)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g;
	int pid = 0;

	script(w, "hang", 0755, "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000");
	q.what = "hang";
	/* As long as the shell needs to say it, where the machine is busy. */
	for (q.limit_ms = 200; pid == 0 && q.limit_ms < 60000; q.limit_ms *= 2) {
		ask(w, &q, &g);
		assert_int_equal(g.outcome, RUNNER_TIMEOUT);
		if (sscanf(g.output, "%d", &pid) != 1)
			pid = 0;
	}
	assert_int_not_equal(pid, 0);
	wait_ended(pid);
}

static void what_a_program_leaves_behind_ends_with_it(void **state)
{
	struct world *w = *state;
	struct got g;
	int pid = 0;

	script(w, "leave", 0755, "sleep 1000 & echo $!");
	ask_name(w, "leave", &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
	assert_int_equal(sscanf(g.output, "%d", &pid), 1);
	wait_ended(pid);
}

static void only_programs_of_the_folder_are_started(void **state)
{
	static const char *const bad[] = { "LD_PRELOAD=/x.so" };
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	char path[100];
	struct got g;

	script(w, "open", 0777, "exit 0");
	script(w, "plain", 0644, "exit 0");
	script(w, "good", 0755, "exit 0");
	snprintf(path, sizeof(path), "%s/hooks/link", w->dir);
	assert_int_equal(symlink("/bin/true", path), 0);
	static const char *const refused[] = { "/bin/true", "../../../../bin/true", "open", "plain", "link", "none", "." };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		ask_name(w, refused[i], &g);
		assert_int_equal(g.outcome, RUNNER_NOT_STARTED);
		assert_true(g.why[0] != '\0');
	}
	q.what = "good";
	q.words = bad;
	q.word_count = 1;
	ask(w, &q, &g);
	assert_int_equal(g.outcome, RUNNER_NOT_STARTED);
	ask_name(w, "good", &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
}

static void no_more_run_at_once_than_allowed(void **state)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g[6];
	size_t most = 0;

	script(w, "slow", 0755, "sleep 0.1");
	q.what = "slow";
	memset(g, 0, sizeof(g));
	for (int i = 0; i < 6; i++)
		runner_run(w->runner, &q, on_done, &g[i]);
	for (int i = 0; i < 6; i++)
		while (!g[i].done) {
			uv_run(&w->loop, UV_RUN_ONCE);
			if (serve_running(w->serve) > most)
				most = serve_running(w->serve);
		}
	assert_int_equal(most, 2);
}

static void what_is_cancelled_is_ended_and_says_nothing(void **state)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g = { 0 }, waiting = { 0 };
	uint64_t number[3];

	script(w, "sleep", 0755, "exec sleep 1000");
	script(w, "good", 0755, "exit 0");
	q.what = "sleep";
	number[0] = runner_run(w->runner, &q, on_done, &g);
	number[1] = runner_run(w->runner, &q, on_done, &g);
	number[2] = runner_run(w->runner, &q, on_done, &waiting);
	while (serve_running(w->serve) < 2)
		uv_run(&w->loop, UV_RUN_ONCE);
	for (int i = 0; i < 3; i++)
		runner_cancel(w->runner, number[i]);
	runner_cancel(w->runner, 999);
	ask_name(w, "good", &waiting); /* there is room again */
	assert_int_equal(waiting.outcome, RUNNER_DONE);
	while (serve_running(w->serve) > 0)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_false(g.done);
}

static void without_a_runner_requests_are_lost_and_later_ones_are_not(void **state)
{
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g = { 0 };
	struct serve *old;

	script(w, "sleep", 0755, "exec sleep 1000");
	script(w, "good", 0755, "exit 0");
	q.what = "sleep";
	runner_run(w->runner, &q, on_done, &g);
	while (serve_running(w->serve) < 1)
		uv_run(&w->loop, UV_RUN_ONCE);
	serve_stop(w);
	wait_for(w, &g);
	assert_int_equal(g.outcome, RUNNER_LOST);
	ask_name(w, "good", &g);
	assert_int_equal(g.outcome, RUNNER_LOST);
	assert_non_null(strstr(g.why, w->socket));
	uv_run(&w->loop, UV_RUN_NOWAIT); /* its handles go */
	old = w->serve;
	serve_start(w, 2);
	ask_name(w, "good", &g);
	assert_int_equal(g.outcome, RUNNER_DONE);
	serve_free(old);
}

static void too_large_a_request_is_refused_here(void **state)
{
	static uint8_t body[RUNNER_BODY_MAX + 1];
	struct runner_request q = RUNNER_REQUEST(RUNNER_PROGRAM);
	struct world *w = *state;
	struct got g;

	q.what = "x";
	q.body = body;
	q.body_len = sizeof(body);
	ask(w, &q, &g);
	assert_int_equal(g.outcome, RUNNER_NOT_STARTED);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_program_gets_its_variables_arguments_and_input),
		T(descriptors_carry_what_is_large),
		T(of_much_output_the_end_is_kept),
		T(at_the_time_limit_the_whole_group_ends),
		T(what_a_program_leaves_behind_ends_with_it),
		T(only_programs_of_the_folder_are_started),
		T(no_more_run_at_once_than_allowed),
		T(what_is_cancelled_is_ended_and_says_nothing),
		T(without_a_runner_requests_are_lost_and_later_ones_are_not),
		T(too_large_a_request_is_refused_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
