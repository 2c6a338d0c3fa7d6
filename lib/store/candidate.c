/* SPDX-License-Identifier: BSD-3-Clause */
/* candidate: rows of what waits to be published, written beside the zone's, read back over them. */
#include "store/candidate.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/dbcandidate.h"

static struct stored_zone *find(struct store *s, const uint8_t *apex)
{
	struct stored_zone *z;

	store_lock(s);
	z = store_find(s, apex);
	store_unlock(s);
	return z;
}

struct rows {
	struct db *db;
	const uint8_t *apex;
	size_t apex_len;
	struct err *e;
};

static int write_row(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct rows *r = ctx;

	return db_put_candidate_page(r->db, r->apex, r->apex_len, is != NULL ? is : was, is == NULL, r->e);
}

/* The rows that lead from the published version to the candidate. */
static int write_rows(struct store *s, const uint8_t *apex, size_t apex_len, const struct table *published,
		      const struct table *candidate, struct err *e)
{
	struct rows rows = { .db = s->db, .apex = apex, .apex_len = apex_len, .e = e };

	if (db_del_candidate_pages(s->db, apex, apex_len, e) != 0)
		return -1;
	return table_diff(published, candidate, write_row, &rows) != 0 ? -1 : 0;
}

int candidate_write(struct store *s, const struct store_write *w, const uint8_t *apex, size_t apex_len,
		    const struct table *table, struct err *e)
{
	const struct stored_zone *z = find(s, apex);
	const struct version *waits = z == NULL ? NULL : z->candidate, *current = z == NULL ? NULL : z->current;

	if (w->candidate_ends || w->what == STORE_REMOVE)
		return z == NULL || z->candidate_text == NULL ? 0 : db_del_candidate(s->db, apex, apex_len, e);
	if (w->what == STORE_CANDIDATE && table == NULL)
		return waits == NULL ? 0
				     : db_put_candidate(s->db, apex, apex_len, w->candidate, &waits->info, waits->table, e);
	if (w->what == STORE_CANDIDATE) {
		if (db_put_candidate(s->db, apex, apex_len, w->candidate, w->info, table, e) != 0)
			return -1;
		return write_rows(s, apex, apex_len, current == NULL ? NULL : current->table, table, e);
	}
	if (w->what == STORE_PUBLISH && waits != NULL)
		return write_rows(s, apex, apex_len, table, waits->table, e);
	return 0;
}

void candidate_take(struct store *s, const struct store_write *w, const uint8_t *apex, struct table *table)
{
	bool ends = w->candidate_ends || w->what == STORE_REMOVE, new = w->what == STORE_CANDIDATE;
	struct version *now = new && table != NULL ? version_new(w->info, table_ref(table)) : NULL, *old = NULL;
	char *text = NULL;
	struct stored_zone *z;

	if (!ends && !new)
		return;
	store_lock(s);
	z = store_entry(s, apex);
	if (ends || now != NULL) {
		old = z->candidate;
		z->candidate = now;
	}
	if (ends || z->candidate != NULL) {
		text = z->candidate_text;
		z->candidate_text = ends ? NULL : mem_strdup(w->candidate);
	}
	store_unlock(s);
	version_unref(old);
	free(text);
}

struct version *store_candidate(struct store *s, const uint8_t *apex, char **text)
{
	struct stored_zone *z;
	struct version *v = NULL;

	*text = NULL;
	store_lock(s);
	if ((z = store_find(s, apex)) != NULL && z->candidate != NULL) {
		v = version_ref(z->candidate);
		*text = mem_strdup(z->candidate_text);
	}
	store_unlock(s);
	return v;
}

int change_of_candidate(struct store *s, const uint8_t *apex, struct change **out, struct err *e)
{
	struct change *c;
	struct stored_zone *z;

	if (change_begin(s, apex, &c, e) != 0)
		return -1;
	store_lock(s);
	if ((z = store_find(s, c->apex)) != NULL && z->candidate != NULL)
		c->table = table_ref(z->candidate->table);
	store_unlock(s);
	if (c->table == NULL) {
		change_drop(c);
		return err_set(e, ERR_NOTFOUND, "nothing waits to be published");
	}
	*out = c;
	return 0;
}

/* ---- at open ---- */

struct merge {
	struct store *s;
	struct stored_zone *z;
	struct table_build *build;
	size_t at;              /* of the published version's rows */
	bool bad;
};

static size_t published_len(const struct merge *m)
{
	return m->z->current == NULL ? 0 : table_len(m->z->current->table);
}

static int keep_to(struct merge *m, size_t to)
{
	size_t n = to - m->at;

	if (n > 0 && table_build_keep_rows(m->build, m->at, n, NULL) != 0)
		m->bad = true;
	m->at = to;
	return 0;
}

static int merge_row(void *ctx, const struct page_row *row, bool gone, struct err *e)
{
	struct merge *m = ctx;
	const struct table *t = m->z->current == NULL ? NULL : m->z->current->table;
	size_t to = m->at;

	if (row == NULL) {
		m->bad = true;
		return 0;
	}
	while (to < published_len(m) && page_row_cmp(table_row(t, to), row) < 0)
		to++;
	keep_to(m, to);
	if (to < published_len(m) && page_row_cmp(table_row(t, to), row) == 0)
		m->at++;
	if (gone)
		return 0;
	if (volumes_used(&m->s->volumes, row->volume, row->offset + row->len, e) != 0)
		return -1;
	if (table_build_put(m->build, row, NULL) != 0)
		m->bad = true;
	return 0;
}

static int load_one(void *ctx, const struct db_candidate *row, struct err *e)
{
	struct merge m = { .s = ctx, .bad = row->damaged };
	struct table *table = NULL;
	int rc = 0;

	if (row->apex == NULL)
		return 0;
	m.z = store_entry(m.s, row->apex);
	if (m.z->damage != NULL)
		return 0;
	m.build = table_build_new(m.z->current == NULL ? NULL : m.z->current->table);
	if (!m.bad)
		rc = db_each_candidate_page(m.s->db, row->apex, dname_len(row->apex), merge_row, &m, e);
	if (rc == 0 && !m.bad)
		keep_to(&m, published_len(&m));
	if (rc == 0 && !m.bad && (rc = table_build_finish(m.build, &m.s->volumes, &table, e)) == 0 &&
	    (table_len(table) != row->pages || table_sum(table) != row->page_sum))
		m.bad = true;
	table_build_free(m.build);
	if (rc == 0 && !m.bad) {
		m.z->candidate = version_new(&row->info, table);
		m.z->candidate_text = mem_strdup(row->text);
	} else {
		table_unref(table);
	}
	return rc;
}

int candidate_load(struct store *s, struct err *e)
{
	return db_each_candidate(s->db, load_one, s, e);
}
