/* SPDX-License-Identifier: BSD-3-Clause */
/* name: the order of keys is canonical order, and a key gives its name back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "audit/name.h"

static size_t key_of(const char *text, uint8_t key[NAME_KEY_MAX])
{
	uint8_t wire[NAME_MAX_OCTETS];
	struct err e;

	assert_true(name_from_text(text, wire, &e) > 0);
	return name_key(wire, key);
}

/* RFC 4034 section 6.1, its own example, and labels with octets 0 to 2. */
static const char *const ordered[] = {
	".",
	"example.",
	"a.example.",
	"yljkjljk.a.example.",
	"Z.a.example.",
	"zABC.a.EXAMPLE.",
	"z.example.",
	"\\000.z.example.",
	"\\000\\000.z.example.",
	"a.\\000\\000.z.example.",
	"\\000\\001.z.example.",
	"\\000a.z.example.",
	"\\001.z.example.",
	"\\001\\000.z.example.",
	"\\001\\001.z.example.",
	"\\001\\002.z.example.",
	"\\002.z.example.",
	"*.z.example.",
	"\\200.z.example.",
};

static void keys_are_in_canonical_order(void **state)
{
	uint8_t a[NAME_KEY_MAX], b[NAME_KEY_MAX];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(ordered) / sizeof(ordered[0]); i++) {
		size_t a_len = key_of(ordered[i], a), b_len = key_of(ordered[i + 1], b);

		assert_true(memcmp(a, b, a_len < b_len ? a_len : b_len) < 0);
	}
}

static void a_key_gives_its_name_back(void **state)
{
	uint8_t wire[NAME_MAX_OCTETS], back[NAME_MAX_OCTETS], key[NAME_KEY_MAX];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++) {
		size_t len = name_from_text(ordered[i], wire, &e);

		name_lower(wire, len);
		assert_int_equal(name_from_key(key, name_key(wire, key), back), len);
		assert_memory_equal(wire, back, len);
	}
	/* A name of 255 octets: 0, 1 and 2 in every place. */
	for (size_t i = 0, at = 0; i < 127; i++) {
		wire[at++] = 1;
		wire[at++] = (uint8_t)(i % 3);
	}
	wire[254] = 0;
	assert_int_equal(name_from_key(key, name_key(wire, key), back), 255);
	assert_memory_equal(wire, back, 255);
}

static void at_or_below_is_by_labels(void **state)
{
	uint8_t zone[NAME_KEY_MAX], other[NAME_KEY_MAX];
	size_t len = key_of("example.", zone);

	(void)state;
	assert_true(name_at_or_below(other, key_of("EXAMPLE.", other), zone, len));
	assert_true(name_at_or_below(other, key_of("a.b.example.", other), zone, len));
	assert_false(name_at_or_below(other, key_of("examples.", other), zone, len));
	assert_false(name_at_or_below(other, key_of("a.exampl.", other), zone, len));
	assert_false(name_at_or_below(other, key_of(".", other), zone, len));
	len = key_of(".", zone);
	assert_true(name_at_or_below(other, key_of("a.", other), zone, len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_in_canonical_order),
		cmocka_unit_test(a_key_gives_its_name_back),
		cmocka_unit_test(at_or_below_is_by_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
