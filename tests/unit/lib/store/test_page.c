/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <ldns/ldns.h>

#include "store/page.h"

#include "gen.h"

#define RECORDS_MAX 2000

struct expected {
	struct rr rr[RECORDS_MAX];
	size_t n;
	size_t seen;
};

static int compare(void *ctx, const struct rr *rr)
{
	struct expected *x = ctx;
	const struct rr *want = &x->rr[x->seen];

	assert_true(x->seen < x->n);
	/* Case is kept, so octet by octet. */
	assert_int_equal(dname_len(rr->owner), dname_len(want->owner));
	assert_memory_equal(rr->owner, want->owner, dname_len(want->owner));
	assert_int_equal(rr->type, want->type);
	assert_int_equal(rr->ttl, want->ttl);
	assert_int_equal(rr->rdlen, want->rdlen);
	assert_memory_equal(rr->rdata, want->rdata, want->rdlen);
	x->seen++;
	return 0;
}

static void reads_back_as(const uint8_t *page, size_t len, struct expected *x)
{
	struct err e;

	x->seen = 0;
	assert_int_equal(page_walk(page, len, compare, x, &e), 0);
	assert_int_equal(x->seen, x->n);
}

/* What other software finds in the message. */
static void ldns_reads_as(const uint8_t *page, size_t len, const struct expected *x)
{
	ldns_pkt *pkt = NULL;

	assert_int_equal(ldns_wire2pkt(&pkt, page + 2, len - 2), LDNS_STATUS_OK);
	assert_int_equal(ldns_pkt_ancount(pkt), x->n);
	assert_int_equal(ldns_rr_list_rr_count(ldns_pkt_answer(pkt)), x->n);
	for (size_t i = 0; i < x->n; i++) {
		uint8_t *wire = NULL, mine[PAGE_OCTETS_MAX + 300];
		size_t wire_len = 0;
		struct wr w = wr_of(mine, sizeof(mine));

		rr_write(&w, &x->rr[i]);
		assert_int_equal(ldns_rr2wire(&wire, ldns_rr_list_rr(ldns_pkt_answer(pkt), i),
					      LDNS_SECTION_ANSWER, &wire_len),
				 LDNS_STATUS_OK);
		assert_int_equal(wire_len, w.at);
		assert_memory_equal(wire, mine, wire_len);
		free(wire);
	}
	ldns_pkt_free(pkt);
}

static void random_records_come_back_exactly(void **state)
{
	struct page_build *b = page_build_new();

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct gen g = { .state = seed, .arena = arena_new() };
		struct expected *x = mem_new(1, sizeof(*x));
		const uint8_t *page, *owner = NULL;
		unsigned refused = 0;
		size_t len;

		page_build_reset(b);
		/* Go on after the first that does not fit: what it left behind would show. */
		while (refused < 40 && x->n < RECORDS_MAX) {
			struct rr rr;
			int rc;

			if (owner == NULL || gen_below(&g, 3) == 0)
				owner = gen_name(&g);
			rr = gen_rr(&g, owner);
			rc = page_build_add(b, &rr, NULL);
			assert_in_range(rc, 0, 1);
			if (rc == 0)
				x->rr[x->n++] = rr;
			else
				refused++;
			assert_int_equal(page_build_count(b), x->n);
		}
		page = page_build_octets(b, &len);
		assert_in_range(len, PAGE_MSG_MAX - 4000, PAGE_MSG_MAX + 2);
		reads_back_as(page, len, x);
		ldns_reads_as(page, len, x);
		free(x);
		arena_free(g.arena);
	}
	page_build_free(b);
}

static struct rr record(const uint8_t *owner, uint16_t type, const void *rdata, size_t len)
{
	return (struct rr){ .owner = owner, .type = type, .ttl = 60, .rdata = rdata, .rdlen = (uint16_t)len };
}

/* Octets of the message after each of the records is added. */
static void sizes(const struct rr *rr, size_t n, size_t *out)
{
	struct page_build *b = page_build_new();

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(page_build_add(b, &rr[i], NULL), 0);
		page_build_octets(b, &out[i]);
		out[i] -= 2;
	}
	page_build_free(b);
}

#define NAME(s) ((const uint8_t *)(s))

static void names_are_compressed_where_case_is_the_same(void **state)
{
	const uint8_t a[4] = { 192, 0, 2, 1 };
	const struct rr rr[] = {
		record(NAME("\x03www\x07"
			    "example\x03org"),
		       TYPE_A, a, 4),
		record(NAME("\x03www\x07"
			    "example\x03org"),
		       TYPE_A, a, 4), /* a pointer */
		record(NAME("\x03"
			    "ftp\x07"
			    "example\x03org"),
		       TYPE_A, a, 4), /* a label and a pointer */
		record(NAME("\x03WWW\x07"
			    "example\x03org"),
		       TYPE_A, a, 4), /* the same */
		record(NAME("\x03www\x07"
			    "Example\x03org"),
		       TYPE_A, a, 4), /* two labels and a pointer to org. */
		record(NAME("\x03www\x07"
			    "example\x03ORG"),
		       TYPE_A, a, 4),                  /* nothing in common */
		record(NAME("\x03org"), TYPE_A, a, 4), /* a pointer */
		record(NAME(""), TYPE_A, a, 4),        /* the root is shorter than a pointer */
	};
	static const size_t add[] = { 17, 2, 6, 6, 14, 17, 2, 1 };
	size_t got[8], sum = 12;

	(void)state;
	sizes(rr, 8, got);
	for (size_t i = 0; i < 8; i++) {
		sum += add[i] + 14;
		assert_int_equal(got[i], sum);
	}
}

static void rdata_names_are_compressed_for_the_types_of_rfc_1035_only(void **state)
{
	static const struct {
		uint16_t type;
		const char *rdata;
		size_t len, compressed;
	} cases[] = {
		{ TYPE_NS,
		  "\x03ns1\x07"
		  "example\x03org",
		  17, 6 },
		{ TYPE_CNAME,
		  "\x07"
		  "example\x03org",
		  13, 2 },
		{ TYPE_PTR,
		  "\x07"
		  "Example\x03org",
		  13, 10 },
		{ TYPE_MX,
		  "\0\x0a\x07"
		  "example\x03org",
		  15, 4 },
		{ TYPE_SOA,
		  "\x01m\x07"
		  "example\x03org\0\x01h\x07"
		  "example\x03org\0"
		  "12345678901234567890",
		  50, 28 },
		{ TYPE_DNAME,
		  "\x07"
		  "example\x03org",
		  13, 13 },
		{ 33,
		  "\0\1\0\1\0\1\x07"
		  "example\x03org",
		  19, 19 }, /* SRV */
		{ TYPE_NSEC,
		  "\x07"
		  "example\x03org\0\0\1\x40",
		  16, 16 },
		{ 18,
		  "\0\1\x07"
		  "example\x03org",
		  15, 15 }, /* AFSDB */
		{ 17,
		  "\x07"
		  "example\x03org\0\x07"
		  "example\x03org",
		  26, 26 }, /* RP */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rr rr = record(NAME("\x07"
						 "example\x03org"),
					    cases[i].type, cases[i].rdata, cases[i].len);
		struct expected x = { .rr = { rr }, .n = 1 };
		struct page_build *b = page_build_new();
		const uint8_t *page;
		size_t got;

		assert_int_equal(rdata_check(rr.type, rr.rdata, rr.rdlen, NULL), 0);
		sizes(&rr, 1, &got);
		assert_int_equal(got, 12 + 13 + 10 + cases[i].compressed);
		assert_int_equal(page_build_add(b, &rr, NULL), 0);
		page = page_build_octets(b, &got);
		reads_back_as(page, got, &x);
		page_build_free(b);
	}
}

static void large_record_has_a_page_of_its_own(void **state)
{
	const uint8_t owner[] = "\x07"
				"example\x03org";
	uint8_t *rdata = mem_new(1, 65535);
	struct expected *x = mem_new(1, sizeof(*x));
	struct page_build *b = page_build_new();
	const uint8_t a[4] = { 192, 0, 2, 1 };
	struct rr small = record(owner, TYPE_A, a, 4), large = record(owner, 65280, rdata, 0);
	const uint8_t *page;
	struct err e;
	size_t len;

	(void)state;
	/* 12 header, 13 owner, 10 fixed: the largest that fits a full page, one more, the largest at all */
	large.rdlen = PAGE_MSG_MAX - 35;
	assert_int_equal(page_build_add(b, &large, &e), 0);
	page_build_octets(b, &len);
	assert_int_equal(len, 2 + PAGE_MSG_MAX);
	assert_int_equal(page_build_add(b, &small, &e), 1);

	page_build_reset(b);
	assert_int_equal(page_build_add(b, &small, &e), 0);
	large.rdlen = PAGE_MSG_LIMIT - 35;
	assert_int_equal(page_build_add(b, &large, &e), 1);
	page_build_reset(b);
	assert_int_equal(page_build_add(b, &large, &e), 0);
	assert_int_equal(page_build_add(b, &small, &e), 1);
	page = page_build_octets(b, &len);
	assert_int_equal(len, 2 + PAGE_MSG_LIMIT);
	x->rr[0] = large;
	x->n = 1;
	reads_back_as(page, len, x);
	ldns_reads_as(page, len, x);

	large.rdlen++;
	page_build_reset(b);
	assert_int_equal(page_build_add(b, &large, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_non_null(strstr(e.text, "example.org. TYPE65280"));
	/* Refused is refused, whatever is in the page. */
	assert_int_equal(page_build_add(b, &small, &e), 0);
	assert_int_equal(page_build_add(b, &large, &e), -1);
	page_build_free(b);
	free(x);
	free(rdata);
}

static int count(void *ctx, const struct rr *rr)
{
	size_t *n = ctx;

	assert_true(dname_len(rr->owner) <= DNAME_MAX);
	++*n;
	return 0;
}

static int stop_at_third(void *ctx, const struct rr *rr)
{
	size_t *n = ctx;

	(void)rr;
	return ++*n == 3 ? 7 : 0;
}

static size_t some_page(struct page_build *b, struct gen *g, uint8_t *out)
{
	const uint8_t *page;
	size_t len;

	page_build_reset(b);
	for (unsigned i = 0; i < 40; i++) {
		struct rr rr = gen_rr(g, gen_name(g));

		assert_int_equal(page_build_add(b, &rr, NULL), 0);
	}
	page = page_build_octets(b, &len);
	memcpy(out, page, len);
	return len;
}

static void walk_ends_when_told(void **state)
{
	struct gen g = { .state = 5, .arena = arena_new() };
	struct page_build *b = page_build_new();
	uint8_t page[2 + PAGE_MSG_MAX];
	size_t len = some_page(b, &g, page), n = 0;

	(void)state;
	assert_int_equal(page_walk(page, len, stop_at_third, &n, NULL), 7);
	assert_int_equal(n, 3);
	page_build_free(b);
	arena_free(g.arena);
}

static void every_truncation_is_damage(void **state)
{
	struct gen g = { .state = 6, .arena = arena_new() };
	struct page_build *b = page_build_new();
	uint8_t page[2 + PAGE_MSG_MAX];
	size_t len = some_page(b, &g, page), n;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = mem_dup(page, cut); /* so that reading behind it is seen */
		struct err e = { 0 };

		if (cut >= 2) {
			exact[0] = (uint8_t)((cut - 2) >> 8);
			exact[1] = (uint8_t)(cut - 2);
		}
		assert_int_equal(page_walk(exact, cut, count, &n, &e), -1);
		assert_int_equal(e.code, ERR_DAMAGE);
		free(exact);
	}
	page_build_free(b);
	arena_free(g.arena);
}

static void changed_octets_never_harm(void **state)
{
	struct gen g = { .state = 7, .arena = arena_new() };
	struct page_build *b = page_build_new();
	uint8_t page[2 + PAGE_MSG_MAX];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = i % 100 == 0 ? some_page(b, &g, page) : ((size_t)page[0] << 8 | page[1]) + 2,
		       n = 0;
		uint8_t *copy = mem_dup(page, len);

		for (unsigned k = gen_below(&g, 4) + 1; k > 0; k--)
			copy[2 + gen_below(&g, (uint32_t)len - 2)] = (uint8_t)gen_below(&g, 256);
		page_walk(copy, len, count, &n, NULL);
		free(copy);
	}
	page_build_free(b);
	arena_free(g.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_records_come_back_exactly),
		cmocka_unit_test(names_are_compressed_where_case_is_the_same),
		cmocka_unit_test(rdata_names_are_compressed_for_the_types_of_rfc_1035_only),
		cmocka_unit_test(large_record_has_a_page_of_its_own),
		cmocka_unit_test(walk_ends_when_told),
		cmocka_unit_test(every_truncation_is_damage),
		cmocka_unit_test(changed_octets_never_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
