/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scalefacts - the facts of two signers and a backup about many zones with three keys each.
 *
 *   scalefacts [-n ZONES] [-t THREADS] SIGNER1 SIGNER2 BACKUP RECOVERY FILE
 *
 * SIGNER1, SIGNER2 and BACKUP are identity files with their wrap keys beside them, RECOVERY is a duetR1 line; FILE is a fact
 * log as keydist has it, FILE.before the same as it was a week ago: since then signer1 has made the third key of 7 of 30 zones,
 * as a lifetime of 30 days has it, and signer2 was not heard.  Of other zones the third key waits to take the place of the
 * second.  Keys, sealed boxes and proofs are real.  Prints name=value lines.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fact/log.h"
#include "fact/state.h"
#include "key/key.h"
#include "msg/msg.h"
#include "policy/policy.h"
#include "seal/seal.h"

#define CHUNK   1024 /* zones that are made ready at once */
#define BATCH   4096 /* facts in one transaction */
#define KEYS    3
#define TTL     3600
#define THREADS 64

enum { SIGNER1, SIGNER2, BACKUP, NODES };
static const char *const names[NODES] = { "signer1", "signer2", "backup" };
static const char *const roles[KEYS] = { "ksk", "zsk", "zsk" };

/* What is said of one zone's keys, made in threads. */
struct ready {
	uint8_t name[DNAME_MAX], hash[KEYS][32];
	json_t *created[KEYS], *held[KEYS][2];
};

static struct identity node[NODES];
static uint8_t recovery_pk[PUBLIC_LEN];
static char recovery_id[RECOVERY_ID_TEXT];
static struct fact_log *facts;
static struct fact batch[BATCH];
static size_t batched, said, zones = 1000, threads = 2;
static uint64_t seq[NODES];
static uint8_t prev[NODES][FACT_HASH_LEN];
static struct ready ready[CHUNK];
static size_t ready_from, ready_n;

static void die(const struct err *e)
{
	fprintf(stderr, "scalefacts: %s\n", e->text);
	exit(1);
}

/* ---- facts ---- */

static const uint8_t *key_of(void *ctx, const uint8_t origin[NODE_ID_LEN])
{
	(void)ctx;
	for (size_t i = 0; i < NODES; i++)
		if (memcmp(node[i].id, origin, NODE_ID_LEN) == 0)
			return node[i].line.sign_pk;
	return NULL;
}

static const char *closed(void *ctx, const struct fact *f)
{
	(void)ctx;
	(void)f;
	return NULL;
}

static void flush(void)
{
	static struct fact_verdict verdict[BATCH];
	const struct fact_rules rules = { NULL, key_of, closed, true };
	struct err e;

	if (fact_log_add(facts, &rules, batch, batched, verdict, &e) != 0)
		die(&e);
	for (size_t i = 0; i < batched; i++) {
		if (verdict[i].result != FACT_NEW) {
			fprintf(stderr, "scalefacts: %s: %s\n", batch[i].kind, verdict[i].why);
			exit(1);
		}
		free((uint8_t *)batch[i].octets);
	}
	batched = 0;
}

/* body is taken over. */
static void say(int who, const char *kind, const uint8_t *zone, json_t *body)
{
	struct fact head = { .inc = { .number = 1, .random = "scale" }, .seq = ++seq[who], .time = time(NULL) };
	struct fact *f = &batch[batched];
	uint8_t *octets;
	struct err e;
	size_t len;

	memcpy(head.prev, prev[who], sizeof(head.prev));
	strcpy(head.kind, kind);
	if (zone != NULL)
		head.zone_len = dname_lower(zone, head.zone);
	if (fact_make(&head, body, &node[who], &octets, &len, &e) != 0 || fact_read(octets, len, f, &e) != 0)
		die(&e);
	json_decref(body);
	memcpy(prev[who], f->hash, FACT_HASH_LEN);
	said++;
	if (++batched == BATCH)
		flush();
}

/* Who there is, and the policy. */
static void say_nodes(void)
{
	struct policy p = policy_default();
	char line[NODES][NODE_LINE_TEXT];

	for (int i = 0; i < NODES; i++)
		say(SIGNER1, i == SIGNER1 ? "node.first" : "admitted", NULL,
		    json_pack("{s:s,s:s,s:s}", "line", node_line_text(&node[i].line, line[i]), "name", names[i], "role",
			      i == BACKUP ? "backup" : "signer"));
	for (int i = SIGNER1; i <= SIGNER2; i++)
		say(i, "counts", NULL, json_pack("{s:s}", "node", node[SIGNER1 + SIGNER2 - i].id_text));
	strcpy(p.name, "default");
	p.keys = POLICY_KSK_ZSK;
	p.rev = 1;
	say(SIGNER1, "policy", NULL, json_pack("{s:o,s:i}", "policy", policy_to_json(&p), "rev", 1));
}

/* ---- a zone's keys, in threads ---- */

static json_t *box(enum seal_purpose purpose, const struct ready *r, const uint8_t hash[32], const uint8_t *pk,
		   struct secret *der)
{
	const struct seal_label label = { purpose, r->name, hash };
	uint8_t *octets;
	json_t *text;
	struct err e;
	size_t len;

	if (seal_make(&label, pk, der, &octets, &len, &e) != 0)
		die(&e);
	text = msg_json_base64(octets, len);
	free(octets);
	return text;
}

static json_t *held(const struct ready *r, const struct key *key, int who)
{
	uint8_t data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	struct err e;
	size_t len;

	if (key_sign(key, data, key_probe_data(r->name, key_hash(key), node[who].id, data), sig, &len, &e) != 0)
		die(&e);
	return json_pack("{s:o,s:o}", "key", msg_json_hex(key_hash(key), 32), "probe", msg_json_base64(sig, len));
}

/* With a tag that the zone's other keys do not have, in revoked form either. */
static struct key *generate(const uint16_t *tag, int i)
{
	const uint16_t revoked = DNSKEY_FLAG_REVOKE;
	struct key *key;
	struct err e;

	for (;;) {
		bool clash = false;

		if (key_generate(ALG_ECDSAP256SHA256, i == 0 ? 257 : 256, 0, &key, &e) != 0)
			die(&e);
		for (int j = 0; j < i; j++)
			clash |= key_tag(key) == tag[j] || (uint16_t)(key_tag(key) + revoked) == tag[j] ||
				 key_tag(key) == (uint16_t)(tag[j] + revoked);
		if (!clash)
			return key;
		key_free(key);
	}
}

static void make_key(struct ready *r, uint16_t *tag, int i)
{
	struct key *key = generate(tag, i);
	const uint8_t *hash = key_hash(key), *rdata;
	struct secret *der = NULL;
	json_t *boxes = json_array(), *replaces = json_array();
	size_t len;
	struct err e;

	if (key_pkcs8(key, &der, &e) != 0)
		die(&e);
	secret_open(der);
	tag[i] = key_tag(key);
	memcpy(r->hash[i], hash, 32);
	for (int who = SIGNER1; who <= SIGNER2; who++) {
		json_array_append_new(boxes, json_pack("{s:s,s:o}", "to", node[who].id_text, "box",
						       box(SEAL_SIGNER, r, hash, node[who].line.box_pk, der)));
		r->held[i][who] = held(r, key, who);
	}
	json_object_set_new(r->held[i][SIGNER2], "recovery",
			    json_pack("{s:s,s:o}", "id", recovery_id, "box", box(SEAL_RECOVERY, r, hash, recovery_pk, der)));
	if (i == KEYS - 1)
		json_array_append_new(replaces, msg_json_hex(r->hash[i - 1], 32));
	rdata = key_rdata(key, &len);
	r->created[i] = json_pack("{s:o,s:o,s:s,s:o,s:[{s:s,s:o}],s:s,s:o}", "key", msg_json_hex(hash, 32), "dnskey",
				  msg_json_base64(rdata, len), "role", roles[i], "boxes", boxes, "recovery", "id", recovery_id,
				  "box", box(SEAL_RECOVERY, r, hash, recovery_pk, der), "method",
				  key_method_names[i == KEYS - 1 ? METHOD_PREPUBLICATION : METHOD_FIRST], "replaces", replaces);
	secret_close(der);
	secret_free(der);
	key_free(key);
}

static void *make_some(void *arg)
{
	for (size_t z = (size_t)(uintptr_t)arg; z < ready_n; z += threads) {
		struct ready *r = &ready[z];
		uint16_t tag[KEYS];
		char text[64];

		snprintf(text, sizeof(text), "zone%zu.example.", ready_from + z);
		if (dname_from_text(text, r->name, NULL) != 0)
			abort();
		for (int i = 0; i < KEYS; i++)
			make_key(r, tag, i);
	}
	return NULL;
}

static void make_ready(size_t from, size_t n)
{
	pthread_t thread[THREADS];

	ready_from = from;
	ready_n = n;
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, make_some, (void *)(uintptr_t)i) != 0)
			abort();
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

/* ---- what is said of a zone ---- */

static bool waits_for_the_week(size_t z)
{
	return z % 30 < 7;
}

static json_t *hashes(const struct ready *r, int from, int upto)
{
	json_t *list = json_array();

	for (int i = from; i < upto; i++)
		json_array_append_new(list, msg_json_hex(r->hash[i], 32));
	return list;
}

static void say_serves(const struct ready *r, int upto)
{
	for (int who = SIGNER1; who <= SIGNER2; who++)
		say(who, "key.serves", r->name,
		    json_pack("{s:o,s:o,s:o,s:i,s:i,s:i}", "keys", hashes(r, 0, upto), "signing", hashes(r, 1, 2), "cds",
			      hashes(r, 0, 1), "dnskey_ttl", upto == 2 ? 0 : TTL, "largest_ttl", TTL, "ds_ttl", TTL));
}

static void say_seen(const struct ready *r, int key, enum key_record record)
{
	for (int who = SIGNER1; who <= SIGNER2; who++)
		say(who, "key.seen", r->name,
		    json_pack("{s:o,s:s,s:i,s:b}", "key", msg_json_hex(r->hash[key], 32), "record", key_record_names[record],
			      "ttl", TTL, "insecure", 0));
}

static void say_stored(const struct ready *r, int key)
{
	say(BACKUP, "key.stored", r->name, json_pack("{s:o,s:s}", "key", msg_json_hex(r->hash[key], 32), "recovery", recovery_id));
}

/* Until the third key, if it is there, has been published everywhere. */
static void say_zone(struct ready *r, size_t z)
{
	const int keys = waits_for_the_week(z) ? KEYS - 1 : KEYS;

	say(SIGNER1, "zone.add", r->name,
	    json_pack("{s:s,s:s,s:i}", "source", "file:zone.zone", "policy", "default", "rev", 1));
	for (int i = 0; i < keys; i++) {
		say(SIGNER1, "key.created", r->name, json_incref(r->created[i]));
		for (int who = SIGNER1; who <= SIGNER2; who++)
			say(who, "key.held", r->name, json_incref(r->held[i][who]));
		say_stored(r, i);
		if (i == 0)
			continue;
		say_serves(r, i + 1);
		say_seen(r, i, RECORD_DNSKEY);
		if (i > 1)
			continue;
		say_seen(r, 0, RECORD_DNSKEY);
		say_seen(r, 1, RECORD_ZONE);
		say_seen(r, 0, RECORD_DS);
	}
}

static void forget(struct ready *r)
{
	for (int i = 0; i < KEYS; i++) {
		json_decref(r->created[i]);
		json_decref(r->held[i][SIGNER1]);
		json_decref(r->held[i][SIGNER2]);
	}
}

/* ---- the week ---- */

/* The third keys that are made in it. */
struct late {
	uint8_t name[DNAME_MAX], hash[32];
	json_t *created, *held;
};
static struct late *late;
static size_t lates;

static void keep_for_the_week(const struct ready *r)
{
	struct late *l;

	if ((lates & (lates - 1)) == 0)
		late = mem_grow(late, lates == 0 ? 1 : 2 * lates, sizeof(*late));
	l = &late[lates++];
	memcpy(l->name, r->name, sizeof(l->name));
	memcpy(l->hash, r->hash[KEYS - 1], sizeof(l->hash));
	l->created = json_incref(r->created[KEYS - 1]);
	l->held = json_incref(r->held[KEYS - 1][SIGNER1]);
}

static void say_the_week(void)
{
	for (size_t i = 0; i < lates; i++) {
		struct late *l = &late[i];

		say(SIGNER1, "key.created", l->name, l->created);
		say(SIGNER1, "key.held", l->name, l->held);
		say(BACKUP, "key.stored", l->name,
		    json_pack("{s:o,s:s}", "key", msg_json_hex(l->hash, sizeof(l->hash)), "recovery", recovery_id));
	}
	free(late);
}

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void copy(const char *from, const char *to)
{
	const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	static char octets[1 << 20];
	ssize_t n;

	while (in >= 0 && out >= 0 && (n = read(in, octets, sizeof(octets))) > 0)
		if (write(out, octets, (size_t)n) != n)
			break;
	if (in < 0 || out < 0 || close(out) != 0 || size_of(from) != size_of(to)) {
		perror(to);
		exit(1);
	}
	close(in);
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:t:")) != -1)
		if (c == 'n')
			zones = strtoul(optarg, NULL, 10);
		else if (c == 't')
			threads = strtoul(optarg, NULL, 10);
		else
			exit(2);
	if (argc - optind != NODES + 2 || threads < 1 || threads > THREADS) {
		fprintf(stderr, "usage: scalefacts [-n ZONES] [-t THREADS] SIGNER1 SIGNER2 BACKUP RECOVERY FILE\n");
		exit(2);
	}
}

/* With its wrap key beside it, without which it has no public line. */
static void load(const char *path, struct identity *out)
{
	struct secret *wrap;
	char where[4096];
	struct err e;

	snprintf(where, sizeof(where), "file:%s.wrap", path);
	if ((wrap = wrap_key_load(where, &e)) == NULL || identity_load(path, wrap, out, &e) != 0)
		die(&e);
	secret_free(wrap);
}

int main(int argc, char **argv)
{
	char before[4096];
	const char *path;
	struct err e;

	options(argc, argv);
	path = argv[argc - 1];
	snprintf(before, sizeof(before), "%s.before", path);
	if (secret_init(&e) != 0 || recovery_line_parse(argv[optind + NODES], recovery_pk, &e) != 0 ||
	    fact_log_open(path, &facts, &e) != 0)
		die(&e);
	recovery_id_text(recovery_pk, recovery_id);
	for (int i = 0; i < NODES; i++) {
		load(argv[optind + i], &node[i]);
		secret_open_rw(node[i].sign_sk); /* all along, and with it the memory of what is made: each time would interrupt every core */
	}
	say_nodes();
	for (size_t z = 0; z < zones; z += CHUNK) {
		make_ready(z, zones - z < CHUNK ? zones - z : CHUNK);
		for (size_t i = 0; i < ready_n; i++) {
			say_zone(&ready[i], z + i);
			if (waits_for_the_week(z + i))
				keep_for_the_week(&ready[i]);
			forget(&ready[i]);
		}
	}
	flush();
	fact_log_close(facts);
	copy(path, before);
	printf("before_facts=%zu\nbefore_octets=%ld\n", said, size_of(before));
	if (fact_log_open(path, &facts, &e) != 0)
		die(&e);
	say_the_week();
	flush();
	fact_log_close(facts);
	printf("facts=%zu\noctets=%ld\nkeys=%zu\nweek_keys=%zu\nnode=%s\n", said, size_of(path), KEYS * zones, lates,
	       node[SIGNER1].id_text);
	for (int i = 0; i < NODES; i++) {
		secret_close(node[i].sign_sk);
		identity_fini(&node[i]);
	}
	return 0;
}
