/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/tsig.h"

#include "dns/message.h"
#include "tests/unit/lib/dns/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AT 1700000000

static const uint8_t key_name[] = "\001k\007example";

#define ROW(alg, bits)                                                                                       \
	{                                                                                                    \
		alg, query_##bits, sizeof(query_##bits), first_##bits, sizeof(first_##bits), second_##bits,  \
			sizeof(second_##bits), third_##bits, sizeof(third_##bits), badtime_##bits,           \
			sizeof(badtime_##bits)                                                               \
	}

static const struct row {
	enum tsig_alg alg;
	const uint8_t *query;
	size_t query_len;
	const uint8_t *first;
	size_t first_len;
	const uint8_t *second;
	size_t second_len;
	const uint8_t *third;
	size_t third_len;
	const uint8_t *badtime;
	size_t badtime_len;
} rows[] = { ROW(TSIG_HMAC_SHA256, 256), ROW(TSIG_HMAC_SHA384, 384), ROW(TSIG_HMAC_SHA512, 512) };
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct tsig_key *key_of(enum tsig_alg alg, uint8_t first)
{
	uint8_t octets[64];

	for (size_t i = 0; i < tsig_mac_len(alg); i++)
		octets[i] = (uint8_t)i;
	octets[0] = first;
	return tsig_key_new(key_name, alg, secret_from(octets, tsig_mac_len(alg)));
}

static struct dns_msg parse(const uint8_t *p, size_t len)
{
	struct dns_msg m;
	struct err e;

	assert_int_equal(dns_msg_read(p, len, &m, &e), 0);
	return m;
}

/* A signed message without its TSIG, as it was before: what is to be signed. */
static size_t unsign(const struct dns_msg *m, uint8_t *out)
{
	memcpy(out, m->p, m->tsig.at);
	out[11]--;
	return m->tsig.at;
}

static void query_of_another_program_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct tsig_key *keys[] = { key_of(rows[i].alg, 77), key_of(rows[i].alg, 0) };
		struct dns_msg m = parse(rows[i].query, rows[i].query_len);
		struct tsig *t;
		bool formerr;

		assert_int_equal(tsig_verify_query(&m, keys, 2, AT, &t, &formerr), TSIG_NOERROR);
		assert_non_null(t);
		assert_ptr_equal(tsig_used_key(t), keys[1]);
		tsig_free(t);
		tsig_key_unref(keys[0]);
		tsig_key_unref(keys[1]);
	}
}

static void what_we_sign_is_what_another_program_signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct tsig_key *key = key_of(rows[i].alg, 0);
		struct dns_msg query = parse(rows[i].query, rows[i].query_len), m;
		uint8_t message[512], record[TSIG_RR_MAX];
		struct tsig *t = tsig_new(key);
		bool formerr;
		size_t len;

		/* as client */
		len = unsign(&query, message);
		assert_int_equal(tsig_sign(t, message, len, AT, TSIG_NOERROR, record),
				 rows[i].query_len - len);
		assert_memory_equal(record, rows[i].query + len, rows[i].query_len - len);
		tsig_free(t);
		/* as server: the first message, then the third, which covers nothing of the second here */
		assert_int_equal(tsig_verify_query(&query, &key, 1, AT, &t, &formerr), TSIG_NOERROR);
		m = parse(rows[i].first, rows[i].first_len);
		len = unsign(&m, message);
		assert_int_equal(tsig_sign(t, message, len, AT, TSIG_NOERROR, record),
				 rows[i].first_len - len);
		assert_memory_equal(record, rows[i].first + len, rows[i].first_len - len);
		tsig_free(t);
		/* BADTIME: signed, tells our time (RFC 8945 section 5.2.3) */
		assert_int_equal(tsig_verify_query(&query, &key, 1, AT + 1000, &t, &formerr), TSIG_BADTIME);
		m = parse(rows[i].badtime, rows[i].badtime_len);
		len = unsign(&m, message);
		assert_int_equal(tsig_sign(t, message, len, AT + 1000, TSIG_BADTIME, record),
				 rows[i].badtime_len - len);
		assert_memory_equal(record, rows[i].badtime + len, rows[i].badtime_len - len);
		tsig_free(t);
		tsig_key_unref(key);
	}
}

/* A client that has sent the row's query. */
static struct tsig *client(const struct row *row, struct tsig_key *key)
{
	struct dns_msg query = parse(row->query, row->query_len);
	uint8_t message[512], record[TSIG_RR_MAX];
	struct tsig *t = tsig_new(key);

	assert_int_not_equal(tsig_sign(t, message, unsign(&query, message), AT, TSIG_NOERROR, record), 0);
	return t;
}

static void stream_of_another_program_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct tsig_key *key = key_of(rows[i].alg, 0);
		struct tsig *t = client(&rows[i], key);
		struct dns_msg first = parse(rows[i].first, rows[i].first_len);
		struct dns_msg second = parse(rows[i].second, rows[i].second_len);
		struct dns_msg third = parse(rows[i].third, rows[i].third_len);
		struct err e;

		assert_int_equal(tsig_verify(t, &first, AT, &e), 0);
		assert_int_equal(tsig_verify_end(t, &e), 0);
		assert_int_equal(tsig_verify(t, &second, AT, &e), 0);
		assert_int_equal(tsig_verify_end(t, &e), -1);
		assert_int_equal(tsig_verify(t, &third, AT, &e), 0);
		assert_int_equal(tsig_verify_end(t, &e), 0);
		tsig_free(t);
		/* the same without its second message */
		t = client(&rows[i], key);
		assert_int_equal(tsig_verify(t, &first, AT, &e), 0);
		assert_int_equal(tsig_verify(t, &third, AT, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		tsig_free(t);
		/* the first must be signed */
		t = client(&rows[i], key);
		assert_int_equal(tsig_verify(t, &second, AT, &e), -1);
		tsig_free(t);
		/* at its own time */
		t = client(&rows[i], key);
		assert_int_equal(tsig_verify(t, &first, AT + TSIG_FUDGE_S, &e), 0);
		tsig_free(t);
		t = client(&rows[i], key);
		assert_int_equal(tsig_verify(t, &first, AT + TSIG_FUDGE_S + 1, &e), -1);
		tsig_free(t);
		tsig_key_unref(key);
	}
}

static void every_octet_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct tsig_key *key = key_of(rows[i].alg, 0);
		uint8_t copy[512];

		for (size_t at = 0; at < rows[i].query_len; at++) {
			struct dns_msg m;
			struct tsig *t = NULL;
			bool formerr = false;
			enum tsig_error error;

			memcpy(copy, rows[i].query, rows[i].query_len);
			copy[at] ^= 0x40;
			/* The message's own ID is not covered (RFC 8945 section 5.3.1 has the original one).
			 */
			if (at < 2 || dns_msg_read(copy, rows[i].query_len, &m, NULL) != 0 || !m.tsig.present)
				continue;
			error = tsig_verify_query(&m, &key, 1, AT, &t, &formerr);
			if (error == TSIG_NOERROR)
				fail_msg("octet %zu", at);
			tsig_free(t);
		}
		tsig_key_unref(key);
	}
}

static void errors_are_told_apart(void **state)
{
	const struct row *row = &rows[0];
	struct tsig_key *right = key_of(row->alg, 0), *wrong = key_of(row->alg, 1);
	struct tsig_key *other_alg = key_of(TSIG_HMAC_SHA512, 0);
	struct tsig_key *other_name = tsig_key_new((const uint8_t *)"\001x", row->alg, secret_random(32));
	struct dns_msg m = parse(row->query, row->query_len), answer;
	uint8_t record[TSIG_RR_MAX * 2], message[512];
	struct tsig *t;
	bool formerr;
	struct err e;
	size_t len;

	(void)state;
	assert_int_equal(tsig_verify_query(&m, NULL, 0, AT, &t, &formerr), TSIG_BADKEY);
	assert_int_equal(tsig_verify_query(&m, &other_name, 1, AT, &t, &formerr), TSIG_BADKEY);
	assert_int_equal(tsig_verify_query(&m, &other_alg, 1, AT, &t, &formerr), TSIG_BADKEY);
	assert_int_equal(tsig_verify_query(&m, &wrong, 1, AT, &t, &formerr), TSIG_BADSIG);
	assert_null(t);
	assert_int_equal(tsig_verify_query(&m, &right, 1, AT - TSIG_FUDGE_S - 1, &t, &formerr), TSIG_BADTIME);
	assert_non_null(t);
	tsig_free(t);

	/* What a client reads of an unsigned refusal. */
	struct wr w = wr_of(message, sizeof(message));

	dns_build_header(&w, m.id, DNS_QR, DNS_QUERY, RCODE_NOTAUTH);
	dns_build_question(&w, m.qname, m.qtype, m.qclass);
	len = tsig_error_rr(&m, TSIG_BADKEY, AT, record);
	dns_build_raw(&w, record, len);
	answer = parse(message, w.at);
	assert_int_equal(answer.tsig.error, TSIG_BADKEY);
	assert_int_equal(answer.tsig.mac_len, 0);
	t = client(row, right);
	assert_int_equal(tsig_verify(t, &answer, AT, &e), -1);
	assert_non_null(strstr(e.text, "BADKEY"));
	tsig_free(t);
	tsig_key_unref(right);
	tsig_key_unref(wrong);
	tsig_key_unref(other_alg);
	tsig_key_unref(other_name);
}

static void cut_macs_follow_the_rules(void **state)
{
	static const struct {
		uint16_t len;
		bool formerr;
		enum tsig_error error;
	} cases[] = {
		/* hmac-sha256: RFC 8945 section 5.2.2.1, and our policy of whole MACs */
		{ 32, false, TSIG_NOERROR }, { 31, false, TSIG_BADTRUNC }, { 16, false, TSIG_BADTRUNC },
		{ 15, true, TSIG_NOERROR },  { 9, true, TSIG_NOERROR },    { 0, true, TSIG_NOERROR },
	};
	struct tsig_key *key = key_of(TSIG_HMAC_SHA256, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_msg m = parse(query_256, sizeof(query_256));
		struct tsig *t;
		bool formerr;
		enum tsig_error error;

		m.tsig.mac_len = cases[i].len;
		error = tsig_verify_query(&m, &key, 1, AT, &t, &formerr);
		assert_int_equal(formerr, cases[i].formerr);
		if (!formerr)
			assert_int_equal(error, cases[i].error);
		tsig_free(t);
	}
	/* longer than the algorithm's */
	struct dns_msg m = parse(query_256, sizeof(query_256));
	uint8_t longer[64] = { 0 };
	struct tsig *t;
	bool formerr;

	m.tsig.mac = longer;
	m.tsig.mac_len = 33;
	tsig_verify_query(&m, &key, 1, AT, &t, &formerr);
	assert_true(formerr);
	assert_null(t);
	tsig_key_unref(key);
}

static void hundred_messages_without_tsig_are_too_many(void **state)
{
	struct tsig_key *key = key_of(TSIG_HMAC_SHA256, 0);
	struct dns_msg query = parse(query_256, sizeof(query_256)), m;
	struct tsig *server, *t = client(&rows[0], key);
	uint8_t message[512], record[TSIG_RR_MAX];
	struct wr w = wr_of(message, sizeof(message));
	struct err e;
	bool formerr;
	size_t len;

	(void)state;
	assert_int_equal(tsig_verify_query(&query, &key, 1, AT, &server, &formerr), TSIG_NOERROR);
	dns_build_header(&w, query.id, DNS_QR, DNS_QUERY, 0);
	len = tsig_sign(server, message, w.at, AT, TSIG_NOERROR, record);
	dns_build_raw(&w, record, len);
	m = parse(message, w.at);
	assert_int_equal(tsig_verify(t, &m, AT, &e), 0);
	m = parse(second_256, sizeof(second_256));
	for (int i = 0; i < 99; i++)
		assert_int_equal(tsig_verify(t, &m, AT, &e), 0);
	assert_int_equal(tsig_verify(t, &m, AT, &e), -1);
	tsig_free(t);
	tsig_free(server);
	tsig_key_unref(key);
}

static void algorithms_by_name(void **state)
{
	(void)state;
	assert_int_equal(tsig_alg_from_text("hmac-sha256"), TSIG_HMAC_SHA256);
	assert_int_equal(tsig_alg_from_text("HMAC-SHA384."), TSIG_HMAC_SHA384);
	assert_int_equal(tsig_alg_from_text("hmac-sha512"), TSIG_HMAC_SHA512);
	assert_int_equal(tsig_alg_from_text("hmac-sha51"), 0);
	assert_int_equal(tsig_alg_from_text("hmac-sha5120"), 0);
	assert_int_equal(tsig_alg_from_text("hmac-md5.sig-alg.reg.int"), 0);
	assert_int_equal(tsig_alg_from_text(""), 0);
}

static int start(void **state)
{
	(void)state;
	return secret_init(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_of_another_program_verifies),
		cmocka_unit_test(what_we_sign_is_what_another_program_signs),
		cmocka_unit_test(stream_of_another_program_verifies),
		cmocka_unit_test(every_octet_counts),
		cmocka_unit_test(errors_are_told_apart),
		cmocka_unit_test(cut_macs_follow_the_rules),
		cmocka_unit_test(hundred_messages_without_tsig_are_too_many),
		cmocka_unit_test(algorithms_by_name),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
