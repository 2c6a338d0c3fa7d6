/* SPDX-License-Identifier: BSD-3-Clause */
#include "addr/addr.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void addresses_read_and_write(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
	} cases[] = {
		{ "192.0.2.1#5353", "192.0.2.1#5353" },
		{ "192.0.2.1", "192.0.2.1#53" },
		{ "2001:DB8:0::1#53", "2001:db8::1#53" },
		{ "::", "::#53" },
		{ "192.0.2.1#", NULL },
		{ "192.0.2.1#0", NULL },
		{ "192.0.2.1#65536", NULL },
		{ "192.0.2.1#5a", NULL },
		{ "192.0.2.1#000053", NULL },
		{ "192.0.2", NULL },
		{ "fe80::1%lo", NULL },
		{ "", NULL },
		{ "#53", NULL },
		{ "example.org#53", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ADDR_TEXT_LEN];
		struct addr a;
		struct err e;
		int rc = addr_parse(cases[i].text, 53, &a, &e);

		assert_int_equal(rc, cases[i].back == NULL ? -1 : 0);
		if (rc == 0)
			assert_string_equal(addr_text(&a, text), cases[i].back);
		else
			assert_int_equal(e.code, ERR_SYNTAX);
	}
}

static void without_default_the_port_must_be_given(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", 0, &a, NULL), -1);
	assert_int_equal(addr_parse("192.0.2.1#1", 0, &a, NULL), 0);
}

static void endpoints_have_a_scheme_and_brackets(void **state)
{
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse_endpoint("tcp://192.0.2.1:5301", &a, NULL), 0);
	assert_int_equal(addr_parse("192.0.2.1#5301", 0, &b, NULL), 0);
	assert_true(addr_equal(&a, &b));
	assert_int_equal(addr_parse_endpoint("tcp://[2001:db8::1]:5301", &a, NULL), 0);
	assert_int_equal(addr_port(&a), 5301);
	assert_int_equal(addr_parse_endpoint("192.0.2.1:5301", &a, NULL), -1);
	assert_int_equal(addr_parse_endpoint("tcp://*:5301", &a, NULL), -1);
	assert_int_equal(addr_parse_endpoint("tcp://2001:db8::1:5301", &a, NULL), -1);
	assert_int_equal(addr_parse_endpoint("tcp://[2001:db8::1]", &a, NULL), -1);
	assert_int_equal(addr_parse_endpoint("tcp://192.0.2.1", &a, NULL), -1);
}

static void comparison_knows_hosts_and_ports(void **state)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct addr a, b;

	(void)state;
	addr_parse("192.0.2.1#53", 0, &a, NULL);
	addr_parse("192.0.2.1#54", 0, &b, NULL);
	assert_true(addr_same_host(&a, &b));
	assert_false(addr_equal(&a, &b));
	addr_parse("192.0.2.2#53", 0, &b, NULL);
	assert_false(addr_same_host(&a, &b));
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr);
	assert_true(addr_from_sockaddr((struct sockaddr *)&mapped, &b));
	assert_true(addr_equal(&a, &b));
}

static void prefixes_match_their_addresses(void **state)
{
	static const struct {
		const char *prefix, *address;
		bool match;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },      { "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },   { "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.7", "192.0.2.7", true },           { "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "203.0.113.9", true },         { "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true }, { "2001:db8::/33", "2001:db8:8000::", false },
	};
	static const char *const wrong[] = { "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/",    "192.0.2.0/-1",
					     "x/1",          "::/129",       "192.0.2.0/24/1" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p;
		struct addr a;

		assert_int_equal(prefix_parse(cases[i].prefix, &p, NULL), 0);
		addr_parse(cases[i].address, 53, &a, NULL);
		assert_int_equal(prefix_match(&p, &a), cases[i].match);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct prefix p;

		assert_int_equal(prefix_parse(wrong[i], &p, NULL), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_read_and_write),
		cmocka_unit_test(without_default_the_port_must_be_given),
		cmocka_unit_test(endpoints_have_a_scheme_and_brackets),
		cmocka_unit_test(comparison_knows_hosts_and_ports),
		cmocka_unit_test(prefixes_match_their_addresses),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
