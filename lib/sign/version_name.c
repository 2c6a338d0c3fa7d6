/* SPDX-License-Identifier: BSD-3-Clause */
/* version_name: a name of a published version, read where it lies. */
#include "sign/version_name.h"

#include "sign/view.h"

int version_name(struct store *s, const struct version *v, const uint8_t *name, struct arena *arena, const struct rr **out,
		 size_t *n, struct err *e)
{
	const struct zone_owner *o = NULL;
	struct view view;
	struct rr *rr;
	int rc;

	*out = NULL;
	*n = 0;
	view_init(&view, s, v, NULL);
	if ((rc = view_owner(&view, WAS, name, &o, e)) == 0 && o != NULL) {
		*out = rr = arena_alloc(arena, o->n + 1, sizeof(*rr));
		*n = o->n;
		for (size_t i = 0; i < o->n; i++) {
			rr[i] = o->rr[i];
			rr[i].owner = arena_dup(arena, o->rr[i].owner, dname_len(o->rr[i].owner));
			rr[i].rdata = arena_dup(arena, o->rr[i].rdata, o->rr[i].rdlen);
		}
	}
	view_fini(&view);
	return rc;
}
