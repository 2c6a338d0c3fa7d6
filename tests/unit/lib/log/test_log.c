/* SPDX-License-Identifier: BSD-3-Clause */
/* One program for the three small ones: err, clock, log. */
#include "clock/clock.h"
#include "err/err.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What log_event writes for one text. */
static void logged(const char *text, enum log_level level, char *line, size_t cap)
{
	int saved = dup(STDERR_FILENO), pipes[2];
	ssize_t n;

	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_event(level, "test", "zone=%s msg=%s", "example.", text);
	dup2(saved, STDERR_FILENO);
	n = read(pipes[0], line, cap - 1);
	line[n < 0 ? 0 : n] = '\0';
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
}

static void an_event_is_one_line_whatever_it_holds(void **state)
{
	char line[4096], *big = calloc(1, 10001);

	(void)state;
	logged("a\nb\x1b[31m", LOG_NOTICE, line, sizeof(line));
	assert_non_null(strstr(line, " notice unit event=test zone=example. msg=a?b?[31m\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_int_equal(strncmp(line, "<5>2", 4), 0);
	memset(big, 'x', 10000);
	logged(big, LOG_ERROR, line, sizeof(line));
	assert_int_equal(line[strlen(line) - 1], '\n');
	free(big);
	logged("quiet", LOG_DEBUG, line, sizeof(line));
	assert_string_equal(line, "");
}

static void errors_keep_their_code_and_gain_context(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_SYNTAX, "protocol %u, must be 3", 2u), -1);
	assert_int_equal(err_ctx(&e, "%s", "k.key"), -1);
	assert_string_equal(e.text, "k.key: protocol 2, must be 3");
	assert_int_equal(e.code, ERR_SYNTAX);
	errno = ENOENT;
	err_errno(&e, "%s", "f");
	assert_string_equal(e.text, "f: No such file or directory");
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
	for (int i = 0; i < 2000; i++)
		err_ctx(&e, "longer");
	assert_true(strlen(e.text) < sizeof(e.text));
}

static void instants_are_rfc_3339(void **state)
{
	char out[CLOCK_TEXT_LEN];

	(void)state;
	assert_string_equal(clock_text(0, out), "1970-01-01T00:00:00Z");
	assert_string_equal(clock_text(1772337900, out), "2026-03-01T04:05:00Z");
	assert_true(clock_now_us() / 1000000 - clock_now_s() <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_one_line_whatever_it_holds),
		cmocka_unit_test(errors_keep_their_code_and_gain_context),
		cmocka_unit_test(instants_are_rfc_3339),
	};

	log_init("unit", LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
