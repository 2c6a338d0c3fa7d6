/* SPDX-License-Identifier: BSD-3-Clause */
/* A real keydist without engine and API, and facts of a second signer and a backup that the test says for
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include <cmocka.h>

#include "cluster/impl.h"
#include "keydist/lend.h"
#include "keydist/looks.h"
#include "keydist/lost.h"
#include "rrset/rr.h"
#include "seal/seal.h"
#include "tests/unit/keydist/ending.h"
#include "wire/wire.h"

/* main.c has this in the program. */
int keydist_reload(struct keydist *k, struct err *e)
{
	(void)k;
	return err_set(e, ERR_INTERNAL, "not here");
}

struct other {
	struct identity id;
	char line[NODE_LINE_TEXT];
	struct incarnation inc;
	uint64_t seq;
	uint8_t prev[FACT_HASH_LEN];
};

struct fixture {
	struct keydist k;
	struct conf conf;
	char dir[64], listen[100], name[8];
	struct other peer, vault;
	uint8_t zone[DNAME_MAX];
};

static void ignore(void *ctx)
{
	(void)ctx;
}

static void make_other(struct fixture *x, struct other *o, const char *name)
{
	char path[100], wrap[120];
	struct secret *s;
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	snprintf(wrap, sizeof(wrap), "file:%s/%s.wrap", x->dir, name);
	assert_int_equal(identity_create(path, NULL, NULL, false, o->line, &e), 0);
	s = wrap_key_load(wrap, &e);
	assert_int_equal(identity_load(path, s, &o->id, &e), 0);
	secret_free(s);
	o->inc.number = 1;
}

/* A fact of another node comes in. */
static void hear(struct fixture *x, struct other *o, const char *kind, bool of_zone, json_t *body)
{
	struct fact head = { .inc = o->inc, .seq = o->seq + 1 }, f;
	struct fact_rules rules;
	struct fact_verdict v;
	uint8_t *octets;
	size_t len;
	struct err e;

	assert_non_null(body);
	memcpy(head.prev, o->prev, FACT_HASH_LEN);
	strcpy(head.kind, kind);
	if (of_zone)
		head.zone_len = dname_lower(x->zone, head.zone);
	assert_int_equal(fact_make(&head, body, &o->id, &octets, &len, &e), 0);
	assert_int_equal(fact_read(octets, len, &f, &e), 0);
	assert_int_equal(fact_log_add(x->k.cluster->log, sync_rules(x->k.cluster, &rules), &f, 1, &v, &e), 0);
	assert_int_equal(v.result, FACT_NEW);
	sync_applied(x->k.cluster, &f);
	assert_int_equal(sync_after(x->k.cluster, &e), 0);
	o->seq++;
	memcpy(o->prev, f.hash, FACT_HASH_LEN);
	free(octets);
	json_decref(body);
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
					 .on_facts = ignore,
					 .on_fact = keydist_on_fact,
					 .on_tick = ignore,
					 .ctx = k };
	char path[100], wrap[120], line[NODE_LINE_TEXT];
	struct secret *s;
	struct err e;
	uint8_t sk[32];

	*state = x;
	strcpy(x->dir, "/tmp/duet-test-keys-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	strcpy(x->name, "self");
	x->conf.node.name = x->name;
	x->conf.node.clock = CONF_CLOCK_TRUST;
	x->conf.keydist.state_dir = x->dir;
	k->conf = &x->conf;
	snprintf(x->listen, sizeof(x->listen), "ipc://%s/hub", x->dir);
	snprintf(path, sizeof(path), "%s/id", x->dir);
	snprintf(wrap, sizeof(wrap), "file:%s/id.wrap", x->dir);
	assert_int_equal(identity_create(path, NULL, NULL, true, line, &e), 0);
	s = wrap_key_load(wrap, &e);
	assert_int_equal(identity_load(path, s, &k->self, &e), 0);
	secret_free(s);
	crypto_box_keypair(k->recovery_pk, sk);
	k->recovery_known = true;
	recovery_id_text(k->recovery_pk, k->recovery_id);
	crypto_box_keypair(k->self.engine_box_pk, sk);
	k->clock_good = true;
	uv_loop_init(&k->loop);
	uv_timer_init(&k->loop, &k->flush);
	uv_timer_init(&k->loop, &k->turn);
	k->flush.data = k->turn.data = k;
	assert_int_equal(store_db_open(k, &e), 0);
	assert_int_equal(cluster_open(&config, &k->cluster, &e), 0);
	make_other(x, &x->peer, "peer");
	make_other(x, &x->vault, "vault");
	assert_int_equal(dname_from_text("example.org", x->zone, &e), 0);
	members_step(k);
	assert_true(members_self(k));
	assert_int_equal(members_add(k, x->peer.line, "peer", "signer", &e), 0);
	assert_int_equal(members_add(k, x->vault.line, "vault", "backup", &e), 0);
	members_step(k);
	hear(x, &x->peer, "counts", false, json_pack("{s:s}", "node", k->self.id_text));
	assert_int_equal(
		keydist_say(k, "zone.add", x->zone,
			    json_pack("{s:s,s:s,s:i}", "source", "file:z", "policy", "default", "rev", 1),
			    &e),
		0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	char cmd[100];

	keydist_ends(&x->k);
	identity_fini(&x->peer.id);
	identity_fini(&x->vault.id);
	snprintf(cmd, sizeof(cmd), "rm -r %s", x->dir);
	assert_int_equal(system(cmd), 0);
	free(x);
	return 0;
}

/* This node is the only signer from then on. */
static void retire_peer(struct fixture *x)
{
	struct err e;

	assert_int_equal(keydist_say(&x->k, "retired", NULL,
				     json_pack("{s:s,s:s,s:[]}", "node", x->peer.id.id_text, "line", x->peer.line,
					       "upto"),
				     &e),
			 0);
}

static struct zone_state *zone(struct fixture *x)
{
	return state_zone(cluster_state(x->k.cluster), x->zone);
}

static json_t *hex(const uint8_t hash[32])
{
	return msg_json_hex(hash, 32);
}

static char *box_to(struct fixture *x, struct key *key, const uint8_t pk[32], enum seal_purpose purpose,
		    const uint8_t *name)
{
	const struct seal_label label = { purpose, name, key_hash(key) };
	struct secret *der = NULL;
	char *text = calloc(1, 2 * SEAL_MAX);
	uint8_t *box;
	size_t len;
	struct err e;

	(void)x;
	assert_int_equal(key_pkcs8(key, &der, &e), 0);
	assert_int_equal(seal_make(&label, pk, der, &box, &len, &e), 0);
	sodium_bin2base64(text, 2 * SEAL_MAX, box, len, sodium_base64_VARIANT_ORIGINAL);
	secret_free(der);
	free(box);
	return text;
}

/* The peer makes a key; the box for this node may be one of another zone. */
static void peer_creates(struct fixture *x, struct key *key, const uint8_t *name_in_box)
{
	char *box = box_to(x, key, x->k.self.line.box_pk, SEAL_SIGNER, name_in_box);
	char *recovery = box_to(x, key, x->k.recovery_pk, SEAL_RECOVERY, name_in_box);
	const uint8_t *rdata;
	size_t len;

	rdata = key_rdata(key, &len);
	hear(x, &x->peer, "key.created", true,
	     json_pack("{s:o,s:o,s:s,s:[{s:s,s:s}],s:[{s:s,s:s}]}", "key", hex(key_hash(key)), "dnskey",
		       msg_json_base64(rdata, len), "role", "csk", "boxes", "to", x->k.self.id_text, "box",
		       box, "recovery", "id", x->k.recovery_id, "box", recovery));
	free(box);
	free(recovery);
}

static void peer_holds(struct fixture *x, struct key *key)
{
	uint8_t data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	size_t len = key_probe_data(x->zone, key_hash(key), x->peer.id.id, data), sig_len;
	struct err e;

	assert_int_equal(key_sign(key, data, len, sig, &sig_len, &e), 0);
	hear(x, &x->peer, "key.held", true,
	     json_pack("{s:o,s:o}", "key", hex(key_hash(key)), "probe", msg_json_base64(sig, sig_len)));
}

static void peer_serves(struct fixture *x, const uint8_t hash[32])
{
	hear(x, &x->peer, "key.serves", true, json_pack("{s:[o],s:[o]}", "keys", hex(hash), "signing", hex(hash)));
}

static void peer_says(struct fixture *x, const char *kind, const uint8_t hash[32], const char *record)
{
	hear(x, &x->peer, kind, true, json_pack("{s:o,s:s}", "key", hex(hash), "record", record));
}

static void vault_stores(struct fixture *x, const uint8_t hash[32])
{
	hear(x, &x->vault, "key.stored", true,
	     json_pack("{s:o,s:s}", "key", hex(hash), "recovery", x->k.recovery_id));
}

static struct key *make(unsigned alg)
{
	struct key *key = NULL;
	struct err e;

	assert_int_equal(key_generate(alg, 257, 0, &key, &e), 0);
	return key;
}

static struct life *life_of(struct fixture *x)
{
	static struct life l;

	life_view(&x->k, zone_ctx(&x->k, x->zone, true), zone(x), &l);
	return &l;
}

static const struct timeline_key *view_of(struct fixture *x, const uint8_t hash[32])
{
	const struct life *l = life_of(x);

	for (size_t i = 0; i < l->t.n; i++)
		if (memcmp(l->t.key[i].key->hash, hash, 32) == 0)
			return &l->t.key[i];
	fail_msg("no such key");
	return NULL;
}

static bool shows(struct fixture *x, const uint8_t hash[32], enum key_record r)
{
	return view_of(x, hash)->record[r].show;
}

static bool seen(struct fixture *x, const uint8_t hash[32], enum key_record r)
{
	return view_of(x, hash)->record[r].all_seen;
}

static json_t *plan_of(struct fixture *x)
{
	return plan_make(&x->k, zone_ctx(&x->k, x->zone, true), life_of(x));
}

/* The engine publishes what the plan of now asks for; other TTLs than these it never published. */
static void engine_publishes(struct fixture *x, int dnskey_before, int zone_before)
{
	struct zone_ctx *c = zone_ctx(&x->k, x->zone, true);
	json_t *plan = plan_of(x), *row;

	assert_string_equal(json_string_value(json_object_get(plan, "state")), "signed");
	row = json_pack("{s:O,s:O,s:i,s:i,s:i,s:i}", "shows", json_object_get(plan, "shows"), "steps",
			json_object_get(plan, "steps"), "dnskey_ttl", 60, "zone_ttl", 60, "dnskey_before", dnskey_before,
			"zone_before", zone_before);
	shown_take(&x->k, c, row);
	zones_touch(&x->k, c);
	json_decref(row);
	json_decref(plan);
}

static void assert_plan_state(struct fixture *x, const char *state)
{
	json_t *plan = plan_of(x);

	assert_string_equal(json_string_value(json_object_get(plan, "state")), state);
	json_decref(plan);
}


/* What a second brings. */
static void second(struct fixture *x)
{
	running_tick(&x->k);
	keydist_settle(&x->k);
}

static void no_propagation(struct fixture *x)
{
	struct policy p = policy_default();
	struct err e;

	p.propagation_s = 0;
	p.rev = 1;
	assert_int_equal(keydist_say(&x->k, "policy", NULL, json_pack("{s:o,s:i}", "policy", policy_to_json(&p), "rev", 1),
				     &e),
			 0);
}

static void a_key_is_distributed_only_when_all_have_said_so(void **state)
{
	struct fixture *x = *state;
	struct key *key = make(ALG_ED25519);
	uint8_t hash[32];

	memcpy(hash, key_hash(key), 32);
	peer_creates(x, key, x->zone);
	keydist_settle(&x->k);
	assert_true(key_held_by(zone(x), zone_key(zone(x), hash), x->k.self.id));
	assert_false(view_of(x, hash)->distributed);
	vault_stores(x, hash);
	assert_false(view_of(x, hash)->distributed);
	peer_holds(x, key);
	assert_true(view_of(x, hash)->distributed);
	assert_true(shows(x, hash, RECORD_ZONE));
	/* The second signer has made a further recovery box. */
	assert_int_equal(zone_key(zone(x), hash)->recoveries, 2);
	key_free(key);
}

static void stored_for_another_recovery_key_does_not_count(void **state)
{
	struct fixture *x = *state;
	struct key *key = make(ALG_ED25519);

	peer_creates(x, key, x->zone);
	keydist_settle(&x->k);
	peer_holds(x, key);
	hear(x, &x->vault, "key.stored", true,
	     json_pack("{s:o,s:s}", "key", hex(key_hash(key)), "recovery", "0123456789abcdef"));
	assert_false(view_of(x, key_hash(key))->distributed);
	vault_stores(x, key_hash(key));
	assert_true(view_of(x, key_hash(key))->distributed);
	key_free(key);
}

static void a_box_for_another_zone_is_not_held(void **state)
{
	struct fixture *x = *state;
	struct key *key = make(ALG_ED25519);
	uint8_t other[DNAME_MAX];

	assert_int_equal(dname_from_text("example.net", other, NULL), 0);
	peer_creates(x, key, other);
	keydist_settle(&x->k);
	keydist_settle(&x->k);
	assert_int_equal(zone_key(zone(x), key_hash(key))->helds, 0);
	assert_non_null(strstr(zone_ctx(&x->k, x->zone, false)->trouble, "another zone"));
	key_free(key);
}

/* Another key with the tag of the first, as two signers that do not hear each other may make them. */
static struct key *same_tag(uint16_t tag)
{
	static const uint8_t head[] = {
		0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20
	};
	uint8_t rdata[36] = { 1, 1, 3, ALG_ED25519 }, seed[32], sk[64], der[sizeof(head) + 32];
	struct key *key = NULL;
	struct secret *s;
	struct err e;

	do {
		randombytes_buf(seed, sizeof(seed));
		crypto_sign_seed_keypair(rdata + 4, sk, seed);
	} while (dnskey_tag(rdata, sizeof(rdata)) != tag);
	memcpy(der, head, sizeof(head));
	memcpy(der + sizeof(head), seed, sizeof(seed));
	s = secret_from(der, sizeof(der));
	assert_int_equal(key_from_pkcs8(rdata, sizeof(rdata), s, &key, &e), 0);
	secret_free(s);
	return key;
}

static void a_second_key_with_the_same_tag_is_declined_and_made_again(void **state)
{
	struct fixture *x = *state;
	uint8_t mine[32], again[32] = { 0 };
	struct key *theirs;
	struct zone_state *z;
	size_t made = 0;
	struct err e;

	assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "csk", NULL, mine, &e), 0);
	z = zone(x);
	theirs = same_tag(dnskey_tag(zone_key(z, mine)->dnskey, zone_key(z, mine)->dnskey_len));
	peer_creates(x, theirs, x->zone);
	keydist_settle(&x->k);
	assert_true(id_set_has(&zone_key(zone(x), key_hash(theirs))->declined, x->k.self.id));
	assert_int_equal(zone_key(zone(x), key_hash(theirs))->helds, 0);
	/* The peer declines ours in turn: it is made again, once, with a free tag. */
	hear(x, &x->peer, "key.declined", true, json_pack("{s:o,s:s}", "key", hex(mine), "why", "tag"));
	keydist_settle(&x->k);
	keydist_settle(&x->k);
	assert_int_equal(x->k.makings, 1);
	while (x->k.makings > 0)
		uv_run(&x->k.loop, UV_RUN_ONCE);
	keydist_settle(&x->k);
	assert_int_equal(x->k.makings, 0);
	z = zone(x);
	for (size_t i = 0; i < z->keys; i++)
		if (memcmp(z->key[i].instead, mine, 32) == 0) {
			memcpy(again, z->key[i].hash, 32);
			made++;
		}
	assert_int_equal(made, 1);
	assert_int_not_equal(dnskey_tag(zone_key(z, again)->dnskey, zone_key(z, again)->dnskey_len),
			     key_tag(theirs));
	key_free(theirs);
}

static void of_competing_keys_the_smallest_that_all_serve_signs(void **state)
{
	struct fixture *x = *state;
	struct key *key[2] = { make(ALG_ED25519), make(ALG_ED25519) }, *small, *large;

	small = memcmp(key_hash(key[0]), key_hash(key[1]), 32) < 0 ? key[0] : key[1];
	large = small == key[0] ? key[1] : key[0];
	no_propagation(x);
	x->k.acting = x->k.engine_up = true;
	peer_creates(x, large, x->zone);
	keydist_settle(&x->k);
	peer_holds(x, large);
	vault_stores(x, key_hash(large));
	second(x);
	engine_publishes(x, 0, 0);
	second(x);
	peer_serves(x, key_hash(large));
	peer_creates(x, small, x->zone);
	keydist_settle(&x->k);
	peer_holds(x, small);
	vault_stores(x, key_hash(small));
	second(x);
	/* Both are shown and sign; what everybody may have in a cache goes on signing. */
	assert_true(shows(x, key_hash(small), RECORD_DNSKEY) && shows(x, key_hash(large), RECORD_DNSKEY));
	assert_true(shows(x, key_hash(small), RECORD_ZONE) && shows(x, key_hash(large), RECORD_ZONE));
	engine_publishes(x, 0, 0);
	second(x);
	peer_serves(x, key_hash(small));
	second(x);
	assert_true(shows(x, key_hash(large), RECORD_ZONE));
	/* Once it is everywhere, by the word of all, the other one goes: its signatures first. */
	peer_says(x, "key.seen", key_hash(large), "dnskey");
	peer_says(x, "key.seen", key_hash(large), "zone");
	peer_says(x, "key.seen", key_hash(small), "dnskey");
	peer_says(x, "key.seen", key_hash(small), "zone");
	second(x);
	assert_true(shows(x, key_hash(small), RECORD_ZONE));
	assert_false(shows(x, key_hash(large), RECORD_ZONE));
	assert_true(shows(x, key_hash(large), RECORD_DNSKEY));
	assert_false(view_of(x, key_hash(large))->record[RECORD_ZONE].stopped);
	engine_publishes(x, 60, 60);
	second(x);
	assert_true(view_of(x, key_hash(large))->record[RECORD_ZONE].stopped);
	key_free(key[0]);
	key_free(key[1]);
}

static void what_anybody_serves_all_publish(void **state)
{
	struct fixture *x = *state;
	struct key *key = make(ALG_ED25519);

	peer_creates(x, key, x->zone);
	keydist_settle(&x->k);
	assert_false(shows(x, key_hash(key), RECORD_DNSKEY));
	peer_serves(x, key_hash(key));
	assert_true(shows(x, key_hash(key), RECORD_DNSKEY));
	key_free(key);
}

static void no_key_is_made_because_there_is_none(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 5; i++) {
		keydist_tick(&x->k);
		keydist_settle(&x->k);
	}
	assert_int_equal(zone(x)->keys, 0);
	assert_plan_state(x, "held");
}

static void nothing_is_published_before_it_is_distributed(void **state)
{
	struct fixture *x = *state;
	uint8_t hash[32];
	struct err e;

	assert_int_equal(keys_create(&x->k, zone(x), ALG_ECDSAP256SHA256, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	assert_plan_state(x, "held");
}

static void a_ksk_stays_here(void **state)
{
	struct fixture *x = *state;
	uint8_t hash[2][32];
	const json_t *keys;
	json_t *plan;
	struct err e;

	/* alone, so that both are distributed when the vault has them */
	retire_peer(x);
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ECDSAP256SHA256, "ksk", NULL, hash[0], &e), 0);
	vault_stores(x, hash[0]);
	assert_plan_state(x, "held");
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ECDSAP256SHA256, "zsk", NULL, hash[1], &e), 0);
	vault_stores(x, hash[1]);
	plan = plan_of(x);
	assert_string_equal(json_string_value(json_object_get(plan, "state")), "signed");
	keys = json_object_get(plan, "keys");
	assert_int_equal(json_array_size(keys), 1);
	json_decref(plan);
	for (size_t i = 0; i < life_of(x)->t.n; i++) {
		const struct timeline_key *key = &life_of(x)->t.key[i];

		assert_int_equal(key->record[RECORD_ZONE].show, strcmp(key->key->role, "zsk") == 0);
	}
}

static void cds_waits_until_all_serve_and_old_answers_are_gone(void **state)
{
	struct fixture *x = *state;
	uint8_t hash[32];
	json_t *plan;
	struct err e;

	no_propagation(x);
	retire_peer(x);
	x->k.engine_up = true;
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	second(x);
	assert_null(zone_ctx(&x->k, x->zone, false)->memory->wait);
	engine_publishes(x, 0, 2);
	second(x);
	assert_true(seen(x, hash, RECORD_DNSKEY)); /* there was none before */
	assert_false(seen(x, hash, RECORD_ZONE));
	assert_in_range(timeline_left(zone_ctx(&x->k, x->zone, false)->memory), 1500, 2000);
	/* Time passes only while this node runs: a gap of an hour counts nothing. */
	zone_ctx(&x->k, x->zone, false)->ran_ms -= 3600000;
	second(x);
	assert_false(seen(x, hash, RECORD_ZONE));
	for (int i = 0; i < 2; i++) {
		assert_false(seen(x, hash, RECORD_ZONE));
		zone_ctx(&x->k, x->zone, false)->ran_ms -= 1000; /* as if a second had passed */
		second(x);
	}
	assert_true(seen(x, hash, RECORD_ZONE));
	plan = plan_of(x);
	assert_int_equal(json_array_size(json_object_get(plan, "ready")), 3);
	json_decref(plan);
}

/* Before its engine has heard of it. */
static void what_was_published_before_a_set_back_has_its_ttls(void **state)
{
	struct fixture *x = *state;
	struct zone_ctx *c = zone_ctx(&x->k, x->zone, true);
	uint8_t hash[32];
	json_t *lost;
	struct err e;

	no_propagation(x);
	retire_peer(x);
	x->k.engine_up = true;
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	second(x);
	engine_publishes(x, 0, 0);
	assert_non_null(lost = json_pack("{s:i,s:i}", "dnskey_ttl", 3600, "zone_ttl", 86400));
	assert_int_equal(cluster_status_put(x->k.cluster, c->text, lost, &e), 0);
	json_decref(lost);
	assert_int_equal(life_of(x)->published.dnskey_ttl, 60); /* what it says itself is no news to it */
	assert_int_equal(life_of(x)->published.zone_ttl, 60);
	x->k.cluster->set_back = true;
	assert_int_equal(life_of(x)->published.dnskey_ttl, 3600);
	assert_int_equal(life_of(x)->published.zone_ttl, 86400);
}

static void waits_are_kept_over_a_restart(void **state)
{
	struct fixture *x = *state;
	struct zone_ctx *c = zone_ctx(&x->k, x->zone, true), back = { .name = NULL };
	uint8_t hash[32];
	struct err e;
	char *text;

	no_propagation(x);
	retire_peer(x);
	x->k.engine_up = true;
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	second(x);
	engine_publishes(x, 0, 50);
	second(x);
	zone_ctx(&x->k, x->zone, false)->ran_ms -= 7000;
	running_tick(&x->k);
	text = running_text(c->memory);
	assert_int_equal(running_read(&back, text), 0);
	assert_int_equal(back.memory->waits, c->memory->waits);
	assert_memory_equal(back.memory->wait[0].key, hash, 32);
	assert_true(back.memory->wait[0].ran_ms >= 7000);
	assert_int_equal(timeline_left(back.memory), timeline_left(c->memory));
	timeline_memory_fini(back.memory);
	free(back.memory);
	free(text);
}

static void nothing_is_promised_while_another_version_may_come(void **state)
{
	struct fixture *x = *state;
	struct zone_ctx *c = zone_ctx(&x->k, x->zone, true);
	uint8_t hash[32];
	json_t *plan;
	struct err e;

	retire_peer(x);
	x->k.engine_up = true;
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	second(x);
	engine_publishes(x, 0, 0);
	assert_true(shown_settled(c));
	assert_int_equal(keydist_say(&x->k, "zone.secure", x->zone, json_pack("{s:b,s:i}", "secure", 0, "rev", 1), &e), 0);
	/* nobody asked for CDS yet, so there is nothing that DELETE would take away: all goes at once */
	plan = plan_of(x);
	assert_false(shown_settled(c));
	second(x);
	assert_false(view_of(x, hash)->record[RECORD_ZONE].stopped);
	json_decref(plan);
}

static void signatures_are_kept_over_a_restart_and_not_made_in_doubt(void **state)
{
	struct fixture *x = *state;
	struct apex_rrset first[3], second[3];
	uint8_t hash[32];
	size_t count;
	struct err e;

	retire_peer(x);
	assert_int_equal(keys_create(&x->k, zone(x), ALG_ECDSAP256SHA256, "csk", NULL, hash, &e), 0);
	vault_stores(x, hash);
	x->k.clock_good = false;
	assert_int_equal(dnskey_make(&x->k, life_of(x), first, &count, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	x->k.clock_good = true;
	assert_int_equal(dnskey_make(&x->k, life_of(x), first, &count, &e), 0);
	assert_int_equal(count, 1);
	x->k.clock_good = false; /* what was made is used */
	assert_int_equal(dnskey_make(&x->k, life_of(x), second, &count, &e), 0);
	assert_string_equal(json_string_value(first[0].rrset), json_string_value(second[0].rrset));
	json_decref(first[0].rrset);
	json_decref(second[0].rrset);
}

/* How many RRSIGs the DNSKEY RRset has; -1: it cannot be made. */
static int dnskey_sigs(struct fixture *x, const struct life *l)
{
	struct apex_rrset rrset[3];
	uint8_t octets[4096];
	size_t count, len = 0;
	int sigs = 0;
	struct rd r;
	struct rr rr;
	struct err e;

	if (dnskey_make(&x->k, l, rrset, &count, &e) != 0)
		return -1;
	assert_int_equal(sodium_base642bin(octets, sizeof(octets), json_string_value(rrset[0].rrset),
					   json_string_length(rrset[0].rrset), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
	for (r = rd_of(octets, len); rd_left(&r) > 0;) {
		assert_int_equal(rr_read(&r, &rr, &e), 1);
		sigs += rr.type == TYPE_RRSIG;
	}
	for (size_t i = 0; i < count; i++)
		json_decref(rrset[i].rrset);
	return sigs;
}

static void a_lost_key_is_left_out_only_where_the_chain_holds(void **state)
{
	static const struct {
		enum record_phase lost, other;
		bool alg, left_out;
	} cases[] = {
		{ PHASE_OMNIPRESENT, PHASE_OMNIPRESENT, true, true },    { PHASE_OMNIPRESENT, PHASE_RUMOURED, true, false },
		{ PHASE_OMNIPRESENT, PHASE_HIDDEN, true, false },        { PHASE_OMNIPRESENT, PHASE_UNRETENTIVE, true, false },
		{ PHASE_UNRETENTIVE, PHASE_OMNIPRESENT, true, true },    { PHASE_UNRETENTIVE, PHASE_RUMOURED, true, false },
		{ PHASE_OMNIPRESENT, PHASE_OMNIPRESENT, false, false },  { PHASE_HIDDEN, PHASE_HIDDEN, true, true },
	};
	struct fixture *x = *state;
	uint8_t hash[2][32];
	struct err e;

	retire_peer(x);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "ksk", NULL, hash[i], &e), 0);
		vault_stores(x, hash[i]);
	}
	for (size_t c = 0; c <= sizeof(cases) / sizeof(cases[0]); c++) {
		struct life *l = life_of(x);

		assert_int_equal(l->t.n, 2);
		for (size_t i = 0; i < 2; i++) {
			const bool lost = memcmp(l->t.key[i].key->hash, hash[0], 32) == 0;

			l->t.key[i].record[RECORD_DNSKEY].show = true;
			if (c > 0)
				l->t.key[i].record[RECORD_DS].phase = lost ? cases[c - 1].lost : cases[c - 1].other;
			if (c > 0 && !lost && !cases[c - 1].alg)
				l->t.key[i].alg = ALG_ECDSAP256SHA256;
		}
		for (size_t i = 0; i < 2 && c > 0; i++)
			assert_int_equal(dnskey_left_out(&x->k, l, &l->t.key[i]),
					 memcmp(l->t.key[i].key->hash, hash[0], 32) == 0 && cases[c - 1].left_out);
		/* what is to be signed and cannot be opened is not signed with the other one alone */
		assert_int_equal(dnskey_sigs(x, l), c == 0 || !cases[c - 1].left_out ? 2 : 1);
		if (c == 0)
			assert_int_equal(keydist_say(&x->k, "key.lost", x->zone, json_pack("{s:o}", "key", msg_json_hex(hash[0], 32)),
						     &e), 0);
	}
}

static void a_ksk_that_cannot_be_opened_keeps_the_rrset_as_it_was(void **state)
{
	struct fixture *x = *state;
	struct zone_ctx *c = zone_ctx(&x->k, x->zone, true);
	struct key_state *ks;
	uint8_t hash[2][32];
	struct life *l;
	struct err e;

	retire_peer(x);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(keys_create(&x->k, zone(x), ALG_ED25519, "ksk", NULL, hash[i], &e), 0);
		vault_stores(x, hash[i]);
	}
	ks = zone_key(zone(x), hash[0]);
	for (size_t i = 0; i < ks->boxes; i++)
		ks->box[i].box[100] = ks->box[i].box[100] == 'A' ? 'B' : 'A';
	for (size_t i = 0; i < OPEN_MAX; i++) {
		key_free(x->k.open[i]);
		x->k.open[i] = NULL;
	}
	l = life_of(x);
	l->t.key[0].record[RECORD_DNSKEY].show = l->t.key[1].record[RECORD_DNSKEY].show = true;
	assert_int_equal(dnskey_sigs(x, l), -1);
	assert_true(c->look_for_lost);
	lost_look(&x->k, c, l);
	assert_false(c->look_for_lost);
	assert_int_equal(words_say(&x->k, &e), 0);
	assert_true(lost_here(&x->k, ks));
	assert_false(lost_here(&x->k, zone_key(zone(x), hash[1])));
	lost_tell(&x->k, c, life_of(x));
	assert_non_null(strstr(c->lost, "every signer has lost its private key"));
}

/* ---- who is looked at ---- */

/* What the engine says of whom it looks at: a secondary and a name server. */
static void engine_lists(struct fixture *x, bool name_servers, const char *missing)
{
	struct observed_servers s = { .name_servers = name_servers, .children_whole = missing == NULL, .n = name_servers ? 2 : 1 };
	json_t *msg = json_pack("{s:[],s:[]}", "servers", "looks");

	memcpy(s.zone, x->zone, dname_len(x->zone));
	s.server[0].role = OBSERVED_SECONDARY;
	s.server[1] = (struct observed_server){ .role = OBSERVED_NS, .name = "ns1.example.net." };
	assert_int_equal(addr_parse("192.0.2.1#53", 0, &s.server[0].addr, NULL), 0);
	assert_int_equal(addr_parse("192.0.2.2#53", 0, &s.server[1].addr, NULL), 0);
	if (missing != NULL) {
		snprintf(s.missing, sizeof(s.missing), "%s", missing);
		snprintf(s.children_why, sizeof(s.children_why), "it does not exist");
	}
	json_array_append_new(json_object_get(msg, "servers"), observed_servers_pack(&s));
	looks_on_observed(x->k.cluster, NULL, msg);
	json_decref(msg);
}

/* How many of the zone's own are waited for, and whether there is one that nobody knows. */
static size_t children(struct fixture *x, bool name_servers, bool *unknown)
{
	struct timeline_observer o[TIMELINE_OBSERVERS_MAX];
	const size_t all = looks_observers(&x->k, zone_ctx(&x->k, x->zone, true), name_servers, o);
	size_t n = 0;

	*unknown = false;
	for (size_t i = 0; i < all; i++) {
		n += o[i].kind == OBSERVER_SECONDARY;
		*unknown |= o[i].id == LOOKS_UNKNOWN;
	}
	return n;
}

static void a_name_server_is_waited_for_as_a_secondary_is(void **state)
{
	struct fixture *x = *state;
	char text[TIMELINE_SERVER_LEN];
	struct addr addr;
	bool unknown;

	x->conf.signer.present = true;
	assert_int_equal(children(x, false, &unknown), 0); /* none is configured */
	assert_int_equal(children(x, true, &unknown), 1);
	assert_true(unknown); /* nobody has looked which there are */
	engine_lists(x, false, NULL);
	assert_int_equal(children(x, false, &unknown), 1);
	assert_int_equal(children(x, true, &unknown), 2);
	assert_true(unknown); /* that list was made without them */
	engine_lists(x, true, NULL);
	assert_int_equal(children(x, true, &unknown), 2);
	assert_false(unknown);
	assert_int_equal(children(x, false, &unknown), 1); /* the policy is another one now */
	addr_parse("192.0.2.2#53", 0, &addr, NULL);
	looks_server(zone_ctx(&x->k, x->zone, true), observed_server_id(&addr, OBSERVED_NS), text);
	assert_string_equal(text, "name server ns1.example.net. 192.0.2.2#53");
	engine_lists(x, true, "ns9.example.net.");
	assert_int_equal(children(x, true, &unknown), 3);
	assert_true(unknown);
	looks_server(zone_ctx(&x->k, x->zone, true), LOOKS_UNKNOWN, text);
	assert_string_equal(text, "name server ns9.example.net., whose addresses are not known,");
	x->conf.signer.present = false;
}

static void name_servers_are_left_alone_while_a_zone_moves_here(void **state)
{
	struct key_state key = { .foreign = true };
	struct zone_state z = { .key = &key, .keys = 1 };
	struct policy p = policy_default();

	(void)state;
	assert_false(looks_at_name_servers(&z, &p));
	key.withdrawn = true; /* nobody serves what that signer signed: they have to show it */
	assert_true(looks_at_name_servers(&z, &p));
	p.name_servers = POLICY_IGNORE;
	assert_false(looks_at_name_servers(&z, &p));
}

/* Addresses change, and what is remembered has room for 64. */
static void what_is_no_observer_any_more_makes_room(void **state)
{
	struct timeline_memory m = { .observers = TIMELINE_OBSERVERS_MAX, .waits = 1 };
	struct timeline_wait w = { .looked = UINT64_C(1) << 63 | UINT64_C(1) << 2 | 1 };
	const struct timeline_observer known[] = { { 3, OBSERVER_SECONDARY }, { 64, OBSERVER_PARENT } };
	const struct timeline_observer more[] = { { 3, OBSERVER_SECONDARY }, { 64, OBSERVER_PARENT }, { 99, OBSERVER_SECONDARY } };

	(void)state;
	m.wait = &w;
	m.parents = UINT64_C(1) << 63 | 2;
	for (size_t i = 0; i < TIMELINE_OBSERVERS_MAX; i++) {
		m.observer[i] = i + 1;
		m.silent_ms[i] = (int64_t)i * 1000;
	}
	running_forget(&m, known, 2);
	assert_int_equal(m.observers, TIMELINE_OBSERVERS_MAX); /* all have a place */
	running_forget(&m, more, 3);
	assert_int_equal(m.observers, 2);
	assert_int_equal(m.observer[0], 3);
	assert_int_equal(m.observer[1], 64);
	assert_int_equal(m.silent_ms[1], 63000);
	assert_int_equal(w.looked, 3);
	assert_int_equal(m.parents, 2);
}

/* What lend_may is given: who asks, and which of its questions it is (cluster.h). */
static bool may_have(const struct fixture *x, const uint8_t id[NODE_ID_LEN])
{
	char who[NODE_ID_TEXT], token[NODE_ID_TEXT + 8];

	snprintf(token, sizeof(token), "%s/1", node_id_text(id, who));
	return lend_may(&x->k, token);
}

static void what_is_in_zones_is_given_to_signers_alone(void **state)
{
	static const uint8_t nobody[NODE_ID_LEN] = { 1 };
	struct fixture *x = *state;

	assert_true(may_have(x, x->peer.id.id));
	assert_false(may_have(x, x->vault.id.id));
	assert_false(may_have(x, nobody));
	assert_false(lend_may(&x->k, "/1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_distributed_only_when_all_have_said_so, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stored_for_another_recovery_key_does_not_count, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_box_for_another_zone_is_not_held, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_key_with_the_same_tag_is_declined_and_made_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(of_competing_keys_the_smallest_that_all_serve_signs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_anybody_serves_all_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key_is_made_because_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_published_before_it_is_distributed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_ksk_stays_here, setup, teardown),
		cmocka_unit_test_setup_teardown(cds_waits_until_all_serve_and_old_answers_are_gone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waits_are_kept_over_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_promised_while_another_version_may_come, setup,
						teardown),
		cmocka_unit_test_setup_teardown(signatures_are_kept_over_a_restart_and_not_made_in_doubt,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_server_is_waited_for_as_a_secondary_is, setup, teardown),
		cmocka_unit_test(name_servers_are_left_alone_while_a_zone_moves_here),
		cmocka_unit_test(what_is_no_observer_any_more_makes_room),
		cmocka_unit_test_setup_teardown(what_is_in_zones_is_given_to_signers_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_key_is_left_out_only_where_the_chain_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_published_before_a_set_back_has_its_ttls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ksk_that_cannot_be_opened_keeps_the_rrset_as_it_was, setup, teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
