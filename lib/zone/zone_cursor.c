/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_cursor: the owners of a zone, one after the other. */
#include <stdlib.h>

#include "arena/arena.h"
#include "zone/zone.h"

struct zone_cursor {
	const struct zone *z;
	size_t at;
};

int zone_cursor_open(const struct zone *z, struct zone_cursor **out, struct err *e)
{
	(void)e;
	*out = mem_new(1, sizeof(**out));
	(*out)->z = z;
	return 0;
}

int zone_cursor_next(struct zone_cursor *c, struct zone_owner *out, struct err *e)
{
	const struct rr *rr = c->z->rr + c->at;

	(void)e;
	if (c->at == c->z->n)
		return 0;
	*out = (struct zone_owner){ .name = rr->owner, .rr = rr, .n = zone_owner_end(c->z, c->at) - c->at };
	c->at += out->n;
	return 1;
}

void zone_cursor_close(struct zone_cursor *c)
{
	free(c);
}
