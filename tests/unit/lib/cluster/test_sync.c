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
#include "msg/word.h"
#include "wire/wire.h"

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
	struct speaker peer, stranger, second;
	struct conf conf;
	struct conf_peer conf_peer[2];
	char dir[64], listen[100], endpoint[100], log[100], name[8], peer_name[8], second_name[8], self_line[NODE_LINE_TEXT];
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
	make(x, "second", &x->second.id, x->second.line);
	x->peer.inc.number = x->stranger.inc.number = 1;
	snprintf(x->listen, sizeof(x->listen), "ipc://%s/hub", x->dir);
	snprintf(x->endpoint, sizeof(x->endpoint), "ipc://%s/nobody", x->dir);
	strcpy(x->name, "self");
	strcpy(x->peer_name, "peer");
	x->conf.node.name = x->name;
	strcpy(x->second_name, "second");
	x->conf_peer[0] = (struct conf_peer){ .name = x->peer_name, .line = x->peer.line, .role = CONF_SIGNER, .endpoint = x->endpoint };
	x->conf_peer[1] = x->conf_peer[0];
	x->conf_peer[1].name = x->second_name;
	x->conf_peer[1].line = x->second.line;
	x->conf.peers = x->conf_peer;
	x->conf.peer_count = 2;
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
	identity_fini(&x->second.id);
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

/* A fact behind its length. */
struct said {
	uint8_t *octets;
	size_t len;
};

static struct said say(struct speaker *s, const char *kind, json_t *body)
{
	struct fact head = { .inc = s->inc, .seq = s->seq + 1 }, f;
	struct said out;
	struct wr w;
	uint8_t *octets;
	size_t len;
	struct err e;

	memcpy(head.prev, s->prev, FACT_HASH_LEN);
	strcpy(head.kind, kind);
	assert_int_equal(fact_make(&head, body, &s->id, &octets, &len, &e), 0);
	assert_int_equal(fact_read(octets, len, &f, &e), 0);
	memcpy(s->prev, f.hash, FACT_HASH_LEN);
	s->seq++;
	out = (struct said){ calloc(1, len + 4), len + 4 };
	w = wr_of(out.octets, out.len);
	wr_u32(&w, (uint32_t)len);
	wr_bytes(&w, octets, len);
	free(octets);
	json_decref(body);
	return out;
}

/* Sends them in one message; b may be NULL. */
static void send_facts(struct fixture *x, const struct said *a, const struct said *b)
{
	const size_t len = a->len + (b == NULL ? 0 : b->len);
	json_t *msg = json_object();
	uint8_t *all = malloc(len);

	memcpy(all, a->octets, a->len);
	if (b != NULL)
		memcpy(all + a->len, b->octets, b->len);
	msg_set_tail(msg, all, len);
	sync_on_facts(x->c, &x->c->peer[0].peer, msg);
	json_decref(msg);
	free(all);
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
	struct said fact = say(&x->peer, "test", body());

	for (int i = 0; i < 3; i++)
		send_facts(x, &fact, NULL);
	assert_int_equal(x->facts, 1);
	assert_int_equal(fact_log_count(x->c->log), 1);
	assert_int_equal(logged(x, "event=fact-refused"), 0);
	free(fact.octets);
}

static void a_forged_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	struct said fact = say(&x->peer, "test", body());

	fact.octets[fact.len - 20] ^= 1; /* within the signature */
	for (int i = 0; i < 3; i++)
		send_facts(x, &fact, NULL);
	assert_int_equal(x->facts, 0);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(fact.octets);
}

static void a_strangers_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	struct said fact = say(&x->stranger, "test", body());

	for (int i = 0; i < 3; i++)
		send_facts(x, &fact, NULL);
	assert_int_equal(x->facts, 0);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(fact.octets);
}

static void who_is_admitted_may_speak_in_the_same_message(void **state)
{
	struct fixture *x = *state;
	struct said stranger = say(&x->stranger, "test", body());
	struct said admitted =
		say(&x->peer, "admitted",
		    json_pack("{s:s,s:s,s:s}", "line", x->stranger.line, "name", "third", "role", "signer"));

	send_facts(x, &stranger, &admitted);
	assert_int_equal(x->facts, 2);
	assert_int_equal(logged(x, "event=fact-refused"), 0);
	free(stranger.octets);
	free(admitted.octets);
}

static void a_retired_nodes_later_fact_is_told_of_once(void **state)
{
	struct fixture *x = *state;
	struct said first = say(&x->peer, "node.first",
			  json_pack("{s:s,s:s,s:s}", "line", x->peer.line, "name", "peer", "role", "signer"));
	struct said admitted =
		say(&x->peer, "admitted",
		    json_pack("{s:s,s:s,s:s}", "line", x->stranger.line, "name", "third", "role", "signer"));
	struct said retired = say(&x->peer, "retired",
			    json_pack("{s:s,s:s,s:[]}", "node", x->stranger.id.id_text, "line",
				      x->stranger.line, "upto"));
	struct said late = say(&x->stranger, "test", body());

	send_facts(x, &first, NULL);
	send_facts(x, &admitted, &retired);
	for (int i = 0; i < 3; i++)
		send_facts(x, &late, NULL);
	assert_int_equal(x->facts, 3);
	assert_int_equal(logged(x, "event=fact-refused"), 1);
	free(first.octets);
	free(admitted.octets);
	free(retired.octets);
	free(late.octets);
}

/* The signature of the last one stands for those before it: a change to any of them breaks the row. */
static void of_a_row_all_are_verified(void **state)
{
	struct fixture *x = *state;
	struct said first = say(&x->peer, "test", body()), second = say(&x->peer, "test", body());
	struct said third = say(&x->peer, "test", body()), fourth = say(&x->peer, "test", body());

	first.octets[first.len - 20] ^= 1;
	send_facts(x, &first, &second);
	assert_int_equal(x->facts, 0);
	first.octets[first.len - 20] ^= 1;
	second.octets[second.len - 20] ^= 1;
	send_facts(x, &first, &second);
	assert_int_equal(x->facts, 1);
	second.octets[second.len - 20] ^= 1;
	send_facts(x, &second, &fourth); /* a gap is no row */
	assert_int_equal(x->facts, 2);
	send_facts(x, &third, &fourth);
	assert_int_equal(x->facts, 4);
	free(first.octets);
	free(second.octets);
	free(third.octets);
	free(fourth.octets);
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

/* Both may be old copies, and have forgotten the same; with all peers it has all there is. */
static void who_has_compared_with_nobody_vouches_for_nobody(void **state)
{
	struct fixture *x = *state;
	json_t *have = json_pack("{s:i,s:[],s:b}", "now", 1, "vector", "compared", 0);

	assert_int_equal(x->c->peers, 2);
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_true(x->c->peer[0].compared);
	assert_false(cluster_compared(x->c));
	assert_int_equal(logged(x, "event=compare-waits"), 1);
	x->c->peer[1].compared = true;
	assert_true(cluster_compared(x->c)); /* there is no other */
	x->c->peer[1].compared = false;
	json_object_set_new(have, "compared", json_true());
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_true(cluster_compared(x->c));
	json_decref(have);
}

/* It has no version of its own to take back, and keeps what others say. */
static void a_backup_vouches_though_it_has_just_started(void **state)
{
	struct fixture *x = *state;
	json_t *have = json_pack("{s:i,s:[],s:b}", "now", 1, "vector", "compared", 0);

	x->c->peer[0].peer.role = MSG_BACKUP;
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_true(cluster_compared(x->c));
	json_decref(have);
}

/* Of two other signers one is no peer of this node: it is met by the peer that has all of it, once all of that is here. */
static void who_has_met_all_signers_is_sure(void **state)
{
	struct fixture *x = *state;
	struct cluster_peer *p = &x->c->peer[0];
	struct said first = say(&x->peer, "node.first",
				json_pack("{s:s,s:s,s:s}", "line", x->peer.line, "name", "peer", "role", "signer"));
	struct said third = say(&x->peer, "admitted",
				json_pack("{s:s,s:s,s:s}", "line", x->stranger.line, "name", "third", "role", "signer"));
	const char *hash = "0011223344556677001122334455667700112233445566770011223344556677";
	json_t *have = json_pack("{s:i,s:[]}", "now", 1, "vector");

	assert_false(cluster_sure(x->c)); /* of nobody it has heard */
	send_facts(x, &first, &third);
	hear_no_words(x);
	sync_on_have(x->c, &p->peer, have);
	assert_true(cluster_compared(x->c));
	assert_false(cluster_sure(x->c));
	json_object_set_new(have, "hears", json_pack("[s]", x->stranger.id.id_text));
	sync_on_have(x->c, &p->peer, have);
	assert_false(cluster_sure(x->c)); /* its facts may be on their way to the peer */
	json_object_set_new(have, "level", json_pack("[s]", x->stranger.id.id_text));
	json_object_set_new(have, "vector", json_pack("[[s,i,s,i,s]]", x->peer.id.id_text, 9, "0011223344556677", 1, hash));
	sync_on_have(x->c, &p->peer, have);
	assert_false(cluster_sure(x->c)); /* and from there to here */
	json_object_set_new(have, "vector", json_array());
	sync_on_have(x->c, &p->peer, have);
	assert_true(cluster_sure(x->c));
	json_object_set_new(have, "level", json_array());
	sync_on_have(x->c, &p->peer, have);
	assert_true(cluster_sure(x->c)); /* since its start */
	json_decref(have);
	free(first.octets);
	free(third.octets);
}

static void who_goes_alone_is_sure(void **state)
{
	struct fixture *x = *state;

	cluster_go_alone(x->c);
	assert_true(cluster_sure(x->c));
}

static void more_at_the_peer_must_be_fetched_first(void **state)
{
	struct fixture *x = *state;
	struct said fact = say(&x->peer, "test", body());
	char hash[65], random[17];
	json_t *have;

	sodium_bin2hex(hash, sizeof(hash), x->peer.prev, 32);
	sodium_bin2hex(random, sizeof(random), x->peer.inc.random, 8);
	have = json_pack("{s:[[s,i,s,i,s]]}", "vector", x->peer.id.id_text, 1, random, 1, hash);
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_false(cluster_compared(x->c));
	send_facts(x, &fact, NULL);
	assert_true(cluster_compared(x->c));
	json_decref(have);
	free(fact.octets);
}

static void own_facts_that_only_others_have_mean_set_back(void **state)
{
	struct fixture *x = *state;
	struct speaker me = { .inc.number = 4 };
	char hash[65], random[17];
	struct said fact;
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
	send_facts(x, &fact, NULL);
	assert_null(cluster_hold(x->c));
	assert_int_equal(cluster_say(x->c, &word, 1, &e), 0);
	assert_int_equal(x->c->inc.number, 5); /* above every one that was found */
	assert_int_equal(logged(x, "event=set-back"), 1);
	/* And now a higher one appears while this one runs. */
	me.inc.number = 6;
	me.seq = 0;
	memset(me.prev, 0, sizeof(me.prev));
	free(fact.octets);
	fact = say(&me, "test", body());
	send_facts(x, &fact, NULL);
	assert_non_null(cluster_hold(x->c));
	assert_int_equal(logged(x, "event=identity-in-use"), 1);
	json_decref(have);
	json_decref(o);
	free(fact.octets);
}

/* One peer has not heard the last of it: what this node says then must not be beside what it said before. */
static void who_was_set_back_catches_up_with_all_that_know_more(void **state)
{
	struct fixture *x = *state;
	struct speaker me = { .inc.number = 4 };
	struct said facts[2];
	char hash[2][65], random[17];
	json_t *have[2];

	me.id = x->self;
	sodium_bin2hex(random, sizeof(random), me.inc.random, 8);
	for (size_t i = 0; i < 2; i++) {
		facts[i] = say(&me, "test", body());
		sodium_bin2hex(hash[i], sizeof(hash[i]), me.prev, 32);
		have[i] = json_pack("{s:[[s,i,s,i,s]]}", "vector", x->self.id_text, 4, random, (int)i + 1, hash[i]);
	}
	hear_no_words(x);
	sync_on_have(x->c, &x->c->peer[1].peer, have[1]);
	assert_true(cluster_set_back(x->c));
	sync_on_have(x->c, &x->c->peer[0].peer, have[0]);
	send_facts(x, &facts[0], NULL);
	assert_true(cluster_compared(x->c));
	assert_non_null(cluster_hold(x->c));
	send_facts(x, &facts[1], NULL);
	assert_null(cluster_hold(x->c));
	for (size_t i = 0; i < 2; i++) {
		json_decref(have[i]);
		free(facts[i].octets);
	}
}

/* The status of a zone under an earlier start of this node, as the peer remembers it. */
static void give_back_word(struct fixture *x, uint32_t start, const char *status)
{
	struct msg_word w = { .start = start, .counter = 7, .zone = "example.", .status = status, .status_len = strlen(status) };
	json_t *msg = json_pack("{s:s,s:i,s:i,s:i,s:i}", "session", "0011223344556677", "run", 1, "part", 0, "since", 0, "upto", 1);
	struct msg_words words = { .n = 0 };

	memcpy(w.node, x->self.id, NODE_ID_LEN);
	memset(w.random, 5, sizeof(w.random));
	msg_words_add(&words, &w);
	msg_set_tail(msg, words.octets, words.len);
	gossip_on_status(x->c, &x->c->peer[0].peer, msg);
	json_decref(msg);
	msg_words_fini(&words);
}

/* What a peer has said is not sent back to it; what this node says afterwards is. */
static void who_gave_back_an_old_word_is_told_the_new_one(void **state)
{
	struct fixture *x = *state;
	json_t *status = json_pack("{s:i}", "serial", 9);
	const struct status_entry *s;
	struct err e;

	give_back_word(x, x->c->start.number + 3, "{\"serial\":5}");
	assert_string_equal(cluster_status_text(x->c, x->self.id, "example."), "{\"serial\":5}");
	assert_true(x->c->start.number > 3); /* this node's own count above what it had forgotten */
	s = &x->c->status[x->c->status_newest];
	assert_memory_equal(s->from, x->peer.id.id, NODE_ID_LEN);
	assert_int_equal(cluster_status_put(x->c, "example.", status, &e), 0);
	s = &x->c->status[x->c->status_newest];
	assert_string_equal(s->status, "{\"serial\":9}");
	assert_true(s->own);
	assert_true(sodium_is_zero(s->from, NODE_ID_LEN));
	/* Its old word comes once more, and changes nothing. */
	give_back_word(x, 3, "{\"serial\":5}");
	assert_string_equal(cluster_status_text(x->c, x->self.id, "example."), "{\"serial\":9}");
	json_decref(status);
}

/* Two hosts of one identity that say no facts, and sign: whoever runs and meets the other's later start holds. */
static void a_quiet_node_that_meets_a_later_start_of_itself_holds(void **state)
{
	struct fixture *x = *state;
	json_t *have = json_pack("{s:i,s:[]}", "now", 1, "vector");
	uint32_t start;

	give_back_word(x, x->c->start.number + 3, "{\"serial\":5}"); /* an old copy was put back: the peer knows more */
	assert_int_equal(logged(x, "event=set-back"), 1);
	start = x->c->start.number;
	sync_on_have(x->c, &x->c->peer[0].peer, have);
	assert_true(cluster_compared(x->c));
	assert_null(cluster_hold(x->c));
	give_back_word(x, start - 1, "{\"serial\":4}"); /* long known */
	assert_null(cluster_hold(x->c));
	give_back_word(x, start + 1, "{\"serial\":6}");
	assert_non_null(cluster_hold(x->c));
	assert_int_equal(logged(x, "event=identity-in-use"), 1);
	assert_int_equal(x->c->start.number, start); /* and does not count against it */
	json_decref(have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fact_is_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_forged_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(of_a_row_all_are_verified, setup, teardown),
		cmocka_unit_test_setup_teardown(a_strangers_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_admitted_may_speak_in_the_same_message, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_retired_nodes_later_fact_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_said_before_the_comparison, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_compared_with_nobody_vouches_for_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_backup_vouches_though_it_has_just_started, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_met_all_signers_is_sure, setup, teardown),
		cmocka_unit_test_setup_teardown(who_goes_alone_is_sure, setup, teardown),
		cmocka_unit_test_setup_teardown(more_at_the_peer_must_be_fetched_first, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_set_back_catches_up_with_all_that_know_more, setup, teardown),
		cmocka_unit_test_setup_teardown(who_gave_back_an_old_word_is_told_the_new_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_quiet_node_that_meets_a_later_start_of_itself_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(own_facts_that_only_others_have_mean_set_back, setup,
						teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
