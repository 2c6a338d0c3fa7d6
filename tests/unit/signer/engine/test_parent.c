/* SPDX-License-Identifier: BSD-3-Clause */
/* What one answer of a parent's server says about DS. */
#include "signer/engine/parent.h"

#include "nsec/nsec.h"
#include "sign/rrsig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW 1800000000

struct world {
	struct arena *arena;
	uint8_t child[DNAME_MAX], parent[DNAME_MAX];
	struct key *key, *other;
	uint8_t keys[2048], rrs[4096], auth[4096];
	struct wr rrs_w, auth_w;
	struct parent_keys trust;
	struct parent_answer answer;
	struct observed o;
};

static const uint8_t ds[36] = { 0x12, 0x34, 13, 2, 1, 2, 3 };

static int setup(void **state)
{
	struct world *w = mem_new(1, sizeof(*w));
	struct wr keys = wr_of(w->keys, sizeof(w->keys));
	size_t len;
	struct err e;

	w->arena = arena_new();
	dname_from_text("example.org.", w->child, NULL);
	dname_from_text("org.", w->parent, NULL);
	assert_int_equal(key_generate(13, 256, 0, &w->key, &e), 0);
	assert_int_equal(key_generate(13, 256, 0, &w->other, &e), 0);
	rr_write(&keys, &(struct rr){ .owner = w->parent, .rdata = key_rdata(w->key, &len), .type = TYPE_DNSKEY, .ttl = 60,
				      .rdlen = (uint16_t)len });
	w->trust = (struct parent_keys){ OBSERVED_SECURE, w->parent, w->keys, keys.at };
	w->rrs_w = wr_of(w->rrs, sizeof(w->rrs));
	w->auth_w = wr_of(w->auth, sizeof(w->auth));
	w->answer = (struct parent_answer){ .aa = true };
	memcpy(w->o.zone, w->child, sizeof(w->child));
	addr_parse("192.0.2.1#53", 0, &w->o.server, NULL);
	w->o.role = OBSERVED_PARENT;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	key_free(w->key);
	key_free(w->other);
	arena_free(w->arena);
	free(w);
	return 0;
}

static void put(struct world *w, struct wr *to, struct rr *rr, const struct key *key, int64_t from)
{
	struct rr sig;

	rr_write(to, rr);
	if (key == NULL)
		return;
	assert_int_equal(rrsig_make(rr, 1, w->parent, key, (struct window){ from, from + 7200 }, w->arena, &sig, NULL), 0);
	rr_write(to, &sig);
}

static void put_ds(struct world *w, const struct key *key, int64_t from)
{
	put(w, &w->rrs_w, &(struct rr){ .owner = w->child, .rdata = ds, .rdlen = sizeof(ds), .type = TYPE_DS, .ttl = 300 },
	    key, from);
}

static void put_soa(struct world *w, const uint8_t *owner)
{
	uint8_t rdata[22] = { 0 };

	rdata[21] = 30; /* minimum */
	put(w, &w->auth_w, &(struct rr){ .owner = owner, .rdata = rdata, .rdlen = 22, .type = TYPE_SOA, .ttl = 60 }, NULL, 0);
}

static void put_nsec(struct world *w, const char *owner_text, const char *next_text, const uint16_t *types, size_t n)
{
	uint8_t owner[DNAME_MAX], next[DNAME_MAX], bitmap[BITMAP_MAX];
	struct rr rr = { .ttl = 30 };

	dname_from_text(owner_text, owner, NULL);
	dname_from_text(next_text, next, NULL);
	nsec_rdata(next, bitmap, bitmap_write(types, n, bitmap), w->arena, &rr);
	rr.owner = owner;
	rr.type = TYPE_NSEC;
	rr.ttl = 30;
	put(w, &w->auth_w, &rr, w->key, NOW - 3600);
}

static enum observed_outcome judge(struct world *w)
{
	w->answer.rrs = w->rrs;
	w->answer.rrs_len = w->rrs_w.at;
	w->answer.auth = w->auth;
	w->answer.auth_len = w->auth_w.at;
	w->o.sets = 0;
	parent_judge(&w->answer, &w->trust, NOW, w->arena, &w->o);
	assert_true(observed_counts(&w->o) == (w->o.outcome == OBSERVED_ANSWERED && w->o.trust != OBSERVED_UNCHECKED));
	return w->o.outcome;
}

static void a_ds_that_is_signed_rightly_counts(void **state)
{
	struct world *w = *state;

	put_ds(w, w->key, NOW - 3600);
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	assert_int_equal(w->o.trust, OBSERVED_SECURE);
	assert_int_equal(observed_set(&w->o, TYPE_DS)->n, 1);
	assert_int_equal(observed_set(&w->o, TYPE_DS)->ttl, 300);
	w->trust.trust = OBSERVED_UNCHECKED; /* nobody can say whether the parent is signed */
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	assert_false(observed_counts(&w->o));
}

static void a_ds_of_a_signed_parent_without_right_signature_is_bogus(void **state)
{
	struct world *w = *state;

	put_ds(w, NULL, 0);
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->rrs_w.at = 0;
	put_ds(w, w->other, NOW - 3600);
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->rrs_w.at = 0;
	put_ds(w, w->key, NOW - 7201); /* expired */
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->rrs_w.at = 0;
	put_ds(w, w->key, NOW + 1); /* not yet */
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->rrs_w.at = 0;
	put_ds(w, w->key, NOW - 3600);
	w->rrs[w->child[0] + 40] ^= 1; /* of the DS itself */
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->trust.trust = OBSERVED_INSECURE;
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	assert_true(observed_counts(&w->o));
}

static void only_the_parents_side_is_heard(void **state)
{
	struct world *w = *state;

	w->trust.trust = OBSERVED_INSECURE;
	put_ds(w, NULL, 0);
	w->answer.aa = false;
	assert_int_equal(judge(w), OBSERVED_LAME);
	w->answer.aa = w->answer.cname = true;
	assert_int_equal(judge(w), OBSERVED_LAME);
	w->answer.cname = false;
	w->answer.rcode = 5;
	assert_int_equal(judge(w), OBSERVED_REFUSED);
	w->answer.rcode = 0;
	w->rrs_w.at = 0;
	assert_int_equal(judge(w), OBSERVED_LAME); /* neither DS nor SOA */
	put_soa(w, w->child);
	assert_int_equal(judge(w), OBSERVED_LAME); /* the child speaks */
	w->auth_w.at = 0;
	put_soa(w, w->parent);
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	assert_int_equal(observed_set(&w->o, TYPE_DS)->n, 0);
	assert_int_equal(observed_set(&w->o, TYPE_DS)->ttl, 30);
	w->answer.rcode = 3;
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
}

static void that_there_is_none_must_be_proven_by_nsec(void **state)
{
	static const uint16_t cut[] = { TYPE_NS, TYPE_RRSIG, TYPE_NSEC };
	static const uint16_t secure[] = { TYPE_NS, TYPE_DS, TYPE_RRSIG, TYPE_NSEC };
	static const uint16_t apex[] = { TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC };
	static const struct {
		const char *owner, *next;
		const uint16_t *types;
		size_t n;
		enum observed_outcome want;
	} cases[] = {
		{ "example.org.", "f.org.", cut, 3, OBSERVED_ANSWERED },
		{ "example.org.", "f.org.", secure, 4, OBSERVED_BOGUS },
		{ "example.org.", "f.org.", apex, 4, OBSERVED_BOGUS }, /* of the child */
		{ "a.org.", "f.org.", cut, 3, OBSERVED_ANSWERED },     /* covers it */
		{ "f.org.", "z.org.", cut, 3, OBSERVED_BOGUS },
		{ "a.org.", "org.", cut, 3, OBSERVED_ANSWERED }, /* the last one */
	};
	struct world *w = *state;

	put_soa(w, w->parent);
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w->auth_w.at = 0;
		put_soa(w, w->parent);
		put_nsec(w, cases[i].owner, cases[i].next, cases[i].types, cases[i].n);
		assert_int_equal(judge(w), cases[i].want);
	}
}

static void put_nsec3(struct world *w, int from, int to, uint8_t flags, const uint16_t *types, size_t n)
{
	const struct nsec3_params params = { .iterations = 0 };
	uint8_t hash[NSEC3_HASH_LEN], next[NSEC3_HASH_LEN], owner[DNAME_MAX], bitmap[BITMAP_MAX];
	struct rr rr = { .ttl = 30 };

	nsec3_hash(&params, w->child, hash);
	memcpy(next, hash, sizeof(next));
	hash[NSEC3_HASH_LEN - 1] = (uint8_t)(hash[NSEC3_HASH_LEN - 1] + from);
	next[0] = (uint8_t)(next[0] + to);
	owner[0] = NSEC3_LABEL_LEN;
	nsec3_label(hash, owner + 1);
	memcpy(owner + 1 + NSEC3_LABEL_LEN, w->parent, dname_len(w->parent));
	nsec3_rdata(&params, flags, next, bitmap, bitmap_write(types, n, bitmap), w->arena, &rr);
	rr.owner = owner;
	rr.type = TYPE_NSEC3;
	rr.ttl = 30;
	put(w, &w->auth_w, &rr, w->key, NOW - 3600);
}

static void or_by_nsec3_with_opt_out(void **state)
{
	static const uint16_t cut[] = { TYPE_NS }, secure[] = { TYPE_NS, TYPE_DS, TYPE_RRSIG };
	struct world *w = *state;

	put_soa(w, w->parent);
	put_nsec3(w, 0, 1, 0, cut, 1); /* it matches */
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	w->auth_w.at = 0;
	put_soa(w, w->parent);
	put_nsec3(w, 0, 1, 0, secure, 3);
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->auth_w.at = 0;
	put_soa(w, w->parent);
	put_nsec3(w, -1, 1, NSEC3_FLAG_OPTOUT, cut, 1); /* it covers, with opt-out */
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
	w->auth_w.at = 0;
	put_soa(w, w->parent);
	put_nsec3(w, -1, 1, 0, cut, 1); /* without: only where the name is not there */
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->answer.rcode = 3;
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
}

static void a_resolver_stands_in_by_ad(void **state)
{
	struct world *w = *state;

	w->o.role = OBSERVED_RESOLVER;
	w->answer.aa = false;
	put_ds(w, NULL, 0);
	assert_int_equal(judge(w), OBSERVED_BOGUS);
	w->answer.ad = true;
	assert_int_equal(judge(w), OBSERVED_ANSWERED);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_ds_that_is_signed_rightly_counts),
		T(a_ds_of_a_signed_parent_without_right_signature_is_bogus),
		T(only_the_parents_side_is_heard),
		T(that_there_is_none_must_be_proven_by_nsec),
		T(or_by_nsec3_with_opt_out),
		T(a_resolver_stands_in_by_ad),
	};

	secret_init(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
