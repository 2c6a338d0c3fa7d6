/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NETPAGES_H
#define DUET_NETPAGES_H

#include <stdint.h>

#include "wire/wire.h"

/*
 * netpages - a page table on its way from engine to net, as the difference to one that net has.
 *
 * A difference is a list of splices in ascending order, in network byte order: at, removed, added (u32 each), then as many
 * pages as added.  A splice puts its pages in the place of the rows [at, at + removed) of the old table; rows that no splice
 * names stay.  Splices neither touch nor overlap.  A whole table is one splice into an empty one; an empty table has none.
 */
struct netpages_splice {
	uint32_t at, removed, added;
};

struct netpages_page {
	uint64_t offset;
	uint64_t xxh;     /* xxh3-64 of its octets */
	uint32_t volume;
	uint32_t len;     /* length octets included */
};

#define NETPAGES_SPLICE 12 /* octets */
#define NETPAGES_PAGE   24

static inline void netpages_put_splice(struct wr *w, const struct netpages_splice *s)
{
	wr_u32(w, s->at);
	wr_u32(w, s->removed);
	wr_u32(w, s->added);
}

static inline void netpages_put_page(struct wr *w, const struct netpages_page *p)
{
	wr_u64(w, p->offset);
	wr_u64(w, p->xxh);
	wr_u32(w, p->volume);
	wr_u32(w, p->len);
}

static inline struct netpages_splice netpages_get_splice(struct rd *r)
{
	struct netpages_splice s = { .at = rd_u32(r) };

	s.removed = rd_u32(r);
	s.added = rd_u32(r);
	return s;
}

static inline struct netpages_page netpages_get_page(struct rd *r)
{
	struct netpages_page p = { .offset = rd_u64(r) };

	p.xxh = rd_u64(r);
	p.volume = rd_u32(r);
	p.len = rd_u32(r);
	return p;
}

#endif
