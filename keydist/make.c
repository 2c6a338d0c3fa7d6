/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * make: new keys.  They are generated or come from elsewhere, sealed and proven in the pool, since that takes long, and
 * said in the loop, where it is known whether their tags are free and who counts.  When somebody has come to count meanwhile they are sealed
 * again.
 *
 * No key is ever made because something is empty: keys_make runs for a command, for a key that is to be rolled, and for
 * a key of this node that another signer declined because of its tag.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "log/log.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define TAG_TRIES 200

struct one {
	struct wanted_key want;
	unsigned bits;
	struct key *key;
	json_t *created, *held, *engine_box; /* what is said of it, and its box for the engine; NULL: none */
	int tries;
	bool clashes; /* its tag is taken: another one */
};

/* Whom keys are sealed to: a copy, for the pool. */
struct receivers {
	uint8_t id[CLUSTER_PEERS_MAX * 4][NODE_ID_LEN], pk[CLUSTER_PEERS_MAX * 4][PUBLIC_LEN];
	size_t n;
	uint8_t recovery_pk[PUBLIC_LEN], engine_pk[PUBLIC_LEN], self[NODE_ID_LEN];
	char recovery_id[RECOVERY_ID_TEXT];
};

struct making {
	uv_work_t work;
	struct keydist *k;
	struct receivers to;
	struct one *one;
	size_t n;
	keys_made_fn *done;
	void *ctx;
};

static bool is_zsk(const struct wanted_key *w)
{
	return strcmp(w->role, "zsk") == 0;
}

/* ---- in the pool: touches nothing but the list ---- */

static json_t *signer_boxes(const struct receivers *to, const struct one *o, struct secret *der, struct err *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < to->n; i++) {
		json_t *box = keys_box(SEAL_SIGNER, o->want.c->name, key_hash(o->key), to->pk[i], der, e);
		char id[NODE_ID_TEXT];

		if (box == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, json_pack("{s:s,s:o}", "to", node_id_text(to->id[i], id), "box", box));
	}
	return list;
}

/* What is to be said of a key: `created`, and this node's own `held`. */
static int seal(const struct receivers *to, struct one *o, struct err *e)
{
	static const uint8_t none[32];
	const uint8_t *hash = key_hash(o->key), *name = o->want.c->name, *rdata;
	json_t *boxes = NULL, *recovery = NULL, *probe = NULL, *replaces;
	struct secret *der = NULL;
	size_t len;
	int rc = -1;

	if (key_pkcs8(o->key, &der, e) != 0)
		return -1;
	secret_open(der); /* for all boxes: each time interrupts every core */
	if ((boxes = signer_boxes(to, o, der, e)) == NULL ||
	    (recovery = keys_box(SEAL_RECOVERY, name, hash, to->recovery_pk, der, e)) == NULL ||
	    (probe = keys_probe(to->self, name, o->key, e)) == NULL ||
	    (strcmp(o->want.role, "ksk") != 0 &&
	     (o->engine_box = keys_box(SEAL_ENGINE, name, hash, to->engine_pk, der, e)) == NULL))
		goto out;
	rdata = key_rdata(o->key, &len);
	o->created = json_pack("{s:o,s:o,s:s,s:O,s:[{s:s,s:O}]}", "key", msg_json_hex(hash, 32), "dnskey",
			       msg_json_base64(rdata, len), "role", o->want.role, "boxes", boxes, "recovery", "id",
			       to->recovery_id, "box", recovery);
	json_object_set_new(o->created, "method", json_string(key_method_names[o->want.method]));
	if (o->want.hold != HOLD_NONE)
		json_object_set_new(o->created, "hold", json_string(key_hold_names[o->want.hold]));
	replaces = json_array();
	for (size_t i = 0; i < KEY_REPLACES_MAX; i++)
		if (memcmp(o->want.replaces[i], none, sizeof(none)) != 0)
			json_array_append_new(replaces, msg_json_hex(o->want.replaces[i], 32));
	json_object_set_new(o->created, "replaces", replaces);
	if (memcmp(o->want.instead, none, sizeof(none)) != 0)
		json_object_set_new(o->created, "instead", msg_json_hex(o->want.instead, 32));
	o->held = json_pack("{s:o,s:O}", "key", msg_json_hex(hash, 32), "probe", probe);
	rc = 0;
out:
	secret_close(der);
	secret_free(der);
	json_decref(boxes);
	json_decref(recovery);
	json_decref(probe);
	return rc;
}

static void unseal(struct one *o)
{
	json_decref(o->created);
	json_decref(o->held);
	json_decref(o->engine_box);
	o->created = o->held = o->engine_box = NULL;
}

static void generate(uv_work_t *work)
{
	struct making *m = work->data;

	for (size_t i = 0; i < m->n; i++) {
		struct one *o = &m->one[i];

		if (o->key == NULL && o->want.rc == 0)
			o->want.rc = key_generate(o->want.alg, is_zsk(&o->want) ? 256 : 257, o->bits, &o->key,
						  &o->want.why);
		if (o->created == NULL && o->want.rc == 0)
			o->want.rc = seal(&m->to, o, &o->want.why);
	}
	OPENSSL_thread_stop(); /* the thread's random generator, which nobody frees at the end of the process */
}

/* ---- in the loop ---- */

static bool tag_is_free(const struct making *m, const struct one *o)
{
	const struct zone_state *z = state_zone(cluster_state(m->k->cluster), o->want.c->name);
	struct dnskey_tags tags;
	const uint8_t *rdata;
	size_t len;

	rdata = key_rdata(o->key, &len);
	tags = dnskey_tags(rdata, len);
	for (size_t i = 0; z != NULL && i < z->keys; i++)
		if (z->key[i].created && dnskey_tags_clash(tags, z->key[i].tags))
			return false;
	for (const struct one *p = m->one; p < o; p++) {
		if (p->want.c != o->want.c || p->key == NULL)
			continue;
		rdata = key_rdata(p->key, &len);
		if (dnskey_tags_clash(tags, dnskey_tags(rdata, len)))
			return false;
	}
	return true;
}

/* Who counts now; false when that is what it was. */
static bool look_who_receives(struct keydist *k, struct receivers *to)
{
	const struct fact_state *s = cluster_state(k->cluster);
	struct receivers now;

	memset(&now, 0, sizeof(now));
	now.n = state_counted(s, k->self.id, now.id);
	for (size_t i = 0; i < now.n; i++)
		memcpy(now.pk[i], state_node(s, now.id[i])->line.box_pk, PUBLIC_LEN);
	memcpy(now.recovery_pk, k->recovery_pk, PUBLIC_LEN);
	memcpy(now.engine_pk, k->self.engine_box_pk, PUBLIC_LEN);
	memcpy(now.self, k->self.id, NODE_ID_LEN);
	memcpy(now.recovery_id, k->recovery_id, sizeof(now.recovery_id));
	if (memcmp(&now, to, sizeof(now)) == 0)
		return false;
	*to = now;
	return true;
}

/* `created` and this node's own `held`, together or not at all. */
static void add_words(struct keydist *k, struct one *o)
{
	const uint8_t *hash = key_hash(o->key);

	words_add(k, o->want.c, "key.created", o->created, o->want.given != NULL ? "key-imported" : "key-created",
		  "zone=%s key=%u/%u role=%s", o->want.c->text, key_tag(o->key), key_alg(o->key), o->want.role);
	words_add(k, o->want.c, "key.held", o->held, NULL, "-");
	if (o->engine_box != NULL)
		keys_take_engine_box(o->want.c, hash, o->engine_box);
	o->created = o->held = o->engine_box = NULL;
	memcpy(o->want.made, hash, 32);
}

static int check_may_create(struct keydist *k, const struct wanted_key *w, struct err *e)
{
	const struct zone_state *z = state_zone(cluster_state(k->cluster), w->c->name);

	if (!members_self(k))
		return err_set(e, ERR_REFUSED, "this node is not an admitted signer");
	if (!k->recovery_known)
		return err_set(e, ERR_REFUSED,
			       "node.recovery is not configured: a key that cannot be recovered is not made");
	if (z == NULL || zone_addition(z) == NULL)
		return err_set(e, ERR_NOTFOUND, "%s is not among the zones", w->c->text);
	return 0;
}

/* Says all that was generated, in one transaction.  Returns whether some have to be made again. */
static bool publish(struct making *m)
{
	bool again = look_who_receives(m->k, &m->to);
	struct err e;

	for (size_t i = 0; i < m->n && again; i++)
		unseal(&m->one[i]);

	for (size_t i = 0; i < m->n; i++) {
		struct one *o = &m->one[i];

		if (o->want.rc != 0)
			continue;
		o->clashes = !tag_is_free(m, o);
		if (o->clashes && o->want.given != NULL) {
			o->want.rc = err_set(&o->want.why, ERR_EXISTS, "%s: key %u/%u: the zone has, or had, a key with this tag",
					     o->want.c->text, key_tag(o->key), key_alg(o->key));
		} else if (o->clashes && ++o->tries == TAG_TRIES) {
			o->want.rc = err_set(&o->want.why, ERR_LIMIT, "%s: no free key tag found in %d tries",
					     o->want.c->text, TAG_TRIES);
		} else if (o->clashes) {
			unseal(o);
			key_free(o->key);
			o->key = NULL;
			again = true;
		}
	}
	if (again)
		return true;
	words_say(m->k, &e); /* what the turn has left */
	for (size_t i = 0; i < m->n; i++)
		if (m->one[i].want.rc == 0)
			add_words(m->k, &m->one[i]);
	if (words_say(m->k, &e) != 0)
		for (size_t i = 0; i < m->n; i++)
			if (m->one[i].want.rc == 0) {
				m->one[i].want.rc = -1;
				m->one[i].want.why = e;
			}
	return false;
}

static void finish(struct making *m)
{
	struct wanted_key *keys = mem_new(m->n + 1, sizeof(*keys));

	for (size_t i = 0; i < m->n; i++) {
		struct one *o = &m->one[i];

		keys[i] = o->want;
		keys[i].given = NULL;
		o->want.c->making = false;
		unseal(o);
		if (o->key != NULL && o->want.rc == 0)
			keys_keep_open(m->k, o->key);
		else
			key_free(o->key);
	}
	if (m->done != NULL)
		m->done(m->ctx, keys, m->n);
	free(keys);
	free(m->one);
	free(m);
}

static void on_generated(uv_work_t *work, int status)
{
	struct making *m = work->data;

	(void)status;
	if (m->k->stopping)
		for (size_t i = 0; i < m->n; i++)
			m->one[i].want.rc = err_set(&m->one[i].want.why, ERR_NOTNOW, "the daemon is stopping");
	else if (publish(m)) {
		uv_queue_work(&m->k->loop, &m->work, generate, on_generated);
		return;
	}
	m->k->makings--;
	finish(m);
}

static struct making *prepare(struct keydist *k, const struct wanted_key *keys, size_t n, struct err *e)
{
	struct making *m = mem_new(1, sizeof(*m));

	assert(n <= MAKE_MAX);
	m->k = k;
	m->work.data = m;
	look_who_receives(k, &m->to);
	m->one = mem_new(n + 1, sizeof(*m->one));
	for (size_t i = 0; i < n; i++) {
		const bool rsa = keys[i].alg == ALG_RSASHA256 || keys[i].alg == ALG_RSASHA512;
		struct one *o = &m->one[m->n++];
		struct policy p;

		o->want = keys[i];
		o->want.rc = 0;
		o->key = o->want.given;
		if (check_may_create(k, &o->want, e) != 0) {
			free(m->one);
			free(m);
			return NULL;
		}
		p = zone_policy(k, state_zone(cluster_state(k->cluster), o->want.c->name));
		o->bits = rsa ? (unsigned)(is_zsk(&o->want) ? p.zsk_bits : p.ksk_bits) : 0;
	}
	return m;
}

int keys_make(struct keydist *k, const struct wanted_key *keys, size_t n, keys_made_fn *done, void *ctx, struct err *e)
{
	struct making *m = prepare(k, keys, n, e);

	if (m == NULL)
		return -1;
	m->done = done;
	m->ctx = ctx;
	for (size_t i = 0; i < n; i++)
		keys[i].c->making = true;
	k->makings++;
	uv_queue_work(&k->loop, &m->work, generate, on_generated);
	return 0;
}

int keys_create(struct keydist *k, const struct zone_state *z, unsigned alg, const char *role,
		const uint8_t *instead, uint8_t hash_out[32], struct err *e)
{
	struct wanted_key want = { .c = zone_ctx(k, z->name, true), .alg = alg };
	struct making *m;
	int rc;

	strcpy(want.role, role);
	if (instead != NULL)
		memcpy(want.instead, instead, 32);
	if ((m = prepare(k, &want, 1, e)) == NULL)
		return -1;
	do
		generate(&m->work);
	while (publish(m));
	rc = m->one[0].want.rc;
	if (rc == 0)
		memcpy(hash_out, m->one[0].want.made, 32);
	else if (e != NULL)
		*e = m->one[0].want.why;
	finish(m);
	return rc;
}
