/* SPDX-License-Identifier: BSD-3-Clause */
/* Page tables in net: what a difference may say, and what is let go of when. */
#include "signer/net/state.h"

#include "arena/arena.h"
#include "signer/netpages.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct net net;
static struct wr w;
static uint8_t octets[1 << 20];

static void begin(void)
{
	w = wr_of(octets, sizeof(octets));
}

/* A splice whose pages have the offsets first, first + 1, ... */
static void splice_of(uint32_t at, uint32_t removed, uint32_t added, uint32_t volume, uint64_t first)
{
	netpages_put_splice(&w, &(struct netpages_splice){ .at = at, .removed = removed, .added = added });
	for (uint32_t i = 0; i < added; i++)
		netpages_put_page(&w, &(struct netpages_page){
			.offset = first + i, .xxh = ~(first + i), .volume = volume, .len = 20 });
}

static struct pages *made(const struct pages *old, size_t count)
{
	struct err e = { 0 };
	struct pages *p = pages_splice(&net, old, octets, w.at, count, &e);

	assert_false(w.bad);
	if (p == NULL)
		fail_msg("%s", e.text);
	return p;
}

static void refused(const struct pages *old, size_t len, size_t count, enum err_code code)
{
	struct err e = { 0 };

	assert_null(pages_splice(&net, old, octets, len, count, &e));
	assert_int_equal(e.code, code);
}

static uint64_t offset_at(const struct pages *p, size_t i)
{
	size_t behind;

	return pages_at(p, i, &behind)->offset;
}

static int open_volumes(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 2; i++)
		if (net_volume_add(&net, i, dup(0), NULL) != 0)
			return -1;
	return 0;
}

static int close_volumes(void **state)
{
	(void)state;
	while (net.volumes != NULL)
		net_volume_gone(&net, net.volumes->number);
	return 0;
}

static void splices_put_in_take_out_and_keep(void **state)
{
	static const uint64_t want[] = { 50, 0, 2, 60, 61, 3, 8, 9, 70 };
	struct pages *a, *b;

	(void)state;
	begin();
	splice_of(0, 0, 10, 1, 0);
	a = made(NULL, 10);
	begin();
	splice_of(0, 0, 1, 2, 50);  /* before the first */
	splice_of(1, 1, 0, 0, 0);   /* out */
	splice_of(3, 0, 2, 2, 60);  /* between two */
	splice_of(4, 4, 0, 0, 0);
	splice_of(10, 0, 1, 2, 70); /* behind the last */
	b = made(a, 9);
	for (size_t i = 0; i < 9; i++)
		assert_true(offset_at(b, i) == want[i]);
	pages_unref(&net, a);
	pages_unref(&net, b);
}

static void a_difference_that_does_not_fit_is_refused(void **state)
{
	struct pages *a;

	(void)state;
	begin();
	splice_of(0, 0, 10, 1, 0);
	for (size_t len = 1; len < w.at; len++)
		refused(NULL, len, 10, ERR_SYNTAX);
	refused(NULL, w.at, 9, ERR_SYNTAX);
	refused(NULL, w.at, 11, ERR_SYNTAX);
	a = made(NULL, 10);
	static const struct {
		uint32_t at, removed, at2, removed2;
	} rows[] = {
		{ 11, 0, 11, 0 },		 /* behind the end */
		{ 9, 2, 10, 0 },		 /* more than there are */
		{ 4, UINT32_MAX, 10, 0 },	 /* very many more */
		{ 4, 2, 5, 1 },			 /* over the one before */
		{ 4, 2, 6, 1 },			 /* touching it */
		{ 4, 2, 3, 1 },			 /* backwards */
		{ 4, 0, 4, 0 },			 /* twice */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		splice_of(rows[i].at, rows[i].removed, 1, 1, 90);
		splice_of(rows[i].at2, rows[i].removed2, 1, 1, 91);
		refused(a, w.at, 12 - rows[i].removed - rows[i].removed2, ERR_SYNTAX);
	}
	begin();
	netpages_put_splice(&w, &(struct netpages_splice){ .added = UINT32_MAX });
	refused(NULL, w.at, UINT32_MAX, ERR_SYNTAX);
	pages_unref(&net, a);
}

static void a_page_that_cannot_be_is_refused(void **state)
{
	static const struct {
		struct netpages_page page;
		enum err_code code;
	} rows[] = {
		{ { .volume = 3, .len = 20 }, ERR_NOTFOUND },
		{ { .volume = 1, .len = 13 }, ERR_LIMIT },
		{ { .volume = 1, .len = 65538 }, ERR_LIMIT },
		{ { .volume = 1, .len = 20, .offset = INT64_MAX - 19 }, ERR_LIMIT },
		{ { .volume = 1, .len = 20, .offset = UINT64_MAX }, ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		netpages_put_splice(&w, &(struct netpages_splice){ .added = 1 });
		netpages_put_page(&w, &rows[i].page);
		refused(NULL, w.at, 1, rows[i].code);
	}
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

static void a_volume_stays_open_while_a_table_has_it(void **state)
{
	int first = net_volume_find(&net, 1)->fd, second = net_volume_find(&net, 2)->fd;
	struct pages *a, *b;

	(void)state;
	begin();
	splice_of(0, 0, 600, 1, 0);
	a = made(NULL, 600);
	begin();
	splice_of(0, 600, 600, 2, 0); /* all is rewritten into the other volume */
	b = made(a, 600);
	net_volume_gone(&net, 1);
	net_volume_gone(&net, 2);
	assert_null(net_volume_find(&net, 1));
	assert_true(is_open(first) && is_open(second));
	pages_unref(&net, a);
	assert_true(!is_open(first) && is_open(second));
	pages_unref(&net, b);
	assert_false(is_open(second));
}

/* Puts in and takes out for long, one page at a time: a change copies a chunk or two all the same. */
static void many_small_changes_keep_sharing(void **state)
{
	struct pages *p;
	size_t n = 3000, copied = 0, behind;

	(void)state;
	begin();
	splice_of(0, 0, (uint32_t)n, 1, 0);
	p = made(NULL, n);
	srand(5);
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t at = (uint32_t)rand() % (uint32_t)n;
		bool in = rand() % 2 == 0;
		struct pages *next;
		size_t before = n;

		begin();
		splice_of(at, in ? 0 : 1, in ? 1 : 0, 1, 1000000 + round);
		n += in ? 1 : (size_t)-1;
		next = made(p, n);
		for (size_t i = 0; i < n; i++) {
			size_t was = i <= at ? i : i + before - n;

			copied += was >= before || pages_at(next, i, &behind) != pages_at(p, was, &behind);
		}
		pages_unref(&net, p);
		p = next;
	}
	assert_in_range(copied / 2000, 64, 320); /* nor do chunks become many and small */
	pages_unref(&net, p);
}

static void what_is_left_of_many_chunks_is_melted_together(void **state)
{
	struct pages *p;
	size_t n = 12 * 256, behind, chunks = 0;

	(void)state;
	begin();
	splice_of(0, 0, (uint32_t)n, 1, 0);
	p = made(NULL, n);
	for (uint32_t k = 0; k < 12; k++) {
		struct pages *next;

		begin();
		splice_of(8 * k, 248, 0, 1, 0);
		n -= 248;
		next = made(p, n);
		pages_unref(&net, p);
		p = next;
	}
	for (size_t i = 0; i < n; i += behind, chunks++)
		pages_at(p, i, &behind);
	assert_in_range(chunks, 1, 2);
	pages_unref(&net, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(splices_put_in_take_out_and_keep, open_volumes, close_volumes),
		cmocka_unit_test_setup_teardown(a_difference_that_does_not_fit_is_refused, open_volumes, close_volumes),
		cmocka_unit_test_setup_teardown(a_page_that_cannot_be_is_refused, open_volumes, close_volumes),
		cmocka_unit_test_setup_teardown(a_volume_stays_open_while_a_table_has_it, open_volumes, close_volumes),
		cmocka_unit_test_setup_teardown(many_small_changes_keep_sharing, open_volumes, close_volumes),
		cmocka_unit_test_setup_teardown(what_is_left_of_many_chunks_is_melted_together, open_volumes, close_volumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
