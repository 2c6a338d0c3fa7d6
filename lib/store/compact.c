/* SPDX-License-Identifier: BSD-3-Clause */
/* compact: copies live pages out of the volume that has the most dead octets. */
#include <inttypes.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/state.h"

/* What is known of a volume. */
struct usage {
	struct volume *v;
	uint64_t live;
	bool damaged; /* a live page is */
	bool pinned;  /* a candidate has pages there */
};

struct compaction {
	struct store *s;
	struct usage *usage;
	size_t count;
	struct volume *victim;
	struct table **table; /* by zone: its new table, or NULL where it stays */
};

static struct usage *find_usage(const struct compaction *c, uint32_t volume)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->usage[i].v->id == volume)
			return &c->usage[i];
	return NULL;
}

static void list_volumes(struct compaction *c)
{
	store_lock(c->s);
	for (struct volume *v = c->s->volumes.list; v != NULL; v = v->next)
		if (!v->deleted) {
			c->usage = mem_grow(c->usage, c->count + 1, sizeof(*c->usage));
			c->usage[c->count++] = (struct usage){ .v = v };
		}
	store_unlock(c->s);
}

/* NULL: its rows are damaged, so none of its pages is known. */
static struct table *table_of(const struct stored_zone *z)
{
	return z->current == NULL ? NULL : z->current->table;
}

/* Pages of a candidate stay where they are until it is published or dropped. */
static void pin(struct compaction *c, const struct version *candidate)
{
	struct usage *u = NULL;

	for (size_t i = 0; candidate != NULL && i < table_len(candidate->table); i++) {
		const struct page_row *row = table_row(candidate->table, i);

		if (u == NULL || u->v->id != row->volume)
			u = find_usage(c, row->volume);
		u->pinned = true;
	}
}

static void count_live(struct compaction *c)
{
	struct usage *u = NULL;

	list_volumes(c);
	for (size_t z = 0; z < c->s->zone_count; z++)
		pin(c, c->s->zone[z]->candidate);
	for (size_t z = 0; z < c->s->zone_count; z++) {
		const struct table *t = table_of(c->s->zone[z]);

		for (size_t i = 0; t != NULL && i < table_len(t); i++) {
			const struct page_row *row = table_row(t, i);

			if (u == NULL || u->v->id != row->volume)
				u = find_usage(c, row->volume);
			u->live += row->len;
			u->damaged = u->damaged || store_damaged(c->s, row);
		}
	}
}

/* The volume with the most dead octets of those for which the rule speaks, or NULL. */
static struct volume *choose(struct compaction *c, const struct compact_rule *rule)
{
	struct volume *best = NULL;
	uint64_t most = 0;

	count_live(c);
	for (size_t i = 0; i < c->count; i++) {
		const struct usage *u = &c->usage[i];
		uint64_t dead = u->v->end > u->live ? u->v->end - u->live : 0;

		if (dead <= most || dead < rule->dead_min || u->damaged || u->pinned ||
		    dead < u->v->end / 100 * rule->dead_percent)
			continue;
		best = u->v;
		most = dead;
	}
	return best;
}

/* Copies the zone's pages that lie in the victim; its new table, or NULL when it has none of them. */
static int move_zone(struct compaction *c, const struct table *from, struct table **out, struct err *e)
{
	struct table_build *b = table_build_new(from);
	uint8_t *page = mem_new(1, PAGE_OCTETS_MAX);
	bool moved = false;
	int rc = 0;

	for (size_t i = 0; i < table_len(from) && rc == 0; i++) {
		const struct page_row *row = table_row(from, i);
		struct page_row copy = *row;

		if (row->volume != c->victim->id) {
			rc = table_build_keep(b, row, e);
			continue;
		}
		moved = true;
		if ((rc = store_read(c->s, row, page, e)) == 0 &&
		    (rc = volumes_append(&c->s->volumes, page, row->len, &copy.volume, &copy.offset, e)) == 0)
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

/* The rows of pages that moved, and the zone's with the sum over them. */
static int put_zone(struct store *s, const struct stored_zone *z, const struct table *t, struct err *e)
{
	struct rows rows = { .db = s->db, .zone = z->id, .e = e };
	int64_t id;

	if (table_diff(table_of(z), t, write_row, &rows) != 0)
		return -1;
	return db_put_zone(s->db, z->apex, z->apex_len, &z->current->info, t, &id, e);
}

static int commit(struct compaction *c, struct err *e)
{
	struct store *s = c->s;

	if (db_begin(s->db, e) != 0 || store_put_volumes(s, e) != 0)
		return -1;
	for (size_t i = 0; i < s->zone_count; i++)
		if (c->table[i] != NULL && put_zone(s, s->zone[i], c->table[i], e) != 0)
			return -1;
	if (db_del_volume(s->db, c->victim->id, s->garbage, e) != 0)
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
		c->table[i] = NULL;
		store_lock(s);
		s->zone[i]->current = now;
		store_unlock(s);
		version_unref(old);
	}
	store_lock(s);
	volume_delete(c->victim);
	store_unlock(s);
}

/* Forgets the copies. */
static void forget(struct compaction *c)
{
	for (size_t i = 0; i < c->s->zone_count; i++)
		table_unref(c->table[i]);
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

int store_compact(struct store *s, const struct compact_rule *rule, struct err *e)
{
	struct compaction c = { .s = s };
	int rc = 0;

	if (!begin(s))
		return err_set(e, ERR_NOTNOW, "compaction waits for a change to end");
	c.table = mem_new(s->zone_count, sizeof(struct table *));
	if ((c.victim = choose(&c, rule)) != NULL) {
		if (c.victim == s->volumes.tail)
			volumes_seal(&s->volumes); /* nothing is copied to where it is to go */
		rc = copy_and_commit(&c, e) == 0 ? 1 : -1;
		if (rc == 1)
			take_over(&c);
		else
			forget(&c);
	}
	end(s);
	free(c.table);
	free(c.usage);
	return rc < 0 ? err_ctx(e, "compaction") : rc;
}
