/* SPDX-License-Identifier: BSD-3-Clause */
/* api: the HTTP API of keydist: status, nodes, backups, requests to other nodes. */
#include "keydist/api.h"
#include "keydist/looks.h"
#include "keydist/leave.h"
#include "keydist/submit.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_MS_MAX 120000

/* ---- status ---- */

static json_t *zone_nodes(struct keydist *k, const struct zone_state *z)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *n = &s->node[i];
		const bool self = memcmp(n->id, k->self.id, NODE_ID_LEN) == 0;
		char hex[NODE_ID_TEXT];
		json_t *status;

		if (!node_is_signer(n))
			continue;
		status = cluster_status_get(k->cluster, n->id, z->text);
		json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:o,s:o?}", "name",
						      cluster_name(k->cluster, n->id), "id",
						      node_id_text(n->id, hex), "self", self, "heard_ms",
						      cluster_heard_json(k->cluster, n->id), "status", status));
	}
	return list;
}

/* Which zones are asked for: those behind `after` in the order in which this node heard of them, `limit` of them. */
struct page {
	size_t from, limit;
	const char *only; /* the one of this name; NULL: all */
	bool more;        /* there are others behind them */
};

static int read_page(const struct keydist *k, const struct http_request *q, struct page *p, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const char *limit = http_query(q, "limit"), *after = http_query(q, "after");
	uint8_t name[DNAME_MAX];
	const struct zone_state *z;
	char *end = NULL;

	*p = (struct page){ .limit = SIZE_MAX, .only = http_query(q, "zone") };
	if (limit != NULL && ((p->limit = strtoul(limit, &end, 10)) == 0 || *end != '\0'))
		return err_set(e, ERR_SYNTAX, "limit: must be a number from 1 on");
	if (after == NULL)
		return 0;
	if (dname_from_text(after, name, e) != 0)
		return err_ctx(e, "after");
	dname_lower(name, name);
	if ((z = state_zone(s, name)) == NULL)
		return err_set(e, ERR_NOTFOUND, "after: %s is not among the zones", after);
	p->from = (size_t)(z - s->zone) + 1;
	return 0;
}

static json_t *zones_json(struct keydist *k, struct page *page)
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = page->from; i < s->zones && !page->more; i++) {
		const struct zone_state *z = &s->zone[i];
		struct policy p;
		char *warning;

		if (zone_addition(z) == NULL || (page->only != NULL && strcmp(page->only, z->text) != 0))
			continue;
		page->more = json_array_size(list) == page->limit;
		if (page->more)
			break;
		p = zone_policy(k, z);
		warning = expire_trouble(k, z, &p);
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:s*}", "zone", z->text,
						"source", api_zone_member(z, "source"), "policy",
						api_zone_member(z, "policy"), "state", api_zone_state(k, z),
						"require_backups", (json_int_t)p.require_backups,
						"renewal_margin_s", (json_int_t)p.renewal_margin_s, "keys",
						api_keys_json(k, z), "nodes", zone_nodes(k, z), "warning", warning));
		free(warning);
	}
	return list;
}

static json_t *alarms(struct keydist *k)
{
	const char *hold = cluster_hold(k->cluster);
	json_t *list = json_array();

	if (hold != NULL)
		json_array_append_new(list,
				      json_pack("{s:s,s:n,s:s}", "what", "hold", "zone", "message", hold));
	else if (cluster_set_back(k->cluster))
		json_array_append_new(list,
				      json_pack("{s:s,s:n,s:s}", "what", "set-back", "zone", "message",
						"this node was set back to an old copy and has caught up"));
	if (cluster_state(k->cluster)->void_retirements)
		json_array_append_new(list, json_pack("{s:s,s:n,s:s}", "what", "retired", "zone", "message",
						      "signers were retired so that none is left: these "
						      "retirements are void"));
	if (!k->clock_good)
		json_array_append_new(
			list, json_pack("{s:s,s:n,s:s}", "what", "clock", "zone", "message", k->clock_why));
	for (size_t i = 0; i < k->zones; i++) {
		const struct zone_ctx *c = k->zone[i];

		if (c->trouble != NULL)
			json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "what", "keys", "zone", c->text, "message",
							      c->trouble));
		if (c->lost != NULL)
			json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "what", "lost", "zone", c->text, "message",
							      c->lost));
		if (looks_alarm(c) != NULL)
			json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "what", "parent", "zone", c->text, "message",
							      looks_alarm(c)));
	}
	return list;
}

static int on_status(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	struct page page;
	json_t *zones;

	if (read_page(k, q, &page, e) != 0)
		return -1;
	zones = zones_json(k, &page);
	a->body = json_pack("{s:{s:s,s:s,s:s},s:s,s:I,s:{s:b,s:s},s:b,s:b,s:b,s:s?,s:b,s:o,s:o,s:b,s:o}", "node",
			    "name", k->conf->node.name, "id", k->self.id_text, "role", "signer", "version",
			    DUET_VERSION, "now", (json_int_t)clock_now_s(), "clock", "vouched", k->clock_good,
			    "why", k->clock_why, "compared", cluster_compared(k->cluster), "alone",
			    cluster_alone(k->cluster), "set_back", cluster_set_back(k->cluster), "hold",
			    cluster_hold(k->cluster), "engine", k->engine_up, "nodes",
			    cluster_nodes_json(k->cluster), "zones", zones, "more", page.more, "alarms", alarms(k));
	return 0;
}

static int on_facts(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	return cluster_facts_answer(((struct keydist *)ctx)->cluster, q, a, e);
}

/* ---- nodes ---- */

static int on_nodes(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	json_t *nodes = cluster_nodes_json(k->cluster);

	(void)q;
	(void)e;
	leave_tell(k, nodes);
	a->body = json_pack("{s:o}", "nodes", nodes);
	return 0;
}

static int on_node_add(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const char *line, *name, *role;
	struct node_line parsed;
	uint8_t id[NODE_ID_LEN];
	char hex[NODE_ID_TEXT];

	if (http_text(q->body, "line", &line, e) != 0 || http_text(q->body, "name", &name, e) != 0 ||
	    http_text_or(q->body, "role", "signer", &role, e) != 0 ||
	    members_add(ctx, line, name, role, e) != 0 || node_line_parse(line, &parsed, e) != 0)
		return -1;
	node_id_of(parsed.sign_pk, id);
	a->body = json_pack("{s:s}", "node", node_id_text(id, hex));
	return 0;
}

static int on_node_retire(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const json_t *fenced = json_object_get(q->body, "fenced"), *dead = json_object_get(q->body, "dead");
	bool leaves = false;

	if ((fenced != NULL && !json_is_boolean(fenced)) || (dead != NULL && !json_is_boolean(dead)))
		return err_set(e, ERR_SYNTAX, "fenced, dead: must be true or false");
	if (members_retire(ctx, q->segment[0],
			   json_is_true(fenced) ? RETIRE_FENCED : json_is_true(dead) ? RETIRE_DEAD : RETIRE_ASKED, &leaves, e) != 0)
		return -1;
	a->body = json_pack("{s:b}", "leaves", (int)leaves);
	return 0;
}

/* ---- backups ---- */

static json_t *backup_zones(struct keydist *k, const uint8_t id[NODE_ID_LEN])
{
	const struct fact_state *s = cluster_state(k->cluster);
	json_t *list = json_array();

	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];
		json_int_t keys = 0, stored = 0;

		for (size_t j = 0; j < z->keys; j++) {
			bool has = false;

			keys += z->key[j].created;
			for (size_t n = 0; n < z->key[j].storeds; n++)
				has |= memcmp(z->key[j].stored[n].by, id, NODE_ID_LEN) == 0 &&
				       key_stored_by(&z->key[j], id, z->key[j].stored[n].to);
			stored += has;
		}
		if (keys > 0)
			json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "zone", z->text, "keys", keys,
							      "stored", stored));
	}
	return list;
}

static int on_backups(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct fact_state *s = cluster_state(k->cluster);
	const struct cluster_peer *p;
	json_t *list = json_array();
	size_t n;

	(void)q;
	(void)e;
	p = cluster_peers(k->cluster, &n);
	for (size_t i = 0; i < n; i++) {
		char hex[NODE_ID_TEXT];

		if (p[i].peer.role != MSG_BACKUP)
			continue;
		json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:b,s:o}", "name", p[i].peer.name, "id",
						      node_id_text(p[i].peer.id, hex), "heard_ms",
						      cluster_heard_json(k->cluster, p[i].peer.id),
						      "admitted", node_is_backup(state_node(s, p[i].peer.id)),
						      "zones", backup_zones(k, p[i].peer.id)));
	}
	a->body = json_pack("{s:o}", "backups", list);
	return 0;
}

/* ---- requests to a node's signer ---- */

static void on_reply(void *ctx, json_t *result, const struct err *why)
{
	http_finish(ctx, why != NULL ? NULL : result == NULL ? json_object() : json_incref(result), why);
}

static int on_request(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	json_t *args = json_object_get(q->body, "args");
	const char *what;
	json_int_t timeout;
	uint8_t id[NODE_ID_LEN];

	(void)a;
	if (k->stopping)
		return err_set(e, ERR_NOTNOW, "the daemon is stopping");
	if (http_text(q->body, "what", &what, e) != 0 ||
	    http_int_or(q->body, "timeout_ms", 10000, 1, REQUEST_MS_MAX, &timeout, e) != 0 ||
	    cluster_find(k->cluster, q->segment[0], id, e) != 0)
		return -1;
	if (memcmp(id, k->self.id, NODE_ID_LEN) == 0)
		engine_ask(k, what, args, (unsigned)timeout, on_reply, http_later(q));
	else
		cluster_request(k->cluster, id, what, args, (unsigned)timeout, on_reply, http_later(q));
	return HTTP_LATER;
}

static int on_reload(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)a;
	return keydist_reload(ctx, e);
}

const struct http_route node_routes[] = {
	{ "GET", "/v1/status", 0, on_status }, /* ?zone=NAME. or ?limit=N&after=NAME. */
	{ "GET", "/v1/facts", 0, on_facts },
	{ "GET", "/v1/nodes", 0, on_nodes },
	{ "POST", "/v1/nodes", HTTP_BODY_SMALL, on_node_add },
	{ "POST", "/v1/nodes/{name}/retire", HTTP_BODY_SMALL, on_node_retire },
	{ "POST", "/v1/nodes/{name}/request", HTTP_BODY_SMALL, on_request },
	{ "GET", "/v1/backups", 0, on_backups },
	{ "POST", "/v1/reload", HTTP_BODY_SMALL, on_reload },
};
const size_t node_route_count = sizeof(node_routes) / sizeof(node_routes[0]);

int api_open(struct keydist *k, struct err *e)
{
	static struct http_route all[64];
	size_t n = 0;

	memcpy(all, node_routes, sizeof(node_routes));
	n += node_route_count;
	memcpy(all + n, zone_routes, zone_route_count * sizeof(*all));
	n += zone_route_count;
	memcpy(all + n, key_routes, key_route_count * sizeof(*all));
	n += key_route_count;
	memcpy(all + n, import_routes, import_route_count * sizeof(*all));
	n += import_route_count;
	memcpy(all + n, public_routes, public_route_count * sizeof(*all));
	n += public_route_count;
	memcpy(all + n, roll_routes, roll_route_count * sizeof(*all));
	n += roll_route_count;
	memcpy(all + n, timeline_routes, timeline_route_count * sizeof(*all));
	n += timeline_route_count;
	memcpy(all + n, many_routes, many_route_count * sizeof(*all));
	n += many_route_count;
	memcpy(all + n, submit_routes, submit_route_count * sizeof(*all));
	n += submit_route_count;
	return http_server_open(&k->loop, k->conf->keydist.socket, all, n, k, &k->http, e);
}
