/* SPDX-License-Identifier: BSD-3-Clause */
/* keydist's plan is believed only as far as it can be checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "arena/arena.h"
#include "msg/msg.h"
#include "seal/seal.h"
#include "secret/secret.h"
#include "signer/engine/plan.h"
#include "sign/rrsig.h"

#define NOW 1772366400

static const uint8_t zone[] = "\7example";
static const uint8_t other_zone[] = "\5other";
static struct engine_identity me, stranger;
static struct key *csk, *unlisted;

static void identity(struct engine_identity *id)
{
	struct secret *sk = secret_new(32);
	uint8_t *p = secret_open_rw(sk);

	crypto_box_keypair(id->box_pk, p);
	secret_close(sk);
	id->box_sk = sk;
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	if (secret_init(&e) != 0)
		return -1;
	identity(&me);
	identity(&stranger);
	return key_generate(13, 257, 0, &csk, &e) != 0 || key_generate(13, 257, 0, &unlisted, &e) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	key_free(csk);
	key_free(unlisted);
	secret_free(me.box_sk);
	secret_free(stranger.box_sk);
	return 0;
}

/* How a plan is made wrong. */
struct how {
	const struct engine_identity *to; /* whom the box is sealed to */
	const uint8_t *box_zone;
	struct key *signing;              /* the key in `keys` */
	int64_t until;                    /* end of the DNSKEY RRSIG */
	bool broken;                      /* its last octet is changed */
	const uint8_t *owner;             /* of the DNSKEY RRset */
	struct key *cds_by;               /* there is a CDNSKEY RRset, which it signs */
	bool unpublished;                 /* the key in `keys` is said to stand outside the DNSKEY RRset */
};

static json_t *signed_rrset(const struct how *how, uint16_t type, struct key *by, struct arena *a)
{
	size_t len;
	const uint8_t *rdata = key_rdata(csk, &len);
	struct rr rr = { .owner = how->owner, .rdata = rdata, .rdlen = (uint16_t)len, .type = type, .ttl = 3600 }, sig;
	struct window window = { .inception = NOW - 3600, .expiration = how->until };
	uint8_t octets[2048];
	struct wr w = wr_of(octets, sizeof(octets));

	assert_int_equal(rrsig_make(&rr, 1, how->owner, by, window, a, &sig, NULL), 0);
	rr_write(&w, &rr);
	rr_write(&w, &sig);
	if (how->broken)
		octets[w.at - 1] ^= 1;
	return json_pack("{s:s,s:o}", "type", type == TYPE_DNSKEY ? "DNSKEY" : "CDNSKEY", "rrset",
			 msg_json_base64(octets, w.at));
}

static json_t *ready(const struct how *how, struct arena *a)
{
	json_t *list = json_pack("[o]", signed_rrset(how, TYPE_DNSKEY, csk, a));

	if (how->cds_by != NULL)
		json_array_append_new(list, signed_rrset(how, TYPE_CDNSKEY, how->cds_by, a));
	return list;
}

static json_t *keys(const struct how *how)
{
	const struct seal_label label = { .purpose = SEAL_ENGINE, .name = how->box_zone, .hash = key_hash(how->signing) };
	struct secret *der;
	uint8_t *box;
	size_t box_len, len;
	const uint8_t *rdata = key_rdata(how->signing, &len);
	json_t *j;

	assert_int_equal(key_pkcs8(how->signing, &der, NULL), 0);
	assert_int_equal(seal_make(&label, how->to->box_pk, der, &box, &box_len, NULL), 0);
	j = json_pack("[{s:o,s:o,s:o}]", "hash", msg_json_hex(key_hash(how->signing), KEY_HASH_LEN), "dnskey",
		      msg_json_base64(rdata, len), "box", msg_json_base64(box, box_len));
	if (how->unpublished)
		json_object_set_new(json_array_get(j, 0), "published", json_false());
	free(box);
	secret_free(der);
	return j;
}

static json_t *message(const struct how *how)
{
	struct policy policy = policy_default();
	struct arena *a = arena_new();
	json_t *j = json_pack("{s:s,s:b,s:i,s:s,s:o,s:s,s:o,s:o,s:i,s:i,s:{s:I,s:i},s:b,s:{s:s}}", "zone", "example.", "gone", 0, "rev", 3,
			      "source", "file:example.zone", "policy", policy_to_json(&policy), "state", "signed", "ready",
			      ready(how, a), "keys", keys(how), "steps", 2, "epoch", 1, "floor", "serial",
			      (json_int_t)2026030100, "rev", 1, "hold", 0, "shows", "token", "0123");

	arena_free(a);
	assert_non_null(j);
	return j;
}

static struct how right(void)
{
	return (struct how){ .to = &me, .box_zone = zone, .signing = csk, .until = NOW + 86400, .owner = zone };
}

static int try(const struct how *how, struct plan **out, struct err *e)
{
	json_t *j = message(how);
	int rc = plan_read(j, zone, &me, NULL, NOW, out, e);

	json_decref(j);
	return rc;
}

static void a_right_plan_is_taken_whole(void **state)
{
	struct how how = right();
	struct plan *p;
	struct err e;

	(void)state;
	assert_int_equal(try(&how, &p, &e), 0);
	assert_int_equal(p->state, PLAN_SIGNED);
	assert_int_equal(p->key_count, 1);
	assert_true(key_has_private(p->keys[0]));
	assert_memory_equal(key_hash(p->keys[0]), key_hash(csk), KEY_HASH_LEN);
	assert_int_equal(p->ready_count, 1);
	assert_int_equal(p->ready_until, how.until);
	assert_int_equal(p->floor, 2026030100);
	assert_int_equal(p->steps, 2);
	assert_string_equal(p->source, "file:example.zone");
	plan_unref(p);
}

/* As in a conservative algorithm roll; it signs CDNSKEY, too, which is the zone's. */
static void a_key_signs_before_its_dnskey_where_the_plan_says_so(void **state)
{
	struct how how = right();
	struct plan *p;
	struct err e;

	(void)state;
	how.signing = how.cds_by = unlisted;
	how.unpublished = true;
	if (try(&how, &p, &e) != 0)
		fail_msg("%s", e.text);
	assert_true(p->unpublished[0]);
	plan_unref(p);
}

static void a_wrong_plan_is_refused(void **state)
{
	struct how to_stranger = right(), of_other_zone = right(), not_listed = right(), expired = right(), broken = right(),
		   elsewhere = right(), listed = right(), by_nobody = right();
	const struct {
		const char *what;
		const struct how *how;
	} cases[] = {
		{ "a box for another node", &to_stranger },       { "a box for another zone", &of_other_zone },
		{ "a key outside the DNSKEY RRset", &not_listed }, { "an expired RRSIG", &expired },
		{ "a broken RRSIG", &broken },                    { "another zone's DNSKEY RRset", &elsewhere },
		{ "a key that is in the DNSKEY RRset, and said not to be", &listed },
		{ "CDNSKEY by a key that signs nothing else", &by_nobody },
	};

	(void)state;
	to_stranger.to = &stranger;
	of_other_zone.box_zone = other_zone;
	not_listed.signing = unlisted;
	expired.until = NOW;
	broken.broken = true;
	elsewhere.owner = other_zone;
	listed.unpublished = true;
	by_nobody.cds_by = unlisted;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan *p = NULL;
		struct err e;

		if (try(cases[i].how, &p, &e) == 0)
			fail_msg("%s was taken", cases[i].what);
		assert_null(p);
		assert_true(strlen(e.text) > 0);
	}
}

/* Each member in turn is absent, null, of another type. */
static void every_member_is_looked_at(void **state)
{
	static const char *const needed[] = { "source", "policy", "state", "ready", "keys", "steps", "epoch", "shows" };
	struct how how = right();

	(void)state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		for (int way = 0; way < 3; way++) {
			json_t *j = message(&how);
			struct plan *p = NULL;
			struct err e;

			if (way == 0)
				json_object_del(j, needed[i]);
			else
				json_object_set_new(j, needed[i], way == 1 ? json_null() : json_real(0.5));
			if (plan_read(j, zone, &me, NULL, NOW, &p, &e) == 0)
				fail_msg("%s, way %d", needed[i], way);
			json_decref(j);
		}
}

static void what_a_version_is_made_of_changes_the_hash(void **state)
{
	struct how how = right();
	struct plan *a, *b;
	json_t *j;

	(void)state;
	assert_int_equal(try(&how, &a, NULL), 0);
	how.until += 1000; /* other RRSIGs over the same: no new version for that */
	assert_int_equal(try(&how, &b, NULL), 0);
	assert_memory_equal(a->hash, b->hash, sizeof(a->hash));
	plan_unref(b);
	j = message(&how);
	json_object_set_new(json_object_get(j, "policy"), "denial", json_string("nsec3"));
	assert_int_equal(plan_read(j, zone, &me, NULL, NOW, &b, NULL), 0);
	json_decref(j);
	assert_memory_not_equal(a->hash, b->hash, sizeof(a->hash));
	plan_unref(a);
	plan_unref(b);
}

static void one_policy_is_in_memory_once(void **state)
{
	struct how how = right();
	struct plan *a, *b, *other;
	json_t *j = message(&how);

	(void)state;
	json_object_set_new(json_object_get(j, "policy"), "denial", json_string("nsec3"));
	assert_int_equal(try(&how, &a, NULL), 0);
	assert_int_equal(try(&how, &b, NULL), 0);
	assert_int_equal(plan_read(j, zone, &me, NULL, NOW, &other, NULL), 0);
	assert_ptr_equal(a->policy, b->policy);
	assert_ptr_not_equal(a->policy, other->policy);
	assert_int_equal(other->policy->denial, POLICY_NSEC3);
	plan_unref(a); /* the other one has it still */
	assert_string_equal(b->policy->name, "default");
	assert_int_not_equal(b->policy->denial, POLICY_NSEC3);
	plan_unref(b);
	plan_unref(other);
	json_decref(j);
}

static void states_without_keys_need_none(void **state)
{
	static const struct { const char *text; enum plan_state state; } cases[] = {
		{ "held", PLAN_HELD }, { "unsigned", PLAN_UNSIGNED }, { "keep", PLAN_KEEP },
	};
	struct how how = right();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *j = message(&how);
		struct plan *p;

		json_object_set_new(j, "state", json_string(cases[i].text));
		json_object_set_new(j, "ready", json_array());
		json_object_set_new(j, "keys", json_array());
		assert_int_equal(plan_read(j, zone, &me, NULL, NOW, &p, NULL), 0);
		assert_int_equal(p->state, cases[i].state);
		assert_int_equal(p->key_count, 0);
		plan_unref(p);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_plan_is_taken_whole),
		cmocka_unit_test(a_key_signs_before_its_dnskey_where_the_plan_says_so),
		cmocka_unit_test(a_wrong_plan_is_refused),
		cmocka_unit_test(every_member_is_looked_at),
		cmocka_unit_test(what_a_version_is_made_of_changes_the_hash),
		cmocka_unit_test(one_policy_is_in_memory_once),
		cmocka_unit_test(states_without_keys_need_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
