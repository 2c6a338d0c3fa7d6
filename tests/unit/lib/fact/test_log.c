/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

struct fixture {
	struct world *w;
	struct fact_log *log;
	char path[64];
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct err e;
	int fd;

	x->w = world_new();
	strcpy(x->path, "/tmp/duet-test-log-XXXXXX");
	fd = mkstemp(x->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fact_log_open(x->path, &x->log, &e), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fact_log_close(x->log);
	unlink(x->path);
	world_free(x->w);
	free(x);
	return 0;
}

static enum fact_result add(struct fixture *x, const struct fact *f)
{
	struct fact_rules rules = world_rules(x->w);
	struct fact_verdict v;
	struct err e;

	assert_int_equal(fact_log_add(x->log, &rules, f, 1, &v, &e), 0);
	return v.result;
}

static void reopen(struct fixture *x)
{
	struct err e;

	fact_log_close(x->log);
	x->log = NULL;
	assert_int_equal(fact_log_open(x->path, &x->log, &e), 0);
}

static json_t *body(int i)
{
	return json_pack("{s:i}", "i", i);
}

static void facts_are_held_in_the_order_of_their_chain(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	const struct fact_head *h;

	for (int i = 0; i < 3; i++)
		world_say(w, 0, "test", "example.org", body(i));
	assert_int_equal(add(x, &w->fact[1]), FACT_GAP);
	assert_int_equal(add(x, &w->fact[0]), FACT_NEW);
	assert_int_equal(add(x, &w->fact[0]), FACT_HAVE);
	assert_int_equal(add(x, &w->fact[2]), FACT_GAP);
	assert_int_equal(add(x, &w->fact[1]), FACT_NEW);
	reopen(x);
	assert_int_equal(fact_log_count(x->log), 2);
	h = fact_log_head(x->log, w->node[0].id.id, &w->node[0].inc);
	assert_non_null(h);
	assert_int_equal(h->seq, 2);
	assert_memory_equal(h->hash, w->fact[1].hash, FACT_HASH_LEN);
	assert_int_equal(add(x, &w->fact[1]), FACT_HAVE);
	assert_int_equal(add(x, &w->fact[2]), FACT_NEW);
	assert_int_equal(fact_log_highest(x->log, w->node[0].id.id), 1);
}

static void a_batch_is_held_as_far_as_it_goes(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	struct fact_rules rules = world_rules(w);
	struct fact_verdict v[4];
	struct err e;

	for (int i = 0; i < 3; i++)
		world_say(w, 0, "test", NULL, body(i));
	world_say(w, 1, "test", NULL, body(9));
	w->octets[1][w->fact[1].len - 1] ^= 1; /* its signature */
	assert_int_equal(fact_read(w->octets[1], w->fact[1].len, &w->fact[1], &e), 0);
	assert_int_equal(fact_log_add(x->log, &rules, w->fact, 4, v, &e), 0);
	assert_int_equal(v[0].result, FACT_NEW);
	assert_int_equal(v[1].result, FACT_REFUSED);
	assert_int_equal(v[2].result, FACT_GAP);
	assert_int_equal(v[3].result, FACT_NEW);
}

static void a_forged_fact_is_refused(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	const struct fact *f = world_say(w, 0, "test", "example.org", body(1));
	struct fact forged;
	uint8_t copy[FACT_MAX];
	struct err e;

	/* Every octet counts: change each in turn. */
	for (size_t i = 0; i < f->len; i++) {
		memcpy(copy, f->octets, f->len);
		copy[i] ^= 0x20;
		if (fact_read(copy, f->len, &forged, &e) != 0)
			continue;
		assert_int_not_equal(add(x, &forged), FACT_NEW);
	}
	/* One node in the name of another. */
	memcpy(copy, f->octets, f->len);
	memcpy(copy + 1, w->node[1].id.id, NODE_ID_LEN);
	assert_int_equal(fact_read(copy, f->len, &forged, &e), 0);
	assert_int_equal(add(x, &forged), FACT_REFUSED);
	assert_int_equal(fact_log_count(x->log), 0);
}

static void a_fact_of_an_unknown_node_is_not_held(void **state)
{
	struct fixture *x = *state;
	const struct fact *f = world_say(x->w, 3, "test", NULL, body(1));

	x->w->unknown[3] = true;
	assert_int_equal(add(x, f), FACT_UNKNOWN);
	x->w->unknown[3] = false;
	assert_int_equal(add(x, f), FACT_NEW);
}

static void another_fact_under_the_same_number_is_a_fork(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	struct speaker before;

	world_say(w, 0, "test", NULL, body(1));
	before = w->node[0];
	world_say(w, 0, "test", NULL, body(2));
	w->node[0] = before; /* an old copy of it speaks again */
	world_say(w, 0, "test", NULL, body(3));
	world_say(w, 0, "test", NULL, body(4));
	assert_int_equal(add(x, &w->fact[0]), FACT_NEW);
	assert_int_equal(add(x, &w->fact[1]), FACT_NEW);
	assert_int_equal(add(x, &w->fact[2]), FACT_FORK); /* number 2 again */
	assert_int_equal(add(x, &w->fact[3]), FACT_FORK); /* 3, behind the other 2 */
	assert_int_equal(fact_log_count(x->log), 2);
}

static void a_retired_node_says_nothing_more(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	const struct fact *said = world_say(w, 1, "test", NULL, body(1)), *late, *fresh, *retired;
	char random[17];

	sodium_bin2hex(random, sizeof(random), w->node[1].inc.random, 8);
	w->state = fact_state_new();
	for (int i = 0; i < 2; i++)
		fact_state_apply(w->state, world_say(w, 0, i == 0 ? "node.first" : "admitted", NULL,
						     json_pack("{s:s,s:s,s:s}", "line", w->node[i].line, "name",
							       "n", "role", "signer")));
	retired = world_say(w, 0, "retired", NULL,
			    json_pack("{s:s,s:s,s:s,s:[[i,s,i]]}", "node", w->node[1].id.id_text, "line",
				      w->node[1].line, "why", "fenced", "upto", 1, random, 1));
	late = world_say(w, 1, "test", NULL, body(2));
	w->node[1].inc.number = 2; /* a further incarnation */
	w->node[1].seq = 0;
	memset(w->node[1].prev, 0, FACT_HASH_LEN);
	fresh = world_say(w, 1, "test", NULL, body(3));
	fact_state_apply(w->state, retired);
	assert_int_equal(add(x, said), FACT_NEW); /* what was said before stays */
	assert_int_equal(add(x, late), FACT_REFUSED);
	assert_int_equal(add(x, fresh), FACT_REFUSED);
}

static int count(void *ctx, const struct fact *f)
{
	uint64_t *last = ctx;

	assert_int_equal(f->seq, *last + 1);
	*last = f->seq;
	return 0;
}

static void what_a_peer_lacks_is_read_in_order(void **state)
{
	struct fixture *x = *state;
	struct world *w = x->w;
	uint64_t last = 4;
	struct err e;

	for (int i = 0; i < 10; i++) {
		world_say(w, 0, "test", NULL, body(i));
		world_say(w, 1, "test", NULL, body(i));
	}
	for (size_t i = 0; i < w->n; i++)
		assert_int_equal(add(x, &w->fact[i]), FACT_NEW);
	assert_int_equal(fact_log_walk_from(x->log, w->node[1].id.id, &w->node[1].inc, 4, count, &last, &e),
			 0);
	assert_int_equal(last, 10);
}

static void a_newer_database_is_refused(void **state)
{
	struct fixture *x = *state;
	struct fact_log *other = NULL;
	char cmd[200];
	struct err e;

	fact_log_close(x->log);
	x->log = NULL;
	snprintf(cmd, sizeof(cmd),
		 "python3 -c 'import sqlite3; sqlite3.connect(\"%s\").execute(\"PRAGMA user_version=99\")'",
		 x->path);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(fact_log_open(x->path, &other, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

static void a_second_process_is_kept_out(void **state)
{
	struct fixture *x = *state;
	struct fact_log *other = NULL;
	struct err e;

	assert_int_equal(fact_log_open(x->path, &other, &e), -1);
}

static bool of_first_zone(void *ctx, const struct fact *f)
{
	(void)ctx;
	return f->zone_len > 4 && memcmp(f->zone, "\003one", 4) == 0;
}

struct copies {
	uint8_t *octets[FACTS_MAX];
	struct fact fact[FACTS_MAX];
	size_t n;
};

static int copy(void *ctx, const struct fact *f)
{
	struct copies *c = ctx;

	c->octets[c->n] = malloc(f->len);
	memcpy(c->octets[c->n], f->octets, f->len);
	assert_int_equal(fact_read(c->octets[c->n], f->len, &c->fact[c->n], NULL), 0);
	c->n++;
	return 0;
}

static json_t *boxed(int i)
{
	return json_pack("{s:i,s:[{s:s}],s:[]}", "i", i, "boxes", "box", "SECRETBOX", "recovery");
}

static void cut_facts_lose_their_boxes_and_keep_their_chain(void **state)
{
	static const char *const zones[] = { "one.example", "two.example", "one.example", "one.example" };
	struct fixture *x = *state;
	struct world *w = x->w;
	struct copies c = { .n = 0 };
	struct fact_rules rules = world_rules(w);
	struct fact_verdict v[4];
	struct fact_log *other;
	char path[80];
	size_t n;
	struct err e;

	for (int i = 0; i < 4; i++)
		assert_int_equal(add(x, world_say(w, 0, "key.created", zones[i], boxed(i))), FACT_NEW);
	assert_int_equal(fact_log_cut(x->log, of_first_zone, NULL, &n, &e), 0);
	assert_int_equal(n, 2); /* the newest one stays */
	assert_int_equal(fact_log_cut(x->log, of_first_zone, NULL, &n, &e), 0);
	assert_int_equal(n, 0);
	reopen(x);
	assert_int_equal(fact_log_walk(x->log, copy, &c, &e), 0);
	assert_int_equal(c.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(c.fact[i].cut, i == 0 || i == 2);
		assert_int_equal(memmem(c.octets[i], c.fact[i].len, "SECRETBOX", 9) == NULL, c.fact[i].cut);
		assert_memory_equal(c.fact[i].hash, w->fact[i].hash, FACT_HASH_LEN);
		assert_int_equal(add(x, &w->fact[i]), FACT_HAVE); /* the whole one changes nothing */
	}
	/* Another node takes them, each cut one for the sake of the one behind it. */
	snprintf(path, sizeof(path), "%s.other", x->path);
	assert_int_equal(fact_log_open(path, &other, &e), 0);
	assert_int_equal(fact_log_add(other, &rules, c.fact, 1, v, &e), 0);
	assert_int_equal(v[0].result, FACT_GAP);
	c.octets[0][2] ^= 1; /* another hash */
	assert_int_equal(fact_read(c.octets[0], c.fact[0].len, &c.fact[0], &e), 0);
	assert_int_equal(fact_log_add(other, &rules, c.fact, 4, v, &e), 0);
	assert_int_equal(v[0].result, FACT_GAP);
	c.octets[0][2] ^= 1;
	assert_int_equal(fact_read(c.octets[0], c.fact[0].len, &c.fact[0], &e), 0);
	assert_int_equal(fact_log_add(other, &rules, c.fact, 4, v, &e), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(v[i].result, FACT_NEW);
		free(c.octets[i]);
	}
	fact_log_close(other);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(facts_are_held_in_the_order_of_their_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(a_batch_is_held_as_far_as_it_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_forged_fact_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fact_of_an_unknown_node_is_not_held, setup, teardown),
		cmocka_unit_test_setup_teardown(another_fact_under_the_same_number_is_a_fork, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_retired_node_says_nothing_more, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_peer_lacks_is_read_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_database_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_process_is_kept_out, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_facts_lose_their_boxes_and_keep_their_chain, setup, teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
