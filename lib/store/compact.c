/* SPDX-License-Identifier: BSD-3-Clause */
/* compact: copies live pages out of volumes that are mostly dead. */
#include <inttypes.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/state.h"

struct victim {
	struct volume *v;
	uint64_t live;
	bool chosen;
};

struct compaction {
	struct store *s;
	struct victim *victim;
	size_t count;
	struct victim *damaged; /* where a page could not be read, after ERR_DAMAGE */
	struct table **table;   /* by zone: its new table, or NULL where it stays */
};

static struct victim *find_victim(const struct compaction *c, uint32_t volume)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->victim[i].v->id == volume)
			return &c->victim[i];
	return NULL;
}

static void list_volumes(struct compaction *c)
{
	store_lock(c->s);
	for (struct volume *v = c->s->volumes.list; v != NULL; v = v->next)
		c->count += !v->deleted;
	c->victim = mem_new(c->count, sizeof(*c->victim));
	c->count = 0;
	for (struct volume *v = c->s->volumes.list; v != NULL; v = v->next)
		if (!v->deleted)
			c->victim[c->count++].v = v;
	store_unlock(c->s);
}

/* NULL: its rows are damaged, so none of its pages is known. */
static struct table *table_of(const struct stored_zone *z)
{
	return z->current == NULL ? NULL : z->current->table;
}

/* Counts live octets, and chooses. */
static void choose(struct compaction *c, uint64_t min_dead)
{
	list_volumes(c);
	for (size_t z = 0; z < c->s->zone_count; z++) {
		const struct table *t = table_of(c->s->zone[z]);

		for (size_t i = 0; t != NULL && i < table_len(t); i++) {
			const struct page_row *row = table_row(t, i);

			find_victim(c, row->volume)->live += row->len;
		}
	}
	for (size_t i = 0; i < c->count; i++) {
		struct victim *v = &c->victim[i];
		uint64_t dead = v->v->end > v->live ? v->v->end - v->live : 0;

		v->chosen = dead > v->live && dead > min_dead;
	}
}

/* Copies the zone's pages that lie in chosen volumes; its new table, or NULL when it has none of them. */
static int move_zone(struct compaction *c, const struct table *from, struct table **out, struct err *e)
{
	struct table_build *b = table_build_new(from);
	uint8_t *page = mem_new(1, PAGE_OCTETS_MAX);
	bool moved = false;
	int rc = 0;

	for (size_t i = 0; i < table_len(from) && rc == 0; i++) {
		const struct page_row *row = table_row(from, i);
		struct victim *victim = find_victim(c, row->volume);
		struct page_row copy = *row;

		if (!victim->chosen) {
			rc = table_build_keep(b, row, e);
			continue;
		}
		moved = true;
		if ((rc = store_read(c->s, row, page, e)) != 0)
			c->damaged = victim;
		else if ((rc = volumes_append(&c->s->volumes, page, row->len, &copy.volume, &copy.offset,
					      e)) == 0)
			rc = table_build_put(b, &copy, e);
	}
	if (rc == 0 && moved)
		rc = table_build_finish(b, &c->s->volumes, out, e);
	table_build_free(b);
	free(page);
	return rc;
}

struct rows {
	struct db *db;
	int64_t zone;
	struct err *e;
};

static int write_row(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct rows *r = ctx;

	(void)was; /* the keys are the same in both */
	return db_put_page(r->db, r->zone, is, r->e);
}

/* The zone's row has the sum over its pages' rows. */
static int put_zone(struct store *s, const struct stored_zone *z, const struct table *t, struct err *e)
{
	int64_t id;

	return db_put_zone(s->db, z->apex, z->apex_len, &z->current->info, t, &id, e);
}

static int commit(struct compaction *c, struct err *e)
{
	struct store *s = c->s;

	if (db_begin(s->db, e) != 0 || store_put_volumes(s, e) != 0)
		return -1;
	for (size_t i = 0; i < s->zone_count; i++) {
		struct rows rows = { .db = s->db, .zone = s->zone[i]->id, .e = e };

		if (c->table[i] != NULL &&
		    (table_diff(table_of(s->zone[i]), c->table[i], write_row, &rows) != 0 ||
		     put_zone(s, s->zone[i], c->table[i], e) != 0))
			return -1;
	}
	for (size_t i = 0; i < c->count; i++)
		if (c->victim[i].chosen && db_del_volume(s->db, c->victim[i].v->id, s->garbage, e) != 0)
			return -1;
	fail_point("store-compact-before-commit");
	return db_commit(s->db, e);
}

static int copy_and_commit(struct compaction *c, struct err *e)
{
	struct store *s = c->s;
	int rc;

	for (size_t i = 0; i < s->zone_count; i++)
		if (s->zone[i]->current != NULL && move_zone(c, table_of(s->zone[i]), &c->table[i], e) != 0)
			return -1;
	if (volumes_sync(&s->volumes, e) != 0)
		return -1;
	pthread_mutex_lock(&s->db_lock);
	rc = commit(c, e);
	if (rc != 0)
		db_rollback(s->db);
	pthread_mutex_unlock(&s->db_lock);
	fail_point("store-compact-after-commit");
	return rc;
}

/* What the commit made true. */
static void take_over(struct compaction *c)
{
	struct store *s = c->s;

	volumes_committed(&s->volumes);
	for (size_t i = 0; i < s->zone_count; i++) {
		struct version *old = s->zone[i]->current, *now;

		if (c->table[i] == NULL)
			continue;
		now = version_new(&old->info, c->table[i]);
		store_lock(s);
		s->zone[i]->current = now;
		store_unlock(s);
		c->table[i] = NULL;
		version_unref(old);
	}
	store_lock(s);
	for (size_t i = 0; i < c->count; i++)
		if (c->victim[i].chosen)
			volume_delete(c->victim[i].v);
	store_unlock(s);
}

static bool any_chosen(const struct compaction *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->victim[i].chosen)
			return true;
	return false;
}

/* Forgets the copies. */
static void start_over(struct compaction *c)
{
	for (size_t i = 0; i < c->s->zone_count; i++) {
		table_unref(c->table[i]);
		c->table[i] = NULL;
	}
	store_lock(c->s);
	volumes_rewind(&c->s->volumes);
	store_unlock(c->s);
}

/* While it runs there is no change: it gives versions other rows. */
static bool begin(struct store *s)
{
	bool quiet;

	store_lock(s);
	quiet = s->open_changes == 0;
	s->compacting = quiet;
	store_unlock(s);
	return quiet;
}

static void end(struct store *s)
{
	store_lock(s);
	s->compacting = false;
	store_unlock(s);
}

int store_compact(struct store *s, uint64_t min_dead, struct err *e)
{
	struct compaction c = { .s = s };
	struct err mine = { 0 };
	int rc = 0;

	if (!begin(s))
		return err_set(e, ERR_NOTNOW, "compaction waits for a change to end");
	c.table = mem_new(s->zone_count, sizeof(struct table *));
	choose(&c, min_dead);
	for (size_t i = 0; i < c.count; i++)
		if (c.victim[i].chosen && c.victim[i].v == s->volumes.tail)
			volumes_seal(&s->volumes); /* nothing is copied to where it is to go */
	while (any_chosen(&c)) {
		c.damaged = NULL;
		if (copy_and_commit(&c, rc == 0 ? &mine : NULL) == 0) {
			take_over(&c);
			break;
		}
		rc = -1;
		start_over(&c);
		if (c.damaged == NULL)
			break;
		c.damaged->chosen = false; /* it stays as it is until its pages are made again */
	}
	end(s);
	free(c.table);
	free(c.victim);
	return rc == 0 ? 0 : err_set(e, mine.code, "compaction: %s", mine.text);
}
