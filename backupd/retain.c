/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * retain: keys of zones that were removed long ago are dropped, where the configuration says after how many days.
 *
 * Days are counted while this backup runs and knows of the removal, so that no clock that jumps takes a key away; the
 * count is saved each minute.  A zone that is added again in between keeps its keys.
 */
#include "backupd/backupd.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "key/key.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#define SAVE_MS   60000
#define GAP_MS    10000 /* a loop that did not run for longer was not running */
#define DAY_MS    86400000
#define AGAIN_MS  3600000 /* what could not be cut yet: the newest fact of a node */
#define WORDS_MAX 256

static const char *const migrations[] = {
	"CREATE TABLE removed (zone TEXT PRIMARY KEY, ran_ms INTEGER NOT NULL) STRICT",
};

int retain_open(struct backupd *b, struct err *e)
{
	char *path = mem_printf("%s/backupd.db", b->conf->backupd.state_dir);
	sqlite3_stmt *st;
	int rc = sql_open(path, migrations, 1, &b->db, e);

	free(path);
	if (rc != 0 || sql_prepare(b->db, "SELECT zone, ran_ms FROM removed", &st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		b->removed = mem_grow(b->removed, b->removeds + 1, sizeof(*b->removed));
		b->removed[b->removeds++] = (struct removed){ mem_strdup((const char *)sqlite3_column_text(st, 0)),
							      sqlite3_column_int64(st, 1) };
	}
	sqlite3_finalize(st);
	return rc;
}

void retain_close(struct backupd *b)
{
	for (size_t i = 0; i < b->removeds; i++)
		free(b->removed[i].zone);
	free(b->removed);
	sql_close(b->db);
}

static struct removed *find(const struct backupd *b, const char *zone)
{
	for (size_t i = 0; i < b->removeds; i++)
		if (strcmp(b->removed[i].zone, zone) == 0)
			return &b->removed[i];
	return NULL;
}

static int64_t limit_ms(const struct backupd *b)
{
	return b->conf->backupd.retention_days * (int64_t)DAY_MS;
}

static bool has_boxes(const struct zone_state *z)
{
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].boxes > 0 || z->key[i].recoveries > 0)
			return true;
	return false;
}

json_t *retain_left(const struct backupd *b, const struct zone_state *z)
{
	const struct removed *r = find(b, z->text);

	if (limit_ms(b) == 0 || r == NULL || zone_addition(z) != NULL || !has_boxes(z))
		return json_null();
	return json_integer(r->ran_ms < limit_ms(b) ? (json_int_t)((limit_ms(b) - r->ran_ms) / 1000) : 0);
}

/* ---- counting ---- */

/* Who is removed and has keys is counted; who came back is forgotten. */
static void look(struct backupd *b)
{
	const struct fact_state *s = cluster_state(b->cluster);

	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];

		if (z->adds == 0 || zone_addition(z) != NULL || !has_boxes(z) || find(b, z->text) != NULL)
			continue;
		b->removed = mem_grow(b->removed, b->removeds + 1, sizeof(*b->removed));
		b->removed[b->removeds++] = (struct removed){ mem_strdup(z->text), 0 };
	}
	for (size_t i = 0; i < b->removeds; i++) {
		uint8_t name[DNAME_MAX];
		const struct zone_state *z =
			dname_from_text(b->removed[i].zone, name, NULL) == 0 ? state_zone(s, name) : NULL;

		if (z != NULL && zone_addition(z) == NULL && has_boxes(z))
			continue;
		free(b->removed[i].zone);
		b->removed[i--] = b->removed[--b->removeds];
	}
}

static int save(struct backupd *b, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sql_exec(b->db, "BEGIN IMMEDIATE; DELETE FROM removed", e) != 0)
		return -1;
	rc = sql_prepare(b->db, "INSERT INTO removed (zone, ran_ms) VALUES (?,?)", &st, e);
	for (size_t i = 0; i < b->removeds && rc == 0; i++) {
		sqlite3_bind_text(st, 1, b->removed[i].zone, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, b->removed[i].ran_ms);
		rc = sql_step(st, e);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	if (rc == 0 && sql_exec(b->db, "COMMIT", e) == 0)
		return 0;
	sql_exec(b->db, "ROLLBACK", NULL);
	return -1;
}

/* ---- dropping ---- */

static bool is_due(const struct backupd *b, const struct zone_state *z)
{
	const struct removed *r = find(b, z->text);

	return r != NULL && zone_addition(z) == NULL && r->ran_ms >= limit_ms(b);
}

/* Says `dropped` for the keys that are due; whether some were not said yet. */
static int say_dropped(struct backupd *b, struct err *e)
{
	const struct fact_state *s = cluster_state(b->cluster);
	struct cluster_word word[WORDS_MAX];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; is_due(b, &s->zone[i]) && j < s->zone[i].keys && n < WORDS_MAX; j++) {
			const struct key_state *ks = &s->zone[i].key[j];

			if (!ks->created || !key_stored_by(ks, b->self.id, b->recovery_id))
				continue;
			log_event(LOG_NOTICE, "key-dropped", "zone=%s key=%u/%u msg=the zone was removed %lld days ago",
				  s->zone[i].text, dnskey_tag(ks->dnskey, ks->dnskey_len), ks->dnskey[3],
				  (long long)b->conf->backupd.retention_days);
			word[n++] = (struct cluster_word){ "key.dropped", s->zone[i].name,
							   json_pack("{s:o,s:s}", "key", msg_json_hex(ks->hash, 32),
								     "recovery", b->recovery_text) };
		}
	rc = n == 0 ? 0 : cluster_say(b->cluster, word, n, e);
	for (size_t i = 0; i < n; i++)
		json_decref(word[i].body);
	return rc;
}

static bool of_due_zone(void *ctx, const struct fact *f)
{
	const struct backupd *b = ctx;
	const struct zone_state *z = state_zone(cluster_state(b->cluster), f->zone);

	return z != NULL && is_due(b, z);
}

static void drop(struct backupd *b)
{
	bool any = false;
	size_t n = 0;
	struct err e;

	for (size_t i = 0; i < b->removeds && !any; i++)
		any = b->removed[i].ran_ms >= limit_ms(b);
	if (!any)
		return;
	if (say_dropped(b, &e) != 0 || cluster_cut(b->cluster, of_due_zone, b, &n, &e) != 0) {
		if (strncmp(b->trouble, e.text, 255) != 0)
			log_event(LOG_ERROR, "not-dropped", "msg=%s", e.text);
		snprintf(b->trouble, sizeof(b->trouble), "%.255s", e.text);
	} else if (n > 0) {
		log_event(LOG_NOTICE, "boxes-dropped", "facts=%zu", n);
	}
}

void retain_tick(struct backupd *b)
{
	const int64_t now = clock_mono_ms();
	int64_t ran = b->counted_ms == 0 ? 0 : now - b->counted_ms;
	struct err e;

	b->counted_ms = now;
	if (ran < 0 || ran > GAP_MS)
		ran = 0;
	if (limit_ms(b) == 0)
		return;
	for (size_t i = 0; i < b->removeds; i++)
		b->removed[i].ran_ms += ran;
	if (b->saved_ms != 0 && now - b->saved_ms < SAVE_MS)
		return;
	b->saved_ms = now;
	/* Once a minute is often enough for days. */
	look(b);
	if (b->could && b->recovery_known && (b->dropped_ms == 0 || now - b->dropped_ms > AGAIN_MS)) {
		b->dropped_ms = now;
		drop(b);
	}
	if (save(b, &e) != 0)
		log_event(LOG_ERROR, "retention-not-kept", "msg=%s", e.text);
}
