/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write: what waits is written together: one sync of the volumes, one commit.  When that fails, each is tried alone, so
 * that one zone's trouble is its own.
 */
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/candidate.h"
#include "store/state.h"

/* One write that is under way. */
struct step {
	struct store_write *w;
	uint8_t apex[DNAME_MAX]; /* lower case */
	size_t apex_len;
	struct table *table; /* publish */
	int64_t id;          /* of the zone's row */
	bool fresh;          /* no page of the zone's rows is known: all of them go */
};

/* Whether the change can still be published. */
static int check_change(struct step *t, struct err *e)
{
	struct change *c = t->w->change;
	struct store *s = c->s;
	struct stored_zone *z;
	struct version *current;
	unsigned failures;

	store_lock(s);
	z = store_find(s, c->apex);
	current = z == NULL ? NULL : z->current;
	failures = s->sync_failures;
	store_unlock(s);
	t->fresh = current == NULL;
	if (c->sync_failures != failures)
		return err_set(e, ERR_NOTNOW,
			       "the disk failed while the change was made; it has to be made again");
	if (current != c->base)
		return err_set(e, ERR_NOTNOW,
			       "the zone was published while the change was made; it has to be made again");
	return t->table != NULL ? 0 : change_table(c, &t->table, e);
}

struct rows {
	struct db *db;
	int64_t zone;
	struct err *e;
};

static int write_row(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct rows *r = ctx;

	return is != NULL ? db_put_page(r->db, r->zone, is, r->e) : db_del_page(r->db, r->zone, was, r->e);
}

static int put_version(struct store *s, struct step *t, struct err *e)
{
	const struct store_write *w = t->w;
	const struct version *base = w->change->base;
	struct rows rows = { .db = s->db, .e = e };

	if (db_put_zone(s->db, t->apex, t->apex_len, w->info, t->table, &t->id, e) != 0)
		return -1;
	rows.zone = t->id;
	if (t->fresh && db_del_pages(s->db, t->id, e) != 0)
		return -1;
	if (table_diff(base == NULL ? NULL : base->table, t->table, write_row, &rows) != 0)
		return -1;
	return w->info->sum == NULL ? 0 : db_put_content(s->db, t->id, w->info->sum, e);
}

static int put_removal(struct store *s, struct step *t, struct err *e)
{
	struct stored_zone *z;

	store_lock(s);
	z = store_find(s, t->apex);
	t->id = z == NULL ? 0 : z->id;
	store_unlock(s);
	return t->id == 0 ? 0 : db_del_zone(s->db, t->id, e);
}

static int put_step(struct store *s, struct step *t, struct err *e)
{
	int rc = t->w->what == STORE_PUBLISH  ? put_version(s, t, e)
		 : t->w->what == STORE_REMOVE ? put_removal(s, t, e)
					      : 0;

	if (rc == 0)
		rc = candidate_write(s, t->w, t->apex, t->apex_len, t->table, e);
	for (size_t i = 0; i < t->w->history_count && rc == 0; i++)
		rc = db_put_history(s->db, t->apex, t->apex_len, t->w->history_at[i], t->w->history[i], e);
	if (rc == 0 && t->w->history_count > 0)
		rc = db_trim_history(s->db, t->apex, t->apex_len, t->w->history_at[t->w->history_count - 1], e);
	if (rc != 0 || t->w->keep == NULL)
		return rc;
	return db_put_keep(s->db, t->apex, t->apex_len, t->w->keep, e);
}

/* Everything that the commit makes true. */
static int commit(struct store *s, struct step *steps, size_t n, struct err *e)
{
	if (db_begin(s->db, e) != 0 || store_put_volumes(s, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_step(s, &steps[i], e) != 0)
			return -1;
	fail_point("store-before-commit");
	return db_commit(s->db, e);
}

static void take_version(struct store *s, struct step *t)
{
	struct version *old, *now = version_new(t->w->info, t->table);
	struct stored_zone *z;
	char *damage;

	t->table = NULL;
	store_lock(s);
	z = store_entry(s, t->apex);
	old = z->current;
	damage = z->damage;
	z->id = t->id;
	z->current = now;
	z->damage = NULL;
	t->w->version = version_ref(now);
	store_unlock(s);
	version_unref(old);
	free(damage);
}

static void take_removal(struct store *s, struct step *t)
{
	struct version *old = NULL;
	struct stored_zone *z;
	char *damage = NULL;

	store_lock(s);
	if ((z = store_find(s, t->apex)) != NULL) {
		old = z->current;
		damage = z->damage;
		z->id = 0;
		z->current = NULL;
		z->damage = NULL;
	}
	store_unlock(s);
	version_unref(old);
	free(damage);
}

/* What the commit made true is true in memory, too. */
static void take_over(struct store *s, struct step *steps, size_t n)
{
	volumes_committed(&s->volumes);
	for (size_t i = 0; i < n; i++) {
		steps[i].w->rc = 0;
		candidate_take(s, steps[i].w, steps[i].apex, steps[i].table);
		if (steps[i].w->what == STORE_PUBLISH)
			take_version(s, &steps[i]);
		else if (steps[i].w->what == STORE_REMOVE)
			take_removal(s, &steps[i]);
		if (steps[i].w->keep != NULL) {
			store_lock(s);
			store_entry(s, steps[i].apex);
			store_unlock(s);
		}
	}
}

static int commit_all(struct store *s, struct step *steps, size_t n, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->db_lock);
	if ((rc = commit(s, steps, n, e)) != 0) {
		db_rollback(s->db);
	} else {
		fail_point("store-after-commit");
		take_over(s, steps, n);
	}
	pthread_mutex_unlock(&s->db_lock);
	return rc;
}

static void refuse(struct step *t, const struct err *e)
{
	char name[DNAME_TEXT_MAX];

	t->w->rc = -1;
	t->w->err = *e;
	err_ctx(&t->w->err, "zone %s: not %s", dname_to_text(t->apex, name),
		t->w->what == STORE_PUBLISH     ? "published"
		: t->w->what == STORE_REMOVE    ? "removed"
		: t->w->what == STORE_CANDIDATE ? "made a candidate"
						: "kept");
}

/* Those that can be written now, to the front; returns how many. */
static size_t check_all(struct step *steps, size_t n)
{
	struct err e = { 0 };
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		struct step t = steps[i];

		if (t.w->change != NULL && check_change(&t, &e) != 0) {
			refuse(&t, &e);
			table_unref(t.table);
			t.table = NULL;
			steps[i] = t;
			continue;
		}
		steps[i] = steps[good];
		steps[good++] = t;
	}
	return good;
}

static int sync_volumes(struct store *s, struct err *e)
{
	if (volumes_sync(&s->volumes, e) == 0)
		return 0;
	store_lock(s);
	s->sync_failures++;
	store_unlock(s);
	return -1;
}

int store_sync(struct store *s, struct err *e)
{
	pthread_mutex_lock(&s->db_lock);
	db_log_ahead(s->db);
	pthread_mutex_unlock(&s->db_lock);
	return sync_volumes(s, e);
}

static int sync_pages(struct store *s, const struct step *steps, size_t n, struct err *e)
{
	bool put = false;

	for (size_t i = 0; i < n; i++)
		put = put || (steps[i].w->change != NULL && steps[i].w->change->put);
	fail_point("store-before-sync");
	if (put && sync_volumes(s, e) != 0)
		return -1;
	fail_point("store-after-sync");
	return 0;
}

static void write_all(struct store *s, struct step *steps, size_t n)
{
	struct err e = { 0 };

	if (n == 0)
		return;
	if (sync_pages(s, steps, n, &e) != 0) {
		for (size_t i = 0; i < n; i++)
			refuse(&steps[i], &e);
		return;
	}
	if (commit_all(s, steps, n, &e) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (n == 1 || commit_all(s, &steps[i], 1, &e) != 0)
			refuse(&steps[i], &e);
}

void store_write(struct store *s, struct store_write *const *list, size_t n)
{
	struct step *steps = mem_new(n, sizeof(*steps));

	for (size_t i = 0; i < n; i++) {
		struct store_write *w = list[i];

		w->rc = -1;
		w->version = NULL;
		steps[i].w = w;
		steps[i].apex_len =
			dname_lower(w->change != NULL ? w->change->apex : w->apex, steps[i].apex);
	}
	write_all(s, steps, check_all(steps, n));
	for (size_t i = 0; i < n; i++) {
		table_unref(steps[i].table);
		change_drop(list[i]->change);
		list[i]->change = NULL;
	}
	free(steps);
}

int store_put_volumes(struct store *s, struct err *e)
{
	struct put {
		uint32_t id;
		uint64_t end;
	} *list = NULL;
	size_t n = 0;
	int rc = 0;

	store_lock(s);
	for (struct volume *v = s->volumes.list; v != NULL; v = v->next)
		if (!v->deleted && !v->damaged && (v->known ? v->synced != v->committed : v->synced > 0)) {
			list = mem_grow(list, n + 1, sizeof(*list));
			list[n++] = (struct put){ v->id, v->synced };
		}
	store_unlock(s);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = db_put_volume(s->db, list[i].id, list[i].end, e);
	free(list);
	return rc;
}

int store_remove(struct store *s, const uint8_t *apex, struct err *e)
{
	struct store_write w = { .what = STORE_REMOVE, .apex = apex };
	struct store_write *list[] = { &w };

	store_write(s, list, 1);
	if (w.rc != 0 && e != NULL)
		*e = w.err;
	return w.rc;
}

int store_keep_put(struct store *s, const uint8_t *apex, const char *json, struct err *e)
{
	struct store_write w = { .what = STORE_KEEP, .apex = apex, .keep = json };
	struct store_write *list[] = { &w };

	store_write(s, list, 1);
	if (w.rc != 0 && e != NULL)
		*e = w.err;
	return w.rc;
}
