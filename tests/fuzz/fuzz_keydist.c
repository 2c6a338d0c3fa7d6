/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_keydist: what an engine may say to its keydist, to a real one of one node with one zone that has a key.
 * Its statuses, deeds and wishes become facts, and those the plan of the zone.
 */
#include "keydist/keydist.h"

#include "cluster/impl.h"

#include <assert.h>
#include <sodium.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_main.h"

static struct keydist k;

/* main.c has this in the program. */
int keydist_reload(struct keydist *keydist, struct err *e)
{
	(void)keydist;
	return err_set(e, ERR_INTERNAL, "not here");
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void on_asked(void *ctx, json_t *result, const struct err *why)
{
	(void)ctx;
	assert(result == NULL || why == NULL);
}

static void remove_dir(void)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "rm -rf /tmp/duet-fuzz-keydist-%d", (int)getpid());
	if (system(cmd) != 0)
		perror(cmd);
}

static void open_node(const char *dir, struct cluster_config *config)
{
	static char line[NODE_LINE_TEXT];
	char path[200], wrap[220];
	struct secret *s;
	uint8_t sk[32];
	struct err e;

	snprintf(path, sizeof(path), "%s/id", dir);
	snprintf(wrap, sizeof(wrap), "file:%s/id.wrap", dir);
	assert(identity_create(path, NULL, NULL, true, line, &e) == 0);
	s = wrap_key_load(wrap, &e);
	assert(identity_load(path, s, &k.self, &e) == 0);
	secret_free(s);
	crypto_box_keypair(k.recovery_pk, sk);
	recovery_id_text(k.recovery_pk, k.recovery_id);
	crypto_box_keypair(k.self.engine_box_pk, sk);
	k.recovery_known = k.clock_good = true;
	uv_loop_init(&k.loop);
	uv_timer_init(&k.loop, &k.flush);
	uv_timer_init(&k.loop, &k.turn);
	k.flush.data = k.turn.data = &k;
	assert(store_db_open(&k, &e) == 0 && cluster_open(config, &k.cluster, &e) == 0);
}

static void open_once(void)
{
	static char dir[100], listen[160], name[] = "self";
	static struct conf conf;
	static struct cluster_config config;
	uint8_t zone[DNAME_MAX], hash[32];
	struct policy p = policy_default();
	struct err e;

	assert(secret_init(&e) == 0);
	snprintf(dir, sizeof(dir), "/tmp/duet-fuzz-keydist-%d", (int)getpid());
	assert(mkdir(dir, 0700) == 0);
	atexit(remove_dir);
	snprintf(listen, sizeof(listen), "ipc://%s/self", dir);
	conf.node.name = name;
	conf.keydist.state_dir = dir;
	k.conf = &conf;
	config = (struct cluster_config){ .loop = &k.loop, .conf = &conf, .identity = &k.self, .role = NODE_SIGNER,
					  .dir = dir, .listen = listen, .on_facts = ignore,
					  .on_fact = keydist_on_fact, .on_tick = ignore, .ctx = &k };
	open_node(dir, &config);
	keydist_settle(&k);
	p.require_backups = 0;
	assert(dname_from_text("example.org", zone, &e) == 0);
	assert(keydist_say(&k, "policy", NULL, json_pack("{s:o,s:i}", "policy", policy_to_json(&p), "rev", 1), &e) ==
	       0);
	assert(keydist_say(&k, "zone.add", zone,
			   json_pack("{s:s,s:s,s:i}", "source", "file:z", "policy", "default", "rev", 1), &e) == 0);
	assert(keys_create(&k, state_zone(cluster_state(k.cluster), zone), ALG_ED25519, "csk", NULL, hash, &e) == 0);
	keydist_settle(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct msg_peer engine = { .name = "engine", .role = MSG_ENGINE };
	const char *type = NULL;
	json_t *msg;

	if (k.cluster == NULL)
		open_once();
	if ((msg = msg_parse(data, len, &type, NULL)) == NULL)
		return 0;
	engine_ask(&k, "status", NULL, 1000, on_asked, NULL);
	for (const struct msg_row *row = engine_rows; row->type != NULL; row++)
		if (strcmp(row->type, type) == 0 && len <= row->max)
			row->handler(k.cluster, &engine, msg);
	json_decref(msg);
	keydist_settle(&k);
	engine_expire(&k, true);
	assert(!zones_waiting(&k));
	return 0;
}
