/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status: the newest word of every node on every zone, in memory as text and, some seconds later, in the
 * database.  The newest by (start, counter) counts.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 200000
#define SAVE_MS     5000

struct status_name {
	const struct cluster *c;
	const uint8_t *node;
	const char *zone;
};

static bool same(const void *ctx, size_t at)
{
	const struct status_name *n = ctx;
	const struct status_entry *s = &n->c->status[at];

	return memcmp(s->node, n->node, NODE_ID_LEN) == 0 && strcmp(s->zone, n->zone) == 0;
}

static uint64_t hash_of(const uint8_t node[NODE_ID_LEN], const char *zone)
{
	return index_hash(zone, strlen(zone), index_hash(node, NODE_ID_LEN, 0));
}

static struct status_entry *find(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone)
{
	const struct status_name n = { c, node, zone };
	const size_t at = index_find(&c->status_index, hash_of(node, zone), same, &n);

	return at == INDEX_NONE ? NULL : &c->status[at];
}

static struct status_entry *need(struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone)
{
	struct status_entry *s = find(c, node, zone);

	if (s != NULL || c->statuses == ENTRIES_MAX)
		return s;
	if ((c->statuses & (c->statuses - 1)) == 0) /* a power of two: full */
		c->status = mem_grow(c->status, c->statuses == 0 ? 1 : 2 * c->statuses, sizeof(*c->status));
	s = &c->status[c->statuses++];
	memset(s, 0, sizeof(*s));
	s->older = s->newer = STATUS_NONE;
	memcpy(s->node, node, NODE_ID_LEN);
	s->zone = mem_strdup(zone);
	index_add(&c->status_index, hash_of(node, zone), c->statuses - 1);
	return s;
}

/* Puts it behind all others. */
static void move_to_end(struct cluster *c, struct status_entry *s)
{
	const uint32_t at = (uint32_t)(s - c->status);

	if (c->status_newest == at)
		return;
	if (s->older != STATUS_NONE)
		c->status[s->older].newer = s->newer;
	if (s->newer != STATUS_NONE)
		c->status[s->newer].older = s->older;
	if (c->status_newest != STATUS_NONE)
		c->status[c->status_newest].newer = at;
	s->older = c->status_newest;
	s->newer = STATUS_NONE;
	c->status_newest = at;
}

uint32_t status_changed(const struct cluster *c, uint64_t since)
{
	uint32_t at = c->status_newest, first = STATUS_NONE;

	for (; at != STATUS_NONE && c->status[at].revision > since; at = c->status[at].older)
		first = at;
	return first;
}

/* Takes over the text. */
static void set(struct cluster *c, struct status_entry *s, const struct status_start *start, uint64_t counter,
		char *text)
{
	free(s->status);
	s->status = text;
	s->start = *start;
	s->counter = counter;
	s->revision = ++c->status_revision;
	s->dirty = true;
	move_to_end(c, s);
}

int cluster_status_put(struct cluster *c, const char *zone, json_t *status, struct err *e)
{
	char *text = json_dumps(status, JSON_COMPACT);
	const size_t len = text == NULL ? 0 : strlen(text);
	struct status_entry *s;

	if (len == 0 || len > STATUS_MAX) {
		free(text);
		return err_set(e, ERR_LIMIT, "a status of %zu octets, at most %d", len, STATUS_MAX);
	}
	if ((s = need(c, c->self->id, zone)) == NULL) {
		free(text);
		return err_set(e, ERR_LIMIT, "more than %d statuses", ENTRIES_MAX);
	}
	set(c, s, &c->start, ++c->status_counter, text);
	s->own = true;
	memset(s->from, 0, sizeof(s->from)); /* who gave us back what this node said before has not heard this */
	return 0;
}

bool status_is_newer(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone,
		     const struct status_start *start, uint64_t counter)
{
	const struct status_entry *s = find(c, node, zone);
	const int cmp = s == NULL ? -1 : incarnation_cmp(&s->start, start);

	return cmp < 0 || (cmp == 0 && s->counter < counter);
}

/* Whether this start of the node is another one than that of the word before. */
static bool begins(struct cluster *c, const uint8_t node[NODE_ID_LEN], const struct status_start *start)
{
	struct status_voice *v = NULL;

	for (size_t i = 0; i < c->voices && v == NULL; i++)
		v = memcmp(c->voice[i].node, node, NODE_ID_LEN) == 0 ? &c->voice[i] : NULL;
	if (v != NULL && incarnation_cmp(&v->start, start) == 0)
		return false;
	if (v == NULL) {
		c->voice = mem_grow(c->voice, c->voices + 1, sizeof(*c->voice));
		v = &c->voice[c->voices++];
		memcpy(v->node, node, NODE_ID_LEN);
	}
	v->start = *start;
	return true;
}

bool status_take(struct cluster *c, const struct msg_word *w, const struct status_start *start,
		 const uint8_t from[NODE_ID_LEN])
{
	struct status_entry *s = need(c, w->node, w->zone);
	char *text;

	if (s == NULL)
		return false;
	text = mem_new(w->status_len + 1, 1);
	memcpy(text, w->status, w->status_len);
	s->voice = begins(c, w->node, start) || (s->voice && incarnation_cmp(&s->start, start) == 0);
	set(c, s, start, w->counter, text);
	s->own = false;
	memcpy(s->from, from, NODE_ID_LEN);
	return true;
}

const char *cluster_status_text(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone)
{
	const struct status_entry *s = find(c, node, zone);

	return s == NULL ? NULL : s->status;
}

json_t *cluster_status_get(const struct cluster *c, const uint8_t node[NODE_ID_LEN], const char *zone)
{
	const char *text = cluster_status_text(c, node, zone);

	return text == NULL ? NULL : json_loads(text, 0, NULL);
}

uint64_t cluster_status_since(const struct cluster *c, uint64_t since, cluster_status_fn *fn, void *ctx)
{
	for (uint32_t at = status_changed(c, since); at != STATUS_NONE; at = c->status[at].newer) {
		const struct status_entry *s = &c->status[at];

		if (!s->own && fn(ctx, s->node, s->zone, s->status) != 0)
			return since;
	}
	return c->status_revision;
}

/* ---- the database ---- */

int status_load(struct cluster *c, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sql_prepare(c->db, "SELECT node, zone, start, random, counter, status FROM status", &st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		const char *text = (const char *)sqlite3_column_text(st, 5);
		struct status_start start = { .number = (uint32_t)sqlite3_column_int64(st, 2) };
		uint8_t node[NODE_ID_LEN];
		struct status_entry *s;

		if (text == NULL || sqlite3_column_bytes(st, 3) != sizeof(start.random) ||
		    node_id_parse((const char *)sqlite3_column_text(st, 0), node, NULL) != 0 ||
		    (s = need(c, node, (const char *)sqlite3_column_text(st, 1))) == NULL)
			continue;
		memcpy(start.random, sqlite3_column_blob(st, 3), sizeof(start.random));
		set(c, s, &start, (uint64_t)sqlite3_column_int64(st, 4), mem_strdup(text));
		s->dirty = false;
	}
	sqlite3_finalize(st);
	return rc;
}

static int save_entry(sqlite3_stmt *st, const struct status_entry *s, struct err *e)
{
	char id[NODE_ID_TEXT];
	int rc;

	sqlite3_bind_text(st, 1, node_id_text(s->node, id), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, s->zone, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, s->start.number);
	sqlite3_bind_blob(st, 4, s->start.random, sizeof(s->start.random), SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, (int64_t)s->counter);
	sqlite3_bind_text(st, 6, s->status, -1, SQLITE_STATIC);
	rc = sql_step(st, e);
	sqlite3_reset(st);
	return rc;
}

static int save_dirty(struct cluster *c, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	for (size_t i = 0; i < c->statuses && rc == 0; i++) {
		if (!c->status[i].dirty)
			continue;
		if (st == NULL && (sql_exec(c->db, "BEGIN IMMEDIATE", e) != 0 ||
				   sql_prepare(c->db,
					       "INSERT OR REPLACE INTO status (node, zone, start, random, counter, "
					       "status) VALUES (?,?,?,?,?,?)",
					       &st, e) != 0))
			return -1;
		rc = save_entry(st, &c->status[i], e);
	}
	sqlite3_finalize(st);
	return st != NULL && rc == 0 ? sql_exec(c->db, "COMMIT", e) : rc;
}

void status_save(struct cluster *c)
{
	const int64_t now = clock_mono_ms();
	struct err e;

	if (c->saved_ms != 0 && now - c->saved_ms < SAVE_MS)
		return;
	c->saved_ms = now;
	if (save_dirty(c, &e) == 0) {
		for (size_t i = 0; i < c->statuses; i++)
			c->status[i].dirty = false;
		return;
	}
	sql_exec(c->db, "ROLLBACK", NULL);
	if (cluster_tell_once(c, e.text))
		log_event(LOG_WARNING, "status-not-kept", "msg=%s", e.text);
}

void status_fini(struct cluster *c)
{
	for (size_t i = 0; i < c->statuses; i++) {
		free(c->status[i].zone);
		free(c->status[i].status);
	}
	free(c->status);
	free(c->voice);
	index_fini(&c->status_index);
}
