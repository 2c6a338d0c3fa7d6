/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_ROWS_H
#define DUET_TEST_ROWS_H

/* All records of a small zone at once, for tests. */
#include <stdlib.h>

#include "arena/arena.h"
#include "zone/zone.h"

struct rows {
	struct rr *rr; /* in the order of the zone */
	size_t n;
	struct arena *arena;
};

static inline struct rows rows_of(const struct zone *z)
{
	struct rows r = { .arena = arena_new() };
	struct zone_cursor *c = NULL;
	struct zone_owner o;
	int got = zone_cursor_open(z, &c, NULL);

	r.rr = arena_alloc(r.arena, z->records, sizeof(*r.rr));
	while (got == 0 && (got = zone_cursor_next(c, &o, NULL)) == 1) {
		for (got = 0; (size_t)got < o.n && r.n < z->records; got++) {
			r.rr[r.n] = o.rr[got];
			r.rr[r.n].owner = arena_dup(r.arena, o.name, dname_len(o.name));
			r.rr[r.n].rdata = arena_dup(r.arena, o.rr[got].rdata, o.rr[got].rdlen);
			r.n++;
		}
		got = 0;
	}
	zone_cursor_close(c);
	if (r.n != z->records)
		abort();
	return r;
}

static inline void rows_free(struct rows *r)
{
	arena_free(r->arena);
}

#endif
