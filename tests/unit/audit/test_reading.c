/* SPDX-License-Identifier: BSD-3-Clause */
/* reading: however a text is laid out, its records are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/reading.h"

static const uint8_t zone[] = "\7example";

/* Into a sorter of its own; NULL, and why, when it is not understood. */
static struct sorter *read_text(const char *text, unsigned threads, struct err *e)
{
	struct zone_source s = { .label = "zone", .form = FORM_TEXT, .fd = memfd_create("zone", MFD_CLOEXEC) };
	const size_t len = strlen(text);

	assert_true(s.fd >= 0 && write(s.fd, text, len) == (ssize_t)len && lseek(s.fd, 0, SEEK_SET) == 0);
	s.sorter = sorter_new(4 << 20, "/tmp");
	if (reading_run(&s, 1, zone, threads, e) != 0) {
		sorter_free(s.sorter);
		s.sorter = NULL;
	} else {
		assert_string_equal(s.incomplete, "");
	}
	close(s.fd);
	return s.sorter;
}

static void assert_same_records(const char *a, const char *b)
{
	struct err e = { 0 };
	struct sorter *x = read_text(a, 2, &e), *y = read_text(b, 2, &e);
	const struct rec *r, *q;
	size_t n = 0;

	if (x == NULL || y == NULL)
		fail_msg("%s", e.text);
	do {
		assert_int_equal(sorter_next(x, &r, &e), 0);
		assert_int_equal(sorter_next(y, &q, &e), 0);
		if ((r == NULL) != (q == NULL) || (r != NULL && (rec_cmp(r, q) != 0 || r->ttl != q->ttl)))
			fail_msg("record %zu is another", n);
		n++;
	} while (r != NULL);
	sorter_free(x);
	sorter_free(y);
}

/* As named writes zones: the owner is left out where it is that of the record before, and that is said in front of $TTL. */
static void an_owner_holds_behind_directives(void **state)
{
	(void)state;
	assert_same_records("$ORIGIN .\n"
			    "$TTL 900\t; 15 minutes\n"
			    "example\t\t\tIN SOA\tns.example. h.example. (\n"
			    "\t\t\t\t1 ; serial\n"
			    "\t\t\t\t1800 900 604800\n"
			    "\t\t\t\t3600 )\n"
			    "$TTL 86400\t; 1 day\n"
			    "\t\t\tNS\tns.example.\n"
			    "$TTL 3600\n"
			    "\t\t\tTXT\t\"a;(b\" c\\\"\n"
			    "$ORIGIN example.\n"
			    "\t\t\tMX\t10 mail\n"
			    "mail\t\t\tA\t192.0.2.1\n"
			    "$ORIGIN mail.example.\n"
			    "\t\t300\tA\t192.0.2.2\n"
			    "_25._tcp\t\tTLSA\t3 1 1 00AA (\n"
			    "\t\t\t\t11BB )\n",
			    "example. 900 IN SOA ns.example. h.example. 1 1800 900 604800 3600\n"
			    "example. 86400 IN NS ns.example.\n"
			    "example. 3600 IN TXT \"a;(b\" \"c\\\"\"\n"
			    "example. 3600 IN MX 10 mail.example.\n"
			    "mail.example. 3600 IN A 192.0.2.1\n"
			    "mail.example. 300 IN A 192.0.2.2\n"
			    "_25._tcp.mail.example. 3600 IN TLSA 3 1 1 00aa11bb\n");
}

/* Batches end inside of it. */
static void a_long_text_is_cut_between_owners(void **state)
{
	char *a = NULL, *b = NULL;
	size_t len;
	FILE *x = open_memstream(&a, &len), *y = open_memstream(&b, &len);

	(void)state;
	fprintf(x, "$TTL 60\n@ IN SOA a. b. 1 2 3 4 5\n");
	fprintf(y, "example. 60 IN SOA a. b. 1 2 3 4 5\n");
	for (unsigned i = 0; i < 20000; i++) {
		if (i % 7 == 0)
			fprintf(x, "$ORIGIN s%u.example.\n", i / 7);
		fprintf(x, "n%u NS ns%u\n$TTL %u\n   NS other.\n", i, i % 10, i % 5 + 60);
		fprintf(y, "n%u.s%u.example. %u IN NS ns%u.s%u.example.\nn%u.s%u.example. %u NS other.\n", i, i / 7,
			i == 0 ? 60 : (i - 1) % 5 + 60, i % 10, i / 7, i, i / 7, i % 5 + 60);
	}
	fclose(x);
	fclose(y);
	assert_same_records(a, b);
	free(a);
	free(b);
}

/* RFC 1035 section 5.1. */
static void a_ttl_holds_until_another_is_stated(void **state)
{
	(void)state;
	assert_same_records("example. 77 IN NS a.\n$ORIGIN x.example.\nb NS c.\n 5 NS d.\ne NS f.\n",
			    "example. 77 IN NS a.\nb.x.example. 77 IN NS c.\nb.x.example. 5 IN NS d.\ne.x.example. 5 IN NS f.\n");
}

static void the_line_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "$TTL 5\n; c\n@ NS a.\n  BAD b\n", "zone: line 4: type BAD is unknown here; write it as TYPEnnn \\# LENGTH HEX" },
		{ "a NS b.\n", "zone: line 1: no TTL, and none before it" },
		{ "$TTL 5\n@ SOA a. b. (\n1\n2 3 4 5 )\n$INCLUDE x\n", "zone: line 5: $INCLUDE is not supported" },
		{ "$TTL 5\n@ TXT \"a\nb\"\n$TTL x\n", "zone: line 4: $TTL x" },
		{ "$TTL 5\n\n@ A 192.0.2\n", NULL },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(read_text(rows[i].text, 1, &e));
		if (rows[i].says != NULL)
			assert_string_equal(e.text, rows[i].says);
		else
			assert_non_null(strstr(e.text, "zone: line 3: "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_holds_behind_directives),
		cmocka_unit_test(a_long_text_is_cut_between_owners),
		cmocka_unit_test(a_ttl_holds_until_another_is_stated),
		cmocka_unit_test(the_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
