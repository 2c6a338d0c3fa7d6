/* SPDX-License-Identifier: BSD-3-Clause */
/* version_zone: leaf after leaf of a version into the sort of a new zone, which has its own bound on memory. */
#include "sign/version_zone.h"

#include <assert.h>
#include <string.h>

#include "sign/view.h"
#include "zone/zone_build.h"

#define SOA_MAX (2 * DNAME_MAX + 20)

/* The SOA of the apex, with the serial of the input. */
static int put_soa(struct zone_build *b, const struct rr *soa, uint32_t serial, struct err *e)
{
	uint8_t rdata[SOA_MAX];
	struct rr rr = *soa;

	assert(rr.rdlen <= sizeof(rdata));
	memcpy(rdata, rr.rdata, rr.rdlen);
	soa_set_serial(rdata, rr.rdlen, serial);
	rr.rdata = rdata;
	return zone_build_add(b, &rr, 0, e);
}

static int put_owner(struct zone_build *b, const struct zone_owner *o, uint32_t serial, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < o->n && rc == 0; i++) {
		const struct rr *rr = &o->rr[i];

		if (i == 0 || rr->owner != rr[-1].owner)
			zone_build_owner(b, rr->owner, dname_len(rr->owner));
		rc = rr->type == TYPE_SOA ? put_soa(b, rr, serial, e) : zone_build_add(b, rr, 0, e);
	}
	return rc;
}

static int put_all(struct view *v, struct zone_build *b, uint32_t serial, struct err *e)
{
	struct leaf *l;

	for (size_t row = 0; row < view_end(v); row = view_behind(v, row)) {
		if (view_leaf(v, row, &l, e) != 0)
			return -1;
		for (size_t i = 0; i < l->n[IS]; i++)
			if (put_owner(b, &l->owner[IS][i], serial, e) != 0)
				return -1;
		view_drop(v, row);
	}
	return 0;
}

int version_zone(struct store *store, const struct version *version, const struct zone_diff *d, struct zone **out,
		 struct err *e)
{
	const uint32_t serial = d != NULL ? d->serial : version_info(version)->input_serial;
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone_build *b;
	struct view v;
	int rc;

	limits.warn_rrset_records = SIZE_MAX; /* said when it came in */
	view_init(&v, store, version, d);
	b = zone_build_new(v.apex, &limits);
	rc = put_all(&v, b, serial, e);
	view_fini(&v);
	if (rc == 0)
		return zone_build_end(b, out, e);
	zone_build_free(b);
	return -1;
}
