/* SPDX-License-Identifier: BSD-3-Clause */
/* patch_zonemd: the digest of what a difference leads to, owner by owner over the version's pages. */
#include "sign/patch.h"

#include "sign/patching.h"

static int add_leaf(struct view *v, size_t row, struct zone_digester *digester, struct err *e)
{
	struct leaf *l;

	if (view_leaf(v, row, &l, e) != 0)
		return -1;
	for (size_t i = 0; i < l->n[IS]; i++)
		if (zone_digester_add(digester, l->owner[IS][i].rr, l->owner[IS][i].n, e) != 0)
			return -1;
	view_drop(v, row);
	return 0;
}

int patch_zonemd(struct store *s, const struct version *version, const struct zone_diff *d, struct err *e)
{
	const unsigned hashes = d->dropped > 0 ? 0 : zonemd_hashes(d->zonemd, d->zonemd_count, d->serial);
	uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX];
	struct zone_digester *digester = NULL;
	struct view v;
	int rc;

	if (hashes == 0)
		return 0;
	view_init(&v, s, version, d);
	rc = zone_digester_new(hashes, &digester, e);
	for (size_t row = 0; rc == 0 && row < view_end(&v); row = view_behind(&v, row))
		rc = add_leaf(&v, row, digester, e);
	if (rc == 0 && (rc = zone_digester_end(digester, digest, e)) == 0)
		rc = zonemd_check(d->zonemd, d->zonemd_count, d->serial, digest, e);
	zone_digester_free(digester);
	view_fini(&v);
	return rc;
}
