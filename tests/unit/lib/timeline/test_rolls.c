/* SPDX-License-Identifier: BSD-3-Clause */
/* One signer's view of a roll: steps by hand, standby keys, silent secondaries, hurry, and keys that are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "timeline/forecast.h"

#define KEYS 60
#define DAY  86400

/* Node 0 is this one, node 1 the other; both have said whatever has been said. */
struct world {
	uint8_t ids[2][NODE_ID_LEN];
	struct node_state node[2];
	struct fact_state facts;
	struct zone_state zone;
	struct key_state key[KEYS];
	uint8_t dnskey[KEYS][4];
	struct held_state held[KEYS][2];
	struct timeline_policy policy;
	struct timeline_published published;
	struct timeline_memory memory;
	struct timeline_observer observer;
	struct timeline_in in;
	struct timeline t;
};

static struct world w;
static const struct timeline_in empty_in;

static struct id_set both(void)
{
	return (struct id_set){ w.ids, 2 };
}

static struct key_state *add_key(const char *role, const struct key_state *instead)
{
	const size_t i = w.zone.keys++;
	struct key_state *k = &w.key[i];

	k->hash[0] = (uint8_t)(i + 1);
	k->created = true;
	strcpy(k->role, role);
	w.dnskey[i][3] = 13;
	k->dnskey = w.dnskey[i];
	k->dnskey_len = 4;
	k->tags = dnskey_tags(k->dnskey, 4);
	k->method = METHOD_PREPUBLICATION;
	if (instead != NULL)
		memcpy(k->replaces[0], instead->hash, 32);
	for (size_t n = 0; n < 2; n++) {
		memcpy(w.held[i][n].node, w.ids[n], NODE_ID_LEN);
		w.held[i][n].proven = 1;
	}
	k->held = w.held[i];
	k->helds = 2;
	return k;
}

/* Everywhere, for long. */
static void settle(struct key_state *k, enum key_record r)
{
	k->record[r].serves = k->record[r].seen = both();
	key_set_add(&w.published.record[r], k->hash);
}

static void finish(struct key_state *k)
{
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		k->record[r].serves = k->record[r].seen = k->record[r].stopped = k->record[r].gone = both();
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	for (uint8_t n = 0; n < 2; n++)
		w.ids[n][0] = (uint8_t)(n + 1);
	for (size_t n = 0; n < 2; n++) {
		w.node[n].admitted.set = w.node[n].known = w.node[n].line_admitted = true;
		w.node[n].role = NODE_SIGNER;
		w.node[n].counts = both();
		memcpy(w.node[n].id, w.ids[n], NODE_ID_LEN);
	}
	w.facts.node = w.node;
	w.facts.nodes = 2;
	w.zone.key = w.key;
	w.zone.name = (uint8_t *)"\7example";
	w.policy = (struct timeline_policy){ .algorithm = 13, .split = true, .ksk_method = METHOD_DOUBLE_SIGNATURE, .extra_s = 100 };
	w.published.any = true;
	w.observer = (struct timeline_observer){ .id = 7, .kind = OBSERVER_SECONDARY };
	w.in = empty_in;
	w.in.facts = &w.facts;
	w.in.zone = &w.zone;
	w.in.self = w.ids[0];
	w.in.policy = &w.policy;
	w.in.published = &w.published;
	w.in.memory = &w.memory;
	w.in.observer = &w.observer;
	w.in.observers = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timeline_memory_fini(&w.memory);
	return 0;
}

static const struct timeline_key *view(const struct key_state *k)
{
	timeline_view(&w.in, &w.t);
	for (size_t i = 0; i < w.t.n; i++)
		if (w.t.key[i].key == k)
			return &w.t.key[i];
	return NULL;
}

/* A KSK and a ZSK in use, as all have them. */
static struct key_state *zone_in_use(void)
{
	struct key_state *ksk = add_key("ksk", NULL), *zsk = add_key("zsk", NULL);

	settle(ksk, RECORD_DNSKEY);
	settle(ksk, RECORD_DS);
	settle(zsk, RECORD_DNSKEY);
	settle(zsk, RECORD_ZONE);
	return zsk;
}

static void each_step_waits_for_its_release(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old);
	char why[TIMELINE_WHY_LEN];

	(void)state;
	fresh->hold = HOLD_STEPS;
	assert_false(view(fresh)->record[RECORD_DNSKEY].show);
	assert_true(view(fresh)->record[RECORD_DNSKEY].waits_in);
	assert_false(view(fresh)->record[RECORD_ZONE].waits_in); /* it is not safe yet */
	assert_non_null(strstr(timeline_why(&w.in, &w.t, &w.memory, view(fresh), why), "duetctl key release"));
	fresh->released |= RELEASE_IN(RECORD_DNSKEY);
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
	settle(fresh, RECORD_DNSKEY);
	assert_true(view(fresh)->record[RECORD_ZONE].waits_in);
	assert_false(view(fresh)->record[RECORD_ZONE].show);
	assert_true(view(old)->record[RECORD_ZONE].show);
	fresh->released |= RELEASE_IN(RECORD_ZONE);
	assert_true(view(fresh)->record[RECORD_ZONE].show);
	assert_false(view(old)->record[RECORD_ZONE].show); /* signatures change hands at once */
	settle(fresh, RECORD_ZONE);
	old->record[RECORD_ZONE].stopped = old->record[RECORD_ZONE].gone = both();
	w.published.record[RECORD_ZONE].n = 0;
	key_set_add(&w.published.record[RECORD_ZONE], fresh->hash);
	assert_true(view(old)->record[RECORD_DNSKEY].waits_out);
	assert_true(view(old)->record[RECORD_DNSKEY].show);
	old->released |= RELEASE_OUT(RECORD_DNSKEY);
	assert_false(view(old)->record[RECORD_DNSKEY].show);
}

/* Without a hold nothing waits; and what another signer shows was released. */
static void what_others_show_was_released(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old);

	(void)state;
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
	fresh->hold = HOLD_STEPS;
	assert_false(view(fresh)->record[RECORD_DNSKEY].show);
	fresh->record[RECORD_DNSKEY].serves = (struct id_set){ &w.ids[1], 1 };
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
}

static void a_standby_key_takes_no_place_until_it_is_released(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old);

	(void)state;
	fresh->hold = HOLD_STANDBY;
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
	settle(fresh, RECORD_DNSKEY);
	assert_false(view(fresh)->record[RECORD_ZONE].show);
	assert_false(view(old)->record[RECORD_ZONE].retiring);
	assert_false(view(old)->record[RECORD_DNSKEY].retiring);
	fresh->released = RELEASE_ALL;
	assert_true(view(fresh)->record[RECORD_ZONE].show);
	assert_true(view(old)->record[RECORD_DNSKEY].retiring);
	assert_false(view(old)->record[RECORD_ZONE].show);
}

static struct timeline_wait *only_wait(void)
{
	assert_int_equal(w.memory.waits, 1);
	return &w.memory.wait[0];
}

/* Opens the wait for a new ZSK's DNSKEY, and lets it run. */
static struct timeline_wait *wait_for(struct key_state *fresh, int64_t s)
{
	view(fresh);
	timeline_tend(&w.in, &w.t, &w.memory);
	timeline_ran(&w.memory, s * 1000);
	timeline_tend(&w.in, &w.t, &w.memory);
	return only_wait();
}

static void a_silent_secondary_is_given_up_by_policy_alone(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());
	struct timeline_look look = { .observer = 7, .explained = false };

	(void)state;
	fresh->record[RECORD_DNSKEY].serves = both();
	key_set_add(&w.published.record[RECORD_DNSKEY], fresh->hash);
	assert_false(wait_for(fresh, 1000 * DAY)->complete);
	w.policy.limit_s = 20 * DAY;
	memset(w.memory.silent_ms, 0, sizeof(w.memory.silent_ms));
	assert_false(wait_for(fresh, 19 * DAY)->complete);
	timeline_looked(&w.memory, &w.in, &look); /* old content: it lives, and is waited for */
	assert_false(wait_for(fresh, 19 * DAY)->complete);
	assert_true(wait_for(fresh, DAY)->complete);
	assert_int_equal(only_wait()->ran_ms, 0); /* and only then the caches' time begins */
	w.observer.kind = OBSERVER_PARENT; /* that one never */
	fresh->record[RECORD_DNSKEY].serves = (struct id_set){ NULL, 0 };
}

static void a_ds_waits_for_cds_at_secondaries_where_there_are_any(void **state)
{
	struct key_state *fresh;

	(void)state;
	zone_in_use();
	fresh = add_key("ksk", &w.key[0]);
	fresh->record[RECORD_DS].serves = both();
	key_set_add(&w.published.record[RECORD_DS], fresh->hash);
	assert_false(wait_for(fresh, 0)->complete);
	w.policy.no_cds = true; /* the parent is told by people, and looked at */
	assert_true(wait_for(fresh, 0)->complete);
	w.observer.kind = OBSERVER_PARENT;
	assert_false(wait_for(fresh, 0)->complete);
}

/* The other signer has not promised yet; what the parent shows until then may be cached for longer than what it shows later. */
static void a_parent_is_looked_at_from_the_first_that_asks_for_another_ds(void **state)
{
	struct key_state *ksk, *fresh;

	(void)state;
	zone_in_use();
	ksk = &w.key[0];
	fresh = add_key("ksk", ksk);
	settle(fresh, RECORD_DNSKEY);
	settle(fresh, RECORD_DS);
	w.observer.kind = OBSERVER_PARENT;
	view(ksk);
	timeline_tend(&w.in, &w.t, &w.memory);
	timeline_looked(&w.memory, &w.in, &(struct timeline_look){ .observer = w.observer.id, .explained = true });
	assert_false(timeline_wants(&w.in, &w.memory, w.observer.id));
	ksk->record[RECORD_DS].stopped = (struct id_set){ &w.ids[1], 1 };
	view(ksk);
	timeline_tend(&w.in, &w.t, &w.memory);
	assert_true(timeline_wants(&w.in, &w.memory, w.observer.id));
	ksk->record[RECORD_DS].stopped = ksk->record[RECORD_DS].gone = both();
	w.published.record[RECORD_DS].n = 0;
	key_set_add(&w.published.record[RECORD_DS], fresh->hash);
	view(ksk);
	timeline_tend(&w.in, &w.t, &w.memory);
	assert_false(timeline_wants(&w.in, &w.memory, w.observer.id));
}

static void call_it(void *ctx, uint64_t observer, char out[TIMELINE_SERVER_LEN])
{
	(void)ctx;
	snprintf(out, TIMELINE_SERVER_LEN, "server %llu", (unsigned long long)observer);
}

/* Of two servers one has shown the DNSKEY: the other is named, and whether it is waited for without an end. */
static void a_wait_names_the_server_that_has_not_shown_it(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());
	const struct timeline_observer two[] = { { 7, OBSERVER_SECONDARY }, { 9, OBSERVER_SECONDARY } };
	struct timeline_look look = { .observer = 7, .explained = true };
	char why[TIMELINE_WHY_LEN];

	(void)state;
	fresh->record[RECORD_DNSKEY].serves = both();
	key_set_add(&w.published.record[RECORD_DNSKEY], fresh->hash);
	w.in.observer = two;
	w.in.observers = 2;
	w.in.server = call_it;
	wait_for(fresh, 60);
	look.mark = timeline_mark(&w.memory) + 1;
	key_set_add(&look.record[RECORD_DNSKEY], fresh->hash);
	timeline_looked(&w.memory, &w.in, &look);
	assert_string_equal(timeline_why(&w.in, &w.t, &w.memory, view(fresh), why),
			    "server 9 has not yet shown a version with the DNSKEY; seen 1 of 2; no time limit");
	w.policy.limit_s = 20 * DAY;
	assert_non_null(strstr(timeline_why(&w.in, &w.t, &w.memory, view(fresh), why),
			       "; not waited for after 20 days without an answer"));
	fresh->record[RECORD_DNSKEY].serves = (struct id_set){ NULL, 0 };
}

static void hurry_leaves_out_what_policy_adds(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old);

	(void)state;
	fresh->record[RECORD_DNSKEY].serves = both();
	fresh->record[RECORD_DNSKEY].before_ttl = 3600;
	key_set_add(&w.published.record[RECORD_DNSKEY], fresh->hash);
	assert_int_equal(wait_for(fresh, 0)->need_ms, 3700 * 1000);
	old->roll = old->roll_now = true;
	assert_int_equal(wait_for(fresh, 0)->need_ms, 3600 * 1000); /* what caches may hold is waited for all the same */
}

static void keys_that_are_gone_do_not_crowd_out_those_that_live(void **state)
{
	struct key_state *zsk, *shown;

	(void)state;
	for (size_t i = 0; i < 56; i++)
		finish(add_key("zsk", NULL));
	shown = &w.key[3];
	key_set_add(&w.published.record[RECORD_DNSKEY], shown->hash); /* an old copy was put back */
	zsk = zone_in_use();
	assert_non_null(view(zsk));
	assert_true(view(zsk)->record[RECORD_ZONE].show);
	assert_non_null(view(shown));
	assert_true(w.t.stale);
	assert_int_equal(w.t.n, TIMELINE_KEYS_MAX);
}

/* Both signers are lost, and this node is a third one, from a backup; node: room for three.  It has yet to publish. */
static void lose_both(struct node_state node[3])
{
	static const uint8_t fresh_id[NODE_ID_LEN] = { 9 };

	w.published = (struct timeline_published){ .any = false };
	memcpy(node, w.node, sizeof(w.node));
	node[0].retired = node[1].retired = true;
	node[2] = w.node[0];
	memcpy(node[2].id, fresh_id, NODE_ID_LEN);
	node[2].counts = (struct id_set){ NULL, 0 };
	w.facts.node = node;
	w.facts.nodes = 3;
	w.in.self = fresh_id;
	for (size_t i = 0; i < w.zone.keys; i++)
		memcpy(w.held[i][0].node, fresh_id, NODE_ID_LEN);
}

static void a_restored_signer_goes_by_what_those_before_it_served(void **state)
{
	struct key_state *zsk = zone_in_use(), *gone = add_key("zsk", NULL), *going = add_key("zsk", NULL);
	struct node_state node[3];

	(void)state;
	finish(gone);
	settle(going, RECORD_DNSKEY);
	settle(going, RECORD_ZONE);
	going->record[RECORD_ZONE].stopped = both();
	memcpy(zsk->replaces[0], going->hash, 32);
	lose_both(node);
	assert_true(view(zsk)->record[RECORD_ZONE].show);
	assert_true(w.t.joining);
	assert_true(timeline_changes(&w.t, &w.published));
	assert_true(view(gone)->dead);
	assert_false(view(gone)->record[RECORD_DNSKEY].show);
	assert_true(view(going)->record[RECORD_DNSKEY].show); /* its signatures are in caches */
	assert_false(view(going)->record[RECORD_ZONE].show);
	assert_true(w.t.may_serve);
	memset(w.held[0][0].node, 1, NODE_ID_LEN); /* a key that it does not hold yet */
	view(zsk);
	assert_false(w.t.may_serve);
}

/* One had given it up, the other had not shown it; neither counts once this node has published. */
static void what_lost_signers_gave_up_does_not_come_in_again(void **state)
{
	struct key_state *zsk = zone_in_use(), *other = add_key("zsk", NULL);
	struct node_state node[3];

	(void)state;
	other->record[RECORD_DNSKEY].stopped = (struct id_set){ w.ids, 1 };
	lose_both(node);
	w.published.any = true;
	for (size_t i = 0; i < 3; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if (w.key[i].record[r].serves.n > 0 && &w.key[i] != other)
				key_set_add(&w.published.record[r], w.key[i].hash);
	assert_true(view(zsk)->record[RECORD_DNSKEY].show);
	assert_true(view(other)->distributed);
	assert_false(view(other)->record[RECORD_DNSKEY].show);
	assert_false(view(other)->record[RECORD_DNSKEY].retiring);
	other->declined = (struct id_set){ w.ids, 1 }; /* for its tag: then it goes, and is no key in use */
	assert_true(view(other)->record[RECORD_DNSKEY].retiring);
}

/* The zone was on its way to be secure, and back; nobody is left who could wait until all have seen the key that signs. */
static void a_restored_signer_signs_with_what_any_lost_one_signed(void **state)
{
	struct key_state *csk = add_key("csk", NULL);
	struct node_state node[3];
	const struct id_set one = { w.ids, 1 };

	(void)state;
	csk->method = METHOD_FIRST;
	csk->record[RECORD_DNSKEY].serves = csk->record[RECORD_ZONE].serves = one;
	csk->record[RECORD_DS].stopped = both();
	csk->record[RECORD_DS].insecure = true;
	lose_both(node);
	assert_true(view(csk)->record[RECORD_ZONE].show);
	assert_true(view(csk)->record[RECORD_DNSKEY].show);
	assert_true(timeline_changes(&w.t, &w.published));
	csk->record[RECORD_ZONE].stopped = one;
	assert_false(view(csk)->record[RECORD_ZONE].show);
}

/* The step in which the record of the key comes into the phase; in seconds, -1: never. */
static int64_t when(const struct forecast *f, bool fresh, const char *role, enum key_record r, enum record_phase phase)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->step[i].fresh == fresh && strcmp(f->step[i].role, role) == 0 && f->step[i].record == r &&
		    f->step[i].phase == phase)
			return f->step[i].at_ms / 1000;
	return -1;
}

/* Waits: DNSKEY 3600, zone 7200, DS 1800, each and 100 of policy. */
static void forecast_zone(void)
{
	zone_in_use();
	w.published.dnskey_ttl = 3600;
	w.published.zone_ttl = 7200;
	w.zone.ds_ttl = 1800;
	w.policy.parent_delay_s = 50;
}

static void a_roll_is_foretold_to_its_end(void **state)
{
	static struct forecast f;
	struct key_state before;

	(void)state;
	forecast_zone();
	before = w.key[1];
	timeline_forecast(&w.in, &w.memory, &(struct forecast_roll){ .key = &w.key[1].hash, .keys = 1,
				.want = { .set = true, .alg = 13, .split = true } }, &f);
	assert_true(f.whole);
	assert_false(f.needs_word);
	assert_int_equal(when(&f, true, "zsk", RECORD_DNSKEY, PHASE_RUMOURED), 0);
	assert_int_equal(when(&f, true, "zsk", RECORD_DNSKEY, PHASE_OMNIPRESENT), 3700);
	assert_int_equal(when(&f, true, "zsk", RECORD_ZONE, PHASE_RUMOURED), 3700);
	assert_int_equal(when(&f, false, "zsk", RECORD_ZONE, PHASE_UNRETENTIVE), 3700);
	assert_int_equal(when(&f, false, "zsk", RECORD_ZONE, PHASE_HIDDEN), 3700 + 7300);
	assert_int_equal(when(&f, false, "zsk", RECORD_DNSKEY, PHASE_UNRETENTIVE), 3700 + 7300);
	assert_int_equal(when(&f, false, "zsk", RECORD_DNSKEY, PHASE_HIDDEN), 3700 + 7300 + 3700);
	assert_int_equal(when(&f, false, "ksk", RECORD_DNSKEY, PHASE_UNRETENTIVE), -1);
	assert_memory_equal(&before, &w.key[1], sizeof(before)); /* nothing was rolled */
	assert_int_equal(w.zone.keys, 2);
	assert_int_equal(w.memory.waits, 0);
}

static void a_foretold_ksk_waits_for_the_ttls_of_the_parent(void **state)
{
	static struct forecast f;
	const int64_t parent = 150 + 1900; /* parent-delay, then the TTL */

	(void)state;
	forecast_zone();
	timeline_forecast(&w.in, &w.memory, &(struct forecast_roll){ .key = &w.key[0].hash, .keys = 1,
				.want = { .set = true, .alg = 13, .split = true, .ksk_method = METHOD_DOUBLE_SIGNATURE } }, &f);
	assert_true(f.whole);
	assert_int_equal(when(&f, true, "ksk", RECORD_DS, PHASE_RUMOURED), 3700);
	assert_int_equal(when(&f, true, "ksk", RECORD_DS, PHASE_OMNIPRESENT), 3700 + parent);
	assert_int_equal(when(&f, false, "ksk", RECORD_DNSKEY, PHASE_HIDDEN), 3700 + parent + 3700);
}

static void what_waits_for_a_word_is_not_foretold(void **state)
{
	static struct forecast f;

	(void)state;
	forecast_zone();
	timeline_forecast(&w.in, &w.memory, &(struct forecast_roll){ .key = &w.key[1].hash, .keys = 1,
				.want = { .set = true, .alg = 13, .split = true, .hold = HOLD_STEPS } }, &f);
	assert_true(f.whole);
	assert_true(f.needs_word);
	assert_int_equal(when(&f, false, "zsk", RECORD_ZONE, PHASE_UNRETENTIVE), -1);
	timeline_forecast(&w.in, &w.memory, NULL, &f); /* as things are: nothing comes */
	assert_int_equal(f.n, 0);
	assert_true(f.whole);
}

/* ---- another signer's keys ---- */

static struct key_state *add_foreign(const char *role)
{
	struct key_state *k = add_key(role, NULL);

	k->foreign = true;
	k->method = METHOD_FIRST;
	return k;
}

static void a_foreign_key_is_shown_and_signs_nothing(void **state)
{
	struct key_state *zsk = zone_in_use(), *theirs = add_foreign("zsk"), *ksk = add_foreign("ksk");
	const struct timeline_key *t = view(theirs);

	(void)state;
	assert_true(t->record[RECORD_DNSKEY].show);
	assert_false(t->record[RECORD_ZONE].show);
	assert_int_equal(t->record[RECORD_ZONE].phase, PHASE_RUMOURED);	/* that signer's are in caches */
	settle(theirs, RECORD_DNSKEY);
	settle(ksk, RECORD_DNSKEY);
	/* smaller hash or not: it takes no place of ours, and CDS names it beside ours */
	memset(theirs->hash, 0, sizeof(theirs->hash));
	assert_false(view(zsk)->record[RECORD_ZONE].retiring);
	assert_true(view(ksk)->record[RECORD_DS].show);
	assert_int_equal(view(ksk)->record[RECORD_DS].phase, PHASE_RUMOURED);
}

static void a_foreign_key_is_shown_by_nobody_who_does_not_know_it(void **state)
{
	struct key_state *theirs;

	(void)state;
	zone_in_use();
	theirs = add_foreign("zsk");
	theirs->helds = 1; /* the other signer has not said that it knows it */
	assert_false(view(theirs)->record[RECORD_DNSKEY].show);
	theirs->helds = 2;
	w.dnskey[2][3] = 8; /* nor beside keys of another algorithm alone */
	assert_false(view(theirs)->record[RECORD_DNSKEY].show);
}

static void no_key_is_rolled_while_a_foreign_one_is_there(void **state)
{
	struct key_state *zsk = zone_in_use(), *theirs = add_foreign("zsk");
	struct timeline_say says[8];

	(void)state;
	zsk->roll = true;
	settle(theirs, RECORD_DNSKEY);
	for (int round = 0; round < 2; round++) {
		bool created = false;

		view(zsk);
		timeline_tend(&w.in, &w.t, &w.memory);
		timeline_ran(&w.memory, (int64_t)DAY * 1000);
		for (size_t n = timeline_says(&w.in, &w.t, &w.memory, says, 8); n-- > 0;)
			created |= says[n].kind == SAY_CREATE;
		assert_int_equal(created, round == 1);
		finish(theirs);
		w.published.record[RECORD_DNSKEY].n--; /* it came last */
	}
}

static void a_foreign_key_goes_by_a_word_then_step_by_step(void **state)
{
	struct timeline_say says[8];
	struct key_state *theirs;
	uint32_t ttl = 0;

	(void)state;
	zone_in_use();
	theirs = add_foreign("csk");
	settle(theirs, RECORD_DNSKEY);
	settle(theirs, RECORD_DS);
	assert_false(view(theirs)->record[RECORD_DS].retiring);
	theirs->withdrawn = true;
	/* what that signer signed may be in caches still: the zone's RRsets, and a DNSKEY RRset that its key alone has signed */
	assert_true(view(theirs)->record[RECORD_DS].show);
	assert_true(view(theirs)->record[RECORD_DNSKEY].show);
	w.published.zone_ttl = 300;
	w.published.dnskey_ttl = 3600;
	for (size_t n = timeline_says(&w.in, &w.t, &w.memory, says, 8); n-- > 0;)
		if (says[n].kind == SAY_STOPPED && says[n].record == RECORD_ZONE)
			ttl = says[n].ttl;
	assert_int_equal(ttl, 3600);
	theirs->record[RECORD_ZONE].stopped = both();
	assert_true(view(theirs)->record[RECORD_DS].show);
	theirs->record[RECORD_ZONE].gone = both();
	assert_false(view(theirs)->record[RECORD_DS].show);
	assert_true(view(theirs)->record[RECORD_DNSKEY].show);
	theirs->record[RECORD_DS].stopped = theirs->record[RECORD_DS].gone = both();
	w.published.record[RECORD_DS].n--;
	assert_false(view(theirs)->record[RECORD_DNSKEY].show);
}

static void our_ds_is_asked_for_beside_the_foreign_one(void **state)
{
	struct key_state *ours = add_key("csk", NULL), *theirs = add_foreign("csk");

	(void)state;
	ours->method = METHOD_FIRST;
	settle(ours, RECORD_DNSKEY);
	settle(ours, RECORD_ZONE);
	key_set_add(&w.published.record[RECORD_DNSKEY], theirs->hash);
	/* the foreign DNSKEY is not everywhere: until CDS may name it, a parent that does what CDS says would take its DS out */
	assert_false(view(ours)->record[RECORD_DS].show);
	settle(theirs, RECORD_DNSKEY);
	assert_true(view(ours)->record[RECORD_DS].show);
	assert_true(view(theirs)->record[RECORD_DS].show);
}

static void a_chain_is_not_built_on_a_foreign_key(void **state)
{
	struct key_state *ksk, *theirs;

	(void)state;
	zone_in_use();
	ksk = &w.key[0];
	theirs = add_foreign("ksk");
	settle(theirs, RECORD_DNSKEY);
	settle(theirs, RECORD_DS);
	view(theirs);
	assert_true(timeline_chain_holds(&w.t));
	/* Ours is not in the DS RRset of every cache: that of the other signer leads to no DNSKEY RRset of ours. */
	ksk->record[RECORD_DS].seen.n = 0;
	view(theirs);
	assert_false(timeline_chain_holds(&w.t));
}

static bool gives_up(const struct key_state *k, enum key_record r)
{
	struct timeline_say says[KEYS];

	view(k);
	for (size_t n = timeline_says(&w.in, &w.t, &w.memory, says, KEYS); n-- > 0;)
		if (says[n].kind == SAY_STOPPED && says[n].key->key == k && says[n].record == r)
			return true;
	return false;
}

/* The others may have given up the one that is in use here: who joins would have none. */
static void a_key_that_never_signed_is_kept_for_who_joins_until_the_zone_is_insecure(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old), *ksk = &w.key[0];

	(void)state;
	settle(fresh, RECORD_DNSKEY);
	w.zone.secure.set = true;
	w.zone.secure.body = json_pack("{s:b}", "secure", 0);
	assert_false(gives_up(fresh, RECORD_ZONE));
	ksk->record[RECORD_DS].stopped = ksk->record[RECORD_DS].gone = both();
	w.published.record[RECORD_DS].n--;
	assert_true(gives_up(fresh, RECORD_ZONE));
	json_decref(w.zone.secure.body);
}

/* Two signers have made one each; what was said to be served of the other is no more taken back than its DNSKEY. */
static void signatures_by_two_that_compete_stay_until_one_is_to_go(void **state)
{
	struct key_state *zsk = zone_in_use(), *ksk = &w.key[0], *fresh[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fresh[i] = add_key("csk", ksk);
		memcpy(fresh[i]->replaces[1], zsk->hash, 32);
		w.dnskey[2 + i][3] = 15;
		fresh[i]->method = METHOD_CONSERVATIVE;
		settle(fresh[i], RECORD_ZONE);
		fresh[i]->record[RECORD_ZONE].seen.n = 0;
	}
	for (size_t i = 0; i < 2; i++) {
		assert_true(view(fresh[i])->record[RECORD_ZONE].show);
		assert_false(view(fresh[i])->record[RECORD_DNSKEY].show);
	}
}

/* Made on both sides of a partition, under two policies: with the CSK for one use alone neither would ever be settled. */
static void a_csk_wins_over_a_ksk_and_a_zsk_for_both_uses(void **state)
{
	struct key_state *ksk = add_key("ksk", NULL), *zsk = add_key("zsk", NULL), *csk = add_key("csk", NULL);

	(void)state;
	assert_true(csk->hash[0] > ksk->hash[0] && csk->hash[0] > zsk->hash[0]); /* by hash alone it would lose */
	settle(ksk, RECORD_DNSKEY);
	settle(zsk, RECORD_DNSKEY);
	settle(csk, RECORD_DNSKEY);
	assert_false(view(csk)->record[RECORD_ZONE].retiring);
	assert_false(view(csk)->record[RECORD_DS].retiring);
	assert_true(view(ksk)->record[RECORD_DNSKEY].retiring);
	assert_true(view(zsk)->record[RECORD_DNSKEY].retiring);
}

static void over(struct key_state *k, enum key_record r)
{
	k->record[r].serves = k->record[r].seen = k->record[r].stopped = k->record[r].gone = both();
}

/* A CSK that signs the DNSKEY RRset alone, and a ZSK beside it: neither is shown without the other. */
static void the_last_keys_of_an_algorithm_go_together(void **state)
{
	struct key_state *csk = add_key("csk", NULL), *zsk = add_key("zsk", NULL), *fresh = add_key("csk", csk);

	(void)state;
	w.dnskey[2][3] = 15;
	memcpy(fresh->replaces[1], zsk->hash, 32);
	fresh->method = METHOD_CONSERVATIVE;
	fresh->hold = HOLD_STEPS;
	settle(csk, RECORD_DNSKEY);
	settle(zsk, RECORD_DNSKEY);
	settle(zsk, RECORD_ZONE);
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		settle(fresh, r);
	over(csk, RECORD_ZONE);
	over(csk, RECORD_DS);
	for (int released = 0; released < 2; released++) {
		assert_int_equal(view(csk)->record[RECORD_DNSKEY].show, !released);
		assert_int_equal(view(zsk)->record[RECORD_DNSKEY].show, !released);
		csk->released = RELEASE_OUT(RECORD_DNSKEY);
	}
	/* one of the two is held for another reason: its DS may be in caches */
	csk->record[RECORD_DS].gone.n = 1;
	assert_true(view(csk)->record[RECORD_DNSKEY].show);
	assert_true(view(zsk)->record[RECORD_DNSKEY].show);
	assert_true(view(zsk)->record[RECORD_ZONE].show);
}

/* The other signer has declined it, which this one heard when it had begun to show it. */
static void what_another_declined_and_gave_up_goes_though_it_is_shown(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());
	const struct id_set self = { &w.ids[0], 1 }, other = { &w.ids[1], 1 };

	(void)state;
	fresh->record[RECORD_DNSKEY].serves = self;
	key_set_add(&w.published.record[RECORD_DNSKEY], fresh->hash);
	fresh->declined = other;
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
	fresh->record[RECORD_DNSKEY].stopped = other;
	assert_true(view(fresh)->record[RECORD_DNSKEY].retiring);
	assert_false(view(fresh)->record[RECORD_DNSKEY].show);
}

/* What it published is lost, in the midst of a roll: it goes by what it said. */
static void who_lost_its_version_goes_by_its_facts(void **state)
{
	struct key_state *old = zone_in_use(), *fresh = add_key("zsk", old);

	(void)state;
	settle(fresh, RECORD_DNSKEY);
	fresh->record[RECORD_DNSKEY].seen = (struct id_set){ &w.ids[1], 1 };
	w.published = (struct timeline_published){ .any = false };
	assert_true(view(old)->record[RECORD_ZONE].retiring);
	assert_true(view(old)->record[RECORD_ZONE].show);
	assert_true(view(old)->record[RECORD_DNSKEY].show);
	assert_true(view(fresh)->record[RECORD_DNSKEY].show);
	assert_false(view(fresh)->record[RECORD_ZONE].show);
	assert_true(timeline_changes(&w.t, &w.published));
	w.node[1].counts.n = 0; /* a newcomer is not counted by one that is dead */
	view(old);
	assert_true(timeline_changes(&w.t, &w.published));
}

/* It was on its way when it was declined: all show its DNSKEY, and nobody may sign with it any more. */
static void what_was_declined_goes_though_all_show_it(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());

	(void)state;
	settle(fresh, RECORD_DNSKEY);
	fresh->declined = (struct id_set){ &w.ids[1], 1 };
	assert_false(view(fresh)->record[RECORD_DNSKEY].retiring);
	fresh->record[RECORD_ZONE].stopped = both();
	assert_true(view(fresh)->record[RECORD_DNSKEY].retiring);
	assert_true(view(fresh)->record[RECORD_DNSKEY].show); /* until its signatures are known to be gone */
	fresh->record[RECORD_ZONE].gone = both();
	assert_false(view(fresh)->record[RECORD_DNSKEY].show);
}

static bool says_gone(const struct key_state *k, enum key_record r)
{
	struct timeline_say says[KEYS];

	view(k);
	for (size_t n = timeline_says(&w.in, &w.t, &w.memory, says, KEYS); n-- > 0;)
		if (says[n].kind == SAY_GONE && says[n].key->key == k && says[n].record == r)
			return true;
	return false;
}

/* One signer alone has signed with it, for minutes, and the other one looks at the server that took that. */
static void who_promised_waits_for_what_its_own_secondaries_show(void **state)
{
	struct key_state *zsk = add_key("zsk", zone_in_use());
	const struct id_set other = { &w.ids[1], 1 };

	(void)state;
	settle(zsk, RECORD_DNSKEY);
	settle(add_key("zsk", zsk), RECORD_DNSKEY);
	zsk->record[RECORD_ZONE].serves = zsk->record[RECORD_ZONE].gone = other;
	zsk->record[RECORD_ZONE].stopped = both();
	assert_false(says_gone(zsk, RECORD_ZONE));
	assert_false(view(zsk)->record[RECORD_ZONE].all_gone);
	zsk->record[RECORD_ZONE].stopped = other; /* this node came when it was over */
	assert_true(says_gone(zsk, RECORD_ZONE));

	w.in.self = w.ids[1];
	assert_true(view(zsk)->record[RECORD_ZONE].all_gone); /* and is not waited for */
	zsk->record[RECORD_ZONE].stopped = both();
	assert_false(view(zsk)->record[RECORD_ZONE].all_gone);
	zsk->record[RECORD_ZONE].gone = both();
	assert_true(view(zsk)->record[RECORD_ZONE].all_gone);
}

/* The zone is to be insecure again before all had its first key: they wait for who joins with what they see of it. */
static void who_joins_signs_with_a_first_key_that_is_to_go(void **state)
{
	struct key_state *csk = add_key("csk", NULL);
	const struct id_set other = { &w.ids[1], 1 };

	(void)state;
	csk->method = METHOD_FIRST;
	csk->record[RECORD_DNSKEY].serves = csk->record[RECORD_ZONE].serves = other;
	csk->record[RECORD_DS].stopped = other;
	w.zone.secure.set = true;
	w.zone.secure.body = json_pack("{s:b}", "secure", 0);
	w.published.any = false;
	assert_true(view(csk)->record[RECORD_ZONE].retiring);
	assert_true(view(csk)->record[RECORD_ZONE].show);
	assert_true(view(csk)->record[RECORD_DNSKEY].show);
	csk->method = METHOD_PREPUBLICATION; /* its DNSKEY may not be in caches yet */
	assert_false(view(csk)->record[RECORD_ZONE].show);
	json_decref(w.zone.secure.body);
}

/* A new algorithm came in before the others counted who joins, and is to go again, as the zone is to be insecure: a version with its
 * DNSKEYs may be on its way there. */
static void who_joins_signs_with_an_algorithm_that_others_may_be_about_to_show(void **state)
{
	const struct id_set other = { &w.ids[1], 1 };
	struct key_state *ksk, *zsk;
	json_t *no = json_pack("{s:b}", "secure", 0);

	(void)state;
	zone_in_use();
	ksk = add_key("ksk", NULL);
	zsk = add_key("zsk", NULL);
	ksk->method = zsk->method = METHOD_CONSERVATIVE;
	w.dnskey[2][3] = w.dnskey[3][3] = 15;
	w.policy.algorithm_method = METHOD_CONSERVATIVE;
	w.zone.secure = (struct fact_reg){ .set = true, .body = no };
	zsk->record[RECORD_ZONE].serves = both();
	zsk->record[RECORD_ZONE].seen = other;
	key_set_add(&w.published.record[RECORD_ZONE], zsk->hash);
	assert_int_equal(view(zsk)->record[RECORD_DNSKEY].phase, PHASE_RUMOURED);
	assert_true(view(zsk)->record[RECORD_ZONE].retiring);
	assert_true(view(zsk)->record[RECORD_ZONE].show);
	ksk->record[RECORD_DNSKEY].stopped = ksk->record[RECORD_DNSKEY].gone = both(); /* nobody is */
	zsk->record[RECORD_DNSKEY].stopped = zsk->record[RECORD_DNSKEY].gone = both();
	assert_false(view(zsk)->record[RECORD_ZONE].show);
	w.zone.secure.body = NULL;
	json_decref(no);
}

static bool says_serves(void)
{
	struct timeline_say says[8];

	timeline_view(&w.in, &w.t);
	for (size_t n = timeline_says(&w.in, &w.t, &w.memory, says, 8); n-- > 0;)
		if (says[n].kind == SAY_SERVES)
			return true;
	return false;
}

/* The parent has shown an RRset that the other signers may not have seen. */
static void a_longer_ttl_of_the_ds_is_told_while_it_moves(void **state)
{
	struct key_state *ksk;

	(void)state;
	zone_in_use();
	w.zone.ds_ttl = 3600;
	w.memory.ds_ttl = 7200;
	assert_false(says_serves());
	ksk = add_key("ksk", &w.key[0]);
	settle(ksk, RECORD_DNSKEY);
	ksk->record[RECORD_DS].serves = both();
	key_set_add(&w.published.record[RECORD_DS], ksk->hash);
	assert_true(says_serves());
	w.zone.ds_ttl = 7200;
	assert_false(says_serves());
}

/* The other half was lost with who made both. */
static void a_key_without_its_other_half_says_so(void **state)
{
	char why[TIMELINE_WHY_LEN];
	struct key_state *ksk = add_key("ksk", NULL);

	(void)state;
	assert_non_null(strstr(timeline_why(&w.in, &w.t, &w.memory, view(ksk), why), "no key that signs the zone is there"));
	add_key("zsk", NULL);
	assert_null(strstr(timeline_why(&w.in, &w.t, &w.memory, view(ksk), why), "no key that signs"));
}

/* It lost to one that was declined and is gone since, and all have promised. */
static void what_lost_once_does_not_win_later(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());

	(void)state;
	settle(fresh, RECORD_DNSKEY);
	assert_false(view(fresh)->record[RECORD_DNSKEY].retiring);
	fresh->record[RECORD_ZONE].stopped = fresh->record[RECORD_ZONE].gone = both();
	assert_true(view(fresh)->record[RECORD_DNSKEY].retiring);
	assert_false(view(fresh)->record[RECORD_DNSKEY].show);
}

/* The zone is to be insecure, and one DS is gone: were its key gone for good, the zone could be asked to be secure with the rest. */
static void keys_of_a_zone_that_becomes_insecure_go_together(void **state)
{
	struct key_state *ksk, *other;
	json_t *no = json_pack("{s:b}", "secure", 0);

	(void)state;
	zone_in_use();
	ksk = &w.key[0];
	other = add_key("ksk", NULL);
	settle(other, RECORD_DNSKEY);
	settle(other, RECORD_DS);
	w.zone.secure = (struct fact_reg){ .set = true, .body = no };
	ksk->record[RECORD_DS].stopped = ksk->record[RECORD_DS].gone = both();
	ksk->record[RECORD_DS].insecure = true;
	other->record[RECORD_DS].stopped = both();
	w.published.record[RECORD_DS].n = 0;
	assert_true(view(ksk)->record[RECORD_DNSKEY].show);
	other->record[RECORD_DS].gone = both();
	assert_false(view(ksk)->record[RECORD_DNSKEY].show);
	assert_false(view(other)->record[RECORD_DNSKEY].show);
	w.zone.secure.body = NULL;
	json_decref(no);
}

/* Two keys of a new algorithm, made during a partition: one signs, and the other's DNSKEY is everywhere first. */
static void a_ds_waits_for_signatures_that_can_be_verified(void **state)
{
	struct key_state *old = zone_in_use(), *a = add_key("csk", old), *b = add_key("csk", old);

	(void)state;
	for (size_t i = 0; i < w.zone.keys; i++)
		w.dnskey[i][3] = &w.key[i] == a || &w.key[i] == b ? 15 : 13;
	a->method = b->method = METHOD_LIBERAL;
	settle(a, RECORD_DNSKEY);
	settle(b, RECORD_ZONE);
	b->record[RECORD_DNSKEY].serves = both();
	key_set_add(&w.published.record[RECORD_DNSKEY], b->hash);
	assert_false(view(a)->record[RECORD_DS].show);
	settle(b, RECORD_DNSKEY);
	assert_true(view(a)->record[RECORD_DS].show);
}

/* Of two keys with one tag; this node may have said to hold both only where an old copy was put back between. */
static void of_two_with_one_tag_the_one_that_is_shown_stays(void **state)
{
	struct key_state *zsk = zone_in_use(), *other = add_key("zsk", NULL);

	(void)state;
	w.dnskey[0][1] = 1; /* the KSK has another one */
	w.key[0].tags = dnskey_tags(w.dnskey[0], 4);
	assert_int_equal(timeline_hold(&w.zone, zsk, w.ids[0]), HOLD_WORD_SAID);
	assert_int_equal(timeline_hold(&w.zone, other, w.ids[0]), HOLD_WORD_DECLINED);
	for (enum key_record r = 0; r < KEY_RECORDS; r++) /* a key may be named in CDS, or sign, before its DNSKEY is there */
		zsk->record[r].serves.n = 0;
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		const struct key_state *first = memcmp(zsk->hash, other->hash, 32) < 0 ? zsk : other;

		/* neither is */
		assert_int_equal(timeline_hold(&w.zone, first, w.ids[0]), HOLD_WORD_SAID);
		assert_int_equal(timeline_hold(&w.zone, first == zsk ? other : zsk, w.ids[0]), HOLD_WORD_DECLINED);
		other->record[r].serves = both();
		assert_int_equal(timeline_hold(&w.zone, other, w.ids[0]), HOLD_WORD_SAID);
		assert_int_equal(timeline_hold(&w.zone, zsk, w.ids[0]), HOLD_WORD_DECLINED);
		other->record[r].stopped = both(); /* and is no more */
		assert_int_equal(timeline_hold(&w.zone, zsk, w.ids[0]), HOLD_WORD_SAID);
		other->record[r].serves.n = other->record[r].stopped.n = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_step_waits_for_its_release, setup, teardown),
		cmocka_unit_test_setup_teardown(what_others_show_was_released, setup, teardown),
		cmocka_unit_test_setup_teardown(a_standby_key_takes_no_place_until_it_is_released, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ds_waits_for_cds_at_secondaries_where_there_are_any, setup, teardown),
		cmocka_unit_test_setup_teardown(a_parent_is_looked_at_from_the_first_that_asks_for_another_ds, setup, teardown),
		cmocka_unit_test_setup_teardown(a_silent_secondary_is_given_up_by_policy_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wait_names_the_server_that_has_not_shown_it, setup, teardown),
		cmocka_unit_test_setup_teardown(hurry_leaves_out_what_policy_adds, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_that_are_gone_do_not_crowd_out_those_that_live, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restored_signer_goes_by_what_those_before_it_served, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lost_signers_gave_up_does_not_come_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restored_signer_signs_with_what_any_lost_one_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_key_is_shown_and_signs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_key_is_shown_by_nobody_who_does_not_know_it, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key_is_rolled_while_a_foreign_one_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_key_goes_by_a_word_then_step_by_step, setup, teardown),
		cmocka_unit_test_setup_teardown(our_ds_is_asked_for_beside_the_foreign_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_chain_is_not_built_on_a_foreign_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_that_never_signed_is_kept_for_who_joins_until_the_zone_is_insecure,
						setup, teardown),
		cmocka_unit_test_setup_teardown(signatures_by_two_that_compete_stay_until_one_is_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_csk_wins_over_a_ksk_and_a_zsk_for_both_uses, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_keys_of_an_algorithm_go_together, setup, teardown),
		cmocka_unit_test_setup_teardown(what_another_declined_and_gave_up_goes_though_it_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(who_lost_its_version_goes_by_its_facts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_declined_goes_though_all_show_it, setup, teardown),
		cmocka_unit_test_setup_teardown(who_promised_waits_for_what_its_own_secondaries_show, setup, teardown),
		cmocka_unit_test_setup_teardown(who_joins_signs_with_a_first_key_that_is_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(who_joins_signs_with_an_algorithm_that_others_may_be_about_to_show, setup, teardown),
		cmocka_unit_test_setup_teardown(a_longer_ttl_of_the_ds_is_told_while_it_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_without_its_other_half_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lost_once_does_not_win_later, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_of_a_zone_that_becomes_insecure_go_together, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ds_waits_for_signatures_that_can_be_verified, setup, teardown),
		cmocka_unit_test_setup_teardown(of_two_with_one_tag_the_one_that_is_shown_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_roll_is_foretold_to_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foretold_ksk_waits_for_the_ttls_of_the_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_for_a_word_is_not_foretold, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
