/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * restore: every key and zone comes back on blank hosts, with the recovery key that an operator brings for
 * this one moment.
 *
 * All boxes are opened and tried before anything is said; then one transaction says everything.  It may be
 * said again with the same arguments: what is there already is left out.
 */
#include "backupd/backupd.h"

#include "arena/arena.h"
#include "fail/fail.h"
#include "key/key.h"
#include "log/log.h"
#include "seal/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SIGNERS_MAX 16

struct fresh {
	uint8_t id[NODE_ID_LEN];
	struct node_line line;
	char text[NODE_LINE_TEXT];
	const char *name;
};

struct restore {
	struct backupd *b;
	struct secret *sk; /* of the recovery key */
	uint8_t pk[PUBLIC_LEN];
	uint8_t id[NODE_ID_LEN];
	struct fresh fresh[SIGNERS_MAX];
	size_t n;
	struct cluster_word *word;
	size_t words, members, keys;
};

static void say(struct restore *r, const char *kind, const uint8_t *zone, json_t *body)
{
	r->word = mem_grow(r->word, r->words + 1, sizeof(*r->word));
	r->word[r->words++] = (struct cluster_word){ kind, zone, body };
}

/* ---- who ---- */

/* A new signer must be in the configuration, or nothing would reach it. */
static int read_fresh(struct restore *r, const json_t *signers, struct err *e)
{
	const struct cluster_peer *p;
	const json_t *row;
	size_t i, peers;

	p = cluster_peers(r->b->cluster, &peers);
	json_array_foreach(signers, i, row)
	{
		struct fresh *f = &r->fresh[r->n];
		const struct node_state *n;

		if (i >= SIGNERS_MAX || !json_is_string(row))
			return err_set(e, ERR_SYNTAX, "signers: 1 to %d duet1 lines", SIGNERS_MAX);
		if (node_line_parse(json_string_value(row), &f->line, e) != 0)
			return err_ctx(e, "signers");
		node_id_of(f->line.sign_pk, f->id);
		node_line_text(&f->line, f->text);
		for (size_t j = 0; j < peers; j++)
			if (memcmp(p[j].peer.id, f->id, NODE_ID_LEN) == 0 && p[j].peer.role == MSG_SIGNER)
				f->name = p[j].peer.name;
		if (f->name == NULL)
			return err_set(e, ERR_REFUSED,
				       "signers: %.20s... is not among the peers of this host's "
				       "configuration; list it "
				       "there first, with role: signer, and reload",
				       f->text);
		n = state_node(cluster_state(r->b->cluster), f->id);
		if (n != NULL && n->retired)
			return err_set(e, ERR_REFUSED,
				       "signers: %s was retired, which is final: make a new identity on a "
				       "blank host",
				       f->name);
		r->n++;
	}
	return 0;
}

static bool is_fresh(const struct restore *r, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->fresh[i].id, id, NODE_ID_LEN) == 0)
			return true;
	return false;
}

static bool is_fenced(struct restore *r, const json_t *fenced, const struct node_state *n)
{
	const json_t *row;
	size_t i;

	json_array_foreach(fenced, i, row)
	{
		uint8_t id[NODE_ID_LEN];
		const char *name = json_string_value(row), *admitted;

		if (name == NULL)
			continue;
		if (cluster_find(r->b->cluster, name, id, NULL) == 0 && memcmp(id, n->id, NODE_ID_LEN) == 0)
			return true;
		/* A new host may have taken the old one's name. */
		admitted = json_string_value(json_object_get(n->admitted.body, "name"));
		if (admitted != NULL && strcmp(admitted, name) == 0)
			return true;
	}
	return false;
}

static bool counts_already(const struct fact_state *s, const struct fresh *who, const struct fresh *whom)
{
	const struct node_state *n = state_node(s, who->id);

	return n != NULL && id_set_has(&n->counts, whom->id);
}

/* Retirement of every signer that there was, each of which the operator must have named. */
static int say_members(struct restore *r, const json_t *fenced, struct err *e)
{
	const struct fact_state *s = cluster_state(r->b->cluster);
	char id[NODE_ID_TEXT];

	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *n = &s->node[i];

		if (!node_is_signer(n) || is_fresh(r, n->id))
			continue;
		if (!is_fenced(r, fenced, n))
			return err_set(e, ERR_REFUSED,
				       "%s (%s) is a signer of this cluster and is not named with --fenced: "
				       "swear that "
				       "it is dead and stays so, or do not restore",
				       json_string_value(json_object_get(n->admitted.body, "name")),
				       node_id_text(n->id, id));
		say(r, "retired", NULL, cluster_retirement(r->b->cluster, n, "fenced"));
	}
	for (size_t i = 0; i < r->n; i++)
		if (!node_is_signer(state_node(s, r->fresh[i].id)))
			say(r, "admitted", NULL,
			    json_pack("{s:s,s:s,s:s}", "line", r->fresh[i].text, "name", r->fresh[i].name,
				      "role", "signer"));
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->n; j++)
			if (i != j && !counts_already(s, &r->fresh[i], &r->fresh[j])) {
				char of[NODE_ID_TEXT];

				say(r, "counts", NULL,
				    json_pack("{s:s,s:s}", "node", node_id_text(r->fresh[j].id, id), "of",
					      node_id_text(r->fresh[i].id, of)));
			}
	r->members = r->words;
	return 0;
}

/* A backup may retire and admit in a restore alone, and only what was once admitted is believed. */
static int check_self(const struct restore *r, struct err *e)
{
	if (!node_is_backup(state_node(cluster_state(r->b->cluster), r->b->self.id)))
		return err_set(e, ERR_REFUSED,
			       "this host was never admitted as a backup of the cluster, so the new signers would "
			       "not believe it; restore on one that was");
	return 0;
}

/* ---- keys ---- */

static uint8_t *decode(const char *text, size_t *len)
{
	uint8_t *box = mem_new(SEAL_MAX, 1);

	if (sodium_base642bin(box, SEAL_MAX, text, strlen(text), NULL, len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) == 0)
		return box;
	free(box);
	return NULL;
}

/* Opens any of a key's recovery boxes and proves what is in it. */
static struct secret *open_key(struct restore *r, const struct zone_state *z, const struct key_state *ks,
			       struct err *e)
{
	const struct seal_label label = { SEAL_RECOVERY, z->name, ks->hash };

	err_set(e, ERR_NOTFOUND, "%s: no box for this recovery key", z->text);
	for (size_t i = 0; i < ks->recoveries; i++) {
		struct secret *der = NULL;
		struct key *key = NULL;
		uint8_t *box;
		size_t len = 0;
		int rc = -1;

		if (memcmp(ks->recovery[i].to, r->id, NODE_ID_LEN) != 0 ||
		    (box = decode(ks->recovery[i].box, &len)) == NULL)
			continue;
		if (seal_open(&label, r->pk, r->sk, box, len, &der, e) == 0)
			rc = key_from_pkcs8(ks->dnskey, ks->dnskey_len, der, &key, e);
		free(box);
		key_free(key);
		if (rc == 0)
			return der;
		secret_free(der);
	}
	return NULL;
}

static json_t *box_for(struct restore *r, const struct fresh *f, const struct seal_label *label,
		       struct secret *what)
{
	char id[NODE_ID_TEXT];
	uint8_t *box = NULL;
	json_t *out;
	size_t len;

	(void)r;
	if (seal_make(label, f->line.box_pk, what, &box, &len, NULL) != 0)
		return NULL;
	out = json_pack("{s:s,s:o}", "to", node_id_text(f->id, id), "box", msg_json_base64(box, len));
	free(box);
	return out;
}

static int say_key(struct restore *r, const struct zone_state *z, const struct key_state *ks, struct err *e)
{
	const struct seal_label label = { SEAL_SIGNER, z->name, ks->hash };
	json_t *boxes = json_array();
	struct secret *der;

	if ((der = open_key(r, z, ks, e)) == NULL) {
		json_decref(boxes);
		return err_ctx(e, "key %u/%u of %s", dnskey_tag(ks->dnskey, ks->dnskey_len), ks->dnskey[3],
			       z->text);
	}
	for (size_t i = 0; i < r->n; i++)
		if (!key_has_box(ks, r->fresh[i].id))
			json_array_append_new(boxes, box_for(r, &r->fresh[i], &label, der));
	secret_free(der);
	r->keys++;
	if (json_array_size(boxes) > 0)
		say(r, "key.boxes", z->name,
		    json_pack("{s:o,s:O}", "key", msg_json_hex(ks->hash, 32), "boxes", boxes));
	json_decref(boxes);
	return 0;
}

static bool all_have_tsig(const struct restore *r, const struct tsig_state *t)
{
	for (size_t f = 0; f < r->n; f++) {
		char id[NODE_ID_TEXT];
		bool found = false;
		json_t *row;
		size_t i;

		node_id_text(r->fresh[f].id, id);
		json_array_foreach(json_object_get(t->created.body, "boxes"), i, row)
		{
			const char *to = json_string_value(json_object_get(row, "to"));

			found |= to != NULL && strcmp(to, id) == 0;
		}
		if (!found)
			return false;
	}
	return true;
}

/* A TSIG secret is said again under its name and hash, with boxes for the new signers. */
static int say_tsig(struct restore *r, const struct tsig_state *t, struct err *e)
{
	uint8_t name[DNAME_MAX], hash[32];
	struct seal_label label = { SEAL_TSIG_RECOVERY, name, hash };
	struct secret *secret = NULL;
	json_t *row, *boxes, *body;
	size_t i, got = 0;

	if (t->removed || !t->created.set || all_have_tsig(r, t))
		return 0;
	if (dname_from_text(t->name, name, e) != 0 ||
	    sodium_hex2bin(hash, sizeof(hash), t->hash, strlen(t->hash), NULL, &got, NULL) != 0 ||
	    got != sizeof(hash))
		return 0; /* nobody could use it before either */
	json_array_foreach(json_object_get(t->created.body, "recovery"), i, row)
	{
		const char *text = json_string_value(json_object_get(row, "box"));
		size_t len = 0;
		uint8_t *box = text == NULL ? NULL : decode(text, &len);
		bool opened = box != NULL && seal_open(&label, r->pk, r->sk, box, len, &secret, e) == 0;

		free(box);
		if (opened)
			break;
	}
	if (secret == NULL) {
		log_event(LOG_ERROR, "tsig-not-restored", "key=%s msg=no box for this recovery key", t->name);
		return 0;
	}
	boxes = json_array();
	label.purpose = SEAL_TSIG;
	for (i = 0; i < r->n; i++)
		json_array_append_new(boxes, box_for(r, &r->fresh[i], &label, secret));
	secret_free(secret);
	body = json_copy(t->created.body);
	json_object_set_new(body, "boxes", boxes);
	json_object_set_new(body, "rev", json_integer((json_int_t)t->created.rev + 1));
	say(r, "tsig.create", NULL, body);
	return 0;
}

/* Taken out when its zone had been removed for long. */
static bool is_dropped(const struct zone_state *z, const struct key_state *ks)
{
	return zone_addition(z) == NULL && key_was_dropped(ks) && ks->recoveries == 0;
}

static int say_secrets(struct restore *r, struct err *e)
{
	const struct fact_state *s = cluster_state(r->b->cluster);

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++)
			if (s->zone[i].key[j].created && !s->zone[i].key[j].foreign && !is_dropped(&s->zone[i], &s->zone[i].key[j]) &&
			    say_key(r, &s->zone[i], &s->zone[i].key[j], e) != 0)
				return -1;
	for (size_t i = 0; i < s->tsigs; i++)
		if (say_tsig(r, &s->tsig[i], e) != 0)
			return -1;
	return 0;
}

/* ---- all of it ---- */

static json_t *summary(const struct restore *r)
{
	const struct fact_state *s = cluster_state(r->b->cluster);
	json_t *names = json_array();
	json_int_t zones = 0;

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(names, json_string(r->fresh[i].name));
	for (size_t i = 0; i < s->zones; i++)
		zones += zone_addition(&s->zone[i]) != NULL;
	return json_pack("{s:I,s:I,s:o}", "zones", zones, "keys", (json_int_t)r->keys, "signers", names);
}

int restore_run(struct backupd *b, const char *file, const json_t *signers, const json_t *fenced, bool alone,
		json_t **out, struct err *e)
{
	struct restore r = { .b = b };
	char id[RECOVERY_ID_TEXT];
	int rc = -1;

	if (recovery_load(file, &r.sk, r.pk, e) != 0)
		return -1;
	if (node_id_parse(recovery_id_text(r.pk, id), r.id, e) != 0 || check_self(&r, e) != 0 ||
	    read_fresh(&r, signers, e) != 0 || say_members(&r, fenced, e) != 0 || say_secrets(&r, e) != 0)
		goto out;
	if (r.members > 0)
		say(&r, "restored", NULL, json_pack("{s:I}", "facts", (json_int_t)r.words));
	/* Another backup may know more.  Where all others are dead and the new signers not up, there is nobody to
	 * compare with. */
	if (!cluster_compared(b->cluster) && !alone) {
		err_set(e, ERR_NOTNOW, "this backup has not yet compared its facts with another node since its start");
		goto out;
	}
	if (!cluster_compared(b->cluster))
		cluster_go_alone(b->cluster);
	fail_point("restore-before");
	if (cluster_say(b->cluster, r.word, r.words, e) != 0)
		goto out;
	fail_point("restore-after");
	log_event(LOG_NOTICE, "restored", "keys=%zu signers=%zu facts=%zu", r.keys, r.n, r.words);
	*out = summary(&r);
	rc = 0;
out:
	for (size_t i = 0; i < r.words; i++)
		json_decref(r.word[i].body);
	free(r.word);
	secret_free(r.sk);
	return rc;
}
