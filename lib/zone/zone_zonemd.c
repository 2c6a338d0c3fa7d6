/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_zonemd: whether the digests that the input brings of itself are its own (RFC 8976 section 4). */
#include <string.h>

#include "wire/wire.h"
#include "zone/zone_build.h"

#define SCHEME_SIMPLE 1
#define FIXED_LEN     6 /* serial, scheme, hash algorithm */

static bool usable(const struct zone *z, const struct rr *md)
{
	struct rd in = rd_of(md->rdata, md->rdlen);

	return rd_u32(&in) == soa_serial(z->soa.rdata, z->soa.rdlen) && md->rdata[4] == SCHEME_SIMPLE &&
	       zone_digest_len(md->rdata[5]) != 0 && md->rdlen == FIXED_LEN + zone_digest_len(md->rdata[5]);
}

/* Two of one scheme and algorithm: neither counts. */
static bool alone(const struct zone *z, size_t i)
{
	for (size_t k = 0; k < z->zonemd_count; k++) {
		if (k != i && memcmp(z->zonemd[k].rdata + 4, z->zonemd[i].rdata + 4, 2) == 0)
			return false;
	}
	return true;
}

/* Why the digest of what was kept cannot be that of the input; NULL: it can. */
static const char *other_than_input(const struct zone_build *b)
{
	if (b->z->dropped > b->z->zonemd_count)
		return "the input is signed";
	return b->more_notices[NOTICE_TTL] > 0 ? "TTLs of an RRset differ" : NULL;
}

int zone_zonemd_check(struct zone_build *b, struct err *e)
{
	struct zone *z = b->z;
	const char *other = other_than_input(b);
	uint8_t digest[ZONE_DIGEST_MAX];
	size_t tried = 0;

	for (size_t i = 0; i < z->zonemd_count && other == NULL; i++) {
		const struct rr *md = &z->zonemd[i];

		if (!usable(z, md) || !alone(z, i))
			continue;
		if (zone_digest_simple(z, md->rdata[5], digest, e) != 0)
			return -1;
		if (memcmp(digest, md->rdata + FIXED_LEN, md->rdlen - FIXED_LEN) == 0)
			return 0;
		tried++;
	}
	if (tried > 0)
		return err_set(e, ERR_REFUSED,
			       "the zone is not what its ZONEMD record says (RFC 8976 section 4): it was changed or cut after the "
			       "digest was made; get it whole again, make the digest anew, or leave ZONEMD out");
	zone_build_notice(b, NOTICE_ZONEMD, "the ZONEMD of the input was not checked: %s",
			  other != NULL ? other : "none has the SOA's serial, scheme 1 and a hash that is known, once");
	return 0;
}
