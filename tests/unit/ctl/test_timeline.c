/* SPDX-License-Identifier: BSD-3-Clause */
/* The chart of a zone's keys, as it is printed. */
#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char said[20000];

static const char *print(const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	FILE *f = tmpfile();
	int out = dup(1);
	size_t n;

	assert_non_null(answer);
	fflush(stdout);
	dup2(fileno(f), 1);
	ctl_print_timeline(answer);
	fflush(stdout);
	dup2(out, 1);
	close(out);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
	json_decref(answer);
	return said;
}

static void the_past_is_left_of_now_and_what_is_expected_right(void **state)
{
	const char *chart = print(
		"{\"now\":1000,\"whole\":true,\"needs_word\":false,\"keys\":["
		"{\"tag\":5,\"algorithm\":13,\"role\":\"zsk\",\"new\":false,\"records\":{\"dnskey\":["
		"{\"phase\":\"rumoured\",\"at\":100},{\"phase\":\"omnipresent\",\"at\":400},{\"phase\":\"unretentive\",\"at\":2000}],"
		"\"zone\":[]}},"
		"{\"tag\":null,\"algorithm\":13,\"role\":\"zsk\",\"new\":true,\"records\":{\"dnskey\":["
		"{\"phase\":\"rumoured\",\"at\":2000}]}}]}");

	(void)state;
	assert_non_null(strstr(chart, "a  b  |  c  \n"));
	assert_non_null(strstr(chart, "5/13 zsk         dnskey  ///###|##\\\\\\\n"));
	assert_non_null(strstr(chart, "                 zone    ......|.....\n"));
	assert_non_null(strstr(chart, "new zsk/13       dnskey  ......|..///\n"));
	assert_non_null(strstr(chart, "a  1970-01-01T00:01:40Z  15m ago      5/13 zsk: dnskey rumoured\n"));
	assert_non_null(strstr(chart, "c  1970-01-01T00:33:20Z  in 16m       5/13 zsk: dnskey unretentive; new zsk/13: dnskey rumoured\n"));
}

static void a_step_that_waits_for_a_word_is_said(void **state)
{
	(void)state;
	assert_non_null(strstr(print("{\"now\":1000,\"whole\":true,\"needs_word\":true,\"keys\":[]}"), "duetctl key release"));
	assert_null(strstr(print("{\"now\":1000,\"whole\":true,\"needs_word\":false,\"keys\":[]}"), "follows"));
	assert_non_null(strstr(print("{\"now\":1000,\"whole\":false,\"needs_word\":false,\"keys\":[]}"), "and more follows"));
}

/* A zone of many years: what is long past makes room for what comes. */
static void the_chart_has_no_more_columns_than_letters(void **state)
{
	char text[8000], *at = text;
	const char *chart;

	(void)state;
	at += sprintf(at, "{\"now\":1500,\"whole\":true,\"keys\":[{\"tag\":5,\"algorithm\":13,\"role\":\"zsk\",\"records\":{\"dnskey\":[");
	for (int i = 0; i < 60; i++)
		at += sprintf(at, "%s{\"phase\":\"rumoured\",\"at\":%d}", i > 0 ? "," : "", 1 + 30 * i);
	sprintf(at, "]}}]}");
	chart = print(text);
	assert_non_null(strstr(chart, "o  |  p  "));
	assert_non_null(strstr(chart, " a  b "));
	assert_non_null(strstr(chart, "x  y  \n"));
	assert_null(strstr(chart, "z  \n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_past_is_left_of_now_and_what_is_expected_right),
		cmocka_unit_test(a_step_that_waits_for_a_word_is_said),
		cmocka_unit_test(the_chart_has_no_more_columns_than_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
