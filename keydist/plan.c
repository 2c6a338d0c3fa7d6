/* SPDX-License-Identifier: BSD-3-Clause */
/* plan: what the engine is to do with each zone, made from facts; compared with what it has, so that only
 * changes are sent. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "log/log.h"
#include "rrset/rr.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct zone_ctx *zone_ctx(struct keydist *k, const uint8_t *name, bool make)
{
	struct zone_ctx *c;

	for (size_t i = 0; i < k->zones; i++)
		if (dname_equal(k->zone[i].name, name))
			return &k->zone[i];
	if (!make)
		return NULL;
	k->zone = mem_grow(k->zone, k->zones + 1, sizeof(*k->zone));
	c = &k->zone[k->zones++];
	memset(c, 0, sizeof(*c));
	dname_lower(name, c->name);
	dname_to_text(c->name, c->text);
	return c;
}

/* SHA-256 over the sorted hashes of the keys in the DNSKEY RRset; views are sorted by hash. */
static json_t *keyset_of(const struct key_view *views, size_t n)
{
	crypto_hash_sha256_state st;
	uint8_t sum[32];

	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < n; i++)
		if (views[i].published)
			crypto_hash_sha256_update(&st, views[i].key->hash, 32);
	crypto_hash_sha256_final(&st, sum);
	return msg_json_hex(sum, sizeof(sum));
}

/* How far the zone's keys have come.  Grows with facts only, so it is the same on nodes that know the same.
 */
static json_int_t steps_of(const struct key_view *views, size_t n)
{
	json_int_t steps = 0;

	for (size_t i = 0; i < n; i++)
		if (views[i].published)
			steps += 1 + (views[i].sep && views[i].seen_by_all) +
				 (views[i].zone_signing && views[i].served_by_all);
	return steps;
}

static json_t *reg_json(const struct fact_reg *r)
{
	return r->set ? json_incref(r->body) : json_null();
}

static json_int_t epoch_of(const struct zone_state *z)
{
	return z->epoch.set ? json_integer_value(json_object_get(z->epoch.body, "epoch")) : 0;
}

static json_t *policy_json(const struct policy *p, const char *source)
{
	json_t *o = policy_to_json(p);

	json_object_set_new(o, "input_order",
			    json_string(policy_order(p, source) == POLICY_ORDER_SEEN ? "seen" : "serial"));
	return o;
}

/* The signed part: apex RRsets and zone-signing keys. */
static int add_signed(struct keydist *k, const struct zone_state *z, const struct key_view *views, size_t n,
		      const struct policy *p, json_t *plan, struct err *e)
{
	json_t *ready = json_array(), *keys = json_array();
	struct apex_rrset rrset[3];
	int64_t earliest = INT64_MAX;
	size_t count = 0;
	int rc = -1;

	for (size_t i = 0; i < n; i++) {
		json_t *box;

		if (!views[i].signing)
			continue;
		if ((box = keys_engine_box(k, z, views[i].key, e)) == NULL)
			goto out;
		json_array_append_new(
			keys,
			json_pack("{s:o,s:o,s:O}", "hash", msg_json_hex(views[i].key->hash, 32), "dnskey",
				  msg_json_base64(views[i].key->dnskey, views[i].key->dnskey_len), "box",
				  box));
	}
	if (dnskey_make(k, z, views, n, p, rrset, &count, e) != 0)
		goto out;
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(ready,
				      json_pack("{s:s,s:o}", "type", rrset[i].type, "rrset", rrset[i].rrset));
		if (rrset[i].earliest < earliest)
			earliest = rrset[i].earliest;
	}
	json_object_set(plan, "ready", ready);
	json_object_set(plan, "keys", keys);
	json_object_set_new(plan, "refresh_before", json_integer(earliest));
	rc = 0;
out:
	json_decref(ready);
	json_decref(keys);
	return rc;
}

/* Says `lost` for a key that this node said to hold and cannot open any more: the others must know that it is
 * one less. */
static void say_lost(struct keydist *k, const struct zone_state *z, const struct key_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct key_state *ks = views[i].key;
		struct key *key = NULL;
		struct err e;

		if (!views[i].published || !key_held_by(z, ks, k->self.id) ||
		    id_set_has(&ks->lost, k->self.id))
			continue;
		if (keys_open(k, z, ks, &key, &e) == 0) {
			key_free(key);
			continue;
		}
		log_event(LOG_ERROR, "key-lost", "zone=%s key=%u/%u msg=%s", z->text, views[i].tag,
			  views[i].alg, e.text);
		keydist_say(k, "key.lost", z->name, json_pack("{s:o}", "key", msg_json_hex(ks->hash, 32)),
			    &e);
		return; /* the state has changed */
	}
}

static json_t *make_plan(struct keydist *k, struct zone_ctx *c, const struct zone_state *z,
			 const struct add_state *a)
{
	const char *source = json_string_value(json_object_get(a->body, "source"));
	const struct policy p = lifecycle_policy(k, z);
	struct key_view views[VIEWS_MAX];
	size_t n = lifecycle_view(k, z, views);
	const char *state = p.unsigned_zone == POLICY_SERVE ? "unsigned" : "held";
	json_t *plan;
	struct err e;

	plan = json_pack("{s:s,s:b,s:s,s:o,s:o,s:[],s:[],s:o,s:I,s:i,s:o,s:I,s:b}", "zone", z->text, "gone",
			 0, "source", source, "policy", policy_json(&p, source), "input_order",
			 json_string(policy_order(&p, source) == POLICY_ORDER_SEEN ? "seen" : "serial"),
			 "ready", "keys", "keyset", keyset_of(views, n), "steps", steps_of(views, n),
			 "refresh_before", 0, "floor", reg_json(&z->floor), "epoch", epoch_of(z), "hold",
			 cluster_hold(k->cluster) != NULL);
	for (size_t i = 0; i < n; i++)
		if (views[i].published)
			state = "signed";
	if (strcmp(state, "signed") == 0) {
		if (add_signed(k, z, views, n, &p, plan, &e) != 0) {
			state = "keep";
			if (strncmp(c->trouble, e.text, 255) != 0)
				log_event(e.code == ERR_NOTNOW ? LOG_WARNING : LOG_ERROR, "plan-trouble",
					  "zone=%s msg=%s; what is served stays", z->text, e.text);
			snprintf(c->trouble, sizeof(c->trouble), "%.255s", e.text);
			c->look_for_lost = e.code != ERR_NOTNOW;
		} else {
			c->trouble[0] = '\0';
		}
	}
	json_object_set_new(plan, "state", json_string(state));
	return plan;
}

static void set_plan(struct keydist *k, struct zone_ctx *c, json_t *plan)
{
	json_t *before = c->plan == NULL ? NULL : json_object_get(c->plan, "rev");

	if (before != NULL)
		json_object_set(plan, "rev", before);
	if (c->plan != NULL && json_equal(c->plan, plan)) {
		json_decref(plan);
		return;
	}
	json_object_set_new(plan, "rev", json_integer((json_int_t)++k->plan_rev));
	json_decref(c->plan);
	c->plan = plan;
	engine_flush_soon(k);
}

void plan_step(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct node_state *me = state_node(s, k->self.id);
	const bool retired = me != NULL && me->retired; /* it stops serving (DESIGN section 4) */

	for (size_t i = 0; i < k->zones; i++) {
		const struct zone_state *z = k->zone[i].look_for_lost ? state_zone(s, k->zone[i].name) : NULL;
		struct key_view views[VIEWS_MAX];

		k->zone[i].look_for_lost = false;
		if (z != NULL)
			say_lost(k, z, views, lifecycle_view(k, z, views));
	}

	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];
		const struct add_state *a = zone_addition(z);
		struct zone_ctx *c = zone_ctx(k, z->name, a != NULL);

		if (a != NULL && !retired)
			set_plan(k, c, make_plan(k, c, z, a));
		else if (c != NULL && c->plan != NULL)
			set_plan(k, c, json_pack("{s:s,s:b}", "zone", c->text, "gone", 1));
	}
}
