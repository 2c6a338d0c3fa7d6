/* SPDX-License-Identifier: BSD-3-Clause */
#include "dname/dname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t *name(const char *text)
{
	static uint8_t names[8][DNAME_MAX];
	static unsigned next;
	uint8_t *out = names[next++ % 8];

	assert_int_equal(dname_from_text(text, out, NULL), 0);
	return out;
}

/* RFC 4034 section 6.1, the names as they stand there */
static const char *const canonical_order[] = {
	"example",       "a.example",       "yljkjljk.a.example", "Z.a.example",    "zABC.a.EXAMPLE",
	"z.example",     "\\001.z.example", "*.z.example",        "\\200.z.example",
};

static int key_cmp(const uint8_t *a, const uint8_t *b)
{
	uint8_t ak[DNAME_KEY_MAX], bk[DNAME_KEY_MAX];
	size_t an = dname_key(a, ak), bn = dname_key(b, bk);
	int d = memcmp(ak, bk, an < bn ? an : bn);

	return d != 0 ? d : (an > bn) - (an < bn);
}

static void order_is_that_of_rfc4034(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(canonical_order); i++) {
		for (size_t k = 0; k < COUNT(canonical_order); k++) {
			const uint8_t *a = name(canonical_order[i]), *b = name(canonical_order[k]);
			int want = (i > k) - (i < k), by_name = dname_cmp(a, b), by_key = key_cmp(a, b);

			assert_int_equal((by_name > 0) - (by_name < 0), want);
			assert_int_equal((by_key > 0) - (by_key < 0), want);
			assert_int_equal(dname_equal(a, b), want == 0);
		}
	}
}

/* Octets 0 and 1, and a label that begins another, are where a sort key goes wrong. */
static void keys_order_hard_names(void **state)
{
	static const char *const names[] = {
		".", "\\000", "\\000.\\000", "\\001.\\000", "\\000\\000", "\\000\\001", "\\001", "\\000.\\001", "\\001\\000",
		"\\002", "a", "a.a", "a\\000", "a\\000.a\\000", "a\\001", "ab", "b", "z", "\\255",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t k = 0; k < COUNT(names); k++) {
			int d = dname_cmp(name(names[i]), name(names[k])), e = key_cmp(name(names[i]), name(names[k]));

			assert_int_equal((d > 0) - (d < 0), (i > k) - (i < k));
			assert_int_equal((e > 0) - (e < 0), (i > k) - (i < k));
		}
	}
}

static void text_has_escapes(void **state)
{
	static const struct { const char *text, *wire; size_t len; } good[] = {
		{ ".", "", 1 },
		{ "a", "\1a", 3 },
		{ "a.", "\1a", 3 },
		{ "a\\.b.c.", "\3a.b\1c", 7 },
		{ "\\097\\\\.", "\2a\\", 4 },
		{ "\\000.", "\1\0", 3 },
		{ "*.X", "\1*\1X", 5 },
	};
	static const char *const bad[] = { "", "..", ".a", "a..b", "a..", "\\", "a\\", "\\25", "\\256", "\\2x5",
		"0123456789012345678901234567890123456789012345678901234567890123" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		uint8_t out[DNAME_MAX];
		struct err e;

		assert_int_equal(dname_from_text(good[i].text, out, &e), 0);
		assert_int_equal(dname_len(out), good[i].len);
		assert_memory_equal(out, good[i].wire, good[i].len);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t out[DNAME_MAX];
		struct err e = { .code = ERR_NONE };

		assert_int_equal(dname_from_text(bad[i], out, &e), -1);
		assert_int_equal(e.code, ERR_SYNTAX);
	}
}

static void any_octets_survive_text(void **state)
{
	uint8_t all[DNAME_MAX], again[DNAME_MAX];
	char text[DNAME_TEXT_MAX];

	(void)state;
	for (unsigned first = 0; first < 256; first += 60) {
		all[0] = 60;
		for (unsigned i = 0; i < 60; i++)
			all[1 + i] = (uint8_t)(first + i);
		all[61] = 0;
		assert_int_equal(dname_from_text(dname_to_text(all, text), again, NULL), 0);
		assert_memory_equal(all, again, 62);
	}
}

/* 255 octets are a name, 256 are not (RFC 1035 section 2.3.4); 127 labels fit. */
static void longest_names(void **state)
{
	char text[1200];
	uint8_t out[DNAME_MAX], key[DNAME_KEY_MAX];
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 127; i++) {
		memcpy(text + at, "a.", 3);
		at += 2;
	}
	assert_int_equal(dname_from_text(text, out, NULL), 0);
	assert_int_equal(dname_len(out), 255);
	assert_int_equal(dname_labels(out), 127);
	assert_int_equal(dname_key(out, key), 254);
	memcpy(text + at, "a", 2);
	assert_int_equal(dname_from_text(text, out, NULL), -1);
	memcpy(text + at - 2, "aa", 3);
	assert_int_equal(dname_from_text(text, out, NULL), -1);
	at = 0;
	for (int i = 0; i < 3; i++, at += 253)	/* three labels of 63 octets 0, as text */
		for (int k = 0; k < 63; k++)
			memcpy(text + at + 4 * (size_t)k, "\\000.", 6);
	memcpy(text + at, "b", 2);
	assert_int_equal(dname_from_text(text, out, NULL), 0);
	assert_int_equal(dname_key(out, key), 2 + 3 * (2 * 63 + 1));
	assert_int_equal(dname_from_text_at("x", 1, out, key, NULL), 0);
}

static void parts_of_names(void **state)
{
	(void)state;
	assert_int_equal(dname_labels(name(".")), 0);
	assert_int_equal(dname_labels(name("example.org")), 2);
	assert_true(dname_equal(dname_parent(name("a.Example.org")), name("example.ORG")));
	assert_true(dname_equal(dname_suffix(name("a.b.c"), 1), name("c")));
	assert_true(dname_equal(dname_suffix(name("a.b.c"), 0), name(".")));
	assert_true(dname_is_wildcard(name("*.a")));
	assert_true(dname_is_wildcard(name("\\042.a")));
	assert_false(dname_is_wildcard(name("**.a")));
	assert_false(dname_is_wildcard(name("a.*")));
	assert_true(dname_is_within(name("a.B.c"), name("b.C")));
	assert_true(dname_is_within(name("b.c"), name("b.c")));
	assert_true(dname_is_within(name("b.c"), name(".")));
	assert_false(dname_is_within(name("ab.c"), name("b.c")));
	assert_false(dname_is_within(name("c"), name("b.c")));
}

static void foreign_names_are_bounded(void **state)
{
	static const struct { const char *octets; size_t len, at, want; } cases[] = {
		{ "\1a\0", 3, 0, 3 },
		{ "\1a", 2, 0, 0 },                 /* cut short */
		{ "\100a\0", 3, 0, 0 },             /* extended label type */
		{ "\1a\0\1b\300\0", 7, 3, 5 },      /* a pointer back */
		{ "\300\0", 2, 0, 0 },              /* to itself */
		{ "\300\2\1a\0", 5, 0, 0 },         /* forward */
		{ "\1a\300\0", 4, 0, 0 },           /* into its own beginning */
		{ "\1a\300\0\300\2", 6, 4, 0 },     /* a loop of two */
		{ "\1a\0\300", 4, 3, 0 },           /* half a pointer */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rd r = rd_of(cases[i].octets, cases[i].len);
		uint8_t out[DNAME_MAX];

		r.at = cases[i].at;
		assert_int_equal(dname_read_compressed(&r, out), cases[i].want);
		assert_int_equal(r.bad, cases[i].want == 0);
		if (cases[i].want > 0)
			assert_int_equal(r.at, cases[i].len);
	}
	for (size_t i = 0; i < 3; i++) {
		struct rd r = rd_of(cases[i].octets, cases[i].len);

		assert_int_equal(dname_read(&r) != NULL, cases[i].want != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_that_of_rfc4034),
		cmocka_unit_test(keys_order_hard_names),
		cmocka_unit_test(text_has_escapes),
		cmocka_unit_test(any_octets_survive_text),
		cmocka_unit_test(longest_names),
		cmocka_unit_test(parts_of_names),
		cmocka_unit_test(foreign_names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
