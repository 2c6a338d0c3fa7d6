/* SPDX-License-Identifier: BSD-3-Clause */
/* The manual pages say what the tables say.  DUET_WRITE_MANUAL=1 writes the tables into the pages. */
#include "conf/conf.h"
#include "ctl/command.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *file_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		print_error("%s: run this test from the top of the source tree\n", path);
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void write_part(const char *path, const char *text, const char *from, const char *to, const char *part)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "%.*s%s%s", (int)(from - text), text, part, to);
	fclose(f);
}

/* Between the lines `.\" begin NAME` and `.\" end NAME` stands what print says. */
static void page_has(const char *path, const char *name, void (*print)(FILE *out))
{
	char *text = file_text(path), begin[60], end[60], *from, *to, *part = NULL;
	size_t len;
	FILE *f = open_memstream(&part, &len);

	print(f);
	fclose(f);
	snprintf(begin, sizeof(begin), ".\\\" begin %s\n", name);
	snprintf(end, sizeof(end), ".\\\" end %s\n", name);
	from = strstr(text, begin);
	assert_non_null(from);
	from += strlen(begin);
	to = strstr(from, end);
	assert_non_null(to);
	if (getenv("DUET_WRITE_MANUAL") != NULL) {
		write_part(path, text, from, to, part);
	} else {
		if ((size_t)(to - from) != len || strncmp(from, part, len) != 0)
			print_error(
				"%s differs from its table: DUET_WRITE_MANUAL=1 build/unit/ctl/test_manual\n",
				path);
		assert_int_equal(to - from, len);
		assert_memory_equal(from, part, len);
	}
	free(part);
	free(text);
}

static void pages_say_what_the_tables_say(void **state)
{
	(void)state;
	page_has("docs/man/duetctl.1", "commands", ctl_manual);
	page_has("docs/man/duet.yaml.5", "options", conf_print_manual);
	page_has("docs/man/duet.yaml.5", "policy", policy_print_manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_say_what_the_tables_say),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
