/* SPDX-License-Identifier: BSD-3-Clause */
#include "msg/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

/* Two nodes, an engine and a stranger on one loop. */
struct world {
	uv_loop_t loop;
	char dir[64], endpoint[2][64];
	struct identity node[2], stranger;
	struct engine_identity engine;
	struct msg_hub *hub[2];
	struct msg_client *client;
	struct msg_peer list[2]; /* what hub 1 knows: node 0 and its own engine */
	int facts, status, plans, ups, refusals;
	char refused[600], from[64];
};

static void on_facts(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct world *w = ctx;

	(void)msg;
	w->facts++;
	strcpy(w->from, from->name);
}

static void on_status(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct world *w = ctx;

	(void)msg;
	w->status++;
	strcpy(w->from, from->name);
}

static const struct msg_row rows[] = {
	{ "facts", MSG_SIGNER | MSG_BACKUP, 2000, on_facts },
	{ "status", MSG_ENGINE, MSG_MAX, on_status },
	{ NULL, 0, 0, NULL },
};

static void on_refused(void *ctx, const char *who, const char *why)
{
	struct world *w = ctx;

	w->refusals++;
	snprintf(w->refused, sizeof(w->refused), "%s: %s", who, why);
}

static void on_up(void *ctx)
{
	((struct world *)ctx)->ups++;
}

static void on_message(void *ctx, const char *type, json_t *msg)
{
	struct world *w = ctx;

	(void)msg;
	w->plans += strcmp(type, "plan") == 0;
}

static void make_identity(struct world *w, const char *name, struct identity *id, bool engine)
{
	char path[128], epath[128], wrap[160], line[NODE_LINE_TEXT];
	struct secret *s;
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	snprintf(epath, sizeof(epath), "%s/%s.engine", w->dir, name);
	snprintf(wrap, sizeof(wrap), "file:%s/%s.wrap", w->dir, name);
	assert_int_equal(identity_create(path, epath, NULL, false, line, &e), 0);
	s = wrap_key_load(wrap, &e);
	assert_non_null(s);
	assert_int_equal(identity_load(path, s, id, &e), 0);
	secret_free(s);
	if (engine)
		assert_int_equal(engine_identity_load(epath, &w->engine, &e), 0);
}

static struct msg_hub *open_hub(struct world *w, int i)
{
	const struct msg_hub_config config = {
		w->endpoint[i], w->node[i].line.curve_pk, w->node[i].curve_sk, rows, w, on_refused
	};
	struct msg_hub *h = NULL;
	struct err e = { 0 };

	if (msg_hub_open(&w->loop, &config, &h, &e) != 0)
		fail_msg("%s", e.text);
	return h;
}

static struct msg_peer peer(const char *name, const uint8_t *id, enum msg_role role, const uint8_t *pk,
			    const char *endpoint)
{
	struct msg_peer p = { .role = role };

	strcpy(p.name, name);
	memcpy(p.id, id, NODE_ID_LEN);
	memcpy(p.curve_pk, pk, PUBLIC_LEN);
	strcpy(p.endpoint, endpoint);
	return p;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct msg_peer p;
	struct err e;

	*state = w;
	strcpy(w->dir, "/tmp/duet-test-msg-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	uv_loop_init(&w->loop);
	make_identity(w, "a", &w->node[0], false);
	make_identity(w, "b", &w->node[1], true);
	make_identity(w, "c", &w->stranger, false);
	for (int i = 0; i < 2; i++) {
		snprintf(w->endpoint[i], sizeof(w->endpoint[i]), "ipc://%s/hub%d", w->dir, i);
		w->hub[i] = open_hub(w, i);
	}
	p = peer("b", w->node[1].id, MSG_SIGNER, w->node[1].line.curve_pk, w->endpoint[1]);
	assert_int_equal(msg_hub_peers(w->hub[0], &p, 1, &e), 0);
	w->list[0] = peer("a", w->node[0].id, MSG_SIGNER, w->node[0].line.curve_pk, w->endpoint[0]);
	w->list[1] = peer("engine", w->node[1].id, MSG_ENGINE, w->engine.curve_pk, "");
	assert_int_equal(msg_hub_peers(w->hub[1], w->list, 2, &e), 0);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[128];

	msg_client_close(w->client);
	msg_hub_close(w->hub[0]);
	msg_hub_close(w->hub[1]);
	while (uv_run(&w->loop, UV_RUN_DEFAULT) != 0)
		;
	assert_int_equal(uv_loop_close(&w->loop), 0);
	identity_fini(&w->node[0]);
	identity_fini(&w->node[1]);
	identity_fini(&w->stranger);
	engine_identity_fini(&w->engine);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

/* Runs the loop until *count has reached n, for a minute at most: two such tests run on each core of a busy machine. */
static bool wait_for(struct world *w, const int *count, int n)
{
	for (int i = 0; i < 6000 && *count < n; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
	return *count >= n;
}

static void send_until(struct world *w, json_t *body, const char *type, const int *count)
{
	struct err e;

	for (int i = 0; i < 6000 && msg_send(w->hub[0], w->node[1].id, MSG_SIGNER, type, body, &e) != 0; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
	assert_true(wait_for(w, count, 1));
}

static void a_message_arrives_from_who_sent_it(void **state)
{
	struct world *w = *state;

	send_until(w, NULL, "facts", &w->facts);
	assert_string_equal(w->from, "a");
	assert_int_equal(w->refusals, 0);
}

static void a_role_may_send_only_its_types(void **state)
{
	struct world *w = *state;

	send_until(w, NULL, "status", &w->refusals);
	assert_string_equal(w->refused, "a: its role may not send status");
	assert_int_equal(w->status, 0);
}

static void a_message_above_its_bound_is_refused_once(void **state)
{
	struct world *w = *state;
	char big[3000];
	json_t *o;
	struct err e;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	o = json_pack("{s:s}", "big", big);
	send_until(w, o, "facts", &w->refusals);
	assert_int_equal(msg_send(w->hub[0], w->node[1].id, MSG_SIGNER, "facts", o, &e), 0);
	assert_int_equal(msg_send(w->hub[0], w->node[1].id, MSG_SIGNER, "facts", NULL, &e), 0);
	json_decref(o);
	assert_true(wait_for(w, &w->facts, 1));
	assert_int_equal(w->facts, 1);
	assert_int_equal(w->refusals, 1);
}

static void engine_and_keydist_talk(void **state)
{
	struct world *w = *state;
	const struct msg_client_config config = { w->endpoint[1], &w->engine, w, on_up, on_message };
	struct err e;

	assert_int_equal(msg_client_open(&w->loop, &config, &w->client, &e), 0);
	assert_int_equal(msg_send(w->hub[1], w->node[1].id, MSG_ENGINE, "plan", NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	assert_true(wait_for(w, &w->ups, 1));
	assert_int_equal(msg_client_send(w->client, "status", NULL, &e), 0);
	assert_true(wait_for(w, &w->status, 1));
	assert_string_equal(w->from, "engine");
	assert_int_equal(msg_send(w->hub[1], w->node[1].id, MSG_ENGINE, "plan", NULL, &e), 0);
	assert_true(wait_for(w, &w->plans, 1));
}

static void a_stranger_never_gets_in(void **state)
{
	struct world *w = *state;
	struct engine_identity stranger = { .curve_sk = w->stranger.curve_sk };
	struct msg_client_config config = { w->endpoint[1], &stranger, w, on_up, on_message };
	struct err e;

	memcpy(stranger.curve_pk, w->stranger.line.curve_pk, PUBLIC_LEN);
	memcpy(stranger.keydist_curve_pk, w->node[1].line.curve_pk, PUBLIC_LEN);
	assert_int_equal(msg_client_open(&w->loop, &config, &w->client, &e), 0);
	assert_true(wait_for(w, &w->refusals, 1));
	assert_non_null(strstr(w->refused, "unknown CURVE key"));
	msg_client_send(w->client, "facts", NULL, &e);
	send_until(w, NULL, "facts",
		   &w->facts); /* the next message of a friend has overtaken it, were it taken */
	assert_string_equal(w->from, "a");
	assert_int_equal(w->ups, 0);
	assert_int_equal(w->refusals, 1);
}

static void who_left_the_list_is_not_heard(void **state)
{
	struct world *w = *state;
	struct err e;

	send_until(w, NULL, "facts", &w->facts);
	assert_int_equal(msg_hub_peers(w->hub[1], w->list + 1, 1, &e), 0);
	assert_int_equal(msg_send(w->hub[0], w->node[1].id, MSG_SIGNER, "facts", NULL, &e), 0);
	for (int i = 0; i < 30; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
	assert_int_equal(w->facts, 1);
}

static void hex_is_of_digits_in_either_case(void **state)
{
	static const struct { const char *text; int rc; } cases[] = {
		{ "0123456789abcdef", 0 }, { "0123456789ABCDEF", 0 }, { "0123456789aBcDeF", 0 },
		{ "0123456789abcdeg", -1 }, { "/123456789abcdef", -1 }, { "0123456789:bcdef", -1 }, { "0123456789@bcdef", -1 },
		{ "0123456789`bcdef", -1 }, { "0123456789 bcdef", -1 }, { "0123456789abcd\xc3\xa9", -1 },
	};
	static const uint8_t octets[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	uint8_t out[8];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *o = json_pack("{s:s}", "hex", cases[i].text);

		assert_int_equal(msg_hex(o, "hex", out, sizeof(out), &e), cases[i].rc);
		if (cases[i].rc == 0)
			assert_memory_equal(out, octets, sizeof(octets));
		json_decref(o);
	}
}

static void fields_are_bounded_and_typed(void **state)
{
	json_t *o = json_pack("{s:s,s:i,s:s,s:s,s:s}", "text", "abcd", "n", 5, "hex", "0aff", "name",
			      "example.ORG", "b64", "AAEC");
	uint8_t out[255], *bytes;
	uint64_t n;
	size_t len;
	struct err e;

	(void)state;
	assert_string_equal(msg_text(o, "text", 4, &e), "abcd");
	assert_null(msg_text(o, "text", 3, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_null(msg_text(o, "none", 3, &e));
	assert_int_equal(msg_uint(o, "n", 5, &n, &e), 0);
	assert_int_equal(msg_uint(o, "n", 4, &n, &e), -1);
	assert_int_equal(msg_uint(o, "text", 4, &n, &e), -1);
	assert_int_equal(msg_hex(o, "hex", out, 2, &e), 0);
	assert_int_equal(out[1], 0xff);
	assert_int_equal(msg_hex(o, "hex", out, 1, &e), -1);
	assert_int_equal(msg_hex(o, "hex", out, 3, &e), -1);
	assert_int_equal(msg_name(o, "name", out, &e), 0);
	assert_memory_equal(out, "\7example\3ORG", 13);
	bytes = msg_base64(o, "b64", 3, &len, &e);
	assert_non_null(bytes);
	assert_int_equal(len, 3);
	free(bytes);
	assert_null(msg_base64(o, "b64", 2, &len, &e));
	json_decref(o);
}

static void what_is_no_message_is_refused(void **state)
{
	static const char *const cases[] = { "",
					     "{",
					     "[]",
					     "1",
					     "{}",
					     "{\"v\":1}",
					     "{\"v\":2,\"t\":\"a\"}",
					     "{\"v\":1,\"t\":1}",
					     "{\"v\":1,\"t\":\"\"}",
					     "{\"v\":1,\"t\":\"a\"}x",
					     "{\"v\":1,\"v\":1,\"t\":\"a\"}",
					     "{\"v\":1,\"t\":\"abcdefghijklmnopqrstuvwxyzabcdefghijklm\"}" };
	const char *type;
	struct err e;
	json_t *o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_null(msg_parse(cases[i], strlen(cases[i]), &type, &e));
	o = msg_parse("{\"v\":1,\"t\":\"a\"}", 15, &type, &e);
	assert_non_null(o);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_arrives_from_who_sent_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_role_may_send_only_its_types, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_above_its_bound_is_refused_once, setup, teardown),
		cmocka_unit_test_setup_teardown(engine_and_keydist_talk, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stranger_never_gets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(who_left_the_list_is_not_heard, setup, teardown),
		cmocka_unit_test(hex_is_of_digits_in_either_case),
		cmocka_unit_test(fields_are_bounded_and_typed),
		cmocka_unit_test(what_is_no_message_is_refused),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
