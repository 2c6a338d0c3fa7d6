/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* "example." SOA, RD, EDNS with DO and 1232 octets */
static const uint8_t soa_query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"
				   "\x07"
				   "example\x00\x00\x06\x00\x01"
				   "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";
#define SOA_QUERY_LEN (sizeof(soa_query) - 1)

/* IXFR of "example." from serial 7 */
static const uint8_t ixfr_query[] = "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00"
				    "\x07"
				    "example\x00\x00\xfb\x00\x01"
				    "\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00\x00\x00\x00\x07"
				    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
#define IXFR_QUERY_LEN (sizeof(ixfr_query) - 1)

static void reads_question_and_edns(void **state)
{
	struct dns_msg m;

	(void)state;
	assert_int_equal(dns_msg_read(soa_query, SOA_QUERY_LEN, &m, NULL), 0);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.flags, DNS_RD);
	assert_int_equal(m.qtype, TYPE_SOA);
	assert_int_equal(m.qclass, CLASS_IN);
	assert_memory_equal(m.qname, "\007example", 9);
	assert_true(m.edns && m.dnssec_ok);
	assert_int_equal(m.udp_size, 1232);
	assert_false(m.has_serial);
	assert_false(m.tsig.present);
}

static void reads_the_serial_of_ixfr(void **state)
{
	uint8_t copy[IXFR_QUERY_LEN];
	struct dns_msg m;

	(void)state;
	assert_int_equal(dns_msg_read(ixfr_query, IXFR_QUERY_LEN, &m, NULL), 0);
	assert_true(m.has_serial);
	assert_int_equal(m.serial, 7);
	/* another owner's SOA is none */
	memcpy(copy, ixfr_query, sizeof(copy));
	copy[28] = 0x14;
	assert_int_equal(dns_msg_read(copy, sizeof(copy), &m, NULL), 0);
	assert_false(m.has_serial);
}

/* Every message cut off somewhere is refused, and no read leaves the buffer (seen by the sanitizer). */
static void refuses_what_is_cut_off(void **state)
{
	(void)state;
	for (size_t len = 0; len < IXFR_QUERY_LEN; len++) {
		uint8_t *copy = malloc(len == 0 ? 1 : len);
		struct dns_msg m;

		memcpy(copy, ixfr_query, len);
		assert_int_equal(dns_msg_read(copy, len, &m, NULL), -1);
		if (len >= DNS_HEADER_LEN)
			assert_int_equal(m.id, 0x1234);
		free(copy);
	}
}

static void refuses_what_does_not_follow_the_format(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t octet;
	} cases[] = {
		{ "two questions", 5, 2 },
		{ "a record more than there is", 11, 2 },
		{ "a record less than there is", 11, 0 },
		{ "a pointer to itself as question", 12, 0xc0 },
		{ "a label of 64", 12, 64 },
		{ "OPT with an owner", 25, 1 },
		{ "OPT among the answers", 7, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t copy[SOA_QUERY_LEN];
		struct dns_msg m;

		memcpy(copy, soa_query, sizeof(copy));
		copy[cases[i].at] = cases[i].octet;
		if (cases[i].at == 7)
			copy[11] = 0;
		if (dns_msg_read(copy, sizeof(copy), &m, NULL) == 0)
			fail_msg("%s is read", cases[i].why);
	}
}

static void refuses_two_opt_records(void **state)
{
	uint8_t copy[SOA_QUERY_LEN + 11];
	struct dns_msg m;

	(void)state;
	memcpy(copy, soa_query, SOA_QUERY_LEN);
	memcpy(copy + SOA_QUERY_LEN, soa_query + SOA_QUERY_LEN - 11, 11);
	copy[11] = 2;
	assert_int_equal(dns_msg_read(copy, sizeof(copy), &m, NULL), -1);
}

/* A record's rdata with compressed names comes out whole. */
static void rdata_loses_its_compression(void **state)
{
	static const struct {
		uint16_t type;
		const char *rdata;
		size_t len;
		const char *want; /* NULL: refused */
		size_t want_len;
	} cases[] = {
		{ TYPE_NS, "\xc0\x0c", 2, "\007example", 9 },
		{ TYPE_MX,
		  "\x00\x0a\x01"
		  "a\xc0\x0c",
		  6, "\x00\x0a\001a\007example", 13 },
		{ 33, "\x00\x01\x00\x02\x00\x03\xc0\x0c", 8, "\x00\x01\x00\x02\x00\x03\007example", 15 },
		{ TYPE_NS, "\xc0\x30", 2, NULL, 0 },     /* forward */
		{ TYPE_NS, "\xc0\x0c\x00", 3, NULL, 0 }, /* and an octet more */
		{ TYPE_NS, "\x01", 1, NULL, 0 },         /* a name that leaves the rdata */
		{ TYPE_MX, "\x00", 1, NULL, 0 },
		{ TYPE_A, "\xc0\x0c\x00", 3, NULL, 0 },
		{ TYPE_A, "\xc0\x0c\x00\x01", 4, "\xc0\x0c\x00\x01", 4 },
		{ 65280, "\xc0\x0c", 2, "\xc0\x0c", 2 }, /* unknown: as it is (RFC 3597) */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static uint8_t out[DNS_MESSAGE_MAX];
		uint8_t buf[128];
		struct wr w = wr_of(buf, sizeof(buf));
		struct dns_msg m;
		struct dns_rr rr;
		struct rd r;
		struct err e;
		long len;

		dns_build_header(&w, 1, DNS_QR, DNS_QUERY, 0);
		dns_build_question(&w, (const uint8_t *)"\007example", 252, CLASS_IN);
		dns_build_rr(&w, DNS_ANSWER,
			     &(struct rr){ .owner = (const uint8_t *)"\001x",
					   .type = cases[i].type,
					   .rdata = (const uint8_t *)cases[i].rdata,
					   .rdlen = (uint16_t)cases[i].len });
		/* something to leave into */
		dns_build_rr(&w, DNS_ANSWER,
			     &(struct rr){ .owner = (const uint8_t *)"",
					   .type = TYPE_TXT,
					   .rdata = (const uint8_t *)"\001a",
					   .rdlen = 2 });
		assert_int_equal(dns_msg_read(buf, w.at, &m, &e), 0);
		r = rd_of(buf, w.at);
		r.at = m.question_end;
		assert_int_equal(dns_rr_read(&r, &rr, &e), 0);
		len = dns_rdata_read(&m, &rr, out, &e);
		if (cases[i].want == NULL ? len >= 0 : len != (long)cases[i].want_len)
			fail_msg("case %zu: length %ld", i, len);
		if (len > 0)
			assert_memory_equal(out, cases[i].want, cases[i].want_len);
	}
}

static void answers_are_read_back(void **state)
{
	uint8_t buf[512];
	struct wr w = wr_of(buf, sizeof(buf));
	const uint8_t *name = (const uint8_t *)"\007eXample";
	struct dns_msg m;

	(void)state;
	dns_build_header(&w, 77, DNS_QR | DNS_AA, DNS_QUERY, RCODE_BADVERS);
	dns_build_question(&w, name, TYPE_SOA, CLASS_IN);
	dns_build_rr(&w, DNS_ANSWER,
		     &(struct rr){ .owner = name,
				   .type = TYPE_A,
				   .ttl = 5,
				   .rdata = (const uint8_t *)"\1\2\3\4",
				   .rdlen = 4 });
	assert_int_equal(buf[12 + 9 + 4], 0xc0); /* the owner is a pointer to the question */
	dns_build_opt(&w, DNS_UDP_SIZE, true, RCODE_BADVERS, 18);
	assert_int_equal(dns_msg_read(buf, w.at, &m, NULL), 0);
	assert_int_equal(m.rcode, RCODE_BADVERS);
	assert_int_equal(m.ancount, 1);
	assert_int_equal(m.arcount, 1);
	assert_true(m.dnssec_ok);
}

static void a_record_that_does_not_fit_is_left_out(void **state)
{
	uint8_t buf[DNS_HEADER_LEN + 10];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)state;
	dns_build_header(&w, 77, DNS_QR, DNS_QUERY, 0);
	dns_build_rr(&w, DNS_ANSWER,
		     &(struct rr){ .owner = (const uint8_t *)"", .type = TYPE_A, .rdata = buf, .rdlen = 4 });
	assert_true(w.bad);
	assert_int_equal(buf[7], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_question_and_edns),
		cmocka_unit_test(reads_the_serial_of_ixfr),
		cmocka_unit_test(refuses_what_is_cut_off),
		cmocka_unit_test(refuses_what_does_not_follow_the_format),
		cmocka_unit_test(refuses_two_opt_records),
		cmocka_unit_test(rdata_loses_its_compression),
		cmocka_unit_test(answers_are_read_back),
		cmocka_unit_test(a_record_that_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
