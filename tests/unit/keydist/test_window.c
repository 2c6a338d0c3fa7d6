/* SPDX-License-Identifier: BSD-3-Clause */
/* A real keydist with many zones, and an engine that is this test: how many plans are on their way at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include <cmocka.h>

#include "arena/arena.h"
#include "clock/clock.h"
#include "cluster/impl.h"
#include "keydist/keydist.h"
#include "tests/unit/keydist/ending.h"

#define ZONES  700
#define WINDOW 256 /* engine_out.c */
#define SOON_MS 60000

/* main.c has this in the program. */
int keydist_reload(struct keydist *k, struct err *e)
{
	(void)k;
	return err_set(e, ERR_INTERNAL, "not here");
}

struct fixture {
	struct keydist k;
	struct conf conf;
	char dir[64], listen[100], endpoint[100], name[8];
	struct engine_identity engine;
	struct msg_client *client;
	bool up;
	size_t plans;    /* that the engine got */
	json_int_t upto; /* rev of the last message of them */
};

static void ignore(void *ctx)
{
	(void)ctx;
}

static void on_up(void *ctx)
{
	((struct fixture *)ctx)->up = true;
}

static void on_message(void *ctx, const char *type, json_t *msg)
{
	struct fixture *x = ctx;

	if (strcmp(type, "plans") != 0)
		return;
	x->plans += json_array_size(json_object_get(msg, "list"));
	x->upto = json_integer_value(json_object_get(msg, "rev"));
}

static void add_zones(struct fixture *x)
{
	struct cluster_word *word = mem_new(ZONES, sizeof(*word));
	uint8_t(*name)[DNAME_MAX] = mem_new(ZONES, sizeof(*name));
	char text[40];
	struct err e;

	for (size_t i = 0; i < ZONES; i++) {
		snprintf(text, sizeof(text), "z%zu.example", i);
		assert_int_equal(dname_from_text(text, name[i], &e), 0);
		word[i] = (struct cluster_word){ "zone.add", name[i],
						 json_pack("{s:s,s:s,s:i}", "source", "file:z", "policy", "default", "rev", 1) };
	}
	assert_int_equal(cluster_say(x->k.cluster, word, ZONES, &e), 0);
	for (size_t i = 0; i < ZONES; i++)
		json_decref(word[i].body);
	free(word);
	free(name);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct keydist *k = &x->k;
	struct cluster_config config = { .loop = &k->loop,
					 .conf = &x->conf,
					 .identity = &k->self,
					 .role = NODE_SIGNER,
					 .dir = x->dir,
					 .listen = x->listen,
					 .rows = engine_rows,
					 .on_facts = ignore,
					 .on_fact = keydist_on_fact,
					 .on_status = engine_on_status,
					 .on_tick = ignore,
					 .ctx = k };
	struct msg_client_config client = { .endpoint = x->listen, .identity = &x->engine, .ctx = x, .on_up = on_up, .on_message = on_message };
	char path[100], own[100], wrap[120], line[NODE_LINE_TEXT];
	uint8_t sk[32];
	struct secret *s;
	struct err e;

	*state = x;
	assert_int_equal(clock_init(), 0);
	strcpy(x->dir, "/tmp/duet-test-window-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	strcpy(x->name, "self");
	x->conf.node.name = x->name;
	x->conf.node.clock = CONF_CLOCK_TRUST;
	x->conf.keydist.state_dir = x->dir;
	k->conf = &x->conf;
	snprintf(x->listen, sizeof(x->listen), "ipc://%s/hub", x->dir);
	snprintf(path, sizeof(path), "%s/id", x->dir);
	snprintf(own, sizeof(own), "%s/engine", x->dir);
	snprintf(wrap, sizeof(wrap), "file:%s/id.wrap", x->dir);
	assert_int_equal(identity_create(path, own, NULL, true, line, &e), 0);
	s = wrap_key_load(wrap, &e);
	assert_int_equal(identity_load(path, s, &k->self, &e), 0);
	secret_free(s);
	assert_int_equal(engine_identity_load(own, &x->engine, &e), 0);
	crypto_box_keypair(k->recovery_pk, sk);
	recovery_id_text(k->recovery_pk, k->recovery_id);
	k->recovery_known = k->clock_good = true;
	uv_loop_init(&k->loop);
	uv_timer_init(&k->loop, &k->flush);
	uv_timer_init(&k->loop, &k->turn);
	k->flush.data = k->turn.data = k;
	assert_int_equal(store_db_open(k, &e), 0);
	assert_int_equal(cluster_open(&config, &k->cluster, &e), 0);
	members_step(k);
	add_zones(x);
	keydist_settle(k);
	for (size_t i = 0; i < k->zones; i++)
		k->zone[i]->put_off = true; /* none waits for a key to come */
	assert_int_equal(msg_client_open(&k->loop, &client, &x->client, &e), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	char cmd[100];

	msg_client_close(x->client);
	keydist_ends(&x->k);
	engine_identity_fini(&x->engine);
	snprintf(cmd, sizeof(cmd), "rm -r %s", x->dir);
	assert_int_equal(system(cmd), 0);
	free(x);
	return 0;
}

static void say(struct fixture *x, const char *type, json_t *body)
{
	struct err e;

	assert_int_equal(msg_client_send(x->client, type, body, &e), 0);
	json_decref(body);
}

static void took(struct fixture *x, json_int_t rev)
{
	say(x, "took", json_pack("{s:I}", "rev", rev));
}

static bool is_up(const struct fixture *x)
{
	return x->up;
}

static bool has_all_that_were_sent(const struct fixture *x)
{
	return (uint64_t)x->upto == x->k.plan_rev;
}

static bool is_greeted(const struct fixture *x)
{
	return x->k.engine_up && x->k.engine_life > 0;
}

static bool has_64_more(const struct fixture *x)
{
	return x->plans == WINDOW + 64;
}

static bool is_taken(const struct fixture *x)
{
	return (uint64_t)x->upto == x->k.plan_taken;
}

/* The loop alone, as the program has it. */
static void run_until(struct fixture *x, bool (*is)(const struct fixture *x))
{
	const int64_t end_ms = clock_mono_ms() + SOON_MS;

	while (!is(x)) {
		assert_true(clock_mono_ms() < end_ms);
		uv_run(&x->k.loop, UV_RUN_ONCE);
	}
}

static void until(struct fixture *x, bool (*is)(const struct fixture *x))
{
	run_until(x, is);
	keydist_settle(&x->k);
}

static void takes_all(struct fixture *x)
{
	until(x, has_all_that_were_sent);
	took(x, x->upto);
	until(x, is_taken);
}

static void greet(struct fixture *x)
{
	until(x, is_up);
	x->k.engine_up = false;
	x->plans = 0;
	say(x, "hello", json_object());
	until(x, is_greeted);
}

static size_t without_plan(const struct fixture *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->k.zones; i++)
		n += !x->k.zone[i]->has_sent;
	return n;
}

static void an_engine_gets_plans_as_it_takes_them(void **state)
{
	struct fixture *x = *state;
	size_t most = 0, rounds = 0;

	greet(x);
	assert_int_equal(without_plan(x), ZONES - WINDOW);
	/* What was said of a keydist before this one is none of these. */
	took(x, 1000000);
	until(x, has_all_that_were_sent);
	assert_int_equal(without_plan(x), ZONES - WINDOW);
	/* So many more as it took. */
	took(x, 64);
	run_until(x, has_64_more);
	keydist_settle(&x->k);
	assert_int_equal(without_plan(x), ZONES - WINDOW - 64);
	for (; without_plan(x) > 0; rounds++) {
		most = x->k.plan_rev - x->k.plan_taken > most ? x->k.plan_rev - x->k.plan_taken : most;
		takes_all(x);
	}
	assert_in_range(rounds, 1, 10);
	assert_int_equal(most, WINDOW);
	until(x, has_all_that_were_sent);
	assert_int_equal(x->plans, ZONES);
	assert_int_equal(x->k.plans_waiting, 0);
}

static void an_engine_that_says_nothing_of_it_gets_them_by_the_second(void **state)
{
	struct fixture *x = *state;

	greet(x);
	assert_int_equal(without_plan(x), ZONES - WINDOW);
	for (int i = 0; i < 6 && without_plan(x) > 0; i++) {
		keydist_tick(&x->k);
		keydist_settle(&x->k);
	}
	assert_int_equal(without_plan(x), 0);
	until(x, has_all_that_were_sent);
	assert_int_equal(x->plans, ZONES);
}

static void one_that_comes_again_gets_all_again(void **state)
{
	struct fixture *x = *state;

	greet(x); /* and goes before it has taken any */
	until(x, has_all_that_were_sent);
	greet(x);
	assert_int_equal(without_plan(x), ZONES - WINDOW);
	while (without_plan(x) > 0)
		takes_all(x);
	until(x, has_all_that_were_sent);
	assert_int_equal(x->plans, ZONES);
}

static void give_floors(struct fixture *x, bool to_those_with_plan)
{
	struct err e;

	for (size_t i = 0; i < x->k.zones; i++)
		if (x->k.zone[i]->has_sent == to_those_with_plan)
			assert_int_equal(keydist_say(&x->k, "floor", x->k.zone[i]->name,
						     json_pack("{s:i,s:i}", "serial", 7, "rev", 1), &e), 0);
	keydist_settle(&x->k);
}

/* A zone whose plan changes while it waits has one plan, the newest; one whose plan is the one that the engine has, none. */
static void what_changes_meanwhile_is_sent_once(void **state)
{
	struct fixture *x = *state;

	greet(x);
	give_floors(x, false);
	assert_int_equal(without_plan(x), ZONES - WINDOW);
	while (without_plan(x) > 0)
		takes_all(x);
	takes_all(x);
	assert_int_equal(x->plans, ZONES);
	give_floors(x, true); /* which the others have */
	until(x, has_all_that_were_sent);
	assert_int_equal(x->plans, ZONES + WINDOW);
	zones_touch_all(&x->k);
	keydist_settle(&x->k);
	assert_int_equal(x->k.plans_waiting, ZONES);
	takes_all(x);
	assert_int_equal(x->k.plans_waiting, 0);
	assert_int_equal(x->plans, ZONES + WINDOW);
}

static void no_backups(struct fixture *x)
{
	struct policy p = policy_default();
	struct err e;

	p.require_backups = 0;
	p.rev = 1;
	assert_int_equal(keydist_say(&x->k, "policy", NULL, json_pack("{s:o,s:i}", "policy", policy_to_json(&p), "rev", 1), &e), 0);
}

/* What a zone waits for may come before the second in which it was missed is over. */
static void words_of_others_that_come_at_once_hold_nothing_up(void **state)
{
	struct fixture *x = *state;
	struct cluster *c = x->k.cluster;
	struct cluster_peer peer = { .compared = true, .words_due_ms = clock_mono_ms() }, *before = c->peer;
	struct zone_ctx *z;
	uint8_t hash[32];
	struct err e;

	no_backups(x);
	greet(x);
	while (without_plan(x) > 0)
		takes_all(x);
	takes_all(x);
	keydist_tick(&x->k);
	keydist_settle(&x->k);
	z = x->k.zone[0];
	c->peer = &peer;
	c->peers = 1;
	assert_int_equal(keys_create(&x->k, state_zone(cluster_state(c), z->name), ALG_ECDSAP256SHA256, "csk", NULL, hash, &e), 0);
	keydist_settle(&x->k);
	assert_string_equal(z->state, "keep");
	c->peer = before;
	c->peers = 0;
	keydist_tick(&x->k);
	keydist_settle(&x->k);
	assert_string_equal(z->state, "signed");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_engine_gets_plans_as_it_takes_them, setup, teardown),
		cmocka_unit_test_setup_teardown(an_engine_that_says_nothing_of_it_gets_them_by_the_second, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_comes_again_gets_all_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changes_meanwhile_is_sent_once, setup, teardown),
		cmocka_unit_test_setup_teardown(words_of_others_that_come_at_once_hold_nothing_up, setup, teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
