/* SPDX-License-Identifier: BSD-3-Clause */
/* field: how many octets one field of an rdata takes, and whether they have its form. */
#include <stdint.h>
#include <string.h>

#include "dname/dname.h"
#include "rrset/field_svcb.h"
#include "rrset/types.h"

#define BAD SIZE_MAX

static bool name_at(struct rd *r)
{
	return dname_read(r) != NULL;
}

static size_t strings_len(const uint8_t *p, size_t left)
{
	size_t at = 0;

	while (at < left)
		at += p[at] + 1u;
	return at == left && left > 0 ? left : BAD;
}

static size_t names_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);

	while (rd_left(&r) > 0)
		name_at(&r);
	return r.bad ? BAD : left;
}

/* RFC 4034 section 4.1.2: windows in order, 1 to 32 octets each, no trailing zero octets. */
static size_t bitmap_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);
	int last = -1;

	while (rd_left(&r) > 0) {
		uint8_t window = rd_u8(&r), len = rd_u8(&r);
		const uint8_t *bits = rd_bytes(&r, len);

		if (bits == NULL || len == 0 || len > 32 || window <= last || bits[len - 1] == 0 ||
		    (window == 0 && (bits[0] & 0x80))) /* there is no type 0 */
			return BAD;
		last = window;
	}
	return left;
}

/* RFC 3123 section 4: items of family, prefix, length and address without trailing zeroes. */
static size_t apl_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);

	while (rd_left(&r) > 0) {
		uint16_t family = rd_u16(&r);
		uint8_t prefix = rd_u8(&r), len = rd_u8(&r) & 0x7f;
		const uint8_t *address = rd_bytes(&r, len);

		if (r.bad || (len > 0 && address[len - 1] == 0))
			return BAD;
		if ((family == 1 && (prefix > 32 || len > 4)) || (family == 2 && (prefix > 128 || len > 16)))
			return BAD;
	}
	return left;
}

/* RFC 2874 section 3.1: prefix length and the octets that the suffix needs; the name is the next field. */
static size_t a6_len(const uint8_t *p, size_t left)
{
	size_t len;

	if (left == 0 || p[0] > 128)
		return BAD;
	len = 1 + (128u - p[0] + 7) / 8;
	if (left < len || (p[0] == 0) != (left == len))
		return BAD;
	return len;
}

/* The gateway of IPSECKEY and the relay of AMTRELAY: none, IPv4, IPv6 or a name. */
static bool gateway(struct rd *r, uint8_t kind)
{
	switch (kind) {
	case 0:
		break;
	case 1:
		rd_bytes(r, 4);
		break;
	case 2:
		rd_bytes(r, 16);
		break;
	case 3:
		name_at(r);
		break;
	default:
		return false;
	}
	return !r->bad;
}

/* RFC 4025 section 2.1 */
static size_t ipseckey_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);
	uint8_t kind, algorithm;

	rd_u8(&r);
	kind = rd_u8(&r);
	algorithm = rd_u8(&r);
	if (!gateway(&r, kind) || (algorithm != 0 && rd_left(&r) == 0))
		return BAD;
	return left;
}

/* RFC 8777 section 4.2 */
static size_t amtrelay_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);
	uint8_t kind;

	rd_u8(&r);
	kind = rd_u8(&r) & 0x7f;
	if (kind > 3) /* not known yet: opaque */
		return r.bad ? BAD : left;
	return gateway(&r, kind) && rd_left(&r) == 0 ? left : BAD;
}

/* RFC 8005 section 5: lengths, HIT and public key; the names are the next field. */
static size_t hip_len(const uint8_t *p, size_t left)
{
	size_t hit, key;

	if (left < 4)
		return BAD;
	hit = p[0];
	key = (size_t)p[2] << 8 | p[3];
	return hit > 0 && key > 0 && 4 + hit + key <= left ? 4 + hit + key : BAD;
}

/* A digest behind its type (RFC 4034 section 5.1.4, RFC 4509, RFC 6605); others are any octets. */
static size_t ds_len(const uint8_t *p, size_t left)
{
	static const uint8_t lengths[] = { [1] = 20, [2] = 32, [4] = 48 };

	if (left < 2)
		return BAD;
	if (p[0] < sizeof(lengths) && lengths[p[0]] != 0 && left != 1u + lengths[p[0]])
		return BAD;
	return left;
}

static size_t octets(size_t want, size_t left)
{
	return left < want ? BAD : want;
}

static size_t counted(const uint8_t *p, size_t left)
{
	return left == 0 ? BAD : octets(p[0] + 1u, left);
}

/* RFC 8659 section 4.1: letters and digits */
static size_t tag_len(const uint8_t *p, size_t left)
{
	size_t len = counted(p, left);

	if (len == BAD || p[0] == 0)
		return BAD;
	for (size_t i = 1; i < len; i++) {
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'z') &&
		    !(p[i] >= 'A' && p[i] <= 'Z'))
			return BAD;
	}
	return len;
}

size_t field_len(enum field f, const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);

	switch (f) {
	case F_END:
		return 0;
	case F_NAME_PACK:
	case F_NAME_LOWER:
	case F_NAME:
		return name_at(&r) ? r.at : BAD;
	case F_NAME_LOWER_OPT:
		return left == 0 ? 0 : name_at(&r) ? r.at : BAD;
	case F_NAMES:
		return names_len(p, left);
	case F_U8:
	case F_ALG:
	case F_SCHEME:
		return octets(1, left);
	case F_U16:
	case F_TYPE:
	case F_CERT_TYPE:
		return octets(2, left);
	case F_U32:
	case F_TTL:
	case F_TIME:
	case F_IP4:
		return octets(4, left);
	case F_EUI48:
		return octets(6, left);
	case F_ILNP:
	case F_EUI64:
		return octets(8, left);
	case F_IP6:
		return octets(16, left);
	case F_STR:
	case F_HEX_N:
	case F_B32_N:
		return counted(p, left);
	case F_TAG:
		return tag_len(p, left);
	case F_STR_OPT:
		return left == 0 ? 0 : counted(p, left);
	case F_STRS:
		return strings_len(p, left);
	case F_HEX:
	case F_B64:
	case F_NSAP:
	case F_TEXT_SOME:
		return left > 0 ? left : BAD;
	case F_TEXT:
	case F_HEX_ANY:
	case F_B64_ANY:
	case F_B64_DASH:
	case F_OPAQUE:
		return left;
	case F_BITMAP:
		return bitmap_len(p, left);
	case F_NXTMAP:
		return left == 0 || (left <= 16 && p[left - 1] != 0) ? left : BAD;
	case F_ATMA:
		return left > 1 ? left : BAD;
	case F_WKS:
		return left >= 5 && left <= 5 + 8192 ? left : BAD;
	case F_LOC:
		return left == 16 || (left > 0 && p[0] != 0) ? left : BAD; /* other versions are opaque */
	case F_APL:
		return apl_len(p, left);
	case F_A6:
		return a6_len(p, left);
	case F_IPSECKEY:
		return ipseckey_len(p, left);
	case F_AMTRELAY:
		return amtrelay_len(p, left);
	case F_HIP:
		return hip_len(p, left);
	case F_SVCB:
		return field_svcb_len(p, left);
	case F_DS:
		return ds_len(p, left);
	case F_ZONEMD:
		return left >= 18 ? left : BAD;
	}
	return BAD;
}
