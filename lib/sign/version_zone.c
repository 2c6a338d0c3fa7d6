/* SPDX-License-Identifier: BSD-3-Clause */
/* version_zone: leaf after leaf of a version, as a record stream. */
#include "sign/version_zone.h"

#include <stdlib.h>

#include "arena/arena.h"
#include "sign/view.h"

#define STREAM_MAX (UINT64_C(64) << 30)

struct stream {
	uint8_t *p;
	size_t len, room;
	uint32_t serial; /* of the input's SOA */
};

static int put_rr(struct stream *s, const struct rr *rr, struct err *e)
{
	size_t len = rr_wire_len(rr);
	struct wr w;

	if (s->room - s->len < len) {
		if (s->room > STREAM_MAX)
			return err_set(e, ERR_LIMIT, "a version of more than %llu octets", (unsigned long long)STREAM_MAX);
		s->room = s->room * 2 + 65536 + len;
		s->p = mem_grow(s->p, s->room, 1);
	}
	w = wr_of(s->p + s->len, s->room - s->len);
	rr_write(&w, rr);
	if (rr->type == TYPE_SOA)
		soa_set_serial(w.p + w.at - rr->rdlen, rr->rdlen, s->serial);
	s->len += w.at;
	return 0;
}

static int put_leaf(struct stream *s, const struct leaf *l, struct err *e)
{
	for (size_t i = 0; i < l->n[IS]; i++)
		for (size_t k = 0; k < l->owner[IS][i].n; k++)
			if (put_rr(s, &l->owner[IS][i].rr[k], e) != 0)
				return -1;
	return 0;
}

static int put_all(struct view *v, struct stream *s, struct err *e)
{
	struct leaf *l;

	for (size_t row = 0; row < view_end(v); row = view_behind(v, row)) {
		if (view_leaf(v, row, &l, e) != 0 || put_leaf(s, l, e) != 0)
			return -1;
		view_drop(v, row);
	}
	return 0;
}

int version_zone(struct store *store, const struct version *version, const struct zone_diff *d, struct zone **out,
		 struct err *e)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct stream s = { .serial = d != NULL ? d->serial : version_info(version)->input_serial };
	struct view v;
	int rc;

	limits.warn_rrset_records = SIZE_MAX; /* said when it came in */
	view_init(&v, store, version, d);
	rc = put_all(&v, &s, e);
	if (rc == 0)
		rc = zone_read_stream(s.p, s.len, v.apex, &limits, out, e);
	view_fini(&v);
	free(s.p);
	return rc;
}
