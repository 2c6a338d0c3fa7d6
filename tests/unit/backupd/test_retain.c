/* SPDX-License-Identifier: BSD-3-Clause */
/* A real backupd without API, and facts of a signer that the test says for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include <cmocka.h>

#include "backupd/backupd.h"
#include "cluster/impl.h"
#include "key/key.h"

/* main.c has this in the program. */
int backupd_reload(struct backupd *b, struct err *e)
{
	(void)b;
	return err_set(e, ERR_INTERNAL, "not here");
}

struct fixture {
	struct backupd b;
	struct conf conf;
	struct identity signer;
	char dir[64], listen[100], name[8], line[NODE_LINE_TEXT], self[NODE_LINE_TEXT];
	uint64_t seq;
	uint8_t prev[FACT_HASH_LEN], added[FACT_HASH_LEN];
	struct key *key;
};

static void ignore(void *ctx)
{
	(void)ctx;
}

static void hear(struct fixture *x, const char *kind, const char *zone, json_t *body)
{
	struct fact head = { .inc.number = 1, .seq = ++x->seq }, f;
	struct fact_rules rules;
	struct fact_verdict v;
	uint8_t name[DNAME_MAX], *octets;
	size_t len;
	struct err e;

	assert_non_null(body);
	memcpy(head.prev, x->prev, FACT_HASH_LEN);
	strcpy(head.kind, kind);
	if (zone != NULL && dname_from_text(zone, name, &e) == 0)
		head.zone_len = dname_lower(name, head.zone);
	assert_int_equal(fact_make(&head, body, &x->signer, &octets, &len, &e), 0);
	assert_int_equal(fact_read(octets, len, &f, &e), 0);
	assert_int_equal(fact_log_add(x->b.cluster->log, sync_rules(x->b.cluster, &rules), &f, 1, &v, &e), 0);
	assert_int_equal(v.result, FACT_NEW);
	sync_applied(x->b.cluster, &f);
	assert_int_equal(sync_after(x->b.cluster, &e), 0);
	memcpy(x->prev, f.hash, FACT_HASH_LEN);
	if (strcmp(kind, "zone.add") == 0)
		memcpy(x->added, f.hash, FACT_HASH_LEN);
	free(octets);
	json_decref(body);
	keep_step(&x->b);
}

static void make(struct fixture *x, const char *name, struct identity *id, char *line)
{
	char path[100], wrap[120];
	struct secret *s;
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	snprintf(wrap, sizeof(wrap), "file:%s/%s.wrap", x->dir, name);
	assert_int_equal(identity_create(path, NULL, NULL, false, line, &e), 0);
	s = wrap_key_load(wrap, &e);
	assert_int_equal(identity_load(path, s, id, &e), 0);
	secret_free(s);
}

static void hear_admitted(struct fixture *x, const char *kind, const char *line, const char *role)
{
	hear(x, kind, NULL, json_pack("{s:s,s:s,s:s}", "line", line, "name", role, "role", role));
}

static void hear_zone(struct fixture *x)
{
	hear(x, "zone.add", "example.org",
	     json_pack("{s:s,s:s,s:i}", "source", "file:z", "policy", "default", "rev", (int)x->seq + 1));
}

static void hear_removal(struct fixture *x)
{
	hear(x, "zone.remove", "example.org", json_pack("{s:[o]}", "adds", msg_json_hex(x->added, 32)));
}

static struct key_state *key_of(struct fixture *x)
{
	uint8_t name[DNAME_MAX];

	dname_from_text("example.org", name, NULL);
	return zone_key(state_zone(cluster_state(x->b.cluster), name), key_hash(x->key));
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct cluster_config config = { .loop = &x->b.loop, .conf = &x->conf, .identity = &x->b.self,
					 .role = NODE_BACKUP, .dir = x->dir, .listen = x->listen,
					 .on_facts = ignore, .on_fact = keep_on_fact, .on_tick = ignore, .ctx = &x->b };
	struct backupd *b = &x->b;
	const uint8_t *rdata;
	size_t len;
	struct err e;

	*state = x;
	strcpy(x->dir, "/tmp/duet-test-retain-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	strcpy(x->name, "vault");
	x->conf.node.name = x->name;
	x->conf.backupd.state_dir = x->dir;
	x->conf.backupd.retention_days = 30;
	b->conf = &x->conf;
	snprintf(x->listen, sizeof(x->listen), "ipc://%s/hub", x->dir);
	make(x, "id", &b->self, x->self);
	make(x, "signer", &x->signer, x->line);
	memset(b->recovery_id, 0x42, sizeof(b->recovery_id));
	node_id_text(b->recovery_id, b->recovery_text);
	b->recovery_known = true;
	uv_loop_init(&b->loop);
	assert_int_equal(retain_open(b, &e), 0);
	assert_int_equal(cluster_open(&config, &b->cluster, &e), 0);
	{ /* its line is not configured: it becomes known from an admission, which only the test can add */
		struct fact f = { .inc.number = 1, .seq = 1 };
		json_t *body = json_pack("{s:s,s:s,s:s}", "line", x->line, "name", "s", "role", "signer");
		uint8_t *octets;

		strcpy(f.kind, "node.first");
		assert_int_equal(fact_make(&f, body, &x->signer, &octets, &len, &e), 0);
		json_decref(body);
		assert_int_equal(fact_read(octets, len, &f, &e), 0);
		fact_state_apply(cluster_state(b->cluster), &f);
		free(octets);
	}
	hear_admitted(x, "node.first", x->line, "signer");
	hear_admitted(x, "admitted", x->self, "backup");
	hear_zone(x);
	assert_int_equal(key_generate(ALG_ED25519, 257, 0, &x->key, &e), 0);
	rdata = key_rdata(x->key, &len);
	hear(x, "key.created", "example.org",
	     json_pack("{s:o,s:o,s:s,s:[{s:s,s:s}],s:[{s:s,s:s}]}", "key", msg_json_hex(key_hash(x->key), 32),
		       "dnskey", msg_json_base64(rdata, len), "role", "csk", "boxes", "to", x->signer.id_text, "box",
		       "AAAA", "recovery", "id", b->recovery_text, "box", "BBBB"));
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	char cmd[100];

	cluster_close(x->b.cluster);
	while (uv_run(&x->b.loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&x->b.loop);
	retain_close(&x->b);
	free(x->b.fresh);
	identity_fini(&x->b.self);
	identity_fini(&x->signer);
	key_free(x->key);
	snprintf(cmd, sizeof(cmd), "rm -r %s", x->dir);
	assert_int_equal(system(cmd), 0);
	free(x);
	return 0;
}

/* The look of a minute, after so many days. */
static void look_after(struct fixture *x, int days)
{
	for (size_t i = 0; i < x->b.removeds; i++)
		x->b.removed[i].ran_ms += days * (int64_t)86400000;
	x->b.saved_ms = x->b.dropped_ms = 0;
	retain_tick(&x->b);
}

static void a_removed_zones_key_is_dropped_after_its_days(void **state)
{
	struct fixture *x = *state;

	assert_true(key_stored_by(key_of(x), x->b.self.id, x->b.recovery_id));
	hear_removal(x);
	look_after(x, 0);
	assert_int_equal(x->b.removeds, 1);
	look_after(x, 29);
	assert_int_equal(key_of(x)->recoveries, 1);
	assert_false(key_was_dropped(key_of(x)));
	look_after(x, 2);
	assert_true(key_was_dropped(key_of(x)));
	assert_false(key_stored_by(key_of(x), x->b.self.id, x->b.recovery_id));
	assert_int_equal(key_of(x)->recoveries, 0);
	assert_int_equal(key_of(x)->boxes, 0);
	assert_true(key_of(x)->created); /* its tag is remembered */
	keep_step(&x->b);
	assert_false(key_stored_by(key_of(x), x->b.self.id, x->b.recovery_id));
}

static void a_live_zones_key_is_never_dropped(void **state)
{
	struct fixture *x = *state;

	look_after(x, 0);
	look_after(x, 1000);
	assert_int_equal(x->b.removeds, 0);
	hear_removal(x);
	look_after(x, 0);
	hear_zone(x); /* added again in time */
	look_after(x, 1000);
	assert_int_equal(key_of(x)->recoveries, 1);
	assert_false(key_was_dropped(key_of(x)));
	hear_removal(x);
	look_after(x, 0);
	look_after(x, 29); /* the days begin anew */
	assert_int_equal(key_of(x)->recoveries, 1);
}

static void without_retention_everything_stays(void **state)
{
	struct fixture *x = *state;

	x->conf.backupd.retention_days = 0;
	hear_removal(x);
	look_after(x, 0);
	look_after(x, 100000);
	assert_int_equal(key_of(x)->recoveries, 1);
}

static void the_days_are_kept_over_a_restart(void **state)
{
	struct fixture *x = *state;
	struct err e;

	hear_removal(x);
	look_after(x, 0);
	look_after(x, 12);
	retain_close(&x->b);
	x->b.removed = NULL;
	x->b.removeds = 0;
	assert_int_equal(retain_open(&x->b, &e), 0);
	assert_int_equal(x->b.removeds, 1);
	assert_true(x->b.removed[0].ran_ms >= 12 * (int64_t)86400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_removed_zones_key_is_dropped_after_its_days, setup, teardown),
		cmocka_unit_test_setup_teardown(a_live_zones_key_is_never_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(without_retention_everything_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(the_days_are_kept_over_a_restart, setup, teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
