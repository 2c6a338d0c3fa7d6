/* SPDX-License-Identifier: BSD-3-Clause */
/* api_roll: rolling keys, withdrawing them, and an operator's word on the parent, over HTTP. */
#include "keydist/api.h"

#include "log/log.h"

#include <string.h>

struct roll {
	struct keydist *k;
	const struct life *l;
	const char *role; /* NULL: any */
	unsigned alg;
	bool now, dry;
	enum key_hold hold;
	json_t *keys, *calendar;
};

static void view(struct keydist *k, const struct zone_state *z, struct life *l)
{
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), l);
}

static bool in_use(const struct timeline_key *key)
{
	return !key->dead && !key->foreign && key->key->declined.n == 0 && !key->record[RECORD_DNSKEY].retiring;
}

/* ---- rolls ---- */

static bool stands_by(const struct timeline_key *key)
{
	return !key->dead && key->key->hold == HOLD_STANDBY && key->key->released == 0;
}

static bool has_standby(const struct life *l, const struct timeline_key *key)
{
	for (size_t i = 0; i < l->t.n; i++)
		for (size_t r = 0; r < KEY_REPLACES_MAX; r++)
			if (stands_by(&l->t.key[i]) && memcmp(l->t.key[i].key->replaces[r], key->key->hash, 32) == 0)
				return true;
	return false;
}

static bool is_other(const struct roll *r, const struct timeline_key *key)
{
	return key->alg != r->alg || r->l->policy.split == (key->sep && key->zone_signing);
}

static int roll_one(const struct roll *r, const struct timeline_key *key, struct err *e)
{
	const struct key_state *ks = key->key;
	const struct zone_state *z = r->l->in.zone;
	const unsigned tag = dnskey_tag(ks->dnskey, ks->dnskey_len);
	const bool existing = ks->roll && (ks->roll_now || !r->now);

	if (is_other(r, key) && r->hold == HOLD_STANDBY)
		return err_set(e, ERR_REFUSED, "key %u/%u: a standby key is of the algorithm and role of the one in use", tag,
			       key->alg);
	for (size_t i = 0; i < r->l->t.n; i++)
		if (r->l->t.key[i].foreign && !r->l->t.key[i].dead)
			return err_set(e, ERR_REFUSED, "%s has a key of another signer, which would not know of the new one: duetctl key "
				       "withdraw %s %u first", z->text, z->text,
				       dnskey_tag(r->l->t.key[i].key->dnskey, r->l->t.key[i].key->dnskey_len));
	if (has_standby(r->l, key))
		return err_set(e, ERR_REFUSED, "key %u/%u has a standby key: duetctl key release %s lets that take its place",
			       tag, key->alg, z->text);
	json_array_append_new(r->keys, json_pack("{s:o,s:i,s:i,s:s,s:b,s:o}", "hash", msg_json_hex(ks->hash, 32), "tag",
						 (int)tag, "algorithm", (int)key->alg, "role", ks->role, "existing", existing,
						 "calendar", api_calendar(r->l, key, r->alg, r->now, r->hold)));
	if (r->now)
		json_object_set_new(json_array_get(r->keys, json_array_size(r->keys) - 1), "faster",
				    faster_breaks(r->l, zone_ctx(r->k, z->name, true), key));
	if (r->dry || existing)
		return 0;
	if (keydist_say(r->k, "key.roll", z->name,
			json_pack("{s:o,s:b,s:o}", "key", msg_json_hex(ks->hash, 32), "now", r->now, "want",
				  lifetime_want(r->l, r->alg, r->hold)),
			e) != 0)
		return -1;
	log_event(LOG_NOTICE, "key-roll", "zone=%s key=%u/%u algorithm=%u", z->text, tag, key->alg, r->alg);
	return 0;
}

static int read_roll(struct roll *r, const struct http_request *q, struct err *e)
{
	json_int_t alg = 0;

	if (http_text_or(q->body, "role", NULL, &r->role, e) != 0 ||
	    http_int_or(q->body, "algorithm", r->l->p.algorithm, 0, 255, &alg, e) != 0)
		return -1;
	if (!key_algorithm_known((unsigned)alg))
		return err_set(e, ERR_SYNTAX, "algorithm: %lld, must be 8, 10, 13, 14, 15 or 16", (long long)alg);
	if (r->role != NULL && strcmp(r->role, "csk") != 0 && strcmp(r->role, "ksk") != 0 && strcmp(r->role, "zsk") != 0)
		return err_set(e, ERR_SYNTAX, "role: %s, must be csk, ksk or zsk", r->role);
	r->alg = (unsigned)alg;
	r->now = json_is_true(json_object_get(q->body, "now"));
	r->dry = json_is_true(json_object_get(q->body, "dry_run"));
	r->hold = json_is_true(json_object_get(q->body, "standby")) ? HOLD_STANDBY : r->l->policy.hold;
	return 0;
}

/* Of a key that comes in, and is what a new one would be: the key whose roll it is of, which is not over yet.  Who asks for
 * that roll again, a moment later or at another node, asks for no further one. */
static const struct timeline_key *under_way(const struct roll *r, const struct timeline_key *key)
{
	for (size_t i = 0; i < r->l->t.n && !is_other(r, key); i++) {
		const struct timeline_key *o = &r->l->t.key[i];

		for (size_t n = 0; n < KEY_REPLACES_MAX && !o->dead && o->key->roll; n++)
			if (memcmp(key->key->replaces[n], o->key->hash, 32) == 0)
				return o;
	}
	return NULL;
}

/* The keys that the request is about, each once. */
static size_t chosen(const struct roll *r, uint8_t hash[TIMELINE_KEYS_MAX][32])
{
	size_t n = 0;

	for (size_t i = 0; i < r->l->t.n; i++) {
		const struct timeline_key *key = &r->l->t.key[i], *old = under_way(r, key);
		size_t at = 0;

		if (!in_use(key) || stands_by(key) || (r->role != NULL && strcmp(r->role, key->key->role) != 0))
			continue;
		key = old != NULL ? old : key;
		while (at < n && memcmp(hash[at], key->key->hash, 32) != 0)
			at++;
		if (at == n)
			memcpy(hash[n++], key->key->hash, 32);
	}
	return n;
}

/* POST /v1/zones/{zone}/roll {"role"?,"algorithm"?,"now"?,"standby"?,"dry_run"?} */
static int on_roll(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	struct roll r = { .k = k };
	uint8_t hash[TIMELINE_KEYS_MAX][32];
	struct life l;
	size_t n;

	if (z == NULL)
		return -1;
	view(k, z, &l);
	r.l = &l;
	if (read_roll(&r, q, e) != 0)
		return -1;
	if (!l.t.secure)
		return err_set(e, ERR_REFUSED, "%s becomes insecure: there is nothing to roll", z->text);
	if ((n = chosen(&r, hash)) == 0)
		return err_set(e, ERR_NOTFOUND, "%s has no %s in use", z->text, r.role == NULL ? "key" : r.role);
	r.keys = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct timeline_key *key = NULL;

		view(k, z, &l); /* what was said changes it */
		for (size_t j = 0; j < l.t.n; j++)
			if (memcmp(l.t.key[j].key->hash, hash[i], 32) == 0)
				key = &l.t.key[j];
		if (key != NULL && roll_one(&r, key, e) != 0) {
			json_decref(r.keys);
			return -1;
		}
	}
	a->body = json_pack("{s:s,s:o,s:b}", "zone", z->text, "keys", r.keys, "dry_run", r.dry);
	return 0;
}

/* ---- steps by hand ---- */

/* Says that what waits of this key, or all of a standby key, is released. */
static int release_one(struct keydist *k, const struct zone_state *z, const struct timeline_key *key, bool dry, json_t *list,
		       struct err *e)
{
	const struct key_state *ks = key->key;
	const unsigned tag = dnskey_tag(ks->dnskey, ks->dnskey_len);

	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		const bool out = key->record[r].waits_out, all = stands_by(key);
		const char *record = all ? "all" : key_record_names[r];

		if (!out && !key->record[r].waits_in && !all)
			continue;
		json_array_append_new(list, json_pack("{s:o,s:i,s:i,s:s,s:s,s:b}", "hash", msg_json_hex(ks->hash, 32), "tag",
						      (int)tag, "algorithm", (int)key->alg, "role", ks->role, "record", record,
						      "goes", out));
		if (!dry && keydist_say(k, "key.release", z->name,
					json_pack("{s:o,s:s,s:b}", "key", msg_json_hex(ks->hash, 32), "record", record, "goes",
						  out),
					e) != 0)
			return -1;
		if (!dry)
			log_event(LOG_NOTICE, "key-release", "zone=%s key=%u/%u record=%s %s", z->text, tag, key->alg, record,
				  out ? "goes" : "comes");
		if (all)
			break;
	}
	return 0;
}

/* POST /v1/zones/{zone}/release {"key"?,"dry_run"?}: the steps that wait for a word now. */
static int on_release(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	const bool dry = json_is_true(json_object_get(q->body, "dry_run"));
	const char *which;
	json_t *list;
	struct life l;

	if (z == NULL || http_text_or(q->body, "key", NULL, &which, e) != 0)
		return -1;
	view(k, z, &l);
	list = json_array();
	for (size_t i = 0; i < l.t.n; i++)
		if (api_key_is(l.t.key[i].key, which) && release_one(k, z, &l.t.key[i], dry, list, e) != 0) {
			json_decref(list);
			return -1;
		}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return err_set(e, ERR_NOTFOUND, "%s: no step waits for a word now (duetctl key explain)", z->text);
	}
	a->body = json_pack("{s:o,s:b}", "steps", list, "dry_run", dry);
	return 0;
}

/* ---- secure and insecure ---- */

int api_secure(struct keydist *k, const struct zone_state *z, bool secure, struct err *e)
{
	const uint64_t rev = z->secure.set ? z->secure.rev : 0;
	const bool is = !z->secure.set || json_is_true(json_object_get(z->secure.body, "secure"));

	if (is == secure)
		return 0;
	if (keydist_say(k, "zone.secure", z->name, json_pack("{s:b,s:I}", "secure", secure, "rev", (json_int_t)rev + 1), e) !=
	    0)
		return -1;
	log_event(LOG_NOTICE, secure ? "zone-secure" : "zone-insecure", "zone=%s", z->text);
	return 0;
}

/* POST /v1/zones/{zone}/withdraw: all keys go, in the order in which no validator notices. */
static int on_withdraw(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct zone_state *z = api_zone(ctx, q->segment[0], true, e);

	(void)a;
	return z == NULL ? -1 : api_secure(ctx, z, false, e);
}

/* ---- the parent, as an operator sees it ---- */

/* POST /v1/zones/{zone}/parent {"seen","key"?,"ttl"?}: without key of all whose DS is waited for. */
static int on_parent(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	const bool seen = json_is_true(json_object_get(q->body, "seen"));
	json_t *said;
	json_int_t ttl = 0;
	const char *which;
	struct life l;

	if (z == NULL || http_text_or(q->body, "key", NULL, &which, e) != 0 ||
	    http_int_or(q->body, "ttl", 86400, 0, INT32_MAX, &ttl, e) != 0)
		return -1;
	view(k, z, &l);
	said = json_array();
	for (size_t i = 0; i < l.t.n; i++) {
		const struct timeline_key *key = &l.t.key[i];
		const struct key_state *ks = key->key;
		const struct record_view *ds = &key->record[RECORD_DS];
		const unsigned tag = dnskey_tag(ks->dnskey, ks->dnskey_len);

		if (!key->sep || key->dead || !api_key_is(ks, which) ||
		    (which == NULL && (seen ? !ds->show || ds->retiring : ds->show || !ds->any_serves)))
			continue;
		json_array_append_new(said, json_pack("{s:o,s:i}", "hash", msg_json_hex(ks->hash, 32), "tag", (int)tag));
		if (keydist_say(k, "key.ds", z->name,
				json_pack("{s:o,s:b,s:I,s:I}", "key", msg_json_hex(ks->hash, 32), "seen", seen, "ttl",
					  (json_int_t)ttl, "rev", (json_int_t)(ks->at_parent.set ? ks->at_parent.rev : 0) + 1),
				e) != 0) {
			json_decref(said);
			return -1;
		}
		log_event(LOG_NOTICE, seen ? "ds-seen" : "ds-gone", "zone=%s key=%u/%u msg=by an operator's word", z->text, tag,
			  key->alg);
	}
	if (json_array_size(said) == 0) {
		json_decref(said);
		return err_set(e, ERR_NOTFOUND, "%s: no such key whose DS is waited for", z->text);
	}
	a->body = json_pack("{s:o}", "keys", said);
	return 0;
}

const struct http_route roll_routes[] = {
	{ "POST", "/v1/zones/{zone}/roll", HTTP_BODY_SMALL, on_roll },
	{ "POST", "/v1/zones/{zone}/release", HTTP_BODY_SMALL, on_release },
	{ "POST", "/v1/zones/{zone}/withdraw", HTTP_BODY_SMALL, on_withdraw },
	{ "POST", "/v1/zones/{zone}/parent", HTTP_BODY_SMALL, on_parent },
};
const size_t roll_route_count = sizeof(roll_routes) / sizeof(roll_routes[0]);
