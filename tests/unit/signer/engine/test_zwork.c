/* SPDX-License-Identifier: BSD-3-Clause */
/* What others' words do to a zone: of this node's own versions, and of what they have. */
#include "signer/engine/withheld.h"
#include "signer/engine/zwork.h"

#include "key/key.h"
#include "signer/engine/plan.h"
#include "store/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SELF  "00000000000000aa"
#define OTHER "00000000000000bb"
#define LOST_ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct engine engine;
static struct zwork zone;

static int setup(void **state)
{
	(void)state;
	memset(&engine, 0, sizeof(engine));
	memset(&zone, 0, sizeof(zone));
	snprintf(engine.identity.node_id_text, sizeof(engine.identity.node_id_text), SELF);
	zone.engine = &engine;
	zone.name = (char *)"zone.";
	TAILQ_INIT(&engine.poked);
	TAILQ_INIT(&engine.telling_later);
	TAILQ_INIT(&engine.telling_now);
	engine.stopping = true; /* nothing is to be done about it */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(zone.peer);
	past_fini(&zone.others);
	history_fini(&zone.history);
	return 0;
}

static void hear(const char *node, json_int_t dnskey_ttl, json_int_t zone_ttl)
{
	json_t *status = json_pack("{s:I,s:I}", "dnskey_ttl", dnskey_ttl, "zone_ttl", zone_ttl);

	zwork_word(&zone, node, "signer", status);
	json_decref(status);
}

/* An old copy was put back that knows of smaller TTLs: what was published with the larger ones is in caches still. */
static void the_largest_ttls_of_its_own_come_back(void **state)
{
	(void)state;
	zone.kept.shows.dnskey_ttl = 300;
	zone.kept.shows.zone_ttl = 600;
	hear(OTHER, 7200, 7200); /* another signer's are its own matter */
	assert_int_equal(zone.kept.shows.dnskey_ttl, 300);
	hear(SELF, 3600, 60);
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 600);
	hear(SELF, 60, 86400);
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 86400);
	hear(SELF, -1, (json_int_t)INT32_MAX + 1); /* no TTL (RFC 2181 section 8) */
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 86400);
}

/* A version of its own that it lacks: whoever remembers it may be away after the next start. */
static void its_own_lost_version_is_known_over_a_restart(void **state)
{
	char dir[] = "/tmp/duet-test-zwork-XXXXXX", command[100];
	json_t *status = json_pack("{s:i,s:i,s:s}", "serial", 2026112305, "content", 4, "id", LOST_ID);
	struct zwork *again = mem_new(1, sizeof(*again));
	struct store_write write = { .what = STORE_KEEP }, *list = &write;
	const uint64_t wanted = zone.save_wanted;
	struct err e;
	char *keep;

	(void)state;
	dname_from_text(zone.name, zone.apex, NULL);
	zone.kept.last = 2026112303;
	zwork_word(&zone, SELF, "signer", status);
	assert_int_equal(zone.save_wanted, wanted + 1);
	zwork_word(&zone, SELF, "signer", status); /* which it is told again and again */
	assert_int_equal(zone.save_wanted, wanted + 1);
	keep = zwork_keep(&zone, &zone.kept);

	assert_non_null(mkdtemp(dir));
	assert_int_equal(store_open(dir, &engine.store, &e), 0);
	write.apex = zone.apex;
	write.keep = keep;
	store_write(engine.store, &list, 1);
	assert_int_equal(write.rc, 0);
	again->engine = &engine;
	memcpy(again->apex, zone.apex, sizeof(again->apex));
	zwork_open(again);
	assert_int_equal(again->self_serial, 2026112305);
	assert_int_equal(again->self_content.number, 4);
	free(keep);
	zone.kept.last = 2026112305; /* it has published above, or that */
	keep = zwork_keep(&zone, &zone.kept);
	assert_null(strstr(keep, "self"));
	free(keep);
	past_fini(&again->kept.own);
	past_fini(&again->others);
	free(again);
	store_close(engine.store);
	json_decref(status);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* ---- the number of the first content ---- */

static struct zone file;
static struct content input;
static struct plan plan;
static struct policy policy;

/* A file whose content, number 1, was taken before any word came. */
static void take_file(uint8_t digest)
{
	plan = (struct plan){ .state = PLAN_HELD, .epoch = 1, .source = (char *)"file:zone" };
	policy.input_order = POLICY_ORDER_SEEN;
	plan.policy = &policy;
	file = (struct zone){ .serial = 1 };
	memset(file.digest, digest, sizeof(file.digest));
	input = (struct content){ .zone = &file };
	zone.plan = &plan;
	zone.input = &input;
	zone.input_id = (struct content_id){ .epoch = 1, .number = 1 };
	memset(zone.input_id.digest, digest, sizeof(zone.input_id.digest));
}

static void hear_of(const char *node, uint64_t number, uint8_t digest, bool silent)
{
	struct content_id id = { .epoch = 1, .number = number };

	hear(node, 3600, 3600);
	memset(id.digest, digest, sizeof(id.digest));
	zone.peer[zone.peer_count - 1].v = (struct past_version){ .serial = 2026112300, .content = id };
	zone.peer[zone.peer_count - 1].silent = silent;
}

static uint64_t renumbered(void)
{
	input_renumber(&zone);
	return zone.input_id.number;
}

static void content_loaded_before_the_words_of_the_dead_is_newer_than_theirs(void **state)
{
	(void)state;
	take_file(0x22);
	hear_of(OTHER, 1, 0x11, true);
	assert_int_equal(renumbered(), 1); /* ours has the larger digest: it is newer already */
	hear_of("00000000000000cc", 1, 0x33, true);
	assert_int_equal(renumbered(), 2);
	assert_int_equal(renumbered(), 2);
	hear_of("00000000000000dd", 7, 0x11, true);
	assert_int_equal(renumbered(), 8);
}

/* The same where it waits for its review, with the input beside it or, after a start, without. */
static void what_waits_for_its_review_has_the_number_of_its_content(void **state)
{
	(void)state;
	take_file(0x22);
	zone.review.stage = REVIEW_SIGN;
	zone.review.content = zone.input_id;
	hear_of(OTHER, 4, 0x11, true);
	assert_int_equal(renumbered(), 5);
	assert_int_equal(zone.review.content.number, 5);
	assert_int_equal(zone.save_wanted, 1); /* it is durable */
	zone.input = NULL;
	zone.peer[0].v.content.number = 6;
	input_renumber(&zone);
	assert_int_equal(zone.review.content.number, 7);
	zone.review.content.digest[0] ^= 1;
	zone.input = &input;
	zone.input_id.number = 9; /* newer input, whose candidate it is not */
	input_renumber(&zone);
	assert_int_equal(zone.review.content.number, 7);
}

static void two_that_are_restored_give_the_same_number(void **state)
{
	(void)state;
	take_file(0x22);
	hear_of(OTHER, 1, 0x33, true);
	hear("00000000000000cc", 3600, 3600);
	zone.peer[1].taken = zone.input_id; /* the other one took it as 1, too */
	assert_int_equal(renumbered(), 2);
}

static void what_a_silent_one_had_before_stays_older(void **state)
{
	struct past_version old = { .serial = 2026112200, .content = { .epoch = 1, .number = 1 } };

	(void)state;
	take_file(0x22);
	memset(old.content.digest, 0x22, sizeof(old.content.digest));
	past_add(&zone.others, &old);
	hear_of(OTHER, 2, 0x33, true);
	assert_int_equal(renumbered(), 1); /* an old file, not a new one */
}

static void beside_a_signer_that_is_heard_the_number_stays(void **state)
{
	(void)state;
	take_file(0x22);
	hear_of(OTHER, 1, 0x33, false);
	assert_int_equal(renumbered(), 1);
}

/* ---- what had expired at the start ---- */

static void what_has_expired_is_served_once_nothing_better_is_to_come(void **state)
{
	const int64_t now = 1000000, late_ms = 5000 + WITHHELD_MS;
	struct made made = { .candidate = true };

	(void)state;
	assert_false(withheld_ends(&zone, late_ms, now)); /* it is served */
	zone.withheld_ms = late_ms;
	assert_false(withheld_ends(&zone, late_ms - 1, now));
	assert_true(withheld_ends(&zone, late_ms, now));
	zone.busy = true; /* it is being renewed */
	assert_false(withheld_ends(&zone, late_ms, now));
	zone.busy = false;
	zone.made = &made;
	assert_false(withheld_ends(&zone, late_ms, now));
	zone.made = NULL;
	hear_of(OTHER, 1, 0x11, true); /* silent, but secondaries may reach it */
	zone.peer[0].v.earliest = now + 1;
	assert_false(withheld_ends(&zone, late_ms, now));
	assert_true(withheld_ends(&zone, late_ms, now + 1)); /* that one has expired as well */
	zone.peer[0].v = (struct past_version){ .serial = 0, .earliest = INT64_MAX }; /* it publishes nothing */
	assert_true(withheld_ends(&zone, late_ms, now));
}

static void what_is_of_an_old_copy_is_late_once_its_time_is_over(void **state)
{
	(void)state;
	zone.withheld_ms = 5000 + WITHHELD_MS;
	assert_false(withheld_is_late(&zone, zone.withheld_ms)); /* it has expired, and is late by itself */
	zone.withheld_old = true;
	assert_false(withheld_is_late(&zone, zone.withheld_ms - 1));
	hear_of(OTHER, 1, 0x11, false); /* who has a better one that not all may ask */
	zone.peer[0].v.earliest = INT64_MAX;
	assert_true(withheld_is_late(&zone, zone.withheld_ms));
}

/* ---- what a secondary shows that nobody explains ---- */

static void key_set_of(const uint8_t *rdata, struct rr *rr, uint8_t out[32])
{
	struct err e;

	*rr = (struct rr){ .owner = (const uint8_t *)"\4zone", .rdata = rdata, .type = TYPE_DNSKEY, .rdlen = 36 };
	assert_int_equal(key_set_hash(rr, 1, out, &e), 0);
}

/* By whoever has come further than this node: with the DNSKEY RRset that is published here, or that the plan has. */
static void a_secondary_with_the_keys_of_the_plan_has_ours(void **state)
{
	static const uint8_t now_key[36] = { 1, 1, 3, 15, 1 }, next_key[36] = { 1, 1, 3, 15, 2 }, other_key[36] = { 1, 1, 3, 15, 3 };
	struct rr next, rr;
	struct version version = { .refs = 1 };
	struct ready_rrset ready = { .rrs = &next, .n = 1 };
	struct plan next_plan = { .ready = &ready, .ready_count = 1 };
	struct shown shown = { .now = { .ok = true, .serial = 7 }, .key_serial = 7 };

	(void)state;
	zone.version = &version;
	key_set_of(now_key, &rr, version.info.keyset);
	memcpy(shown.keyset, version.info.keyset, sizeof(shown.keyset));
	assert_true(secondary_has_our_keys(&zone, &shown));
	key_set_of(next_key, &next, shown.keyset);
	assert_false(secondary_has_our_keys(&zone, &shown));
	zone.plan = &next_plan;
	assert_true(secondary_has_our_keys(&zone, &shown));
	key_set_of(other_key, &rr, shown.keyset);
	assert_false(secondary_has_our_keys(&zone, &shown));
	key_set_of(now_key, &rr, shown.keyset);
	shown.key_serial = 6; /* of the version before */
	assert_false(secondary_has_our_keys(&zone, &shown));
	zone.version = NULL;
	zone.plan = NULL;
}

/* ---- what waits for a commit ---- */

static void note_steps(const char *const *steps)
{
	for (; *steps != NULL; steps++)
		history_note(&zone, NULL, *steps, "done", NULL);
}

static void assert_waiting(const char *const *steps)
{
	for (size_t i = 0; i < zone.history.n; i++) {
		json_t *o = json_loads(zone.history.text[i], 0, NULL);

		assert_non_null(steps[i]);
		assert_string_equal(json_string_value(json_object_get(o, "step")), steps[i]);
		json_decref(o);
	}
	assert_null(steps[zone.history.n]);
}

static void what_no_commit_took_goes_with_the_next_one_in_its_order(void **state)
{
	struct store_write w = { .what = STORE_KEEP };
	struct history h;

	(void)state;
	note_steps((const char *[]){ "load", "audit", NULL });
	history_take(&zone, &h, &w);
	assert_int_equal(w.history_count, 2);
	note_steps((const char *[]){ "dropped", NULL }); /* while it is written */
	history_written(&zone, &h, false);
	assert_waiting((const char *[]){ "load", "audit", "dropped", NULL });
	history_take(&zone, &h, &w);
	history_written(&zone, &h, true);
	assert_waiting((const char *[]){ NULL });
}

static void what_a_write_was_to_do_is_not_said_where_it_failed(void **state)
{
	struct store_write w = { .what = STORE_PUBLISH };
	struct history h;

	(void)state;
	note_steps((const char *[]){ "audit", "publish", NULL });
	history_take(&zone, &h, &w);
	history_acted(&zone, &h, false);
	assert_waiting((const char *[]){ "audit", NULL });
	note_steps((const char *[]){ "publish", NULL });
	history_take(&zone, &h, &w);
	history_acted(&zone, &h, true);
	assert_waiting((const char *[]){ NULL });
}

/* ---- an own source that lags behind what was taken from a peer ---- */

static void digest_of(uint8_t out[CONTENT_DIGEST_LEN], uint8_t octet)
{
	memset(out, octet, CONTENT_DIGEST_LEN);
}

/* Content 5 was taken, and the source had given what is known as content 3; content 4 was seen at a peer, and so was 0x77, once
 * more, as content 6. */
static void what_a_lagging_source_gives_counts_once_it_is_newer(void **state)
{
	static const struct { uint8_t gives; enum policy_order order; uint32_t serial; uint8_t given; uint64_t epoch; bool lags; } cases[] = {
		{ 0x33, POLICY_ORDER_SEEN, 1, 0, 1, true },    /* what it gave */
		{ 0x44, POLICY_ORDER_SEEN, 1, 0, 1, true },    /* what others had on the way */
		{ 0x55, POLICY_ORDER_SEEN, 1, 0, 1, false },   /* what was taken */
		{ 0x66, POLICY_ORDER_SEEN, 1, 0, 1, false },   /* nobody has seen it */
		{ 0x77, POLICY_ORDER_SEEN, 1, 0, 1, false },   /* published again, above */
		{ 0x66, POLICY_ORDER_SEEN, 1, 9, 1, true },    /* the same as before, with other DS of zones below */
		{ 0x33, POLICY_ORDER_SEEN, 1, 0, 2, false },   /* zone accept-serial */
		{ 0x33, POLICY_ORDER_SERIAL, 3, 0, 1, true },
		{ 0x66, POLICY_ORDER_SERIAL, 4, 0, 1, true },
		{ 0x44, POLICY_ORDER_SERIAL, 5, 0, 1, true },  /* another under its number, of the smaller digest */
		{ 0x66, POLICY_ORDER_SERIAL, 5, 0, 1, false }, /* of the larger one */
		{ 0x66, POLICY_ORDER_SERIAL, 9, 0, 1, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct content *c = mem_new(1, sizeof(*c));

		setup(state);
		take_file(0);
		zone.input = NULL;
		plan.epoch = cases[i].epoch;
		policy.input_order = cases[i].order;
		plan.given_hash[0] = cases[i].given;
		zone.damage = (char *)"made again";
		zone.kept.mine = (struct content_id){ .epoch = 1, .number = 5 };
		digest_of(zone.kept.mine.digest, 0x55);
		zone.lag = mem_new(1, sizeof(*zone.lag));
		zone.lag->id = zone.kept.mine;
		digest_of(zone.lag->own, 0x33);
		hear_of(OTHER, 4, 0x44, false);
		hear_of("00000000000000cc", 5, 0x55, false);
		if (cases[i].gives == 0x77)
			hear_of("00000000000000dd", 6, 0x77, false);
		c->zone = &file; /* nothing in it is to be freed */
		c->zone->serial = cases[i].serial;
		digest_of(c->zone->digest, cases[i].gives);
		input_taken(&zone, c);
		assert_int_equal(zone.lag != NULL, cases[i].lags);
		assert_int_equal(zone.input != NULL, !cases[i].lags);
		lag_forget(&zone);
		content_free(zone.input);
		teardown(state);
	}
	setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_largest_ttls_of_its_own_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(its_own_lost_version_is_known_over_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(content_loaded_before_the_words_of_the_dead_is_newer_than_theirs, setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_are_restored_give_the_same_number, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_for_its_review_has_the_number_of_its_content, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_lagging_source_gives_counts_once_it_is_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_silent_one_had_before_stays_older, setup, teardown),
		cmocka_unit_test_setup_teardown(beside_a_signer_that_is_heard_the_number_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_expired_is_served_once_nothing_better_is_to_come, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_of_an_old_copy_is_late_once_its_time_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(a_secondary_with_the_keys_of_the_plan_has_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(what_no_commit_took_goes_with_the_next_one_in_its_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_write_was_to_do_is_not_said_where_it_failed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
