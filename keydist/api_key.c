/* SPDX-License-Identifier: BSD-3-Clause */
/* api_key: keys of a zone over HTTP. */
#include "keydist/api.h"

#include "arena/arena.h"
#include "log/log.h"
#include "rrset/rr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

json_t *api_key_json(struct keydist *k, const struct zone_state *z, const struct key_view *v)
{
	struct key_state *ks = v->key;

	return json_pack("{s:o,s:i,s:i,s:s,s:I,s:b,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "hash",
			 msg_json_hex(ks->hash, 32), "tag", v->tag, "algorithm", (int)v->alg, "role",
			 ks->role, "created_at", (json_int_t)ks->created_at, "distributed", v->distributed,
			 "declined", v->declined, "published", v->published, "signing", v->signing, "cds",
			 v->published && v->sep && v->seen_by_all, "held", held_names(k, z, ks), "stored",
			 stored_names(k, ks), "missing", lifecycle_missing(k, z, v), "serves",
			 names(k, &ks->record[RECORD_DNSKEY].serves), "seen", names(k, &ks->record[RECORD_DNSKEY].seen), "lost", names(k, &ks->lost));
}

json_t *api_keys_json(struct keydist *k, const struct zone_state *z)
{
	struct key_view views[VIEWS_MAX];
	size_t n = lifecycle_view(k, z, views);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, api_key_json(k, z, &views[i]));
	return list;
}

static int on_list(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct zone_state *z = api_zone(ctx, q->segment[0], false, e);

	if (z == NULL)
		return -1;
	a->body = json_pack("{s:o}", "keys", api_keys_json(ctx, z));
	return 0;
}

/* The view whose hash begins with these hex digits. */
static const struct key_view *find_key(struct key_view *views, size_t n, const char *digits, struct err *e)
{
	const struct key_view *found = NULL;
	size_t len = strlen(digits);

	if (len < 8 || len > 64) {
		err_set(e, ERR_SYNTAX, "a key is named by 8 to 64 hex digits of its hash");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		char hex[65];

		for (size_t j = 0; j < 32; j++)
			snprintf(hex + 2 * j, 3, "%02x", views[i].key->hash[j]);
		if (strncasecmp(hex, digits, len) != 0)
			continue;
		if (found != NULL) {
			err_set(e, ERR_SYNTAX, "more than one key begins with %s", digits);
			return NULL;
		}
		found = &views[i];
	}
	if (found == NULL)
		err_set(e, ERR_NOTFOUND, "no key begins with %s", digits);
	return found;
}

static int on_get(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct zone_state *z = api_zone(ctx, q->segment[0], false, e);
	struct key_view views[VIEWS_MAX];
	const struct key_view *v;

	if (z == NULL || (v = find_key(views, lifecycle_view(ctx, z, views), q->segment[1], e)) == NULL)
		return -1;
	a->body = api_key_json(ctx, z, v);
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

static json_t *why_not_safe(struct keydist *k, const struct zone_state *z, const struct key_view *views,
			    size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const struct key_view *v = &views[i];
		int64_t left = waits_left(k, z, v->key->hash);

		if (!v->sep || v->declined)
			continue;
		any = true;
		if (v->seen_by_all)
			continue;
		if (!v->distributed)
			return json_sprintf("key %u/%u is not distributed", v->tag, v->alg);
		if (!v->served_by_all)
			return json_sprintf("key %u/%u is not served by every signer yet", v->tag, v->alg);
		if (left > 0)
			return json_sprintf("key %u/%u: answers from before may be in caches for %lld s more",
					    v->tag, v->alg, (long long)left);
		return json_sprintf("key %u/%u: another signer still waits until answers from before have "
				    "left the caches",
				    v->tag, v->alg);
	}
	return any ? json_null() : json_string("the zone has no key");
}

static int on_ds(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	json_t *ds = json_array(), *dnskey = json_array(), *cds = json_array(), *why;
	struct key_view views[VIEWS_MAX];
	struct policy p;
	size_t n;

	if (z == NULL) {
		json_decref(ds);
		json_decref(dnskey);
		json_decref(cds);
		return -1;
	}
	p = lifecycle_policy(k, z);
	n = lifecycle_view(k, z, views);
	for (size_t i = 0; i < n; i++) {
		const struct key_state *ks = views[i].key;
		struct key *key = NULL;
		uint8_t rdata[4 + 48];

		if (!views[i].sep || views[i].declined ||
		    key_from_dnskey(ks->dnskey, ks->dnskey_len, &key, e) != 0)
			continue;
		size_t len = key_ds(key, z->name, 2, rdata);

		add_text(ds, z, TYPE_DS, (uint32_t)p.dnskey_ttl_s, rdata, len);
		add_text(dnskey, z, TYPE_DNSKEY, (uint32_t)p.dnskey_ttl_s, ks->dnskey, ks->dnskey_len);
		if (p.cds && views[i].published && views[i].seen_by_all)
			add_text(cds, z, TYPE_CDS, (uint32_t)p.dnskey_ttl_s, rdata, len);
		key_free(key);
	}
	why = why_not_safe(k, z, views, n);
	a->body = json_pack("{s:b,s:o,s:o,s:o,s:o}", "safe", json_is_null(why), "why", why, "ds", ds,
			    "dnskey", dnskey, "cds", cds);
	return 0;
}

/* ---- export ---- */

static int on_export(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	const char *dir, *format;
	struct key_view views[VIEWS_MAX];
	const struct key_view *v;
	struct key *key = NULL;
	json_t *files;
	char *base;
	int rc;

	if (z == NULL || (v = find_key(views, lifecycle_view(k, z, views), q->segment[1], e)) == NULL ||
	    http_text(q->body, "dir", &dir, e) != 0 ||
	    http_text_or(q->body, "format", "bind", &format, e) != 0)
		return -1;
	if (dir[0] != '/')
		return err_set(e, ERR_SYNTAX, "dir: must be an absolute path");
	if (strcmp(format, "bind") != 0 && strcmp(format, "pem") != 0)
		return err_set(e, ERR_SYNTAX, "format: %s, must be bind or pem", format);
	if (keys_open(k, z, v->key, &key, e) != 0)
		return -1;
	base = mem_printf("%s/K%s+%03u+%05u", dir, z->text, v->alg, v->tag);
	files = json_array();
	if (strcmp(format, "pem") == 0) {
		char *path = mem_printf("%s.pem", base);

		rc = key_write_pem(key, path, e);
		json_array_append_new(files, json_string(path));
		free(path);
	} else {
		rc = key_write_bind(key, z->name, (uint32_t)lifecycle_policy(k, z).dnskey_ttl_s, dir, e);
		json_array_append_new(files, json_sprintf("%s.key", base));
		json_array_append_new(files, json_sprintf("%s.private", base));
	}
	free(base);
	if (rc != 0) {
		json_decref(files);
		return -1;
	}
	log_event(LOG_NOTICE, "key-exported", "zone=%s key=%u/%u uid=%u dir=%s", z->text, v->tag, v->alg,
		  (unsigned)q->uid, dir);
	a->body = json_pack("{s:o}", "files", files);
	return 0;
}

const struct http_route key_routes[] = {
	{ "GET", "/v1/zones/{zone}/keys", 0, on_list },
	{ "GET", "/v1/zones/{zone}/keys/{hash}", 0, on_get },
	{ "POST", "/v1/zones/{zone}/keys/{hash}/export", HTTP_BODY_SMALL, on_export },
	{ "GET", "/v1/zones/{zone}/ds", 0, on_ds },
};
const size_t key_route_count = sizeof(key_routes) / sizeof(key_routes[0]);
