/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages without what signing adds: what is left is as if it had never been there, in place, and pages may vanish. */
#include "signer/net/unsigned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arena/arena.h"
#include "dname/dname.h"
#include "store/page.h"

#define PAGES 40

struct pages {
	uint8_t *octets;
	size_t len, count;
};

static void put(struct page_build *b, const char *name, uint16_t type, size_t rdlen)
{
	uint8_t owner[DNAME_MAX], rdata[600] = { 0 };
	struct rr rr = { .owner = owner, .type = type, .ttl = 300, .rdata = rdata, .rdlen = (uint16_t)rdlen };
	struct err e;

	assert_int_equal(dname_from_text(name, owner, &e), 0);
	if (type == TYPE_TXT)
		rdata[0] = (uint8_t)(rdlen - 1);
	assert_int_equal(page_build_add(b, &rr, &e), 0);
}

static void take(struct pages *p, struct page_build *b)
{
	const uint8_t *octets;
	size_t len;

	if (page_build_count(b) == 0)
		return;
	octets = page_build_octets(b, &len);
	p->octets = mem_grow(p->octets, p->len + len, 1);
	memcpy(p->octets + p->len, octets, len);
	p->len += len;
	p->count++;
}

/* Names with a TXT; signed: each with an RRSIG in front of and behind it, whose owner later names point to; every third page is
 * but hashes, every fifth has nothing to be left out. */
static struct pages make(bool is_signed)
{
	struct page_build *b = page_build_new();
	struct pages p = { .octets = NULL };
	char name[80];

	for (int page = 0; page < PAGES; page++) {
		page_build_reset(b);
		for (int i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "host%d.page%d.example.", i, page);
			if (page % 3 == 0) {
				if (is_signed)
					put(b, name, TYPE_NSEC3PARAM, 5);
				continue;
			}
			if (is_signed && page % 5 != 0)
				put(b, name, TYPE_RRSIG, 100);
			put(b, name, TYPE_TXT, (size_t)(10 + i));
			if (is_signed && page % 5 != 0)
				put(b, name, TYPE_NSEC3PARAM, 5);
		}
		take(&p, b);
	}
	page_build_free(b);
	return p;
}

static void pages_are_as_if_never_signed(void **state)
{
	struct pages with = make(true), without = make(false);
	struct err e;
	size_t left;

	(void)state;
	assert_int_equal(with.count, PAGES);
	assert_true(without.count < PAGES && without.len < with.len);
	assert_int_equal(unsigned_pages(with.octets, with.count, &left, &e), 0);
	assert_int_equal(left, without.count);
	assert_memory_equal(with.octets, without.octets, without.len);
	/* Once more changes nothing. */
	assert_int_equal(unsigned_pages(with.octets, left, &left, &e), 0);
	assert_int_equal(left, without.count);
	assert_memory_equal(with.octets, without.octets, without.len);
	free(with.octets);
	free(without.octets);
}

static void what_is_no_page_is_refused(void **state)
{
	struct pages p = make(true);
	struct err e;
	size_t left;

	(void)state;
	memset(p.octets + 14, 0xc0, 4); /* a pointer to where nothing is */
	assert_int_equal(unsigned_pages(p.octets, p.count, &left, &e), -1);
	free(p.octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_as_if_never_signed),
		cmocka_unit_test(what_is_no_page_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
