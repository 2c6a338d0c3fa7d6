/* SPDX-License-Identifier: BSD-3-Clause */
/* ask: one SOA or DNSKEY query on engine's behalf. */
#include "signer/net/ask.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "signer/net/exchange.h"
#include "signer/net/link.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RRS_MAX (40u << 10) /* of the record stream, so that its base64 fits a packet */

struct ask {
	struct net *net;
	json_int_t id;
	uint16_t type;
	uint8_t apex[DNAME_MAX];
	int64_t began_ms;
};

/* The RRset that was asked for and its RRSIGs as a record stream; its length, 0 when there is none or it is
 * no such. */
static size_t collect(const struct ask *a, const struct dns_msg *m, uint8_t *out, bool *soa, uint32_t *serial)
{
	struct rd r = rd_of(m->p, m->len);
	uint8_t *rdata = mem_new(1, DNS_MESSAGE_MAX);
	struct wr w = wr_of(out, RRS_MAX);

	r.at = m->question_end;
	for (unsigned i = 0; i < m->ancount && !w.bad; i++) {
		struct dns_rr rr;
		long len;

		if (dns_rr_read(&r, &rr, NULL) != 0)
			break;
		if (rr.class != CLASS_IN || !dname_equal(rr.owner, a->apex) ||
		    (rr.type != a->type && rr.type != TYPE_RRSIG) ||
		    (len = dns_rdata_read(m, &rr, rdata, NULL)) < 0)
			continue;
		if (rr.type == TYPE_RRSIG && (rdata[0] << 8 | rdata[1]) != a->type)
			continue;
		if (rr.type == TYPE_SOA) {
			struct rd s = rd_of(rdata, (size_t)len);

			s.at = (size_t)len - 20;
			*serial = rd_u32(&s);
			*soa = true;
		}
		rr_write(&w, &(struct rr){ .owner = rr.owner,
					   .rdata = rdata,
					   .ttl = rr.ttl,
					   .type = rr.type,
					   .rdlen = (uint16_t)len });
	}
	free(rdata);
	return w.bad ? 0 : w.at;
}

static const char *result_text(enum exchange_result result)
{
	switch (result) {
	case EXCHANGE_OK:
		return "ok";
	case EXCHANGE_TIMEOUT:
		return "timeout";
	case EXCHANGE_REFUSED:
		return "refused";
	case EXCHANGE_BAD:
		break;
	}
	return "bad";
}

static void done(void *ctx, enum exchange_result result, const struct dns_msg *m, const char *why)
{
	struct ask *a = ctx;
	uint8_t *rrs = mem_new(1, RRS_MAX);
	size_t cap = sodium_base64_ENCODED_LEN(RRS_MAX, sodium_base64_VARIANT_ORIGINAL), len = 0;
	char *text = mem_new(1, cap), zone[DNAME_TEXT_MAX];
	uint32_t serial = 0;
	bool soa = false;
	json_t *j;

	if (m != NULL)
		len = collect(a, m, rrs, &soa, &serial);
	sodium_bin2base64(text, cap, rrs, len, sodium_base64_VARIANT_ORIGINAL);
	j = json_pack("{s:s, s:I, s:s, s:I, s:s, s:I}", "zone", dname_to_text(a->apex, zone), "id", a->id, "result", result_text(result), "rcode",
		      (json_int_t)(m == NULL ? 0 : m->rcode), "rrs", text, "ms",
		      (json_int_t)(clock_mono_ms() - a->began_ms));
	if (soa)
		json_object_set_new(j, "serial", json_integer(serial));
	if (result != EXCHANGE_OK)
		json_object_set_new(j, "why", json_string(why));
	link_send(a->net, "answer", j, -1, false);
	free(text);
	free(rrs);
	free(a);
}

int ask_start(struct net *net, const json_t *query, struct err *e)
{
	const char *zone = json_string_value(json_object_get(query, "zone"));
	const char *address = json_string_value(json_object_get(query, "address"));
	const char *what = json_string_value(json_object_get(query, "what"));
	const char *key = json_string_value(json_object_get(query, "key"));
	json_int_t timeout_ms = json_integer_value(json_object_get(query, "timeout_ms"));
	struct exchange_spec spec = { .edns = true, .has_key = key != NULL, .tries = 3 };
	uint8_t key_name[DNAME_MAX];
	struct ask *a;

	if (zone == NULL || address == NULL || what == NULL || !json_is_integer(json_object_get(query, "id")))
		return err_set(e, ERR_SYNTAX, "query needs id, zone, address and what");
	if (strcmp(what, "soa") != 0 && strcmp(what, "dnskey") != 0)
		return err_set(e, ERR_SYNTAX, "what is %s, must be soa or dnskey", what);
	if (addr_parse(address, 53, &spec.to, e) != 0 ||
	    (key != NULL && dname_from_text(key, key_name, e) != 0))
		return -1;
	a = mem_new(1, sizeof(*a));
	if (dname_from_text(zone, a->apex, e) != 0) {
		free(a);
		return -1;
	}
	dname_lower(a->apex, a->apex);
	if (timeout_ms < 100 || timeout_ms > 60000)
		timeout_ms = 2000;
	a->net = net;
	a->id = json_integer_value(json_object_get(query, "id"));
	a->type = what[0] == 's' ? TYPE_SOA : TYPE_DNSKEY;
	a->began_ms = clock_mono_ms();
	spec.name = a->apex;
	spec.type = a->type;
	spec.key = key_name;
	spec.tcp = a->type == TYPE_DNSKEY;
	spec.wait_ms = spec.tcp ? timeout_ms : timeout_ms / 7; /* 1 + 2 + 4 parts */
	exchange_start(net, &spec, done, a);
	return 0;
}
