/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_pass: the one walk over all owners of a new zone that checks, counts and sums up.  Hashing costs more than all
 * else, so other threads may walk too, each for its share of the sum.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "zone/zone_build.h"

#define BLOCK        64    /* owners; the threads take turns by blocks */
#define OWNERS_LEAST 20000 /* entries for which another thread pays */
#define THREADS_MAX  64

/* One thread's part. */
struct walk {
	struct zone *z;
	struct zone_build *b; /* of the walk that checks; NULL in others */
	unsigned turn, turns;
	atomic_bool *stop;
	struct zone_sum sum;
	struct err err;
	int rc;
};

/* What the walk that checks notes of an owner. */
static int look(struct walk *w, const struct zone_cursor *c, struct zone_cut *cut)
{
	struct zone *z = w->z;

	z->records += c->n;
	z->owners++;
	for (size_t i = 0; i < c->n; i++) {
		if (c->rr[i].ttl > z->largest_ttl)
			z->largest_ttl = c->rr[i].ttl;
	}
	return w->b->limits.with_dnssec ? 0 : zone_check(w->b, c, cut, &w->err);
}

static int walk_owners(struct walk *w, struct zone_cursor *c, struct zone_summer *s)
{
	struct zone_cut cut = { .there = false };
	struct zone_owner owner;
	int got;

	for (size_t i = 0; (got = zone_cursor_next(c, &owner, &w->err)) == 1; i++) {
		if (w->b != NULL && look(w, c, &cut) != 0)
			return -1;
		if (w->b != NULL && w->b->limits.seen != NULL)
			w->b->limits.seen(w->b->limits.seen_ctx, &owner);
		if (s != NULL && i / BLOCK % w->turns == w->turn)
			zone_sum_add(&w->sum, s, &owner);
		if (w->b == NULL && i % BLOCK == 0 && atomic_load_explicit(w->stop, memory_order_relaxed))
			return 0;
	}
	return got;
}

static void *walk(void *arg)
{
	struct walk *w = arg;
	struct zone_cursor *c = NULL;
	struct zone_summer *s = NULL;

	w->rc = -1;
	if ((w->turns > 0 && (s = zone_summer_new(&w->err)) == NULL) || zone_cursor_open(w->z, &c, &w->err) != 0)
		goto out;
	c->b = w->b;
	w->rc = walk_owners(w, c, s);
out:
	if (w->rc != 0)
		atomic_store(w->stop, true);
	zone_cursor_close(c);
	zone_summer_free(s);
	return NULL;
}

/* b: checks on the way, or NULL. */
static int pass(struct zone *z, struct zone_build *b, unsigned n, bool without_sum, struct err *e)
{
	atomic_bool stop = false;
	pthread_t threads[THREADS_MAX];
	bool started[THREADS_MAX];
	struct walk *w;
	int rc = 0;

	n = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
	if (without_sum || sorted_count(z->entries) < OWNERS_LEAST)
		n = 1;
	w = mem_new(n, sizeof(*w));
	for (unsigned i = 0; i < n; i++)
		w[i] = (struct walk){ .z = z, .b = i == 0 ? b : NULL, .turn = i, .turns = n, .stop = &stop };
	if (without_sum)
		w[0].turns = 0;
	for (unsigned i = 1; i < n; i++)
		started[i] = pthread_create(&threads[i], NULL, walk, &w[i]) == 0;
	walk(&w[0]);
	for (unsigned i = 1; i < n; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
		else
			walk(&w[i]);
	}
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		if (w[i].rc != 0) {
			rc = err_set(e, w[i].err.code, "%s", w[i].err.text);
			break;
		}
		zone_sum_join(&z->sum, &w[i].sum);
	}
	if (rc == 0 && !without_sum)
		zone_sum_digest(&z->sum, z->digest);
	free(w);
	return rc;
}

int zone_pass(struct zone_build *b, struct err *e)
{
	return pass(b->z, b, b->limits.threads, b->limits.without_sum, e);
}

int zone_sum_up(struct zone *z, unsigned threads, struct err *e)
{
	return pass(z, NULL, threads, false, e);
}
