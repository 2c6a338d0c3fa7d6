/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "sign/apexkeys.h"

static const uint8_t zone[] = "\007example";

/* One key of a row: algorithm, flags, whether the private half is there; who should sign what with it. */
struct given {
	unsigned alg;
	uint16_t flags;
	bool private;
	bool signs_dnskey, signs_zone;
};

static const struct {
	const char *what;
	struct given key[4];
	enum err_code refused;
} rows[] = {
	{ "KSK and ZSK", { { 13, 257, true, true, false }, { 13, 256, true, false, true } }, ERR_NONE },
	{ "CSK", { { 15, 257, true, true, true } }, ERR_NONE },
	{ "ZSK alone", { { 15, 256, true, true, true } }, ERR_NONE },
	{ "two algorithms, each with its own",
	  { { 13, 257, true, true, false }, { 13, 256, true, false, true }, { 15, 257, true, true, true } },
	  ERR_NONE },
	{ "a key that is only published",
	  { { 13, 257, true, true, true }, { 13, 256, false, false, false } },
	  ERR_NONE },
	{ "a second KSK elsewhere",
	  { { 13, 257, true, true, true }, { 13, 257, false, false, false } },
	  ERR_NONE },
	{ "revoked", { { 13, 257, true, true, true }, { 13, 385, true, true, false } }, ERR_NONE },
	{ "KSK elsewhere",
	  { { 13, 257, false, false, false }, { 13, 256, true, false, true } },
	  ERR_REFUSED },
	{ "an algorithm without private keys",
	  { { 13, 257, true, true, true }, { 15, 257, false, false, false } },
	  ERR_REFUSED },
};

static struct key *make(const struct given *g)
{
	struct key *whole = NULL, *k = NULL;
	struct secret *der = NULL;
	uint8_t rdata[KEY_RDATA_MAX];
	const uint8_t *p;
	size_t len;
	struct err e;

	assert_int_equal(key_generate(g->alg, g->flags & 257, 0, &whole, &e), 0);
	p = key_rdata(whole, &len);
	memcpy(rdata, p, len);
	rdata[1] = (uint8_t)g->flags;
	assert_int_equal(key_pkcs8(whole, &der, &e), 0);
	if (g->private)
		assert_int_equal(key_from_pkcs8(rdata, len, der, &k, &e), 0);
	else
		assert_int_equal(key_from_dnskey(rdata, len, &k, &e), 0);
	secret_free(der);
	key_free(whole);
	return k;
}

static bool is_among(const struct key *k, struct key *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i] == k)
			return true;
	return false;
}

static bool has_signed(const struct key *k, const struct ready_rrset *r)
{
	struct err e;

	for (size_t i = 0; i < r->sig_count; i++)
		if (rrsig_verify(r->rrs, r->n, &r->sigs[i], zone, k, &e) == 0)
			return true;
	return false;
}

static void who_signs_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sign_params p = { .now = 1700000000, .inception_offset_s = 3600, .validity_s = 86400 };
		struct arena *arena = arena_new();
		struct apex_keys out;
		struct key *keys[4];
		size_t n = 0;
		struct err e;
		int rc;

		for (; n < 4 && rows[i].key[n].alg != 0; n++)
			keys[n] = make(&rows[i].key[n]);
		rc = apex_keys_make(zone, keys, n, 60, &p, arena, &out, &e);
		assert_int_equal(rc, rows[i].refused == ERR_NONE ? 0 : -1);
		if (rc != 0)
			assert_int_equal(e.code, rows[i].refused);
		for (size_t k = 0; k < n && rc == 0; k++) {
			if (has_signed(keys[k], &out.ready) != rows[i].key[k].signs_dnskey)
				fail_msg("%s: key %zu and the DNSKEY RRset", rows[i].what, k);
			if (is_among(keys[k], p.keys, p.key_count) != rows[i].key[k].signs_zone)
				fail_msg("%s: key %zu and the zone", rows[i].what, k);
			assert_int_equal(out.ready.n, n);
			assert_int_equal(p.ready_count, 1);
		}
		for (size_t k = 0; k < n; k++)
			key_free(keys[k]);
		arena_free(arena);
	}
}

/* The hash of a key set does not depend on order or REVOKE bits, and does on each key. */
static void key_sets_have_hashes(void **state)
{
	static const struct given given[3] = { { 13, 257, false, false, false },
					       { 15, 256, false, false, false },
					       { 13, 256, false, false, false } };
	struct rr rrs[3], turned[3];
	uint8_t a[KEY_HASH_LEN], b[KEY_HASH_LEN], rdata[KEY_RDATA_MAX];
	struct key *keys[3];
	struct err e;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len;

		keys[i] = make(&given[i]);
		rrs[i] = (struct rr){ .owner = zone, .type = TYPE_DNSKEY, .rdata = key_rdata(keys[i], &len) };
		rrs[i].rdlen = (uint16_t)len;
		turned[2 - i] = rrs[i];
	}
	memcpy(rdata, rrs[0].rdata, rrs[0].rdlen);
	rdata[1] |= DNSKEY_FLAG_REVOKE;
	turned[2].rdata = rdata;
	assert_int_equal(key_set_hash(rrs, 3, a, &e), 0);
	assert_int_equal(key_set_hash(turned, 3, b, &e), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(key_set_hash(rrs, 2, b, &e), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	rrs[1].rdlen = 3;
	assert_int_equal(key_set_hash(rrs, 3, b, &e), -1);
	for (size_t i = 0; i < 3; i++)
		key_free(keys[i]);
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_signs_what),
		cmocka_unit_test(key_sets_have_hashes),
	};

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
