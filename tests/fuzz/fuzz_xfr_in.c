/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_xfr_in: what a primary sends, each message with its two octets of length, for the zone example.test.
 * and a query with ID 0x1234: for AXFR, and for IXFR from serial 5.
 */
#include "signer/net/inbound.h"

#include <assert.h>
#include <stdlib.h>

#include "serial/serial.h"
#include "tests/fuzz/fuzz_main.h"
#include "zone/zone.h"

#define MAX  (1u << 20)
#define HAVE 5

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

/* Whatever came is a record stream within the zone: its SOA first and once, or two SOAs for each difference. */
static void check(const struct inbound *in, const struct got *g, bool whole)
{
	struct rd r = rd_of(g->stream, g->len);
	uint32_t serial = HAVE;
	size_t soas = 0;
	struct rr rr;
	struct err e;

	for (size_t i = 0; i < g->records; i++) {
		bool soa;

		assert(rr_read(&r, &rr, &e) == 1);
		assert(dname_is_within(rr.owner, in->apex));
		soa = rr.type == TYPE_SOA && dname_equal(rr.owner, in->apex);
		assert(i > 0 || soa);
		if (!soa)
			continue;
		if (in->form == INBOUND_DIFF && soas % 2 == 0)
			assert(soa_serial(rr.rdata, rr.rdlen) == serial);
		if (in->form == INBOUND_DIFF && soas % 2 == 1)
			assert(serial_gt(soa_serial(rr.rdata, rr.rdlen), serial));
		serial = soa_serial(rr.rdata, rr.rdlen);
		soas++;
	}
	assert(rd_left(&r) == 0);
	assert(in->form == INBOUND_DIFF ? !whole || (soas % 2 == 0 && soas > 0) : soas <= 1);
	assert(!whole || serial == inbound_serial(in));
	assert(!whole || in->form != INBOUND_UNKNOWN);
	assert(!whole || (in->form == INBOUND_SAME) == (g->records == 0));
}

static void transfer(const uint8_t *data, size_t len, bool ixfr)
{
	struct got got = { .stream = malloc(MAX) };
	struct inbound in = { .id = 0x1234,
			      .apex = (const uint8_t *)"\007example\004test",
			      .ixfr = ixfr,
			      .have = HAVE,
			      .max_octets = MAX,
			      .put = put,
			      .ctx = &got };
	struct rd r = rd_of(data, len);
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
	check(&in, &got, rc > 0);
	inbound_fini(&in);
	free(got.stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	transfer(data, len, false);
	transfer(data, len, true);
	return 0;
}
