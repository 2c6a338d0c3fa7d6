/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FUZZ_ZONE_H
#define DUET_FUZZ_ZONE_H

/* What must hold for every zone that was accepted: written out as text and as a stream it is read back the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "tests/unit/lib/zone/rows.h"
#include "zone/zone_text.h"

static const uint8_t fuzz_apex[] = "\7example";

static struct zone_limits fuzz_limits(void)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;

	limits.max_records = 3000;
	return limits;
}

static void assert_same_zone(const struct zone *a, const struct zone *b)
{
	assert(a->records == b->records && a->owners == b->owners && a->serial == b->serial && a->largest_ttl == b->largest_ttl);
	assert(memcmp(a->digest, b->digest, sizeof(a->digest)) == 0);
}

static void fuzz_zone_round_trip(const struct zone *z)
{
	struct zone_limits limits = fuzz_limits();
	struct err e = { .code = ERR_NONE };
	size_t room = 1, len = 0;
	struct zone *again;
	struct wr w;
	char *text = NULL;
	struct rows rows = rows_of(z);
	uint8_t *octets;

	for (size_t i = 0; i < rows.n; i++) {
		const struct rr *rr = &rows.rr[i];
		char *line = rr_text(rr);
		size_t n = strlen(line);

		assert(rdata_check(rr->type, rr->rdata, rr->rdlen, &e) == 0);
		assert(dname_is_within(rr->owner, z->apex) && !rr_type_is_signing(rr->type));
		assert(i == 0 || rr_cmp(rr - 1, rr) < 0);
		text = mem_grow(text, len + n + 2, 1);
		memcpy(text + len, line, n);
		text[len + n] = '\n';
		len += n + 1;
		free(line);
		room += rr_wire_len(rr);
	}
	if (zone_read_text(text, len, z->apex, &limits, &again, &e) != 0) {
		fwrite(text, 1, len, stderr);
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	assert_same_zone(z, again);
	zone_free(again);
	free(text);

	octets = mem_new(room, 1);
	w = wr_of(octets, room);
	for (size_t i = rows.n; i-- > 0;)
		rr_write(&w, &rows.rr[i]);
	assert(!w.bad);
	assert(zone_read_stream(octets, w.at, z->apex, &limits, &again, &e) == 0);
	assert_same_zone(z, again);
	zone_free(again);
	free(octets);
	rows_free(&rows);
}

#endif
