/* SPDX-License-Identifier: BSD-3-Clause */
/* Of a page, the records that its neighbours are held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena/arena.h"
#include "audit/borders.h"
#include "audit/name.h"
#include "store/page.h"

struct made {
	struct page_build *build;
	const uint8_t *m;
	size_t len;
	size_t at[32], n; /* where each record begins, and the end */
};

/* A page of one A record for each of these names; two where it begins with a star. */
static void page_of(struct made *p, const char *const *name)
{
	struct err e;

	*p = (struct made){ .build = page_build_new() };
	for (p->at[0] = 12; *name != NULL; name++) {
		const unsigned times = **name == '2' ? 2 : 1;
		uint8_t wire[NAME_MAX_OCTETS];

		assert_int_not_equal(name_from_text(*name + (times - 1), wire, &e), 0);
		for (unsigned i = 0; i < times; i++) {
			const uint8_t address[4] = { 192, 0, 2, (uint8_t)i };
			const struct rr rr = { .owner = wire, .type = TYPE_A, .ttl = 300, .rdata = address, .rdlen = 4 };

			assert_int_equal(page_build_add(p->build, &rr, &e), 0);
			p->m = page_build_octets(p->build, &p->len);
			p->at[++p->n] = p->len - 2;
		}
	}
	p->m += 2;
	p->len -= 2;
}

/* Records `from` to `to` - 1 are left out; none where these are the same. */
static void check(const char *const *names, size_t from, size_t to)
{
	struct stretch s[2];
	struct made p;

	page_of(&p, names);
	assert_int_equal(borders_find(p.m, p.len, 1, s), from == to ? 1 : 2);
	assert_int_equal(s[0].from, 12);
	assert_int_equal(s[0].to, from == to ? p.len : p.at[from]);
	if (from != to) {
		assert_int_equal(s[1].from, p.at[to]);
		assert_int_equal(s[1].to, p.len);
	}
	page_build_free(p.build);
}

static void what_shares_a_label_below_the_apex_with_a_border_stays(void **state)
{
	(void)state;
	check((const char *const[]){ "a.example", "b.example", "c.example", "d.example", NULL }, 2, 3);
	check((const char *const[]){ "example", "a.example", "b.example", "c.example", NULL }, 2, 3);
	check((const char *const[]){ "a.example", "x.a.example", "y.x.a.example", "b.example", "c.example", "d.example", NULL }, 4, 5);
	check((const char *const[]){ "a.example", "b.example", "c.example", "d.example", "X.D.example", "y.x.d.example", NULL }, 2, 3);
}

static void the_second_name_stays_whole(void **state)
{
	(void)state;
	check((const char *const[]){ "a.example", "2b.example", "c.example", "d.example", NULL }, 3, 4);
	check((const char *const[]){ "2a.example", "2x.b.example", "2c.example", "2d.example", NULL }, 4, 6);
	check((const char *const[]){ "a.example", "b.example", "x.b.example", "c.example", NULL }, 2, 3);
}

static void nothing_is_left_out_of_few(void **state)
{
	(void)state;
	check((const char *const[]){ "a.example", NULL }, 0, 0);
	check((const char *const[]){ "a.example", "b.example", "c.example", NULL }, 0, 0);
	check((const char *const[]){ "x.a.example", "y.a.example", "z.a.example", "zz.a.example", NULL }, 0, 0);
	check((const char *const[]){ "a.example", "b.example", "x.c.example", "y.c.example", NULL }, 0, 0);
}

static void what_cannot_be_read_is_whole(void **state)
{
	const char *const names[] = { "a.example", "b.example", "c.example", "d.example", "e.example", NULL };
	struct stretch s[2];
	struct made p;
	uint8_t *copy;

	(void)state;
	page_of(&p, names);
	copy = mem_new(1, p.len + 1);
	for (size_t len = 0; len < p.len; len++) {
		uint8_t *exact = mem_dup(p.m, len);	/* so that a sanitizer sees what is read behind it */

		assert_int_equal(borders_find(exact, len, 1, s), 1);
		assert_int_equal(s[0].to, len);
		free(exact);
	}
	memcpy(copy, p.m, p.len);
	assert_int_equal(borders_find(copy, p.len + 1, 1, s), 1);
	copy[5] = 1; /* a question */
	assert_int_equal(borders_find(copy, p.len, 1, s), 1);
	copy[5] = 0;
	copy[p.at[4]] = 0xc0; /* an owner that points to itself */
	copy[p.at[4] + 1] = (uint8_t)p.at[4];
	borders_find(copy, p.len, 1, s);
	free(copy);
	page_build_free(p.build);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_shares_a_label_below_the_apex_with_a_border_stays),
		cmocka_unit_test(the_second_name_stays_whole),
		cmocka_unit_test(nothing_is_left_out_of_few),
		cmocka_unit_test(what_cannot_be_read_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
