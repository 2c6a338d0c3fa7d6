/* SPDX-License-Identifier: BSD-3-Clause */
#include "zone/zone_sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena/arena.h"
#include "zone/zone_text.h"

#define HEAD "$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\n"

static const uint8_t apex[] = "\7example";

static struct zone *read_text(const char *text)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone *z = NULL;
	struct err e;

	if (zone_read_text(text, strlen(text), apex, &limits, &z, &e) != 0)
		fail_msg("%s", e.text);
	return z;
}

static void digest_of(const char *text, uint8_t out[48])
{
	struct zone *z = read_text(text);

	memcpy(out, z->digest, 48);
	zone_free(z);
}

static bool same(const char *a, const char *b)
{
	uint8_t x[48], y[48];

	digest_of(a, x);
	digest_of(b, y);
	return memcmp(x, y, sizeof(x)) == 0;
}

/* Made once by an independent program (Python: hashlib.sha256, AES-128-CTR of cryptography, hashlib.sha384). */
static void sum_is_as_described(void **state)
{
	static const uint8_t want[48] = {
		0x74, 0xa1, 0x89, 0x06, 0x50, 0x1c, 0x1d, 0x54, 0x19, 0x6e, 0x4d, 0x25, 0x15, 0xac, 0xa3, 0x79,
		0x37, 0xf9, 0x00, 0xf4, 0xf1, 0xbf, 0xc1, 0x86, 0x4e, 0xfd, 0x82, 0x94, 0x36, 0x30, 0xce, 0x67,
		0x82, 0x36, 0xa4, 0xb6, 0x78, 0xa2, 0x95, 0x42, 0x3e, 0x99, 0x08, 0x13, 0x1c, 0x13, 0x3b, 0x12,
	};
	uint8_t got[48];

	(void)state;
	digest_of("$TTL 60\n@ SOA NS root 7 2 3 4 5\n@ NS ns\nB.a 9 MX 5 C\nb.A 9 MX 5 a\n", got);
	assert_memory_equal(got, want, sizeof(want));
}

static void content_alone_counts(void **state)
{
	(void)state;
	assert_true(same(HEAD "a MX 1 B\nc TXT C\n", "$TTL 60\nC TXT C\nA MX 1 b\n@ NS NS\n@ SOA ns root 9 2 3 4 5\n"));
	assert_false(same(HEAD "c TXT C\n", HEAD "c TXT c\n")); /* TXT is no name */
	assert_false(same(HEAD "c TXT C\n", HEAD "c 61 TXT C\n"));
	assert_false(same(HEAD "c TXT C\n", HEAD "d TXT C\n"));
	assert_false(same(HEAD "c TXT C\n", HEAD "c SPF C\n"));
	assert_false(same(HEAD "c TXT C\n", HEAD "c TXT C\nc TXT D\n"));
	assert_false(same(HEAD "a TXT A\nb TXT B\n", HEAD "a TXT B\nb TXT A\n"));
	assert_false(same(HEAD, "$TTL 60\n@ SOA ns root 1 2 3 4 6\n@ NS ns\n"));
}

/* From one zone to another by the owners that differ, without the rest. */
static void owners_go_out_and_come_in(void **state)
{
	static const char *const text[2] = { HEAD "a MX 1 B\nsame TXT x\nc TXT C\n", HEAD "same TXT x\nc TXT C\nc TXT D\nd A 1.2.3.4\n" };
	struct zone *z[2] = { read_text(text[0]), read_text(text[1]) };
	struct zone_summer *s = zone_summer_new(NULL);
	struct zone_sum sum = z[0]->sum, none = { .lane = { 0 } };
	uint8_t digest[48];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct zone_cursor *c = NULL;
		struct zone_owner o;

		assert_int_equal(zone_cursor_open(z[i], &c, NULL), 0);
		while (zone_cursor_next(c, &o, NULL) == 1) {
			if (o.name[0] != 1) /* the apex and same.example. */
				continue;
			if (i == 0)
				zone_sum_sub(&sum, s, &o);
			else
				zone_sum_add(&sum, s, &o);
		}
		zone_cursor_close(c);
	}
	zone_sum_digest(&sum, digest);
	assert_memory_equal(digest, z[1]->digest, 48);
	zone_sum_join(&none, &sum);
	assert_memory_equal(&none, &z[1]->sum, sizeof(none));
	zone_summer_free(s);
	zone_free(z[0]);
	zone_free(z[1]);
}

/* An owner whose records do not fit the buffer, with one that alone does not, and its last octet. */
static void large_owners_count_whole(void **state)
{
	char *text[2] = { mem_new(1, 60000), mem_new(1, 60000) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *p = text[i] + sprintf(text[i], HEAD "a TXT");

		for (int k = 0; k < 60; k++)
			p += sprintf(p, " \"%0250d\"", k);
		for (int k = 0; k < 100; k++)
			p += sprintf(p, "\na MX %d some.long.name.for.a.mail.server.example.net.", k);
		sprintf(p, "\na TYPE65280 \\# 2 00%02x\n", i);
	}
	assert_true(same(text[0], text[0]));
	assert_false(same(text[0], text[1]));
	strstr(text[1], "\\# 2 0001")[8] = '0';
	assert_true(same(text[0], text[1]));
	strstr(text[1], "59\"")[0] = '6'; /* within the TXT of 15,000 octets */
	assert_false(same(text[0], text[1]));
	free(text[0]);
	free(text[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_is_as_described),
		cmocka_unit_test(content_alone_counts),
		cmocka_unit_test(owners_go_out_and_come_in),
		cmocka_unit_test(large_owners_count_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
