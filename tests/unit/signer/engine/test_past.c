/* SPDX-License-Identifier: BSD-3-Clause */
/* Versions that explain what a secondary shows, and how they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signer/engine/past.h"

static struct past_version version(uint32_t serial, uint8_t id, uint64_t content)
{
	struct past_version v = { .serial = serial, .earliest = 1000 + serial, .content = { .epoch = 1, .number = content } };

	memset(v.id, id, sizeof(v.id));
	memset(v.content.digest, (int)content, sizeof(v.content.digest));
	return v;
}

static void the_oldest_makes_room(void **state)
{
	struct past p = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= PAST_MAX + 3; i++) {
		struct past_version v = version(i, (uint8_t)i, i);

		past_add(&p, &v);
	}
	assert_int_equal(p.n, PAST_MAX);
	for (uint32_t i = 1; i <= PAST_MAX + 3; i++)
		assert_int_equal(past_find(&p, i, NULL) != NULL, i > 3);
	past_fini(&p);
}

static void a_version_is_known_by_serial_and_id(void **state)
{
	const struct past_version a = version(5, 'a', 1), b = version(5, 'b', 2);
	struct past p = { 0 };

	(void)state;
	past_add(&p, &a);
	assert_null(past_find(&p, 5, b.id));
	assert_null(past_find(&p, 6, a.id));
	past_add(&p, &b);
	assert_int_equal(past_find(&p, 5, a.id)->content.number, 1);
	assert_int_equal(past_find(&p, 5, b.id)->content.number, 2);
	assert_int_equal(past_find(&p, 5, NULL)->content.number, 2); /* the newest */
	past_fini(&p);
}

static void the_same_version_is_replaced(void **state)
{
	struct past_version v = version(5, 'a', 1);
	struct past p = { 0 };

	(void)state;
	past_add(&p, &v);
	v.content.number = 9;
	past_add(&p, &v);
	assert_int_equal(p.n, 1);
	assert_int_equal(past_find(&p, 5, v.id)->content.number, 9);
	past_fini(&p);
}

static void what_is_kept_is_read_back(void **state)
{
	struct past p = { 0 }, q = { 0 };
	char *text = past_text(&p);
	json_t *j;

	(void)state;
	assert_string_equal(text, "[]");
	free(text);
	for (uint32_t i = 1; i <= PAST_MAX + 1; i++) {
		struct past_version v = version(i, (uint8_t)i, i);

		v.content.steps = 7;
		v.earliest = i == 4 ? INT64_MAX : v.earliest;
		past_add(&p, &v);
	}
	text = past_text(&p);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(j), PAST_MAX);
	past_from_json(&q, j);
	json_decref(j);
	free(text);
	assert_int_equal(q.n, PAST_MAX);
	for (uint32_t i = 2; i <= PAST_MAX + 1; i++) {
		const struct past_version *a = past_find(&p, i, NULL), *b = past_find(&q, i, NULL);

		assert_memory_equal(a->id, b->id, sizeof(a->id));
		assert_int_equal(a->earliest, b->earliest);
		assert_int_equal(content_cmp_steps(&a->content, &b->content), 0);
	}
	past_fini(&p);
	p = past_copy(&q);
	past_fini(&q);
	assert_int_equal(past_find(&p, PAST_MAX + 1, NULL)->content.steps, 7);
	past_fini(&p);
}

static void nonsense_is_left_out(void **state)
{
	static const char *const texts[] = {
		"[]", "{}", "[1,null,\"x\"]", "[{\"serial\":0,\"id\":\"00\"}]", "[{\"serial\":5}]", "[{\"serial\":5,\"id\":\"zz\"}]",
		"[{\"serial\":5,\"id\":7,\"digest\":[]}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct past p = { 0 };
		json_t *j = json_loads(texts[i], JSON_DECODE_ANY, NULL);

		assert_non_null(j);
		past_from_json(&p, j);
		assert_int_equal(p.n, 0);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(a_version_is_known_by_serial_and_id),
		cmocka_unit_test(the_same_version_is_replaced),
		cmocka_unit_test(what_is_kept_is_read_back),
		cmocka_unit_test(nonsense_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
