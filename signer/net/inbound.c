/* SPDX-License-Identifier: BSD-3-Clause */
/* inbound: the form of a transfer that somebody else sends. */
#include "signer/net/inbound.h"

#include "arena/arena.h"
#include "serial/serial.h"
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
		return err_set(e, ERR_SYNTAX, "message %u is no answer to %s", in->messages + 1,
			       in->ixfr ? "IXFR" : "AXFR");
	if (m->id != in->id)
		return err_set(e, ERR_SYNTAX, "message %u has ID %u, the query had %u", in->messages + 1,
			       m->id, in->id);
	if (m->rcode != RCODE_NOERROR)
		return err_set(e, ERR_REFUSED, "primary answers %s", dns_rcode_text(m->rcode, text));
	/* RFC 5936 section 2.2.1: the question stands in the first message and may stand in others. */
	if (m->qdcount == 0 && in->messages > 0)
		return 0;
	if (m->qdcount != 1 || m->qtype != (in->ixfr ? TYPE_IXFR : TYPE_AXFR) || m->qclass != CLASS_IN ||
	    !dname_equal(m->qname, in->apex))
		return err_set(e, ERR_SYNTAX, "message %u answers another question", in->messages + 1);
	return 0;
}

static int put(struct inbound *in, const struct rr *rr, struct err *e)
{
	in->records++;
	in->octets += rr_wire_len(rr);
	if (in->octets > in->max_octets)
		return err_set(e, ERR_LIMIT, "transfer is above %ju octets", (uintmax_t)in->max_octets);
	return in->put(in->ctx, rr, e);
}

static int put_first_soa(struct inbound *in, struct err *e)
{
	struct rr soa = { .owner = in->apex,
			  .rdata = in->soa,
			  .rdlen = (uint16_t)in->soa_len,
			  .ttl = in->soa_ttl,
			  .type = TYPE_SOA };

	return put(in, &soa, e);
}

static int first_soa(struct inbound *in, const struct rr *rr)
{
	in->soa = mem_dup(rr->rdata, rr->rdlen);
	in->soa_len = rr->rdlen;
	in->soa_ttl = rr->ttl;
	return 0;
}

static bool is_first(const struct inbound *in, const struct rr *rr)
{
	return in->soa_len == rr->rdlen && memcmp(in->soa, rr->rdata, rr->rdlen) == 0;
}

static int last_soa(const struct inbound *in, const struct rr *rr, struct err *e)
{
	if (is_first(in, rr))
		return 1;
	return err_set(e, ERR_SYNTAX,
		       "transfer begins with SOA serial %u and ends with another SOA, serial %u",
		       inbound_serial(in), soa_serial(rr->rdata, rr->rdlen));
}

/* The second record is an SOA: a difference begins, unless the zone is that SOA alone. */
static int second_soa(struct inbound *in, const struct rr *rr, struct err *e)
{
	uint32_t serial = soa_serial(rr->rdata, rr->rdlen);

	if (!in->ixfr || is_first(in, rr)) {
		in->form = INBOUND_WHOLE;
		return put_first_soa(in, e) != 0 ? -1 : last_soa(in, rr, e);
	}
	if (serial != in->have)
		return err_set(e, ERR_SYNTAX, "differences begin at serial %u, not at %u as asked (RFC 1995 section 4)",
			       serial, in->have);
	in->form = INBOUND_DIFF;
	in->from = serial;
	return put(in, rr, e);
}

/* An SOA within differences: the second of one, the first of the next, or the last of all. */
static int between(struct inbound *in, const struct rr *rr, struct err *e)
{
	uint32_t serial = soa_serial(rr->rdata, rr->rdlen), newest = inbound_serial(in);

	if (in->adding && in->from == newest)
		return last_soa(in, rr, e);
	if (in->adding && serial != in->from)
		return err_set(e, ERR_SYNTAX, "a difference begins at serial %u, the one before ends at %u", serial,
			       in->from);
	if (!in->adding && (serial_distance(in->from, serial) <= 0 || serial_distance(serial, newest) < 0))
		return err_set(e, ERR_SYNTAX, "a difference from serial %u to %u, the newest being %u", in->from, serial,
			       newest);
	if (!in->adding && serial == newest && !is_first(in, rr))
		return last_soa(in, rr, e);
	in->adding = !in->adding;
	in->from = serial;
	return put(in, rr, e);
}

/* The SOA of the apex: 1 when it is the last record. */
static int on_soa(struct inbound *in, const struct rr *rr, struct err *e)
{
	if (in->soa == NULL)
		return first_soa(in, rr);
	switch (in->form) {
	case INBOUND_UNKNOWN:
		return second_soa(in, rr, e);
	case INBOUND_WHOLE:
		return last_soa(in, rr, e);
	case INBOUND_DIFF:
		return between(in, rr, e);
	case INBOUND_SAME:
		break;
	}
	return err_set(e, ERR_SYNTAX, "a second SOA where the serial is current");
}

/* The rdata goes to in->rdata. */
static int read_record(struct inbound *in, const struct dns_msg *m, const struct dns_rr *raw, struct rr *rr,
		       struct err *e)
{
	char owner[DNAME_TEXT_MAX], type[16];
	long len;

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
	*rr = (struct rr){ .owner = raw->owner,
			   .rdata = in->rdata,
			   .rdlen = (uint16_t)len,
			   .type = raw->type,
			   .ttl = raw->ttl > INT32_MAX ? 0 : raw->ttl }; /* RFC 2181 section 8 */
	return 0;
}

/* 1 when it is the last. */
static int on_record(struct inbound *in, const struct dns_msg *m, const struct dns_rr *raw, struct err *e)
{
	char owner[DNAME_TEXT_MAX], type[16];
	struct rr rr;

	if (read_record(in, m, raw, &rr, e) != 0)
		return -1;
	if (rr.type == TYPE_SOA && dname_equal(rr.owner, in->apex))
		return on_soa(in, &rr, e);
	if (in->soa == NULL)
		return err_set(e, ERR_SYNTAX, "transfer begins with %s %s, not with the zone's SOA",
			       dname_to_text(rr.owner, owner), rr_type_text(rr.type, type));
	if (in->form == INBOUND_UNKNOWN) {
		in->form = INBOUND_WHOLE;
		if (put_first_soa(in, e) != 0)
			return -1;
	}
	return put(in, &rr, e);
}

/* After a message: an answer to IXFR that is one SOA, not above what we have, is whole (RFC 1995 section 2). */
static int is_whole(struct inbound *in, struct err *e)
{
	uint32_t newest = inbound_serial(in);

	if (in->ixfr && in->soa != NULL && in->form == INBOUND_UNKNOWN) {
		int32_t ahead = serial_distance(in->have, newest);

		if (ahead < 0)
			return err_set(e, ERR_REFUSED, "primary's serial %u lies below %u that we have", newest,
				       in->have);
		if (ahead == 0) {
			in->form = INBOUND_SAME;
			return 1;
		}
	}
	/* Messages without records bring a transfer nowhere; a few are no harm. */
	if (in->messages > 1000 && in->messages / 1000 > in->records)
		return err_set(e, ERR_SYNTAX, "%u messages with %ju records", in->messages,
			       (uintmax_t)in->records);
	return 0;
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
	return is_whole(in, e);
}
