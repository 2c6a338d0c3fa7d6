/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load: what the database has, into memory.  A zone whose rows are not what was written has no version here, and does not
 * keep the others from theirs.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/candidate.h"
#include "store/state.h"

static int load_volume(void *ctx, uint32_t id, uint64_t end, bool damaged, struct err *e)
{
	struct store *s = ctx;

	return volumes_add(&s->volumes, id, end, damaged, e);
}

/* Rows come by id; until all is read, zone[] is in that order. */
struct load {
	struct store *s;
	int64_t *unnamed; /* ids of rows without a name that can be trusted */
};

/* A damaged row's name is believed only if something was kept under it. */
static bool is_known(struct store *s, const uint8_t *apex)
{
	char *keep = db_get_keep(s->db, apex, dname_len(apex));
	bool known = keep != NULL;

	free(keep);
	return known;
}

struct pages {
	struct load *load;
	struct table_build *build;
	const char *damage;
	struct err *e;
};

static int load_page(void *ctx, const struct page_row *row, struct err *e)
{
	struct pages *p = ctx;
	struct volumes *vs = &p->load->s->volumes;

	if (row == NULL)
		p->damage = "a page's row has a value out of bounds";
	else if (volumes_used(vs, row->volume, row->offset + row->len, e) != 0)
		return -1;
	else if (table_build_put(p->build, row, NULL) != 0)
		p->damage = "its pages' rows are out of order";
	return 0;
}

/* The zone's pages into *table, or what is wrong with their rows. */
static int load_pages(struct load *l, const struct db_zone *z, struct table **table, const char **damage, struct err *e)
{
	struct pages p = { .load = l, .build = table_build_new(NULL), .e = e };
	int rc = db_each_page(l->s->db, z->id, load_page, &p, e);

	if (rc == 0 && p.damage == NULL)
		rc = table_build_finish(p.build, &l->s->volumes, table, e);
	if (rc == 0 && p.damage == NULL && z->counted &&
	    (table_len(*table) != z->pages || table_sum(*table) != z->page_sum))
		p.damage = "its pages' rows are not what was written";
	table_build_free(p.build);
	*damage = p.damage;
	return rc;
}

static int load_zone(void *ctx, const struct db_zone *row, struct err *e)
{
	const char *damage = row->damaged ? "its row is not what was written" : NULL;
	struct load *l = ctx;
	struct store *s = l->s;
	struct table *table = NULL;
	struct stored_zone *z;

	if (damage == NULL && load_pages(l, row, &table, &damage, e) != 0)
		return -1;
	if (damage != NULL) {
		table_unref(table);
		s->garbage = true;
		if (row->damaged && (row->apex == NULL || !is_known(s, row->apex))) {
			l->unnamed = mem_grow(l->unnamed, s->unnamed + 1, sizeof(*l->unnamed));
			l->unnamed[s->unnamed++] = row->id;
			return 0;
		}
	}
	z = store_append_entry(s, row->apex);
	z->id = row->id;
	if (damage != NULL)
		z->damage = mem_printf("store.db: %s", damage);
	else
		z->current = version_new(&row->info, table);
	return 0;
}

/* What is kept of zones that have no row of their own; zone[] is in order. */
static int load_kept(void *ctx, const uint8_t *apex, struct err *e)
{
	(void)e;
	store_entry(ctx, apex);
	return 0;
}

static int by_apex(const void *a, const void *b)
{
	const struct stored_zone *const *x = a, *const *y = b;

	return dname_cmp((*x)->apex, (*y)->apex);
}

/* Nobody can say whose they are, so nobody would replace them. */
static int remove_unnamed(const struct load *l, struct err *e)
{
	struct store *s = l->s;

	if (s->unnamed == 0)
		return 0;
	if (db_begin(s->db, e) != 0)
		return -1;
	for (size_t i = 0; i < s->unnamed; i++)
		if (db_del_zone(s->db, l->unnamed[i], e) != 0)
			return -1;
	return db_commit(s->db, e);
}

int store_load(struct store *s, struct err *e)
{
	struct load l = { .s = s };
	int rc = -1;

	if (db_each_volume(s->db, load_volume, s, e) != 0 || db_each_zone(s->db, load_zone, &l, e) != 0)
		goto out;
	if (s->zone_count > 0)
		qsort(s->zone, s->zone_count, sizeof(struct stored_zone *), by_apex);
	if (db_each_keep(s->db, load_kept, s, e) != 0 || candidate_load(s, e) != 0)
		goto out;
	if (remove_unnamed(&l, e) != 0) {
		db_rollback(s->db);
		goto out;
	}
	for (struct volume *v = s->volumes.list; v != NULL; v = v->next)
		s->volume_missing = s->volume_missing || v->rd < 0;
	rc = volumes_clean(&s->volumes, e);
out:
	free(l.unnamed);
	return rc;
}
