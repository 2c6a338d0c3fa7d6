/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow: a ring of batches between the one thread that reads and writes and those that sign.
 */
#include "sign/flow.h"

#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "sign/maker.h"

/* Enough that no thread waits while the caller reads and writes. */
#define BATCHES_PER_THREAD 4
/* The last page of a batch is half full, so that smaller batches cost pages; text has none, and with smaller ones the
 * threads end at the same time. */
#define BATCH_OCTETS       ((size_t)384 << 10)
#define BATCH_OCTETS_TEXT  ((size_t)96 << 10)

int flow_init(struct flow *f, struct err *e)
{
	unsigned threads = f->common.s.p->threads > 1 ? f->common.s.p->threads : 1;
	const struct pool_tools makers = maker_tools(&f->common.s);

	f->size = threads > 1 ? (size_t)threads * BATCHES_PER_THREAD + 1 : 1;
	f->ring = mem_new(f->size, sizeof(struct batch *));
	f->earliest = INT64_MAX;
	f->begun_us = clock_thread_us();
	f->batch_octets = f->common.s.p->batch_octets;
	if (f->batch_octets == 0)
		f->batch_octets = f->common.text ? BATCH_OCTETS_TEXT : BATCH_OCTETS;
	return pool_new(threads, f->tools != NULL ? f->tools : &makers, &f->pool, e);
}

void flow_fini(struct flow *f)
{
	pool_free(f->pool);
	for (size_t i = 0; i < f->size; i++)
		batch_free(f->ring[i]);
	free(f->ring);
	sorter_free(f->hashes);
}

static void count_row(struct flow *f, const struct page_row *row, size_t len)
{
	f->stats->records += row->records;
	f->stats->rrsigs += row->rrsigs;
	f->stats->octets += len;
	if (row->earliest < f->earliest)
		f->earliest = row->earliest;
}

static int keep(struct flow *f, struct group g, struct err *e)
{
	for (size_t i = g.first; i < g.end; i++) {
		const struct page_row *row = table_row(f->common.old, i);

		if (change_keep(f->change, row) != 0)
			return err_set(e, ERR_INTERNAL, "a page of the version before cannot be kept");
		count_row(f, row, row->len);
		f->stats->kept_pages++;
	}
	return 0;
}

static int put(struct flow *f, const struct pages *ps, size_t i, struct err *e)
{
	struct page_row row = pages_row(ps, i); /* the change fills in the rest */

	if (change_put(f->change, pages_octets(ps, i), ps->page[i].len, &row, e) != 0)
		return -1;
	count_row(f, &row, ps->page[i].len);
	f->stats->new_pages++;
	return 0;
}

static int put_lines(struct flow *f, const struct lines *l, struct err *e)
{
	f->stats->records += l->records;
	f->stats->rrsigs += l->rrsigs;
	f->stats->made += l->made;
	f->stats->octets += l->text.len;
	return l->text.len > 0 ? f->text->write(f->text->ctx, (const uint8_t *)l->text.p, l->text.len, e) : 0;
}

static int put_hashes(struct flow *f, const struct octets *o, struct err *e)
{
	for (size_t at = 0, len; at < o->len; at += NSEC3_HASH_LEN + 2 + len) {
		const uint8_t *p = o->p + at;

		len = (size_t)p[NSEC3_HASH_LEN] << 8 | p[NSEC3_HASH_LEN + 1];
		if (sorter_add(f->hashes, p, NSEC3_HASH_LEN, p + NSEC3_HASH_LEN + 2, len, e) != 0)
			return -1;
	}
	return 0;
}

static int put_batch(struct flow *f, const struct batch *b, struct err *e)
{
	size_t page = 0;

	for (size_t i = 0; i < b->step_count; i++) {
		const struct step *s = &b->steps[i];

		if (s->keep && keep(f, s->g, e) != 0)
			return -1;
		for (; page < s->page_end; page++)
			if (put(f, &b->pages, page, e) != 0)
				return -1;
	}
	f->stats->made += b->pages.made;
	return put_lines(f, &b->lines, e) != 0 ? -1 : put_hashes(f, &b->hashes, e);
}

/* The oldest batch that is out comes back. */
static int collect(struct flow *f, struct err *e)
{
	struct batch *b = f->ring[f->first];

	pool_wait(f->pool, &b->job);
	f->first = (f->first + 1) % f->size;
	f->count--;
	if (b->rc != 0) {
		*e = b->err;
		return -1;
	}
	return f->take != NULL ? f->take(f, b, e) : put_batch(f, b, e);
}

int flow_batch(struct flow *f, enum page_chain chain, struct batch **out, struct err *e)
{
	struct batch **at;

	if (f->count == f->size && collect(f, e) != 0)
		return -1;
	at = &f->ring[(f->first + f->count) % f->size];
	if (*at == NULL)
		*at = batch_new(&f->common);
	batch_reset(*at, chain);
	*out = *at;
	return 0;
}

int flow_submit(struct flow *f, struct batch *b, struct err *e)
{
	f->count++;
	return pool_submit(f->pool, &b->job, e);
}

int flow_drain(struct flow *f, struct err *e)
{
	while (f->count > 0)
		if (collect(f, e) != 0)
			return -1;
	return 0;
}

void flow_times(struct flow *f)
{
	const struct pool_times pool = pool_times(f->pool);
	struct sign_times *t = &f->stats->times;

	t->threads = pool.threads;
	t->jobs_us = pool.all_us + pool.caller_us;
	t->least_us = pool.least_us;
	t->most_us = pool.most_us;
	t->caller_us = clock_thread_us() - f->begun_us - pool.caller_us;
}
