/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sign/rrsig.h"
#include "../key/rrtext.h"
#include "../key/vectors.h"

static struct arena *arena;
static const struct window window = { 1700000000, 1701000000 };

static void published_signatures_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct rr dnskey = rr_of_text(arena, v->dnskey), rr = rr_of_text(arena, v->rr);
		struct rr sig = rr_of_text(arena, v->rrsig);
		struct key *k = NULL;
		struct err e;

		assert_int_equal(key_from_dnskey(dnskey.rdata, dnskey.rdlen, &k, &e), 0);
		if (rrsig_verify(&rr, 1, &sig, dnskey.owner, k, &e) != 0)
			fail_msg("%s: %s", v->name, e.text);
		((uint8_t *)(uintptr_t)rr.rdata)[rr.rdlen - 2] ^= 1;
		assert_int_equal(rrsig_verify(&rr, 1, &sig, dnskey.owner, k, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		key_free(k);
	}
}

static const unsigned all_algorithms[] = { 8, 10, 13, 14, 15, 16 };

static struct rr *rrset_of(const char *const *texts, size_t *n)
{
	struct rr *rrs = arena_alloc(arena, 64, sizeof(*rrs));

	for (*n = 0; texts[*n] != NULL; (*n)++)
		rrs[*n] = rr_of_text(arena, texts[*n]);
	return rrs;
}

static ldns_status judged_by_ldns(const struct rr *rrs, size_t n, const struct rr *sig, const uint8_t *zone,
				  const struct key *key)
{
	ldns_rr_list *rrset = ldns_rr_list_new(), *good = ldns_rr_list_new(), *keys = ldns_rr_list_new();
	size_t len;
	const uint8_t *rdata = key_rdata(key, &len);
	const struct rr dnskey = {
		.owner = zone, .type = TYPE_DNSKEY, .ttl = 3600, .rdata = rdata, .rdlen = (uint16_t)len
	};
	ldns_rr *s = rr_to_ldns(sig);
	ldns_status st;

	for (size_t i = 0; i < n; i++)
		ldns_rr_list_push_rr(rrset, rr_to_ldns(&rrs[i]));
	ldns_rr_list_push_rr(keys, rr_to_ldns(&dnskey));
	st = ldns_verify_rrsig_keylist_notime(rrset, s, keys, good);
	ldns_rr_free(s);
	ldns_rr_list_deep_free(rrset);
	ldns_rr_list_deep_free(keys);
	ldns_rr_list_free(good);
	return st;
}

static const char *const sets[][4] = {
	{ "www.Example.ORG. 300 IN A 192.0.2.1", "www.Example.ORG. 300 IN A 192.0.2.2", NULL },
	{ "*.example.org. 300 IN TXT \"a wildcard\"", NULL },
	{ "*.*.example.org. 300 IN A 192.0.2.3", NULL },
	{ "example.org. 0 IN MX 10 Mail.EXAMPLE.org.", NULL },
	{ "example.org. 2147483647 IN SOA Ns.Example.org. Host.Example.org. 1 2 3 4 5", NULL },
	{ "\\000\\255.\\.x.example.org. 1 IN SRV 0 0 53 Ns1.Example.ORG.", NULL },
	{ "x.example.org. 5 IN TYPE65280 \\# 3 4142ff", NULL },
	{ "x.example.org. 5 IN NAPTR 1 1 \"U\" \"E2U\" \"!^.*$!x!\" Some.WHERE.", NULL },
};

static void signatures_are_right_for_ldns(void **state)
{
	uint8_t zone[DNAME_MAX];
	struct err e;

	(void)state;
	assert_int_equal(dname_from_text("Example.org.", zone, &e), 0);
	for (size_t a = 0; a < sizeof(all_algorithms) / sizeof(all_algorithms[0]); a++) {
		struct key *k = NULL;

		assert_int_equal(key_generate(all_algorithms[a], 256, 0, &k, &e), 0);
		for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
			size_t n;
			struct rr *rrs = rrset_of(sets[i], &n), sig;

			assert_int_equal(rrsig_make(rrs, n, zone, k, window, arena, &sig, &e), 0);
			assert_int_equal(rrsig_verify(rrs, n, &sig, zone, k, &e), 0);
			assert_int_equal(judged_by_ldns(rrs, n, &sig, zone, k), LDNS_STATUS_OK);
			((uint8_t *)(uintptr_t)sig.rdata)[sig.rdlen - 3] ^= 0x10;
			assert_int_equal(rrsig_verify(rrs, n, &sig, zone, k, &e), -1);
			assert_int_not_equal(judged_by_ldns(rrs, n, &sig, zone, k), LDNS_STATUS_OK);
		}
		key_free(k);
	}
}

static void wildcards_count_without_the_star(void **state)
{
	static const char *const star[] = { "*.w.example. 60 IN A 192.0.2.1", NULL };
	static const char *const expanded[] = { "a.b.W.example. 17 IN A 192.0.2.1", NULL };
	uint8_t zone[DNAME_MAX];
	struct rr *rrs, *answer, sig;
	struct key *k = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(dname_from_text("example.", zone, &e), 0);
	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &k, &e), 0);
	rrs = rrset_of(star, &n);
	answer = rrset_of(expanded, &n);
	assert_int_equal(rrsig_make(rrs, 1, zone, k, window, arena, &sig, &e), 0);
	assert_int_equal(sig.rdata[3], 2);
	sig.owner = answer->owner;
	assert_int_equal(rrsig_verify(answer, 1, &sig, zone, k, &e), 0);
	key_free(k);
}

static void root_signs_itself(void **state)
{
	static const char *const soa[] = { ". 86400 IN SOA a. b. 1 2 3 4 5", NULL };
	static const uint8_t root[] = { 0 };
	struct rr *rrs, sig;
	struct key *k = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(key_generate(ALG_ECDSAP256SHA256, 257, 0, &k, &e), 0);
	rrs = rrset_of(soa, &n);
	assert_int_equal(rrsig_make(rrs, 1, root, k, window, arena, &sig, &e), 0);
	assert_int_equal(sig.rdata[3], 0);
	assert_int_equal(judged_by_ldns(rrs, 1, &sig, root, k), LDNS_STATUS_OK);
	key_free(k);
}

static void large_rrsets_are_signed(void **state)
{
	uint8_t zone[DNAME_MAX];
	struct rr rrs[100], sig;
	struct key *k = NULL;
	struct err e;

	(void)state;
	assert_int_equal(dname_from_text("example.", zone, &e), 0);
	assert_int_equal(key_generate(ALG_ECDSAP384SHA384, 257, 0, &k, &e), 0);
	for (size_t i = 0; i < 100; i++) {
		uint8_t *rdata = arena_bytes(arena, 600);

		memset(rdata, (int)i, 600);
		rrs[i] = (struct rr){ .owner = zone, .type = 65281, .ttl = 5, .rdata = rdata, .rdlen = 600 };
	}
	assert_int_equal(rrsig_make(rrs, 100, zone, k, window, arena, &sig, &e), 0);
	assert_int_equal(judged_by_ldns(rrs, 100, &sig, zone, k), LDNS_STATUS_OK);
	key_free(k);
}

static void verification_looks_at_every_field(void **state)
{
	static const char *const set[] = { "www.example. 60 IN A 192.0.2.1", NULL };
	uint8_t zone[DNAME_MAX], other[DNAME_MAX];
	struct rr *rrs, sig;
	struct key *k = NULL, *k2 = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(dname_from_text("example.", zone, &e), 0);
	assert_int_equal(dname_from_text("example.org.", other, &e), 0);
	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &k, &e), 0);
	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &k2, &e), 0);
	rrs = rrset_of(set, &n);
	assert_int_equal(rrsig_make(rrs, 1, zone, k, window, arena, &sig, &e), 0);
	assert_int_equal(rrsig_verify(rrs, 1, &sig, other, k, &e), -1);
	assert_int_equal(rrsig_verify(rrs, 1, &sig, zone, k2, &e), -1);
	for (size_t i = 0; i < sig.rdlen;
	     i++) { /* any octet: type, algorithm, labels, TTL, times, tag, name, signature */
		((uint8_t *)(uintptr_t)sig.rdata)[i] ^= 0x01;
		assert_int_equal(rrsig_verify(rrs, 1, &sig, zone, k, &e), -1);
		((uint8_t *)(uintptr_t)sig.rdata)[i] ^= 0x01;
	}
	for (uint16_t cut = 0; cut < sig.rdlen; cut++) {
		struct rr less = sig;

		less.rdlen = cut;
		assert_int_equal(rrsig_verify(rrs, 1, &less, zone, k, &e), -1);
	}
	key_free(k);
	key_free(k2);
}

int main(void)
{
	struct err e;
	int rc;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_signatures_verify),
		cmocka_unit_test(signatures_are_right_for_ldns),
		cmocka_unit_test(wildcards_count_without_the_star),
		cmocka_unit_test(root_signs_itself),
		cmocka_unit_test(large_rrsets_are_signed),
		cmocka_unit_test(verification_looks_at_every_field),
	};

	if (secret_init(&e) != 0)
		return 1;
	arena = arena_new();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(arena);
	return rc;
}
