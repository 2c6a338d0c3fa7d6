/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_public: DNSKEYs of a signer that is none of ours, from which a zone moves here though its private keys do not.
 *
 * They are shown beside our own from all signers, until an operator says that nobody serves any more what that signer
 * signed (docs/migrate.md).
 */
#include "keydist/api.h"

#include "arena/arena.h"
#include "log/log.h"

#include <string.h>

#define PUBLIC_MAX 16

struct public_keys {
	struct keydist *k;
	const struct zone_state *z;
	const struct life *l;
	struct key *key[PUBLIC_MAX];
	size_t n;
	uint32_t ttl; /* the largest that a record has; 0: none has one */
};

static int read_files(struct public_keys *p, const json_t *files, struct err *e)
{
	const json_t *path;
	size_t i;

	if (!json_is_array(files) || json_array_size(files) == 0)
		return err_set(e, ERR_SYNTAX, "files: must be a list of paths");
	json_array_foreach(files, i, path)
	{
		const char *text = json_string_value(path);

		if (text == NULL || text[0] != '/')
			return err_set(e, ERR_SYNTAX, "files: must be a list of absolute paths");
		if (key_public_list(text, p->z->name, p->key, PUBLIC_MAX, &p->n, &p->ttl, e) != 0)
			return -1;
	}
	return 0;
}

static const char *role_of(const struct public_keys *p, const struct key *key)
{
	if ((key_flags(key) & DNSKEY_FLAG_SEP) == 0)
		return "zsk";
	for (size_t i = 0; i < p->n; i++)
		if ((key_flags(p->key[i]) & DNSKEY_FLAG_SEP) == 0)
			return "ksk";
	return "csk";
}

/* The algorithm that our own keys have, or are to have. */
static unsigned our_algorithm(const struct life *l)
{
	for (size_t i = 0; i < l->t.n; i++)
		if (!l->t.key[i].foreign && !l->t.key[i].dead && l->t.key[i].key->declined.n == 0)
			return l->t.key[i].alg;
	return l->policy.algorithm;
}

/* We wait as long as what we publish may be cached; what that signer published longer would be in caches still. */
static int check_ttl(const struct public_keys *p, struct err *e)
{
	const struct policy *policy = &p->l->p;

	if (p->ttl <= policy->dnskey_ttl_s)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "the DNSKEY RRset there has a TTL of %u s, and dnskey-ttl of policy %s is %lld s: caches would keep it for longer than "
		       "we wait.  Raise dnskey-ttl to %u s or more", p->ttl, policy->name, (long long)policy->dnskey_ttl_s, p->ttl);
}

/* What only a person can see to. */
static const char *to_check(const struct public_keys *p)
{
	return p->ttl > 0 ? "lower no TTL of the zone's records until these keys are withdrawn and gone"
			  : "the records name no TTL: see that dnskey-ttl of the policy is not below that of the DNSKEY RRset there; and lower "
			    "no TTL of the zone's records until these keys are withdrawn and gone";
}

static int check_one(const struct public_keys *p, const struct key *key, struct err *e)
{
	const struct key_state *known = zone_key(p->z, key_hash(key));
	const unsigned tag = key_tag(key), alg = key_alg(key);
	size_t len;
	const uint8_t *rdata = key_rdata(key, &len);

	if (key_flags(key) != 256 && key_flags(key) != 257)
		return err_set(e, ERR_REFUSED, "key %u/%u: flags %u, must be 256 or 257", tag, alg, key_flags(key));
	if (alg != our_algorithm(p->l))
		return err_set(e, ERR_REFUSED,
			       "key %u/%u: ours are of algorithm %u, and a zone is signed whole with each algorithm that "
			       "it has: move it with keys of algorithm %u (policy), and roll afterwards",
			       tag, alg, our_algorithm(p->l), alg);
	if (known != NULL && known->created && !known->foreign)
		return err_set(e, ERR_EXISTS, "key %u/%u is one of ours", tag, alg);
	if (known != NULL && known->record[RECORD_DNSKEY].stopped.n > 0)
		return err_set(e, ERR_REFUSED, "key %u/%u was withdrawn, which is final", tag, alg);
	for (size_t i = 0; i < p->z->keys; i++) {
		const struct key_state *o = &p->z->key[i];

		if (o != known && o->created && dnskey_tags_clash(o->tags, dnskey_tags(rdata, len)))
			return err_set(e, ERR_REFUSED, "key %u/%u: a key of the zone has or had this tag", tag, alg);
	}
	return 0;
}

static int say_one(const struct public_keys *p, const struct key *key, json_t *list, struct err *e)
{
	const struct zone_state *z = p->z;
	size_t len;
	const uint8_t *rdata = key_rdata(key, &len);

	if ((zone_key(z, key_hash(key)) == NULL || !zone_key(z, key_hash(key))->created) &&
	    keydist_say(p->k, "key.created", z->name,
			json_pack("{s:o,s:o,s:s,s:b,s:[],s:[]}", "key", msg_json_hex(key_hash(key), 32), "dnskey",
				  msg_json_base64(rdata, len), "role", role_of(p, key), "foreign", 1, "boxes", "recovery"),
			e) != 0)
		return -1;
	log_event(LOG_NOTICE, "key-foreign", "zone=%s key=%u/%u role=%s", z->text, key_tag(key), key_alg(key),
		  role_of(p, key));
	z = state_zone(cluster_state(p->k->cluster), z->name);
	json_array_append_new(list, api_key_brief(zone_key(z, key_hash(key))));
	return 0;
}

/* POST /v1/zones/{zone}/keys/public {"files":[PATH,..]}: all of them, or none. */
static int on_public(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	struct public_keys p = { .k = k, .z = api_zone(k, q->segment[0], true, e) };
	json_t *list;
	struct life l;
	int rc;

	if (p.z == NULL)
		return -1;
	life_view(k, zone_ctx(k, p.z->name, true), state_zone(cluster_state(k->cluster), p.z->name), &l);
	p.l = &l;
	rc = l.t.secure ? read_files(&p, json_object_get(q->body, "files"), e)
			: err_set(e, ERR_REFUSED, "%s is to be insecure", p.z->text);
	rc = rc == 0 ? check_ttl(&p, e) : rc;
	for (size_t i = 0; i < p.n && rc == 0; i++)
		rc = check_one(&p, p.key[i], e);
	list = json_array();
	for (size_t i = 0; i < p.n && rc == 0; i++)
		rc = say_one(&p, p.key[i], list, e);
	for (size_t i = 0; i < p.n; i++)
		key_free(p.key[i]);
	if (rc == 0)
		a->body = json_pack("{s:O,s:b,s:s}", "keys", list, "existing", 0, "check", to_check(&p));
	json_decref(list);
	return rc;
}

/* POST /v1/zones/{zone}/keys/{key}/withdraw: of a foreign key. */
static int on_withdraw(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	const struct timeline_key *key;
	struct life l;

	if (z == NULL)
		return -1;
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), &l);
	if ((key = api_find_key(&l, q->segment[1], e)) == NULL)
		return -1;
	if (!key->foreign)
		return err_set(e, ERR_REFUSED, "key %s is one of ours: duetctl key roll replaces it", q->segment[1]);
	if (!key->key->withdrawn &&
	    keydist_say(k, "key.withdrawn", z->name, json_pack("{s:o}", "key", msg_json_hex(key->key->hash, 32)), e) != 0)
		return -1;
	log_event(LOG_NOTICE, "key-withdrawn", "zone=%s key=%u/%u", z->text,
		  dnskey_tag(key->key->dnskey, key->key->dnskey_len), key->alg);
	a->body = api_key_brief(key->key);
	return 0;
}

const struct http_route public_routes[] = {
	{ "POST", "/v1/zones/{zone}/keys/public", HTTP_BODY_SMALL, on_public },
	{ "POST", "/v1/zones/{zone}/keys/{key}/withdraw", HTTP_BODY_SMALL, on_withdraw },
};
const size_t public_route_count = sizeof(public_routes) / sizeof(public_routes[0]);
