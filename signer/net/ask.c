/* SPDX-License-Identifier: BSD-3-Clause */
/* ask: one query on engine's behalf. */
#include "signer/net/ask.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "signer/net/exchange.h"
#include "signer/net/link.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Of the record streams, so that the base64 of both fits a packet. */
#define RRS_MAX  (36u << 10)
#define AUTH_MAX (9u << 10)

struct ask {
	struct net *net;
	json_int_t id;
	uint16_t type;
	char zone[DNAME_TEXT_MAX];
	uint8_t name[DNAME_MAX];
	bool authority; /* what proves that there is none is wanted, too */
	int64_t began_ms;
};

static uint32_t soa_serial_at(const uint8_t *rdata, size_t len)
{
	struct rd r = rd_of(rdata, len);

	r.at = len - 20;
	return rd_u32(&r);
}

/* What an answer holds. */
struct found {
	uint8_t *rrs, *auth;
	size_t rrs_len, auth_len;
	bool soa, cname, too_large;
	uint32_t serial;
};

static bool proves(uint16_t type)
{
	return type == TYPE_SOA || type == TYPE_NS || type == TYPE_NSEC || type == TYPE_NSEC3 || type == TYPE_RRSIG;
}

/* Whether the record belongs to what was asked: the RRset and its RRSIGs. */
static bool belongs(const struct ask *a, const struct dns_rr *rr, const uint8_t *rdata)
{
	if (!dname_equal(rr->owner, a->name))
		return false;
	return rr->type == a->type || (rr->type == TYPE_RRSIG && (rdata[0] << 8 | rdata[1]) == a->type);
}

/* Two record streams: the RRset that was asked for with its RRSIGs, and (authority) the proof that there is none. */
static void collect(const struct ask *a, const struct dns_msg *m, struct found *f)
{
	struct wr w = wr_of(f->rrs, RRS_MAX), auth = wr_of(f->auth, AUTH_MAX);
	uint8_t *rdata = mem_new(1, DNS_MESSAGE_MAX);
	struct rd r = rd_of(m->p, m->len);

	r.at = m->question_end;
	for (unsigned i = 0; i < (unsigned)m->ancount + (a->authority ? m->nscount : 0); i++) {
		struct dns_rr rr;
		long len;

		if (dns_rr_read(&r, &rr, NULL) != 0)
			break;
		if (rr.class != CLASS_IN || (len = dns_rdata_read(m, &rr, rdata, NULL)) < 0)
			continue;
		if (i < m->ancount && rr.type == TYPE_CNAME && dname_equal(rr.owner, a->name))
			f->cname = true;
		if (i < m->ancount ? !belongs(a, &rr, rdata) : !proves(rr.type))
			continue;
		if (rr.type == TYPE_SOA && i < m->ancount) {
			f->serial = soa_serial_at(rdata, (size_t)len);
			f->soa = true;
		}
		rr_write(i < m->ancount ? &w : &auth, &(struct rr){ .owner = rr.owner,
								      .rdata = rdata,
								      .ttl = rr.ttl,
								      .type = rr.type,
								      .rdlen = (uint16_t)len });
	}
	free(rdata);
	f->rrs_len = w.at;
	f->auth_len = auth.at;
	f->too_large = w.bad || auth.bad;
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

static char *base64_of(const uint8_t *octets, size_t len)
{
	const size_t cap = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);

	return sodium_bin2base64(mem_new(1, cap), cap, octets, len, sodium_base64_VARIANT_ORIGINAL);
}

static void say(const struct ask *a, enum exchange_result result, const struct dns_msg *m, const struct found *f,
		const char *why)
{
	char *rrs = base64_of(f->rrs, f->rrs_len), *auth = base64_of(f->auth, f->auth_len);
	json_t *j = json_pack("{s:s, s:I, s:s, s:I, s:s, s:I}", "zone", a->zone, "id", a->id, "result",
			      result_text(result), "rcode", (json_int_t)(m == NULL ? 0 : m->rcode), "rrs", rrs, "ms",
			      (json_int_t)(clock_mono_ms() - a->began_ms));

	if (m != NULL) {
		json_object_set_new(j, "aa", json_boolean((m->flags & DNS_AA) != 0));
		json_object_set_new(j, "ad", json_boolean((m->flags & DNS_AD) != 0));
		json_object_set_new(j, "cname", json_boolean(f->cname));
	}
	if (a->authority)
		json_object_set_new(j, "auth", json_string(auth));
	if (f->soa)
		json_object_set_new(j, "serial", json_integer(f->serial));
	if (result != EXCHANGE_OK)
		json_object_set_new(j, "why", json_string(why));
	link_send(a->net, "answer", j, -1, false);
	free(rrs);
	free(auth);
}

static void done(void *ctx, enum exchange_result result, const struct dns_msg *m, const char *why)
{
	struct found f = { .rrs = mem_new(1, RRS_MAX), .auth = mem_new(1, AUTH_MAX) };
	struct ask *a = ctx;

	if (m != NULL)
		collect(a, m, &f);
	if (m != NULL && ((m->flags & DNS_TC) != 0 || f.too_large)) {
		/* Over TCP: half an RRset is none. */
		result = EXCHANGE_BAD;
		why = f.too_large ? "the answer is too large" : "the answer is truncated, over TCP";
		f.rrs_len = f.auth_len = 0;
		f.soa = false;
	}
	say(a, result, m, &f, why);
	free(f.rrs);
	free(f.auth);
	free(a);
}

/* What may be asked, and how. */
static const struct {
	const char *what;
	uint16_t type;
	bool tcp, authority;
} kinds[] = {
	{ "soa", TYPE_SOA, false, false }, { "dnskey", TYPE_DNSKEY, true, false }, { "cds", TYPE_CDS, true, false },
	{ "ds", TYPE_DS, false, true },	   { "ns", TYPE_NS, false, false },	   { "a", TYPE_A, false, false },
	{ "aaaa", TYPE_AAAA, false, false }, { "update", TYPE_SOA, true, false },
};

static int kind_find(const char *what, size_t *kind, struct err *e)
{
	for (*kind = 0; *kind < sizeof(kinds) / sizeof(kinds[0]); ++*kind)
		if (strcmp(kinds[*kind].what, what) == 0)
			return 0;
	return err_set(e, ERR_SYNTAX, "what is %.20s, which is never asked", what);
}

/* The records of an UPDATE, free() them; NULL when there are none, with *e when they are none. */
static uint8_t *update_of(const json_t *query, struct exchange_spec *spec, struct err *e)
{
	const char *text = json_string_value(json_object_get(query, "update"));
	const json_int_t count = json_integer_value(json_object_get(query, "count"));
	const size_t cap = text == NULL ? 0 : strlen(text);
	uint8_t *octets = mem_new(1, cap + 1);

	if (text != NULL && count > 0 && count <= UINT16_MAX &&
	    sodium_base642bin(octets, cap, text, cap, NULL, &spec->update_len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) == 0) {
		spec->opcode = DNS_UPDATE;
		spec->edns = false;
		spec->update_count = (unsigned)count;
		return octets;
	}
	free(octets);
	err_set(e, ERR_SYNTAX, "update needs update, in base64, and count");
	return NULL;
}

int ask_start(struct net *net, const json_t *query, struct err *e)
{
	const char *zone = json_string_value(json_object_get(query, "zone"));
	const char *name = json_string_value(json_object_get(query, "name"));
	const char *address = json_string_value(json_object_get(query, "address"));
	const char *what = json_string_value(json_object_get(query, "what"));
	const char *key = json_string_value(json_object_get(query, "key"));
	json_int_t timeout_ms = json_integer_value(json_object_get(query, "timeout_ms"));
	struct exchange_spec spec = { .edns = true, .has_key = key != NULL, .tries = 3 };
	uint8_t key_name[DNAME_MAX], apex[DNAME_MAX];
	uint8_t *update = NULL;
	struct ask *a;
	size_t kind;

	if (zone == NULL || address == NULL || what == NULL || !json_is_integer(json_object_get(query, "id")))
		return err_set(e, ERR_SYNTAX, "query needs id, zone, address and what");
	if (kind_find(what, &kind, e) != 0 || addr_parse(address, 53, &spec.to, e) != 0 ||
	    dname_from_text(zone, apex, e) != 0 || (key != NULL && dname_from_text(key, key_name, e) != 0))
		return -1;
	a = mem_new(1, sizeof(*a));
	if (dname_from_text(name == NULL ? zone : name, a->name, e) != 0) {
		free(a);
		return -1;
	}
	dname_lower(a->name, a->name);
	dname_lower(apex, apex);
	dname_to_text(apex, a->zone);
	if (timeout_ms < 100 || timeout_ms > 60000)
		timeout_ms = 2000;
	a->net = net;
	a->id = json_integer_value(json_object_get(query, "id"));
	a->type = kinds[kind].type;
	a->authority = kinds[kind].authority;
	a->began_ms = clock_mono_ms();
	spec.name = a->name;
	spec.type = a->type;
	spec.key = key_name;
	spec.tcp = kinds[kind].tcp || json_is_true(json_object_get(query, "tcp"));
	spec.recursion = json_is_true(json_object_get(query, "recursion"));
	spec.tcp_at_last = !spec.tcp && a->type != TYPE_SOA;
	if (strcmp(what, "update") == 0 && (spec.update = update = update_of(query, &spec, e)) == NULL) {
		free(a);
		return -1;
	}
	spec.wait_ms = spec.tcp ? timeout_ms : timeout_ms / 7; /* 1 + 2 + 4 parts */
	exchange_start(net, &spec, done, a);
	free(update);
	return 0;
}
