/* SPDX-License-Identifier: BSD-3-Clause */
/* message: reads foreign DNS messages through the bounded reader, and appends to our own. */
#include "dns/message.h"

#include "rrset/types.h"

#include <stdio.h>
#include <string.h>

const char *dns_rcode_text(unsigned rcode, char out[16])
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					     "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	if (rcode < sizeof(names) / sizeof(names[0]))
		snprintf(out, 16, "%s", names[rcode]);
	else
		snprintf(out, 16, "RCODE%u", rcode & 0xffffu);
	return out;
}

int dns_rr_read(struct rd *r, struct dns_rr *out, struct err *e)
{
	size_t at = r->at;

	dname_read_compressed(r, out->owner);
	out->type = rd_u16(r);
	out->class = rd_u16(r);
	out->ttl = rd_u32(r);
	out->rdlen = rd_u16(r);
	out->rdata_at = r->at;
	rd_bytes(r, out->rdlen);
	if (r->bad)
		return err_set(e, ERR_SYNTAX, "record at octet %zu of the message is malformed or cut off",
			       at);
	return 0;
}

static int read_tsig(const struct dns_msg *m, const struct dns_rr *rr, size_t at, struct dns_tsig *out,
		     struct err *e)
{
	struct rd r = rd_of(m->p, rr->rdata_at + rr->rdlen);
	const uint8_t *alg;
	uint64_t high;

	r.at = rr->rdata_at;
	out->present = true;
	out->at = at;
	dname_lower(rr->owner, out->name);
	alg = dname_read(&r); /* not compressed: RFC 8945 section 4.2 */
	if (alg != NULL)
		dname_lower(alg, out->alg);
	high = rd_u16(&r);
	out->signed_at = high << 32 | rd_u32(&r);
	out->fudge_s = rd_u16(&r);
	out->mac_len = rd_u16(&r);
	out->mac = rd_bytes(&r, out->mac_len);
	out->original_id = rd_u16(&r);
	out->error = rd_u16(&r);
	out->other_len = rd_u16(&r);
	out->other = rd_bytes(&r, out->other_len);
	if (r.bad || rd_left(&r) > 0 || rr->class != CLASS_ANY || rr->ttl != 0)
		return err_set(e, ERR_SYNTAX, "TSIG record is malformed");
	return 0;
}

static void read_opt(const struct dns_rr *rr, struct dns_msg *out)
{
	out->edns = true;
	out->udp_size = rr->class < 512 ? 512 : rr->class;
	out->rcode = (uint16_t)(out->rcode | rr->ttl >> 24 << 4);
	out->edns_version = (uint8_t)(rr->ttl >> 16);
	out->dnssec_ok = (rr->ttl & 0x8000) != 0;
}

/* The serial that an IXFR query or a NOTIFY carries.  What is no SOA is simply none: the serial is a hint. */
static void read_serial(const struct dns_rr *rr, struct dns_msg *out)
{
	struct rd r = rd_of(out->p, rr->rdata_at + rr->rdlen);
	uint8_t name[DNAME_MAX];
	uint32_t serial;

	if (out->qdcount != 1 || rr->type != TYPE_SOA || rr->class != CLASS_IN ||
	    !dname_equal(rr->owner, out->qname))
		return;
	r.at = rr->rdata_at;
	dname_read_compressed(&r, name);
	dname_read_compressed(&r, name);
	serial = rd_u32(&r);
	rd_bytes(&r, 16);
	if (r.bad)
		return;
	out->has_serial = true;
	out->serial = serial;
}

static int read_question(struct rd *r, struct dns_msg *out, struct err *e)
{
	if (out->qdcount > 1)
		return err_set(e, ERR_SYNTAX, "%u questions in one message", out->qdcount);
	if (out->qdcount == 1) {
		dname_read_compressed(r, out->qname);
		out->qtype = rd_u16(r);
		out->qclass = rd_u16(r);
	}
	out->question_end = r->at;
	return r->bad ? err_set(e, ERR_SYNTAX, "question is malformed") : 0;
}

static int read_additional(struct rd *r, struct dns_msg *out, struct err *e)
{
	for (unsigned i = 0; i < out->arcount; i++) {
		struct dns_rr rr;
		size_t at = r->at;

		if (dns_rr_read(r, &rr, e) != 0)
			return -1;
		if (rr.type == TYPE_OPT) {
			if (out->edns || rr.owner[0] != 0)
				return err_set(e, ERR_SYNTAX,
					       "OPT twice or with an owner (RFC 6891 section 6.1.1)");
			read_opt(&rr, out);
		} else if (rr.type == TYPE_TSIG) {
			if (i + 1 != out->arcount)
				return err_set(e, ERR_SYNTAX,
					       "TSIG is not the last record (RFC 8945 section 5.1)");
			if (read_tsig(out, &rr, at, &out->tsig, e) != 0)
				return -1;
		}
	}
	return 0;
}

int dns_msg_read(const uint8_t *p, size_t len, struct dns_msg *out, struct err *e)
{
	struct rd r = rd_of(p, len);
	struct dns_rr rr;

	memset(out, 0, sizeof(*out));
	out->p = p;
	out->len = len;
	out->udp_size = 512;
	out->id = rd_u16(&r);
	out->flags = rd_u16(&r);
	out->opcode = out->flags >> 11 & 0x0f;
	out->rcode = out->flags & 0x0f;
	out->qdcount = rd_u16(&r);
	out->ancount = rd_u16(&r);
	out->nscount = rd_u16(&r);
	out->arcount = rd_u16(&r);
	if (r.bad)
		return err_set(e, ERR_SYNTAX, "message of %zu octets has no header", len);
	if (read_question(&r, out, e) != 0)
		return -1;
	for (unsigned i = 0; i < (unsigned)out->ancount + out->nscount; i++) {
		if (dns_rr_read(&r, &rr, e) != 0)
			return -1;
		if (rr.type == TYPE_TSIG || rr.type == TYPE_OPT)
			return err_set(e, ERR_SYNTAX, "TSIG or OPT outside the additional section");
		if (i >= out->ancount ? out->opcode == DNS_QUERY : out->opcode == DNS_NOTIFY)
			read_serial(&rr, out);
	}
	if (read_additional(&r, out, e) != 0)
		return -1;
	if (rd_left(&r) > 0)
		return err_set(e, ERR_SYNTAX, "%zu octets behind the last record", rd_left(&r));
	return 0;
}

/* One field of an rdata whose names may be compressed; -1 when it is not of its form or too long. */
static int copy_field(struct rd *r, size_t end, enum field f, struct wr *w)
{
	size_t len;

	if (f == F_NAME_PACK || f == F_NAME_LOWER || (f == F_NAME_LOWER_OPT && r->at < end)) {
		uint8_t name[DNAME_MAX];

		wr_bytes(w, name, dname_read_compressed(r, name));
		return r->bad || r->at > end ? -1 : 0;
	}
	len = field_len(f, r->p + r->at, end - r->at);
	if (len > end - r->at)
		return -1;
	wr_bytes(w, rd_bytes(r, len), len);
	return 0;
}

long dns_rdata_read(const struct dns_msg *m, const struct dns_rr *rr, uint8_t *out, struct err *e)
{
	const struct type_info *info = type_info(rr->type);
	struct rd r = rd_of(m->p, m->len);
	struct wr w = wr_of(out, DNS_MESSAGE_MAX);
	size_t end = rr->rdata_at + rr->rdlen;
	char type[16];

	r.at = rr->rdata_at;
	for (const uint8_t *f = info == NULL ? NULL : info->fields; f != NULL && *f != F_END; f++)
		if (copy_field(&r, end, (enum field) * f, &w) != 0)
			return err_set(e, ERR_SYNTAX, "rdata of a %s record is malformed",
				       rr_type_text(rr->type, type));
	if (r.at < end)
		wr_bytes(&w, r.p + r.at, end - r.at);
	if (w.bad)
		return err_set(e, ERR_LIMIT, "rdata of a %s record is above %d octets",
			       rr_type_text(rr->type, type), DNS_MESSAGE_MAX);
	return rdata_check(rr->type, out, w.at, e) == 0 ? (long)w.at : -1;
}

void dns_build_header(struct wr *w, uint16_t id, uint16_t flags, uint8_t opcode, uint16_t rcode)
{
	wr_u16(w, id);
	wr_u16(w, (uint16_t)(flags | (opcode & 0x0f) << 11 | (rcode & 0x0f)));
	wr_u64(w, 0);
}

/* Adds one to the count at an offset of the header. */
static void count_up(struct wr *w, size_t at)
{
	uint16_t n;

	if (w->bad)
		return;
	n = (uint16_t)((w->p[at] << 8 | w->p[at + 1]) + 1);
	w->p[at] = (uint8_t)(n >> 8);
	w->p[at + 1] = (uint8_t)n;
}

void dns_build_question(struct wr *w, const uint8_t *name, uint16_t type, uint16_t class_)
{
	wr_bytes(w, name, dname_len(name));
	wr_u16(w, type);
	wr_u16(w, class_);
	count_up(w, 4);
}

/* Whether the message's question has exactly this name: w->p[4..5] is QDCOUNT. */
static bool is_question(const struct wr *w, const uint8_t *name)
{
	size_t len = dname_len(name);

	return !w->bad && w->p[5] == 1 && w->at >= DNS_HEADER_LEN + len &&
	       memcmp(w->p + DNS_HEADER_LEN, name, len) == 0;
}

void dns_build_rr(struct wr *w, enum dns_section section, const struct rr *rr)
{
	size_t start = w->at;

	if (rr->owner[0] != 0 && is_question(w, rr->owner))
		wr_u16(w, 0xc000 | DNS_HEADER_LEN);
	else
		wr_bytes(w, rr->owner, dname_len(rr->owner));
	wr_u16(w, rr->type);
	wr_u16(w, CLASS_IN);
	wr_u32(w, rr->ttl);
	wr_u16(w, rr->rdlen);
	wr_bytes(w, rr->rdata, rr->rdlen);
	if (w->bad)
		w->at = start;
	count_up(w, section);
}

void dns_build_opt(struct wr *w, uint16_t udp_size, bool dnssec_ok, uint16_t rcode, int ede)
{
	wr_u8(w, 0);
	wr_u16(w, TYPE_OPT);
	wr_u16(w, udp_size);
	wr_u32(w, (uint32_t)(rcode >> 4) << 24 | (dnssec_ok ? 0x8000u : 0));
	wr_u16(w, ede >= 0 ? 6 : 0);
	if (ede >= 0) {
		wr_u16(w, 15); /* RFC 8914 section 2 */
		wr_u16(w, 2);
		wr_u16(w, (uint16_t)ede);
	}
	count_up(w, DNS_ADDITIONAL);
}

void dns_build_raw(struct wr *w, const uint8_t *record, size_t len)
{
	wr_bytes(w, record, len);
	count_up(w, DNS_ADDITIONAL);
}
