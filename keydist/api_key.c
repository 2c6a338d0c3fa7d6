/* SPDX-License-Identifier: BSD-3-Clause */
/* api_key: keys of a zone over HTTP. */
#include "keydist/api.h"
#include "keydist/looks.h"
#include "keydist/lost.h"

#include "arena/arena.h"
#include "log/log.h"
#include "rrset/rr.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Names of all nodes in a set. */
static json_t *names(struct keydist *k, const struct id_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++)
		json_array_append_new(list, json_string(cluster_name(k->cluster, set->id[i])));
	return list;
}

static json_t *held_names(struct keydist *k, const struct zone_state *z, struct key_state *ks)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->nodes; i++)
		if (!s->node[i].retired && key_held_by(z, ks, s->node[i].id))
			json_array_append_new(list, json_string(cluster_name(k->cluster, s->node[i].id)));
	return list;
}

static json_t *stored_names(struct keydist *k, const struct key_state *ks)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->nodes; i++)
		for (size_t j = 0; j < ks->storeds; j++)
			if (node_is_backup(&s->node[i]) &&
			    key_stored_by(ks, s->node[i].id, ks->stored[j].to)) {
				json_array_append_new(list,
						      json_string(cluster_name(k->cluster, s->node[i].id)));
				break;
			}
	return list;
}

static json_t *lost_names(struct keydist *k, const struct key_state *ks)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ks->lost.n; i++)
		if (lost_at(ks, ks->lost.id[i]))
			json_array_append_new(list, json_string(cluster_name(k->cluster, ks->lost.id[i])));
	return list;
}

/* How far each signer is with a record. */
static json_t *record_json(struct keydist *k, const struct life *l, const struct timeline_key *key, enum key_record r)
{
	const struct record_state *s = &key->key->record[r];
	json_t *signers = json_object();

	for (size_t i = 0; i < l->t.counted_n; i++) {
		const uint8_t *id = l->t.counted[i];
		const char *word = id_set_has(&s->gone, id)      ? "gone"
				   : id_set_has(&s->stopped, id) ? "stopped"
				   : id_set_has(&s->seen, id)    ? "seen"
				   : id_set_has(&s->serves, id)  ? "serves"
								 : "-";

		json_object_set_new(signers, cluster_name(k->cluster, id), json_string(word));
	}
	return json_pack("{s:s,s:b,s:b,s:o}", "phase", api_phase_names[key->record[r].phase], "shown", key->record[r].show,
			 "goes", key->record[r].retiring, "signers", signers);
}

static json_t *records_json(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	json_t *o = json_object();

	json_object_set_new(o, "dnskey", record_json(k, l, key, RECORD_DNSKEY));
	if (key->zone_signing)
		json_object_set_new(o, "zone", record_json(k, l, key, RECORD_ZONE));
	if (key->sep)
		json_object_set_new(o, "ds", record_json(k, l, key, RECORD_DS));
	return o;
}

/* Seconds of running until the first wait of the key for time ends on this node; -1: it waits for no time. */
static int64_t next_s(const struct timeline_memory *m, const struct timeline_key *key)
{
	int64_t least = -1;

	for (size_t i = 0; i < m->waits; i++) {
		const struct timeline_wait *w = &m->wait[i];
		const int64_t left = w->need_ms > w->ran_ms ? (w->need_ms - w->ran_ms + 999) / 1000 : 0;

		if (w->complete && memcmp(w->key, key->key->hash, 32) == 0 && (least < 0 || left < least))
			least = left;
	}
	return least;
}

static json_t *key_json(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	struct key_state *ks = key->key;
	const struct record_state *dnskey = &ks->record[RECORD_DNSKEY];
	char why[TIMELINE_WHY_LEN], *trouble = ks->lost.n == 0 ? NULL : lost_why(k, l, key);
	json_t *o;

	o = json_pack("{s:o,s:i,s:i,s:s,s:I,s:b,s:b,s:b,s:b,s:b}", "hash", msg_json_hex(ks->hash, 32), "tag",
		      dnskey_tag(ks->dnskey, ks->dnskey_len), "algorithm", (int)key->alg, "role", ks->role, "created_at",
		      (json_int_t)ks->created_at, "distributed", key->distributed, "declined", ks->declined.n > 0,
		      "published", key->record[RECORD_DNSKEY].show, "signing", key->record[RECORD_ZONE].show, "cds",
		      key->record[RECORD_DS].show);
	json_object_set_new(o, "held", held_names(k, l->in.zone, ks));
	json_object_set_new(o, "stored", stored_names(k, ks));
	json_object_set_new(o, "missing", life_missing(k, l, key));
	json_object_set_new(o, "serves", names(k, &dnskey->serves));
	json_object_set_new(o, "seen", names(k, &dnskey->seen));
	json_object_set_new(o, "lost", lost_names(k, ks));
	json_object_set_new(o, "gone", json_boolean(key->dead));
	json_object_set_new(o, "goes", json_boolean(key->record[RECORD_DNSKEY].retiring));
	json_object_set_new(o, "roll", json_boolean(ks->roll));
	json_object_set_new(o, "foreign", json_boolean(ks->foreign));
	json_object_set_new(o, "method", json_string(key_method_names[ks->method]));
	json_object_set_new(o, "records", records_json(k, l, key));
	json_object_set_new(o, "next_s", json_integer(next_s(l->in.memory, key)));
	json_object_set_new(o, "why", json_string(timeline_why(&l->in, &l->t, l->in.memory, key, why)));
	json_object_set_new(o, "trouble", trouble == NULL ? json_null() : json_string(trouble));
	free(trouble);
	return o;
}

/* The zone's keys as they are now. */
static void view(struct keydist *k, const struct zone_state *z, struct life *l)
{
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), l);
}

json_t *api_keys_json(struct keydist *k, const struct zone_state *z)
{
	json_t *list = json_array();
	struct life l;

	view(k, z, &l);
	for (size_t i = 0; i < l.t.n; i++)
		json_array_append_new(list, key_json(k, &l, &l.t.key[i]));
	return list;
}

/* A name server that keys wait for and whose addresses are not known, as a sentence; null. */
static json_t *missing_server(struct keydist *k, const struct zone_state *z)
{
	struct life l;
	json_t *word;
	char *text;

	view(k, z, &l);
	text = looks_missing(zone_ctx(k, z->name, true), &l);
	word = text == NULL ? json_null() : json_string(text);
	free(text);
	return word;
}

static int on_list(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct zone_state *z = api_zone(ctx, q->segment[0], false, e);

	if (z == NULL)
		return -1;
	a->body = json_pack("{s:o,s:o}", "keys", api_keys_json(ctx, z), "missing_server", missing_server(ctx, z));
	return 0;
}

bool api_key_is(const struct key_state *ks, const char *digits)
{
	char hex[65];

	if (digits == NULL)
		return true;
	if (strlen(digits) < 8)
		return dnskey_tag(ks->dnskey, ks->dnskey_len) == strtoul(digits, NULL, 10);
	sodium_bin2hex(hex, sizeof(hex), ks->hash, 32);
	return strncasecmp(hex, digits, strlen(digits)) == 0;
}

/* The key whose hash begins with these hex digits, or whose tag this is. */
const struct timeline_key *api_find_key(const struct life *l, const char *digits, struct err *e)
{
	const struct timeline_key *found = NULL;
	const size_t len = strlen(digits);

	if (len == 0 || len > 64 || (len < 8 && strspn(digits, "0123456789") != len)) {
		err_set(e, ERR_SYNTAX, "a key is named by its tag, or by 8 to 64 hex digits of its hash");
		return NULL;
	}
	for (size_t i = 0; i < l->t.n; i++) {
		if (!api_key_is(l->t.key[i].key, digits))
			continue;
		if (found != NULL) {
			err_set(e, ERR_SYNTAX, "%s has more than one key %s: name it by more digits of its hash", l->in.zone->text,
				digits);
			return NULL;
		}
		found = &l->t.key[i];
	}
	if (found == NULL)
		err_set(e, ERR_NOTFOUND, "%s has no key %s (duetctl key list %s)", l->in.zone->text, digits, l->in.zone->text);
	return found;
}

static int on_get(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct zone_state *z = api_zone(ctx, q->segment[0], false, e);
	const struct timeline_key *key;
	struct life l;

	if (z == NULL)
		return -1;
	view(ctx, z, &l);
	if ((key = api_find_key(&l, q->segment[1], e)) == NULL)
		return -1;
	a->body = key_json(ctx, &l, key);
	json_object_set_new(a->body, "missing_server", missing_server(ctx, z));
	return 0;
}

/* ---- ds ---- */

static void add_text(json_t *list, const struct zone_state *z, uint16_t type, uint32_t ttl,
		     const uint8_t *rdata, size_t len)
{
	const struct rr rr = { z->name, rdata, ttl, type, (uint16_t)len };
	char *text = rr_text(&rr);

	if (text != NULL)
		json_array_append_new(list, json_string(text));
	free(text);
}

/* Why the DS of the zone's newest keys must not go to the parent yet; null. */
static json_t *why_not_safe(const struct life *l)
{
	char why[TIMELINE_WHY_LEN];
	bool any = false;

	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *k = &l->t.key[i];

		if (!k->sep || k->key->declined.n > 0 || k->dead || k->record[RECORD_DS].retiring)
			continue;
		any = true;
		if (!k->record[RECORD_DS].show)
			return json_sprintf("key %u/%u: %s", dnskey_tag(k->key->dnskey, k->key->dnskey_len), k->alg,
					    timeline_why(&l->in, &l->t, l->in.memory, k, why));
	}
	return any ? json_null() : json_string("the zone has no key");
}

static int on_ds(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	json_t *ds, *dnskey, *cds, *cdnskey, *why;
	struct life l;

	if (z == NULL)
		return -1;
	ds = json_array();
	dnskey = json_array();
	cds = json_array();
	cdnskey = json_array();
	view(k, z, &l);
	for (size_t i = 0; i < l.t.n; i++) {
		const struct timeline_key *tk = &l.t.key[i];
		const struct key_state *ks = tk->key;
		uint8_t rdata[4 + 48];

		if (!tk->sep || ks->declined.n > 0 || tk->dead || (tk->record[RECORD_DS].retiring && !tk->record[RECORD_DS].show))
			continue;
		add_text(dnskey, z, TYPE_DNSKEY, (uint32_t)l.p.dnskey_ttl_s, ks->dnskey, ks->dnskey_len);
		if (dnskey_names_ds(&l) && tk->record[RECORD_DS].show)
			add_text(cdnskey, z, TYPE_CDNSKEY, (uint32_t)l.p.dnskey_ttl_s, ks->dnskey, ks->dnskey_len);
		for (unsigned d = 0; d < DS_DIGESTS; d++) {
			const size_t len = dnskey_ds_by(&l.p, z, ks, d, rdata);

			if (len == 0)
				continue;
			add_text(ds, z, TYPE_DS, (uint32_t)l.p.dnskey_ttl_s, rdata, len);
			if (dnskey_names_ds(&l) && tk->record[RECORD_DS].show)
				add_text(cds, z, TYPE_CDS, (uint32_t)l.p.dnskey_ttl_s, rdata, len);
		}
	}
	why = why_not_safe(&l);
	a->body = json_pack("{s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "safe", json_is_null(why), "why", why, "missing_server",
			    missing_server(k, z), "ds", ds, "dnskey", dnskey, "cds", cds, "cdnskey", cdnskey);
	return 0;
}

const struct http_route key_routes[] = {
	{ "GET", "/v1/zones/{zone}/keys", 0, on_list },
	{ "GET", "/v1/zones/{zone}/keys/{hash}", 0, on_get },
	{ "GET", "/v1/zones/{zone}/ds", 0, on_ds },
};
const size_t key_route_count = sizeof(key_routes) / sizeof(key_routes[0]);
