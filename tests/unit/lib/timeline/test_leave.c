/* SPDX-License-Identifier: BSD-3-Clause */
/* A signer that is to leave: what is waited for before anybody says that it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "timeline/timeline.h"

#define TTL 600

/* Node 0 is this one; node 1 is another; both count. */
static struct {
	struct node_state node[2];
	struct fact_state facts;
	struct zone_state zone;
	struct key_state key;
	struct timeline_policy policy;
	struct timeline_published published;
	struct timeline_memory memory;
	struct timeline_observer observer[2];
	struct timeline_leaver leaver;
	struct timeline_in in;
	struct timeline t;
} w;

static int setup(void **state)
{
	static const struct timeline_in empty;

	(void)state;
	memset(&w, 0, sizeof(w));
	for (size_t n = 0; n < 2; n++) {
		w.node[n].admitted.set = true;
		w.node[n].role = NODE_SIGNER;
		w.node[n].id[0] = (uint8_t)(n + 1);
		w.observer[n] = (struct timeline_observer){ .id = 7 + n, .kind = OBSERVER_SECONDARY };
	}
	w.facts.node = w.node;
	w.facts.nodes = 2;
	w.zone.key = &w.key;
	w.zone.name = (uint8_t *)"\7example";
	w.policy = (struct timeline_policy){ .algorithm = 13, .extra_s = 60 };
	w.published.any = true;
	w.in = empty;
	w.in.facts = &w.facts;
	w.in.zone = &w.zone;
	w.in.self = w.node[0].id;
	w.in.policy = &w.policy;
	w.in.published = &w.published;
	w.in.memory = &w.memory;
	w.in.observer = w.observer;
	w.in.observers = 2;
	w.in.leaver = &w.leaver;
	w.in.leavers = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timeline_memory_fini(&w.memory);
	return 0;
}

/* n is to leave, and published the zone. */
static void leaves(size_t n, bool dead)
{
	w.node[n].leaving = true;
	w.node[n].dead = dead;
	w.leaver = (struct timeline_leaver){ .known = true, .published = true, .ttl = TTL };
	memcpy(w.leaver.node, w.node[n].id, NODE_ID_LEN);
}

static void tend(void)
{
	timeline_view(&w.in, &w.t);
	timeline_tend(&w.in, &w.t, &w.memory);
}

static void shows(size_t observer, bool stays)
{
	const struct timeline_look look = { .observer = w.observer[observer].id, .mark = timeline_mark(&w.memory), .explained = true,
					    .stays = stays };

	timeline_looked(&w.memory, &w.in, &look);
}

static void runs(int64_t s)
{
	timeline_ran(&w.memory, s * 1000);
}

static bool departed(size_t n)
{
	tend();
	return timeline_departed(&w.in, &w.memory, w.node[n].id);
}

static enum leave_word word(size_t n)
{
	return timeline_leave(&w.facts, w.in.self, &w.node[n], departed(n));
}

static void what_it_published_must_leave_the_caches(void **state)
{
	(void)state;
	leaves(0, false);
	tend();
	shows(0, true);
	runs(10 * TTL); /* before all have shown another's version time does not count */
	assert_false(departed(0));
	assert_int_equal(word(0), LEAVE_NOTHING);
	shows(1, true);
	runs(TTL + 59);
	assert_int_equal(word(0), LEAVE_NOTHING);
	runs(1);
	assert_int_equal(word(0), LEAVE_STOPPED);
	w.node[0].left = true;
	assert_int_equal(word(0), LEAVE_NOTHING); /* once */
}

/* Nobody else may have looked at the server, which had that one's version for longer than all others. */
static void what_others_published_must_leave_the_caches_too(void **state)
{
	(void)state;
	leaves(0, false);
	w.key.record[RECORD_ZONE].ttl = 3 * TTL;
	w.key.record[RECORD_DNSKEY].before_ttl = 2 * TTL;
	w.zone.keys = 1;
	tend();
	shows(0, true);
	shows(1, true);
	runs(3 * TTL + 59);
	assert_false(departed(0));
	runs(1);
	assert_true(departed(0));
}

static void a_server_that_shows_the_leaver_again_begins_the_wait_anew(void **state)
{
	(void)state;
	leaves(0, false);
	tend();
	shows(0, true);
	shows(1, true);
	runs(TTL);
	shows(1, false);
	runs(TTL);
	assert_false(departed(0));
	shows(1, true);
	runs(TTL);
	assert_false(departed(0));
	runs(60);
	assert_true(departed(0));
	assert_true(timeline_wants(&w.in, &w.memory, w.observer[0].id)); /* looked at until it is retired */
}

/* Which its first answer tells, before anything else is looked at: what ran so far was not waited for it. */
static void a_server_more_begins_the_wait_anew(void **state)
{
	(void)state;
	leaves(0, false);
	w.in.observers = 1;
	tend();
	shows(0, true);
	runs(TTL + 60);
	assert_true(departed(0));
	w.in.observers = 2;
	shows(1, true);
	assert_false(departed(0));
	runs(TTL + 60);
	assert_true(departed(0));
}

static void a_leaver_that_may_serve_again_waits_from_the_beginning(void **state)
{
	(void)state;
	leaves(0, false);
	tend();
	shows(0, true);
	shows(1, true);
	runs(TTL + 60);
	assert_true(departed(0));
	w.leaver.known = false; /* its engine was started anew, and has not said that it serves nothing */
	assert_false(departed(0));
	w.leaver.known = true;
	runs(TTL + 60);
	assert_false(departed(0));
}

static void a_look_from_before_does_not_count(void **state)
{
	const struct timeline_look early = { .observer = 7, .mark = 0, .explained = true, .stays = true };

	(void)state;
	w.in.observers = 1;
	w.memory.mark = 5;
	leaves(0, false);
	tend();
	timeline_looked(&w.memory, &w.in, &early);
	runs(TTL + 60);
	assert_false(departed(0));
}

static void shows_key(size_t observer)
{
	struct timeline_look look = { .observer = w.observer[observer].id, .mark = timeline_mark(&w.memory), .explained = true,
				      .stays = true };

	key_set_add(&look.record[RECORD_DNSKEY], w.key.hash);
	timeline_looked(&w.memory, &w.in, &look);
}

/* Node 1 leaves: its servers have to show the DNSKEY, and after this step no more. */
static void its_servers_show_the_key_and_then_not(struct id_set *stopped, struct id_set *gone)
{
	w.in.observers = 1;
	w.zone.keys = 1;
	leaves(1, true);
	tend();
	shows(0, true); /* a version of one who stays, of before */
	runs(2 * TTL);
	assert_false(departed(1));
	shows_key(0);
	runs(TTL + 60);
	assert_true(departed(1));
	*stopped = (struct id_set){ &w.node[0].id, 1 };
	if (gone != NULL)
		*gone = *stopped;
	assert_false(departed(1)); /* begins anew */
	shows_key(0);
	runs(2 * TTL);
	assert_false(departed(1));
	shows(0, true);
	runs(TTL + 60);
	assert_true(departed(1));
}

static void its_servers_must_have_come_as_far_as_those_who_stay(void **state)
{
	struct record_state *dnskey = &w.key.record[RECORD_DNSKEY];

	(void)state;
	dnskey->serves = (struct id_set){ &w.node[0].id, 1 };
	its_servers_show_the_key_and_then_not(&dnskey->stopped, NULL);
}

/* Who came later counts, and serves nothing yet: what others have seen or found gone stands all the same. */
static void its_servers_show_what_was_seen_before_others_came(void **state)
{
	struct record_state *dnskey = &w.key.record[RECORD_DNSKEY];

	(void)state;
	w.node[0].counts = (struct id_set){ &w.node[1].id, 1 };
	dnskey->serves = dnskey->seen = (struct id_set){ &w.node[0].id, 1 }; /* node 1 does not */
	its_servers_show_the_key_and_then_not(&dnskey->stopped, &dnskey->gone);
}

static void parent_shows(bool ds)
{
	struct timeline_look look = { .observer = w.observer[1].id, .mark = timeline_mark(&w.memory), .explained = true };

	if (ds)
		key_set_add(&look.record[RECORD_DS], w.key.hash);
	timeline_looked(&w.memory, &w.in, &look);
}

/* What its servers showed as CDS until now may have brought the DS back. */
static void a_ds_that_it_has_not_found_gone_is_looked_for_once_more(void **state)
{
	struct record_state *ds = &w.key.record[RECORD_DS];

	(void)state;
	w.observer[1].kind = OBSERVER_PARENT;
	w.zone.keys = 1;
	w.zone.ds_ttl = 5 * TTL;
	w.policy.parent_delay_s = 3 * TTL;
	ds->stopped = ds->gone = (struct id_set){ &w.node[0].id, 1 };
	leaves(1, true);
	tend();
	shows(0, true);
	parent_shows(false); /* by now */
	runs(3 * TTL - 1);
	tend();
	shows(0, true);
	parent_shows(false);
	runs(6 * TTL);
	assert_false(departed(1)); /* but the parent may be at work on what it read before */
	shows(0, true);
	parent_shows(true);
	runs(6 * TTL);
	assert_false(departed(1));
	parent_shows(false);
	runs(5 * TTL + 59);
	assert_false(departed(1));
	runs(1);
	assert_true(departed(1));
	ds->gone = (struct id_set){ &w.node[1].id, 1 };
	assert_true(departed(1));
}

static void another_is_retired_by_its_word_or_when_it_is_dead(void **state)
{
	(void)state;
	leaves(1, false);
	tend();
	shows(0, true);
	shows(1, true);
	runs(TTL + 60);
	assert_int_equal(word(1), LEAVE_NOTHING); /* it lives: it may be asked where this node does not see it */
	w.node[1].left = true;
	assert_int_equal(word(1), LEAVE_RETIRED);
	w.node[1].left = false;
	w.node[1].dead = true;
	assert_int_equal(word(1), LEAVE_RETIRED);
	w.node[0].leaving = true;
	assert_int_equal(word(1), LEAVE_NOTHING); /* who leaves itself retires nobody */
}

static void what_is_not_known_is_not_over(void **state)
{
	(void)state;
	leaves(1, true);
	w.in.observers = 0; /* none that could be looked at */
	w.leaver.known = false;
	w.zone.keys = 1;
	w.key.record[RECORD_DNSKEY].serves = (struct id_set){ &w.node[1].id, 1 };
	assert_int_equal(word(1), LEAVE_NOTHING);
	w.key.record[RECORD_DNSKEY].serves.n = 0; /* it never served the zone */
	assert_int_equal(word(1), LEAVE_RETIRED);
	w.leaver.known = true;
	w.leaver.published = false;
	assert_int_equal(word(1), LEAVE_RETIRED);
	w.key.record[RECORD_DNSKEY].serves.n = 1; /* its last status is of before that, or of an old copy */
	assert_int_equal(word(1), LEAVE_NOTHING);
	w.leaver.published = true;
	w.key.record[RECORD_DNSKEY].serves.n = 0;
	assert_int_equal(word(1), LEAVE_NOTHING);
}

static void who_has_lost_its_version_does_not_say_that_it_has_stopped(void **state)
{
	(void)state;
	leaves(0, false);
	w.zone.keys = 1;
	w.leaver.published = false;
	assert_int_equal(word(0), LEAVE_STOPPED); /* it never served the zone */
	w.key.record[RECORD_DNSKEY].serves = (struct id_set){ &w.node[0].id, 1 };
	assert_int_equal(word(0), LEAVE_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_published_must_leave_the_caches, setup, teardown),
		cmocka_unit_test_setup_teardown(what_others_published_must_leave_the_caches_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_shows_the_leaver_again_begins_the_wait_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_more_begins_the_wait_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_leaver_that_may_serve_again_waits_from_the_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(a_look_from_before_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(its_servers_must_have_come_as_far_as_those_who_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(its_servers_show_what_was_seen_before_others_came, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ds_that_it_has_not_found_gone_is_looked_for_once_more, setup, teardown),
		cmocka_unit_test_setup_teardown(another_is_retired_by_its_word_or_when_it_is_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_is_not_over, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_lost_its_version_does_not_say_that_it_has_stopped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
