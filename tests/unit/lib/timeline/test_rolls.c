/* SPDX-License-Identifier: BSD-3-Clause */
/* One signer's view of a roll: steps by hand, standby keys, silent secondaries, hurry, and keys that are gone. */
#include "world.h"

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
		assert_int_equal(view(csk)->record[RECORD_DNSKEY].waits_out, !released); /* neither may go alone */
		assert_int_equal(view(zsk)->record[RECORD_DNSKEY].waits_out, !released);
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
		cmocka_unit_test_setup_teardown(a_key_that_never_signed_is_kept_for_who_joins_until_the_zone_is_insecure, setup, teardown),
		cmocka_unit_test_setup_teardown(signatures_by_two_that_compete_stay_until_one_is_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_csk_wins_over_a_ksk_and_a_zsk_for_both_uses, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_keys_of_an_algorithm_go_together, setup, teardown),
		cmocka_unit_test_setup_teardown(what_another_declined_and_gave_up_goes_though_it_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(who_lost_its_version_goes_by_its_facts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_declined_goes_though_all_show_it, setup, teardown),
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
