/* SPDX-License-Identifier: BSD-3-Clause */
/* types: the table of RR types. */
#include "rrset/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rrset/rr.h"

#define LOW_TYPES 265

static const struct type_info low[LOW_TYPES] = {
	[1] = { "A", { F_IP4 } },
	[2] = { "NS", { F_NAME_PACK } },
	[3] = { "MD", { F_NAME_PACK } },
	[4] = { "MF", { F_NAME_PACK } },
	[5] = { "CNAME", { F_NAME_PACK } },
	[6] = { "SOA", { F_NAME_PACK, F_NAME_PACK, F_U32, F_TTL, F_TTL, F_TTL, F_TTL } },
	[7] = { "MB", { F_NAME_PACK } },
	[8] = { "MG", { F_NAME_PACK } },
	[9] = { "MR", { F_NAME_PACK } },
	[10] = { "NULL", { F_OPAQUE } },
	[11] = { "WKS", { F_WKS } },
	[12] = { "PTR", { F_NAME_PACK } },
	[13] = { "HINFO", { F_STR, F_STR } },
	[14] = { "MINFO", { F_NAME_PACK, F_NAME_PACK } },
	[15] = { "MX", { F_U16, F_NAME_PACK } },
	[16] = { "TXT", { F_STRS } },
	[17] = { "RP", { F_NAME_LOWER, F_NAME_LOWER } },
	[18] = { "AFSDB", { F_U16, F_NAME_LOWER } },
	[19] = { "X25", { F_STR } },
	[20] = { "ISDN", { F_STR, F_STR_OPT } },
	[21] = { "RT", { F_U16, F_NAME_LOWER } },
	[22] = { "NSAP", { F_NSAP } },
	[23] = { "NSAP-PTR", { F_NAME } },
	[24] = { "SIG", { F_TYPE, F_ALG, F_U8, F_TTL, F_TIME, F_TIME, F_U16, F_NAME_LOWER, F_B64 } },
	[25] = { "KEY", { F_U16, F_U8, F_ALG, F_B64_ANY } },
	[26] = { "PX", { F_U16, F_NAME_LOWER, F_NAME_LOWER } },
	[27] = { "GPOS", { F_STR, F_STR, F_STR } },
	[28] = { "AAAA", { F_IP6 } },
	[29] = { "LOC", { F_LOC } },
	[30] = { "NXT", { F_NAME_LOWER, F_NXTMAP } },
	[31] = { "EID", { F_HEX } },
	[32] = { "NIMLOC", { F_HEX } },
	[33] = { "SRV", { F_U16, F_U16, F_U16, F_NAME_LOWER } },
	[34] = { "ATMA", { F_ATMA } },
	[35] = { "NAPTR", { F_U16, F_U16, F_STR, F_STR, F_STR, F_NAME_LOWER } },
	[36] = { "KX", { F_U16, F_NAME_LOWER } },
	[37] = { "CERT", { F_CERT_TYPE, F_U16, F_ALG, F_B64 } },
	[38] = { "A6", { F_A6, F_NAME_LOWER_OPT } },
	[39] = { "DNAME", { F_NAME_LOWER } },
	[40] = { "SINK", { F_U8, F_U8, F_U8, F_B64_ANY } },
	[42] = { "APL", { F_APL } },
	[43] = { "DS", { F_U16, F_ALG, F_DS } },
	[44] = { "SSHFP", { F_U8, F_U8, F_HEX } },
	[45] = { "IPSECKEY", { F_IPSECKEY } },
	[46] = { "RRSIG", { F_TYPE, F_ALG, F_U8, F_TTL, F_TIME, F_TIME, F_U16, F_NAME_LOWER, F_B64 } },
	[47] = { "NSEC", { F_NAME, F_BITMAP } },
	[48] = { "DNSKEY", { F_U16, F_U8, F_ALG, F_B64 } },
	[49] = { "DHCID", { F_B64 } },
	[50] = { "NSEC3", { F_U8, F_U8, F_U16, F_HEX_N, F_B32_N, F_BITMAP } },
	[51] = { "NSEC3PARAM", { F_U8, F_U8, F_U16, F_HEX_N } },
	[52] = { "TLSA", { F_U8, F_U8, F_U8, F_HEX } },
	[53] = { "SMIMEA", { F_U8, F_U8, F_U8, F_HEX } },
	[55] = { "HIP", { F_HIP, F_NAMES } },
	[56] = { "NINFO", { F_STRS } },
	[57] = { "RKEY", { F_U16, F_U8, F_ALG, F_B64 } },
	[58] = { "TALINK", { F_NAME, F_NAME } },
	[59] = { "CDS", { F_U16, F_ALG, F_DS } },
	[60] = { "CDNSKEY", { F_U16, F_U8, F_ALG, F_B64 } },
	[61] = { "OPENPGPKEY", { F_B64 } },
	[62] = { "CSYNC", { F_U32, F_U16, F_BITMAP } },
	[63] = { "ZONEMD", { F_ZONEMD } },
	[64] = { "SVCB", { F_SVCB } },
	[65] = { "HTTPS", { F_SVCB } },
	[66] = { "DSYNC", { F_TYPE, F_SCHEME, F_U16, F_NAME } },
	[67] = { "HHIT", { F_B64 } },
	[68] = { "BRID", { F_B64 } },
	[99] = { "SPF", { F_STRS } },
	[100] = { "UINFO", { F_OPAQUE } },
	[101] = { "UID", { F_OPAQUE } },
	[102] = { "GID", { F_OPAQUE } },
	[103] = { "UNSPEC", { F_OPAQUE } },
	[104] = { "NID", { F_U16, F_ILNP } },
	[105] = { "L32", { F_U16, F_IP4 } },
	[106] = { "L64", { F_U16, F_ILNP } },
	[107] = { "LP", { F_U16, F_NAME } },
	[108] = { "EUI48", { F_EUI48 } },
	[109] = { "EUI64", { F_EUI64 } },
	[TYPE_OPT] = { "OPT", { F_OPAQUE } },
	[249] = { "TKEY", { F_OPAQUE } },
	[TYPE_TSIG] = { "TSIG", { F_OPAQUE } },
	[TYPE_IXFR] = { "IXFR", { F_OPAQUE } },
	[TYPE_AXFR] = { "AXFR", { F_OPAQUE } },
	[253] = { "MAILB", { F_OPAQUE } },
	[254] = { "MAILA", { F_OPAQUE } },
	[TYPE_ANY] = { "ANY", { F_OPAQUE } },
	[256] = { "URI", { F_U16, F_U16, F_TEXT_SOME } },
	[257] = { "CAA", { F_U8, F_TAG, F_TEXT } },
	[258] = { "AVC", { F_STRS } },
	[259] = { "DOA", { F_U32, F_U32, F_U8, F_STR, F_B64_DASH } },
	[260] = { "AMTRELAY", { F_AMTRELAY } },
	[261] = { "RESINFO", { F_STRS } },
	[262] = { "WALLET", { F_STRS } },
	[263] = { "CLA", { F_STRS } },
	[264] = { "IPN", { F_OPAQUE } },
};

static const struct {
	uint16_t type;
	struct type_info info;
} high[] = {
	{ 32768, { "TA", { F_U16, F_ALG, F_DS } } },
	{ 32769, { "DLV", { F_U16, F_ALG, F_DS } } },
};

#define HIGH_TYPES (sizeof(high) / sizeof(high[0]))

const struct type_info *type_info(uint16_t type)
{
	if (type < LOW_TYPES)
		return low[type].name == NULL ? NULL : &low[type];
	for (size_t i = 0; i < HIGH_TYPES; i++) {
		if (high[i].type == type)
			return &high[i].info;
	}
	return NULL;
}

uint16_t type_next(uint16_t type)
{
	for (unsigned t = type + 1u; t < LOW_TYPES; t++) {
		if (low[t].name != NULL)
			return (uint16_t)t;
	}
	for (size_t i = 0; i < HIGH_TYPES; i++) {
		if (high[i].type > type)
			return high[i].type;
	}
	return 0;
}

bool rr_type_is_meta(uint16_t type)
{
	return type == 0 || type == TYPE_OPT || (type >= 128 && type <= 255);
}

char *rr_type_text(uint16_t type, char out[16])
{
	const struct type_info *info = type_info(type);

	if (info != NULL)
		snprintf(out, 16, "%s", info->name);
	else
		snprintf(out, 16, "TYPE%u", type);
	return out;
}

uint16_t rr_type_from_text(const char *text)
{
	if (strncasecmp(text, "TYPE", 4) == 0 && text[4] >= '0' && text[4] <= '9') {
		char *end;
		unsigned long v = strtoul(text + 4, &end, 10);

		return *end == '\0' && end - text <= 9 && v <= 65535 ? (uint16_t)v : 0;
	}
	for (unsigned t = 1; t < LOW_TYPES; t++) {
		if (low[t].name != NULL && strcasecmp(low[t].name, text) == 0)
			return (uint16_t)t;
	}
	for (size_t i = 0; i < HIGH_TYPES; i++) {
		if (strcasecmp(high[i].info.name, text) == 0)
			return high[i].type;
	}
	return 0;
}

bool rr_type_is_signing(uint16_t type)
{
	switch (type) {
	case TYPE_RRSIG:
	case TYPE_NSEC:
	case TYPE_NSEC3:
	case TYPE_NSEC3PARAM:
	case TYPE_DNSKEY:
	case TYPE_CDS:
	case TYPE_CDNSKEY:
	case TYPE_ZONEMD:
		return true;
	default:
		return false;
	}
}
