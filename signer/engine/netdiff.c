/* SPDX-License-Identifier: BSD-3-Clause */
/* netdiff: walks what table_diff finds, and joins rows side by side into splices. */
#include "signer/engine/netdiff.h"

#include <stdlib.h>

#include "arena/arena.h"
#include "signer/netpages.h"

struct walk {
	const struct table *old;
	struct netdiff *out;
	size_t cap;
	size_t most;                 /* octets at which the whole table is as good */
	struct netpages_splice last; /* the one that is growing */
	size_t last_at;              /* where in the octets its head stands */
	bool any;
};

static uint8_t *room(struct walk *w, size_t len)
{
	struct netdiff *d = w->out;

	if (w->cap - d->len < len) {
		w->cap = 2 * w->cap + len + 256;
		d->octets = mem_grow(d->octets, w->cap, 1);
	}
	d->len += len;
	return d->octets + d->len - len;
}

static void note_volume(struct netdiff *d, uint32_t volume)
{
	for (size_t i = d->volume_count; i > 0; i--)
		if (d->volumes[i - 1] == volume)
			return;
	d->volumes = mem_grow(d->volumes, d->volume_count + 1, sizeof(*d->volumes));
	d->volumes[d->volume_count++] = volume;
}

static void put_page(struct walk *w, const struct page_row *row)
{
	const struct netpages_page page = {
		.offset = row->offset, .xxh = row->xxh, .volume = row->volume, .len = row->len
	};
	struct wr wr = wr_of(room(w, NETPAGES_PAGE), NETPAGES_PAGE);

	netpages_put_page(&wr, &page);
	note_volume(w->out, row->volume);
}

/* Writes the head of the splice that has grown to its end. */
static void end_splice(struct walk *w)
{
	struct wr wr = wr_of(w->out->octets + w->last_at, NETPAGES_SPLICE);

	netpages_put_splice(&wr, &w->last);
}

static void begin_splice(struct walk *w, size_t at)
{
	if (w->any)
		end_splice(w);
	w->any = true;
	w->last = (struct netpages_splice){ .at = (uint32_t)at };
	room(w, NETPAGES_SPLICE);
	w->last_at = w->out->len - NETPAGES_SPLICE;
}

/* The first row of the old table that does not lie before this one. */
static size_t place_of(const struct walk *w, const struct page_row *row)
{
	size_t low = w->any ? w->last.at + w->last.removed : 0, high = table_len(w->old);

	if (low < high && page_row_cmp(table_row(w->old, low), row) >= 0)
		return low; /* what changes together lies together */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (page_row_cmp(table_row(w->old, mid), row) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int on_row(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct walk *w = ctx;
	size_t at = place_of(w, was != NULL ? was : is);

	if (!w->any || at != w->last.at + w->last.removed)
		begin_splice(w, at);
	if (was != NULL)
		w->last.removed++;
	if (is != NULL) {
		put_page(w, is);
		w->last.added++;
	}
	return w->out->len >= w->most ? 1 : 0;
}

static void make_whole(const struct table *t, struct walk *w)
{
	size_t n = table_len(t);

	w->out->len = 0;
	w->out->volume_count = 0;
	w->out->whole = true;
	w->any = false;
	if (n == 0)
		return;
	begin_splice(w, 0);
	for (size_t i = 0; i < n; i++)
		put_page(w, table_row(t, i));
	w->last.added = (uint32_t)n;
	end_splice(w);
}

void netdiff_make(const struct table *old, const struct table *new, struct netdiff *out)
{
	struct walk w = { .old = old, .out = out, .most = NETPAGES_SPLICE + NETPAGES_PAGE * table_len(new) };

	*out = (struct netdiff){ 0 };
	if (old == NULL || table_diff(old, new, on_row, &w) != 0)
		make_whole(new, &w);
	else if (w.any)
		end_splice(&w);
}

void netdiff_fini(struct netdiff *d)
{
	free(d->octets);
	free(d->volumes);
	*d = (struct netdiff){ 0 };
}
