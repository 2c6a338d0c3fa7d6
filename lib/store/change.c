/* SPDX-License-Identifier: BSD-3-Clause */
/* change: from pages to the next published version, or to nothing. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/state.h"

struct change {
	struct store *s;
	uint8_t apex[DNAME_MAX];
	struct version *base; /* NULL: the zone had none */
	struct table_build *build;
	unsigned sync_failures; /* of the store, at the start */
	bool put;
	bool failed;
};

int change_begin(struct store *s, const uint8_t *apex, struct change **out, struct err *e)
{
	struct change *c = mem_new(1, sizeof(*c));

	(void)e;
	c->s = s;
	dname_lower(apex, c->apex);
	c->base = store_current(s, apex);
	c->build = table_build_new(c->base == NULL ? NULL : c->base->table);
	c->sync_failures = s->sync_failures;
	s->open_changes++;
	*out = c;
	return 0;
}

int change_put(struct change *c, const uint8_t *page, size_t len, struct page_row *row, struct err *e)
{
	assert(len >= 2 && len <= PAGE_OCTETS_MAX && row->key_len <= DNAME_KEY_MAX);
	c->failed = true;
	row->len = (uint32_t)len;
	row->xxh = XXH3_64bits(page, len);
	if (volumes_append(&c->s->volumes, page, row->len, &row->volume, &row->offset, e) != 0 ||
	    table_build_put(c->build, row, e) != 0)
		return -1;
	fail_point("store-after-append");
	c->put = true;
	c->failed = false;
	return 0;
}

int change_keep(struct change *c, const struct page_row *row)
{
	if (table_build_keep(c->build, row, NULL) == 0)
		return 0;
	c->failed = true;
	return -1;
}

/* Lets go of all but the octets in the volumes, and of those when nobody else is appending. */
static void forget(struct change *c)
{
	c->s->open_changes--;
	version_unref(c->base);
	table_build_free(c->build);
	free(c);
}

void change_drop(struct change *c)
{
	struct store *s;

	if (c == NULL)
		return;
	s = c->s;
	forget(c);
	if (s->open_changes == 0)
		volumes_rewind(&s->volumes);
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

int store_put_volumes(struct store *s, struct err *e)
{
	for (struct volume *v = s->volumes.list; v != NULL; v = v->next)
		if (!v->deleted && (!v->known || v->end != v->committed) &&
		    db_put_volume(s->db, v->id, v->end, e) != 0)
			return -1;
	return 0;
}

/* Everything that the commit makes true. */
static int write_change(struct change *c, const struct version_info *info, const struct table *table,
			const char *keep, int64_t *id, struct err *e)
{
	struct store *s = c->s;
	struct rows rows = { .db = s->db, .e = e };
	size_t apex_len = dname_len(c->apex);

	if (db_begin(s->db, e) != 0 || (c->put && store_put_volumes(s, e) != 0) ||
	    db_put_zone(s->db, c->apex, apex_len, info, id, e) != 0)
		return -1;
	rows.zone = *id;
	if (table_diff(c->base == NULL ? NULL : c->base->table, table, write_row, &rows) != 0)
		return -1;
	if (keep != NULL && db_put_keep(s->db, c->apex, apex_len, keep, e) != 0)
		return -1;
	fail_point("store-before-commit");
	return db_commit(s->db, e);
}

/* The checks, the sync and the commit. */
static int publish(struct change *c, const struct version_info *info, const char *keep, struct table **table,
		   int64_t *id, struct err *e)
{
	struct store *s = c->s;
	struct stored_zone *z = store_find(s, c->apex);

	if (c->failed)
		return err_set(e, ERR_INTERNAL, "a change that failed cannot be published");
	if (c->sync_failures != s->sync_failures)
		return err_set(e, ERR_NOTNOW,
			       "the disk failed while the change was made; it has to be made again");
	if ((z == NULL ? NULL : z->current) != c->base)
		return err_set(e, ERR_NOTNOW,
			       "the zone was published while the change was made; it has to be made again");
	if (table_build_finish(c->build, &s->volumes, table, e) != 0)
		return -1;
	fail_point("store-before-sync");
	if (c->put && volumes_sync(&s->volumes, e) != 0) {
		s->sync_failures++;
		return -1;
	}
	fail_point("store-after-sync");
	if (write_change(c, info, *table, keep, id, e) != 0) {
		db_rollback(s->db);
		return -1;
	}
	fail_point("store-after-commit");
	return 0;
}

/* The log may grow to this before a publication has to wait for a checkpoint. */
#define LOG_PAGES_MOST 16384

int change_publish(struct change *c, const struct version_info *info, const char *keep, struct version **out,
		   struct err *e)
{
	struct store *s = c->s;
	struct table *table = NULL;
	struct stored_zone *z;
	int64_t id = 0;

	if (publish(c, info, keep, &table, &id, e) != 0) {
		char name[DNAME_TEXT_MAX];

		table_unref(table);
		err_ctx(e, "zone %s: not published", dname_to_text(c->apex, name));
		change_drop(c);
		return -1;
	}
	if (c->put)
		volumes_committed(&s->volumes);
	z = store_entry(s, c->apex);
	version_unref(z->current);
	z->id = id;
	z->current = version_new(info, table);
	*out = version_ref(z->current);
	forget(c);
	/* It is published, whatever becomes of the log. */
	db_checkpoint(s->db, LOG_PAGES_MOST, NULL);
	return 0;
}
