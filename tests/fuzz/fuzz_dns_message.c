/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dns_message: any octets as a DNS message; its records as rdata that a zone could hold. */
#include "dns/message.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t rdata[DNS_MESSAGE_MAX], stream[2 * DNS_MESSAGE_MAX];
	struct dns_msg m;
	struct dns_rr rr;
	struct rd r;
	struct err e;

	if (len > DNS_MESSAGE_MAX || dns_msg_read(data, len, &m, &e) != 0)
		return 0;
	assert(m.question_end <= len);
	assert(!m.tsig.present || (m.tsig.at >= DNS_HEADER_LEN && m.tsig.at < len && m.arcount > 0));
	r = rd_of(data, len);
	r.at = m.question_end;
	for (unsigned i = 0; i < m.ancount; i++) {
		struct wr w = wr_of(stream, sizeof(stream));
		struct rr out;
		struct rd again;
		long n;

		assert(dns_rr_read(&r, &rr, &e) == 0); /* dns_msg_read has seen it */
		if ((n = dns_rdata_read(&m, &rr, rdata, &e)) < 0)
			continue;
		/* What we would write to a record stream, engine reads. */
		rr_write(&w, &(struct rr){ .owner = rr.owner,
					   .rdata = rdata,
					   .ttl = rr.ttl & INT32_MAX,
					   .type = rr.type,
					   .rdlen = (uint16_t)n });
		again = rd_of(stream, w.at);
		assert(!w.bad && rr_read(&again, &out, &e) == 1);
	}
	return 0;
}
