/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_PAGES_H
#define DUET_NET_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * pages - the page table of one version as net keeps it: immutable, counted by references, in chunks that versions share.
 * A change of one page copies one chunk, however large the zone is.  One thread.
 */
struct net;
struct volume;
struct pages;

struct page {
	struct volume *volume; /* stays open as long as the table */
	uint64_t offset;
	uint64_t xxh;          /* xxh3-64 of its octets */
	uint32_t len;          /* length octets included */
};

/*
 * pages_splice - the table that a difference of engine makes (signer/netpages.h).
 *
 * old    borrowed; NULL: an empty table
 * count  pages that the new table must have
 *
 * Returns a reference, or NULL with ERR_SYNTAX, ERR_LIMIT or ERR_NOTFOUND (a volume that is not here).
 */
struct pages *pages_splice(struct net *net, const struct pages *old, const uint8_t *diff, size_t len, size_t count,
			   struct err *e);
struct pages *pages_ref(struct pages *p);
void pages_unref(struct net *net, struct pages *p); /* NULL does nothing */
/* Who transfers it gets the pages without records of rr_type_is_signing; said once, before anybody reads it. */
void pages_set_unsigned(struct pages *p);
bool pages_unsigned(const struct pages *p);

size_t pages_count(const struct pages *p);
/* Page i, i < pages_count; *behind: as many of the table follow it in memory, at least itself. */
const struct page *pages_at(const struct pages *p, size_t i, size_t *behind);

#endif
