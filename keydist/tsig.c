/* SPDX-License-Identifier: BSD-3-Clause */
/* tsig: TSIG secrets travel and lie sealed like keys; the local engine gets them sealed to itself. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "log/log.h"
#include "seal/seal.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_OCTETS_MAX 512

static const struct {
	const char *name;
	size_t octets; /* of a secret that is made here */
} algorithms[] = { { "hmac-sha256", 32 }, { "hmac-sha384", 48 }, { "hmac-sha512", 64 } };

static size_t octets_of(const char *alg)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcmp(algorithms[i].name, alg) == 0)
			return algorithms[i].octets;
	return 0;
}

/* A file with the secret in base64, as BIND, NSD and Knot write it. */
static struct secret *read_file(const char *path, struct err *e)
{
	struct secret *text = secret_read(path, 2 * SECRET_OCTETS_MAX, e), *out;
	size_t got = 0;
	int rc;

	if (text == NULL)
		return NULL;
	out = secret_new(SECRET_OCTETS_MAX);
	rc = sodium_base642bin(secret_open_rw(out), SECRET_OCTETS_MAX, (const char *)secret_open(text),
			       secret_len(text), " \t\r\n", &got, NULL, sodium_base64_VARIANT_ORIGINAL);
	secret_close(text);
	secret_close(out);
	secret_free(text);
	if (rc != 0 || got < 16) {
		secret_free(out);
		err_set(e, ERR_SYNTAX, "%s: must hold one secret in base64, 16 to %d octets", path,
			SECRET_OCTETS_MAX);
		return NULL;
	}
	secret_shrink(out, got);
	return out;
}

static json_t *sealed(enum seal_purpose purpose, const uint8_t *name, const uint8_t hash[32],
		      const uint8_t pk[PUBLIC_LEN], struct secret *s)
{
	const struct seal_label label = { purpose, name, hash };
	uint8_t *box = NULL;
	json_t *out;
	size_t len;

	if (seal_make(&label, pk, s, &box, &len, NULL) != 0)
		return NULL;
	out = msg_json_base64(box, len);
	free(box);
	return out;
}

static uint64_t newest_rev(const struct fact_state *s, const char *name)
{
	uint64_t rev = 0;

	for (size_t i = 0; i < s->tsigs; i++)
		if (strcmp(s->tsig[i].name, name) == 0 && s->tsig[i].created.set &&
		    s->tsig[i].created.rev > rev)
			rev = s->tsig[i].created.rev;
	return rev;
}

static json_t *boxes_for_all(struct keydist *k, const uint8_t *name, const uint8_t hash[32],
			     struct secret *secret)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint8_t ids[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN];
	size_t n = state_counted(s, k->self.id, ids);
	json_t *boxes = json_array();

	for (size_t i = 0; i < n; i++) {
		char id[NODE_ID_TEXT];

		json_array_append_new(boxes, json_pack("{s:s,s:o}", "to", node_id_text(ids[i], id), "box",
						       sealed(SEAL_TSIG, name, hash,
							      state_node(s, ids[i])->line.box_pk, secret)));
	}
	return boxes;
}

/* A key clause as named.conf takes it, in a new file of mode 0600. */
static int write_clause(const char *path, const char *name, const char *alg, struct secret *s, struct err *e)
{
	const size_t b64 = sodium_base64_encoded_len(secret_len(s), sodium_base64_VARIANT_ORIGINAL),
		     room = 2200 + b64;
	struct secret *text = secret_new(room), *b = secret_new(b64);
	int len, rc;

	sodium_bin2base64((char *)secret_open_rw(b), b64, secret_open(s), secret_len(s),
			  sodium_base64_VARIANT_ORIGINAL);
	secret_close(s);
	len = snprintf((char *)secret_open_rw(text), room,
		       "key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", name, alg,
		       (const char *)secret_open(b));
	secret_close(b);
	secret_close(b);
	secret_close(text);
	secret_shrink(text, (size_t)len);
	rc = secret_write(path, text, e);
	secret_free(text);
	secret_free(b);
	return rc;
}

int tsig_create(struct keydist *k, const char *text, const char *alg, const char *file, const char *write_to,
		json_t **out, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint8_t name[DNAME_MAX], lower[DNAME_MAX], hash[32];
	char normal[DNAME_TEXT_MAX], hex[65];
	struct secret *secret;
	json_t *body;
	int rc;

	if (dname_from_text(text, name, e) != 0)
		return err_ctx(e, "name");
	dname_lower(name, lower);
	dname_to_text(lower, normal);
	if (octets_of(alg) == 0)
		return err_set(e, ERR_SYNTAX,
			       "algorithm: %s, must be hmac-sha256, hmac-sha384 or hmac-sha512", alg);
	if (!members_self(k) || !k->recovery_known)
		return err_set(e, ERR_REFUSED,
			       !k->recovery_known ? "node.recovery is not configured"
						  : "this node is not an admitted signer");
	secret = file == NULL ? secret_random(octets_of(alg)) : read_file(file, e);
	if (secret == NULL)
		return -1;
	crypto_hash_sha256(hash, secret_open(secret), secret_len(secret));
	secret_close(secret);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	if (write_to != NULL && write_clause(write_to, normal, alg, secret, e) != 0) {
		secret_free(secret);
		return -1;
	}
	body = json_pack("{s:s,s:s,s:s,s:I,s:o,s:[{s:s,s:o}]}", "name", normal, "alg", alg, "hash", hex,
			 "rev", (json_int_t)newest_rev(s, normal) + 1, "boxes",
			 boxes_for_all(k, lower, hash, secret), "recovery", "id", k->recovery_id, "box",
			 sealed(SEAL_TSIG_RECOVERY, lower, hash, k->recovery_pk, secret));
	secret_free(secret);
	rc = keydist_say(k, "tsig.create", NULL, body, e);
	if (rc == 0)
		*out = json_pack("{s:s,s:s,s:s}", "name", normal, "algorithm", alg, "hash", hex);
	return rc;
}

int tsig_remove(struct keydist *k, const char *text, const char *hash, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint8_t name[DNAME_MAX];
	char normal[DNAME_TEXT_MAX], (*hashes)[65];
	size_t n = 0;
	int rc = 0;

	if (dname_from_text(text, name, e) != 0)
		return err_ctx(e, "name");
	dname_lower(name, name);
	dname_to_text(name, normal);
	hashes = mem_new(s->tsigs + 1, sizeof(*hashes));
	for (size_t i = 0; i < s->tsigs; i++) {
		const struct tsig_state *t = &s->tsig[i];

		if (strcmp(t->name, normal) == 0 && !t->removed && t->created.set &&
		    (hash == NULL || strcmp(hash, t->hash) == 0))
			strcpy(hashes[n++], t->hash);
	}
	if (n == 0)
		rc = err_set(e, ERR_NOTFOUND, "%s: no such TSIG key", normal);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = keydist_say(k, "tsig.remove", NULL,
				 json_pack("{s:s,s:s}", "name", normal, "hash", hashes[i]), e);
	free(hashes);
	return rc;
}

static struct secret *open_own(struct keydist *k, const struct tsig_state *t, const uint8_t *name,
			       const uint8_t hash[32], struct err *e)
{
	const struct seal_label label = { SEAL_TSIG, name, hash };
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(t->created.body, "boxes"), i, row)
	{
		const char *to = json_string_value(json_object_get(row, "to"));
		struct secret *secret = NULL;
		uint8_t *box;
		size_t len;
		int rc;

		if (to == NULL || strcmp(to, k->self.id_text) != 0 ||
		    (box = msg_base64(row, "box", SEAL_MAX, &len, e)) == NULL)
			continue;
		rc = seal_open(&label, k->self.line.box_pk, k->self.box_sk, box, len, &secret, e);
		free(box);
		if (rc == 0)
			return secret;
	}
	return NULL;
}

json_t *tsig_box_for(struct keydist *k, const struct tsig_state *t, const struct node_state *to, struct err *e)
{
	uint8_t name[DNAME_MAX], hash[32];
	char id[NODE_ID_TEXT];
	struct secret *secret;
	json_t *box;
	size_t got = 0;

	err_set(e, ERR_NOTFOUND, "no sealed box for this node");
	if (dname_from_text(t->name, name, e) != 0 ||
	    sodium_hex2bin(hash, sizeof(hash), t->hash, strlen(t->hash), NULL, &got, NULL) != 0 || got != sizeof(hash) ||
	    (secret = open_own(k, t, name, hash, e)) == NULL)
		return NULL;
	box = sealed(SEAL_TSIG, name, hash, to->line.box_pk, secret);
	secret_free(secret);
	return json_pack("{s:s,s:o}", "to", node_id_text(to->id, id), "box", box);
}

static json_t *box_for_engine(struct keydist *k, const struct tsig_state *t, struct err *e)
{
	uint8_t name[DNAME_MAX], hash[32];
	struct secret *secret;
	size_t got = 0;

	if (dname_from_text(t->name, name, e) != 0 ||
	    sodium_hex2bin(hash, sizeof(hash), t->hash, strlen(t->hash), NULL, &got, NULL) != 0 ||
	    got != sizeof(hash))
		return NULL;
	for (size_t i = 0; i < k->tsig_boxes; i++)
		if (memcmp(k->tsig_box[i].hash, hash, 32) == 0)
			return k->tsig_box[i].box;
	if ((secret = open_own(k, t, name, hash, e)) == NULL)
		return NULL;
	k->tsig_box = mem_grow(k->tsig_box, k->tsig_boxes + 1, sizeof(*k->tsig_box));
	memcpy(k->tsig_box[k->tsig_boxes].hash, hash, 32);
	k->tsig_box[k->tsig_boxes].box =
		sealed(SEAL_TSIG_ENGINE, name, hash, k->self.engine_box_pk, secret);
	secret_free(secret);
	return k->tsig_box[k->tsig_boxes++].box;
}

static bool is_newest(const struct fact_state *s, const struct tsig_state *t)
{
	for (size_t i = 0; i < s->tsigs; i++) {
		const struct tsig_state *o = &s->tsig[i];

		if (o == t || o->removed || !o->created.set || strcmp(o->name, t->name) != 0)
			continue;
		if (o->created.rev > t->created.rev ||
		    (o->created.rev == t->created.rev &&
		     memcmp(o->created.hash, t->created.hash, FACT_HASH_LEN) > 0))
			return false;
	}
	return true;
}

json_t *tsig_for_engine(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->tsigs; i++) {
		const struct tsig_state *t = &s->tsig[i];
		json_t *box;

		if (t->removed || !t->created.set || (box = box_for_engine(k, t, NULL)) == NULL)
			continue;
		json_array_append_new(list, json_pack("{s:s,s:O,s:s,s:O,s:b}", "name", t->name, "alg",
						      json_object_get(t->created.body, "alg"), "hash",
						      t->hash, "box", box, "newest", is_newest(s, t)));
	}
	return json_pack("{s:o}", "keys", list);
}

json_t *tsig_list(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->tsigs; i++) {
		const struct tsig_state *t = &s->tsig[i];

		if (!t->removed && t->created.set)
			json_array_append_new(list,
					      json_pack("{s:s,s:O,s:s,s:b}", "name", t->name, "algorithm",
							json_object_get(t->created.body, "alg"), "hash",
							t->hash, "newest", is_newest(s, t)));
	}
	return list;
}
