/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_tsig: messages one behind the other, each with two octets of length, judged as a query and as the
 * stream that answers one.  Time and keys are those of tests/unit/lib/dns/vectors.h.
 */
#include "dns/tsig.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"

#define AT 1700000000

static struct tsig_key *keys[3];

static void start(void)
{
	uint8_t octets[64];

	if (keys[0] != NULL)
		return;
	assert(secret_init(NULL) == 0);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	for (enum tsig_alg a = TSIG_HMAC_SHA256; a <= TSIG_HMAC_SHA512; a++)
		keys[a - 1] = tsig_key_new((const uint8_t *)"\001k\007example", a,
					   secret_from(octets, tsig_mac_len(a)));
}

static void as_query(const struct dns_msg *m)
{
	uint8_t record[TSIG_RR_MAX * 2];
	struct tsig *t;
	bool formerr;
	enum tsig_error error;

	if (!m->tsig.present)
		return;
	error = tsig_verify_query(m, keys, 3, AT, &t, &formerr);
	if (t != NULL)
		assert(tsig_sign(t, m->p, m->tsig.at, AT, error, record) <= TSIG_RR_MAX);
	else if (!formerr)
		assert(tsig_error_rr(m, error, AT, record) <= sizeof(record));
	tsig_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t query[DNS_HEADER_LEN];
	uint8_t record[TSIG_RR_MAX];
	struct rd r = rd_of(data, len);
	struct tsig *client;
	bool going = true;

	start();
	client = tsig_new(keys[len % 3]);
	assert(client != NULL && tsig_sign(client, query, sizeof(query), AT, TSIG_NOERROR, record) > 0);
	while (rd_left(&r) > 2) {
		uint16_t n = rd_u16(&r);
		const uint8_t *p = rd_bytes(&r, n);
		struct dns_msg m;
		struct err e;

		if (p == NULL || dns_msg_read(p, n, &m, &e) != 0)
			continue;
		as_query(&m);
		going = going && tsig_verify(client, &m, AT, &e) == 0;
	}
	/* Nobody but who has the key makes the first answer right. */
	assert(tsig_verify_end(client, NULL) != 0 || !going);
	tsig_free(client);
	return 0;
}
