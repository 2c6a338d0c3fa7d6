/* SPDX-License-Identifier: BSD-3-Clause */
/* One signer's view of keys of another signer, whose zone moves here. */
#include "world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_foreign_key_is_shown_and_signs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_key_is_shown_by_nobody_who_does_not_know_it, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key_is_rolled_while_a_foreign_one_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_key_goes_by_a_word_then_step_by_step, setup, teardown),
		cmocka_unit_test_setup_teardown(our_ds_is_asked_for_beside_the_foreign_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_chain_is_not_built_on_a_foreign_key, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
