/* SPDX-License-Identifier: BSD-3-Clause */
/* rdata_text: rdata from text, field by field. */
#include "rrset/rdata_text.h"

#include <string.h>
#include <time.h>

#include "dname/dname.h"
#include "rrset/rr.h"

static int number(struct rdata_text *t, unsigned octets, struct err *e)
{
	static const uint64_t most[] = { [1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX };
	const struct token *k = rdata_next(t, "a number", e);
	uint64_t v;

	if (k == NULL)
		return -1;
	if (!token_number(k, most[octets], &v))
		return rdata_bad(k,
				 octets == 1   ? "a number from 0 to 255"
				 : octets == 2 ? "a number from 0 to 65535"
					       : "a number from 0 to 4294967295",
				 e);
	while (octets-- > 0)
		wr_u8(&t->w, (uint8_t)(v >> 8 * octets));
	return 0;
}

static int ttl(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a time in seconds", e);
	uint32_t v;

	if (k == NULL)
		return -1;
	if (!token_ttl(k, &v))
		return rdata_bad(k, "a time in seconds, or with units as in 1h30m", e);
	wr_u32(&t->w, v);
	return 0;
}

/* From YYYYMMDDHHmmSS as one number to seconds since 1970; false when there is no such day or time. */
static bool calendar(uint64_t *v)
{
	uint64_t date = *v / 1000000, time = *v % 1000000;
	struct tm tm = {
		.tm_year = (int)(date / 10000) - 1900,
		.tm_mon = (int)(date / 100 % 100) - 1,
		.tm_mday = (int)(date % 100),
		.tm_hour = (int)(time / 10000),
		.tm_min = (int)(time / 100 % 100),
		.tm_sec = (int)(time % 100),
	};
	struct tm given = tm;

	*v = (uint64_t)timegm(&tm); /* moves what is too much to the next month, day, hour or minute */
	if (given.tm_sec == 60) /* a leap second is there */
		return given.tm_hour <= 23 && given.tm_min <= 59;
	return given.tm_mon == tm.tm_mon && given.tm_mday == tm.tm_mday && given.tm_hour == tm.tm_hour &&
	       given.tm_min == tm.tm_min && given.tm_sec == tm.tm_sec;
}

/* RFC 4034 section 3.2: YYYYMMDDHHmmSS, or seconds since 1970. */
static int instant(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a point in time", e);
	uint64_t v;

	if (k == NULL)
		return -1;
	if (token_number(k, UINT32_MAX, &v)) {
		wr_u32(&t->w, (uint32_t)v);
		return 0;
	}
	if (k->len != 14 || !token_number(k, UINT64_MAX, &v) || !calendar(&v))
		return rdata_bad(k, "a time as YYYYMMDDHHmmSS or in seconds (RFC 4034 section 3.2)", e);
	wr_u32(&t->w, (uint32_t)v);
	return 0;
}

struct word {
	const char *name;
	uint16_t value;
};

/* A number or one of the words. */
static int number_or_word(struct rdata_text *t, const struct word *words, unsigned octets, const char *what,
			  struct err *e)
{
	const struct token *k = rdata_next(t, what, e);

	if (k == NULL)
		return -1;
	for (; words->name != NULL; words++) {
		if (token_is(k, words->name)) {
			if (octets == 2)
				wr_u16(&t->w, words->value);
			else
				wr_u8(&t->w, (uint8_t)words->value);
			return 0;
		}
	}
	t->at--;
	return number(t, octets, e) == 0 ? 0 : rdata_bad(k, what, e);
}

static const struct word algorithms[] = {
	{ "RSAMD5", 1 },
	{ "DH", 2 },
	{ "DSA", 3 },
	{ "ECC", 4 },
	{ "RSASHA1", 5 },
	{ "DSA-NSEC3-SHA1", 6 },
	{ "NSEC3DSA", 6 },
	{ "RSASHA1-NSEC3-SHA1", 7 },
	{ "NSEC3RSASHA1", 7 },
	{ "RSASHA256", 8 },
	{ "RSASHA512", 10 },
	{ "ECC-GOST", 12 },
	{ "ECCGOST", 12 },
	{ "ECDSAP256SHA256", 13 },
	{ "ECDSAP384SHA384", 14 },
	{ "ECDSA256", 13 },
	{ "ECDSA384", 14 },
	{ "ED25519", 15 },
	{ "ED448", 16 },
	{ "INDIRECT", 252 },
	{ "PRIVATEDNS", 253 },
	{ "PRIVATEOID", 254 },
	{ NULL, 0 },
};

static const struct word cert_types[] = {
	{ "PKIX", 1 },   { "SPKI", 2 },    { "PGP", 3 },   { "IPKIX", 4 }, { "ISPKI", 5 }, { "IPGP", 6 },
	{ "ACPKIX", 7 }, { "IACPKIX", 8 }, { "URI", 253 }, { "OID", 254 }, { NULL, 0 },
};

static const struct word schemes[] = { { "NOTIFY", 1 }, { NULL, 0 } };

static bool type_of(const struct token *k, uint16_t *type)
{
	char text[32];

	*type = 0;
	if (!k->quoted && token_copy(k, text, sizeof(text)))
		*type = rr_type_from_text(text);
	return *type != 0;
}

static int type(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a type", e);
	uint16_t v;

	if (k == NULL)
		return -1;
	if (!type_of(k, &v))
		return rdata_bad(k, "a type", e);
	wr_u16(&t->w, v);
	return 0;
}

/* RFC 4034 section 4.1.2 from a list of types to the end. */
static int bitmap(struct rdata_text *t, bool nxt, struct err *e)
{
	uint8_t bits[8192] = { 0 };

	for (; t->at < t->n; t->at++) {
		uint16_t v;

		if (!type_of(&t->tokens[t->at], &v) || (nxt && v >= 128))
			return rdata_bad(&t->tokens[t->at], "a type that may stand in this list", e);
		bits[v / 8] |= (uint8_t)(0x80 >> v % 8);
	}
	for (unsigned window = 0; window < (nxt ? 1 : 256); window++) {
		unsigned len = nxt ? 16 : 32;

		while (len > 0 && bits[window * 32 + len - 1] == 0)
			len--;
		if (len == 0)
			continue;
		if (!nxt) {
			wr_u8(&t->w, (uint8_t)window);
			wr_u8(&t->w, (uint8_t)len);
		}
		wr_bytes(&t->w, bits + window * 32, len);
	}
	return 0;
}

static int string(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a string", e);
	uint8_t octets[255];
	size_t len;

	if (k == NULL)
		return -1;
	if (!token_octets(k, octets, sizeof(octets), &len))
		return rdata_bad(
			k, "a string of at most 255 octets with right escapes (RFC 1035 section 5.1)", e);
	wr_u8(&t->w, (uint8_t)len);
	wr_bytes(&t->w, octets, len);
	return 0;
}

static int strings(struct rdata_text *t, struct err *e)
{
	do {
		if (string(t, e) != 0)
			return -1;
	} while (t->at < t->n);
	return 0;
}

/* One token without an octet of length. */
static int text(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a text", e);
	size_t len;

	if (k == NULL)
		return -1;
	if (!token_octets(k, t->w.p + t->w.at, t->w.cap - t->w.at, &len))
		return rdata_bad(k, "a text that fits, with right escapes (RFC 1035 section 5.1)", e);
	wr_room(&t->w, len);
	return 0;
}

static int name(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a name", e);
	uint8_t out[DNAME_MAX];

	if (k == NULL || token_name(k, t->origin, out, e) != 0)
		return -1;
	wr_bytes(&t->w, out, dname_len(out));
	return 0;
}

static int names(struct rdata_text *t, struct err *e)
{
	while (t->at < t->n) {
		if (name(t, e) != 0)
			return -1;
	}
	return 0;
}

int rdata_field(enum field f, struct rdata_text *t, struct err *e)
{
	switch (f) {
	case F_END:
		return 0;
	case F_NAME_PACK:
	case F_NAME_LOWER:
	case F_NAME:
		return name(t, e);
	case F_NAME_LOWER_OPT:
		return t->at == t->n ? 0 : name(t, e);
	case F_NAMES:
		return names(t, e);
	case F_U8:
		return number(t, 1, e);
	case F_U16:
		return number(t, 2, e);
	case F_U32:
		return number(t, 4, e);
	case F_TTL:
		return ttl(t, e);
	case F_TIME:
		return instant(t, e);
	case F_TYPE:
		return type(t, e);
	case F_ALG:
		return number_or_word(t, algorithms, 1, "an algorithm", e);
	case F_SCHEME:
		return number_or_word(t, schemes, 1, "a scheme (RFC 9859 section 2.1)", e);
	case F_CERT_TYPE:
		return number_or_word(t, cert_types, 2, "a type of certificate (RFC 4398 section 2.1)", e);
	case F_STR:
	case F_TAG:
		return string(t, e);
	case F_STR_OPT:
		return t->at == t->n ? 0 : string(t, e);
	case F_STRS:
		return strings(t, e);
	case F_TEXT:
	case F_TEXT_SOME:
		return text(t, e);
	case F_IP4:
	case F_IP6:
	case F_ILNP:
	case F_EUI48:
	case F_EUI64:
	case F_HEX:
	case F_HEX_ANY:
	case F_HEX_N:
	case F_B32_N:
	case F_B64:
	case F_B64_ANY:
	case F_B64_DASH:
		return rdata_octets(f, t, e);
	case F_DS: /* digest type, digest */
		return number(t, 1, e) == 0 ? rdata_octets(F_HEX, t, e) : -1;
	case F_BITMAP:
		return bitmap(t, false, e);
	case F_NXTMAP:
		return bitmap(t, true, e);
	case F_WKS:
	case F_LOC:
	case F_APL:
		return rdata_old(f, t, e);
	case F_SVCB:
		return rdata_svcb(t, e);
	case F_A6:
	case F_IPSECKEY:
	case F_AMTRELAY:
	case F_HIP:
	case F_NSAP:
	case F_ATMA:
		return rdata_special(f, t, e);
	case F_ZONEMD: /* serial, scheme, hash algorithm, digest */
		if (number(t, 4, e) != 0 || number(t, 1, e) != 0 || number(t, 1, e) != 0)
			return -1;
		return rdata_octets(F_HEX, t, e);
	case F_OPAQUE:
		break;
	}
	return err_set(e, ERR_REFUSED,
		       "no text form for this field; write the rdata as \\# (RFC 3597 section 5)");
}

/* \# LEN HEX (RFC 3597 section 5) */
static int generic(struct rdata_text *t, struct err *e)
{
	const struct token *k;
	uint64_t len;

	t->at = 1;
	if ((k = rdata_next(t, "the length", e)) == NULL)
		return -1;
	if (!token_number(k, UINT16_MAX, &len))
		return rdata_bad(k, "a length from 0 to 65535 (RFC 3597 section 5)", e);
	if (rdata_octets(F_HEX_ANY, t, e) != 0)
		return -1;
	if (!t->w.bad && t->w.at != len)
		return err_set(e, ERR_SYNTAX,
			       "%zu octets of rdata where %u are announced (RFC 3597 section 5)", t->w.at,
			       (unsigned)len);
	return 0;
}

static int by_fields(const struct type_info *info, struct rdata_text *t, struct err *e)
{
	for (unsigned i = 0; info->fields[i] != F_END; i++) {
		if (rdata_field((enum field)info->fields[i], t, e) != 0)
			return -1;
	}
	if (t->at < t->n)
		return rdata_bad(&t->tokens[t->at], "expected behind the end of the rdata", e);
	return 0;
}

int rdata_from_text(uint16_t rr_type, struct rdata_text *t, struct err *e)
{
	const struct type_info *info = type_info(rr_type);
	char word[16];
	int rc;

	t->at = 0;
	if (t->n > 0 && token_is(&t->tokens[0], "\\#"))
		rc = generic(t, e);
	else if (info == NULL || info->fields[0] == F_OPAQUE)
		return err_set(
			e, ERR_REFUSED,
			"no text form of type %s is known; write its rdata as \\# (RFC 3597 section 5)",
			rr_type_text(rr_type, word));
	else
		rc = by_fields(info, t, e);
	if (rc != 0)
		return -1;
	if (t->w.bad)
		return err_set(e, ERR_LIMIT, "rdata above 65535 octets (RFC 1035 section 3.2.1)");
	return rdata_check(rr_type, t->w.p, t->w.at, e);
}
