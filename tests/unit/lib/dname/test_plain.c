/* SPDX-License-Identifier: BSD-3-Clause */
/* What plain.h does with SSE2 and what it does without. */
#include "dname/plain.h"

/* Once more, under other names, as on processors that have no SSE2. */
#undef DUET_PLAIN_H
#undef PLAIN_PAD
#undef __SSE2__
#define plain_is_blank portable_is_blank
#define plain_is_end   portable_is_end
#define plain_skip     portable_skip
#define plain_stops    portable_stops
#define plain_equals   portable_equals
#define plain_blanks   portable_blanks
#define plain_is_same  portable_is_same
#define plain_odd      portable_odd
#define plain_copy     portable_copy
#define plain_hex16    portable_hex16
#define plain_lower    portable_lower
#define plain_len      portable_len
#include "dname/plain.h"
#undef plain_skip
#undef plain_stops
#undef plain_equals
#undef plain_blanks
#undef plain_is_same
#undef plain_odd
#undef plain_hex16
#undef plain_lower
#undef plain_len

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static uint64_t seed = 1;

static unsigned chance(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

/* Octets of an alphabet, so that what counts is met often and late. */
static void fill(char *p, size_t len)
{
	static const char *const alphabets[] = { "abcXYZ019.", "0123456789abcdefABCDEF", "09afAF/:@G`g", "a \t\r\n;\\\"()\1\177" };
	unsigned kind = chance(5);

	for (size_t i = 0; i < len; i++) {
		p[i] = (char)chance(256);
		if (kind < 4)
			p[i] = alphabets[kind][chance((unsigned)strlen(alphabets[kind]))];
	}
}

static void both_ways_give_the_same(void **state)
{
	char p[64 + PLAIN_PAD], q[64 + PLAIN_PAD], digits[17];
	uint8_t a[16], b[16];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		fill(p, sizeof(p));
		memcpy(q, p, sizeof(q));
		q[chance(sizeof(q))] ^= (char)chance(2);
		p[60] = '\n';
		assert_int_equal(plain_stops(p), portable_stops(p));
		assert_int_equal(plain_equals(p, '.'), portable_equals(p, '.'));
		assert_int_equal(plain_blanks(p), portable_blanks(p));
		assert_int_equal(plain_odd(p), portable_odd(p));
		assert_int_equal(plain_len(p), portable_len(p));
		assert_ptr_equal(plain_skip(p), portable_skip(p));
		for (size_t len = 0; len <= 64; len += 1 + len / 8)
			assert_int_equal(plain_is_same(p, q, len), portable_is_same(p, q, len));
		assert_int_equal(plain_lower((uint8_t *)p, a), portable_lower((uint8_t *)p, b));
		assert_memory_equal(a, b, 16);
		memcpy(digits, p, 16);
		digits[16] = '\0';
		assert_int_equal(plain_hex16(p, a), strspn(digits, "0123456789abcdefABCDEF") == 16);
		for (unsigned k = 0; plain_hex16(p, a) && k < 8; k++) {
			unsigned v;

			assert_int_equal(sscanf(p + 2 * k, "%2x", &v), 1);
			assert_int_equal(a[k], v);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_give_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
