/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_zonemd: whether the digests that the input brings of itself are its own (RFC 8976 section 4). */
#include <string.h>

#include "wire/wire.h"
#include "zone/zone_build.h"

#define SCHEME_SIMPLE 1
#define FIXED_LEN     6 /* serial, scheme, hash algorithm */

/* Two of one scheme and algorithm: neither counts. */
static bool alone(const struct rr *md, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++) {
		if (k != i && memcmp(md[k].rdata + 4, md[i].rdata + 4, 2) == 0)
			return false;
	}
	return true;
}

/* The hash of one that can be checked, 0 of another. */
static uint8_t usable(const struct rr *md, size_t n, size_t i, uint32_t serial)
{
	struct rd in = rd_of(md[i].rdata, md[i].rdlen);
	const uint32_t of = rd_u32(&in);
	const uint8_t scheme = rd_u8(&in), hash = rd_u8(&in);
	const size_t len = zone_digest_len(hash);

	return of == serial && scheme == SCHEME_SIMPLE && len != 0 && md[i].rdlen == FIXED_LEN + len && alone(md, n, i) ? hash : 0;
}

unsigned zonemd_hashes(const struct rr *md, size_t n, uint32_t serial)
{
	unsigned hashes = 0;

	for (size_t i = 0; i < n; i++)
		hashes |= 1u << usable(md, n, i, serial);
	return hashes & ~1u;
}

int zonemd_check(const struct rr *md, size_t n, uint32_t serial, uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t hash = usable(md, n, i, serial);

		if (hash != 0 && memcmp(digest[hash], md[i].rdata + FIXED_LEN, md[i].rdlen - FIXED_LEN) == 0)
			return 0;
	}
	return err_set(e, ERR_REFUSED,
		       "the zone is not what its ZONEMD record says (RFC 8976 section 4): it was changed or cut after the digest was "
		       "made; get it whole again, make the digest anew, or leave ZONEMD out");
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
	const unsigned hashes = other != NULL ? 0 : zonemd_hashes(z->zonemd, z->zonemd_count, soa_serial(z->soa.rdata, z->soa.rdlen));
	uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX];

	if (hashes != 0)
		return zone_digest_all(z, hashes, digest, e) != 0
			       ? -1
			       : zonemd_check(z->zonemd, z->zonemd_count, soa_serial(z->soa.rdata, z->soa.rdlen), digest, e);
	zone_build_notice(b, NOTICE_ZONEMD, "the ZONEMD of the input was not checked: %s",
			  other != NULL ? other : "none has the SOA's serial, scheme 1 and a hash that is known, once");
	return 0;
}
