/* SPDX-License-Identifier: BSD-3-Clause */
/* keep: which keys this backup keeps.  A removal of a zone or a key removes nothing here. */
#include "backupd/backupd.h"

#include "fail/fail.h"
#include "key/key.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

static bool said_stored(const struct backupd *b, const struct key_state *ks)
{
	for (size_t i = 0; i < ks->storeds; i++)
		if (memcmp(ks->stored[i].by, b->self.id, NODE_ID_LEN) == 0 &&
		    memcmp(ks->stored[i].to, b->recovery_id, NODE_ID_LEN) == 0)
			return true;
	return false;
}

/* Boxes for our recovery key: at least two of different signers, where there are two signers, so that one bad
 * box is not all there is. */
static bool boxes_suffice(const struct backupd *b, const struct key_state *ks, size_t signers)
{
	size_t found = 0;

	for (size_t i = 0; i < ks->recoveries; i++) {
		bool again = false;

		if (memcmp(ks->recovery[i].to, b->recovery_id, NODE_ID_LEN) != 0)
			continue;
		for (size_t j = 0; j < i; j++)
			again |= memcmp(ks->recovery[j].to, b->recovery_id, NODE_ID_LEN) == 0 &&
				 memcmp(ks->recovery[j].by, ks->recovery[i].by, NODE_ID_LEN) == 0;
		found += !again;
	}
	return found >= (signers >= 2 ? 2u : 1u);
}

static size_t signers_of(const struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);
	size_t n = 0;

	for (size_t i = 0; i < s->nodes; i++)
		n += node_is_signer(&s->node[i]);
	return n;
}

/* Says `stored` for one key; true when it did, and the state has changed. */
static bool step_any(struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);
	const size_t signers = signers_of(b);

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++) {
			const struct zone_state *z = &s->zone[i];
			const struct key_state *ks = &z->key[j];
			struct cluster_word word = { "key.stored", z->name, NULL };
			char zone[DNAME_TEXT_MAX];
			unsigned tag, alg;
			struct err e;
			int rc;

			if (!ks->created || said_stored(b, ks) || !boxes_suffice(b, ks, signers))
				continue;
			strcpy(zone, z->text);
			tag = dnskey_tag(ks->dnskey, ks->dnskey_len);
			alg = ks->dnskey[3];
			word.body = json_pack("{s:o,s:s}", "key", msg_json_hex(ks->hash, 32), "recovery",
					      b->recovery_text);
			fail_point("stored-before");
			rc = cluster_say(b->cluster, &word, 1, &e);
			fail_point("stored-after");
			json_decref(word.body);
			if (rc == 0) {
				log_event(LOG_NOTICE, "key-stored", "zone=%s key=%u/%u recovery=%s", zone,
					  tag, alg, b->recovery_text);
				return true;
			}
			if (strncmp(b->trouble, e.text, 255) != 0)
				log_event(LOG_ERROR, "key-not-stored", "zone=%s key=%u/%u msg=%s", zone, tag,
					  alg, e.text);
			snprintf(b->trouble, sizeof(b->trouble), "%.255s", e.text);
			return false;
		}
	b->trouble[0] = '\0';
	return false;
}

void keep_step(struct backupd *b)
{
	const struct node_state *me = state_node(cluster_state(b->cluster), b->self.id);

	if (!b->recovery_known || !node_is_backup(me) || !cluster_compared(b->cluster) ||
	    cluster_hold(b->cluster) != NULL)
		return;
	while (step_any(b))
		;
}

size_t keep_keys(const struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);
	size_t n = 0;

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++)
			n += s->zone[i].key[j].created;
	return n;
}

static json_t *one_key(const struct backupd *b, const struct key_state *ks)
{
	json_t *recovery = json_array();
	char id[NODE_ID_TEXT];

	for (size_t i = 0; i < ks->recoveries; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again |= memcmp(ks->recovery[j].to, ks->recovery[i].to, NODE_ID_LEN) == 0;
		if (!again)
			json_array_append_new(recovery, json_string(node_id_text(ks->recovery[i].to, id)));
	}
	return json_pack("{s:o,s:i,s:i,s:s,s:b,s:I,s:i,s:o}", "hash", msg_json_hex(ks->hash, 32), "tag",
			 dnskey_tag(ks->dnskey, ks->dnskey_len), "algorithm", ks->dnskey[3], "role", ks->role,
			 "stored", said_stored(b, ks), "stored_at", (json_int_t)ks->created_at, "boxes",
			 (int)ks->recoveries, "recovery", recovery);
}

json_t *keep_list(struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);
	json_t *zones = json_array();

	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];
		json_t *keys = json_array();

		for (size_t j = 0; j < z->keys; j++)
			if (z->key[j].created)
				json_array_append_new(keys, one_key(b, &z->key[j]));
		json_array_append_new(zones, json_pack("{s:s,s:b,s:o}", "zone", z->text, "removed",
						       zone_addition(z) == NULL, "keys", keys));
	}
	return json_pack("{s:s?,s:o}", "recovery", b->recovery_known ? b->recovery_text : NULL, "zones",
			 zones);
}
