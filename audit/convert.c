/* SPDX-License-Identifier: BSD-3-Clause */
/* convert: what ldns read becomes a record in canonical form (RFC 4034 section 6.2), on its way to the sorter. */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/convert.h"
#include "audit/fields.h"
#include "audit/shape.h"

#define SCRATCH_OCTETS (64u * 1024)
#define TYPE_ZONEMD    63

struct converter *converter_new(void)
{
	struct converter *c = mem_new(1, sizeof(*c));

	c->scratch = mem_grow(NULL, 1, SCRATCH_OCTETS + REC_MAX); /* not zeroed */
	return c;
}

void converter_free(struct converter *c)
{
	if (c == NULL)
		return;
	fields_free(c->fields);
	free(c->scratch);
	free(c);
}

void converter_begin(struct converter *c, struct sorter *sorter, struct sorter *also, struct facts *facts)
{
	c->sorter = sorter;
	c->also = also;
	c->facts = facts;
	c->used = 0;
	c->owner_len = 0;
}

/* RFC 4034 section 6.2 with RFC 6840 section 5.1: names in the rdata of these are in lowercase; not in NSEC.
 */
bool convert_lowers(uint16_t type)
{
	switch (type) {
	case LDNS_RR_TYPE_NS:
	case LDNS_RR_TYPE_MD:
	case LDNS_RR_TYPE_MF:
	case LDNS_RR_TYPE_CNAME:
	case LDNS_RR_TYPE_SOA:
	case LDNS_RR_TYPE_MB:
	case LDNS_RR_TYPE_MG:
	case LDNS_RR_TYPE_MR:
	case LDNS_RR_TYPE_PTR:
	case LDNS_RR_TYPE_MINFO:
	case LDNS_RR_TYPE_MX:
	case LDNS_RR_TYPE_RP:
	case LDNS_RR_TYPE_AFSDB:
	case LDNS_RR_TYPE_RT:
	case LDNS_RR_TYPE_SIG:
	case LDNS_RR_TYPE_PX:
	case LDNS_RR_TYPE_NXT:
	case LDNS_RR_TYPE_NAPTR:
	case LDNS_RR_TYPE_KX:
	case LDNS_RR_TYPE_SRV:
	case LDNS_RR_TYPE_DNAME:
	case LDNS_RR_TYPE_RRSIG:
		return true;
	default:
		return false;
	}
}

static void count_chain(struct facts *f, const uint8_t *rdata, size_t len)
{
	uint8_t octets[CHAIN_MAX];
	size_t n, i = 0;

	if (len < 5 || 5u + rdata[4] > len)
		return;
	octets[0] = rdata[0];
	memcpy(octets + 1, rdata + 2, 3u + rdata[4]);
	n = 4u + rdata[4];
	while (i < f->chains && (f->chain[i].len != n || memcmp(f->chain[i].octets, octets, n) != 0))
		i++;
	if (i == CHAINS_KEPT)
		return;
	if (i == f->chains) {
		memcpy(f->chain[i].octets, octets, n);
		f->chain[i].len = n;
		f->chains++;
	}
	f->chain[i].count++;
}

static void note_param(struct facts *f, const uint8_t *rdata, size_t len)
{
	if (len < 5 || len != 5u + rdata[4])
		return;
	f->param.octets[0] = rdata[0];
	memcpy(f->param.octets + 1, rdata + 2, len - 2);
	f->param.len = len - 1;
}

/* By signing; the others are what the zone's author has put into it. */
static bool is_made(uint16_t type)
{
	switch (type) {
	case LDNS_RR_TYPE_NSEC:
	case LDNS_RR_TYPE_NSEC3:
	case LDNS_RR_TYPE_NSEC3PARAM:
	case LDNS_RR_TYPE_DNSKEY:
	case LDNS_RR_TYPE_CDS:
	case LDNS_RR_TYPE_CDNSKEY:
	case TYPE_ZONEMD:
		return true;
	default:
		return false;
	}
}

static void count(struct facts *f, uint16_t type, uint32_t ttl, size_t owner_len, const uint8_t *rdata,
		  size_t len)
{
	f->records++;
	if (ttl > f->largest_ttl)
		f->largest_ttl = ttl;
	if (type == LDNS_RR_TYPE_RRSIG) {
		f->rrsigs++;
		f->signed_ttl = ttl > f->signed_ttl ? ttl : f->signed_ttl;
		if (f->ends != NULL)
			ends_note(f->ends, rdata, len);
	} else if (!is_made(type)) {
		f->content++;
		f->content_octets += owner_len + 10 + len;
	}
	f->nsec += type == LDNS_RR_TYPE_NSEC;
	f->dnskey += type == LDNS_RR_TYPE_DNSKEY;
	if (type == LDNS_RR_TYPE_NSEC3PARAM)
		note_param(f, rdata, len);
	if (type == LDNS_RR_TYPE_NSEC3) {
		f->nsec3++;
		f->optout += len > 1 && (rdata[1] & 1) != 0;
		count_chain(f, rdata, len);
	}
}

int converter_end(struct converter *c, struct err *e)
{
	size_t used = c->used;

	c->used = 0;
	if (used == 0)
		return 0;
	if (sorter_add(c->sorter, c->scratch, used, e) != 0)
		return -1;
	return c->also != NULL ? sorter_add(c->also, c->scratch, used, e) : 0;
}

/* ldns has A6 as a type without form: prefix length, address, name (RFC 2874 section 3.1). */
void convert_lower_a6(uint16_t type, uint8_t *rdata, size_t len)
{
	if (type == TYPE_A6 && len > 1 && rdata[0] <= 128 && 17u - rdata[0] / 8u < len)
		name_lower(rdata + 17 - rdata[0] / 8, len - (17u - rdata[0] / 8u));
}

static int rdata_of(const ldns_rr *rr, uint8_t *out, size_t *len, struct err *e)
{
	bool lowered = convert_lowers((uint16_t)ldns_rr_get_type(rr));

	*len = 0;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		size_t n = rdf != NULL ? ldns_rdf_size(rdf) : 0;

		if (*len + n > 65535)
			return err_set(e, ERR_LIMIT, "rdata longer than 65535 octets");
		if (n > 0)
			memcpy(out + *len, ldns_rdf_data(rdf), n);
		if (lowered && n > 0 && ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME)
			name_lower(out + *len, n);
		*len += n;
	}
	convert_lower_a6((uint16_t)ldns_rr_get_type(rr), out, *len);
	return 0;
}

void convert_owner(struct converter *c, const uint8_t *owner, size_t len)
{
	if (c->owner_len == len && memcmp(c->owner, owner, len) == 0)
		return;
	c->owner_len = len;
	memcpy(c->owner, owner, len);
	c->key_len = name_key(c->owner, c->key);
}

int convert_put(struct converter *c, uint16_t type, uint16_t rclass, uint32_t ttl, const uint8_t *rdata, size_t len,
		struct err *e)
{
	if (rclass != LDNS_RR_CLASS_IN)
		return err_set(e, ERR_SYNTAX, "class %u, must be IN", rclass);
	if (!shape_is_good(type, rdata, len))
		return err_set(e, ERR_SYNTAX, "rdata of %zu octets is none of type %u", len, type);
	rec_put((struct rec *)(c->scratch + c->used), c->key, c->key_len, type, rclass, ttl, rdata, len);
	c->used += rec_size(c->key_len, len);
	count(c->facts, type, ttl, c->owner_len, rdata, len);
	return c->used >= SCRATCH_OCTETS ? converter_end(c, e) : 0;
}

int convert_rr(struct converter *c, const ldns_rr *rr, struct err *e)
{
	const ldns_rdf *owner = ldns_rr_owner(rr);
	uint8_t rdata[65536];
	size_t len;

	if (ldns_rdf_size(owner) > NAME_MAX_OCTETS)
		return err_set(e, ERR_SYNTAX, "name longer than 255 octets");
	if (rdata_of(rr, rdata, &len, e) != 0)
		return -1;
	convert_owner(c, ldns_rdf_data(owner), ldns_rdf_size(owner));
	return convert_put(c, (uint16_t)ldns_rr_get_type(rr), (uint16_t)ldns_rr_get_class(rr), ldns_rr_ttl(rr), rdata,
		   len, e);
}
