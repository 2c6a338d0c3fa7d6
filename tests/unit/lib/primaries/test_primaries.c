/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of primaries: addresses, each with a key or without; everything else is refused with what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "primaries/primaries.h"

static void lists_are_read_in_order(void **state)
{
	struct primaries p, again;
	char text[ADDR_TEXT_LEN];

	(void)state;
	assert_int_equal(primaries_parse("192.0.2.1#53,a.example.,2001:db8::1#5300,192.0.2.2#53,b", &p, NULL), 0);
	assert_int_equal(p.n, 3);
	assert_true(p.v[0].has_key && !p.v[1].has_key && p.v[2].has_key);
	assert_memory_equal(p.v[2].key, "\1b", 3);
	assert_string_equal(addr_text(&p.v[1].addr, text), "2001:db8::1#5300");
	assert_int_equal(primaries_parse("192.0.2.1#53,A.example.,2001:db8::1#5300,192.0.2.2#53,b.", &again, NULL), 0);
	assert_true(primaries_equal(&p, &again));
	primaries_fini(&again);
	for (const char *const *other = (const char *const[]){ "192.0.2.1#53", "192.0.2.1#53,a.example.,2001:db8::1#5300,192.0.2.2#53",
							       "192.0.2.1#53,a.example.,192.0.2.2#53,b,2001:db8::1#5300", NULL };
	     *other != NULL; other++) {
		assert_int_equal(primaries_parse(*other, &again, NULL), 0);
		assert_false(primaries_equal(&p, &again));
		primaries_fini(&again);
	}
	primaries_fini(&p);
}

static void what_is_no_list_is_refused(void **state)
{
	static const struct { const char *text; enum err_code code; const char *words; } bad[] = {
		{ "", ERR_SYNTAX, "" }, { "key.example.", ERR_SYNTAX, "" }, { "192.0.2.1", ERR_SYNTAX, "" },
		{ "192.0.2.1#53,", ERR_SYNTAX, "" }, { "192.0.2.1#53,,192.0.2.2#53", ERR_SYNTAX, "" },
		{ "192.0.2.1#53,a,b", ERR_SYNTAX, "follows another key" }, { "192.0.2.1#0", ERR_SYNTAX, "" },
		{ "192.0.2.1#53,a..b", ERR_SYNTAX, "TSIG key" },
		{ "1.1.1.1#1,1.1.1.1#2,1.1.1.1#3,1.1.1.1#4,1.1.1.1#5,1.1.1.1#6,1.1.1.1#7,1.1.1.1#8,1.1.1.1#9", ERR_LIMIT, "8" },
	};
	struct primaries p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(primaries_parse(bad[i].text, &p, &e), -1);
		assert_int_equal(e.code, bad[i].code);
		assert_non_null(strstr(e.text, bad[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_in_order),
		cmocka_unit_test(what_is_no_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
