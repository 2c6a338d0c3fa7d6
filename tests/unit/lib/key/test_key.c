/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key/key.h"
#include "rrtext.h"
#include "vectors.h"

static char dir[] = "/tmp/duet-test-key-XXXXXX";
static struct arena *arena;

static struct key *key_of(const struct vector *v)
{
	struct rr rr = rr_of_text(arena, v->dnskey);
	struct key *k = NULL;
	struct err e;

	assert_int_equal(dnskey_check(rr.rdata, rr.rdlen, &e), 0);
	if (key_from_dnskey(rr.rdata, rr.rdlen, &k, &e) != 0)
		fail_msg("%s: %s", v->name, e.text);
	return k;
}

static void published_keys_have_their_tags_and_ds(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct key *k = key_of(v);
		uint8_t out[4 + 48];
		struct rr dnskey = rr_of_text(arena, v->dnskey);

		assert_int_equal(key_tag(k), v->tag);
		assert_int_equal(key_alg(k), v->alg);
		assert_int_equal(dnskey_tag(dnskey.rdata, dnskey.rdlen), v->tag);
		assert_false(key_has_private(k));
		if (v->ds != NULL) {
			struct rr ds = rr_of_text(arena, v->ds);

			assert_int_equal(key_ds(k, dnskey.owner, ds.rdata[3], out), ds.rdlen);
			assert_memory_equal(out, ds.rdata, ds.rdlen);
		}
		key_free(k);
	}
}

static void tag_folds_the_carry_once(void **state)
{
	/* Sum 0x1ffff: low half 0xffff plus carry 1 is 0x10000, of which 16 bits count (RFC 4034 appendix B).
	 */
	static const uint8_t rdata[] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x01 };

	(void)state;
	assert_int_equal(dnskey_tag(rdata, sizeof(rdata)), 0x0000);
	assert_int_equal(dnskey_tag(rdata, 3), 0xff00);
}

static void hash_ignores_revoke(void **state)
{
	uint8_t rdata[KEY_RDATA_MAX];
	struct key *k, *revoked;
	const uint8_t *p;
	size_t len;
	struct err e;

	(void)state;
	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &k, &e), 0);
	p = key_rdata(k, &len);
	memcpy(rdata, p, len);
	rdata[1] |= DNSKEY_FLAG_REVOKE;
	assert_int_equal(key_from_dnskey(rdata, len, &revoked, &e), 0);
	assert_memory_equal(key_hash(k), key_hash(revoked), KEY_HASH_LEN);
	assert_int_equal(dnskey_tags(p, len).tag, key_tag(k));
	assert_int_equal(dnskey_tags(p, len).revoked, key_tag(revoked));
	assert_int_equal(dnskey_tags(rdata, len).tag, key_tag(revoked));
	assert_int_equal(dnskey_tags(rdata, len).revoked, key_tag(revoked));
	key_free(k);
	key_free(revoked);
}

static const unsigned all_algorithms[] = { 8, 10, 13, 14, 15, 16 };
#define ALGORITHMS (sizeof(all_algorithms) / sizeof(all_algorithms[0]))

static void new_keys_sign_and_survive_pkcs8(void **state)
{
	static const uint8_t data[] = "some octets";

	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct key *k = NULL, *back = NULL, *public = NULL;
		struct secret *der = NULL;
		uint8_t sig[KEY_SIG_MAX];
		size_t sig_len, len;
		const uint8_t *rdata;
		struct err e;

		assert_int_equal(key_generate(all_algorithms[i], 257, 0, &k, &e), 0);
		rdata = key_rdata(k, &len);
		assert_int_equal(key_pkcs8(k, &der, &e), 0);
		assert_int_equal(key_from_pkcs8(rdata, len, der, &back, &e), 0);
		assert_int_equal(key_from_dnskey(rdata, len, &public, &e), 0);
		for (int n = 0; n < 20; n++) { /* ECDSA: r and s with leading zeroes now and then */
			assert_int_equal(key_sign(back, data, sizeof(data), sig, &sig_len, &e), 0);
			assert_int_equal(sig_len, key_sig_len(public));
			assert_int_equal(key_verify(public, data, sizeof(data), sig, sig_len, &e), 0);
		}
		sig[sig_len / 2] ^= 1;
		assert_int_equal(key_verify(public, data, sizeof(data), sig, sig_len, &e), -1);
		sig[sig_len / 2] ^= 1;
		assert_int_equal(key_verify(public, data, sizeof(data) - 1, sig, sig_len, &e), -1);
		assert_int_equal(key_verify(public, data, sizeof(data), sig, sig_len - 1, &e), -1);
		assert_int_equal(key_sign(public, data, sizeof(data), sig, &sig_len, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		secret_free(der);
		key_free(k);
		key_free(back);
		key_free(public);
	}
}

/* What is written without OpenSSL's encoders is, octet by octet, what they write. */
static void pkcs8_is_openssls(void **state)
{
	static const unsigned algs[] = { ALG_ECDSAP256SHA256, ALG_ECDSAP384SHA384, ALG_ED25519, ALG_ED448 };

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(algs) / sizeof(algs[0]); i++) {
		struct secret *der = NULL;
		PKCS8_PRIV_KEY_INFO *info;
		EVP_PKEY *pkey = NULL;
		struct key *k = NULL;
		uint8_t *again = NULL;
		const uint8_t *p;
		struct err e;

		assert_int_equal(key_generate(algs[i % 4], 257, 0, &k, &e), 0);
		assert_int_equal(key_pkcs8(k, &der, &e), 0);
		p = secret_open(der);
		pkey = d2i_AutoPrivateKey(NULL, &p, (long)secret_len(der));
		assert_non_null(pkey);
		info = EVP_PKEY2PKCS8(pkey);
		assert_int_equal(i2d_PKCS8_PRIV_KEY_INFO(info, &again), secret_len(der));
		assert_memory_equal(again, p - secret_len(der), secret_len(der));
		secret_close(der);
		OPENSSL_free(again);
		PKCS8_PRIV_KEY_INFO_free(info);
		EVP_PKEY_free(pkey);
		secret_free(der);
		key_free(k);
	}
}

static void halves_that_do_not_match_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct key *a = NULL, *b = NULL, *out = NULL;
		struct secret *der = NULL;
		const uint8_t *rdata;
		size_t len;
		struct err e;

		assert_int_equal(key_generate(all_algorithms[i], 256, 0, &a, &e), 0);
		assert_int_equal(key_generate(all_algorithms[i], 256, 0, &b, &e), 0);
		rdata = key_rdata(a, &len);
		assert_int_equal(key_pkcs8(b, &der, &e), 0);
		assert_int_equal(key_from_pkcs8(rdata, len, der, &out, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		assert_null(out);
		secret_free(der);
		key_free(b);
		/* and a private half of another algorithm */
		assert_int_equal(key_generate(all_algorithms[(i + 2) % ALGORITHMS], 256, 0, &b, &e), 0);
		assert_int_equal(key_pkcs8(b, &der, &e), 0);
		assert_int_equal(key_from_pkcs8(rdata, len, der, &out, &e), -1);
		secret_free(der);
		key_free(a);
		key_free(b);
	}
}

static void dnskeys_that_are_not_sane_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = {
		{ ". IN DNSKEY 257 2 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
		  ERR_SYNTAX }, /* protocol */
		{ ". IN DNSKEY 257 3 5 AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexA==",
		  ERR_CRYPTO }, /* algorithm */
		{ ". IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1Sxa",
		  ERR_SYNTAX }, /* 30 octets */
		{ ". IN DNSKEY 257 3 13 "
		  "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr"
		  "+Wi9xMWyQLc8NAQ==",
		  ERR_CRYPTO },                                         /* not on the curve */
		{ ". IN DNSKEY 257 3 8 AwEAAcFcGsaxxdgi", ERR_CRYPTO }, /* 64 bits */
		{ ". IN DNSKEY 257 3 8 AAD/wVwaxrHF2CI=", ERR_SYNTAX }, /* exponent longer than all */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rr rr = rr_of_text(arena, bad[i].text);
		struct key *k = NULL;
		struct err e;

		assert_int_equal(key_from_dnskey(rr.rdata, rr.rdlen, &k, &e), -1);
		assert_int_equal(dnskey_check(rr.rdata, rr.rdlen, &e), -1);
		assert_int_equal(e.code, bad[i].code);
		assert_null(k);
	}
}

static void limits_of_new_keys(void **state)
{
	static const struct {
		unsigned alg, flags, bits;
	} bad[] = { { 5, 256, 0 },     { 8, 256, 1024 }, { 8, 256, 8192 },
		    { 13, 256, 2048 }, { 13, 0, 0 },     { 13, 385, 0 } };
	struct key *k = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(key_generate(bad[i].alg, (uint16_t)bad[i].flags, bad[i].bits, &k, &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
	}
	assert_int_equal(key_generate(8, 256, 4096, &k, &e), 0);
	assert_int_equal(key_sig_len(k), 512);
	key_free(k);
}

static void write_text(const char *name, const char *text, int mode)
{
	char path[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fputs("\n", f);
	fclose(f);
	assert_int_equal(chmod(path, (mode_t)mode), 0);
}

static void empty_dir(void)
{
	const struct dirent *entry;
	DIR *d = opendir(dir);

	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

static void bind_files_of_the_rfcs_can_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct rr dnskey = rr_of_text(arena, v->dnskey);
		char stem[DNAME_TEXT_MAX + 32], zone[DNAME_TEXT_MAX];
		struct key *keys[4] = { NULL };
		size_t n = 0;
		struct err e;

		if (v->private == NULL)
			continue;
		dname_to_text(dnskey.owner, zone);
		snprintf(stem, sizeof(stem), "K%s+%03u+%05u.key", zone, v->alg, v->tag);
		write_text(stem, v->dnskey, 0644);
		snprintf(stem, sizeof(stem), "K%s+%03u+%05u.private", zone, v->alg, v->tag);
		write_text(stem, v->private, 0600);
		if (key_read_bind(dir, dnskey.owner, keys, 4, &n, &e) != 0)
			fail_msg("%s: %s", v->name, e.text);
		assert_int_equal(n, 1);
		assert_int_equal(key_tag(keys[0]), v->tag);
		assert_true(key_has_private(keys[0]));
		key_free(keys[0]);
		empty_dir();
	}
}

static void bind_files_come_back(void **state)
{
	static const char *const zones[] = { "example.org.", ".", "a/b.Example.", "\\000\\032.x." };

	(void)state;
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		uint8_t zone[DNAME_MAX], other[DNAME_MAX];
		struct key *made[ALGORITHMS], *keys[ALGORITHMS + 1] = { NULL };
		size_t n = 0;
		struct err e;

		assert_int_equal(dname_from_text(zones[z], zone, &e), 0);
		assert_int_equal(dname_from_text("www.example.org.", other, &e), 0);
		for (size_t i = 0; i < ALGORITHMS; i++) {
			assert_int_equal(key_generate(all_algorithms[i], 257, 0, &made[i], &e), 0);
			if (key_write_bind(made[i], zone, 3600, NULL, dir, &e) != 0)
				fail_msg("%s", e.text);
			assert_int_equal(key_write_bind(made[i], zone, 3600, NULL, dir, &e), -1);
			assert_int_equal(e.code, ERR_EXISTS);
		}
		if (key_read_bind(dir, zone, keys, ALGORITHMS + 1, &n, &e) != 0)
			fail_msg("%s", e.text);
		assert_int_equal(n, ALGORITHMS);
		for (size_t i = 0; i < n; i++) {
			size_t found = 0;

			assert_true(key_has_private(keys[i]));
			for (size_t k = 0; k < ALGORITHMS; k++)
				found += memcmp(key_hash(keys[i]), key_hash(made[k]), KEY_HASH_LEN) == 0;
			assert_int_equal(found, 1);
			key_free(keys[i]);
		}
		assert_int_equal(key_read_bind(dir, zone, keys, ALGORITHMS - 1, &n, &e), -1);
		assert_int_equal(e.code, ERR_LIMIT);
		assert_int_equal(key_read_bind(dir, other, keys, ALGORITHMS, &n, &e), 0);
		assert_int_equal(n, 0);
		for (size_t i = 0; i < ALGORITHMS; i++)
			key_free(made[i]);
		empty_dir();
	}
}

static void wrong_private_file_is_refused(void **state)
{
	const struct vector *p256 = &vectors[2];
	struct rr dnskey = rr_of_text(arena, p256->dnskey);
	struct key *keys[2] = { NULL };
	size_t n = 0;
	struct err e;

	(void)state;
	write_text("Kexample.net.+013+55648.key", p256->dnskey, 0644);
	write_text("Kexample.net.+013+55648.private",
		   "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n"
		   "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mU=",
		   0600);
	assert_int_equal(key_read_bind(dir, dnskey.owner, keys, 2, &n, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	write_text("Kexample.net.+013+55648.private", p256->private, 0644);
	assert_int_equal(key_read_bind(dir, dnskey.owner, keys, 2, &n, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	write_text("Kexample.net.+013+55648.private", "Algorithm: 15\nPrivateKey: AAAA", 0600);
	assert_int_equal(key_read_bind(dir, dnskey.owner, keys, 2, &n, &e), -1);
	assert_int_equal(e.code, ERR_SYNTAX);
	empty_dir();
}

static void pem_is_what_openssl_reads(void **state)
{
	char path[256], command[512];
	struct key *k;
	struct stat st;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		snprintf(path, sizeof(path), "%s/%u.pem", dir, all_algorithms[i]);
		assert_int_equal(key_generate(all_algorithms[i], 257, 0, &k, &e), 0);
		assert_int_equal(key_write_pem(k, path, &e), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		snprintf(command, sizeof(command), "openssl pkey -in %s -noout -check >/dev/null 2>&1", path);
		assert_int_equal(system(command), 0);
		key_free(k);
	}
	empty_dir();
}

/* The private half may lie beside the .key file as PEM, and must belong to it. */
static void pem_beside_a_key_file_comes_back(void **state)
{
	static const uint8_t zone[] = "\007example";
	char command[512];
	struct key *k, *back[2], *other;
	const uint8_t *rdata, *got;
	size_t n, len, got_len;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		char path[300];

		assert_int_equal(key_generate(all_algorithms[i], 257, 0, &k, &e), 0);
		assert_int_equal(key_write_bind(k, zone, 60, NULL, dir, &e), 0);
		snprintf(path, sizeof(path), "%s/Kexample.+%03u+%05u.pem", dir, all_algorithms[i], key_tag(k));
		assert_int_equal(key_write_pem(k, path, &e), 0);
		snprintf(command, sizeof(command), "rm %s/*.private; sed -i 's/$/\\r/' %s", dir, path);
		assert_int_equal(system(command), 0);
		if (key_read_bind(dir, zone, back, 2, &n, &e) != 0)
			fail_msg("%s", e.text);
		assert_int_equal(n, 1);
		assert_true(key_has_private(back[0]));
		rdata = key_rdata(k, &len);
		got = key_rdata(back[0], &got_len);
		assert_int_equal(got_len, len);
		assert_memory_equal(got, rdata, len);
		key_free(back[0]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(key_generate(all_algorithms[i], 257, 0, &other, &e), 0);
		assert_int_equal(key_write_pem(other, path, &e), 0);
		assert_int_equal(key_read_bind(dir, zone, back, 2, &n, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		snprintf(command, sizeof(command), "sed -i 3d %s", path);
		assert_int_equal(system(command), 0);
		assert_int_equal(key_read_bind(dir, zone, back, 2, &n, &e), -1);
		key_free(other);
		key_free(k);
		empty_dir();
	}
}

struct many {
	pthread_t thread;
	const struct key *key;
	bool failed;
};

static void *sign_many(void *arg)
{
	struct many *m = arg;
	struct key_signer *s = NULL;
	uint8_t data[40] = { 0 }, sig[KEY_SIG_MAX];
	size_t len;
	struct err e;

	m->failed = key_signer_new(m->key, &s, &e) != 0;
	for (uint8_t i = 0; i < 8 && !m->failed; i++) {
		data[0] = i;
		m->failed = key_signer_sign(s, data, sizeof(data), sig, &len, &e) != 0 ||
			    key_verify(m->key, data, sizeof(data), sig, len, &e) != 0;
	}
	key_signer_free(s);
	return NULL;
}

/* One key, a signer in each thread. */
static void threads_sign_with_one_key(void **state)
{
	struct key *k;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct many many[3];

		assert_int_equal(key_generate(all_algorithms[i], 256, 0, &k, &e), 0);
		for (size_t t = 0; t < 3; t++) {
			many[t] = (struct many){ .key = k };
			assert_int_equal(pthread_create(&many[t].thread, NULL, sign_many, &many[t]), 0);
		}
		for (size_t t = 0; t < 3; t++) {
			pthread_join(many[t].thread, NULL);
			assert_false(many[t].failed);
		}
		key_free(k);
	}
}

/* Nonces are random: two signatures over the same differ, and both are right. */
static void kernel_gives_the_randomness(void **state)
{
	uint8_t first[KEY_SIG_MAX], second[KEY_SIG_MAX], octets[64] = { 0 };
	size_t first_len, second_len, zeroes = 0;
	struct key *k;
	struct err e;

	(void)state;
	assert_int_equal(key_random_init(&e), 0);
	assert_int_equal(RAND_status(), 1);
	assert_int_equal(RAND_priv_bytes(octets, sizeof(octets)), 1);
	for (size_t i = 0; i < sizeof(octets); i++)
		zeroes += octets[i] == 0;
	assert_true(zeroes < 16);
	assert_int_equal(key_generate(ALG_ECDSAP256SHA256, 256, 0, &k, &e), 0);
	assert_int_equal(key_sign(k, octets, sizeof(octets), first, &first_len, &e), 0);
	assert_int_equal(key_sign(k, octets, sizeof(octets), second, &second_len, &e), 0);
	assert_int_equal(first_len, second_len);
	assert_memory_not_equal(first, second, first_len);
	assert_int_equal(key_verify(k, octets, sizeof(octets), first, first_len, &e), 0);
	assert_int_equal(key_verify(k, octets, sizeof(octets), second, second_len, &e), 0);
	key_free(k);
}

static void names_of_algorithms(void **state)
{
	(void)state;
	assert_int_equal(key_algorithm_from_text("ecdsap256sha256"), 13);
	assert_int_equal(key_algorithm_from_text("15"), 15);
	assert_int_equal(key_algorithm_from_text("7"), 0);
	assert_int_equal(key_algorithm_from_text(""), 0);
	assert_int_equal(key_algorithm_from_text("-13"), 0);
	assert_string_equal(key_algorithm_text(16), "ED448");
	assert_string_equal(key_algorithm_text(7), "7");
	assert_string_equal(key_algorithm_text(105), "105");
	assert_string_equal(key_algorithm_text(253), "253");
}

int main(void)
{
	struct err e;
	int rc;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_keys_have_their_tags_and_ds),
		cmocka_unit_test(tag_folds_the_carry_once),
		cmocka_unit_test(hash_ignores_revoke),
		cmocka_unit_test(new_keys_sign_and_survive_pkcs8),
		cmocka_unit_test(pkcs8_is_openssls),
		cmocka_unit_test(halves_that_do_not_match_are_refused),
		cmocka_unit_test(dnskeys_that_are_not_sane_are_refused),
		cmocka_unit_test(limits_of_new_keys),
		cmocka_unit_test(bind_files_of_the_rfcs_can_be_read),
		cmocka_unit_test(bind_files_come_back),
		cmocka_unit_test(wrong_private_file_is_refused),
		cmocka_unit_test(pem_is_what_openssl_reads),
		cmocka_unit_test(pem_beside_a_key_file_comes_back),
		cmocka_unit_test(threads_sign_with_one_key),
		cmocka_unit_test(kernel_gives_the_randomness), /* to the end */
		cmocka_unit_test(threads_sign_with_one_key),
		cmocka_unit_test(names_of_algorithms),
	};

	if (secret_init(&e) != 0 || mkdtemp(dir) == NULL)
		return 1;
	arena = arena_new();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	empty_dir();
	rmdir(dir);
	arena_free(arena);
	return rc;
}
