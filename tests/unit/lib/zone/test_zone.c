/* SPDX-License-Identifier: BSD-3-Clause */
#include "zone/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena/arena.h"
#include "tests/unit/lib/zone/rows.h"
#include "zone/zone_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEAD     "$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\n" /* three lines in front of most zones here */

static const uint8_t apex[] = "\7example";

static struct zone *read_with(const char *text, struct zone_limits limits, struct err *e)
{
	struct zone *z = NULL;

	e->code = ERR_NONE;
	if (zone_read_text(text, strlen(text), apex, &limits, &z, e) != 0)
		assert_null(z);
	return z;
}

static struct zone *read_text(const char *text)
{
	struct err e;
	struct zone *z = read_with(text, ZONE_LIMITS_DEFAULT, &e);

	if (z == NULL)
		fail_msg("%s", e.text);
	return z;
}

static void expect_refusal(const char *text, const char *at, const char *why)
{
	struct err e;
	struct zone *z = read_with(text, ZONE_LIMITS_DEFAULT, &e);

	if (z != NULL || e.code == ERR_NONE || strncmp(e.text, at, strlen(at)) != 0 || strstr(e.text, why) == NULL)
		fail_msg("%s\ngave: %s\nnot:  %s... %s", text, z != NULL ? "a zone" : e.text, at, why);
}

/* The first record of an RRset; its memory lives until the next call. */
static const struct rr *find(const struct zone *z, const char *owner, uint16_t type)
{
	static struct rr found;
	static uint8_t rdata[UINT16_MAX];
	struct rows rows = rows_of(z);
	uint8_t name[DNAME_MAX];
	size_t i = 0;

	assert_int_equal(dname_from_text(owner, name, NULL), 0);
	while (i < rows.n && (rows.rr[i].type != type || !dname_equal(rows.rr[i].owner, name)))
		i++;
	if (i == rows.n)
		fail_msg("%s TYPE%u is not there", owner, type);
	found = rows.rr[i];
	found.rdata = memcpy(rdata, found.rdata, found.rdlen);
	found.owner = NULL;
	rows_free(&rows);
	return &found;
}

static size_t count(const struct zone *z, const char *owner, uint16_t type)
{
	struct rows rows = rows_of(z);
	uint8_t name[DNAME_MAX];
	size_t n = 0;

	assert_int_equal(dname_from_text(owner, name, NULL), 0);
	for (size_t i = 0; i < rows.n; i++)
		n += rows.rr[i].type == type && dname_equal(rows.rr[i].owner, name);
	rows_free(&rows);
	return n;
}

static bool has_notice(const struct zone *z, const char *part)
{
	for (size_t i = 0; i < z->notice_count; i++) {
		if (strstr(z->notices[i], part) != NULL)
			return true;
	}
	return false;
}

static void defaults_come_from_the_line_before(void **state)
{
	struct zone *z = read_text("$TTL 1h\n@ 5 IN SOA ns root (1 2 3\n 4 5)\n NS ns\nns IN 30 A 192.0.2.1 ; first\n\tA 192.0.2.2\n"
				   "$ORIGIN sub\na 1d2h TXT x\n IN TXT y\n$TTL 9\nb.example. TXT z\nc TXT @\nd MX 0 @\n");

	(void)state;
	assert_int_equal(z->records, 9);
	assert_int_equal(find(z, "example", TYPE_SOA)->ttl, 5);
	assert_int_equal(find(z, "example", TYPE_NS)->ttl, 3600);
	assert_int_equal(find(z, "ns.example", TYPE_A)->ttl, 30);
	assert_int_equal(find(z, "a.sub.example", TYPE_TXT)->ttl, 3600); /* 1d2h and 1h: the lowest */
	assert_int_equal(find(z, "b.example", TYPE_TXT)->ttl, 9);
	assert_memory_equal(find(z, "d.sub.example", TYPE_MX)->rdata, "\0\0\3sub\7example", 15);
	assert_true(has_notice(z, "several TTLs"));
	assert_int_equal(z->serial, 1);
	assert_int_equal(z->largest_ttl, 3600);
	zone_free(z);
}

/* RFC 1035 section 5.1: the TTL of the record before; RFC 2308: an SOA without one takes its MINIMUM, as in BIND. */
static void ttl_without_ttl_directive(void **state)
{
	struct zone *z = read_text("@ SOA ns root 1 2 3 4 77\n@ NS ns\na 5 A 1.2.3.4\nb A 1.2.3.4\n");

	(void)state;
	assert_int_equal(z->soa.ttl, 77);
	assert_int_equal(find(z, "b.example", TYPE_A)->ttl, 77);
	zone_free(z);
	z = read_text("@ 8 SOA ns root 1 2 3 4 77\n@ NS ns\na 5 A 1.2.3.4\nb A 1.2.3.4\n");
	assert_int_equal(find(z, "example", TYPE_NS)->ttl, 8);
	assert_int_equal(find(z, "b.example", TYPE_A)->ttl, 5);
	zone_free(z);
	expect_refusal("@ NS ns\n@ SOA ns root 1 2 3 4 5\n", "text:1:", "no TTL");
}

static void records_are_in_canonical_order(void **state)
{
	/* RFC 4034 section 6.1, backwards */
	struct zone *z = read_text("$TTL 60\n\\200.z A 1.2.3.4\n*.z A 1.2.3.4\n\\001.z A 1.2.3.4\nz A 1.2.3.4\nzABC.a.EXAMPLE. A 1.2.3.4\n"
				   "Z.a AAAA ::2\nZ.a AAAA ::1\nZ.a A 1.2.3.4\nyljkjljk.a A 1.2.3.4\na A 1.2.3.4\n@ NS ns\n@ SOA ns root 1 2 3 4 5\n");

	(void)state;
	struct rows rows = rows_of(z);

	assert_int_equal(z->records, 12);
	assert_int_equal(z->owners, 9);
	for (size_t i = 1; i < rows.n; i++)
		assert_true(rr_cmp(&rows.rr[i - 1], &rows.rr[i]) < 0);
	assert_memory_equal(rows.rr[7].owner, "\4zABC", 5); /* case is kept */
	rows_free(&rows);
	zone_free(z);
}

static void duplicates_go(void **state)
{
	struct zone *z = read_text(HEAD "a MX 1 X\na MX 1 x\nA MX 1 x.example.\n");

	(void)state;
	assert_int_equal(z->records, 3);
	assert_memory_equal(find(z, "a.example", TYPE_MX)->rdata, "\0\1\1X", 4); /* the first stays */
	zone_free(z);
}

static void bad_text_is_refused_with_its_place(void **state)
{
	static const struct { const char *text, *at, *why; } cases[] = {
		{ "", "no SOA", "RFC 1035" },
		{ "$TTL 60\n@ NS ns\n", "no SOA", "RFC 1035" },
		{ HEAD "x A 1.2.3\n", "text:4:", "IPv4" },
		{ HEAD "x A\n", "text:4:", "an address" },
		{ HEAD "x A 1.2.3.4 5\n", "text:4:", "behind the end" },
		{ HEAD "x FOO 1\n", "text:4:", "not a type" },
		{ HEAD "x CH A 1.2.3.4\n", "text:4:", "class IN" },
		{ HEAD "x\n", "text:4:", "a type is expected" },
		{ HEAD "\n\nx TXT \"a\n", "text:6:", "quotes" },
		{ HEAD "x TXT (\n a\n", "text:4:", "not closed" },
		{ HEAD "x TXT )\n", "text:4:", "without" },
		{ HEAD "x TXT (\n  a\n  \"b\\25\"\n)\n", "text:6:", "escapes" },
		{ HEAD "x..y A 1.2.3.4\n", "text:4:", "empty label" },
		{ HEAD "x 4294967296 A 1.2.3.4\n", "text:4:", "TTL" },
		{ HEAD "x 2147483648 A 1.2.3.4\n", "text:4:", "TTL" },
		{ HEAD "x 1h30 A 1.2.3.4\n", "text:4:", "TTL" },
		{ HEAD "$TTL\n", "text:4:", "$TTL" },
		{ HEAD "$ORIGIN a b\n", "text:4:", "$ORIGIN" },
		{ HEAD "$FOO a b\n", "text:4:", "unknown directive" },
		{ HEAD "$INCLUDE file\n", "text:4:", "not allowed" },
		{ HEAD "other. A 1.2.3.4\n", "text:4:", "outside the zone" },
		{ HEAD "badexample. A 1.2.3.4\n", "text:4:", "outside the zone" },
		{ HEAD "@ SOA ns root 1 2 3 4 5\n", "text:4:", "second SOA" },
		{ HEAD "x SOA ns root 1 2 3 4 5\n", "text:4:", "not the apex" },
		{ HEAD "x CNAME y\nx A 1.2.3.4\n", "text:4:", "CNAME and other data (A)" },
		{ HEAD "x CNAME y\nx CNAME z\n", "text:5:", "2 CNAMEs" },
		{ HEAD "x DNAME y\nx DNAME z\n", "text:5:", "2 DNAMEs" },
		{ HEAD "x NS y\nx DNAME z\n", "text:5:", "NS and DNAME" },
		{ HEAD "*.x NS y\n", "text:4:", "wildcard with NS" },
		{ HEAD "@ DS 1 13 99 aa\n", "text:4:", "DS at the apex" },
		{ HEAD "x DS 1 13 99 aa\n", "text:4:", "DS without NS" },
		{ HEAD "x TSIG \\# 0\n", "text:4:", "no place in a zone" },
		{ HEAD "x TYPE65280 foo\n", "text:4:", "\\#" },
		{ HEAD "x NULL foo\n", "text:4:", "\\#" },
		{ HEAD "x WKS 192.0.2.1 TCP nonsense\n", "text:4:", "a service" },
		{ HEAD "x WKS 192.0.2.1 / 1\n", "text:4:", "a protocol" },
		{ HEAD "x LOC 91 N 0 E 0\n", "text:4:", "angle" },
		{ HEAD "x LOC 90 0 1 N 0 E 0\n", "text:4:", "above 90 degrees" },
		{ HEAD "x LOC 1 60 N 0 E 0\n", "text:4:", "angle" },
		{ HEAD "x LOC 1 1 1 1 N 0 E 0\n", "text:4:", "angle" },
		{ HEAD "x LOC 1 N 1 E 42849672.96\n", "text:4:", "altitude" },
		{ HEAD "x LOC 1 N 1 E 0 90000000.01m\n", "text:4:", "size" },
		{ HEAD "x LOC 1 N 1 E 0 1m 1m 1m 1m\n", "text:4:", "behind the end" },
		{ HEAD "x APL 3:1/1\n", "text:4:", "address prefix" },
		{ HEAD "x APL 1:1.2.3.4/33\n", "text:4:", "address prefix" },
		{ HEAD "x SVCB 1 . alpn=h2 alpn=h3\n", "text:4:", "come before" },
		{ HEAD "x SVCB 1 . mandatory=alpn\n", "text:4:", "form of type SVCB" },
		{ HEAD "x TLSA 3 1 1 \"00\"\n", "text:4:", "without quotes" },
		{ HEAD "x DHCID AAEC=\n", "text:4:", "base 64" },
		{ HEAD "x TYPE65280 \\# 2 00\n", "text:4:", "announced" },
		{ HEAD "x A \\# 3 000000\n", "text:4:", "form of type A" },
		{ HEAD "$GENERATE 3-1 x$ A 1.2.3.4\n", "text:4:", "range" },
		{ HEAD "$GENERATE 1-3/0 x$ A 1.2.3.4\n", "text:4:", "range" },
		{ HEAD "$GENERATE 1-3 x${1 A 1.2.3.4\n", "text:4:", "$GENERATE" },
		{ HEAD "$GENERATE 1-3 x${-2} A 1.2.3.4\n", "text:4:", "below 0" },
		{ HEAD "$GENERATE 1-300 x$ A 1.2.3.$\n", "text:4:", "IPv4" },
		{ HEAD "$GENERATE 0-16777216 x$ A 1.2.3.4\n", "text:4:", "more than" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_refusal(cases[i].text, cases[i].at, cases[i].why);
}

static void limits_are_kept(void **state)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	char *text = mem_new(1, 300000), *p = text;
	struct zone *z;
	struct err e;

	(void)state;
	limits.max_ttl_s = 60;
	assert_null(read_with(HEAD "x 61 A 1.2.3.4\n", limits, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_non_null(strstr(e.text, "text:4:1: TTL 61"));
	limits.max_ttl_s = 0;
	limits.max_records = 3;
	assert_null(read_with(HEAD "x A 1.2.3.4\nx A 1.2.3.5\n", limits, &e));
	assert_int_equal(e.code, ERR_LIMIT);

	/* 101 records: a notice; 65,000 octets: refused; rdata of 65,536 octets: refused */
	p += sprintf(p, HEAD "$GENERATE 1-101 x A 10.0.0.$\n");
	z = read_text(text);
	assert_true(has_notice(z, "more than 100 records"));
	zone_free(z);
	p = text + sprintf(text, HEAD);
	for (int i = 0; i < 300; i++)
		p += sprintf(p, "x TXT \"%0254d\"\n", i);
	expect_refusal(text, "text:", "65000 octets");
	p = text + sprintf(text, HEAD "x TXT");
	for (int i = 0; i < 258; i++)
		p += sprintf(p, " \"%0254d\"", i);
	strcpy(p, "\n");
	expect_refusal(text, "text:4:", "above 65535");
	free(text);
}

static void dnssec_records_are_left_out(void **state)
{
	struct zone *z = read_text(HEAD "@ DNSKEY 257 3 13 AA==\nx RRSIG anything at all\nx A 1.2.3.4\n@ NSEC3PARAM 1 0 0 -\n"
				   "@ ZONEMD 1 1 1 000102030405060708090a0b\n@ CDS 0 0 0 00\n");

	(void)state;
	assert_int_equal(z->records, 3);
	assert_int_equal(z->dropped, 5);
	assert_true(has_notice(z, "4 DNSSEC records"));
	assert_true(has_notice(z, "ZONEMD of the input was not checked: the input is signed"));
	zone_free(z);
}

/* DS of zones that are signed here take the place of the input's, where the input delegates them. */
static void ds_that_are_given_stand_for_those_of_the_input(void **state)
{
	static const uint8_t a[] = "\1a\7example", b[] = "\1b\7example", c[] = "\1c\7example", one[36] = { 0, 1, 13, 2 },
			     two[36] = { 0, 2, 13, 2 };
	const struct rr rr[] = { { .owner = a, .rdata = one, .ttl = 7, .type = TYPE_DS, .rdlen = sizeof(one) },
				 { .owner = a, .rdata = two, .ttl = 7, .type = TYPE_DS, .rdlen = sizeof(two) } };
	const struct zone_given given[] = { { a, rr, 2 }, { b, NULL, 0 }, { c, rr, 1 } };
	const char *text = HEAD "b DS 9 13 2 0000000000000000000000000000000000000000000000000000000000000000\n"
				"b NS ns\nA DS 9 13 2 0000000000000000000000000000000000000000000000000000000000000000\nA NS ns\n"
				"c A 192.0.2.1\n"
				"d DS 9 13 2 0000000000000000000000000000000000000000000000000000000000000000\nd NS ns\n";
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone *plain = read_text(text), *z;
	struct err e;

	(void)state;
	limits.given = given;
	limits.given_count = COUNT(given);
	z = read_with(text, limits, &e);
	assert_non_null(z);
	assert_int_equal(count(z, "a.example", TYPE_DS), 2);
	assert_int_equal(find(z, "a.example", TYPE_DS)->ttl, 7);
	assert_int_equal(count(z, "b.example", TYPE_DS), 0);
	assert_int_equal(count(z, "b.example", TYPE_NS), 1);
	assert_int_equal(count(z, "c.example", TYPE_DS), 0); /* it is not delegated */
	assert_int_equal(count(z, "d.example", TYPE_DS), 1); /* nobody speaks of it */
	assert_int_equal(z->records, plain->records);
	assert_memory_not_equal(z->digest, plain->digest, sizeof(z->digest));
	zone_free(z);
	zone_free(plain);
}

static void occluded_names_are_noticed(void **state)
{
	struct zone *z = read_text(HEAD "sub NS ns.sub\nns.sub A 1.2.3.4\nns.sub AAAA ::1\nsub TXT hidden\na.b.sub MX 0 x\nsubx TXT seen\n"
				   "d DNAME e\nd TXT seen\nf.d A 1.2.3.4\n");

	(void)state;
	assert_true(has_notice(z, "sub.example. TXT is occluded by the delegation at sub.example."));
	assert_true(has_notice(z, "a.b.sub.example. MX is occluded"));
	assert_true(has_notice(z, "f.d.example. A is occluded by the DNAME at d.example."));
	assert_int_equal(z->notice_count, 3);
	zone_free(z);
}

static void many_notices_become_a_number(void **state)
{
	struct zone *z = read_text(HEAD "sub NS ns.sub\n$GENERATE 1-50 x$.sub TXT hidden\n");

	(void)state;
	assert_int_equal(z->notice_count, 11);
	assert_true(has_notice(z, "and 40 more"));
	zone_free(z);
}

static void generate_is_that_of_bind(void **state)
{
	struct zone *z = read_text(HEAD "own 5 TXT x\n$GENERATE 1-9/4 h${10,4,x} 7 IN MX \"${0,2} m$$.\\$\"\n$GENERATE 26-26 ${0,5,n} TXT "
				   "${0,0,o} ${0,0,X} \"$\"\n\tTXT still-own\n");

	(void)state;
	assert_int_equal(z->records, 8);
	assert_memory_equal(find(z, "h000b.example", TYPE_MX)->rdata, "\0\1\2m$\1$\7example", 16);
	assert_int_equal(find(z, "h000f.example", TYPE_MX)->ttl, 7);
	find(z, "h0013.example", TYPE_MX);
	assert_memory_equal(find(z, "a.1.0.example", TYPE_TXT)->rdata, "\00232\0021A\00226", 9);
	assert_int_equal(count(z, "own.example", TYPE_TXT), 2);
	zone_free(z);
}

/* RFC 8976 appendix A.1; ours leaves ZONEMD out of the zone, and its own digest does not count the serial. */
static void digest_is_that_of_rfc8976(void **state)
{
	static const char *const text =
		"example.      86400  IN  SOA     ns1 admin 2018031900 (\n 1800 900 604800 86400 )\n"
		"              86400  IN  NS      ns1\n              86400  IN  NS      ns2\n"
		"              86400  IN  ZONEMD  2018031900 1 1 (\nc68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3\n"
		"a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c\n)\n"
		"ns1           3600   IN  A       203.0.113.63\nns2           3600   IN  AAAA    2001:db8::63\n";
	static const uint8_t want[48] = {
		0xc6, 0x80, 0x90, 0xd9, 0x0a, 0x7a, 0xed, 0x71, 0x6b, 0xc4, 0x59, 0xf9, 0x34, 0x0e, 0x3d, 0x7c,
		0x13, 0x70, 0xd4, 0xd2, 0x4b, 0x7e, 0x2f, 0xc3, 0xa1, 0xdd, 0xc0, 0xb9, 0xa8, 0x71, 0x53, 0xb9,
		0xa9, 0x71, 0x3b, 0x3c, 0x9a, 0xe5, 0xcc, 0x27, 0x77, 0x7f, 0x98, 0xb8, 0xe7, 0x30, 0x04, 0x4c,
	};
	uint8_t digest[ZONE_DIGEST_MAX];
	struct zone *z = read_text(text), *later;
	char *changed = mem_strdup(text);

	(void)state;
	assert_int_equal(zone_digest_simple(z, 1, digest, NULL), 0);
	assert_memory_equal(digest, want, 48);
	assert_memory_not_equal(z->digest, want, 48);
	memcpy(strstr(changed, "2018031900"), "2018031901", 10);
	later = read_text(changed);
	assert_memory_equal(z->digest, later->digest, 48); /* the serial does not count */
	zone_free(later);
	memcpy(strstr(changed, "203.0.113.63"), "203.0.113.64", 12);
	later = read_text(changed);
	assert_memory_not_equal(z->digest, later->digest, 48);
	zone_free(later);
	zone_free(z);
	free(changed);
}

#define MD_HEAD "$ORIGIN example.\n$TTL 86400\n@ SOA ns1 admin 2018031900 1800 900 604800 86400\n@ NS ns1\n@ NS ns2\n"
#define MD_TAIL "ns1 3600 A 203.0.113.63\nns2 3600 AAAA 2001:db8::63\n"
#define MD_384 "c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c"
#define MD_WRONG "d68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c"

static void the_input_is_what_its_zonemd_says(void **state)
{
	static const struct {
		const char *records;
		const char *refused; /* NULL: it is taken */
		bool checked;
	} cases[] = {
		{ "@ ZONEMD 2018031900 1 1 " MD_384 "\n" MD_TAIL, NULL, true },
		{ "@ ZONEMD 2018031900 1 1 " MD_WRONG "\n" MD_TAIL, "is not what its ZONEMD", true },
		{ "@ ZONEMD 2018031900 1 1 " MD_384 "\n" MD_TAIL "more A 192.0.2.1\n", "is not what its ZONEMD", true },
		{ "@ ZONEMD 2018031900 1 1 " MD_384 "\nns1 3600 A 203.0.113.63\n", "is not what its ZONEMD", true },
		{ "@ ZONEMD 2018031900 1 2 " MD_384 "\n" MD_TAIL, NULL, false },       /* too short for SHA-512 */
		{ "@ ZONEMD 2018031899 1 1 " MD_WRONG "\n" MD_TAIL, NULL, false },     /* of another serial */
		{ "@ ZONEMD 2018031900 2 1 " MD_WRONG "\n" MD_TAIL, NULL, false },     /* unknown scheme */
		{ "@ ZONEMD 2018031900 1 1 " MD_384 "\n@ ZONEMD 2018031900 1 1 " MD_WRONG "\n" MD_TAIL, NULL, false },
		{ "@ ZONEMD 2018031900 1 1 " MD_WRONG "\n@ CDS 0 0 0 00\n" MD_TAIL, NULL, false },
		{ "@ ZONEMD 2018031900 1 1 " MD_384 "\nns1 ZONEMD 2018031900 1 1 " MD_WRONG "\n" MD_TAIL, NULL, false },
		{ "@ ZONEMD 2018031900 1 1 nonsense\n" MD_TAIL, ":6:", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = mem_printf("%s%s", MD_HEAD, cases[i].records);

		if (cases[i].refused != NULL) {
			expect_refusal(text, "", cases[i].refused);
		} else {
			struct zone *z = read_text(text);

			assert_int_equal(z->notice_count > 0 && strstr(z->notices[z->notice_count - 1], "not checked") != NULL,
					 !cases[i].checked);
			zone_free(z);
		}
		free(text);
	}
}

static void digest_ignores_order_and_case(void **state)
{
	struct zone *a = read_text(HEAD "a MX 1 B\nc TXT C\n"), *b = read_text("$TTL 60\nC TXT C\nA MX 1 b\n@ NS NS\n@ SOA ns root 9 2 3 4 5\n");
	struct zone *c = read_text(HEAD "a MX 1 B\nc TXT c\n");

	(void)state;
	assert_memory_equal(a->digest, b->digest, 48);
	assert_memory_not_equal(a->digest, c->digest, 48); /* TXT is no name */
	zone_free(a);
	zone_free(b);
	zone_free(c);
}

static void streams_give_the_same_zone(void **state)
{
	struct zone *z = read_text(HEAD "a MX 1 B\nc TXT C\nd NS e\n"), *again = NULL;
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	uint8_t octets[1024];
	struct wr w = wr_of(octets, sizeof(octets));
	struct rows rows = rows_of(z);
	size_t behind_zone;
	struct rr soa;
	uint8_t soa_rdata[64];
	struct err e;

	(void)state;
	rr_write(&w, &z->soa);
	for (size_t i = rows.n; i-- > 0;)
		rr_write(&w, &rows.rr[i]);
	rows_free(&rows);
	behind_zone = w.at;
	rr_write(&w, &z->soa); /* a transfer ends with the SOA it began with */
	assert_int_equal(zone_read_stream(octets, w.at, apex, &limits, &again, &e), 0);
	assert_int_equal(again->records, z->records);
	assert_memory_equal(again->digest, z->digest, 48);
	zone_free(again);

	soa = z->soa;
	memcpy(soa_rdata, soa.rdata, soa.rdlen);
	soa.rdata = soa_rdata;
	soa_set_serial(soa_rdata, soa.rdlen, 2);
	assert_int_equal(soa_serial(soa.rdata, soa.rdlen), 2);
	assert_int_equal(soa_timers(soa.rdata, soa.rdlen).retry_s, 3);
	w.at = behind_zone;
	rr_write(&w, &soa);
	assert_int_equal(zone_read_stream(octets, w.at, apex, &limits, &again, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(zone_read_stream(octets, w.at - 1, apex, &limits, &again, &e), -1);
	assert_int_equal(e.code, ERR_SYNTAX);
	zone_free(z);
}

/* With a budget that spills, and with several threads, the zone is the same. */
static void budget_and_threads_change_nothing(void **state)
{
	const char *text = HEAD "$GENERATE 1-25000 Host${0,5} 60 IN A 10.0.0.1\n$GENERATE 1-25000 host${0,5} 60 IN MX 1 X$\n"
				"$GENERATE 1-25000 HOST${0,5} 60 IN A 10.0.0.1\nz.EXAMPLE. TXT a\n";
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone *whole = read_with(text, limits, &(struct err){ 0 }), *spilled, *by_threads;
	struct rows a, b;

	(void)state;
	limits.threads = 3;
	by_threads = read_with(text, limits, &(struct err){ 0 });
	limits.sort_octets = 100000;
	spilled = read_with(text, limits, &(struct err){ 0 });
	assert_non_null(whole);
	assert_non_null(by_threads);
	assert_non_null(spilled);
	assert_int_equal(whole->records, 50003);
	assert_memory_equal(whole->digest, by_threads->digest, 48);
	assert_memory_equal(whole->digest, spilled->digest, 48);
	assert_int_equal(whole->notice_count, spilled->notice_count);
	a = rows_of(whole);
	b = rows_of(spilled);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.rr[2].owner, "\11Host00001\7example", 19); /* as it came first */
	for (size_t i = 0; i < a.n; i++) {
		assert_memory_equal(a.rr[i].owner, b.rr[i].owner, dname_len(a.rr[i].owner));
		assert_int_equal(rr_cmp(&a.rr[i], &b.rr[i]), 0);
	}
	rows_free(&a);
	rows_free(&b);
	zone_free(whole);
	zone_free(by_threads);
	zone_free(spilled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_come_from_the_line_before),
		cmocka_unit_test(ttl_without_ttl_directive),
		cmocka_unit_test(records_are_in_canonical_order),
		cmocka_unit_test(duplicates_go),
		cmocka_unit_test(bad_text_is_refused_with_its_place),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(ds_that_are_given_stand_for_those_of_the_input),
		cmocka_unit_test(dnssec_records_are_left_out),
		cmocka_unit_test(occluded_names_are_noticed),
		cmocka_unit_test(many_notices_become_a_number),
		cmocka_unit_test(generate_is_that_of_bind),
		cmocka_unit_test(digest_is_that_of_rfc8976),
		cmocka_unit_test(the_input_is_what_its_zonemd_says),
		cmocka_unit_test(digest_ignores_order_and_case),
		cmocka_unit_test(streams_give_the_same_zone),
		cmocka_unit_test(budget_and_threads_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
