/* SPDX-License-Identifier: BSD-3-Clause */
/* keys: private keys are sealed and opened here.  What was opened lately stays open, a few at a time. */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- boxes ---- */

json_t *keys_box(enum seal_purpose purpose, const uint8_t *zone, const uint8_t hash[32], const uint8_t pk[PUBLIC_LEN],
		 struct secret *der, struct err *e)
{
	const struct seal_label label = { purpose, zone, hash };
	uint8_t *box = NULL;
	json_t *out;
	size_t len;

	if (seal_make(&label, pk, der, &box, &len, e) != 0)
		return NULL;
	out = msg_json_base64(box, len);
	free(box);
	return out;
}

json_t *keys_recovery_box(struct keydist *k, const uint8_t *zone, const uint8_t hash[32], struct secret *der,
			  struct err *e)
{
	json_t *box = keys_box(SEAL_RECOVERY, zone, hash, k->recovery_pk, der, e);

	return box == NULL ? NULL : json_pack("{s:s,s:o}", "id", k->recovery_id, "box", box);
}

json_t *keys_probe(const uint8_t self[NODE_ID_LEN], const uint8_t *zone, struct key *key, struct err *e)
{
	uint8_t data[KEY_PROBE_MAX], sig[KEY_SIG_MAX];
	size_t sig_len = 0, len = key_probe_data(zone, key_hash(key), self, data);

	if (key_sign(key, data, len, sig, &sig_len, e) != 0)
		return NULL;
	return msg_json_base64(sig, sig_len);
}

/* ---- open keys ---- */

static struct key **place_of(struct keydist *k, const uint8_t hash[32])
{
	return &k->open[(hash[0] << 8 | hash[1]) % OPEN_MAX];
}

void keys_keep_open(struct keydist *k, struct key *key)
{
	struct key **at = place_of(k, key_hash(key));

	key_free(*at);
	*at = key;
}

static int open_box(struct keydist *k, const struct zone_state *z, const struct key_state *ks,
		    const struct box_state *b, struct key **out, struct err *e)
{
	const struct seal_label label = { SEAL_SIGNER, z->name, ks->hash };
	struct secret *der = NULL;
	uint8_t box[SEAL_MAX];
	size_t len = 0;
	int rc;

	if (sodium_base642bin(box, sizeof(box), b->box, strlen(b->box), NULL, &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(e, ERR_SYNTAX, "a sealed box is not base64");
	if (seal_open(&label, k->self.line.box_pk, k->self.box_sk, box, len, &der, e) != 0)
		return -1;
	rc = key_from_pkcs8(ks->dnskey, ks->dnskey_len, der, out, e);
	secret_free(der);
	return rc;
}

/* The first of this node's boxes that can be opened; the key is the caller's. */
static int open_any(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct key **out, struct err *e)
{
	bool any = false;

	for (size_t i = 0; i < ks->boxes; i++) {
		if (memcmp(ks->box[i].to, k->self.id, NODE_ID_LEN) != 0)
			continue;
		any = true;
		if (open_box(k, z, ks, &ks->box[i], out, e) == 0)
			return 0;
	}
	return any ? -1 : err_set(e, ERR_NOTFOUND, "no sealed box for this node");
}

int keys_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct key **out,
	      struct err *e)
{
	struct key *key = *place_of(k, ks->hash);

	if (key != NULL && memcmp(key_hash(key), ks->hash, 32) == 0) {
		*out = key;
		return 0;
	}
	if (open_any(k, z, ks, out, e) != 0)
		return -1;
	keys_keep_open(k, *out);
	return 0;
}

bool keys_can_open(struct keydist *k, const struct zone_state *z, const struct key_state *ks, struct err *e)
{
	struct key *key = NULL;
	const int rc = open_any(k, z, ks, &key, e);

	key_free(key);
	return rc == 0;
}

/* ---- for the engine ---- */

static json_t *kept_box(const struct zone_ctx *c, const uint8_t hash[32])
{
	for (size_t i = 0; i < c->boxes; i++)
		if (memcmp(c->box[i].hash, hash, 32) == 0)
			return c->box[i].box;
	return NULL;
}

void keys_take_engine_box(struct zone_ctx *c, const uint8_t hash[32], json_t *box)
{
	c->box = mem_grow(c->box, c->boxes + 1, sizeof(*c->box));
	memcpy(c->box[c->boxes].hash, hash, 32);
	c->box[c->boxes++].box = box;
}

static json_t *seal_for_engine(struct keydist *k, struct zone_ctx *c, const uint8_t hash[32], struct secret *der,
			       struct err *e)
{
	json_t *box = keys_box(SEAL_ENGINE, c->name, hash, k->self.engine_box_pk, der, e);

	if (box != NULL)
		keys_take_engine_box(c, hash, box);
	return box;
}

void keys_keep_engine_box(struct keydist *k, struct zone_ctx *c, const uint8_t hash[32], struct secret *der)
{
	if (kept_box(c, hash) == NULL)
		seal_for_engine(k, c, hash, der, NULL);
}

json_t *keys_engine_box(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct key_state *ks,
			struct err *e)
{
	json_t *box = kept_box(c, ks->hash);
	struct secret *der = NULL;
	struct key *key = NULL;

	if (box != NULL)
		return box;
	if (keys_open(k, z, ks, &key, e) != 0 || key_pkcs8(key, &der, e) != 0)
		return NULL;
	box = seal_for_engine(k, c, ks->hash, der, e);
	secret_free(der);
	return box;
}
