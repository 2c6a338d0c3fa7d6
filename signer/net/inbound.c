/* SPDX-License-Identifier: BSD-3-Clause */
/* inbound: the form of a transfer that somebody else sends. */
#include "signer/net/inbound.h"

#include "arena/arena.h"
#include "zone/zone.h"

#include <stdlib.h>
#include <string.h>

void inbound_init(struct inbound *in)
{
	in->rdata = mem_new(1, DNS_MESSAGE_MAX);
}

void inbound_fini(struct inbound *in)
{
	free(in->rdata);
	free(in->soa);
	in->rdata = in->soa = NULL;
}

uint32_t inbound_serial(const struct inbound *in)
{
	return in->soa == NULL ? 0 : soa_serial(in->soa, in->soa_len);
}

static int check_header(const struct inbound *in, const struct dns_msg *m, struct err *e)
{
	char text[16];

	if ((m->flags & DNS_QR) == 0 || m->opcode != DNS_QUERY || (m->flags & DNS_TC) != 0)
		return err_set(e, ERR_SYNTAX, "message %u is no answer to AXFR", in->messages + 1);
	if (m->id != in->id)
		return err_set(e, ERR_SYNTAX, "message %u has ID %u, the query had %u", in->messages + 1,
			       m->id, in->id);
	if (m->rcode != RCODE_NOERROR)
		return err_set(e, ERR_REFUSED, "primary answers %s", dns_rcode_text(m->rcode, text));
	/* RFC 5936 section 2.2.1: the question stands in the first message and may stand in others. */
	if (m->qdcount == 0 && in->messages > 0)
		return 0;
	if (m->qdcount != 1 || m->qtype != TYPE_AXFR || m->qclass != CLASS_IN ||
	    !dname_equal(m->qname, in->apex))
		return err_set(e, ERR_SYNTAX, "message %u answers another question", in->messages + 1);
	return 0;
}

/* The SOA of the apex: 0 the first, 1 the last, -1 one that differs. */
static int on_soa(struct inbound *in, const struct rr *rr, struct err *e)
{
	if (in->soa == NULL) {
		in->soa = mem_dup(rr->rdata, rr->rdlen);
		in->soa_len = rr->rdlen;
		return 0;
	}
	if (in->soa_len == rr->rdlen && memcmp(in->soa, rr->rdata, rr->rdlen) == 0)
		return 1;
	return err_set(e, ERR_SYNTAX,
		       "transfer begins with SOA serial %u and ends with another SOA, serial %u",
		       inbound_serial(in), soa_serial(rr->rdata, rr->rdlen));
}

static int on_record(struct inbound *in, const struct dns_msg *m, const struct dns_rr *raw, struct err *e)
{
	char owner[DNAME_TEXT_MAX], type[16];
	struct rr rr = { .owner = raw->owner, .rdata = in->rdata, .ttl = raw->ttl, .type = raw->type };
	long len;
	int end;

	if (raw->class != CLASS_IN)
		return err_set(e, ERR_SYNTAX, "%s %s is of class %u, must be IN",
			       dname_to_text(raw->owner, owner), rr_type_text(raw->type, type), raw->class);
	if (!dname_is_within(raw->owner, in->apex))
		return err_set(e, ERR_SYNTAX, "%s %s is outside the zone", dname_to_text(raw->owner, owner),
			       rr_type_text(raw->type, type));
	if (raw->type == TYPE_OPT || raw->type == 0 || (raw->type >= 128 && raw->type <= 255))
		return err_set(e, ERR_SYNTAX, "%s is of type %s, which no zone can hold",
			       dname_to_text(raw->owner, owner), rr_type_text(raw->type, type));
	if ((len = dns_rdata_read(m, raw, in->rdata, e)) < 0)
		return err_ctx(e, "%s", dname_to_text(raw->owner, owner));
	rr.rdlen = (uint16_t)len;
	if (rr.ttl > INT32_MAX)
		rr.ttl = 0; /* RFC 2181 section 8 */
	if (in->soa == NULL && (rr.type != TYPE_SOA || !dname_equal(rr.owner, in->apex)))
		return err_set(e, ERR_SYNTAX, "transfer begins with %s %s, not with the zone's SOA",
			       dname_to_text(rr.owner, owner), rr_type_text(rr.type, type));
	if (rr.type == TYPE_SOA && dname_equal(rr.owner, in->apex) && (end = on_soa(in, &rr, e)) != 0)
		return end;
	in->records++;
	in->octets += rr_wire_len(&rr);
	if (in->octets > in->max_octets)
		return err_set(e, ERR_LIMIT, "transfer is above %ju octets", (uintmax_t)in->max_octets);
	return in->put(in->ctx, &rr, e);
}

int inbound_message(struct inbound *in, const struct dns_msg *m, struct err *e)
{
	struct rd r = rd_of(m->p, m->len);

	if (check_header(in, m, e) != 0)
		return -1;
	in->messages++;
	r.at = m->question_end;
	for (unsigned i = 0; i < m->ancount; i++) {
		struct dns_rr rr;
		int rc;

		if (dns_rr_read(&r, &rr, e) != 0 || (rc = on_record(in, m, &rr, e)) < 0)
			return -1;
		if (rc == 0)
			continue;
		if (i + 1 < m->ancount)
			return err_set(e, ERR_SYNTAX, "%u records follow the last SOA", m->ancount - i - 1u);
		return 1;
	}
	/* Messages without records bring a transfer nowhere; a few are no harm. */
	if (in->messages > 1000 && in->messages / 1000 > in->records)
		return err_set(e, ERR_SYNTAX, "%u messages with %ju records", in->messages,
			       (uintmax_t)in->records);
	return 0;
}
