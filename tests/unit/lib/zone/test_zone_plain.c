/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain lines in one pass, and the same lines by tokens: what is right, and what is nearly. */
#include "zone/zone_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD   "$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\n"
#define HEX31  "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEE"
#define LABEL  "abcdefghijklmnopqrstuvwxyz012345"

static const uint8_t apex[] = "\7example";

static const char *const lines[] = {
	"a A 1.2.3.4", "a A 255.255.255.255", "a A 01.2.3.4", "a A 1.2.3.04", "a A 1.2.3", "a A 1.2.3.4.5", "a A 1.2.3.",
	"a A .1.2.3", "a A 1..2.3", "a A 1.2.256.3", "a A 1.2.3.999", "a A 1.2.3.1000", "a A 1.2.3.a", "a A 1.2.3.4 5",
	"a A 1.2.3.4;c", "a A 1.2.3.4 ;c", "a A 1.2.3.-1", "a A 0.0.0.0", "a A 00.0.0.0",
	"a DS 1 8 2 " HEX31 "fF", "a DS 1 8 2 " HEX31 "f", "a DS 1 8 2 " HEX31 "fg", "a DS 1 8 2 " HEX31 "@f",
	"a DS 1 8 2 001122334455667:" HEX31, "a DS 1 8 2 0011 2233 " HEX31, "a DS 1 8 2 `" HEX31 "f", "a DS 1 8 3 " HEX31,
	"a TLSA 3 1 1 " HEX31 "G0", "a TLSA 3 1 1 " HEX31 HEX31 HEX31 "0",
	"a TXT \"x\\\"y\"", "a TXT \"x\\\"", "a TXT \"\\065\\255\"", "a TXT \"\\256\"", "a TXT \"\\06\"", "a TXT \"a\\\\\" b",
	"a TXT \"a\"b", "a TXT a\\ b", "a TXT \"\"", "a CAA 0 issue \"a\\;b\"",
	"b.EXAMPLE. A 1.2.3.4\nc.EXAMPLE. A 1.2.3.4", "B A 1.2.3.4\nC A 1.2.3.4", "b.example. A 1.2.3.4\nc.example A 1.2.3.4",
	"b.example. A 1.2.3.4\nc.exampl. A 1.2.3.4", "b.example. A 1.2.3.4\nc.examplez A 1.2.3.4", "b A 1.2.3.4\n.c A 1.2.3.4",
	"b A 1.2.3.4\n" LABEL " A 1.2.3.4", "b A 1.2.3.4\n" LABEL LABEL " A 1.2.3.4", "b A 1.2.3.4\nc\\.d A 1.2.3.4",
	"$ORIGIN b\n@ A 1.2.3.4\nc A 1.2.3.4", "$ORIGIN \\@\n@ A 1.2.3.4\nc A 1.2.3.4", "b A 1.2.3.4\n$ORIGIN c\nd A 1.2.3.4",
	"a NS " LABEL ".b.", "a NS " LABEL LABEL, "a NS x..y", "a NS .x", "a NS .", "a NS @", "a NS @.b.", "a NS x y", "a NS x;y",
	"a 60 IN A 1.2.3.4\nb 60 IN AAAA ::1\nc 61 IN A 1.2.3.4\nd 60 IN MX 1.2.3.4", "a 3600 IN NS b.\na 3600 IN NS c.",
	"a 9999999999 IN A 1.2.3.4\na 9999999999 IN A 1.2.3.4", "a 3600 CH NS b.\na 3600 CH NS b.",
	"a 3600\tIN NS b.\na 3600 IN\tNS c.\na 03600 IN NS d.", "a IN 3600 NS b.\na IN 3600 NS c.\na 3600 IN NS",
};

static void both_ways_give_the_same(void **state)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct err e = { .code = ERR_NONE }, other = { .code = ERR_NONE };
		struct zone *z = NULL, *same = NULL;
		char text[1024];
		int len = snprintf(text, sizeof(text), HEAD "%s\n", lines[i]), rc;

		rc = zone_read_tokens(text, (size_t)len, apex, &limits, &same, &other);
		if (zone_read_text(text, (size_t)len, apex, &limits, &z, &e) != rc)
			fail_msg("%s: %s%s", lines[i], e.text, other.text);
		assert_string_equal(e.text, other.text);
		if (rc == 0)
			assert_memory_equal(z->digest, same->digest, sizeof(z->digest));
		zone_free(z);
		zone_free(same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_give_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
