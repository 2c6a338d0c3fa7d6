/* SPDX-License-Identifier: BSD-3-Clause */
/* One signer's view where signers come and go: who joins, who is restored, who was set back. */
#include "world.h"

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

/* This node counts a third one; node: room for three. */
static void count_third(struct node_state node[3])
{
	memcpy(node, w.node, sizeof(w.node));
	node[2] = w.node[1];
	memset(node[2].id, 3, NODE_ID_LEN);
	w.facts.node = node;
	w.facts.nodes = 3;
}

/* It was set back to before it had seen the key's DNSKEY, and who joined meanwhile has seen nothing yet. */
static void what_this_node_may_have_shown_before_it_was_set_back_is_not_hidden(void **state)
{
	struct key_state *fresh = add_key("zsk", zone_in_use());
	struct node_state node[3];

	(void)state;
	fresh->record[RECORD_DNSKEY].serves = both();
	fresh->record[RECORD_DNSKEY].seen = (struct id_set){ &w.ids[1], 1 };
	key_set_add(&w.published.record[RECORD_DNSKEY], fresh->hash);
	assert_int_equal(view(fresh)->record[RECORD_ZONE].phase, PHASE_RUMOURED);
	count_third(node);
	assert_int_equal(view(fresh)->record[RECORD_ZONE].phase, PHASE_RUMOURED);
	fresh->record[RECORD_DNSKEY].seen = (struct id_set){ NULL, 0 }; /* nobody has, so nobody signs with it */
	assert_int_equal(view(fresh)->record[RECORD_ZONE].phase, PHASE_HIDDEN);
}

/* Two had competed, and the others have seen the signatures by both: they look no more, at servers that only they look at. */
static void who_joins_signs_with_all_that_the_others_have_seen(void **state)
{
	const struct id_set other = { &w.ids[1], 1 };
	struct key_state *zsk = zone_in_use(), *rival = add_key("zsk", NULL);

	(void)state;
	w.published = (struct timeline_published){ .any = false };
	for (enum key_record r = RECORD_DNSKEY; r <= RECORD_ZONE; r++)
		zsk->record[r].serves = zsk->record[r].seen = rival->record[r].serves = rival->record[r].seen = other;
	w.key[0].record[RECORD_DNSKEY].serves = w.key[0].record[RECORD_DNSKEY].seen = other;
	w.key[0].record[RECORD_DS].serves = w.key[0].record[RECORD_DS].seen = other;
	assert_true(view(zsk)->record[RECORD_ZONE].show);
	assert_true(w.t.joining);
	assert_true(view(rival)->record[RECORD_ZONE].show);
	rival->record[RECORD_ZONE].seen = (struct id_set){ NULL, 0 }; /* they look still */
	assert_false(view(rival)->record[RECORD_ZONE].show);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_restored_signer_goes_by_what_those_before_it_served, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lost_signers_gave_up_does_not_come_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restored_signer_signs_with_what_any_lost_one_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(who_promised_waits_for_what_its_own_secondaries_show, setup, teardown),
		cmocka_unit_test_setup_teardown(who_joins_signs_with_a_first_key_that_is_to_go, setup, teardown),
		cmocka_unit_test_setup_teardown(who_joins_signs_with_an_algorithm_that_others_may_be_about_to_show, setup, teardown),
		cmocka_unit_test_setup_teardown(what_this_node_may_have_shown_before_it_was_set_back_is_not_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(who_joins_signs_with_all_that_the_others_have_seen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
