/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_array: the records of a zone as an array, for who does not use the cursor. */
#include <string.h>

#include "arena/arena.h"
#include "zone/zone_build.h"

int zone_array(struct zone *z, struct err *e)
{
	struct zone_cursor *c = NULL;
	struct zone_owner o;
	int rc;

	z->rr = arena_alloc(z->arena, z->records, sizeof(*z->rr));
	if (zone_cursor_open(z, &c, e) != 0)
		return -1;
	while ((rc = zone_cursor_next(c, &o, e)) == 1) {
		uint8_t *name = arena_dup(z->arena, o.name, dname_len(o.name));

		for (size_t i = 0; i < o.n; i++) {
			struct rr *rr = &z->rr[z->n];

			*rr = o.rr[i];
			rr->owner = name;
			rr->rdata = arena_dup(z->arena, o.rr[i].rdata, o.rr[i].rdlen);
			if (rr->type == TYPE_SOA)
				z->soa_at = z->n;
			z->n++;
		}
	}
	zone_cursor_close(c);
	return rc;
}

size_t zone_owner_end(const struct zone *z, size_t i)
{
	const uint8_t *owner = z->rr[i].owner;

	while (++i < z->n) {
		if (z->rr[i].owner != owner && !dname_equal(z->rr[i].owner, owner))
			break;
	}
	return i;
}

size_t zone_rrset_end(const struct zone *z, size_t i)
{
	const struct rr *first = &z->rr[i];

	while (++i < z->n) {
		if (z->rr[i].type != first->type ||
		    (z->rr[i].owner != first->owner && !dname_equal(z->rr[i].owner, first->owner)))
			break;
	}
	return i;
}
