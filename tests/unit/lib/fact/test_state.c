/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include "key/key.h"
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

static json_t *node_body(struct world *w, int i, const char *role)
{
	char name[8];

	snprintf(name, sizeof(name), "n%d", i);
	return json_pack("{s:s,s:s,s:s}", "line", w->node[i].line, "name", name, "role", role);
}

static json_t *other_line(struct world *w, int i)
{
	struct node_line line = w->node[i].id.line;
	char text[NODE_LINE_TEXT];

	memset(line.box_pk, 0x33, sizeof(line.box_pk));
	return json_pack("{s:s,s:s,s:s}", "line", node_line_text(&line, text), "name", "other", "role",
			 "backup");
}

static json_t *counts(struct world *w, int i)
{
	return json_pack("{s:s}", "node", w->node[i].id.id_text);
}

static struct key *make_key(void)
{
	struct key *key = NULL;
	struct err e;

	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &key, &e), 0);
	return key;
}

static json_t *created(const struct key *key)
{
	const uint8_t *rdata;
	size_t len;

	rdata = key_rdata(key, &len);
	return json_pack("{s:o,s:o,s:s,s:[{s:s,s:s}],s:[{s:s,s:s}]}", "key", msg_json_hex(key_hash(key), 32),
			 "dnskey", msg_json_base64(rdata, len), "role", "csk", "boxes", "to",
			 "0011223344556677", "box", "AAAA", "recovery", "id", "8899aabbccddeeff", "box",
			 "BBBB");
}

static json_t *key_only(const struct key *key)
{
	return json_pack("{s:o}", "key", msg_json_hex(key_hash(key), 32));
}

static json_t *about(const struct key *key, const char *record, int ttl)
{
	return json_pack("{s:o,s:s,s:i}", "key", msg_json_hex(key_hash(key), 32), "record", record, "ttl", ttl);
}

static json_t *held(struct world *w, int node, struct key *key, const char *zone)
{
	uint8_t name[DNAME_MAX], data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	size_t len, sig_len;
	struct err e;

	assert_int_equal(dname_from_text(zone, name, &e), 0);
	len = key_probe_data(name, key_hash(key), w->node[node].id.id, data);
	assert_int_equal(key_sign(key, data, len, sig, &sig_len, &e), 0);
	return json_pack("{s:o,s:o}", "key", msg_json_hex(key_hash(key), 32), "probe",
			 msg_json_base64(sig, sig_len));
}

static json_t *serves(const struct key *key, int ttl)
{
	return json_pack("{s:[o],s:i,s:i}", "keys", msg_json_hex(key_hash(key), 32), "unsigned_ttl", ttl,
			 "largest_ttl", 2 * ttl);
}

/* A little of everything, with what conflicts in it: same revs, two policies under a name, a removal. */
static void a_story(struct world *w)
{
	struct key *k1 = make_key(), *k2 = make_key();
	char hash[65], random[17];
	const struct fact *add;

	world_say(w, 0, "node.first", NULL, node_body(w, 0, "signer"));
	world_say(w, 0, "admitted", NULL, node_body(w, 1, "signer"));
	world_say(w, 0, "admitted", NULL, node_body(w, 2, "backup"));
	world_say(w, 1, "admitted", NULL, node_body(w, 3, "signer"));
	world_say(w, 1, "admitted", NULL, other_line(w, 3)); /* the same node with another key for boxes */
	world_say(w, 2, "admitted", NULL, node_body(w, 0, "backup")); /* a backup may not */
	world_say(w, 0, "counts", NULL, counts(w, 1));
	world_say(w, 1, "counts", NULL, counts(w, 0));
	for (int i = 0; i < 2; i++) {
		world_say(
			w, i, "policy", NULL,
			json_pack("{s:{s:s,s:i},s:i}", "policy", "name", "p", "algorithm", 13 + i, "rev", 5));
		add = world_say(
			w, i, "zone.add", "example.org",
			json_pack("{s:s,s:s,s:i}", "source", "file:x", "policy", "default", "rev", 1));
		world_say(w, i, "floor", "example.org", json_pack("{s:i,s:i}", "serial", 100 + i, "rev", 2));
		world_say(w, i, "epoch", "example.org", json_pack("{s:i}", "epoch", 1));
	}
	sodium_bin2hex(hash, sizeof(hash), add->hash, 32);
	world_say(w, 0, "zone.remove", "example.org", json_pack("{s:[s]}", "adds", hash));
	world_say(w, 0, "key.created", "example.org", created(k1));
	world_say(w, 1, "key.created", "example.org", created(k2));
	for (int i = 0; i < 2; i++) {
		world_say(w, i, "key.held", "example.org", held(w, i, k1, "example.org"));
		world_say(w, i, "key.held", "example.org", held(w, i, k2, "example.org"));
		world_say(w, i, "key.serves", "example.org", serves(k1, 300 + i));
		world_say(w, i, "key.seen", "example.org", key_only(k1));
	}
	for (int i = 0; i < 4; i++) {
		static const char *const records[] = { "dnskey", "zone", "ds", "other" };

		for (int n = 0; n < 2; n++) {
			world_say(w, n, "key.stopped", "example.org", about(k1, records[i], 100 * i + n));
			world_say(w, n, "key.gone", "example.org", about(k1, records[i], 7 * i + n));
		}
		world_say(w, i % 2, "key.seen", "example.org", about(k2, records[i], 60 * i));
		world_say(w, i % 2, "zone.secure", "example.org",
			  json_pack("{s:b,s:i}", "secure", i % 2, "rev", i / 2));
	}
	world_say(w, 0, "key.roll", "example.org", key_only(k1));
	world_say(w, 1, "key.roll", "example.org", json_pack("{s:o,s:b}", "key", msg_json_hex(key_hash(k1), 32), "now", 1));
	world_say(w, 0, "key.declined", "example.org", key_only(k2));
	world_say(w, 1, "key.lost", "example.org", key_only(k2));
	world_say(w, 2, "key.stored", "example.org",
		  json_pack("{s:o,s:s}", "key", msg_json_hex(key_hash(k1), 32), "recovery",
			    "8899aabbccddeeff"));
	for (int i = 0; i < 2; i++)
		world_say(w, i, "tsig.create", NULL,
			  json_pack("{s:s,s:s,s:s,s:i}", "name", "xfr.", "alg", "hmac-sha256", "hash", "ab",
				    "rev", 1));
	world_say(w, 1, "tsig.remove", NULL, json_pack("{s:s,s:s}", "name", "xfr.", "hash", "cd"));
	/* Node 3 is retired, twice, with a later and an earlier end, after it had said more than either
	 * allows. */
	for (int i = 0; i < 6; i++)
		world_say(w, 3, "floor", "other.example", json_pack("{s:i,s:i}", "serial", i, "rev", i + 1));
	sodium_bin2hex(random, sizeof(random), w->node[3].inc.random, 8);
	for (int i = 0; i < 2; i++)
		world_say(w, i, "retired", NULL,
			  json_pack("{s:s,s:s,s:[[i,s,i]]}", "node", w->node[3].id.id_text, "line",
				    w->node[3].line, "upto", 1, random, 2 + 2 * i));
	key_free(k1);
	key_free(k2);
}

/* As keydist does: apply one by one, and make it anew where a retirement says so. */
static char *state_of(const struct world *w, const size_t *order, size_t n)
{
	struct fact_state *s = fact_state_new();
	bool anew = false;
	json_t *dump;
	char *text;

	for (size_t i = 0; i < n; i++)
		anew |= fact_state_apply(s, &w->fact[order[i]]);
	if (anew) {
		fact_state_free(s);
		s = fact_state_new();
		for (int round = 0; round < 2; round++)
			for (size_t i = 0; i < n; i++)
				if (fact_is_of_nodes(&w->fact[order[i]]) == (round == 0))
					fact_state_apply(s, &w->fact[order[i]]);
	}
	dump = fact_state_dump(s);
	text = json_dumps(dump, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(dump);
	fact_state_free(s);
	return text;
}

static void any_order_gives_the_same_state(void **state)
{
	struct world *w = *state;
	size_t order[2 * FACTS_MAX];
	char *want, *got;

	a_story(w);
	for (size_t i = 0; i < w->n; i++)
		order[i] = i;
	want = state_of(w, order, w->n);
	for (int round = 0; round < 300; round++) {
		size_t n = w->n;

		/* some come twice */
		for (size_t i = 0; i < w->n; i++)
			order[i] = i;
		for (int i = 0; i < 10; i++)
			order[n++] = randombytes_uniform((uint32_t)w->n);
		for (size_t i = n - 1; i > 0; i--) {
			size_t j = randombytes_uniform((uint32_t)i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		got = state_of(w, order, n);
		assert_string_equal(want, got);
		free(got);
	}
	assert_non_null(strstr(want, "other.example")); /* the story is in it */
	free(want);
}

static struct zone_state *zone_named(struct fact_state *s, const char *text)
{
	uint8_t name[DNAME_MAX];

	assert_int_equal(dname_from_text(text, name, NULL), 0);
	return state_zone(s, name);
}

static void apply_all(struct world *w)
{
	w->state = fact_state_new();
	for (size_t i = 0; i < w->n; i++)
		fact_state_apply(w->state, &w->fact[i]);
}

static void a_retirement_takes_back_what_came_after_it(void **state)
{
	struct world *w = *state;
	size_t order[FACTS_MAX];
	char *text;

	a_story(w);
	for (size_t i = 0; i < w->n; i++)
		order[i] = w->n - 1 - i; /* retirements first */
	text = state_of(w, order, w->n);
	/* Node 3 said serials 0 to 5 with its first six facts; the more generous retirement allows four. */
	assert_non_null(strstr(text, "\"serial\": 3"));
	assert_null(strstr(text, "\"serial\": 4"));
	free(text);
}

static void a_probe_proves_only_its_own_key_zone_and_node(void **state)
{
	struct world *w = *state;
	struct key *right = make_key(), *wrong = make_key();
	struct zone_state *z;
	struct key_state *k;
	json_t *body, *other;

	world_say(w, 0, "key.created", "example.org", created(right));
	world_say(w, 0, "key.held", "example.org", held(w, 0, right, "example.org"));
	world_say(w, 1, "key.held", "example.org",
		  held(w, 0, right, "example.org")); /* another node's probe */
	world_say(w, 2, "key.held", "example.org", held(w, 2, right, "example.net")); /* another zone's */
	body = held(w, 3, right, "example.org");
	other = held(w, 3, wrong, "example.org"); /* made with another key */
	json_object_set(body, "probe", json_object_get(other, "probe"));
	json_decref(other);
	world_say(w, 3, "key.held", "example.org", body);
	apply_all(w);
	z = zone_named(w->state, "Example.ORG");
	assert_non_null(z);
	k = zone_key(z, key_hash(right));
	assert_true(key_held_by(z, k, w->node[0].id.id));
	for (int i = 1; i < NODES; i++)
		assert_false(key_held_by(z, k, w->node[i].id.id));
	/* The right one may still come. */
	fact_state_apply(w->state,
			 world_say(w, 1, "key.held", "example.org", held(w, 1, right, "example.org")));
	k = zone_key(z, key_hash(right));
	assert_true(key_held_by(z, k, w->node[1].id.id));
	key_free(right);
	key_free(wrong);
}

static void a_created_fact_must_name_the_hash_of_its_key(void **state)
{
	struct world *w = *state;
	struct key *a = make_key(), *b = make_key();
	json_t *body = created(a);

	json_object_set_new(body, "key", msg_json_hex(key_hash(b), 32));
	world_say(w, 0, "key.created", "example.org", body);
	apply_all(w);
	assert_false(zone_key(zone_named(w->state, "example.org"), key_hash(b))->created);
	key_free(a);
	key_free(b);
}

static void who_counts_is_what_self_says(void **state)
{
	struct world *w = *state;
	uint8_t ids[NODES][NODE_ID_LEN];

	world_say(w, 0, "node.first", NULL, node_body(w, 0, "signer"));
	world_say(w, 1, "node.first", NULL, node_body(w, 0, "signer")); /* only a node itself may say that */
	world_say(w, 0, "admitted", NULL, node_body(w, 1, "signer"));
	world_say(w, 0, "admitted", NULL, node_body(w, 2, "backup"));
	apply_all(w);
	assert_int_equal(state_counted(w->state, w->node[0].id.id, ids), 1);
	fact_state_apply(w->state, world_say(w, 0, "counts", NULL, counts(w, 1)));
	fact_state_apply(w->state,
			 world_say(w, 0, "counts", NULL, counts(w, 2))); /* a backup is never counted */
	assert_int_equal(state_counted(w->state, w->node[0].id.id, ids), 2);
	assert_int_equal(state_counted(w->state, w->node[1].id.id, ids), 1); /* it has said nothing itself */
	assert_int_equal(state_counted(w->state, w->node[2].id.id, ids),
			 2); /* a backup sees whom any signer counts */
}

static void a_removal_takes_only_the_additions_that_it_saw(void **state)
{
	struct world *w = *state;
	const struct fact *add;
	char hash[65];

	add = world_say(w, 0, "zone.add", "example.org",
			json_pack("{s:s,s:s,s:i}", "source", "file:a", "policy", "default", "rev", 1));
	sodium_bin2hex(hash, sizeof(hash), add->hash, 32);
	world_say(w, 1, "zone.add", "example.org",
		  json_pack("{s:s,s:s,s:i}", "source", "file:b", "policy", "default", "rev", 1));
	world_say(w, 0, "zone.remove", "example.org", json_pack("{s:[s]}", "adds", hash));
	apply_all(w);
	add = NULL;
	assert_string_equal(json_string_value(json_object_get(
				    zone_addition(zone_named(w->state, "example.org"))->body, "source")),
			    "file:b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_order_gives_the_same_state, setup, teardown),
		cmocka_unit_test_setup_teardown(a_retirement_takes_back_what_came_after_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_proves_only_its_own_key_zone_and_node, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_created_fact_must_name_the_hash_of_its_key, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_counts_is_what_self_says, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removal_takes_only_the_additions_that_it_saw, setup,
						teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
