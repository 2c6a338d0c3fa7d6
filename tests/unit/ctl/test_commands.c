/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands, and the command line read by it. */
#include "ctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs ctl_args on words with standard output and error in `said`. */
static char said[20000];

static int read_line(struct ctl *c, const char *line)
{
	static char copy[1000];
	char name[] = "duetctl", *argv[40] = { name }, *save = NULL;
	int argc = 1, out = dup(1), err = dup(2), rc;
	FILE *f = tmpfile();
	size_t n;

	memset(c, 0, sizeof(*c));
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(stdout);
	dup2(fileno(f), 1);
	dup2(fileno(f), 2);
	rc = ctl_args(c, argc, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
	return rc;
}

static void every_row_is_whole(void **state)
{
	(void)state;
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++) {
		char begin[60];

		snprintf(begin, sizeof(begin), "duetctl %s%s%s", cmd->noun, cmd->verb != NULL ? " " : "",
			 cmd->verb != NULL ? cmd->verb : "");
		assert_non_null(cmd->run);
		assert_true(strlen(cmd->summary) > 10);
		assert_true(cmd->args_least <= cmd->args_most && cmd->args_most < CTL_ARGS);
		assert_int_equal(strncmp(cmd->examples, begin, strlen(begin)), 0);
		assert_ptr_equal(ctl_find(cmd->noun, cmd->verb), cmd);
		for (const struct ctl_option *o = cmd->options; o->name != NULL; o++) {
			assert_non_null(o->help);
			assert_true(o < cmd->options + CTL_OPTIONS);
			assert_string_not_equal(o->name, "json");
			assert_string_not_equal(o->name, "socket");
		}
	}
}

/* An example in the help that duetctl itself refuses would be a shame. */
static void every_example_reads_as_a_command(void **state)
{
	(void)state;
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++) {
		char *lines = strdup(cmd->examples), *save = NULL, *p;

		while ((p = strstr(lines, "\\\n")) != NULL) /* continued lines */
			p[0] = p[1] = ' ';
		while ((p = strchr(lines, '>')) != NULL)
			*p = '\0';
		for (char *line = strtok_r(lines, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save)) {
			struct ctl c;

			if (read_line(&c, line + strlen("duetctl ")) != -1)
				print_error("%s: %s\n", line, said);
			assert_ptr_equal(c.command, cmd);
		}
		free(lines);
	}
}

static void every_command_has_help_with_examples(void **state)
{
	(void)state;
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++) {
		static const char *const forms[] = { "%s%s --help", "help %s%s", "--help %s%s", "%s -h%s" };
		char verb[40], line[100];

		snprintf(verb, sizeof(verb), "%s%s", cmd->verb != NULL ? " " : "",
			 cmd->verb != NULL ? cmd->verb : "");
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
			struct ctl c;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(line, sizeof(line), forms[i], cmd->noun, verb);
#pragma GCC diagnostic pop
			assert_int_equal(read_line(&c, line), CTL_DONE);
			assert_non_null(strstr(said, "Examples:\n  duetctl "));
			assert_non_null(strstr(said, cmd->summary));
		}
	}
}

static void misuse_exits_2_and_says_why(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{ "", "usage: duetctl" },
		{ "frobnicate", "unknown command \"frobnicate\"" },
		{ "zone", "what about it?" },
		{ "zone frobnicate", "unknown command \"zone frobnicate\"" },
		{ "zone sign", "ZONE is missing" },
		{ "zone floor example.org", "missing" },
		{ "zone list example.org", "\"example.org\" is too much" },
		{ "zone sign example.org --fast", "unknown option --fast" },
		{ "zone sign example.org --full=yes", "unknown option --full=yes" },
		{ "zone add example.org --source", "--source needs a value" },
		{ "status --socket", "--socket needs a value" },
		{ "status -x", "unknown option -x" },
		{ "-c", "-c needs a value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl c;

		assert_int_equal(read_line(&c, cases[i].line), CTL_MISUSED);
		if (strstr(said, cases[i].part) == NULL)
			print_error("%s: %s\n", cases[i].line, said);
		assert_non_null(strstr(said, cases[i].part));
	}
}

static void options_may_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"zone add example.org --source file:x --policy p --json -c /etc/x --socket /run/k",
		"--json -c /etc/x --socket=/run/k zone add --policy=p --source=file:x example.org",
		"zone --json add -c /etc/x --socket keydist:/run/k --source file:x --policy p -- example.org",
	};
	struct ctl c;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(read_line(&c, lines[i]), -1);
		assert_ptr_equal(c.command, ctl_find("zone", "add"));
		assert_true(c.json);
		assert_string_equal(c.conf_path, "/etc/x");
		assert_string_equal(ctl_socket(&c, CTL_KEYDIST), "/run/k");
		assert_string_equal(ctl_option(&c, "source"), "file:x");
		assert_string_equal(ctl_option(&c, "policy"), "p");
		assert_int_equal(c.args, 1);
		assert_string_equal(c.arg[0], "example.org");
	}
	assert_int_equal(read_line(&c, "zone sign example.org --full --socket signer:/run/s"), -1);
	assert_true(ctl_flag(&c, "full"));
	assert_string_equal(ctl_socket(&c, CTL_SIGNER), "/run/s");
	assert_int_equal(read_line(&c, "zone hold -- --full"), -1);
	assert_string_equal(c.arg[0], "--full");
}

static void completion_offers_what_may_follow(void **state)
{
	static const struct {
		const char *line, *has, *lacks;
	} cases[] = {
		{ "--complete zo", "zone\n", "key\n" },
		{ "--complete zone re", "remove\nresume\n", "list" },
		{ "--complete key create --no", "--no-wait\n", "--json" },
		{ "--complete --js", "--json\n", "--full" },
		{ "--complete node add --role b", "backup\n", "signer" },
		{ "--complete key export --format p", "pem\n", "bind" },
		{ "--complete nothing such", "", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl c;

		assert_int_equal(read_line(&c, cases[i].line), CTL_DONE);
		assert_non_null(strstr(said, cases[i].has));
		assert_null(strstr(said, cases[i].lacks));
	}
}

static void spans_and_moments_read_well(void **state)
{
	char out[CTL_WHEN_LEN];

	(void)state;
	assert_string_equal(ctl_span(0, out), "0s");
	assert_string_equal(ctl_span(119, out), "119s");
	assert_string_equal(ctl_span(3600, out), "60m");
	assert_string_equal(ctl_span(86400, out), "24h 0m");
	assert_string_equal(ctl_span(90000 * 2, out), "2d 2h");
	assert_string_equal(ctl_when(100, 40, out), "in 60s");
	assert_string_equal(ctl_when(40, 100, out), "60s ago");
	assert_string_equal(ctl_when(0, 100, out), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(every_example_reads_as_a_command),
		cmocka_unit_test(every_command_has_help_with_examples),
		cmocka_unit_test(misuse_exits_2_and_says_why),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(completion_offers_what_may_follow),
		cmocka_unit_test(spans_and_moments_read_well),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
