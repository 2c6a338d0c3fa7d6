/* SPDX-License-Identifier: BSD-3-Clause */
/* hold: what this node says about keys that were made: that it holds one and has proven it, or declines it. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "log/log.h"

#include <sodium.h>
#include <string.h>

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

/* Only its creator has sealed it to the recovery key: whoever was to be second was retired before it did. */
static bool lacks_second_box(const struct key_state *ks)
{
	for (size_t i = 0; i < ks->recoveries; i++)
		if (memcmp(ks->recovery[i].by, ks->creator, NODE_ID_LEN) != 0)
			return false;
	return ks->recoveries > 0;
}

static void decline(struct keydist *k, struct zone_ctx *c, const struct key_state *ks, const char *why)
{
	words_add(k, c, "key.declined", json_pack("{s:o,s:s}", "key", msg_json_hex(ks->hash, 32), "why", why),
		  "key-declined", "zone=%s key=%u/%u msg=%s", c->text, dnskey_tag(ks->dnskey, ks->dnskey_len),
		  ks->dnskey[3], why);
}

static int hold(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct key_state *ks,
		struct err *e)
{
	struct secret *der = NULL;
	json_t *body, *probe, *recovery;
	struct key *key = NULL;
	int rc = -1;

	if (keys_open(k, z, ks, &key, e) != 0 || (probe = keys_probe(k->self.id, z->name, key, e)) == NULL)
		return -1;
	body = json_pack("{s:o,s:o}", "key", msg_json_hex(ks->hash, 32), "probe", probe);
	if (key_pkcs8(key, &der, e) != 0)
		goto out;
	if (k->recovery_known && is_second(k, z, ks)) {
		if ((recovery = keys_recovery_box(k, z->name, ks->hash, der, e)) == NULL)
			goto out;
		json_object_set_new(body, "recovery", recovery);
	}
	if (strcmp(ks->role, "ksk") != 0)
		keys_keep_engine_box(k, c, ks->hash, der); /* while it is open */
	words_add(k, c, "key.held", json_incref(body), "key-held", "zone=%s key=%u/%u", c->text, key_tag(key),
		  key_alg(key));
	rc = 0;
out:
	secret_free(der);
	json_decref(body);
	return rc;
}

static int make_again(struct keydist *k, struct zone_ctx *c, const struct key_state *ks, struct err *e)
{
	struct wanted_key want = { .c = c, .alg = ks->dnskey[3], .method = ks->method, .hold = ks->hold };

	if (c->making)
		return 0;
	strcpy(want.role, ks->role);
	memcpy(want.instead, ks->hash, 32);
	memcpy(want.replaces, ks->replaces, sizeof(want.replaces));
	return keys_make(k, &want, 1, NULL, NULL, e);
}

static int hold_one(struct keydist *k, struct zone_ctx *c, struct zone_state *z, const struct key_state *ks,
		    struct err *e)
{
	switch (timeline_hold(z, ks, k->self.id)) {
	case HOLD_WORD_NOTHING: /* share.c may bring a box; or a backup took it out, long after the zone was removed */
		return 0;
	case HOLD_WORD_SAID: /* once more, with the box */
		return k->recovery_known && lacks_second_box(ks) && key_has_box(ks, k->self.id) && is_second(k, z, ks)
			       ? hold(k, c, z, ks, e)
			       : 0;
	case HOLD_WORD_MAKE_AGAIN:
		return make_again(k, c, ks, e);
	case HOLD_WORD_DECLINED:
		decline(k, c, ks, "tag");
		return 0;
	case HOLD_WORD_HELD:
		break;
	}
	if (ks->foreign) { /* there is nothing to prove; from here on the others may show it */
		words_add(k, c, "key.held", json_pack("{s:o,s:s}", "key", msg_json_hex(ks->hash, 32), "probe", ""), "key-held",
			  "zone=%s key=%u/%u msg=another signer's", c->text, dnskey_tag(ks->dnskey, ks->dnskey_len), ks->dnskey[3]);
		return 0;
	}
	return hold(k, c, z, ks, e);
}

void hold_zone(struct keydist *k, struct zone_ctx *c, struct zone_state *z)
{
	struct err e;

	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *ks = &z->key[i];
		const size_t before = words_count(k);

		if (hold_one(k, c, z, ks, &e) == 0) {
			/* Of two new keys with one tag the second is judged once the first is held. */
			if (words_count(k) > before)
				return;
			continue;
		}
		if (c->trouble == NULL || strcmp(c->trouble, e.text) != 0)
			log_event(LOG_ERROR, "key-trouble", "zone=%s key=%u/%u msg=%s", c->text,
				  dnskey_tag(ks->dnskey, ks->dnskey_len), ks->dnskey[3], e.text);
		zone_trouble(c, e.text);
	}
}
