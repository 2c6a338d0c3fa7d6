/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gossip: the newest status of every node on every zone.  The newest by (start, counter) counts; it is passed
 * on to all peers, kept in the database from time to time, and opens no gate.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX  200000
#define BATCH_MAX    256
#define BATCH_OCTETS (1u << 20)
#define ALL_MS       30000 /* everything is sent again, in case something was lost */
#define SAVE_MS      5000

static struct status_entry *find(const struct cluster *c, const char *node, const char *zone)
{
	for (size_t i = 0; i < c->statuses; i++)
		if (strcmp(c->status[i].zone, zone) == 0 && strcmp(c->status[i].node, node) == 0)
			return &c->status[i];
	return NULL;
}

static struct status_entry *need(struct cluster *c, const char *node, const char *zone)
{
	struct status_entry *s = find(c, node, zone);

	if (s != NULL || c->statuses == ENTRIES_MAX)
		return s;
	c->status = mem_grow(c->status, c->statuses + 1, sizeof(*c->status));
	s = &c->status[c->statuses++];
	memset(s, 0, sizeof(*s));
	snprintf(s->node, sizeof(s->node), "%s", node);
	snprintf(s->zone, sizeof(s->zone), "%s", zone);
	return s;
}

static void set(struct cluster *c, struct status_entry *s, uint64_t start, uint64_t counter, json_t *status)
{
	json_incref(status);
	json_decref(s->status);
	s->status = status;
	s->start = start;
	s->counter = counter;
	s->revision = ++c->status_revision;
	s->dirty = true;
}

int cluster_status_put(struct cluster *c, const char *zone, json_t *status, struct err *e)
{
	char *text = json_dumps(status, JSON_COMPACT);
	const size_t len = text == NULL ? 0 : strlen(text);
	struct status_entry *s;

	free(text);
	if (len == 0 || len > STATUS_MAX)
		return err_set(e, ERR_LIMIT, "a status of %zu octets, at most %d", len, STATUS_MAX);
	if ((s = need(c, c->self->id_text, zone)) == NULL)
		return err_set(e, ERR_LIMIT, "more than %d statuses", ENTRIES_MAX);
	set(c, s, c->start, ++c->status_counter, status);
	return 0;
}

json_t *cluster_status_get(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone)
{
	char id[NODE_ID_TEXT];
	const struct status_entry *s = find(c, node_id_text(node, id), zone);

	return s == NULL ? NULL : s->status;
}

void cluster_status_each(const struct cluster *c, cluster_status_fn *fn, void *ctx)
{
	for (size_t i = 0; i < c->statuses; i++)
		if (c->status[i].status != NULL)
			fn(ctx, c->status[i].node, c->status[i].zone, c->status[i].status);
}

void gossip_send(struct cluster *c, struct cluster_peer *p)
{
	const int64_t now = clock_mono_ms();
	uint64_t sent = p->status_sent;
	bool full = false;
	json_t *list, *body;
	size_t n = 0;

	if (p->status_all_ms == 0 || now - p->status_all_ms > ALL_MS) {
		sent = 0;
		p->status_all_ms = now;
	}
	/* Entries are looked at in any order, so a batch that fills is followed at once by a further one. */
	list = json_array();
	for (size_t i = 0; i < c->statuses && !full; i++) {
		const struct status_entry *s = &c->status[i];

		if (s->revision <= sent || s->status == NULL)
			continue;
		json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:O}", "node", s->node, "zone",
						      s->zone, "start", (json_int_t)s->start, "n",
						      (json_int_t)s->counter, "status", s->status));
		if (++n % BATCH_MAX == 0) {
			body = json_pack("{s:o}", "list", list);
			full = msg_send(c->hub, p->peer.id, p->peer.role, "status", body, NULL) != 0;
			json_decref(body);
			list = json_array();
		}
	}
	body = json_pack("{s:o}", "list", list);
	if (!full && json_array_size(list) > 0)
		full = msg_send(c->hub, p->peer.id, p->peer.role, "status", body, NULL) != 0;
	json_decref(body);
	if (!full)
		p->status_sent = c->status_revision;
}

static void take(struct cluster *c, json_t *row)
{
	const char *node = msg_text(row, "node", NODE_ID_TEXT - 1, NULL);
	const char *zone = msg_text(row, "zone", DNAME_TEXT_MAX - 1, NULL);
	json_t *status = json_object_get(row, "status");
	uint8_t id[NODE_ID_LEN], name[DNAME_MAX];
	struct status_entry *s;
	uint64_t start, counter;

	if (node == NULL || zone == NULL || !json_is_object(status) || node_id_parse(node, id, NULL) != 0 ||
	    dname_from_text(zone, name, NULL) != 0 || msg_uint(row, "start", INT64_MAX, &start, NULL) != 0 ||
	    msg_uint(row, "n", INT64_MAX, &counter, NULL) != 0)
		return;
	if (memcmp(id, c->self->id, NODE_ID_LEN) == 0 && start == c->start && counter <= c->status_counter)
		return; /* our own word of this run comes back */
	/* A later start, or a word under this start's number that this run has not said: an old copy counts starts anew. */
	if (memcmp(id, c->self->id, NODE_ID_LEN) == 0 && start >= c->start)
		start_own_status(c, start);
	s = find(c, node, zone);
	if (s != NULL && (s->start > start || (s->start == start && s->counter >= counter)))
		return;
	if (s == NULL) {
		struct fact_rules rules;

		if (sync_rules(c, &rules)->key_of(c, id) == NULL || (s = need(c, node, zone)) == NULL)
			return;
	}
	set(c, s, start, counter, status);
	if (c->config.on_status != NULL)
		c->config.on_status(c->config.ctx, node, zone, status);
}

void gossip_on_status(void *ctx, const struct msg_peer *from, json_t *msg)
{
	const json_t *list = json_object_get(msg, "list");
	json_t *row;
	size_t i;

	(void)from;
	if (json_array_size(list) > BATCH_MAX)
		return;
	json_array_foreach(list, i, row) take(ctx, row);
}

int gossip_load(struct cluster *c, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sql_prepare(c->db, "SELECT node, zone, start, counter, status FROM status", &st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		const char *text = (const char *)sqlite3_column_text(st, 4);
		json_t *status = text == NULL ? NULL : json_loads(text, 0, NULL);
		struct status_entry *s;

		s = json_is_object(status) ? need(c, (const char *)sqlite3_column_text(st, 0),
						  (const char *)sqlite3_column_text(st, 1))
					   : NULL;
		if (s != NULL) {
			set(c, s, (uint64_t)sqlite3_column_int64(st, 2),
			    (uint64_t)sqlite3_column_int64(st, 3), status);
			s->dirty = false;
		}
		json_decref(status);
	}
	sqlite3_finalize(st);
	return rc;
}

static int save_entry(struct cluster *c, const struct status_entry *s, struct err *e)
{
	char *text = json_dumps(s->status, JSON_COMPACT);
	sqlite3_stmt *st;
	int rc = -1;

	if (sql_prepare(
		    c->db,
		    "INSERT OR REPLACE INTO status (node, zone, start, counter, status) VALUES (?,?,?,?,?)",
		    &st, e) == 0) {
		sqlite3_bind_text(st, 1, s->node, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, s->zone, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, (int64_t)s->start);
		sqlite3_bind_int64(st, 4, (int64_t)s->counter);
		sqlite3_bind_text(st, 5, text, -1, SQLITE_STATIC);
		rc = sql_run(st, e);
	}
	free(text);
	return rc;
}

void gossip_save(struct cluster *c)
{
	const int64_t now = clock_mono_ms();
	bool any = false;
	struct err e;

	if (c->saved_ms != 0 && now - c->saved_ms < SAVE_MS)
		return;
	c->saved_ms = now;
	for (size_t i = 0; i < c->statuses; i++) {
		if (!c->status[i].dirty)
			continue;
		if (!any && sql_exec(c->db, "BEGIN IMMEDIATE", &e) != 0)
			goto fail;
		any = true;
		if (save_entry(c, &c->status[i], &e) != 0)
			goto fail;
	}
	if (any && sql_exec(c->db, "COMMIT", &e) != 0)
		goto fail;
	for (size_t i = 0; i < c->statuses; i++)
		c->status[i].dirty = false;
	return;
fail:
	sql_exec(c->db, "ROLLBACK", NULL);
	if (cluster_tell_once(c, e.text))
		log_event(LOG_WARNING, "status-not-kept", "msg=%s", e.text);
}
