/* SPDX-License-Identifier: BSD-3-Clause */
#include "seal/seal.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct pair {
	uint8_t pk[32];
	struct secret *sk;
};

static struct pair make_pair(void)
{
	struct pair p = { .sk = secret_new(32) };

	crypto_box_keypair(p.pk, secret_open_rw(p.sk));
	secret_close(p.sk);
	return p;
}

static const uint8_t zone[] = "\7example\3org", other_zone[] = "\7example\3net", upper[] = "\7EXAMPLE\3org";
static const uint8_t hash[32] = { 1, 2, 3 }, other_hash[32] = { 1, 2, 4 };

static void a_box_opens_for_its_receiver_and_label(void **state)
{
	struct pair a = make_pair();
	struct seal_label label = { SEAL_SIGNER, zone, hash };
	struct secret *what = secret_random(1200), *out = NULL;
	uint8_t *box;
	size_t len;
	struct err e;

	(void)state;
	assert_int_equal(seal_make(&label, a.pk, what, &box, &len, &e), 0);
	label.name = upper; /* names have no case */
	assert_int_equal(seal_open(&label, a.pk, a.sk, box, len, &out, &e), 0);
	assert_true(secret_equal(what, out));
	secret_free(what);
	secret_free(out);
	secret_free(a.sk);
	free(box);
}

static void a_box_under_another_label_is_refused(void **state)
{
	static const struct {
		struct seal_label label;
		const char *says;
	} cases[] = {
		{ { SEAL_SIGNER, other_zone, hash }, "zone" },
		{ { SEAL_SIGNER, zone, other_hash }, "key hash" },
		{ { SEAL_RECOVERY, zone, hash }, "purpose" },
		{ { SEAL_ENGINE, zone, hash }, "purpose" },
	};
	const struct seal_label label = { SEAL_SIGNER, zone, hash };
	struct pair a = make_pair();
	struct secret *what = secret_random(50), *out = NULL;
	uint8_t *box;
	size_t len;
	struct err e;

	(void)state;
	assert_int_equal(seal_make(&label, a.pk, what, &box, &len, &e), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(seal_open(&cases[i].label, a.pk, a.sk, box, len, &out, &e), -1);
		assert_int_equal(e.code, ERR_CRYPTO);
		assert_non_null(strstr(e.text, cases[i].says));
		assert_null(out);
	}
	secret_free(what);
	secret_free(a.sk);
	free(box);
}

static void a_box_for_another_node_or_damaged_is_refused(void **state)
{
	const struct seal_label label = { SEAL_SIGNER, zone, hash };
	struct pair a = make_pair(), b = make_pair();
	struct secret *what = secret_random(50), *out = NULL;
	uint8_t *box;
	size_t len;
	struct err e;

	(void)state;
	assert_int_equal(seal_make(&label, a.pk, what, &box, &len, &e), 0);
	assert_int_equal(seal_open(&label, b.pk, b.sk, box, len, &out, &e), -1);
	for (size_t i = 0; i < len; i++) {
		box[i] ^= 1;
		assert_int_equal(seal_open(&label, a.pk, a.sk, box, len, &out, &e), -1);
		box[i] ^= 1;
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(seal_open(&label, a.pk, a.sk, box, cut, &out, &e), -1);
	assert_null(out);
	secret_free(what);
	secret_free(a.sk);
	secret_free(b.sk);
	free(box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_box_opens_for_its_receiver_and_label),
		cmocka_unit_test(a_box_under_another_label_is_refused),
		cmocka_unit_test(a_box_for_another_node_or_damaged_is_refused),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
