/* SPDX-License-Identifier: BSD-3-Clause */
/* plan: keydist's word on a zone, believed only as far as it can be checked. */
#include "signer/engine/plan.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "msg/msg.h"
#include "seal/seal.h"
#include "signer/engine/sharedpolicy.h"

#define KEYS_MAX      16
#define READY_MAX     8
#define READY_OCTETS  65535
#define RECORDS_MAX   64
#define SHOWS_MAX     16384
#define DS_OCTETS     256
#define CHILDREN_MAX  1000000

static const char *const state_text[] = {
	[PLAN_HELD] = "held", [PLAN_UNSIGNED] = "unsigned", [PLAN_SIGNED] = "signed", [PLAN_KEEP] = "keep",
};

const char *plan_state_text(enum plan_state state)
{
	return state_text[state];
}

struct plan *plan_ref(struct plan *p)
{
	p->refs++;
	return p;
}

int plan_keys_use(struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (ring_key_use(p->held[i], e) != 0) {
			while (i > 0)
				ring_key_done(p->held[--i]);
			return -1;
		}
	return 0;
}

void plan_keys_done(struct plan *p)
{
	for (size_t i = 0; i < p->key_count; i++)
		ring_key_done(p->held[i]);
}

void plan_unref(struct plan *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	for (size_t i = 0; i < p->key_count; i++)
		ring_key_unref(p->held[i]);
	free(p->held);
	free(p->keys);
	free(p->unpublished);
	free(p->source);
	json_decref(p->seeds);
	json_decref(p->foreign);
	json_decref(p->lost);
	json_decref(p->audit_words);
	free(p->shows);
	policy_unshare(p->policy);
	arena_free(p->arena);
	free(p);
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

static int64_t sig_expiration(const struct rr *sig, int64_t now)
{
	struct rd r = rd_of(sig->rdata, sig->rdlen);

	rd_bytes(&r, 8);
	return now + (int32_t)(rd_u32(&r) - (uint32_t)now); /* RFC 4034 section 3.1.5 */
}

/* One RRset and its RRSIGs from a record stream. */
static int ready_read(struct plan *p, const json_t *o, const uint8_t *apex, struct ready_rrset *out,
		      struct plan_stream *stream, struct err *e)
{
	const char *type_text = msg_text(o, "type", 16, e);
	struct rr rr, rrs[RECORDS_MAX], sigs[RECORDS_MAX];
	uint8_t *octets;
	size_t len;
	struct rd r;
	uint16_t type;
	int rc;

	if (type_text == NULL)
		return -1;
	type = rr_type_from_text(type_text);
	if (type != TYPE_DNSKEY && type != TYPE_CDS && type != TYPE_CDNSKEY)
		return err_set(e, ERR_REFUSED, "ready RRset of type %s", type_text);
	if ((octets = msg_base64(o, "rrset", READY_OCTETS, &len, e)) == NULL)
		return -1;
	*stream = (struct plan_stream){ arena_dup(p->arena, octets, len), len };
	free(octets);
	r = rd_of(stream->octets, len);
	while ((rc = rr_read(&r, &rr, e)) == 1) {
		bool sig = rr.type == TYPE_RRSIG;

		if (!dname_equal(rr.owner, apex) || (!sig && rr.type != type))
			return err_set(e, ERR_REFUSED, "ready %s RRset holds a record that is none", type_text);
		if (out->n == RECORDS_MAX || out->sig_count == RECORDS_MAX)
			return err_set(e, ERR_LIMIT, "ready %s RRset has more than %d records", type_text, RECORDS_MAX);
		if (sig)
			sigs[out->sig_count++] = rr;
		else
			rrs[out->n++] = rr;
	}
	if (rc != 0 || out->n == 0 || out->sig_count == 0)
		return rc != 0 ? -1 : err_set(e, ERR_REFUSED, "ready %s RRset is empty or not signed", type_text);
	qsort(rrs, out->n, sizeof(struct rr), by_rr);
	qsort(sigs, out->sig_count, sizeof(struct rr), by_rr);
	out->rrs = arena_dup(p->arena, rrs, out->n * sizeof(struct rr));
	out->sigs = arena_dup(p->arena, sigs, out->sig_count * sizeof(struct rr));
	return 0;
}

static const struct ready_rrset *find_ready(const struct plan *p, uint16_t type)
{
	for (size_t i = 0; i < p->ready_count; i++)
		if (p->ready[i].rrs[0].type == type)
			return &p->ready[i];
	return NULL;
}

/* The same RRsets under the same RRSIGs, which were verified then. */
static bool ready_known(const struct plan *p, const struct plan *before)
{
	if (before == NULL || before->ready_count != p->ready_count)
		return false;
	for (size_t i = 0; i < p->ready_count; i++)
		if (p->stream[i].len != before->stream[i].len ||
		    memcmp(p->stream[i].octets, before->stream[i].octets, p->stream[i].len) != 0)
			return false;
	return true;
}

/* The RRSIG has not expired, and is right for some of the keys unless it is known to be. */
static int sig_check(struct plan *p, const struct ready_rrset *set, const struct rr *sig, const uint8_t *apex,
		     struct key *const *key, size_t keys, bool known, int64_t now, struct err *e)
{
	const int64_t expiration = sig_expiration(sig, now);
	bool right = known;

	for (size_t k = 0; k < keys && !right; k++)
		right = rrsig_verify(set->rrs, set->n, sig, apex, key[k], NULL) == 0;
	if (!right)
		return err_set(e, ERR_CRYPTO, "an RRSIG of a ready RRset is wrong");
	if (expiration <= now)
		return err_set(e, ERR_REFUSED, "an RRSIG of a ready RRset has expired");
	if (expiration < p->ready_until)
		p->ready_until = expiration;
	return 0;
}

/* Every RRSIG of every ready RRset is right for some key of the DNSKEY RRset, or, of the others, for one that signs the zone
 * without standing there; and has not expired. */
static int ready_verify(struct plan *p, const uint8_t *apex, const struct plan *before, int64_t now, struct err *e)
{
	const struct ready_rrset *dnskey = find_ready(p, TYPE_DNSKEY);
	const bool known = ready_known(p, before);
	struct key *key[RECORDS_MAX + KEYS_MAX] = { NULL };
	size_t all;
	int rc = 0;

	if (dnskey == NULL)
		return err_set(e, ERR_REFUSED, "no DNSKEY RRset");
	all = dnskey->n;
	for (size_t i = 0; i < dnskey->n && rc == 0 && !known; i++)
		rc = key_from_dnskey(dnskey->rrs[i].rdata, dnskey->rrs[i].rdlen, &key[i], e);
	for (size_t i = 0; i < p->key_count && rc == 0; i++)
		if (p->unpublished[i])
			key[all++] = p->keys[i];
	for (size_t i = 0; i < p->ready_count; i++)
		for (size_t j = 0; j < p->ready[i].sig_count && rc == 0; j++)
			rc = sig_check(p, &p->ready[i], &p->ready[i].sigs[j], apex, key,
				       &p->ready[i] == dnskey ? dnskey->n : all, known, now, e);
	for (size_t i = 0; i < dnskey->n; i++)
		key_free(key[i]);
	return rc;
}

static struct ring_key *key_known(const struct plan *before, const uint8_t hash[KEY_HASH_LEN], const uint8_t *box,
				  size_t len)
{
	for (size_t i = 0; before != NULL && i < before->key_count; i++)
		if (ring_key_is(before->held[i], hash, box, len))
			return ring_key_ref(before->held[i]);
	return NULL;
}

/* Opens one box; the key is one of the DNSKEY RRset, or the plan says that it is not. */
static int key_read(struct plan *p, const json_t *o, const uint8_t *apex, const struct engine_identity *id,
		    const struct plan *before, struct err *e)
{
	const struct ready_rrset *dnskey = find_ready(p, TYPE_DNSKEY);
	uint8_t hash[KEY_HASH_LEN], *rdata = NULL, *box = NULL;
	struct ring_key *k = NULL;
	size_t rdata_len, box_len;
	const bool published = !json_is_false(json_object_get(o, "published"));
	bool listed = false;

	if (msg_hex(o, "hash", hash, sizeof(hash), e) != 0 ||
	    (rdata = msg_base64(o, "dnskey", KEY_RDATA_MAX, &rdata_len, e)) == NULL ||
	    (box = msg_base64(o, "box", SEAL_MAX, &box_len, e)) == NULL)
		goto out;
	for (size_t i = 0; dnskey != NULL && i < dnskey->n; i++)
		listed = listed || (dnskey->rrs[i].rdlen == rdata_len &&
				    memcmp(dnskey->rrs[i].rdata, rdata, rdata_len) == 0);
	if (listed != published)
		err_set(e, ERR_REFUSED, published ? "a signing key is not in the DNSKEY RRset"
						  : "a signing key is in the DNSKEY RRset, and is said not to be");
	else if ((k = key_known(before, hash, box, box_len)) == NULL &&
		 ring_key_new(apex, hash, rdata, rdata_len, box, box_len, id, &k, e) != 0)
		k = NULL;
	if (k != NULL) {
		p->held[p->key_count] = k;
		p->unpublished[p->key_count] = !published;
		p->keys[p->key_count++] = ring_key(k);
	}
out:
	free(rdata);
	free(box);
	return k == NULL ? -1 : 0;
}

/* What a version is made of; a plan with another hash asks for a new version. */
static void plan_digest(struct plan *p)
{
	const uint64_t head[] = { (uint64_t)p->state, (uint64_t)p->policy->denial, (uint64_t)p->policy->nsec3_iterations,
				  (uint64_t)p->policy->nsec3_salt_len, p->steps };
	crypto_hash_sha256_state c;

	crypto_hash_sha256_init(&c);
	crypto_hash_sha256_update(&c, (const uint8_t *)head, sizeof(head));
	if (p->policy->zonemd != 0)
		crypto_hash_sha256_update(&c, (const uint8_t *)&p->policy->zonemd, sizeof(p->policy->zonemd));
	crypto_hash_sha256_update(&c, (const uint8_t *)p->shows, strlen(p->shows) + 1);
	for (size_t i = 0; i < p->key_count; i++)
		crypto_hash_sha256_update(&c, key_hash(p->keys[i]), KEY_HASH_LEN);
	for (size_t i = 0; i < p->ready_count; i++)
		for (size_t j = 0; j < p->ready[i].n; j++) {
			const struct rr *rr = &p->ready[i].rrs[j];

			crypto_hash_sha256_update(&c, (const uint8_t *)&rr->type, sizeof(rr->type));
			crypto_hash_sha256_update(&c, (const uint8_t *)&rr->ttl, sizeof(rr->ttl));
			crypto_hash_sha256_update(&c, rr->rdata, rr->rdlen);
		}
	crypto_hash_sha256_final(&c, p->hash);
}

static int signed_read(struct plan *p, const json_t *msg, const uint8_t *apex, const struct engine_identity *id,
		       const struct plan *before, int64_t now, struct err *e)
{
	const json_t *ready = json_object_get(msg, "ready"), *keys = json_object_get(msg, "keys");
	bool any = false;
	int rc;

	if (!json_is_array(ready) || json_array_size(ready) > READY_MAX || !json_is_array(keys) ||
	    json_array_size(keys) > KEYS_MAX || json_array_size(keys) == 0)
		return err_set(e, ERR_SYNTAX, "ready, keys: lists of at most %d and 1 to %d", READY_MAX, KEYS_MAX);
	p->ready = arena_alloc(p->arena, READY_MAX, sizeof(*p->ready));
	p->stream = arena_alloc(p->arena, READY_MAX, sizeof(*p->stream));
	for (size_t i = 0; i < json_array_size(ready); i++) {
		if (ready_read(p, json_array_get(ready, i), apex, &p->ready[p->ready_count],
			       &p->stream[p->ready_count], e) != 0)
			return -1;
		p->ready_count++;
	}
	p->keys = mem_new(json_array_size(keys), sizeof(*p->keys));
	p->held = mem_new(json_array_size(keys), sizeof(*p->held));
	p->unpublished = mem_new(json_array_size(keys), sizeof(*p->unpublished));
	for (size_t i = 0; i < json_array_size(keys); i++)
		if (key_read(p, json_array_get(keys, i), apex, id, before, e) != 0)
			return err_ctx(e, "key %zu", i + 1);
	for (size_t i = 0; i < p->key_count; i++)
		any = any || p->unpublished[i];
	if (any && plan_keys_use(p, e) != 0) /* it verifies, too */
		return -1;
	rc = ready_verify(p, apex, before, now, e);
	if (any)
		plan_keys_done(p);
	return rc;
}

static int state_read(struct plan *p, const json_t *msg, struct err *e)
{
	const char *text = msg_text(msg, "state", 16, e);

	for (int i = PLAN_HELD; text != NULL && i <= PLAN_KEEP; i++)
		if (strcmp(text, state_text[i]) == 0) {
			p->state = (enum plan_state)i;
			return 0;
		}
	return text == NULL ? -1 : err_set(e, ERR_SYNTAX, "state %s", text);
}

static int shows_read(struct plan *p, const json_t *msg, struct err *e)
{
	const json_t *shows = json_object_get(msg, "shows");

	if (!json_is_object(shows))
		return err_set(e, ERR_SYNTAX, "shows: must be an object");
	p->shows = json_dumps(shows, JSON_COMPACT | JSON_SORT_KEYS);
	return strlen(p->shows) <= SHOWS_MAX ? 0 : err_set(e, ERR_LIMIT, "shows: at most %d octets", SHOWS_MAX);
}

static int policy_read(struct plan *p, const json_t *msg, struct err *e)
{
	struct policy policy;

	if (policy_from_json(json_object_get(msg, "policy"), &policy, e) != 0)
		return -1;
	p->policy = policy_share(&policy);
	return 0;
}

static int floor_read(struct plan *p, const json_t *msg, struct err *e)
{
	const json_t *floor = json_object_get(msg, "floor");
	uint64_t serial;

	if (floor == NULL || json_is_null(floor))
		return 0;
	if (msg_uint(floor, "serial", UINT32_MAX, &serial, e) != 0)
		return -1;
	p->floor = (uint32_t)serial;
	return 0;
}

/* ---- DS of zones below ---- */

static int by_owner(const void *a, const void *b)
{
	return dname_cmp(((const struct zone_given *)a)->owner, ((const struct zone_given *)b)->owner);
}

static int given_read(struct plan *p, const json_t *o, const uint8_t *apex, struct zone_given *out, struct err *e)
{
	const json_t *ds = json_object_get(o, "ds");
	uint8_t owner[DNAME_MAX], lower[DNAME_MAX];
	uint64_t ttl;
	struct rr *rr;
	size_t len;

	if (msg_name(o, "zone", owner, e) != 0 || msg_uint(o, "ttl", INT32_MAX, &ttl, e) != 0)
		return -1;
	if (!dname_is_within(owner, apex) || dname_equal(owner, apex) || !json_is_array(ds) || json_array_size(ds) > RECORDS_MAX)
		return err_set(e, ERR_REFUSED, "a child that is not below the zone, or with more than %d DS", RECORDS_MAX);
	len = dname_lower(owner, lower);
	out->owner = arena_dup(p->arena, lower, len);
	out->n = json_array_size(ds);
	out->rr = rr = arena_alloc(p->arena, out->n + 1, sizeof(*rr));
	for (size_t i = 0; i < out->n; i++) {
		json_t *one = json_pack("{s:O}", "ds", json_array_get(ds, i));
		uint8_t *rdata = msg_base64(one, "ds", DS_OCTETS, &len, e);

		json_decref(one);
		if (rdata == NULL)
			return -1;
		rr[i] = (struct rr){ .owner = out->owner, .rdata = arena_dup(p->arena, rdata, len), .ttl = (uint32_t)ttl,
				     .type = TYPE_DS, .rdlen = (uint16_t)len };
		free(rdata);
		if (rdata_check(TYPE_DS, rr[i].rdata, rr[i].rdlen, e) != 0)
			return -1;
	}
	return 0;
}

/* Where the source's serial numbers the content, another DS cannot: then the input's are as they are. */
static int children_read(struct plan *p, const json_t *msg, const uint8_t *apex, struct err *e)
{
	const json_t *list = json_object_get(msg, "children"), *o;
	char *text;
	size_t i;

	if (list == NULL || policy_order(p->policy, p->source) != POLICY_ORDER_SEEN)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > CHILDREN_MAX)
		return err_set(e, ERR_SYNTAX, "children: a list of at most %d", CHILDREN_MAX);
	p->given = arena_alloc(p->arena, json_array_size(list) + 1, sizeof(*p->given));
	json_array_foreach(list, i, o)
		if (given_read(p, o, apex, &p->given[p->given_count++], e) != 0)
			return err_ctx(e, "child %zu", i + 1);
	qsort(p->given, p->given_count, sizeof(*p->given), by_owner);
	text = json_dumps(list, JSON_COMPACT);
	crypto_hash_sha256(p->given_hash, (const uint8_t *)text, strlen(text));
	free(text);
	return 0;
}

static int override_read(struct plan *p, const json_t *msg, struct err *e)
{
	const json_t *o = json_object_get(msg, "override");
	struct plan_override *to = &p->override;
	const char *node, *reason;
	uint64_t serial;

	if (o == NULL || json_is_null(o))
		return 0;
	if ((node = msg_text(o, "node", NODE_ID_TEXT, e)) == NULL || (reason = msg_text(o, "reason", 1000, e)) == NULL ||
	    msg_uint(o, "serial", UINT32_MAX, &serial, e) != 0 || msg_hex(o, "digest", to->digest, sizeof(to->digest), e) != 0 ||
	    msg_uint(o, "rev", INT64_MAX, &to->rev, e) != 0)
		return err_ctx(e, "override");
	to->serial = (uint32_t)serial;
	to->node = arena_strdup(p->arena, node);
	to->reason = arena_strdup(p->arena, reason);
	return 0;
}

static void watch_read(struct plan *p, const json_t *list)
{
	const json_t *o;
	size_t i;

	p->watch = arena_alloc(p->arena, json_array_size(list) + 1, sizeof(*p->watch));
	json_array_foreach(list, i, o)
		if (i < OBSERVED_SERVERS_MAX && json_is_string(o) &&
		    addr_parse(json_string_value(o), 53, &p->watch[p->watches], NULL) == 0)
			p->watches++;
}

int plan_read(const json_t *msg, const uint8_t *apex, const struct engine_identity *id, const struct plan *before,
	      int64_t now, struct plan **out, struct err *e)
{
	struct plan *p = mem_new(1, sizeof(*p));
	const char *source;

	p->refs = 1;
	p->arena = arena_new();
	p->ready_until = INT64_MAX;
	p->gone = json_is_true(json_object_get(msg, "gone"));
	p->hold = json_is_true(json_object_get(msg, "hold"));
	p->set_back = json_is_true(json_object_get(msg, "set_back"));
	p->look_keys = json_is_true(json_object_get(json_object_get(msg, "look"), "dnskey"));
	p->look_ds = json_is_true(json_object_get(json_object_get(msg, "look"), "ds"));
	p->look_ns = json_is_true(json_object_get(json_object_get(msg, "look"), "ns"));
	watch_read(p, json_object_get(json_object_get(msg, "look"), "watch"));
	if (msg_uint(msg, "rev", INT64_MAX, &p->rev, e) != 0)
		p->rev = 0;
	if (p->gone)
		goto good;
	if ((source = msg_text(msg, "source", 1024, e)) == NULL || state_read(p, msg, e) != 0 ||
	    policy_read(p, msg, e) != 0 || floor_read(p, msg, e) != 0 ||
	    override_read(p, msg, e) != 0 ||
	    shows_read(p, msg, e) != 0 ||
	    msg_uint(msg, "steps", INT64_MAX, &p->steps, e) != 0 || msg_uint(msg, "epoch", INT64_MAX, &p->epoch, e) != 0)
		goto bad;
	p->source = mem_strdup(source);
	p->seeds = json_incref(json_object_get(msg, "seeds"));
	p->foreign = json_incref(json_object_get(msg, "foreign"));
	p->lost = json_incref(json_object_get(msg, "lost"));
	if (children_read(p, msg, apex, e) != 0)
		goto bad;
	if (p->state == PLAN_SIGNED && signed_read(p, msg, apex, id, before, now, e) != 0)
		goto bad;
	plan_digest(p);
good:
	*out = p;
	return 0;
bad:
	plan_unref(p);
	return -1;
}
