/* SPDX-License-Identifier: BSD-3-Clause */
/* state_key: what facts say about the keys of a zone. */
#include "fact/state_parts.h"

#include "arena/arena.h"
#include "fail/fault.h"
#include "key/key.h"
#include "msg/msg.h"
#include "seal/seal.h"
#include "wire/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MAX   0x7fffffff
#define BOXES_MAX 64 /* per fact */
#define KEYS_MAX  64 /* named by one `serves` */

const char *const key_method_names[KEY_METHODS] = {
	[METHOD_FIRST] = "first",
	[METHOD_PREPUBLICATION] = "pre-publication",
	[METHOD_DOUBLE_SIGNATURE] = "double-signature",
	[METHOD_DOUBLE_DS] = "double-ds",
	[METHOD_CONSERVATIVE] = "conservative",
	[METHOD_LIBERAL] = "liberal",
};
const char *const key_record_names[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "dnskey",
	[RECORD_ZONE] = "zone",
	[RECORD_DS] = "ds",
};

const char *const key_hold_names[KEY_HOLDS] = {
	[HOLD_NONE] = "none",
	[HOLD_STEPS] = "steps",
	[HOLD_STANDBY] = "standby",
};

struct key_state *zone_key(const struct zone_state *z, const uint8_t hash[32])
{
	for (size_t i = 0; i < z->keys; i++)
		if (memcmp(z->key[i].hash, hash, FAULT(TAG_FOR_HASH) ? 1 : 32) == 0)
			return &z->key[i];
	return NULL;
}

static struct key_state *need_key(struct zone_state *z, const uint8_t hash[32])
{
	struct key_state *k = zone_key(z, hash);

	if (k != NULL)
		return k;
	z->key = mem_grow(z->key, z->keys + 1, sizeof(*z->key));
	k = &z->key[z->keys++];
	memset(k, 0, sizeof(*k));
	memcpy(k->hash, hash, 32);
	return k;
}

static void boxes_free(struct box_state *box, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(box[i].box);
	free(box);
}

void key_state_fini(struct key_state *k)
{
	free(k->dnskey);
	boxes_free(k->box, k->boxes);
	boxes_free(k->recovery, k->recoveries);
	boxes_free(k->stored, k->storeds);
	boxes_free(k->dropped, k->droppeds);
	for (size_t i = 0; i < k->helds; i++)
		free(k->held[i].probe);
	free(k->held);
	json_decref(k->at_parent.body);
	free(k->declined.id);
	free(k->lost.id);
	for (size_t i = 0; i < KEY_RECORDS; i++) {
		free(k->record[i].serves.id);
		free(k->record[i].seen.id);
		free(k->record[i].stopped.id);
		free(k->record[i].gone.id);
	}
}

/* A set of (to, by, box). */
static void box_add(struct box_state **box, size_t *n, const uint8_t to[NODE_ID_LEN],
		    const uint8_t by[NODE_ID_LEN], const char *text)
{
	for (size_t i = 0; i < *n; i++)
		if (memcmp((*box)[i].to, to, NODE_ID_LEN) == 0 &&
		    memcmp((*box)[i].by, by, NODE_ID_LEN) == 0 && strcmp((*box)[i].box, text) == 0)
			return;
	*box = mem_grow(*box, *n + 1, sizeof(**box));
	memcpy((*box)[*n].to, to, NODE_ID_LEN);
	memcpy((*box)[*n].by, by, NODE_ID_LEN);
	(*box)[(*n)++].box = mem_strdup(text);
}

static void read_boxes(const json_t *list, const char *to_field, struct box_state **box, size_t *n,
		       const uint8_t by[NODE_ID_LEN])
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *text = msg_text(row, "box", SEAL_MAX * 4 / 3 + 4, NULL);
		uint8_t to[NODE_ID_LEN];

		if (i < BOXES_MAX && text != NULL && msg_hex(row, to_field, to, NODE_ID_LEN, NULL) == 0)
			box_add(box, n, to, by, text);
	}
}

static bool read_method(const json_t *o, const char *field, enum key_method *out)
{
	const char *text = msg_text(o, field, 20, NULL);

	for (size_t m = 0; text != NULL && m < KEY_METHODS; m++)
		if (strcmp(text, key_method_names[m]) == 0) {
			*out = (enum key_method)m;
			return true;
		}
	return false;
}

static enum key_hold read_hold(const json_t *o)
{
	const char *text = msg_text(o, "hold", 20, NULL);

	for (size_t h = 0; text != NULL && h < KEY_HOLDS; h++)
		if (strcmp(text, key_hold_names[h]) == 0)
			return (enum key_hold)h;
	return HOLD_NONE;
}

/* What the key takes the place of, and how. */
static void read_replaces(struct key_state *k, const json_t *body)
{
	json_t *row;
	size_t i;

	memset(k->replaces, 0, sizeof(k->replaces));
	k->method = METHOD_FIRST;
	read_method(body, "method", &k->method);
	k->hold = read_hold(body);
	json_array_foreach(json_object_get(body, "replaces"), i, row)
	{
		json_t *o = json_pack("{s:O}", "k", row);

		if (i < KEY_REPLACES_MAX && msg_hex(o, "k", k->replaces[i], 32, NULL) != 0)
			memset(k->replaces[i], 0, 32);
		json_decref(o);
	}
}

static void on_created(struct key_state *k, const struct fact *f, const json_t *body)
{
	const char *role = msg_text(body, "role", 3, NULL);
	uint8_t *dnskey, hash[KEY_HASH_LEN];
	size_t len;

	dnskey = msg_base64(body, "dnskey", KEY_RDATA_MAX, &len, NULL);
	/* A key has one creator; should two nodes name the same key, the smaller fact counts, for any order.
	 */
	if (dnskey == NULL || role == NULL || dnskey_check(dnskey, len, NULL) != 0)
		goto out;
	dnskey_hash(dnskey, len, hash);
	if (memcmp(hash, k->hash, sizeof(hash)) != 0 || (dnskey[1] & DNSKEY_FLAG_REVOKE) != 0)
		goto out;
	read_boxes(json_object_get(body, "boxes"), "to", &k->box, &k->boxes, f->origin);
	read_boxes(json_object_get(body, "recovery"), "id", &k->recovery, &k->recoveries, f->origin);
	if (k->created && memcmp(k->created_fact, f->hash, FACT_HASH_LEN) <= 0)
		goto out;
	k->created = true;
	memcpy(k->creator, f->origin, NODE_ID_LEN);
	memcpy(k->created_fact, f->hash, FACT_HASH_LEN);
	k->created_at = f->time;
	strcpy(k->role, role);
	memset(k->instead, 0, sizeof(k->instead));
	msg_hex(body, "instead", k->instead, 32, NULL);
	read_replaces(k, body);
	k->foreign = json_is_true(json_object_get(body, "foreign"));
	free(k->dnskey);
	k->dnskey = dnskey;
	k->dnskey_len = len;
	k->tags = dnskey_tags(dnskey, len);
	dnskey = NULL;
out:
	free(dnskey);
}

static void on_held(struct key_state *k, const struct fact *f, const json_t *body)
{
	const char *probe = msg_text(body, "probe", 2 * KEY_SIG_MAX, NULL);
	const json_t *recovery = json_object_get(body, "recovery");
	json_t *list;

	if (probe == NULL)
		return;
	if (recovery != NULL) {
		list = json_pack("[O]", recovery);
		read_boxes(list, "id", &k->recovery, &k->recoveries, f->origin);
		json_decref(list);
	}
	for (size_t i = 0; i < k->helds; i++)
		if (memcmp(k->held[i].node, f->origin, NODE_ID_LEN) == 0 &&
		    strcmp(k->held[i].probe, probe) == 0)
			return;
	k->held = mem_grow(k->held, k->helds + 1, sizeof(*k->held));
	memcpy(k->held[k->helds].node, f->origin, NODE_ID_LEN);
	k->held[k->helds].proven = 0;
	k->held[k->helds++].probe = mem_strdup(probe);
}

static void larger(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

static uint64_t ttl_of(const json_t *body, const char *member)
{
	uint64_t ttl;

	return msg_uint(body, member, TTL_MAX, &ttl, NULL) == 0 ? ttl : 0;
}

/* A fact that comes late may be older. */
static void said_at(struct record_state *r, enum record_word word, const struct fact *f)
{
	if (f->time > 0 && f->time <= UINT32_MAX && (r->at[word] == 0 || f->time < r->at[word]))
		r->at[word] = (uint32_t)f->time;
}

static void on_serves(struct zone_state *z, const struct fact *f, const json_t *body)
{
	static const char *const lists[KEY_RECORDS] = { "keys", "signing", "cds" };
	const uint64_t bare = ttl_of(body, "unsigned_ttl"), largest = ttl_of(body, "largest_ttl");
	const uint64_t before[KEY_RECORDS] = { ttl_of(body, "dnskey_ttl"), bare > largest ? bare : largest, 0 };
	json_t *row;
	size_t i;

	larger(&z->unsigned_ttl, bare);
	larger(&z->largest_ttl, largest);
	larger(&z->ds_ttl, ttl_of(body, "ds_ttl"));
	for (size_t r = 0; r < KEY_RECORDS; r++)
		json_array_foreach(json_object_get(body, lists[r]), i, row)
		{
			json_t *o = json_pack("{s:O}", "k", row);
			uint8_t hash[32];

			if (i < KEYS_MAX && msg_hex(o, "k", hash, sizeof(hash), NULL) == 0) {
				struct record_state *rec = &need_key(z, hash)->record[r];

				id_set_add(&rec->serves, f->origin);
				said_at(rec, WORD_SERVES, f);
				larger(&rec->before_ttl, before[r]);
			}
			json_decref(o);
		}
}

/* seen, stopped and gone are about one record of the key. */
static void on_record(struct zone_state *z, struct key_state *k, const char *what, const struct fact *f,
		      const json_t *body)
{
	const char *name = msg_text(body, "record", 8, NULL);
	const uint64_t ttl = ttl_of(body, "ttl");
	size_t r = 0;

	while (name != NULL && r < KEY_RECORDS && strcmp(name, key_record_names[r]) != 0)
		r++;
	if (r == KEY_RECORDS)
		return;
	if (strcmp(what, "seen") == 0)
		id_set_add(&k->record[r].seen, f->origin);
	else if (strcmp(what, "gone") == 0)
		id_set_add(&k->record[r].gone, f->origin);
	else
		id_set_add(&k->record[r].stopped, f->origin);
	said_at(&k->record[r], strcmp(what, "seen") == 0 ? WORD_SEEN : strcmp(what, "gone") == 0 ? WORD_GONE : WORD_STOPPED, f);
	k->record[r].insecure |= strcmp(what, "stopped") == 0 && json_is_true(json_object_get(body, "insecure"));
	if (r == RECORD_DS)
		larger(&z->ds_ttl, ttl);
	else if (strcmp(what, "stopped") == 0)
		larger(&k->record[r].ttl, ttl);
}

static void on_roll(struct key_state *k, const struct fact *f, const json_t *body)
{
	const json_t *o = json_object_get(body, "want");
	struct key_roll want = { .set = true, .split = json_is_true(json_object_get(o, "split")), .hold = read_hold(o) };
	uint64_t alg;

	k->roll = true;
	k->roll_now |= json_is_true(json_object_get(body, "now"));
	if (msg_uint(o, "algorithm", 255, &alg, NULL) != 0 || !key_algorithm_known((unsigned)alg) ||
	    !read_method(o, "ksk_method", &want.ksk_method) ||
	    !read_method(o, "algorithm_method", &want.algorithm_method) ||
	    (k->want.set && memcmp(k->want.fact, f->hash, FACT_HASH_LEN) >= 0))
		return;
	want.alg = (unsigned)alg;
	memcpy(want.fact, f->hash, FACT_HASH_LEN);
	k->want = want;
}

static void on_release(struct key_state *k, const json_t *body)
{
	const char *name = msg_text(body, "record", 8, NULL);
	const bool goes = json_is_true(json_object_get(body, "goes"));

	if (name != NULL && strcmp(name, "all") == 0)
		k->released = RELEASE_ALL;
	for (size_t r = 0; name != NULL && r < KEY_RECORDS; r++)
		if (strcmp(name, key_record_names[r]) == 0)
			k->released |= goes ? RELEASE_OUT(r) : RELEASE_IN(r);
}

static void on_ds(struct key_state *k, const struct fact *f, json_t *body)
{
	uint64_t rev;

	if (json_is_boolean(json_object_get(body, "seen")) && msg_uint(body, "rev", REV_MAX, &rev, NULL) == 0)
		reg_take(&k->at_parent, rev, f->hash, body);
}

void key_fact(struct zone_state *z, const struct fact *f, json_t *body)
{
	const char *what = f->kind + strlen("key.");
	uint8_t hash[32], id[NODE_ID_LEN];
	struct key_state *k;

	if (strcmp(what, "serves") == 0) {
		on_serves(z, f, body);
		return;
	}
	if (msg_hex(body, "key", hash, sizeof(hash), NULL) != 0)
		return;
	k = need_key(z, hash);
	if (strcmp(what, "created") == 0)
		on_created(k, f, body);
	else if (strcmp(what, "boxes") == 0)
		read_boxes(json_object_get(body, "boxes"), "to", &k->box, &k->boxes, f->origin);
	else if (strcmp(what, "held") == 0)
		on_held(k, f, body);
	else if (strcmp(what, "declined") == 0)
		id_set_add(&k->declined, f->origin);
	else if (strcmp(what, "seen") == 0 || strcmp(what, "stopped") == 0 || strcmp(what, "gone") == 0)
		on_record(z, k, what, f, body);
	else if (strcmp(what, "roll") == 0)
		on_roll(k, f, body);
	else if (strcmp(what, "release") == 0)
		on_release(k, body);
	else if (strcmp(what, "ds") == 0)
		on_ds(k, f, body);
	else if (strcmp(what, "withdrawn") == 0)
		k->withdrawn = true;
	else if (strcmp(what, "lost") == 0)
		id_set_add(&k->lost, f->origin);
	else if (strcmp(what, "stored") == 0 && msg_hex(body, "recovery", id, NODE_ID_LEN, NULL) == 0)
		box_add(&k->stored, &k->storeds, id, f->origin, "");
	else if (strcmp(what, "dropped") == 0 && msg_hex(body, "recovery", id, NODE_ID_LEN, NULL) == 0)
		box_add(&k->dropped, &k->droppeds, id, f->origin, "");
}

size_t key_probe_data(const uint8_t *zone, const uint8_t hash[32], const uint8_t node[NODE_ID_LEN],
		      uint8_t out[KEY_PROBE_MAX])
{
	static const char prefix[] = "\0\0duet key probe 1"; /* the type covered, 0, is no type */
	struct wr w = wr_of(out, KEY_PROBE_MAX);
	uint8_t lower[DNAME_MAX];

	wr_bytes(&w, prefix, sizeof(prefix));
	wr_bytes(&w, lower, dname_lower(zone, lower));
	wr_bytes(&w, hash, 32);
	wr_bytes(&w, node, NODE_ID_LEN);
	return w.at;
}

static bool probe_verifies(const struct zone_state *z, const struct key_state *k, const struct held_state *h)
{
	uint8_t data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	struct key *key = NULL;
	size_t len, sig_len = 0;
	bool good = false;

	if (sodium_base642bin(sig, sizeof(sig), h->probe, strlen(h->probe), NULL, &sig_len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    key_from_dnskey(k->dnskey, k->dnskey_len, &key, NULL) != 0)
		return false;
	len = key_probe_data(z->name, k->hash, h->node, data);
	good = key_verify(key, data, len, sig, sig_len, NULL) == 0;
	key_free(key);
	return good;
}

bool key_has_box(const struct key_state *k, const uint8_t node[NODE_ID_LEN])
{
	for (size_t i = 0; i < k->boxes; i++)
		if (memcmp(k->box[i].to, node, NODE_ID_LEN) == 0)
			return true;
	return false;
}

bool key_said_held(const struct key_state *k, const uint8_t node[NODE_ID_LEN])
{
	for (size_t i = 0; i < k->helds; i++)
		if (memcmp(k->held[i].node, node, NODE_ID_LEN) == 0)
			return true;
	return false;
}

bool key_held_by(const struct zone_state *z, struct key_state *k, const uint8_t node[NODE_ID_LEN])
{
	if (!k->created)
		return false;
	for (size_t i = 0; i < k->helds; i++) {
		struct held_state *h = &k->held[i];

		if (memcmp(h->node, node, NODE_ID_LEN) != 0)
			continue;
		if (k->foreign)
			return true;
		if (h->proven == 0)
			h->proven = probe_verifies(z, k, h) ? 1 : -1;
		if (h->proven == 1)
			return true;
	}
	return false;
}

static bool named(const struct box_state *list, size_t n, const uint8_t by[NODE_ID_LEN], const uint8_t to[NODE_ID_LEN])
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].by, by, NODE_ID_LEN) == 0 && memcmp(list[i].to, to, NODE_ID_LEN) == 0)
			return true;
	return false;
}

bool key_stored_by(const struct key_state *k, const uint8_t node[NODE_ID_LEN], const uint8_t recovery[NODE_ID_LEN])
{
	return named(k->stored, k->storeds, node, recovery) && !named(k->dropped, k->droppeds, node, recovery);
}

size_t key_stored_count(const struct fact_state *s, const struct key_state *k)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nodes; i++) {
		bool has = false;

		for (size_t r = 0; r < k->recoveries && !has && node_is_backup(&s->node[i]); r++)
			has = key_stored_by(k, s->node[i].id, k->recovery[r].to);
		n += has;
	}
	return n;
}

bool key_was_dropped(const struct key_state *k)
{
	return k->droppeds > 0;
}
