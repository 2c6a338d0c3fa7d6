/* SPDX-License-Identifier: BSD-3-Clause */
/* api_zone: zones, policies and TSIG keys over HTTP. */
#include "keydist/api.h"
#include "keydist/looks.h"

#include "arena/arena.h"
#include "log/log.h"
#include "primaries/primaries.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE_MAX 512

const struct zone_state *api_zone(struct keydist *k, const char *text, bool live, struct err *e)
{
	const struct zone_state *z;
	uint8_t name[DNAME_MAX];

	if (dname_from_text(text, name, e) != 0) {
		err_ctx(e, "zone");
		return NULL;
	}
	z = state_zone(cluster_state(k->cluster), name);
	if (z == NULL || (live && zone_addition(z) == NULL)) {
		err_set(e, ERR_NOTFOUND, "%s is not among the zones", text);
		return NULL;
	}
	return z;
}

const char *api_zone_state(struct keydist *k, const struct zone_state *z)
{
	const struct zone_ctx *c = zone_ctx(k, z->name, false);

	return c == NULL || c->state == NULL ? "held" : c->state;
}

const char *api_zone_member(const struct zone_state *z, const char *member)
{
	const struct add_state *a = zone_addition(z);

	return a == NULL ? "" : json_string_value(json_object_get(a->body, member));
}

/* ---- zones ---- */

static int on_list(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	(void)q;
	(void)e;
	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];
		json_int_t keys = 0;

		if (zone_addition(z) == NULL)
			continue;
		for (size_t j = 0; j < z->keys; j++)
			keys += z->key[j].created;
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:I}", "zone", z->text, "source",
						      api_zone_member(z, "source"), "policy",
						      api_zone_member(z, "policy"), "state",
						      api_zone_state(k, z), "keys", keys));
	}
	a->body = json_pack("{s:o}", "zones", list);
	return 0;
}

/* "primary:ADDRESS#PORT[,KEY],..." */
static int check_primaries(const char *text, struct err *e)
{
	struct primaries p;

	if (primaries_parse(text, &p, e) != 0)
		return err_ctx(e, "source: primary:ADDRESS#PORT[,KEY],...");
	primaries_fini(&p);
	return 0;
}

/* "file:NAME", relative to each host's zones-dir, never out of it. */
static int check_file(const char *name, struct err *e)
{
	if (name[0] == '\0' || name[0] == '/')
		return err_set(e, ERR_SYNTAX, "source: file:NAME, relative to zones-dir of each host");
	for (const char *p = name; p != NULL; p = strchr(p, '/') == NULL ? NULL : strchr(p, '/') + 1)
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return err_set(e, ERR_REFUSED, "source: %s leads out of zones-dir", name);
	return 0;
}

/* "https://HOST/PATH" */
static int check_https(const char *text, struct err *e)
{
	const char *host = text + strlen("https://");
	const size_t len = strcspn(host, "/");

	if (len == 0 || host[len] != '/')
		return err_set(e, ERR_SYNTAX, "source: https://HOST/PATH");
	if (memchr(host, '@', len) != NULL)
		return err_set(e, ERR_REFUSED, "source: no user or password in a URL: all nodes and backups would keep it");
	if (strcspn(text, " \"<>") < strlen(text))
		return err_set(e, ERR_SYNTAX, "source: a URL has no blanks, quotes or angle brackets (RFC 3986)");
	return 0;
}

static int check_source(const char *source, struct err *e)
{
	if (strlen(source) > SOURCE_MAX)
		return err_set(e, ERR_LIMIT, "source: at most %d octets", SOURCE_MAX);
	for (const char *p = source; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_SYNTAX, "source: control characters");
	if (strncmp(source, "file:", 5) == 0)
		return check_file(source + 5, e);
	if (strncmp(source, "primary:", 8) == 0)
		return check_primaries(source + 8, e);
	if (strncmp(source, "https://", 8) == 0)
		return check_https(source, e);
	if (strcmp(source, "submit:") == 0)
		return 0;
	return err_set(e, ERR_SYNTAX, "source: %.100s, must be file:NAME, primary:ADDRESS#PORT[,KEY],..., https://HOST/PATH or submit:",
		       source);
}

static const struct policy_state *find_policy(const struct fact_state *s, const char *name)
{
	for (size_t i = 0; i < s->policies; i++)
		if (strcmp(s->policy[i].name, name) == 0)
			return &s->policy[i];
	return NULL;
}

int api_zone_add(struct keydist *k, const json_t *o, struct cluster_word *out, uint8_t name[DNAME_MAX], struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const char *text, *source, *policy;
	const struct zone_state *z;
	uint64_t rev = 0;

	out->body = NULL;
	if (http_text(o, "zone", &text, e) != 0 || http_text(o, "source", &source, e) != 0 ||
	    http_text_or(o, "policy", "default", &policy, e) != 0 || check_source(source, e) != 0)
		return -1;
	if (dname_from_text(text, name, e) != 0)
		return err_ctx(e, "zone");
	if (strcmp(policy, "default") != 0 && find_policy(s, policy) == NULL)
		return err_set(e, ERR_NOTFOUND, "policy: there is none called %.63s", policy);
	z = state_zone(s, name);
	if (z != NULL && zone_addition(z) != NULL && strcmp(api_zone_member(z, "source"), source) == 0 &&
	    strcmp(api_zone_member(z, "policy"), policy) == 0)
		return 0; /* asking twice is once */
	for (size_t i = 0; z != NULL && i < z->adds; i++)
		if (z->add[i].added && z->add[i].rev > rev)
			rev = z->add[i].rev;
	*out = (struct cluster_word){ "zone.add", name,
				      json_pack("{s:s,s:s,s:I}", "source", source, "policy", policy, "rev",
						(json_int_t)rev + 1) };
	return 0;
}

static int on_add(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	struct cluster_word word;
	uint8_t name[DNAME_MAX];
	int rc;

	(void)a;
	if (api_zone_add(k, q->body, &word, name, e) != 0)
		return -1;
	if (word.body == NULL)
		return 0;
	if ((rc = cluster_say(k->cluster, &word, 1, e)) == 0)
		log_event(LOG_NOTICE, "zone-added", "zone=%s source=%s policy=%s",
			  json_string_value(json_object_get(q->body, "zone")),
			  json_string_value(json_object_get(word.body, "source")),
			  json_string_value(json_object_get(word.body, "policy")));
	json_decref(word.body);
	return rc;
}

/* What secondaries and the parent's servers showed. */
static int on_servers(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);

	if (z == NULL)
		return -1;
	a->body = looks_status(zone_ctx(k, z->name, true));
	return 0;
}

static int on_remove(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	json_t *adds = json_array();
	char text[DNAME_TEXT_MAX];

	(void)a;
	if (z == NULL) {
		json_decref(adds);
		return -1;
	}
	strcpy(text, z->text);
	for (size_t i = 0; i < z->adds; i++)
		if (z->add[i].added && !z->add[i].removed)
			json_array_append_new(adds, msg_json_hex(z->add[i].hash, FACT_HASH_LEN));
	if (keydist_say(k, "zone.remove", z->name, json_pack("{s:o}", "adds", adds), e) != 0)
		return -1;
	log_event(LOG_NOTICE, "zone-removed", "zone=%s", text);
	return 0;
}

/* ---- policies ---- */

static json_t *policy_now(const struct fact_state *s, const char *name)
{
	const struct policy_state *ps = find_policy(s, name);
	struct policy p = policy_default();

	if (ps != NULL && policy_from_json(json_object_get(ps->reg.body, "policy"), &p, NULL) == 0)
		p.rev = (int64_t)ps->reg.rev;
	else if (strcmp(name, "default") != 0)
		return NULL;
	return policy_to_json(&p);
}

static int on_policies(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct fact_state *s = cluster_state(((struct keydist *)ctx)->cluster);
	json_t *list = json_array();

	(void)q;
	(void)e;
	json_array_append_new(list, policy_now(s, "default"));
	for (size_t i = 0; i < s->policies; i++)
		if (strcmp(s->policy[i].name, "default") != 0)
			json_array_append_new(list, policy_now(s, s->policy[i].name));
	a->body = json_pack("{s:o}", "policies", list);
	return 0;
}

static int on_policy(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct fact_state *s = cluster_state(((struct keydist *)ctx)->cluster);

	a->body = policy_now(s, q->segment[0]);
	return a->body != NULL ? 0 : err_set(e, ERR_NOTFOUND, "there is no policy %.63s", q->segment[0]);
}

static int on_policy_put(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct policy_state *ps = find_policy(cluster_state(k->cluster), q->segment[0]);
	const json_int_t rev = ps == NULL ? 1 : (json_int_t)ps->reg.rev + 1;
	struct conf_errors errors = { 0 }, warnings = { 0 };
	struct policy p;
	int rc = -1;

	if (policy_from_json(q->body, &p, e) != 0)
		return -1;
	if (strcmp(p.name, q->segment[0]) != 0)
		return err_set(e, ERR_SYNTAX, "name: %s, the path says %.63s", p.name, q->segment[0]);
	policy_check(&p, &errors, &warnings);
	if (errors.n > 0) {
		err_set(e, ERR_REFUSED, "%s", errors.line[0]);
	} else if (json_is_true(json_object_get(q->body, "force")) || policy_fits(k, &p, e) == 0) {
		p.rev = rev;
		rc = keydist_say(k, "policy", NULL,
				 json_pack("{s:o,s:I}", "policy", policy_to_json(&p), "rev", rev), e);
	}
	conf_errors_free(&errors);
	conf_errors_free(&warnings);
	if (rc != 0)
		return -1;
	a->body = json_pack("{s:I}", "rev", rev);
	return 0;
}

/* ---- TSIG ---- */

static int on_tsig_list(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)e;
	a->body = json_pack("{s:o}", "keys", tsig_list(ctx));
	return 0;
}

static int on_tsig_create(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const char *name, *alg, *file, *out;

	if (http_text(q->body, "name", &name, e) != 0 ||
	    http_text_or(q->body, "algorithm", "hmac-sha256", &alg, e) != 0 ||
	    http_text_or(q->body, "file", NULL, &file, e) != 0 ||
	    http_text_or(q->body, "out", NULL, &out, e) != 0)
		return -1;
	if ((file != NULL && file[0] != '/') || (out != NULL && out[0] != '/'))
		return err_set(e, ERR_SYNTAX, "file, out: must be absolute paths");
	return tsig_create(ctx, name, alg, file, out, &a->body, e);
}

static int on_tsig_remove(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)a;
	return tsig_remove(ctx, q->segment[0], http_query(q, "hash"), e);
}

const struct http_route zone_routes[] = {
	{ "GET", "/v1/zones", 0, on_list },
	{ "POST", "/v1/zones", HTTP_BODY_SMALL, on_add },
	{ "DELETE", "/v1/zones/{zone}", HTTP_BODY_SMALL, on_remove },
	{ "GET", "/v1/zones/{zone}/servers", 0, on_servers },
	{ "GET", "/v1/policies", 0, on_policies },
	{ "GET", "/v1/policies/{name}", 0, on_policy },
	{ "PUT", "/v1/policies/{name}", HTTP_BODY_SMALL, on_policy_put },
	{ "GET", "/v1/tsig", 0, on_tsig_list },
	{ "POST", "/v1/tsig", HTTP_BODY_SMALL, on_tsig_create },
	{ "DELETE", "/v1/tsig/{name}", HTTP_BODY_SMALL, on_tsig_remove },
};
const size_t zone_route_count = sizeof(zone_routes) / sizeof(zone_routes[0]);
