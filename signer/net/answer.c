/* SPDX-License-Identifier: BSD-3-Clause */
/* answer: one query in, its fate out.  Checked in this order: form, TSIG, opcode, zone, access, state. */
#include "signer/net/answer.h"

#include "clock/clock.h"
#include "log/log.h"
#include "serial/serial.h"
#include "signer/net/link.h"
#include "signer/net/primary.h"

#include <assert.h>
#include <string.h>

/* A query on its way. */
struct request {
	struct net *net;
	const struct addr *from;
	bool tcp;
	struct dns_msg m;
	struct tsig *tsig; /* NULL: not signed, or not to be answered signed */
	enum tsig_error tsig_error;
	struct answer *out;
};

static const struct tsig_key *shown_key(const struct request *q)
{
	return q->tsig == NULL || q->tsig_error != TSIG_NOERROR ? NULL : tsig_used_key(q->tsig);
}

/* Room that must stay free behind the records: OPT and TSIG. */
static size_t tail_len(const struct request *q)
{
	return (q->m.edns ? 17 : 0) + (q->m.tsig.present ? TSIG_RR_MAX * 2 : 0);
}

static void begin(struct request *q, uint16_t flags, uint16_t rcode)
{
	struct wr *w = &q->out->w;

	w->at = 0;
	w->bad = false;
	dns_build_header(w, q->m.id, (uint16_t)(DNS_QR | flags | (q->m.flags & DNS_RD)), q->m.opcode, rcode);
	if (q->m.qdcount == 1 && q->m.question_end > 0)
		dns_build_question(w, q->m.qname, q->m.qtype, q->m.qclass);
}

/* OPT and TSIG; the message is complete then. */
static enum answer_kind finish(struct request *q, uint16_t rcode, int ede)
{
	uint8_t record[TSIG_RR_MAX * 2];
	struct wr *w = &q->out->w;
	int64_t now = clock_now_s();
	size_t len = 0;

	if (q->m.edns)
		dns_build_opt(w, DNS_UDP_SIZE, q->m.dnssec_ok, rcode, ede);
	if (q->tsig != NULL)
		len = tsig_sign(q->tsig, w->p, w->at, now, q->tsig_error, record);
	else if (q->m.tsig.present && q->tsig_error != TSIG_NOERROR)
		len = tsig_error_rr(&q->m, q->tsig_error, now, record);
	if (len > 0)
		dns_build_raw(w, record, len);
	if (w->bad || (q->tsig != NULL && len == 0))
		return ANSWER_NONE;
	return ANSWER_MESSAGE;
}

static enum answer_kind plain(struct request *q, uint16_t rcode, int ede)
{
	begin(q, 0, rcode);
	return finish(q, rcode, ede);
}

/* At most ten lines a second about refusals: strangers must not fill the log. */
static void log_refused(const struct request *q, const char *why)
{
	static int64_t second;
	static unsigned lines;
	char name[DNAME_TEXT_MAX], type[16], from[ADDR_TEXT_LEN];
	int64_t now = clock_mono_ms() / 1000;

	if (now != second)
		lines = 0;
	second = now;
	if (++lines <= 10)
		log_event(LOG_INFO, "refused", "zone=%s type=%s address=%s msg=%s",
			  dname_to_text(q->m.qname, name), rr_type_text(q->m.qtype, type),
			  addr_text(q->from, from), why);
}

/* Our SOA, with its RRSIGs when DO is set; TC when it does not fit. */
static enum answer_kind soa(struct request *q, const struct served *v)
{
	struct wr *w = &q->out->w;
	size_t cap = w->cap;
	struct rd r = rd_of(v->soa, v->soa_len);
	struct rr rr;

	begin(q, DNS_AA, RCODE_NOERROR);
	w->cap = cap - tail_len(q);
	while (rr_read(&r, &rr, NULL) == 1)
		if (rr.type == TYPE_SOA || (rr.type == TYPE_RRSIG && q->m.dnssec_ok && rr.rdlen > 2 &&
					    rr.rdata[0] == 0 && rr.rdata[1] == TYPE_SOA))
			dns_build_rr(w, DNS_ANSWER, &rr);
	if (w->bad)
		begin(q, DNS_AA | DNS_TC, RCODE_NOERROR);
	w->cap = cap;
	return finish(q, RCODE_NOERROR, -1);
}

/* The version that is shown where the query came in, or NULL. */
static struct served *shown(const struct request *q, const struct net_zone *zone)
{
	return q->out->shows == NET_PUBLISHED ? zone->now : zone->candidate[q->out->shows];
}

static enum answer_kind transfer(struct request *q, const struct net_zone *zone)
{
	struct answer *out = q->out;

	out->version = served_ref(shown(q, zone));
	out->tsig = q->tsig;
	q->tsig = NULL;
	out->id = q->m.id;
	out->flags = q->m.flags;
	out->qtype = q->m.qtype;
	memcpy(out->qname, q->m.qname, sizeof(out->qname));
	return ANSWER_TRANSFER;
}

static void tell_asked(const struct request *q, const struct net_zone *zone)
{
	char from[ADDR_TEXT_LEN];

	link_send(q->net, "asked",
		  json_pack("{s:s, s:s, s:I, s:b}", "zone", zone->text, "address", addr_text(q->from, from),
			    "serial", (json_int_t)q->m.serial, "authenticated", shown_key(q) != NULL),
		  -1, true);
}

static enum answer_kind ixfr(struct request *q, const struct net_zone *zone)
{
	if (!q->m.has_serial)
		return plain(q, RCODE_FORMERR, -1);
	if (q->out->shows == NET_PUBLISHED)
		tell_asked(q, zone);
	/* RFC 1995 section 2: UDP, or a client that is not behind, gets our SOA alone. */
	if (!q->tcp || serial_distance(shown(q, zone)->serial, q->m.serial) >= 0)
		return soa(q, shown(q, zone));
	return transfer(q, zone);
}

static enum answer_kind query(struct request *q)
{
	uint16_t type = q->m.qtype;
	struct net_zone *zone;

	if (q->m.qclass != CLASS_IN || (type != TYPE_SOA && type != TYPE_AXFR && type != TYPE_IXFR)) {
		log_refused(q, "only SOA, AXFR and IXFR are answered here");
		return plain(q, RCODE_REFUSED, 20); /* RFC 8914: Not Authoritative */
	}
	zone = net_zone_find(q->net, q->m.qname);
	if (zone == NULL || (zone->refused && q->out->shows == NET_PUBLISHED)) {
		log_refused(q, zone == NULL ? "no such zone" : "zone is not served now");
		return plain(q, RCODE_REFUSED, 20);
	}
	if (!(q->out->shows == NET_PUBLISHED ? access_allows(q->net, zone->apex, q->from, shown_key(q))
					     : access_reviews(q->net, q->from, shown_key(q)))) {
		log_refused(q, q->out->shows == NET_PUBLISHED ? "neither a secondary nor in transfer, or without the key named there"
							      : "not in review.transfer, or without the key named there");
		return plain(q, RCODE_REFUSED, 18); /* Prohibited */
	}
	if (shown(q, zone) == NULL || (q->net->holding && q->out->shows == NET_PUBLISHED))
		return plain(q, RCODE_SERVFAIL, 14); /* Not Ready */
	if (type == TYPE_SOA)
		return soa(q, shown(q, zone));
	if (type == TYPE_IXFR)
		return ixfr(q, zone);
	return q->tcp ? transfer(q, zone) : plain(q, RCODE_FORMERR, -1); /* RFC 5936 section 4.2 */
}

static enum answer_kind notify(struct request *q)
{
	char from[ADDR_TEXT_LEN];
	struct net_zone *zone = net_zone_find(q->net, q->m.qname);

	if (q->out->shows != NET_PUBLISHED)
		return plain(q, RCODE_REFUSED, -1);
	if (q->m.qtype != TYPE_SOA || q->m.qclass != CLASS_IN)
		return plain(q, RCODE_FORMERR, -1);
	if (zone == NULL)
		return plain(q, RCODE_NOTAUTH, -1);
	if (!primary_is(zone->primary, q->from, shown_key(q))) {
		log_refused(q, "NOTIFY from who is not the zone's primary");
		return plain(q, RCODE_REFUSED, -1);
	}
	log_event(LOG_INFO, "notify-in", "zone=%s address=%s", zone->text, addr_text(q->from, from));
	primary_notified(zone->primary, q->from, shown_key(q) != NULL, q->m.has_serial ? &q->m.serial : NULL);
	begin(q, DNS_AA, RCODE_NOERROR);
	return finish(q, RCODE_NOERROR, -1);
}

/* Checks the TSIG of a query; false when *kind is the answer already. */
static bool authenticate(struct request *q, enum answer_kind *kind)
{
	const struct keyring *keys = &q->net->keys;
	bool formerr;

	if (!q->m.tsig.present)
		return true;
	q->tsig_error = tsig_verify_query(&q->m, keys->keys, keys->n, clock_now_s(), &q->tsig, &formerr);
	if (formerr) {
		q->tsig_error = TSIG_NOERROR;
		q->m.tsig.present = false;
		*kind = plain(q, RCODE_FORMERR, -1);
		return false;
	}
	if (q->tsig_error == TSIG_NOERROR)
		return true;
	log_refused(q, q->tsig_error == TSIG_BADKEY    ? "TSIG BADKEY"
		       : q->tsig_error == TSIG_BADSIG  ? "TSIG BADSIG"
		       : q->tsig_error == TSIG_BADTIME ? "TSIG BADTIME"
						       : "TSIG BADTRUNC");
	*kind = plain(q, RCODE_NOTAUTH, -1);
	return false;
}

static enum answer_kind decide(struct request *q)
{
	enum answer_kind kind;

	if (!authenticate(q, &kind))
		return kind;
	if (q->m.edns && q->m.edns_version > 0)
		return plain(q, RCODE_BADVERS, -1);
	if (q->m.opcode != DNS_QUERY && q->m.opcode != DNS_NOTIFY)
		return plain(q, RCODE_NOTIMP, -1);
	if (q->m.qdcount != 1)
		return plain(q, RCODE_FORMERR, -1);
	return q->m.opcode == DNS_NOTIFY ? notify(q) : query(q);
}

enum answer_kind answer_query(struct net *net, const uint8_t *p, size_t len, const struct addr *from,
			      bool tcp, struct answer *out)
{
	struct request q = { .net = net, .from = from, .tcp = tcp, .out = out };
	enum answer_kind kind;
	size_t room = out->w.cap;
	int rc = dns_msg_read(p, len, &q.m, NULL);

	if (len < DNS_HEADER_LEN || (q.m.flags & DNS_QR) != 0)
		return ANSWER_NONE;
	if (rc != 0) {
		out->w.at = 0;
		dns_build_header(&out->w, q.m.id, DNS_QR, q.m.opcode, RCODE_FORMERR);
		return ANSWER_MESSAGE;
	}
	if (!tcp) {
		size_t size = q.m.udp_size < DNS_UDP_SIZE ? q.m.udp_size : DNS_UDP_SIZE;

		/* A TSIG may go over 512: who sent one takes one back. */
		out->w.cap = size + (q.m.tsig.present ? TSIG_RR_MAX * 2 : 0);
		assert(out->w.cap <= room);
	}
	kind = decide(&q);
	tsig_free(q.tsig);
	return kind;
}
