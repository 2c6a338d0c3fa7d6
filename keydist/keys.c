/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keys: private keys are made, sealed, opened and proven here, and nowhere else.
 *
 * No key is ever made because something is empty: keys_create runs for a command, and for a key of this node
 * that another signer declined because of its tag.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "seal/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TAG_TRIES 200

static uint16_t revoked_tag(const uint8_t *rdata, size_t len)
{
	uint8_t copy[KEY_RDATA_MAX];

	memcpy(copy, rdata, len);
	copy[1] |= DNSKEY_FLAG_REVOKE;
	return dnskey_tag(copy, len);
}

/* Whether two keys could be taken for each other by tag, now or once one is revoked. */
static bool tags_clash(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	const uint16_t at = dnskey_tag(a, a_len), ar = revoked_tag(a, a_len);
	const uint16_t bt = dnskey_tag(b, b_len), br = revoked_tag(b, b_len);

	return at == bt || at == br || ar == bt || ar == br;
}

static bool tag_is_free(const struct zone_state *z, const uint8_t *rdata, size_t len)
{
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].created && tags_clash(rdata, len, z->key[i].dnskey, z->key[i].dnskey_len))
			return false;
	return true;
}

static json_t *hash_json(const uint8_t hash[32])
{
	return msg_json_hex(hash, 32);
}

/* ---- boxes ---- */

static int box_for(enum seal_purpose purpose, const struct zone_state *z, const uint8_t hash[32],
		   const uint8_t pk[PUBLIC_LEN], struct secret *der, json_t **out, struct err *e)
{
	const struct seal_label label = { purpose, z->name, hash };
	uint8_t *box = NULL;
	size_t len;

	if (seal_make(&label, pk, der, &box, &len, e) != 0)
		return -1;
	*out = msg_json_base64(box, len);
	free(box);
	return 0;
}

static json_t *recovery_box(struct keydist *k, const struct zone_state *z, const uint8_t hash[32],
			    struct secret *der, struct err *e)
{
	json_t *box = NULL;

	if (box_for(SEAL_RECOVERY, z, hash, k->recovery_pk, der, &box, e) != 0)
		return NULL;
	return json_pack("{s:s,s:o}", "id", k->recovery_id, "box", box);
}

static int signer_boxes(struct keydist *k, const struct zone_state *z, const uint8_t hash[32],
			struct secret *der, json_t *list, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint8_t ids[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN];
	size_t n = state_counted(s, k->self.id, ids);

	for (size_t i = 0; i < n; i++) {
		char id[NODE_ID_TEXT];
		json_t *box = NULL;

		if (box_for(SEAL_SIGNER, z, hash, state_node(s, ids[i])->line.box_pk, der, &box, e) != 0)
			return -1;
		json_array_append_new(list,
				      json_pack("{s:s,s:o}", "to", node_id_text(ids[i], id), "box", box));
	}
	return 0;
}

/* ---- proving ---- */

static json_t *probe(struct keydist *k, const struct zone_state *z, struct key *key, struct err *e)
{
	uint8_t data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	size_t sig_len = 0, len = key_probe_data(z->name, key_hash(key), k->self.id, data);

	if (key_sign(key, data, len, sig, &sig_len, e) != 0)
		return NULL;
	return msg_json_base64(sig, sig_len);
}

/* ---- making ---- */

static int check_may_create(struct keydist *k, const struct zone_state *z, struct err *e)
{
	if (!members_self(k))
		return err_set(e, ERR_REFUSED, "this node is not an admitted signer");
	if (!k->recovery_known)
		return err_set(e, ERR_REFUSED,
			       "node.recovery is not configured: a key that cannot be recovered is not made");
	if (zone_addition(z) == NULL)
		return err_set(e, ERR_NOTFOUND, "%s is not among the zones", z->text);
	return 0;
}

/* Seals and says it: `created` and this node's own `held`, together or not at all. */
static int publish_key(struct keydist *k, const struct zone_state *z, struct key *key, const char *role,
		       const uint8_t *instead, struct err *e)
{
	struct secret *der = NULL;
	json_t *created = NULL, *held = NULL, *boxes = json_array(), *recovery, *signature;
	const uint8_t *rdata;
	size_t len;
	int rc = -1;

	if (key_pkcs8(key, &der, e) != 0 || signer_boxes(k, z, key_hash(key), der, boxes, e) != 0 ||
	    (recovery = recovery_box(k, z, key_hash(key), der, e)) == NULL)
		goto out;
	rdata = key_rdata(key, &len);
	created = json_pack("{s:o,s:o,s:s,s:O,s:[o]}", "key", hash_json(key_hash(key)), "dnskey",
			    msg_json_base64(rdata, len), "role", role, "boxes", boxes, "recovery", recovery);
	if (instead != NULL)
		json_object_set_new(created, "instead", hash_json(instead));
	if ((signature = probe(k, z, key, e)) == NULL)
		goto out;
	held = json_pack("{s:o,s:o}", "key", hash_json(key_hash(key)), "probe", signature);
	fail_point("key-before-created");
	const struct cluster_word words[] = { { "key.created", z->name, created },
					      { "key.held", z->name, held } };
	rc = cluster_say(k->cluster, words, 2, e);
	fail_point("key-after-created");
out:
	secret_free(der);
	json_decref(created);
	json_decref(held);
	json_decref(boxes);
	return rc;
}

int keys_create(struct keydist *k, const struct zone_state *z, unsigned alg, const char *role,
		const uint8_t *instead, uint8_t hash_out[32], struct err *e)
{
	const struct policy p = lifecycle_policy(k, z);
	const bool rsa = alg == ALG_RSASHA256 || alg == ALG_RSASHA512, zsk = strcmp(role, "zsk") == 0;
	const unsigned bits = rsa ? (unsigned)(zsk ? p.zsk_bits : p.ksk_bits) : 0;
	char name[DNAME_TEXT_MAX];
	struct key *key = NULL;
	int tries = 0, rc;

	if (check_may_create(k, z, e) != 0)
		return -1;
	strcpy(name, z->text);
	for (;;) {
		const uint8_t *rdata;
		size_t len;

		if (key_generate(alg, zsk ? 256 : 257, bits, &key, e) != 0)
			return err_ctx(e, "%s", name);
		rdata = key_rdata(key, &len);
		if (tag_is_free(z, rdata, len))
			break;
		key_free(key);
		key = NULL;
		if (++tries == TAG_TRIES)
			return err_set(e, ERR_LIMIT, "%s: no free key tag found in %d tries", name,
				       TAG_TRIES);
	}
	rc = publish_key(k, z, key, role, instead, e);
	if (rc == 0) {
		memcpy(hash_out, key_hash(key), 32);
		log_event(LOG_NOTICE, "key-created", "zone=%s key=%u/%u role=%s", name, key_tag(key),
			  key_alg(key), role);
	}
	key_free(key);
	return rc;
}

/* ---- holding ---- */

int keys_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct key **out,
	      struct err *e)
{
	const struct seal_label label = { SEAL_SIGNER, z->name, ks->hash };
	bool any = false;

	for (size_t i = 0; i < ks->boxes; i++) {
		struct secret *der = NULL;
		uint8_t box[SEAL_MAX];
		size_t len = 0;
		int rc;

		if (memcmp(ks->box[i].to, k->self.id, NODE_ID_LEN) != 0)
			continue;
		any = true;
		if (sodium_base642bin(box, sizeof(box), ks->box[i].box, strlen(ks->box[i].box), NULL, &len,
				      NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
			err_set(e, ERR_SYNTAX, "a sealed box is not base64");
			continue;
		}
		if (seal_open(&label, k->self.line.box_pk, k->self.box_sk, box, len, &der, e) != 0)
			continue;
		rc = key_from_pkcs8(ks->dnskey, ks->dnskey_len, der, out, e);
		secret_free(der);
		if (rc == 0)
			return 0;
	}
	return any ? -1 : err_set(e, ERR_NOTFOUND, "no sealed box for this node");
}

/* The counted signer after the creator in the order of hash(zone, key, node): it makes the second recovery
 * box. */
static bool is_second(struct keydist *k, const struct zone_state *z, const struct key_state *ks)
{
	uint8_t ids[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN], best[32], rank[32];
	size_t n = state_counted(cluster_state(k->cluster), k->self.id, ids), at = n;

	for (size_t i = 0; i < n; i++) {
		crypto_hash_sha256_state st;

		if (memcmp(ids[i], ks->creator, NODE_ID_LEN) == 0)
			continue;
		crypto_hash_sha256_init(&st);
		crypto_hash_sha256_update(&st, z->name, dname_len(z->name));
		crypto_hash_sha256_update(&st, ks->hash, 32);
		crypto_hash_sha256_update(&st, ids[i], NODE_ID_LEN);
		crypto_hash_sha256_final(&st, rank);
		if (at == n || memcmp(rank, best, 32) < 0) {
			memcpy(best, rank, 32);
			at = i;
		}
	}
	return at < n && memcmp(ids[at], k->self.id, NODE_ID_LEN) == 0;
}

static const struct key_state *clashing_with_held(struct keydist *k, const struct zone_state *z,
						  const struct key_state *ks)
{
	for (size_t i = 0; i < z->keys; i++) {
		struct key_state *o = &z->key[i];

		if (o != ks && o->created && key_held_by(z, o, k->self.id) &&
		    !id_set_has(&o->declined, k->self.id) &&
		    tags_clash(o->dnskey, o->dnskey_len, ks->dnskey, ks->dnskey_len))
			return o;
	}
	return NULL;
}

static int decline(struct keydist *k, const struct zone_state *z, const struct key_state *ks, const char *why,
		   struct err *e)
{
	char name[DNAME_TEXT_MAX];
	uint16_t tag = dnskey_tag(ks->dnskey, ks->dnskey_len);
	unsigned alg = ks->dnskey[3];

	strcpy(name, z->text);
	if (keydist_say(k, "key.declined", z->name,
			json_pack("{s:o,s:s}", "key", hash_json(ks->hash), "why", why), e) != 0)
		return -1;
	log_event(LOG_WARNING, "key-declined", "zone=%s key=%u/%u msg=%s", name, tag, alg, why);
	return 0;
}

static int hold(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct err *e)
{
	struct secret *der = NULL;
	struct key *key = NULL;
	json_t *body = NULL, *signature, *recovery;
	char name[DNAME_TEXT_MAX];
	int rc = -1;

	strcpy(name, z->text);
	if (keys_open(k, z, ks, &key, e) != 0 || (signature = probe(k, z, key, e)) == NULL)
		goto out;
	body = json_pack("{s:o,s:o}", "key", hash_json(ks->hash), "probe", signature);
	if (k->recovery_known && is_second(k, z, ks)) {
		if (key_pkcs8(key, &der, e) != 0 || (recovery = recovery_box(k, z, ks->hash, der, e)) == NULL)
			goto out;
		json_object_set_new(body, "recovery", recovery);
	}
	fail_point("key-before-held");
	const struct cluster_word word = { "key.held", z->name, body };
	rc = cluster_say(k->cluster, &word, 1, e);
	fail_point("key-after-held");
	if (rc == 0)
		log_event(LOG_NOTICE, "key-held", "zone=%s key=%u/%u", name, key_tag(key), key_alg(key));
out:
	key_free(key);
	secret_free(der);
	json_decref(body);
	return rc;
}

/* A key of this node that was declined for its tag is made again, once. */
static bool to_make_again(struct keydist *k, const struct zone_state *z, const struct key_state *ks)
{
	if (memcmp(ks->creator, k->self.id, NODE_ID_LEN) != 0 || ks->declined.n == 0 || ks->record[RECORD_DNSKEY].serves.n > 0 ||
	    zone_addition(z) == NULL)
		return false;
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].created && memcmp(z->key[i].instead, ks->hash, 32) == 0)
			return false;
	return true;
}

/* One step for one key; true when it changed the state, whose pointers are stale then. */
static bool step_one(struct keydist *k, struct zone_state *z, struct key_state *ks)
{
	struct zone_ctx *ctx = zone_ctx(k, z->name, true);
	uint8_t hash[32], again[32];
	char role[4];
	struct err e;
	int rc;

	if (!ks->created)
		return false;
	if (to_make_again(k, z, ks)) {
		memcpy(again, ks->hash, 32);
		strcpy(role, ks->role);
		rc = keys_create(k, z, ks->dnskey[3], role, again, hash, &e);
	} else if (key_held_by(z, ks, k->self.id) || id_set_has(&ks->declined, k->self.id)) {
		return false;
	} else if (clashing_with_held(k, z, ks) != NULL) {
		rc = decline(k, z, ks, "tag", &e);
	} else {
		rc = hold(k, z, ks, &e);
	}
	if (rc == 0) {
		ctx->trouble[0] = '\0';
		return true;
	}
	if (strncmp(ctx->trouble, e.text, 255) != 0) {
		snprintf(ctx->trouble, sizeof(ctx->trouble), "%.255s", e.text);
		log_event(LOG_ERROR, "key-trouble", "zone=%s key=%u/%u msg=%s", z->text,
			  dnskey_tag(ks->dnskey, ks->dnskey_len), ks->dnskey[3], e.text);
	}
	return false;
}

static bool step_any(struct keydist *k)
{
	struct fact_state *s = cluster_state(k->cluster);

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++)
			if (step_one(k, &s->zone[i], &s->zone[i].key[j]))
				return true;
	return false;
}

void keys_step(struct keydist *k)
{
	if (!cluster_compared(k->cluster) || cluster_hold(k->cluster) != NULL || !members_self(k))
		return;
	for (int i = 0; i < 1000 && step_any(k); i++)
		;
}

/* ---- for the engine ---- */

json_t *keys_engine_box(struct keydist *k, const struct zone_state *z, const struct key_state *ks,
			struct err *e)
{
	const uint8_t *pk = k->self.engine_box_pk;
	struct secret *der = NULL;
	struct key *key = NULL;
	json_t *box = NULL;
	int rc;

	for (size_t i = 0; i < k->engine_boxes; i++)
		if (memcmp(k->engine_box[i].hash, ks->hash, 32) == 0)
			return k->engine_box[i].box;
	if (keys_open(k, z, ks, &key, e) != 0)
		return NULL;
	rc = key_pkcs8(key, &der, e);
	if (rc == 0)
		rc = box_for(SEAL_ENGINE, z, ks->hash, pk, der, &box, e);
	secret_free(der);
	key_free(key);
	if (rc != 0)
		return NULL;
	k->engine_box = mem_grow(k->engine_box, k->engine_boxes + 1, sizeof(*k->engine_box));
	memcpy(k->engine_box[k->engine_boxes].hash, ks->hash, 32);
	k->engine_box[k->engine_boxes].box = box;
	return k->engine_box[k->engine_boxes++].box;
}
