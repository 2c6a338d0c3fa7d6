/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * share: sealed boxes for signers that were admitted after a key or a TSIG secret was made (DESIGN section 4, "Who counts"),
 * and once more for one that has lost a key.
 *
 * Whoever holds it may seal it once more.  The first of the holders that is heard does; if it dies meanwhile the next one
 * does, and where two do, there are two boxes.
 */
#include "keydist/lost.h"

#include "arena/arena.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

static bool is_heard(const struct keydist *k, const uint8_t id[NODE_ID_LEN])
{
	const int64_t ms = cluster_heard_ms(k->cluster, id);

	return ms >= 0 && ms < HEARD_MS;
}

/* No other signer that has it, is heard and comes before this node. */
static bool is_first(const struct keydist *k, bool (*has)(const void *what, const uint8_t *id), const void *what)
{
	const struct fact_state *s = cluster_state(k->cluster);

	for (size_t i = 0; i < s->nodes; i++)
		if (node_is_signer(&s->node[i]) && memcmp(s->node[i].id, k->self.id, NODE_ID_LEN) < 0 &&
		    has(what, s->node[i].id) && is_heard(k, s->node[i].id))
			return false;
	return true;
}

/* ---- keys ---- */

struct zone_key {
	struct zone_state *z;
	struct key_state *ks;
};

static bool holds_key(const void *what, const uint8_t *id)
{
	const struct zone_key *zk = what;

	return key_held_by(zk->z, zk->ks, id) && !lost_at(zk->ks, id);
}

/* Signers without a box of the key that they can open. */
static size_t without_box(const struct keydist *k, const struct key_state *ks, const struct node_state **out, size_t max)
{
	const struct fact_state *s = cluster_state(k->cluster);
	size_t n = 0;

	for (size_t i = 0; i < s->nodes && n < max; i++)
		if (node_is_signer(&s->node[i]) && (!key_has_box(ks, s->node[i].id) || lost_at(ks, s->node[i].id)))
			out[n++] = &s->node[i];
	return n;
}

static int share_key(struct keydist *k, struct zone_ctx *c, const struct zone_key *zk, const struct node_state **to, size_t n,
		     struct err *e)
{
	json_t *boxes = json_array(), *box;
	struct secret *der = NULL;
	struct key *key = NULL;
	char id[NODE_ID_TEXT];
	int rc = -1;

	if (keys_open(k, zk->z, zk->ks, &key, e) != 0 || key_pkcs8(key, &der, e) != 0)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if ((box = keys_box(SEAL_SIGNER, c->name, zk->ks->hash, to[i]->line.box_pk, der, e)) == NULL)
			goto out;
		json_array_append_new(boxes, json_pack("{s:s,s:o}", "to", node_id_text(to[i]->id, id), "box", box));
	}
	words_add(k, c, "key.boxes", json_pack("{s:o,s:O}", "key", msg_json_hex(zk->ks->hash, 32), "boxes", boxes), "key-shared",
		  "zone=%s key=%u/%u signers=%zu", c->text, key_tag(key), key_alg(key), n);
	rc = 0;
out:
	secret_free(der);
	json_decref(boxes);
	return rc;
}

void share_zone(struct keydist *k, struct zone_ctx *c, struct zone_state *z, const struct life *l)
{
	const struct node_state *to[CLUSTER_PEERS_MAX * 4];
	struct err e;

	if (zone_addition(z) == NULL)
		return;
	for (size_t i = 0; i < l->t.n; i++) {
		const struct zone_key zk = { z, l->t.key[i].key };
		size_t n;

		if (l->t.key[i].dead || !key_has_box(zk.ks, k->self.id) ||
		    (lost_here(k, zk.ks) && !keys_can_open(k, z, zk.ks, NULL)) || /* who finds it again seals it to itself */
		    (n = without_box(k, zk.ks, to, sizeof(to) / sizeof(to[0]))) == 0 ||
		    !key_said_held(zk.ks, k->self.id)) /* which opening it proves once more */
			continue;
		if (!is_first(k, holds_key, &zk))
			c->share_waits = true; /* a fact brings the zone here again, or the other one's silence */
		else if (share_key(k, c, &zk, to, n, &e) != 0)
			zone_trouble(c, e.text);
	}
}

void share_tick(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint64_t heard = 0;

	for (size_t i = 0; i < s->nodes; i++)
		if (is_heard(k, s->node[i].id))
			heard = index_hash(s->node[i].id, NODE_ID_LEN, heard);
	if (heard == k->share_heard)
		return;
	k->share_heard = heard;
	for (size_t i = 0; i < k->zones; i++)
		if (k->zone[i]->share_waits) {
			k->zone[i]->share_waits = false;
			zones_touch(k, k->zone[i]);
		}
}

/* ---- TSIG secrets ---- */

static const json_t *tsig_box(const struct tsig_state *t, const uint8_t *id)
{
	char text[NODE_ID_TEXT];
	json_t *row;
	size_t i;

	node_id_text(id, text);
	json_array_foreach(json_object_get(t->created.body, "boxes"), i, row)
	{
		const char *to = json_string_value(json_object_get(row, "to"));

		if (to != NULL && strcmp(to, text) == 0)
			return row;
	}
	return NULL;
}

static bool holds_tsig(const void *what, const uint8_t *id)
{
	return tsig_box(what, id) != NULL;
}

/* Of one name all are said again, so that the newest stays that. */
static bool name_lacks_box(const struct fact_state *s, const char *name)
{
	for (size_t t = 0; t < s->tsigs; t++)
		for (size_t i = 0; i < s->nodes; i++)
			if (!s->tsig[t].removed && s->tsig[t].created.set && strcmp(s->tsig[t].name, name) == 0 &&
			    node_is_signer(&s->node[i]) && tsig_box(&s->tsig[t], s->node[i].id) == NULL)
				return true;
	return false;
}

static json_t *with_all_boxes(struct keydist *k, const struct tsig_state *t)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *body = json_copy(t->created.body), *boxes = json_copy(json_object_get(body, "boxes"));
	struct err e;

	json_object_set_new(body, "boxes", boxes);
	json_object_set_new(body, "rev", json_integer((json_int_t)t->created.rev + 1));
	for (size_t i = 0; i < s->nodes; i++) {
		json_t *row;

		if (!node_is_signer(&s->node[i]) || tsig_box(t, s->node[i].id) != NULL)
			continue;
		if ((row = tsig_box_for(k, t, &s->node[i], &e)) == NULL) {
			log_event(LOG_ERROR, "tsig-not-shared", "key=%s msg=%s", t->name, e.text);
			json_decref(body);
			return NULL;
		}
		json_array_append_new(boxes, row);
	}
	return body;
}

void share_tsig(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const size_t tsigs = s->tsigs;
	struct cluster_word *word = mem_new(tsigs + 1, sizeof(*word));
	size_t n = 0;
	struct err e;

	for (size_t i = 0; i < tsigs; i++) {
		const struct tsig_state *t = &s->tsig[i];

		if (t->removed || !t->created.set || tsig_box(t, k->self.id) == NULL || !name_lacks_box(s, t->name) ||
		    !is_first(k, holds_tsig, t) || (word[n].body = with_all_boxes(k, t)) == NULL)
			continue;
		word[n++].kind = "tsig.create";
	}
	if (n > 0 && cluster_say(k->cluster, word, n, &e) != 0)
		log_event(LOG_ERROR, "tsig-not-shared", "msg=%s; it is tried again", e.text);
	else if (n > 0)
		log_event(LOG_NOTICE, "tsig-shared", "keys=%zu", n);
	for (size_t i = 0; i < n; i++)
		json_decref(word[i].body);
	free(word);
}
