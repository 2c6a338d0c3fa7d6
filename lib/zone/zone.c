/* SPDX-License-Identifier: BSD-3-Clause */
/* zone: what callers ask of a zone that was built, and zones from record streams. */
#include "zone/zone.h"

#include <assert.h>

#include "arena/arena.h"
#include "zone/zone_build.h"

#define SOA_NUMBERS 20 /* octets of the five numbers at the end of its rdata */

void zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	sorted_free(z->entries);
	arena_free(z->arena);
}

static struct rd soa_numbers(const uint8_t *rdata, size_t len)
{
	assert(len >= SOA_NUMBERS + 2);
	return rd_of(rdata + len - SOA_NUMBERS, SOA_NUMBERS);
}

uint32_t soa_serial(const uint8_t *rdata, size_t len)
{
	struct rd r = soa_numbers(rdata, len);

	return rd_u32(&r);
}

void soa_set_serial(uint8_t *rdata, size_t len, uint32_t serial)
{
	struct wr w = wr_of(rdata + len - SOA_NUMBERS, SOA_NUMBERS);

	assert(len >= SOA_NUMBERS + 2);
	wr_u32(&w, serial);
}

struct soa_timers soa_timers(const uint8_t *rdata, size_t len)
{
	struct rd r = soa_numbers(rdata, len);
	struct soa_timers t;

	rd_u32(&r);
	t.refresh_s = rd_u32(&r);
	t.retry_s = rd_u32(&r);
	t.expire_s = rd_u32(&r);
	t.minimum_s = rd_u32(&r);
	return t;
}

int zone_read_stream(const uint8_t *stream, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		     struct zone **out, struct err *e)
{
	struct zone_build *b = zone_build_new(apex, limits);
	struct rd r = rd_of(stream, len);
	struct rr rr;
	int got;

	b->soa_twice = true;
	while ((got = rr_read(&r, &rr, e)) == 1) {
		zone_build_owner(b, rr.owner, dname_len(rr.owner));
		if (zone_build_add(b, &rr, 0, e) != 0) {
			got = -1;
			break;
		}
	}
	if (got < 0) {
		zone_build_free(b);
		return -1;
	}
	return zone_build_end(b, out, e);
}
