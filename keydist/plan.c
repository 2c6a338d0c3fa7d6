/* SPDX-License-Identifier: BSD-3-Clause */
/* plan: what the engine is to do with a zone, made from facts; compared by its digest with what the engine has, so
 * that only changes are sent. */
#include "keydist/local.h"
#include "keydist/looks.h"
#include "keydist/submit.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "rrset/rr.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TRY_AGAIN_S 10

/* SHA-256 over the sorted hashes of the keys in the DNSKEY RRset; keys are sorted by hash. */
static json_t *keyset_of(const struct timeline *t)
{
	crypto_hash_sha256_state st;
	uint8_t sum[32];

	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].record[RECORD_DNSKEY].show)
			crypto_hash_sha256_update(&st, t->key[i].key->hash, 32);
	crypto_hash_sha256_final(&st, sum);
	return msg_json_hex(sum, sizeof(sum));
}

/* Never less than what was published. */
static json_int_t steps_of(const struct zone_ctx *c, const struct life *l)
{
	const json_int_t steps = (json_int_t)timeline_steps(&l->in, &l->t);

	return steps > c->shown.steps ? steps : c->shown.steps;
}

static json_t *reg_json(const struct fact_reg *r)
{
	return r->set ? json_incref(r->body) : json_null();
}

static json_int_t epoch_of(const struct zone_state *z)
{
	return z->epoch.set ? json_integer_value(json_object_get(z->epoch.body, "epoch")) : 0;
}

/* The signed part: apex RRsets and zone-signing keys. */
static int add_signed(struct keydist *k, struct zone_ctx *c, const struct life *l, json_t *plan, struct err *e)
{
	json_t *ready = json_array(), *keys = json_array();
	struct apex_rrset rrset[3];
	int64_t earliest = INT64_MAX;
	size_t count = 0;
	int rc = -1;

	for (size_t i = 0; i < l->t.n; i++) {
		const struct key_state *ks = l->t.key[i].key;
		json_t *box;

		if (!l->t.key[i].record[RECORD_ZONE].show)
			continue;
		if ((box = keys_engine_box(k, c, l->in.zone, ks, e)) == NULL)
			goto out;
		json_array_append_new(keys, json_pack("{s:o,s:o,s:O,s:b}", "hash", msg_json_hex(ks->hash, 32), "dnskey",
						      msg_json_base64(ks->dnskey, ks->dnskey_len), "box", box, "published",
						      l->t.key[i].record[RECORD_DNSKEY].show));
	}
	if (dnskey_make(k, l, rrset, &count, e) != 0)
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
	c->refresh_at = earliest - dnskey_renew_before(&l->p);
	rc = 0;
out:
	json_decref(ready);
	json_decref(keys);
	return rc;
}

/* Fills in what is signed; the state of the plan: "keep" when that is not possible now. */
static const char *signed_state(struct keydist *k, struct zone_ctx *c, const struct life *l, json_t *plan)
{
	struct err e;

	if (add_signed(k, c, l, plan, &e) == 0) {
		if (c->refresh_at <= clock_now_s()) /* the old ones had to do */
			c->refresh_at = clock_now_s() + TRY_AGAIN_S;
		zone_trouble(c, NULL);
		return "signed";
	}
	if (c->trouble == NULL || strcmp(c->trouble, e.text) != 0)
		log_event(e.code == ERR_NOTNOW ? LOG_WARNING : LOG_ERROR, "plan-trouble",
			  "zone=%s msg=%s; what is served stays", c->text, e.text);
	zone_trouble(c, e.text);
	c->look_for_lost |= e.code != ERR_NOTNOW;
	c->refresh_at = clock_now_s() + TRY_AGAIN_S;
	return "keep";
}

static bool shows_any(const struct timeline *t, enum key_record r)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].record[r].show)
			return true;
	return false;
}

static bool others_serve(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].record[RECORD_DNSKEY].any_serves && !t->key[i].record[RECORD_DNSKEY].all_stopped)
			return true;
	return false;
}

/* How far the keys are, which sets the state as far as keys do. */
static void look(struct zone_ctx *c, const struct life *l)
{
	const struct timeline *t = &l->t;

	if (shows_any(t, RECORD_DNSKEY) && shows_any(t, RECORD_ZONE))
		c->state = "signed";
	else if (shows_any(t, RECORD_DNSKEY) || (l->published.any && l->published.record[RECORD_DNSKEY].n > 0 && t->secure))
		c->state = "keep";
	else if (!l->published.any && others_serve(t))
		c->state = "held"; /* never unsigned beside signers that sign */
	else
		c->state = l->p.unsigned_zone == POLICY_SERVE || !t->secure ? "unsigned" : "held";
	c->keys = c->distributed = 0;
	for (size_t i = 0; i < t->n; i++) {
		c->keys += t->key[i].distributed || t->key[i].key->declined.n == 0;
		c->distributed += t->key[i].distributed;
	}
}

/* In presentation format (RFC 3597). */
static json_t *dnskey_text(const struct key_state *ks)
{
	char *hex = mem_new(2 * ks->dnskey_len + 1, 1);
	json_t *text;

	sodium_bin2hex(hex, 2 * ks->dnskey_len + 1, ks->dnskey, ks->dnskey_len);
	text = json_sprintf("\\# %zu %s", ks->dnskey_len, hex);
	free(hex);
	return text;
}

/* What others publish and published, for the auditor of a node that has published nothing: it remembers as if it had.  A key
 * that they sign with is no worse with this one's signatures, however long it has been there. */
static json_t *seeds(const struct timeline *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *key = &t->key[i];
		const struct record_view *dnskey = &key->record[RECORD_DNSKEY], *zone = &key->record[RECORD_ZONE];
		const bool visible = dnskey->phase == PHASE_OMNIPRESENT || zone->any_serves;

		if (dnskey->any_serves)
			json_array_append_new(list, json_pack("{s:o,s:b,s:b,s:b}", "dnskey", dnskey_text(key->key), "visible",
							      (int)visible, "used", (int)zone->any_serves, "retired",
							      (int)(zone->all_stopped || fail_number("seed-retired") != 0)));
	}
	return list;
}

static bool is_foreign(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	(void)k;
	(void)l;
	return key->key->foreign;
}

/* Of those in the DNSKEY RRset; NULL: none is. */
static json_t *keys_that(bool (*are)(struct keydist *k, const struct life *l, const struct timeline_key *key), struct keydist *k,
			 const struct life *l)
{
	json_t *list = NULL;

	for (size_t i = 0; i < l->t.n; i++) {
		if (!l->t.key[i].record[RECORD_DNSKEY].show || !are(k, l, &l->t.key[i]))
			continue;
		list = list == NULL ? json_array() : list;
		json_array_append_new(list, dnskey_text(l->t.key[i].key));
	}
	return list;
}

json_t *plan_make(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	const struct zone_state *z = l->in.zone;
	const char *source = submit_plan_source(c, json_string_value(json_object_get(zone_addition(z)->body, "source")));
	json_t *plan, *children = local_children(k, c), *foreign = keys_that(is_foreign, k, l), *lost = keys_that(dnskey_left_out, k, l);
	struct timeline_published next;

	look(c, l);
	plan = json_pack("{s:s,s:b,s:s,s:o,s:[],s:[],s:o,s:I,s:i,s:o,s:o,s:I,s:b}", "zone", z->text, "gone",
			 0, "source", source, "policy", json_incref(shared_policy(k, &l->p, source, children != NULL)), "ready", "keys", "keyset", keyset_of(&l->t), "steps", steps_of(c, l),
			 "refresh_before", 0, "floor", reg_json(&z->floor), "override", reg_json(&z->override), "epoch", epoch_of(z), "hold",
			 cluster_hold(k->cluster) != NULL);
	if (strcmp(c->state, "signed") == 0)
		c->state = signed_state(k, c, l, plan);
	/* What was asked for before stays asked for while nothing new can be. */
	if (strcmp(c->state, "keep") == 0) {
		json_object_set_new(plan, "shows", json_object());
	} else {
		timeline_next(&l->t, &l->published, &next);
		json_object_set_new(plan, "shows", shown_plan(c, &next));
	}
	json_object_set_new(plan, "state", json_string(c->state));
	json_object_set_new(plan, "look", looks_wanted(k, c, l));
	if (children != NULL)
		json_object_set_new(plan, "children", children);
	if (foreign != NULL)
		json_object_set_new(plan, "foreign", foreign);
	if (lost != NULL)
		json_object_set_new(plan, "lost", lost);
	if (l->t.stale)
		json_object_set_new(plan, "set_back", json_true());
	if (!l->published.any && others_serve(&l->t))
		json_object_set_new(plan, "seeds", seeds(&l->t));
	return plan;
}

/* The members stand in the order in which they were set, which is always the same; the policy, which is most of a plan, is known
 * by its own digest. */
static size_t digest_of(struct keydist *k, json_t *plan, uint8_t digest[16])
{
	json_t *policy = json_incref(json_object_get(plan, "policy"));
	const uint8_t *of_policy = shared_policy_digest(k, policy);
	crypto_generichash_state st;
	char *text;
	size_t len;

	json_object_del(plan, "policy");
	text = json_dumps(plan, JSON_COMPACT);
	len = strlen(text);
	crypto_generichash_init(&st, NULL, 0, 16);
	crypto_generichash_update(&st, (const uint8_t *)text, len);
	if (of_policy != NULL)
		crypto_generichash_update(&st, of_policy, 16);
	crypto_generichash_final(&st, digest, 16);
	free(text);
	if (policy != NULL)
		json_object_set_new(plan, "policy", policy);
	return len;
}

/* The engine gets it unless it is the one that it has. */
static void offer(struct keydist *k, struct zone_ctx *c, json_t *plan)
{
	uint8_t digest[16];
	const size_t len = digest_of(k, plan, digest);
	const bool same = c->has_sent && memcmp(c->sent, digest, sizeof(digest)) == 0;

	if (same)
		json_decref(plan);
	else
		engine_plan(k, c, plan, digest, len);
}

/* While many zones come the key of each follows at once: a plan before it would be made and read for nothing. */
static bool put_off(const struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	if (c->has_sent || c->put_off || l->t.n > 0 || zones_waiting(k) < BULK_ZONES)
		return false;
	c->put_off = true;
	return true;
}

void plan_zone(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct life *l)
{
	const struct node_state *me = state_node(cluster_state(k->cluster), k->self.id);
	const bool retired = me != NULL && me->retired; /* it stops serving (DESIGN section 4) */

	c->refresh_at = INT64_MAX;
	if (zone_addition(z) != NULL && !retired) {
		c->gone = false;
		/* For an engine that is not there no key is opened and nothing is signed. */
		if (k->engine_up && !put_off(k, c, l) && !engine_plan_waits(k, c))
			offer(k, c, plan_make(k, c, l));
		else
			look(c, l);
	} else if (c->state != NULL || c->gone) {
		c->state = NULL;
		c->gone = true;
		offer(k, c, json_pack("{s:s,s:b}", "zone", c->text, "gone", 1));
	}
}
