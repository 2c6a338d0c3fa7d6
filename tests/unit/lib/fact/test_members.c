/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may admit and retire, and what becomes of signers that retire each other: for any order of the facts. */
#include "world.h"

#include "msg/msg.h"

static int setup(void **state)
{
	*state = world_new();
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void admit(struct world *w, int by, int whom, const char *role)
{
	world_say(w, by, by == whom ? "node.first" : "admitted", NULL,
		  json_pack("{s:s,s:s,s:s}", "line", w->node[whom].line, "name", "n", "role", role));
}

/* `upto`: how far the retired had spoken, as its retirer knows. */
static void retire(struct world *w, int by, int whom, uint64_t upto)
{
	char random[17];

	sodium_bin2hex(random, sizeof(random), w->node[whom].inc.random, 8);
	world_say(w, by, "retired", NULL,
		  json_pack("{s:s,s:s,s:[[i,s,I]]}", "node", w->node[whom].id.id_text, "line", w->node[whom].line,
			    "upto", 1, random, (json_int_t)upto));
}

static void count(struct world *w, int by, int of, int whom)
{
	world_say(w, by, "counts", NULL,
		  json_pack("{s:s,s:s}", "node", w->node[whom].id.id_text, "of", w->node[of].id.id_text));
}

static struct fact_state *apply(const struct world *w, const size_t *order, size_t n)
{
	struct fact_state *s = fact_state_new();
	bool anew = false;

	for (size_t i = 0; i < n; i++)
		anew |= fact_state_apply(s, &w->fact[order[i]]);
	if (!anew)
		return s;
	fact_state_free(s);
	s = fact_state_new();
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < n; i++)
			if (fact_is_of_nodes(&w->fact[order[i]]) == (round == 0))
				fact_state_apply(s, &w->fact[order[i]]);
	return s;
}

/* Any order, and some twice: always the state of the order in which it was said, which is kept in w. */
static void any_order(struct world *w)
{
	size_t order[2 * FACTS_MAX];
	char *want = NULL;

	for (int round = 0; round < 30; round++) {
		size_t n = w->n;
		struct fact_state *s;
		json_t *dump;
		char *got;

		for (size_t i = 0; i < n; i++)
			order[i] = i;
		for (int i = 0; round > 0 && i < 4; i++)
			order[n++] = randombytes_uniform((uint32_t)w->n);
		for (size_t i = n - 1; round > 0 && i > 0; i--) {
			size_t j = randombytes_uniform((uint32_t)i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		s = apply(w, order, n);
		dump = fact_state_dump(s);
		got = json_dumps(dump, JSON_SORT_KEYS | JSON_INDENT(1));
		json_decref(dump);
		if (want == NULL) {
			want = got;
			w->state = s;
			continue;
		}
		assert_string_equal(want, got);
		free(got);
		fact_state_free(s);
	}
	free(want);
}

static bool signer(const struct world *w, int i)
{
	return node_is_signer(state_node(w->state, w->node[i].id.id));
}

static void only_admitted_signers_admit(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "backup");
	admit(w, 1, 2, "signer"); /* a backup may not */
	admit(w, 3, 2, "signer"); /* a stranger may not */
	any_order(w);
	assert_true(signer(w, 0));
	assert_false(signer(w, 2));
	assert_false(w->state->void_retirements);
}

static void a_right_may_come_later_than_its_use(void **state)
{
	struct world *w = *state;

	admit(w, 1, 2, "signer");
	retire(w, 2, 3, 1);
	admit(w, 1, 3, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 0, "signer");
	any_order(w);
	assert_true(signer(w, 2));
	assert_false(signer(w, 3));
}

static void nobody_but_an_admitted_signer_retires(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	retire(w, 2, 1, 0);
	retire(w, 3, 0, 0);
	any_order(w);
	assert_true(signer(w, 0) && signer(w, 1));
	assert_false(state_node(w->state, w->node[1].id.id)->retired);
}

static void nobody_counts_for_another(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	count(w, 0, 0, 1);
	count(w, 0, 1, 0); /* not even a signer for a signer */
	count(w, 2, 1, 0);
	any_order(w);
	assert_true(id_set_has(&state_node(w->state, w->node[0].id.id)->counts, w->node[1].id.id));
	assert_int_equal(state_node(w->state, w->node[1].id.id)->counts.n, 0);
}

static void two_that_retire_each_other_both_stay(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	retire(w, 0, 1, 0);
	retire(w, 1, 0, 2);
	any_order(w);
	assert_true(signer(w, 0) && signer(w, 1));
	assert_true(w->state->void_retirements);
}

static void who_was_retired_before_stays_retired(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		admit(w, 0, i, "signer");
	retire(w, 0, 2, 0);
	retire(w, 0, 1, 0);
	retire(w, 1, 0, 3);
	any_order(w);
	assert_true(signer(w, 0) && signer(w, 1));
	assert_false(signer(w, 2));
	assert_true(w->state->void_retirements);
}

static void with_a_third_that_stays_two_may_retire_each_other(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		admit(w, 0, i, "signer");
	retire(w, 0, 1, 0);
	retire(w, 1, 0, 3);
	any_order(w);
	assert_false(signer(w, 0) || signer(w, 1));
	assert_true(signer(w, 2));
	assert_false(w->state->void_retirements);
}

static void the_last_one_does_not_retire_itself(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	retire(w, 0, 0, 1);
	any_order(w);
	assert_true(signer(w, 0));
	assert_true(w->state->void_retirements);
}

static void ask_to_leave(struct world *w, int by, int whom, bool dead)
{
	world_say(w, by, "retiring", NULL, json_pack("{s:s,s:b}", "node", w->node[whom].id.id_text, "dead", (int)dead));
}

static const struct node_state *standing(const struct world *w, int i)
{
	return state_node(w->state, w->node[i].id.id);
}

static void who_is_to_leave_counts_until_it_is_retired(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	ask_to_leave(w, 0, 1, false);
	ask_to_leave(w, 0, 2, false); /* a backup is retired at once, or not */
	any_order(w);
	assert_true(signer(w, 1));
	assert_true(standing(w, 1)->leaving);
	assert_false(standing(w, 1)->left || standing(w, 1)->dead);
	assert_false(standing(w, 0)->leaving || standing(w, 2)->leaving);
	assert_false(w->state->void_retirements);
	world_say(w, 1, "node.stopped", NULL, json_object());
	fact_state_free(w->state);
	any_order(w);
	assert_true(standing(w, 1)->left);
	retire(w, 0, 1, 9);
	fact_state_free(w->state);
	any_order(w);
	assert_false(signer(w, 1));
	assert_false(standing(w, 1)->leaving);
}

static void only_an_admitted_signer_makes_another_leave(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	ask_to_leave(w, 2, 1, true);
	ask_to_leave(w, 3, 1, true);
	world_say(w, 1, "node.stopped", NULL, json_object()); /* nobody has asked it to */
	any_order(w);
	assert_false(standing(w, 1)->leaving || standing(w, 1)->dead || standing(w, 1)->left);
}

static void not_all_are_to_leave(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	ask_to_leave(w, 0, 1, true);
	ask_to_leave(w, 1, 0, false);
	any_order(w);
	assert_false(standing(w, 0)->leaving || standing(w, 1)->leaving);
	assert_true(w->state->void_retirements);
	admit(w, 1, 2, "signer");
	fact_state_free(w->state);
	any_order(w);
	assert_true(standing(w, 0)->leaving && standing(w, 1)->leaving && !standing(w, 2)->leaving);
	assert_true(standing(w, 1)->dead && !standing(w, 0)->dead);
	assert_false(w->state->void_retirements);
}

static void who_is_retired_admits_nobody_behind_its_end(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 1, 2, "signer"); /* its first word */
	admit(w, 1, 3, "signer"); /* its second */
	retire(w, 0, 1, 1);
	any_order(w);
	assert_true(signer(w, 2));
	assert_false(signer(w, 3));
}

static void restore(struct world *w, int by, bool ended)
{
	retire(w, by, 0, 3);
	retire(w, by, 1, 0);
	admit(w, by, 3, "signer");
	count(w, by, 3, 3);
	if (ended)
		world_say(w, by, "restored", NULL, json_pack("{s:i}", "facts", 4));
}

static void a_restore_retires_all_and_admits_anew(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	world_say(w, 2, "test", NULL, json_object());
	restore(w, 2, true);
	any_order(w);
	assert_false(signer(w, 0) || signer(w, 1));
	assert_true(signer(w, 3));
	assert_true(id_set_has(&state_node(w->state, w->node[3].id.id)->counts, w->node[3].id.id));
	assert_false(w->state->void_retirements);
}

static void half_a_restore_says_nothing(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	restore(w, 2, false);
	any_order(w);
	assert_true(signer(w, 0) && signer(w, 1));
	assert_false(signer(w, 3));
}

static void a_restore_by_who_is_no_backup_says_nothing(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	restore(w, 2, true);
	any_order(w);
	assert_true(signer(w, 0) && signer(w, 1));
	assert_false(signer(w, 3));
}

static void the_box_key_comes_from_an_admission_only(void **state)
{
	struct world *w = *state;
	struct node_line line = w->node[1].id.line;
	char text[NODE_LINE_TEXT];

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	for (int i = 0; i < 20; i++) { /* so that some hash is larger than the admission's */
		memset(line.box_pk, i + 1, sizeof(line.box_pk));
		world_say(w, 2, "admitted", NULL,
			  json_pack("{s:s,s:s,s:s}", "line", node_line_text(&line, text), "name", "n", "role",
				    "signer"));
	}
	any_order(w);
	assert_memory_equal(state_node(w->state, w->node[1].id.id)->line.box_pk, w->node[1].id.line.box_pk, 32);
}

/* One admitted as signer and as backup is a signer, whatever the hashes of the two are: the one that is left. */
static void a_signer_stays_one_though_it_is_called_a_backup(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	for (int i = 0; i < 20; i++) /* so that some hash is larger than the admission's */
		admit(w, 1, 0, "backup");
	retire(w, 0, 1, 30);
	any_order(w);
	assert_true(signer(w, 0));
	assert_false(signer(w, 1));
}

static void a_restore_that_admits_nobody_is_void(void **state)
{
	struct world *w = *state;

	admit(w, 0, 0, "signer");
	admit(w, 0, 1, "signer");
	admit(w, 0, 2, "backup");
	retire(w, 2, 0, 3);
	retire(w, 2, 1, 0);
	world_say(w, 2, "restored", NULL, json_pack("{s:i}", "facts", 2));
	any_order(w);
	assert_true(signer(w, 0) || signer(w, 1));
	assert_true(w->state->void_retirements);
}

/* Claims of every kind by anybody about anybody, by chance: never more than one state, never nobody left. */
static void by_chance(void **state)
{
	(void)state;
	for (int run = 0; run < 30; run++) {
		struct world *w = world_new();
		bool any = false, left = false;

		admit(w, 0, 0, "signer");
		for (int i = 0; i < 14; i++) {
			int by = (int)randombytes_uniform(NODES), whom = (int)randombytes_uniform(NODES);

			switch (randombytes_uniform(4)) {
			case 0:
				admit(w, by, whom, randombytes_uniform(4) == 0 ? "backup" : "signer");
				break;
			case 1:
				count(w, by, randombytes_uniform(2) == 0 ? by : whom, whom);
				break;
			case 2:
				world_say(w, by, "restored", NULL,
					  json_pack("{s:i}", "facts", (int)randombytes_uniform(4)));
				break;
			default:
				retire(w, by, whom, randombytes_uniform(6));
				break;
			}
		}
		any_order(w);
		for (int i = 0; i < NODES; i++) {
			const struct node_state *n = state_node(w->state, w->node[i].id.id);

			left |= node_is_signer(n);
			any |= n != NULL && n->admitted.set && n->role == NODE_SIGNER;
		}
		assert_true(left || !any);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_admitted_signers_admit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_right_may_come_later_than_its_use, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_but_an_admitted_signer_retires, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_counts_for_another, setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_retire_each_other_both_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_retired_before_stays_retired, setup, teardown),
		cmocka_unit_test_setup_teardown(with_a_third_that_stays_two_may_retire_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_one_does_not_retire_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_to_leave_counts_until_it_is_retired, setup, teardown),
		cmocka_unit_test_setup_teardown(only_an_admitted_signer_makes_another_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(not_all_are_to_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_retired_admits_nobody_behind_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restore_retires_all_and_admits_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_restore_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restore_by_who_is_no_backup_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_box_key_comes_from_an_admission_only, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signer_stays_one_though_it_is_called_a_backup, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restore_that_admits_nobody_is_void, setup, teardown),
		cmocka_unit_test(by_chance),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
