/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_page: pages as they may lie on a damaged disk; what is read can be written again and reads back the
 * same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/page.h"

#include "fuzz_main.h"

struct again {
	struct page_build *build;
	struct wr records; /* a record stream */
	size_t n;
};

static int take(void *ctx, const struct rr *rr)
{
	struct again *a = ctx;
	int rc;

	assert(rdata_check(rr->type, rr->rdata, rr->rdlen, NULL) == 0);
	rc = page_build_add(a->build, rr, NULL);
	if (rc != 0)
		return 1; /* compressed further than we do, or larger than we write: enough was seen */
	rr_write(&a->records, rr);
	a->n++;
	return 0;
}

static int compare(void *ctx, const struct rr *rr)
{
	struct rd *r = ctx;
	struct rr want;

	assert(rr_read(r, &want, NULL) == 1);
	assert(dname_len(rr->owner) == dname_len(want.owner));
	assert(memcmp(rr->owner, want.owner, dname_len(want.owner)) == 0);
	assert(rr->type == want.type && rr->ttl == want.ttl && rr->rdlen == want.rdlen);
	assert(want.rdlen == 0 || memcmp(rr->rdata, want.rdata, want.rdlen) == 0);
	return 0;
}

static void walk(const uint8_t *page, size_t len)
{
	static uint8_t stream[1 << 20];
	struct again a = { .build = page_build_new(), .records = wr_of(stream, sizeof(stream)) };
	const uint8_t *mine;
	struct rd r;
	struct err e;
	size_t n;

	page_walk(page, len, take, &a, &e);
	assert(!a.records.bad && page_build_count(a.build) == a.n);
	mine = page_build_octets(a.build, &n);
	r = rd_of(stream, a.records.at);
	assert(page_walk(mine, n, compare, &r, &e) == 0);
	assert(rd_left(&r) == 0);
	page_build_free(a.build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *fixed;

	walk(data, len);
	/* The same with a right length and header, or most inputs end there. */
	if (len < 14 || len > PAGE_OCTETS_MAX)
		return 0;
	fixed = mem_dup(data, len);
	fixed[0] = (uint8_t)((len - 2) >> 8);
	fixed[1] = (uint8_t)(len - 2);
	memset(fixed + 2, 0, 12);
	fixed[4] = 0x84;
	fixed[8] = data[8];
	fixed[9] = data[9];
	walk(fixed, len);
	free(fixed);
	return 0;
}
