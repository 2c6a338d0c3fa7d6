/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * convert_wire: records of messages.  Names are read by ldns, each once where it stands; rdata that is more than one name or
 * an RRSIG is, too.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/convert.h"

#define RRSIG_FIXED 18 /* octets of rdata before the signer's name (RFC 4034 section 3.1) */

/* One record of a message. */
struct at {
	const uint8_t *m;
	size_t len;   /* of the message */
	size_t fixed; /* where type, class, TTL and length of rdata stand */
	size_t end;
};

static struct name_slot *slot_of(struct converter *c, size_t at)
{
	return &c->slot[at % NAME_SLOTS];
}

/*
 * Whether a name leads through few pointers, as any does that a server wrote: a name has 127 labels at most.  ldns follows
 * thousands, for each record anew.  Moves behind it; what is no name at all, or longer than one, is left to ldns.
 */
#define POINTERS_MAX 127

static bool leads_somewhere(const uint8_t *m, size_t len, size_t *name)
{
	size_t at = *name, pointers = 0, octets = 0;

	while (at < len && m[at] != 0 && octets < NAME_MAX_OCTETS) {
		if (m[at] < 0xc0) {
			octets += 1u + m[at];
			at += 1u + m[at];
		} else {
			if (pointers++ == 0)
				*name = at + 2;
			if (pointers > POINTERS_MAX || at + 2 > len)
				return pointers <= POINTERS_MAX;
			at = (size_t)((m[at] & 0x3f) << 8 | m[at + 1]);
		}
	}
	if (pointers == 0)
		*name = at + 1;
	return true;
}

/* The name at *at, which moves behind it; compressed or not.  It lives until the next one is read. */
static const struct name_slot *name_at(struct converter *c, const uint8_t *m, size_t len, size_t *at, struct err *e)
{
	bool pointer = *at + 2 <= len && m[*at] >= 0xc0;
	size_t stands = pointer ? (size_t)((m[*at] & 0x3f) << 8 | m[*at + 1]) : *at;
	struct name_slot *slot = slot_of(c, stands);
	size_t behind = *at;
	ldns_rdf *name = NULL;
	ldns_status s;

	if (pointer && slot->message == c->message && slot->at == stands) {
		*at += 2;
		return slot;
	}
	if (!leads_somewhere(m, len, &behind)) {
		err_set(e, ERR_SYNTAX, "a name of more than %d pointers", POINTERS_MAX);
		return NULL;
	}
	if ((s = ldns_wire2dname(&name, m, len, at)) != LDNS_STATUS_OK || ldns_rdf_size(name) > NAME_MAX_OCTETS) {
		ldns_rdf_deep_free(name);
		err_set(e, ERR_SYNTAX, "%s", s != LDNS_STATUS_OK ? ldns_get_errorstr_by_id(s) : "name longer than 255 octets");
		return NULL;
	}
	slot->message = c->message;
	slot->at = (uint16_t)stands;
	slot->len = (uint16_t)ldns_rdf_size(name);
	memcpy(slot->wire, ldns_rdf_data(name), slot->len);
	ldns_rdf_deep_free(name);
	return slot;
}

static uint16_t type_at(const struct at *r)
{
	return (uint16_t)(r->m[r->fixed] << 8 | r->m[r->fixed + 1]);
}

static int put(struct converter *c, const struct at *r, const uint8_t *rdata, size_t len, struct err *e)
{
	const uint8_t *p = r->m + r->fixed;
	uint32_t ttl = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];

	return convert_put(c, type_at(r), (uint16_t)(p[2] << 8 | p[3]), ttl, rdata, len, e);
}

/* A record whose rdata holds no compressed names stands in the message as it is compared and signed; ldns
 * gets the length of some of these types wrong (NSAP-PTR), so that only its name goes through ldns. */
static int put_plain(struct converter *c, const struct at *r, struct err *e)
{
	const uint8_t *rdata = r->m + r->fixed + 10;
	size_t len = r->end - r->fixed - 10;
	uint8_t a6[65536];

	if (type_at(r) != TYPE_A6)
		return put(c, r, rdata, len, e);
	memcpy(a6, rdata, len);
	convert_lower_a6(TYPE_A6, a6, len);
	return put(c, r, a6, len, e);
}

/* Rdata that is one name (RFC 1035 section 3.3, RFC 6672). */
static bool is_name(uint16_t type)
{
	switch (type) {
	case LDNS_RR_TYPE_NS:
	case LDNS_RR_TYPE_MD:
	case LDNS_RR_TYPE_MF:
	case LDNS_RR_TYPE_CNAME:
	case LDNS_RR_TYPE_MB:
	case LDNS_RR_TYPE_MG:
	case LDNS_RR_TYPE_MR:
	case LDNS_RR_TYPE_PTR:
	case LDNS_RR_TYPE_DNAME:
		return true;
	default:
		return false;
	}
}

static int put_name(struct converter *c, const struct at *r, struct err *e)
{
	size_t at = r->fixed + 10;
	const struct name_slot *name = name_at(c, r->m, r->len, &at, e);
	uint8_t lower[NAME_MAX_OCTETS];

	if (name == NULL)
		return -1;
	if (at != r->end)
		return err_set(e, ERR_SYNTAX, "rdata of a wrong length");
	memcpy(lower, name->wire, name->len);
	name_lower(lower, name->len);
	return put(c, r, lower, name->len, e);
}

/* The signer's name is not compressed (RFC 4034 section 3.1.7); 0 where it is, or is none. */
static size_t signer_length(const struct at *r)
{
	size_t len = r->end - r->fixed - 10;

	return len > RRSIG_FIXED ? name_length(r->m + r->fixed + 10 + RRSIG_FIXED, len - RRSIG_FIXED) : 0;
}

static int put_rrsig(struct converter *c, const struct at *r, size_t signer, struct err *e)
{
	size_t len = r->end - r->fixed - 10;
	uint8_t rdata[65536];

	memcpy(rdata, r->m + r->fixed + 10, len);
	name_lower(rdata + RRSIG_FIXED, signer);
	return put(c, r, rdata, len, e);
}

/* Names in rdata that is read as a whole: they stand behind some octets, one behind the other. */
static bool names_lead_somewhere(const struct at *r)
{
	size_t at = r->fixed + 10, names = 1;

	switch (type_at(r)) {
	case LDNS_RR_TYPE_SOA:
	case LDNS_RR_TYPE_MINFO:
	case LDNS_RR_TYPE_RP:
		names = 2;
		break;
	case LDNS_RR_TYPE_PX:
		names = 2;
		at += 2;
		break;
	case LDNS_RR_TYPE_SRV:
		at += 6;
		break;
	case LDNS_RR_TYPE_SIG:
	case LDNS_RR_TYPE_RRSIG:
		at += RRSIG_FIXED;
		break;
	case LDNS_RR_TYPE_NXT:
		break;
	case LDNS_RR_TYPE_NAPTR: /* order, preference, three character-strings (RFC 3403 section 4.1) */
		at += 4;
		for (int i = 0; i < 3 && at < r->end; i++)
			at += 1u + r->m[at];
		break;
	default: /* MX, AFSDB, RT, KX */
		at += 2;
		break;
	}
	for (; names > 0 && at < r->end; names--)
		if (!leads_somewhere(r->m, r->len, &at))
			return false;
	return true;
}

/* Anything else with names in it; the record starts at `start`. */
static int put_read(struct converter *c, const struct at *r, size_t start, struct err *e)
{
	ldns_rr *rr = NULL;
	ldns_status s;
	int rc;

	if (!names_lead_somewhere(r))
		return err_set(e, ERR_SYNTAX, "a name of more than %d pointers", POINTERS_MAX);
	s = ldns_wire2rr(&rr, r->m, r->len, &start, LDNS_SECTION_ANSWER);
	if (s != LDNS_STATUS_OK || start != r->end)
		rc = err_set(e, ERR_SYNTAX, "%s", s != LDNS_STATUS_OK ? ldns_get_errorstr_by_id(s) : "rdata of a wrong length");
	else
		rc = convert_rr(c, rr, e);
	ldns_rr_free(rr);
	return rc;
}

/* One record at *at, which moves behind it. */
static int convert_record(struct converter *c, const uint8_t *m, size_t len, size_t *at, struct err *e)
{
	struct at r = { .m = m, .len = len };
	size_t start = *at, signer;
	const struct name_slot *owner = name_at(c, m, len, at, e);

	if (owner == NULL)
		return -1;
	r.fixed = *at;
	if (r.fixed + 10 > len || (r.end = r.fixed + 10 + (size_t)(m[r.fixed + 8] << 8 | m[r.fixed + 9])) > len)
		return err_set(e, ERR_SYNTAX, "cut short");
	*at = r.end;
	convert_owner(c, owner->wire, owner->len);
	if (!convert_lowers(type_at(&r)))
		return put_plain(c, &r, e);
	if (is_name(type_at(&r)))
		return put_name(c, &r, e);
	if (type_at(&r) == LDNS_RR_TYPE_RRSIG && (signer = signer_length(&r)) > 0)
		return put_rrsig(c, &r, signer, e);
	return put_read(c, &r, start, e);
}

static int convert_message(struct converter *c, const uint8_t *m, size_t len, struct err *e)
{
	size_t at = 12, questions = (size_t)(m[4] << 8 | m[5]), answers = (size_t)(m[6] << 8 | m[7]);

	c->message++;
	for (size_t i = 0; i < questions; i++) {
		ldns_rr *rr = NULL;
		size_t name = at;
		ldns_status s;

		if (!leads_somewhere(m, len, &name))
			return err_set(e, ERR_SYNTAX, "question: a name of more than %d pointers", POINTERS_MAX);
		s = ldns_wire2rr(&rr, m, len, &at, LDNS_SECTION_QUESTION);
		ldns_rr_free(rr);
		if (s != LDNS_STATUS_OK)
			return err_set(e, ERR_SYNTAX, "question: %s", ldns_get_errorstr_by_id(s));
	}
	for (size_t i = 0; i < answers; i++)
		if (convert_record(c, m, len, &at, e) != 0)
			return err_ctx(e, "record %zu of a message of %zu octets", i, len);
	return 0;
}

int convert_records(struct converter *c, const uint8_t *m, size_t len, size_t from, size_t to, struct err *e)
{
	c->message++;
	while (from < to)
		if (convert_record(c, m, len, &from, e) != 0)
			return err_ctx(e, "before octet %zu of a message of %zu octets", from, len);
	return converter_end(c, e);
}

int convert_wire(struct converter *c, const struct batch *b, struct err *e)
{
	for (size_t at = 0; at < b->len;) {
		size_t len = (size_t)(b->data[at] << 8 | b->data[at + 1]);

		if (convert_message(c, b->data + at + 2, len, e) != 0)
			return -1;
		at += 2 + len;
	}
	return converter_end(c, e);
}
