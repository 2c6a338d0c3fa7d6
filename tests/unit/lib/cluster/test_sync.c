/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer sends to one real cluster node: taken, refused, and told of once. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include <cmocka.h>

#include "cluster/impl.h"

struct speaker {
	struct identity id;
	char line[NODE_LINE_TEXT];
	struct incarnation inc;
	uint64_t seq;
	uint8_t prev[FACT_HASH_LEN];
};

struct fixture {
	uv_loop_t loop;
	struct cluster *c;
	struct identity self;
	struct speaker peer, stranger;
	struct conf conf;
	struct conf_peer conf_peer;
	char dir[64], listen[100], endpoint[100], log[100], name[8], peer_name[8], self_line[NODE_LINE_TEXT];
	int facts, stderr_copy;
};

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_fact(void *ctx, const struct fact *f)
{
	(void)f;
	((struct fixture *)ctx)->facts++;
}

static void make(struct fixture *x, const char *name, struct identity *id, char *line)
{
	char path[100];
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	assert_int_equal(identity_create(path, NULL, NULL, false, line, &e), 0);
	assert_int_equal(identity_load(path, NULL, id, &e), 0);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct cluster_config config = { .loop = &x->loop,
					 .conf = &x->conf,
					 .identity = &x->self,
					 .role = NODE_SIGNER,
					 .dir = x->dir,
					 .listen = x->listen,
					 .on_facts = on_nothing,
					 .on_tick = on_nothing,
					 .on_fact = on_fact,
					 .ctx = x };
	struct err e;
	int fd;

	*state = x;
	strcpy(x->dir, "/tmp/duet-test-sync-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	make(x, "self", &x->self, x->self_line);
	make(x, "peer", &x->peer.id, x->peer.line);
	make(x, "stranger", &x->stranger.id, x->stranger.line);
	x->peer.inc.number = x->stranger.inc.number = 1;
	snprintf(x->listen, sizeof(x->listen), "ipc://%s/hub", x->dir);
	snprintf(x->endpoint, sizeof(x->endpoint), "ipc://%s/nobody", x->dir);
	strcpy(x->name, "self");
	strcpy(x->peer_name, "peer");
	x->conf.node.name = x->name;
	x->conf_peer = (struct conf_peer){ x->peer_name, x->peer.line, CONF_SIGNER, x->endpoint };
	x->conf.peers = &x->conf_peer;
	x->conf.peer_count = 1;
	uv_loop_init(&x->loop);
	assert_int_equal(cluster_open(&config, &x->c, &e), 0);
	snprintf(x->log, sizeof(x->log), "%s/log", x->dir);
	x->stderr_copy = dup(STDERR_FILENO);
	fd = open(x->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	char cmd[100];

	dup2(x->stderr_copy, STDERR_FILENO);
	close(x->stderr_copy);
	cluster_close(x->c);
	while (uv_run(&x->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&x->loop);
	identity_fini(&x->self);
	identity_fini(&x->peer.id);
	identity_fini(&x->stranger.id);
	snprintf(cmd, sizeof(cmd), "rm -r %s", x->dir);
	assert_int_equal(system(cmd), 0);
	free(x);
	return 0;
}

static int logged(const struct fixture *x, const char *event)
{
	char line[2000];
	FILE *f = fopen(x->log, "r");
	int n = 0;

	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, event) != NULL;
	fclose(f);
	return n;
}

static char *say(struct speaker *s, const char *kind, json_t *body)
{
	struct fact head = { .inc = s->inc, .seq = s->seq + 1 }, f;
	char *text = calloc(1, 2 * FACT_MAX);
	uint8_t *octets;
	size_t len;
	struct err e;

	memcpy(head.prev, s->prev, FACT_HASH_LEN);
	strcpy(head.kind, kind);
	assert_int_equal(fact_make(&head, body, &s->id, &octets, &len, &e), 0);
	assert_int_equal(fact_read(octets, len, &f, &e), 0);
	memcpy(s->prev, f.hash, FACT_HASH_LEN);
	s->seq++;
	sodium_bin2base64(text, 2 * FACT_MAX, octets, len, sodium_base64_VARIANT_ORIGINAL);
	free(octets);
	json_decref(body);
	return text;
}

static void send_facts(struct fixture *x, const char *a, const char *b)
{
	json_t *msg = b == NULL ? json_pack("{s:[s]}", "facts", a) : json_pack("{s:[s,s]}", "facts", a, b);

	sync_on_facts(x->c, &x->c->peer[0].peer, msg);
	json_decref(msg);
}

/* The peer has told all that it knows of zones: nothing. */
static void hear_no_words(struct fixture *x)
{
	json_t *msg = json_pack("{s:[],s:s,s:i,s:i,s:i,s:i}", "list", "session", "0011223344556677", "run", 1, "part",
				0, "since", 0, "upto", 0);

	gossip_on_status(x->c, &x->c->peer[0].peer, msg);
	json_decref(msg);
}

static json_t *body(void)
{
	return json_pack("{s:i}", "x", 1);
}

static void a_fact_is_taken_once(void **state)
{
	struct fixture *x = *state;
	char *fact = say(&x->peer, "test", body());

	for (int i = 0; i < 3; i++)
		send_facts(x, fact, NULL);
	assert_int_equal(x->facts, 1);
	assert_int_equal(fact_log_count(x->c->log), 1);
	assert_int_equal(logged(x, "event=fact-refused"), 0);
	free(fact);
}

static void a_forged_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	char *fact = say(&x->peer, "test", body());
	const size_t at = strlen(fact) - 20; /* within the signature */

	fact[at] = fact[at] == 'A' ? 'B' : 'A';
	for (int i = 0; i < 3; i++)
		send_facts(x, fact, NULL);
	assert_int_equal(x->facts, 0);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(fact);
}

static void a_strangers_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	char *fact = say(&x->stranger, "test", body());

	for (int i = 0; i < 3; i++)
		send_facts(x, fact, NULL);
	assert_int_equal(x->facts, 0);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(fact);
}

static void who_is_admitted_may_speak_in_the_same_message(void **state)
{
	struct fixture *x = *state;
	char *stranger = say(&x->stranger, "test", body());
	char *admitted =
		say(&x->peer, "admitted",
		    json_pack("{s:s,s:s,s:s}", "line", x->stranger.line, "name", "third", "role", "signer"));

	send_facts(x, stranger, admitted);
	assert_int_equal(x->facts, 2);
	assert_int_equal(logged(x, "event=fact-refused"), 0);
	free(stranger);
	free(admitted);
}

static void a_retired_nodes_later_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	char *first = say(&x->peer, "node.first",
			  json_pack("{s:s,s:s,s:s}", "line", x->peer.line, "name", "peer", "role", "signer"));
	char *admitted =
		say(&x->peer, "admitted",
		    json_pack("{s:s,s:s,s:s}", "line", x->stranger.line, "name", "third", "role", "signer"));
	char *retired = say(&x->peer, "retired",
			    json_pack("{s:s,s:s,s:[]}", "node", x->stranger.id.id_text, "line",
				      x->stranger.line, "upto"));
	char *late = say(&x->stranger, "test", body());

	send_facts(x, first, NULL);
	send_facts(x, admitted, retired);
	for (int i = 0; i < 3; i++)
		send_facts(x, late, NULL);
	assert_int_equal(x->facts, 3);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(first);
	free(admitted);
	free(retired);
	free(late);
}

static void nothing_is_said_before_the_comparison(void **state)
{
	struct fixture *x = *state;
	json_t *o = body(), *have = json_pack("{s:i,s:[]}", "now", 1, "vector");
	const struct cluster_word word = { "test", NULL, o };
	struct err e;

	assert_int_equal(cluster_say(x->c, &word, 1, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_false(cluster_compared(x->c)); /* its words on zones are missing */
	hear_no_words(x);
	assert_true(cluster_compared(x->c));
	assert_int_equal(cluster_say(x->c, &word, 1, &e), 0);
	assert_int_equal(x->c->inc.number, 1);
	json_decref(o);
	json_decref(have);
}

static void more_at_the_peer_must_be_fetched_first(void **state)
{
	struct fixture *x = *state;
	char *fact = say(&x->peer, "test", body()), hash[65], random[17];
	json_t *have;

	sodium_bin2hex(hash, sizeof(hash), x->peer.prev, 32);
	sodium_bin2hex(random, sizeof(random), x->peer.inc.random, 8);
	have = json_pack("{s:[[s,i,s,i,s]]}", "vector", x->peer.id.id_text, 1, random, 1, hash);
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_false(cluster_compared(x->c));
	send_facts(x, fact, NULL);
	assert_true(cluster_compared(x->c));
	json_decref(have);
	free(fact);
}

static void own_facts_that_only_others_have_mean_set_back(void **state)
{
	struct fixture *x = *state;
	struct speaker me = { .inc.number = 4 };
	char hash[65], random[17], *fact;
	json_t *have, *o = body();
	const struct cluster_word word = { "test", NULL, o };
	struct err e;

	me.id = x->self;
	fact = say(&me, "test", body());
	sodium_bin2hex(hash, sizeof(hash), me.prev, 32);
	sodium_bin2hex(random, sizeof(random), me.inc.random, 8);
	have = json_pack("{s:[[s,i,s,i,s]]}", "vector", x->self.id_text, 4, random, 1, hash);
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_true(cluster_set_back(x->c));
	assert_non_null(cluster_hold(x->c));
	assert_int_equal(cluster_say(x->c, &word, 1, &e), -1);
	send_facts(x, fact, NULL);
	assert_null(cluster_hold(x->c));
	assert_int_equal(cluster_say(x->c, &word, 1, &e), 0);
	assert_int_equal(x->c->inc.number, 5); /* above every one that was found */
	assert_int_equal(logged(x, "event=set-back"), 1);
	/* And now a higher one appears while this one runs. */
	me.inc.number = 6;
	me.seq = 0;
	memset(me.prev, 0, sizeof(me.prev));
	free(fact);
	fact = say(&me, "test", body());
	send_facts(x, fact, NULL);
	assert_non_null(cluster_hold(x->c));
	assert_int_equal(logged(x, "event=identity-in-use"), 1);
	json_decref(have);
	json_decref(o);
	free(fact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fact_is_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_forged_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_strangers_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_admitted_may_speak_in_the_same_message, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_retired_nodes_later_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_said_before_the_comparison, setup, teardown),
		cmocka_unit_test_setup_teardown(more_at_the_peer_must_be_fetched_first, setup, teardown),
		cmocka_unit_test_setup_teardown(own_facts_that_only_others_have_mean_set_back, setup,
						teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
