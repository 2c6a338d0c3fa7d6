/* SPDX-License-Identifier: BSD-3-Clause */
/* keep: which keys this backup keeps.  A removal of a zone or a key removes nothing here. */
#include "backupd/backupd.h"

#include "arena/arena.h"
#include "fail/fail.h"
#include "key/key.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 512 /* in one transaction */

static bool said_stored(const struct backupd *b, const struct key_state *ks)
{
	return key_stored_by(ks, b->self.id, b->recovery_id);
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

/* What is said together. */
struct saying {
	struct backupd *b;
	struct cluster_word word[WORDS_MAX];
	size_t n;
};

static void add(struct saying *y, const struct zone_state *z, const struct key_state *ks)
{
	y->word[y->n++] = (struct cluster_word){ "key.stored", z->name,
						 json_pack("{s:o,s:s}", "key", msg_json_hex(ks->hash, 32), "recovery",
							   y->b->recovery_text) };
	log_event(LOG_INFO, "key-keeping", "zone=%s key=%u/%u", z->text, dnskey_tag(ks->dnskey, ks->dnskey_len),
		  ks->dnskey[3]);
}

static int say(struct saying *y)
{
	struct backupd *b = y->b;
	struct err e;
	int rc;

	if (y->n == 0)
		return 0;
	fail_point("stored-before");
	rc = cluster_say(b->cluster, y->word, y->n, &e);
	fail_point("stored-after");
	if (rc == 0)
		log_event(LOG_NOTICE, "key-stored", "keys=%zu recovery=%s", y->n, b->recovery_text);
	else if (strncmp(b->trouble, e.text, 255) != 0)
		log_event(LOG_ERROR, "key-not-stored", "keys=%zu msg=%s", y->n, e.text);
	snprintf(b->trouble, sizeof(b->trouble), "%.255s", rc == 0 ? "" : e.text);
	for (size_t i = 0; i < y->n; i++)
		json_decref(y->word[i].body);
	y->n = 0;
	return rc;
}

static void keep_zone(struct saying *y, const struct zone_state *z, size_t signers)
{
	for (size_t i = 0; i < z->keys && y->n < WORDS_MAX; i++)
		if (z->key[i].created && !z->key[i].foreign && !said_stored(y->b, &z->key[i]) && !key_was_dropped(&z->key[i]) &&
		    boxes_suffice(y->b, &z->key[i], signers))
			add(y, z, &z->key[i]);
}

void keep_on_fact(void *ctx, const struct fact *f)
{
	struct backupd *b = ctx;

	if (f->zone_len == 0) {
		b->look_at_all = true;
		return;
	}
	b->fresh = mem_grow(b->fresh, b->fresh_count + 1, sizeof(*b->fresh));
	memcpy(b->fresh[b->fresh_count++], f->zone, sizeof(f->zone));
}

/* Says `stored` for what is kept and not said yet, and tells whether all of it could be said. */
static bool keep(struct backupd *b)
{
	struct saying *y = mem_new(1, sizeof(*y));
	const size_t signers = signers_of(b);
	bool good = true;

	y->b = b;
	for (size_t i = 0; good && b->look_at_all && i < cluster_state(b->cluster)->zones; i++) {
		keep_zone(y, &cluster_state(b->cluster)->zone[i], signers);
		if (y->n == WORDS_MAX) {
			good = say(y) == 0;
			i--; /* it may have more keys */
		}
	}
	for (size_t i = 0; good && !b->look_at_all && i < b->fresh_count; i++) {
		const struct zone_state *z = state_zone(cluster_state(b->cluster), b->fresh[i]);

		if (z != NULL)
			keep_zone(y, z, signers);
		if (y->n == WORDS_MAX && (good = say(y) == 0))
			i--;
	}
	good = good && say(y) == 0;
	for (size_t i = 0; i < y->n; i++)
		json_decref(y->word[i].body);
	free(y);
	return good;
}

void keep_step(struct backupd *b)
{
	const struct node_state *me = state_node(cluster_state(b->cluster), b->self.id);
	const bool may = b->recovery_known && node_is_backup(me) && cluster_compared(b->cluster) &&
			 cluster_hold(b->cluster) == NULL;

	/* What could not be said is looked for among all keys with the next second. */
	if (!may || !b->could)
		b->look_at_all = true;
	if (b->look_at_all)
		b->fresh_count = 0;
	b->could = may;
	if (!may || (!b->look_at_all && b->fresh_count == 0))
		return;
	if (keep(b)) {
		b->look_at_all = false;
		free(b->fresh);
		b->fresh = NULL;
		b->fresh_count = 0;
	} else {
		b->look_at_all = true;
	}
}

size_t keep_keys(const struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);
	size_t n = 0;

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++)
			n += s->zone[i].key[j].created && !s->zone[i].key[j].foreign;
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
	return json_pack("{s:o,s:i,s:i,s:s,s:b,s:b,s:I,s:i,s:o}", "hash", msg_json_hex(ks->hash, 32), "tag",
			 dnskey_tag(ks->dnskey, ks->dnskey_len), "algorithm", ks->dnskey[3], "role", ks->role,
			 "stored", said_stored(b, ks), "dropped", key_was_dropped(ks), "stored_at", (json_int_t)ks->created_at, "boxes",
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
			if (z->key[j].created && !z->key[j].foreign)
				json_array_append_new(keys, one_key(b, &z->key[j]));
		json_array_append_new(zones, json_pack("{s:s,s:b,s:o,s:o}", "zone", z->text, "removed",
						       zone_addition(z) == NULL, "dropped_in_s",
						       retain_left(b, z), "keys", keys));
	}
	return json_pack("{s:s?,s:o}", "recovery", b->recovery_known ? b->recovery_text : NULL, "zones",
			 zones);
}
