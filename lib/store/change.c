/* SPDX-License-Identifier: BSD-3-Clause */
/* change: pages on their way to the next version. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "store/page_sum.h"

#include "arena/arena.h"
#include "fail/fail.h"
#include "store/state.h"

int change_begin(struct store *s, const uint8_t *apex, struct change **out, struct err *e)
{
	struct change *c = mem_new(1, sizeof(*c));
	struct stored_zone *z;

	c->s = s;
	dname_lower(apex, c->apex);
	store_lock(s);
	if (s->compacting) {
		store_unlock(s);
		free(c);
		return err_set(e, ERR_NOTNOW, "the store is being compacted");
	}
	if ((z = store_find(s, c->apex)) != NULL && z->current != NULL)
		c->base = version_ref(z->current);
	c->sync_failures = s->sync_failures;
	s->open_changes++;
	store_unlock(s);
	c->build = table_build_new(c->base == NULL ? NULL : c->base->table);
	*out = c;
	return 0;
}

/* A signer that writes what is wrong, for tests of who is to find that: 1 the last octet, 2 one in the middle, 3 the last
 * record is not counted, 4 no record is, from 8 on one bit somewhere in the records, but none that makes a small letter large. */
static const uint8_t *spoiled(const uint8_t *page, size_t len, uint8_t *copy)
{
	static const uint8_t bits[8] = { 1, 2, 4, 8, 16, 64, 128, 3 };
	const long kind = fail_number("spoil-page");

	if (kind == 0 || len < 40)
		return page;
	memcpy(copy, page, len);
	if (kind == 1 || kind == 2)
		copy[kind == 1 ? len - 1 : len / 2] ^= 1;
	else if (kind == 3)
		copy[9]--;
	else if (kind >= 8)
		copy[14 + (size_t)(kind / 8) % (len - 14)] ^= bits[kind % 8];
	else
		copy[8] = copy[9] = 0;
	return copy;
}

int change_put(struct change *c, const uint8_t *page, size_t len, struct page_row *row, struct err *e)
{
	uint8_t copy[PAGE_OCTETS_MAX];

	page = spoiled(page, len, copy);
	assert(len >= 2 && len <= PAGE_OCTETS_MAX && row->key_len <= DNAME_KEY_MAX);
	c->failed = true;
	row->len = (uint32_t)len;
	row->xxh = page_sum(page, len);
	if (volumes_append(&c->s->volumes, page, row->len, &row->volume, &row->offset, e) != 0 ||
	    table_build_put(c->build, row, e) != 0)
		return -1;
	fail_point("store-after-append");
	c->put = true;
	c->failed = false;
	return 0;
}

int64_t change_earliest(const struct change *c)
{
	return table_build_earliest(c->build);
}

int change_keep(struct change *c, const struct page_row *row)
{
	if (!store_damaged(c->s, row) && table_build_keep(c->build, row, NULL) == 0)
		return 0;
	c->failed = true;
	return -1;
}

int change_keep_rows(struct change *c, size_t from, size_t n)
{
	const struct table *t = c->base == NULL ? NULL : c->base->table;
	bool good = n == 0 || t != NULL;

	if (c->s->bad_count > 0 || c->s->volume_missing)
		for (size_t i = from; good && i < from + n; i++)
			good = !store_damaged(c->s, table_row(t, i));
	if (good && (n == 0 || table_build_keep_rows(c->build, from, n, NULL) == 0))
		return 0;
	c->failed = true;
	return -1;
}

int change_table(struct change *c, struct table **out, struct err *e)
{
	if (c->failed)
		return err_set(e, ERR_INTERNAL, "a change that failed cannot be published");
	if (c->table == NULL && table_build_finish(c->build, &c->s->volumes, &c->table, e) != 0)
		return -1;
	*out = table_ref(c->table);
	return 0;
}

void change_drop(struct change *c)
{
	struct store *s;

	if (c == NULL)
		return;
	s = c->s;
	store_lock(s);
	if (--s->open_changes == 0) /* nobody is appending: what was appended and not published goes */
		volumes_rewind(&s->volumes);
	store_unlock(s);
	version_unref(c->base);
	table_unref(c->table);
	table_build_free(c->build);
	free(c);
}

int change_publish(struct change *c, const struct version_info *info, const char *keep, struct version **out,
		   struct err *e)
{
	struct store_write w = { .what = STORE_PUBLISH, .change = c, .info = info, .keep = keep };
	struct store_write *list[] = { &w };

	store_write(c->s, list, 1);
	if (w.rc != 0) {
		if (e != NULL)
			*e = w.err;
		return -1;
	}
	*out = w.version;
	return 0;
}
