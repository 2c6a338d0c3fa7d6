/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "nsec/nsec.h"

/* How often OpenSSL has asked for memory. */
static size_t asked;

static void *count_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	asked++;
	return malloc(n);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	asked++;
	return realloc(p, n);
}

static void count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void hashes_of_rfc_5155(void **state)
{
	static const struct {
		const char *name, *hash;
	} rows[] = {
		/* RFC 5155 appendix A: 12 iterations, salt aabbccdd */
		{ "example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom" },
		{ "a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl" },
		{ "ai.example.", "gjeqe526plbf1g8mklp59enfd789njgi" },
		{ "ns1.example.", "2t7b4g4vsa5smi47k61mv5bv1a22bojr" },
		{ "ns2.example.", "q04jkcevqvmu85r014c7dkba38o0ji5r" },
		{ "w.example.", "k8udemvp1j2f7eg6jebps17vp3n8i58h" },
		{ "*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en" },
		{ "x.w.example.", "b4um86eghhds6nea196smvmlo4ors995" },
		{ "y.w.example.", "ji6neoaepv8b5o6k4ev33abha8ht9fgc" },
		{ "x.y.w.example.", "2vptu5timamqttgl4luu9kg21e0aor3s" },
		{ "xx.example.", "t644ebqk9bibcna874givr6joj62mlhv" },
		{ "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.", "kohar7mbb8dc2ce8a9qvl8hon4k53uhi" },
		{ "XX.Example.", "t644ebqk9bibcna874givr6joj62mlhv" },
	};
	const struct nsec3_params params = { .iterations = 12,
					     .salt_len = 4,
					     .salt = { 0xaa, 0xbb, 0xcc, 0xdd } };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t name[DNAME_MAX], hash[NSEC3_HASH_LEN], back[NSEC3_HASH_LEN], label[NSEC3_LABEL_LEN];

		assert_int_equal(dname_from_text(rows[i].name, name, &e), 0);
		nsec3_hash(&params, name, hash);
		nsec3_label(hash, label);
		assert_memory_equal(label, rows[i].hash, sizeof(label));
		assert_int_equal(nsec3_unlabel(label, back), 0);
		assert_memory_equal(back, hash, sizeof(hash));
		label[5] = 'w';
		assert_int_equal(nsec3_unlabel(label, back), -1);
	}
}

static void bitmaps(void **state)
{
	static const struct {
		uint16_t types[6];
		size_t n, len;
		uint8_t octets[48];
	} rows[] = {
		{ { 0 }, 0, 0, { 0 } },
		{ { 1, 15, 46, 47 }, 4, 8, { 0, 6, 0x40, 0x01, 0, 0, 0, 0x03 } },
		/* RFC 4034 section 4.3: A MX RRSIG NSEC TYPE1234 */
		{ { 1, 15, 46, 47, 1234 }, 5, 37, { 0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 27, 0,   0, 0,
						    0, 0, 0,    0,    0, 0, 0, 0,    0, 0,  0,   0, 0,
						    0, 0, 0,    0,    0, 0, 0, 0,    0, 0,  0x20 } },
		{ { 255, 256, 65535 }, 3, 34 + 3 + 34, { 0, 32 } },
	};
	uint8_t out[BITMAP_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bitmap_write(rows[i].types, rows[i].n, out), rows[i].len);
		assert_memory_equal(out, rows[i].octets, rows[i].len < 40 ? rows[i].len : 2);
	}
	assert_int_equal(out[33], 0x01);
	assert_int_equal(out[34], 1);
	assert_int_equal(out[36], 0x80);
	assert_int_equal(out[37], 255);
	assert_int_equal(out[70], 0x01);
}

static void every_type_at_once_fits(void **state)
{
	static uint16_t types[65536];
	static uint8_t out[BITMAP_MAX];

	(void)state;
	for (size_t i = 0; i < 65536; i++)
		types[i] = (uint16_t)i;
	assert_int_equal(bitmap_write(types, 65536, out), BITMAP_MAX);
}

static void nsec3_records(void **state)
{
	const struct nsec3_params params = { .iterations = 258, .salt_len = 2, .salt = { 0xab, 0xcd } };
	const uint8_t next[NSEC3_HASH_LEN] = { 1, 2, 3 };
	static const uint8_t bitmap[] = { 0, 1, 0x20 };
	static const uint8_t head[] = { 1, 1, 1, 2, 2, 0xab, 0xcd, 20, 1, 2, 3 };
	static const uint8_t param[] = { 1, 0, 1, 2, 2, 0xab, 0xcd };
	struct arena *a = arena_new();
	struct rr rr = { 0 };

	(void)state;
	nsec3_rdata(&params, NSEC3_FLAG_OPTOUT, next, bitmap, sizeof(bitmap), a, &rr);
	assert_int_equal(rr.type, TYPE_NSEC3);
	assert_int_equal(rr.rdlen, 8 + 20 + 3);
	assert_memory_equal(rr.rdata, head, sizeof(head));
	nsec3_rdata(&params, 0, next, NULL, 0, a, &rr); /* an empty non-terminal has no bitmap at all */
	assert_int_equal(rr.rdlen, 8 + 20);
	nsec3param_rdata(&params, a, &rr);
	assert_int_equal(rr.type, TYPE_NSEC3PARAM);
	assert_int_equal(rr.rdlen, sizeof(param));
	assert_memory_equal(rr.rdata, param, sizeof(param));
	arena_free(a);
}

/* One of each name of a zone is made, in each thread. */
static void a_hash_asks_for_no_memory(void **state)
{
	const struct nsec3_params params = { .iterations = 3, .salt_len = 2, .salt = { 1, 2 } };
	uint8_t name[DNAME_MAX], hash[NSEC3_HASH_LEN];
	struct err e;
	size_t before;

	(void)state;
	assert_int_equal(dname_from_text("x.example.", name, &e), 0);
	nsec3_hash(&params, name, hash);
	before = asked;
	for (int i = 0; i < 1000; i++)
		nsec3_hash(&params, name, hash);
	assert_int_equal(asked, before);
	EVP_MD_CTX_free(EVP_MD_CTX_new());
	assert_true(asked > before); /* or nobody counts */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_rfc_5155),
		cmocka_unit_test(a_hash_asks_for_no_memory),
		cmocka_unit_test(bitmaps),
		cmocka_unit_test(every_type_at_once_fits),
		cmocka_unit_test(nsec3_records),
	};

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free)) /* before OpenSSL has any */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
