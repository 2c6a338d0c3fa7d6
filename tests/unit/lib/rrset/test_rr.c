/* SPDX-License-Identifier: BSD-3-Clause */
#include "arena/arena.h"
#include "rrset/rr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OCTETS(s) (const uint8_t *)(s), sizeof(s) - 1

static void types_have_names_both_ways(void **state)
{
	static const struct { uint16_t type; const char *text; } cases[] = {
		{ 1, "A" }, { 28, "AAAA" }, { 23, "NSAP-PTR" }, { 50, "NSEC3" }, { 65, "HTTPS" }, { 257, "CAA" },
		{ 32769, "DLV" }, { 65280, "TYPE65280" }, { 54, "TYPE54" },
	};
	static const char *const none[] = { "", "TYPE", "TYPE65536", "TYPE0", "TYPE-1", "TYPE1x", "FOO", "A ", "TYPE999999999999" };
	char text[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(rr_type_text(cases[i].type, text), cases[i].text);
		assert_int_equal(rr_type_from_text(cases[i].text), cases[i].type);
	}
	assert_int_equal(rr_type_from_text("nsec3param"), 51);
	assert_int_equal(rr_type_from_text("type1"), 1);
	for (size_t i = 0; i < COUNT(none); i++)
		assert_int_equal(rr_type_from_text(none[i]), 0);
}

static void rdata_has_the_form_of_its_type(void **state)
{
	static const struct { uint16_t type; bool good; const char *octets; size_t len; } cases[] = {
		{ 1, true, "\1\2\3\4", 4 },           { 1, false, "\1\2\3", 3 },     { 1, false, "\1\2\3\4\5", 5 },
		{ 2, true, "\1a\0", 3 },              { 2, false, "\1a", 2 },        { 2, false, "\300\0", 2 },
		{ 15, true, "\0\1\0", 3 },            { 15, false, "\0\1", 2 },
		{ 16, true, "\1a\0", 3 },             { 16, false, "", 0 },          { 16, false, "\2a", 2 },
		{ 28, false, "\1\2\3\4", 4 },         { 43, false, "\0\1\15\2ab", 6 },
		{ 10, true, "", 0 },                  { 65280, true, "", 0 },        { 65280, true, "x", 1 },
		{ 47, true, "\0\0\1\100", 4 },        { 47, false, "\0\0\2\100\0", 5 }, { 47, false, "\0\0\0", 3 },
		{ 47, false, "\0\1\1\100\0\1\100", 7 },
		{ 64, true, "\0\1\0\0\3\0\2\0\65", 9 }, { 64, false, "\0\1\0\0\3\0\2\0", 8 },
		{ 64, false, "\0\1\0\0\3\0\2\0\65\0\2\0\0", 13 }, /* keys out of order */
		{ 64, false, "\0\1\0\0\0\0\2\0\1", 9 },           /* mandatory key that is not there */
		{ 257, true, "\0\5issue", 7 },        { 257, false, "\0\6is-sue", 8 },
		{ 42, true, "", 0 },                  { 42, false, "\0\1\40\2\1\0", 6 },
		{ 44, false, "\1\1ab", 4 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { .code = ERR_NONE };
		int rc = rdata_check(cases[i].type, (const uint8_t *)cases[i].octets, cases[i].len, &e);

		assert_int_equal(rc, cases[i].good ? 0 : -1);
		assert_int_equal(e.code, cases[i].good ? ERR_NONE : ERR_SYNTAX);
	}
}

/* RFC 4034 section 6.2 as RFC 6840 section 5.1 corrects it */
static void names_go_lower_case_in_listed_types_only(void **state)
{
	static const struct { uint16_t type; const char *in, *out; size_t len; } cases[] = {
		{ 2, "\1A\0", "\1a\0", 3 },
		{ 15, "AB\1A\0", "AB\1a\0", 5 },
		{ 6, "\1A\0\1B\0ABCDEFGHIJKLMNOPQRST", "\1a\0\1b\0ABCDEFGHIJKLMNOPQRST", 26 },
		{ 33, "ABCDEF\1A\0", "ABCDEF\1a\0", 9 },
		{ 35, "AAAA\1A\1B\1C\1D\0", "AAAA\1A\1B\1C\1d\0", 13 },
		{ 46, "AABBCCCCDDDDEEEEFF\1A\0SIG", "AABBCCCCDDDDEEEEFF\1a\0SIG", 24 },
		{ 47, "\1A\0\0\1\100", "\1A\0\0\1\100", 6 },     /* NSEC is kept (RFC 6840) */
		{ 13, "\1A\1B", "\1A\1B", 4 },                   /* HINFO has no names */
		{ 64, "\0\1\1A\0", "\0\1\1A\0", 5 },             /* SVCB is younger than RFC 3597 */
		{ 107, "\0\1\1A\0", "\0\1\1A\0", 5 },
		{ 65280, "\1A\0", "\1A\0", 3 },
	};
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rdata_canonical(cases[i].type, (const uint8_t *)cases[i].in, cases[i].len, out);
		assert_memory_equal(out, cases[i].out, cases[i].len);
		memcpy(out, cases[i].in, cases[i].len);
		rdata_canonical(cases[i].type, out, cases[i].len, out);
		assert_memory_equal(out, cases[i].out, cases[i].len);
	}
}

static void note_offset(void *ctx, size_t offset, const uint8_t *name)
{
	size_t *offsets = ctx;

	assert_true(name[0] <= 63);
	offsets[++offsets[0]] = offset;
}

/* RFC 3597 section 4: only in the types of RFC 1035 */
static void compressible_names(void **state)
{
	size_t offsets[4] = { 0 };

	(void)state;
	rdata_compressible(6, OCTETS("\1A\0\1B\0ABCDEFGHIJKLMNOPQRST"), note_offset, offsets);
	assert_int_equal(offsets[0], 2);
	assert_int_equal(offsets[1], 0);
	assert_int_equal(offsets[2], 3);
	offsets[0] = 0;
	rdata_compressible(15, OCTETS("AB\1A\0"), note_offset, offsets);
	assert_int_equal(offsets[0], 1);
	assert_int_equal(offsets[1], 2);
	offsets[0] = 0;
	rdata_compressible(33, OCTETS("ABCDEF\1A\0"), note_offset, offsets);
	rdata_compressible(17, OCTETS("\1A\0\1B\0"), note_offset, offsets);
	rdata_compressible(39, OCTETS("\1A\0"), note_offset, offsets);
	assert_int_equal(offsets[0], 0);
}

/* RFC 4034 section 6.3: left-justified octets, the absent octet first; names compare in lower case. */
static void rdata_order(void **state)
{
	static const struct { uint16_t type; const char *a; size_t an; const char *b; size_t bn; int want; } cases[] = {
		{ 16, "\1a", 2, "\1b", 2, -1 },     { 16, "\1a", 2, "\1a\0", 3, -1 },  { 16, "\1A", 2, "\1a", 2, -1 },
		{ 16, "\1a", 2, "\1a", 2, 0 },      { 2, "\1A\0", 3, "\1a\0", 3, 0 },   { 2, "\1B\0", 3, "\1a\0", 3, 1 },
		{ 2, "\1a\0", 3, "\1a\1b\0", 5, -1 }, { 15, "\0\1\1B\0", 5, "\0\2\1a\0", 5, -1 },
		{ 15, "\0\1\1B\0", 5, "\0\1\1a\0", 5, 1 },
		{ 33, "\0\0\0\0\0\0\1A\0", 9, "\0\0\0\0\0\0\1a\0", 9, 0 },
		{ 10, "", 0, "\0", 1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint8_t *a = (const uint8_t *)cases[i].a, *b = (const uint8_t *)cases[i].b;
		int d = rdata_cmp(cases[i].type, a, cases[i].an, b, cases[i].bn);
		int r = rdata_cmp(cases[i].type, b, cases[i].bn, a, cases[i].an);

		assert_int_equal((d > 0) - (d < 0), cases[i].want);
		assert_int_equal((r > 0) - (r < 0), -cases[i].want);
	}
}

static void stream_gives_records_back(void **state)
{
	struct rr a = { .owner = (const uint8_t *)"\1A", .rdata = (const uint8_t *)"\1\2\3\4", .ttl = 60, .type = 1, .rdlen = 4 };
	struct rr empty = { .owner = (const uint8_t *)"", .rdata = (const uint8_t *)"", .ttl = 0, .type = 65280, .rdlen = 0 };
	uint8_t octets[64];
	struct wr w = wr_of(octets, sizeof(octets));
	struct rd r;
	struct rr got;
	struct err e;

	(void)state;
	rr_write(&w, &a);
	rr_write(&w, &empty);
	assert_int_equal(w.at, rr_wire_len(&a) + rr_wire_len(&empty));
	r = rd_of(octets, w.at);
	assert_int_equal(rr_read(&r, &got, &e), 1);
	assert_int_equal(rr_cmp(&got, &a), 0);
	assert_int_equal(got.ttl, 60);
	assert_int_equal(rr_read(&r, &got, &e), 1);
	assert_int_equal(got.type, 65280);
	assert_int_equal(rr_read(&r, &got, &e), 0);
	for (size_t cut = 1; cut < rr_wire_len(&a); cut++) {
		r = rd_of(octets, cut);
		assert_int_equal(rr_read(&r, &got, &e), -1);
		assert_int_equal(e.code, ERR_SYNTAX);
	}
	octets[6] = 3; /* class CH */
	r = rd_of(octets, w.at);
	assert_int_equal(rr_read(&r, &got, &e), -1);
	octets[6] = 1;
	octets[7] = 0x80; /* TTL of 2^31 */
	r = rd_of(octets, w.at);
	assert_int_equal(rr_read(&r, &got, &e), -1);
}

static void text_of_records(void **state)
{
	static const struct { uint16_t type; const char *rdata; size_t len; const char *text; } cases[] = {
		{ 1, "\300\0\2\1", 4, "a. 60 IN A 192.0.2.1" },
		{ 15, "\0\12\1B\0", 5, "a. 60 IN MX 10 B." },
		{ 16, "\3a\"b\0\1\377", 7, "a. 60 IN TXT \"a\\\"b\" \"\" \"\\255\"" },
		{ 50, "\1\0\0\0\0\3abc\0\1\100", 12, "a. 60 IN NSEC3 1 0 0 - c5h66 A" },
		{ 257, "\0\5issue", 7, "a. 60 IN CAA 0 issue \"\"" },
		{ 65280, "\1\377", 2, "a. 60 IN TYPE65280 \\# 2 01ff" },
		{ 64, "\0\1\0", 3, "a. 60 IN TYPE64 \\# 3 000100" },
		{ 10, "", 0, "a. 60 IN TYPE10 \\# 0 " },
		{ 1, "\1", 1, "a. 60 IN TYPE1 \\# 1 01" }, /* not of its form: still text */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rr rr = { .owner = (const uint8_t *)"\1a", .rdata = (const uint8_t *)cases[i].rdata, .ttl = 60,
				 .type = cases[i].type, .rdlen = (uint16_t)cases[i].len };
		char *text = rr_text(&rr);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

/* Owners in a row may be the same, of another case, or others. */
static void lines_have_their_owners(void **state)
{
	static const uint8_t lower[] = "\1a", upper[] = "\1A", longer[] = "\3b.c\1d", address[] = { 192, 0, 2, 255 };
	const uint8_t *const owners[] = { lower, lower, upper, lower, longer, longer };
	struct rr rrs[COUNT(owners)];
	struct rr_lines lines = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(owners); i++)
		rrs[i] = (struct rr){ .owner = owners[i], .type = TYPE_A, .ttl = (uint32_t)i, .rdlen = 4, .rdata = address };
	rr_lines_add(&lines, rrs, 0);
	assert_int_equal(lines.len, 0);
	rr_lines_add(&lines, rrs, 2);
	rr_lines_add(&lines, rrs + 2, COUNT(owners) - 2);
	lines.p = mem_grow(lines.p, lines.len + 1, 1);
	lines.p[lines.len] = '\0';
	assert_string_equal(lines.p, "a. 0 IN A 192.0.2.255\na. 1 IN A 192.0.2.255\nA. 2 IN A 192.0.2.255\n"
				     "a. 3 IN A 192.0.2.255\nb\\046c.d. 4 IN A 192.0.2.255\n"
				     "b\\046c.d. 5 IN A 192.0.2.255\n");
	free(lines.p);
}

/* From 1970 to 2106, each day once and all seconds of a day: as gmtime has it. */
static void times_are_dates(void **state)
{
	uint8_t rdata[] = { 0, 1, 13, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct rr rr = { .owner = (const uint8_t *)"", .rdata = rdata, .type = TYPE_RRSIG, .rdlen = sizeof(rdata) };
	struct rr_lines lines = { 0 };
	char want[64];

	(void)state;
	for (uint64_t t = 0; t <= UINT32_MAX; t += 86400 - 1) {
		time_t when = (time_t)t;
		struct tm tm;
		struct wr w = wr_of(rdata + 8, 4);

		wr_u32(&w, (uint32_t)t);
		gmtime_r(&when, &tm);
		strftime(want, sizeof(want), ". 0 IN RRSIG A 13 0 60 %Y%m%d%H%M%S 19700101000000 0 . AQ==\n", &tm);
		lines.len = 0;
		rr_lines_add(&lines, &rr, 1);
		assert_int_equal(lines.len, strlen(want));
		assert_memory_equal(lines.p, want, lines.len);
	}
	free(lines.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_have_names_both_ways),
		cmocka_unit_test(rdata_has_the_form_of_its_type),
		cmocka_unit_test(names_go_lower_case_in_listed_types_only),
		cmocka_unit_test(compressible_names),
		cmocka_unit_test(rdata_order),
		cmocka_unit_test(stream_gives_records_back),
		cmocka_unit_test(text_of_records),
		cmocka_unit_test(lines_have_their_owners),
		cmocka_unit_test(times_are_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
