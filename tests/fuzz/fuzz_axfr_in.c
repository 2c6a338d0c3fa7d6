/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_axfr_in: what a primary sends, each message with its two octets of length, for the zone example.test.
 * and a query with ID 0x1234.
 */
#include "signer/net/inbound.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"

#define MAX (1u << 20)

struct got {
	uint8_t *stream;
	size_t len;
	size_t records;
};

static int put(void *ctx, const struct rr *rr, struct err *e)
{
	struct got *g = ctx;
	struct wr w = wr_of(g->stream + g->len, MAX - g->len);

	(void)e;
	rr_write(&w, rr);
	assert(!w.bad); /* max_octets keeps the bound */
	g->len += w.at;
	g->records++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct got got = { .stream = malloc(MAX) };
	struct inbound in = { .id = 0x1234,
			      .apex = (const uint8_t *)"\007example\004test",
			      .max_octets = MAX,
			      .put = put,
			      .ctx = &got };
	struct rd r = rd_of(data, len);
	struct rr rr;
	struct err e;
	int rc = 0;

	assert(got.stream != NULL);
	inbound_init(&in);
	while (rc == 0 && rd_left(&r) > 2) {
		uint16_t n = rd_u16(&r);
		const uint8_t *p = rd_bytes(&r, n);
		struct dns_msg m;

		if (p == NULL || dns_msg_read(p, n, &m, &e) != 0)
			break;
		rc = inbound_message(&in, &m, &e);
	}
	/* Whatever came is a record stream within the zone, its SOA first. */
	r = rd_of(got.stream, got.len);
	for (size_t i = 0; i < got.records; i++) {
		assert(rr_read(&r, &rr, &e) == 1);
		assert(dname_is_within(rr.owner, in.apex));
		assert((rr.type == TYPE_SOA && dname_equal(rr.owner, in.apex)) == (i == 0));
	}
	assert(rd_left(&r) == 0);
	assert(rc <= 0 || got.records > 0);
	inbound_fini(&in);
	free(got.stream);
	return 0;
}
