/* SPDX-License-Identifier: BSD-3-Clause */
/* Open keys are bounded, and a closed one opens again when it is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "arena/arena.h"
#include "seal/seal.h"
#include "secret/secret.h"
#include "signer/engine/keyring.h"

#define MORE 3

static const uint8_t zone[] = "\7example";
static struct engine_identity me;
static struct key *key;
static uint8_t *box;
static size_t box_len;

static int setup(void **state)
{
	struct seal_label label = { .purpose = SEAL_ENGINE, .name = zone };
	struct secret *der = NULL;
	struct err e;
	int rc;

	(void)state;
	if (secret_init(&e) != 0)
		return -1;
	me.box_sk = secret_new(32);
	crypto_box_keypair(me.box_pk, secret_open_rw(me.box_sk));
	secret_close(me.box_sk);
	if (key_generate(15, 257, 0, &key, &e) != 0 || key_pkcs8(key, &der, &e) != 0)
		return -1;
	label.hash = key_hash(key);
	rc = seal_make(&label, me.box_pk, der, &box, &box_len, &e);
	secret_free(der);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	key_free(key);
	secret_free(me.box_sk);
	free(box);
	return 0;
}

static struct ring_key *add(void)
{
	struct ring_key *k = NULL;
	const uint8_t *rdata;
	struct err e;
	size_t len;

	rdata = key_rdata(key, &len);
	if (ring_key_new(zone, key_hash(key), rdata, len, box, box_len, &me, &k, &e) != 0)
		fail_msg("%s", e.text);
	return k;
}

static bool signs(struct ring_key *k)
{
	uint8_t sig[KEY_SIG_MAX];
	size_t len;

	return key_sign(ring_key(k), zone, sizeof(zone), sig, &len, NULL) == 0 &&
	       key_verify(key, zone, sizeof(zone), sig, len, NULL) == 0;
}

static void open_keys_are_bounded_and_open_again_for_their_use(void **state)
{
	struct ring_key **k = mem_new(RING_OPEN_MAX + MORE, sizeof(struct ring_key *)), *last;

	(void)state;
	for (size_t i = 0; i < RING_OPEN_MAX + MORE; i++)
		k[i] = add();
	last = k[RING_OPEN_MAX + MORE - 1];
	assert_int_equal(ring_open(), RING_OPEN_MAX);
	assert_true(key_has_private(ring_key(k[0]))); /* it waits longest, and is used first */
	assert_false(key_has_private(ring_key(last)));
	assert_memory_equal(key_hash(ring_key(last)), key_hash(key), KEY_HASH_LEN);

	assert_int_equal(ring_key_use(last, NULL), 0);
	assert_int_equal(ring_key_use(last, NULL), 0);
	assert_true(signs(last));
	assert_int_equal(ring_open(), RING_OPEN_MAX + 1); /* what is used counts for itself */
	ring_key_done(last);
	assert_true(signs(last)); /* somebody uses it still */
	ring_key_done(last);
	assert_false(key_has_private(ring_key(last))); /* there are too many, and it had its use */
	assert_int_equal(ring_open(), RING_OPEN_MAX);
	for (size_t i = 0; i < RING_OPEN_MAX + MORE; i++)
		ring_key_unref(k[i]);
	assert_int_equal(ring_open(), 0);
	free(k);
}

static void a_key_that_is_shared_stays_until_the_last_lets_go(void **state)
{
	struct ring_key *k = add();

	(void)state;
	assert_true(ring_key_is(k, key_hash(key), box, box_len));
	assert_false(ring_key_is(k, key_hash(key), box, box_len - 1));
	ring_key_unref(ring_key_ref(k));
	assert_int_equal(ring_key_use(k, NULL), 0);
	assert_true(signs(k));
	ring_key_done(k);
	ring_key_unref(k);
	assert_int_equal(ring_open(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_keys_are_bounded_and_open_again_for_their_use),
		cmocka_unit_test(a_key_that_is_shared_stays_until_the_last_lets_go),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
