/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rules: what holds between the fields of an rdata, or for their values.  Mostly what BIND asks of an rdata
 * that comes over the wire: it refuses a whole transfer for one that it does not like, so the zone is refused
 * here, with the reason.
 */
#include <string.h>

#include "rrset/rr.h"
#include "rrset/types.h"

static bool digits_only(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
	}
	return true;
}

static bool wks(const uint8_t *p, size_t len)
{
	return len == 5 || p[len - 1] != 0;
}

static bool x25(const uint8_t *p, size_t len)
{
	return len >= 5 && digits_only(p + 1, len - 1);
}

/* RFC 2535 section 3.1.2: both top bits of the flags mean that there is no key */
static bool key(const uint8_t *p, size_t len)
{
	return ((p[0] & 0xc0) == 0xc0) == (len == 4);
}

static bool rkey(const uint8_t *p, size_t len)
{
	(void)len;
	return p[0] == 0 && p[1] == 0;
}

static uint32_t from_middle(const uint8_t *p)
{
	uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	return v > 0x80000000u ? v - 0x80000000u : 0x80000000u - v;
}

/* RFC 1876 section 2; thousandths of a second of arc from the middle of the range */
static bool loc(const uint8_t *p, size_t len)
{
	if (p[0] != 0)
		return true;
	if (len != 16 || from_middle(p + 4) > 90u * 3600000 || from_middle(p + 8) > 180u * 3600000)
		return false;
	for (int i = 1; i <= 3; i++) {
		if (p[i] >> 4 > 9 || (p[i] & 15) > 9 || (p[i] >> 4 == 0 && (p[i] & 15) != 0))
			return false;
	}
	return true;
}

static bool atma(const uint8_t *p, size_t len)
{
	return p[0] != 1 || digits_only(p + 1, len - 1);
}

/* RFC 2535 section 5.2: the first bit says that the list is of another form */
static bool nxt(const uint8_t *p, size_t len)
{
	size_t name = dname_len(p);

	return len == name || (p[name] & 0x80) == 0;
}

/* RFC 4255 section 3.1.2, RFC 6594 section 4.2 */
static bool sshfp(const uint8_t *p, size_t len)
{
	return p[1] == 1 ? len == 22 : p[1] == 2 ? len == 34 : true;
}

/* RFC 3402 section 3.2: delimiter, expression, delimiter, replacement, delimiter, flags.  How far the expression is one of
 * POSIX is not looked at, but for its parentheses: \1 to \9 in the replacement must have one. */
static bool is_substitution(const uint8_t *p, size_t len)
{
	unsigned part = 0, depth = 0, opened = 0, used = 0;
	uint8_t delimiter = len > 0 ? p[0] : 0;
	bool bracket = false;

	if (len == 0)
		return true;
	if (delimiter == '\\' || delimiter == 'i' || delimiter == 0 || digits_only(p, 1))
		return false;
	for (size_t i = 1; i < len; i++) {
		uint8_t c = p[i];

		if (c == 0 || (part == 2 && c != 'i'))
			return false;
		if (c == delimiter) {
			part++;
		} else if (c == '\\') {
			if (++i == len || p[i] == 0 || (part == 1 && p[i] == '0'))
				return false;
			if (part == 1 && digits_only(p + i, 1) && p[i] - '0' > (int)used)
				used = p[i] - '0';
		} else if (part == 0 && !bracket) {
			bracket = c == '[';
			opened += c == '(';
			depth += c == '(';
			if (c == ')' && depth-- == 0)
				return false;
		} else if (part == 0 && c == ']') {
			bracket = false;
		}
	}
	return part == 2 && depth == 0 && !bracket && used <= opened;
}

static bool naptr(const uint8_t *p, size_t len)
{
	size_t flags = 4, services = flags + 1 + p[flags], regexp = services + 1 + p[services];

	(void)len;
	return is_substitution(p + regexp + 1, p[regexp]);
}

static const struct {
	uint16_t type;
	bool (*holds)(const uint8_t *rdata, size_t len);
	const char *rule;
} rules[] = {
	{ 11, wks, "its list of ports must not end with empty octets" },
	{ 19, x25, "an X.25 address is four digits or more" },
	{ 25, key, "no key when both top bits of its flags are set, else one (RFC 2535 section 3.1.2)" },
	{ 29, loc, "size, latitude or longitude is out of range (RFC 1876 section 2)" },
	{ 30, nxt, "its list of types is of an unknown form (RFC 2535 section 5.2)" },
	{ 34, atma, "an E.164 address is digits" },
	{ 35, naptr, "its regular expression is no substitution (RFC 3402 section 3.2)" },
	{ 44, sshfp, "its fingerprint has not the length of its type (RFC 4255 section 3.1.2)" },
	{ 57, rkey, "its flags must be 0" },
};

const char *type_rule_broken(uint16_t type, const uint8_t *rdata, size_t len)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].type == type && !rules[i].holds(rdata, len))
			return rules[i].rule;
	}
	return NULL;
}

bool type_has_rule(uint16_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].type == type)
			return true;
	}
	return false;
}
