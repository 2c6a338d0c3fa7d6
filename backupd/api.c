/* SPDX-License-Identifier: BSD-3-Clause */
/* api: the HTTP API of backupd. */
#include "backupd/backupd.h"

#include "clock/clock.h"

#include <string.h>

static json_t *alarms(struct backupd *b)
{
	const char *hold = cluster_hold(b->cluster);
	json_t *list = json_array();

	if (hold != NULL)
		json_array_append_new(list,
				      json_pack("{s:s,s:n,s:s}", "what", "hold", "zone", "message", hold));
	if (!b->recovery_known)
		json_array_append_new(
			list, json_pack("{s:s,s:n,s:s}", "what", "recovery", "zone", "message",
					"node.recovery is not configured, so nothing is said to be stored"));
	if (b->trouble[0] != '\0')
		json_array_append_new(
			list, json_pack("{s:s,s:n,s:s}", "what", "keys", "zone", "message", b->trouble));
	return list;
}

static int on_status(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct backupd *b = ctx;

	(void)q;
	(void)e;
	a->body = json_pack("{s:{s:s,s:s,s:s},s:s,s:I,s:b,s:b,s:b,s:s?,s:o,s:I,s:I,s:o}", "node", "name",
			    b->conf->node.name, "id", b->self.id_text, "role", "backup", "version",
			    DUET_VERSION, "now", (json_int_t)clock_now_s(), "compared",
			    cluster_compared(b->cluster), "alone", cluster_alone(b->cluster), "set_back",
			    cluster_set_back(b->cluster), "hold", cluster_hold(b->cluster), "nodes",
			    cluster_nodes_json(b->cluster), "facts",
			    (json_int_t)fact_log_count(cluster_log(b->cluster)), "keys",
			    (json_int_t)keep_keys(b), "alarms", alarms(b));
	return 0;
}

static int on_facts(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	return cluster_facts_answer(((struct backupd *)ctx)->cluster, q, a, e);
}

static int on_backups(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)e;
	a->body = keep_list(ctx);
	return 0;
}

static int on_restore(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const json_t *signers = json_object_get(q->body, "signers"),
		     *fenced = json_object_get(q->body, "fenced");
	const char *file;
	bool alone;

	if (http_text(q->body, "recovery_key_file", &file, e) != 0 ||
	    http_bool_or(q->body, "alone", false, &alone, e) != 0)
		return -1;
	if (file[0] != '/')
		return err_set(e, ERR_SYNTAX, "recovery_key_file: must be an absolute path");
	if (json_array_size(signers) == 0)
		return err_set(e, ERR_SYNTAX, "signers: at least one duet1 line");
	return restore_run(ctx, file, signers, fenced, alone, &a->body, e);
}

static int on_reload(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)q;
	(void)a;
	return backupd_reload(ctx, e);
}

int api_open(struct backupd *b, struct err *e)
{
	static const struct http_route routes[] = {
		{ "GET", "/v1/status", 0, on_status },
		{ "GET", "/v1/facts", 0, on_facts },
		{ "GET", "/v1/backups", 0, on_backups },
		{ "POST", "/v1/restore", HTTP_BODY_SMALL, on_restore },
		{ "POST", "/v1/reload", HTTP_BODY_SMALL, on_reload },
	};

	return http_server_open(&b->loop, b->conf->backupd.socket, routes, sizeof(routes) / sizeof(routes[0]),
				b, &b->http, e);
}
