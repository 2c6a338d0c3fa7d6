/* SPDX-License-Identifier: BSD-3-Clause */
/* shape: a table of lengths, and the types whose fields have lengths of their own. */
#include "audit/shape.h"

#include <ldns/ldns.h>

#include "audit/name.h"

#define TYPE_SVCB  64
#define TYPE_HTTPS 65
#define TYPE_URI   256
#define TYPE_CAA   257

/* Types whose rdata is at least, at most so long. */
static const struct {
	uint16_t type, least, most;
} lengths[] = {
	{ LDNS_RR_TYPE_A, 4, 4 },
	{ LDNS_RR_TYPE_AAAA, 16, 16 },
	{ LDNS_RR_TYPE_LOC, 16, 16 },
	{ LDNS_RR_TYPE_EUI48, 6, 6 },
	{ LDNS_RR_TYPE_EUI64, 8, 8 },
	{ LDNS_RR_TYPE_CERT, 6, UINT16_MAX },
	{ LDNS_RR_TYPE_SSHFP, 3, UINT16_MAX },
	{ LDNS_RR_TYPE_TLSA, 4, UINT16_MAX },
	{ LDNS_RR_TYPE_DNSKEY, 5, UINT16_MAX },
	{ LDNS_RR_TYPE_CDNSKEY, 5, UINT16_MAX },
	{ TYPE_URI, 5, UINT16_MAX },
};

/* One character-string behind the other (RFC 1035 section 3.3), n of them, with n 0 one or more. */
static bool is_strings(const uint8_t *p, size_t len, size_t n)
{
	size_t at = 0, got = 0;

	for (; at < len; got++)
		at += 1u + p[at];
	return at == len && got > 0 && (n == 0 || got == n);
}

/* RFC 4034 section 5.1, RFC 4509, RFC 6605: a digest has the length of its kind. */
static bool is_ds(const uint8_t *p, size_t len)
{
	if (len < 5)
		return false;
	switch (p[3]) {
	case 1:
		return len == 4 + 20;
	case 2:
	case 3:
		return len == 4 + 32;
	case 4:
		return len == 4 + 48;
	default:
		return true;
	}
}

/* RFC 8659 section 4.1. */
static bool is_caa(const uint8_t *p, size_t len)
{
	return len >= 3 && p[1] > 0 && 2u + p[1] <= len;
}

/* RFC 9460 section 2.2: priority, target, parameters with growing keys. */
static bool is_svcb(const uint8_t *p, size_t len)
{
	size_t name = len > 2 ? name_length(p + 2, len - 2) : 0, at = 2 + name;
	int last = -1;

	while (name > 0 && at + 4 <= len) {
		const int key = p[at] << 8 | p[at + 1];

		if (key <= last)
			return false;
		last = key;
		at += 4u + (size_t)(p[at + 2] << 8 | p[at + 3]);
	}
	return name > 0 && at == len;
}

bool shape_is_good(uint16_t type, const uint8_t *rdata, size_t len)
{
	switch (type) {
	case LDNS_RR_TYPE_TXT:
	case LDNS_RR_TYPE_SPF:
		return is_strings(rdata, len, 0);
	case LDNS_RR_TYPE_HINFO:
		return is_strings(rdata, len, 2);
	case LDNS_RR_TYPE_DS:
		return is_ds(rdata, len);
	case LDNS_RR_TYPE_CDS:
		return len >= 5;
	case LDNS_RR_TYPE_NSEC3PARAM:
		return len >= 5 && len == 5u + rdata[4];
	case TYPE_CAA:
		return is_caa(rdata, len);
	case TYPE_SVCB:
	case TYPE_HTTPS:
		return is_svcb(rdata, len);
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		if (lengths[i].type == type)
			return len >= lengths[i].least && len <= lengths[i].most;
	return true;
}
