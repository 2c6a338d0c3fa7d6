/* SPDX-License-Identifier: BSD-3-Clause */
/* api_many: zones and keys by the list, each list in one transaction; and how far they have got. */
#include "keydist/api.h"

#include "arena/arena.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX (1u << 20)

/* ---- zones ---- */

static void refuse(json_t *refused, const char *zone, const struct err *e)
{
	json_array_append_new(refused, json_pack("{s:s,s:s,s:s}", "zone", zone == NULL ? "" : zone, "error",
						 err_word(e->code), "message", e->text));
}

static const json_t *list_of(const struct http_request *q, struct err *e)
{
	const json_t *list = json_object_get(q->body, "zones");

	if (json_is_array(list) && json_array_size(list) >= 1 && json_array_size(list) <= MAKE_MAX)
		return list;
	err_set(e, ERR_SYNTAX, "zones: must be a list of 1 to %d", MAKE_MAX);
	return NULL;
}

/* POST /v1/many/zones: {"zones":[{"zone","source","policy"?},..]} */
static int on_zones(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const json_t *list = list_of(q, e);
	json_t *refused = json_array(), *row;
	json_int_t there = 0;
	uint8_t(*name)[DNAME_MAX] = mem_new(MAKE_MAX, sizeof(*name));
	struct cluster_word *word = mem_new(MAKE_MAX, sizeof(*word));
	size_t i, n = 0;
	struct err why;
	int rc = list == NULL ? -1 : 0;

	json_array_foreach(list, i, row)
	{
		if (api_zone_add(k, row, &word[n], name[n], &why) != 0)
			refuse(refused, json_string_value(json_object_get(row, "zone")), &why);
		else if (word[n].body == NULL)
			there++;
		else
			n++;
	}
	if (rc == 0 && n > 0)
		rc = cluster_say(k->cluster, word, n, e);
	if (rc == 0) {
		if (n > 0)
			log_event(LOG_NOTICE, "zones-added", "zones=%zu", n);
		a->body = json_pack("{s:I,s:I,s:O}", "added", (json_int_t)n, "existing", there, "refused", refused);
	}
	for (i = 0; i < n; i++)
		json_decref(word[i].body);
	json_decref(refused);
	free(word);
	free(name);
	return rc;
}

/* ---- keys ---- */

/* What a zone is to have: the roles that are asked for, or that its policy wants. */
struct wish {
	unsigned alg;
	const char *role[2];
};

static int read_wish(struct keydist *k, const struct zone_state *z, const json_t *body, struct wish *w, struct err *e)
{
	const struct policy p = zone_policy(k, z);
	const char *role = NULL;
	json_int_t alg = 0;

	*w = (struct wish){ .role = { "csk" } };
	if (http_int_or(body, "algorithm", p.algorithm, 0, 255, &alg, e) != 0 ||
	    http_text_or(body, "role", NULL, &role, e) != 0)
		return -1;
	if (!key_algorithm_known((unsigned)alg))
		return err_set(e, ERR_SYNTAX, "algorithm: %lld, must be 8, 10, 13, 14, 15 or 16",
			       (long long)alg);
	if (role != NULL && strcmp(role, "csk") != 0 && strcmp(role, "ksk") != 0 && strcmp(role, "zsk") != 0)
		return err_set(e, ERR_SYNTAX, "role: %s, must be csk, ksk or zsk", role);
	w->alg = (unsigned)alg;
	if (role != NULL) {
		w->role[0] = role;
	} else if (p.keys == POLICY_KSK_ZSK) {
		w->role[0] = "ksk";
		w->role[1] = "zsk";
	}
	return 0;
}

/* A key of this role and algorithm that nobody has declined, and no backup has dropped (the zone was away for long). */
static const struct key_state *existing(const struct zone_state *z, unsigned alg, const char *role)
{
	const struct key_state *best = NULL;

	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *ks = &z->key[i];

		if (ks->created && !ks->foreign && ks->dnskey[3] == alg && strcmp(ks->role, role) == 0 && ks->declined.n == 0 &&
		    !key_was_dropped(ks) && ks->record[RECORD_DNSKEY].stopped.n == 0 &&
		    (best == NULL || memcmp(ks->hash, best->hash, 32) < 0))
			best = ks;
	}
	return best;
}

json_t *api_key_brief(const struct key_state *ks)
{
	return json_pack("{s:o,s:i,s:i,s:s}", "hash", msg_json_hex(ks->hash, 32), "tag",
			 dnskey_tag(ks->dnskey, ks->dnskey_len), "algorithm", ks->dnskey[3], "role", ks->role);
}

/* Who asked for keys, until they are made. */
struct order {
	struct keydist *k;
	struct http_later *later;
	json_t *keys, *refused; /* there already; refused */
	bool one;               /* of one zone: a refusal is its answer */
};

static bool is_wanted(const struct wanted_key *list, size_t n, const struct zone_ctx *c, const char *role)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].c == c && strcmp(list[i].role, role) == 0)
			return true;
	return false;
}

static void add_wanted(struct keydist *k, const struct zone_state *z, const struct wish *w, struct wanted_key *list,
		       size_t *n, json_t *keys)
{
	for (int i = 0; i < 2 && w->role[i] != NULL; i++) {
		const struct key_state *ks = existing(z, w->alg, w->role[i]);
		struct wanted_key *want = &list[*n];

		if (ks != NULL) {
			json_array_append_new(keys, api_key_brief(ks));
			continue;
		}
		if (is_wanted(list, *n, zone_ctx(k, z->name, true), w->role[i]))
			continue;
		memset(want, 0, sizeof(*want));
		want->c = zone_ctx(k, z->name, true);
		want->alg = w->alg;
		snprintf(want->role, sizeof(want->role), "%s", w->role[i]);
		(*n)++;
	}
}

static void answer(struct order *o, size_t made, const struct err *why)
{
	json_t *body = o->one ? json_pack("{s:O,s:b}", "keys", o->keys, "existing", made == 0)
			      : json_pack("{s:I,s:I,s:O}", "made", (json_int_t)made, "existing",
					  (json_int_t)(json_array_size(o->keys) - made), "refused", o->refused);

	http_finish(o->later, body, o->one ? why : NULL);
	json_decref(o->keys);
	json_decref(o->refused);
	free(o);
}

static void on_made(void *ctx, const struct wanted_key *keys, size_t n)
{
	struct order *o = ctx;
	const struct err *why = NULL;
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		const struct zone_state *z = state_zone(cluster_state(o->k->cluster), keys[i].c->name);
		const struct key_state *ks = z == NULL ? NULL : zone_key(z, keys[i].made);

		if (keys[i].rc != 0) {
			why = &keys[i].why;
			refuse(o->refused, keys[i].c->text, why);
		} else if (ks != NULL) {
			json_array_append_new(o->keys, api_key_brief(ks));
			made++;
		}
	}
	answer(o, made, why);
}

/* Has what is wanted made, and then answers. */
static int order(struct keydist *k, const struct http_request *q, struct wanted_key *list, size_t n, json_t *keys,
		 json_t *refused, bool one, struct err *e)
{
	struct order *o = mem_new(1, sizeof(*o));

	*o = (struct order){ k, NULL, keys, refused, one };
	if (n > 0 && keys_make(k, list, n, on_made, o, e) != 0) {
		json_decref(keys);
		json_decref(refused);
		free(o);
		return -1;
	}
	o->later = http_later(q);
	if (n == 0)
		answer(o, 0, NULL);
	return HTTP_LATER;
}

static int check(struct keydist *k, const struct zone_state *z, struct err *e)
{
	const struct zone_ctx *c = zone_ctx(k, z->name, true);

	if (k->stopping)
		return err_set(e, ERR_NOTNOW, "the daemon is stopping");
	if (!cluster_compared(k->cluster))
		return err_set(e, ERR_NOTNOW,
			       "since its start this node has compared its facts with no other node: start one of "
			       "them, or say `zone resume --alone`");
	return c->making ? err_set(e, ERR_NOTNOW, "%s: a key is being made", z->text) : 0;
}

/* A zone that was made insecure may have keys again once those before have gone everywhere. */
static int make_secure(struct keydist *k, const struct zone_state *z, struct err *e)
{
	struct life l;

	if (!z->secure.set || json_is_true(json_object_get(z->secure.body, "secure")))
		return 0;
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), &l);
	for (size_t i = 0; i < l.t.n; i++)
		if (!l.t.key[i].dead)
			return err_set(e, ERR_NOTNOW, "%s: its keys are still being withdrawn, see duetctl key explain",
				       z->text);
	return api_secure(k, z, true, e);
}

int api_keys_order(struct keydist *k, const struct http_request *q, const struct zone_state *z, struct wanted_key *list,
		   size_t n, json_t *keys, struct err *e)
{
	if (n > 0 && (check(k, z, e) != 0 || make_secure(k, z, e) != 0)) {
		json_decref(keys);
		return -1;
	}
	return order(k, q, list, n, keys, json_array(), true, e);
}

/* POST /v1/zones/{zone}/keys */
static int on_create(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	struct wanted_key list[2];
	struct wish w;
	json_t *keys;
	size_t n = 0;

	(void)a;
	if (z == NULL || read_wish(k, z, q->body, &w, e) != 0)
		return -1;
	keys = json_array();
	add_wanted(k, z, &w, list, &n, keys);
	return api_keys_order(k, q, z, list, n, keys, e);
}

/* POST /v1/many/keys: {"zones":[NAME,..],"algorithm"?,"role"?}: for each zone what is not there. */
static int on_keys(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const json_t *zones = list_of(q, e);
	struct wanted_key *list;
	json_t *keys, *refused, *row;
	size_t i, n = 0;
	int rc;

	(void)a;
	if (zones == NULL)
		return -1;
	if (2 * json_array_size(zones) > MAKE_MAX)
		return err_set(e, ERR_LIMIT, "zones: at most %d", MAKE_MAX / 2);
	list = mem_new(MAKE_MAX, sizeof(*list));
	keys = json_array();
	refused = json_array();
	json_array_foreach(zones, i, row)
	{
		const char *text = json_is_string(row) ? json_string_value(row) : "";
		const struct zone_state *z;
		struct err why;
		struct wish w;

		if ((z = api_zone(k, text, true, &why)) == NULL || check(k, z, &why) != 0 ||
		    read_wish(k, z, q->body, &w, &why) != 0)
			refuse(refused, text, &why);
		else
			add_wanted(k, z, &w, list, &n, keys);
	}
	rc = order(k, q, list, n, keys, refused, false, e);
	free(list);
	return rc;
}

/* ---- how far ---- */

static json_t *first_missing(struct keydist *k, struct zone_ctx *c)
{
	struct zone_state *z = state_zone(cluster_state(k->cluster), c->name);
	struct life l;

	if (z == NULL)
		return json_array();
	life_view(k, c, z, &l);
	for (size_t i = 0; i < l.t.n; i++)
		if (!l.t.key[i].distributed && l.t.key[i].key->declined.n == 0)
			return life_missing(k, &l, &l.t.key[i]);
	return json_array();
}

/* GET /v1/many/progress */
static int on_progress(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	json_int_t zones = 0, without = 0, keys = 0, distributed = 0;
	struct zone_ctx *waiting = NULL;

	(void)q;
	(void)e;
	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];

		if (c->gone || c->state == NULL)
			continue;
		zones++;
		without += c->keys == 0;
		keys += (json_int_t)c->keys;
		distributed += (json_int_t)c->distributed;
		if (waiting == NULL && c->distributed < c->keys)
			waiting = c;
	}
	a->body = json_pack("{s:I,s:I,s:I,s:I,s:b,s:o}", "zones", zones, "without_key", without, "keys", keys,
			    "distributed", distributed, "busy", zones_waiting(k) > 0 || k->makings > 0, "missing",
			    waiting == NULL ? json_array() : first_missing(k, waiting));
	return 0;
}

const struct http_route many_routes[] = {
	{ "POST", "/v1/many/zones", BODY_MAX, on_zones },
	{ "POST", "/v1/many/keys", BODY_MAX, on_keys },
	{ "GET", "/v1/many/progress", 0, on_progress },
	{ "POST", "/v1/zones/{zone}/keys", HTTP_BODY_SMALL, on_create },
};
const size_t many_route_count = sizeof(many_routes) / sizeof(many_routes[0]);
