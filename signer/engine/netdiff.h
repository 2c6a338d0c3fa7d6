/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NETDIFF_H
#define DUET_NETDIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* netdiff - a page table as net wants it (signer/netpages.h). */
struct netdiff {
	uint8_t *octets;
	size_t len;
	bool whole;        /* into an empty table, whatever net has */
	uint32_t *volumes; /* those of the pages in it, each once */
	size_t volume_count;
};

/*
 * netdiff_make - what leads from old to new, or new as a whole when that is not larger.
 *
 * old: NULL: whole.  The work is the change's, not the zone's.  out: to be freed with netdiff_fini.
 */
void netdiff_make(const struct table *old, const struct table *new, struct netdiff *out);
void netdiff_fini(struct netdiff *d);

#endif
