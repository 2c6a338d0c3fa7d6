/* SPDX-License-Identifier: BSD-3-Clause */
/* rdata_plain: fields of rdata from plain text. */
#include "rrset/rdata_plain.h"

#include <endian.h>

#include "dname/dname.h"
#include "rrset/rdata_text.h"
#include "rrset/rr.h"

/* Where the reading of one rdata stands. */
struct plain {
	const char *p;         /* behind the blanks in front of a field */
	const uint8_t *origin;
	size_t origin_len;
	uint8_t *out, *end;    /* no field begins behind end */
};

/* ---- numbers and addresses ---- */

const char *number_from_plain(const char *p, uint64_t most, uint64_t *out)
{
	const char *start = p;
	uint64_t v = 0;

	for (; (uint8_t)(*p - '0') < 10; p++)
		v = v * 10 + (uint8_t)(*p - '0');
	if (p == start || p - start > 18 || v > most || !plain_is_end(*p))
		return NULL;
	*out = v;
	return p;
}

static bool number(struct plain *s, unsigned octets)
{
	uint64_t v;

	s->p = number_from_plain(s->p, UINT64_MAX >> (64 - 8 * octets), &v);
	if (s->p == NULL)
		return false;
	while (octets > 0)
		*s->out++ = (uint8_t)(v >> 8 * --octets);
	return true;
}

/* A number up to 255 of len digits, without leading zeroes; above 255 where it is none.  4 octets can be read. */
static inline uint32_t ip4_number(const char *p, unsigned len)
{
	uint32_t v;

	if (len - 1 >= 3 || (len > 1 && *p == '0'))
		return 256;
	memcpy(&v, p, 4);
	v = (le32toh(v) ^ 0x30303030) << 8 * (4 - len); /* digits from the highest octet down, zeroes below */
	if ((((v + 0x76767676) | v) & 0x80808080) != 0)
		return 256;
	return (v >> 8 & 0xff) * 100 + (v >> 16 & 0xff) * 10 + (v >> 24);
}

/* Four numbers, as inet_pton has it. */
static bool ip4(struct plain *s)
{
	unsigned stops = plain_stops(s->p), dots = plain_equals(s->p, '.') & ((stops & -stops) - 1), from = 0;
	unsigned ends = dots | (stops & -stops); /* of the numbers */
	uint32_t all = 0;

	for (int i = 0; i < 4; i++, ends &= ends - 1) {
		unsigned end = (unsigned)__builtin_ctz(ends | 1u << 31);
		uint32_t v = ip4_number(s->p + from, end - from);

		s->out[i] = (uint8_t)v;
		all |= v;
		from = end + 1;
	}
	s->p += from - 1;
	s->out += 4;
	return all < 256 && ends == 0 && plain_is_end(*s->p);
}

/* Value + 1 of each hexadecimal digit; 0 is none. */
static const uint8_t hex_digits[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['A'] = 11, 12, 13, 14, 15, 16, ['a'] = 11, 12, 13, 14, 15, 16,
};

static int hex_digit(char c)
{
	return hex_digits[(uint8_t)c] - 1;
}

/* Groups of up to four digits, and once "::"; not the form that ends as an IPv4 address. */
static bool ip6(struct plain *s)
{
	const char *p = s->p;
	uint8_t octets[16];
	unsigned n = 0, gap = 17;

	if (*p == ':' && *++p != ':')
		return false;
	for (;;) {
		unsigned v = 0, digits = 0;

		if (*p == ':' && gap > 16) {
			gap = n;
			p++;
			if (plain_is_end(*p))
				break;
		}
		for (int d; (d = hex_digit(*p)) >= 0; p++, digits++)
			v = v << 4 | (unsigned)d;
		if (digits == 0 || digits > 4 || n == 16)
			return false;
		octets[n++] = (uint8_t)(v >> 8);
		octets[n++] = (uint8_t)v;
		if (plain_is_end(*p))
			break;
		if (*p++ != ':')
			return false;
	}
	if (gap > 16 ? n != 16 : n == 16)
		return false;
	memset(s->out, 0, 16);
	if (gap > 16)
		gap = 16;
	memcpy(s->out, octets, gap);
	memcpy(s->out + 16 - (n - gap), octets + gap, n - gap);
	s->p = p;
	s->out += 16;
	return true;
}

/* ---- octets and strings ---- */

static bool is_line_end(const char *p)
{
	return *p == '\n' || *p == ';';
}

/* Hexadecimal to the end of the line, at least one octet. */
static bool hex(struct plain *s)
{
	const char *p = s->p;
	uint8_t *start = s->out;

	while (!is_line_end(p)) {
		uint8_t *from = s->out;

		for (; s->end - s->out >= 8 && plain_hex16(p, s->out); p += 16)
			s->out += 8;
		for (int high, low; (high = hex_digit(p[0])) >= 0 && (low = hex_digit(p[1])) >= 0; p += 2) {
			if (s->out >= s->end)
				return false;
			*s->out++ = (uint8_t)(high << 4 | low);
		}
		if (s->out == from || !plain_is_end(*p))
			return false;
		p = plain_skip(p);
	}
	s->p = p;
	return s->out > start;
}

/* RFC 4034 section 5.1.4, RFC 4509, RFC 6605: the length that the type of digest asks for */
static bool ds(struct plain *s)
{
	uint8_t *start = s->out;
	size_t len;

	if (!number(s, 1))
		return false;
	s->p = plain_skip(s->p);
	if (!hex(s))
		return false;
	len = (size_t)(s->out - start);
	return field_len(F_DS, start, len) == len;
}

/* Octets up to the closing quote; SIZE_MAX where they are not plain. */
static size_t quoted_len(const char *p)
{
	for (size_t len = 0;; len += 16) {
		unsigned ends = plain_equals(p + len, '"'), stops = plain_equals(p + len, '\\');

		stops |= plain_equals(p + len, '\n') | plain_equals(p + len, '\0') | ends;
		if (stops == 0)
			continue;
		return (ends & stops & -stops) != 0 ? len + (unsigned)__builtin_ctz(stops) : SIZE_MAX;
	}
}

/* Octets in quotes with escapes, from behind the opening quote on. */
static bool escaped_text(struct plain *s, const char *p)
{
	struct token k = { .text = p, .quoted = true };
	size_t len;

	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\n' || *p == '\0')
			return false;
	}
	k.len = (uint32_t)(p - k.text);
	s->p = p + 1;
	if (!plain_is_end(*s->p) || !token_octets(&k, s->out, (size_t)(s->end - s->out), &len))
		return false;
	s->out += len;
	return true;
}

/* A word, or octets in quotes, without an octet of length. */
static bool text(struct plain *s)
{
	unsigned quoted = *s->p == '"';
	const char *p = s->p + quoted;
	size_t len = quoted ? quoted_len(p) : plain_len(p);

	if (len == SIZE_MAX)
		return escaped_text(s, p);
	if ((len == 0 && !quoted) || len > (size_t)(s->end - s->out) || !plain_is_end(p[len + quoted]))
		return false;
	plain_copy(s->out, p, len);
	s->out += len;
	s->p = p + len + quoted;
	return true;
}

static bool string(struct plain *s)
{
	uint8_t *len = s->out++;

	if (s->out > s->end || !text(s) || s->out - len - 1 > UINT8_MAX)
		return false;
	*len = (uint8_t)(s->out - len - 1);
	return true;
}

static bool strings(struct plain *s)
{
	do {
		if (!string(s))
			return false;
		s->p = plain_skip(s->p);
	} while (!is_line_end(s->p));
	return true;
}

static inline bool name(struct plain *s)
{
	size_t len, took = dname_from_plain(s->p, s->origin, s->origin_len, s->out, &len);

	s->p += took;
	s->out += len;
	return took > 0;
}

static inline bool field(struct plain *s, enum field f)
{
	uint8_t *start = s->out;

	switch (f) {
	case F_NAME_PACK:
	case F_NAME_LOWER:
	case F_NAME:
		return name(s);
	case F_U8:
	case F_ALG:
		return number(s, 1);
	case F_U16:
	case F_CERT_TYPE:
		return number(s, 2);
	case F_U32:
	case F_TTL:
		return number(s, 4);
	case F_IP4:
		return ip4(s);
	case F_IP6:
		return ip6(s);
	case F_STR:
		return string(s);
	case F_STRS:
		return strings(s);
	case F_TAG:
		return string(s) && field_len(F_TAG, start, (size_t)(s->out - start)) == (size_t)(s->out - start);
	case F_TEXT:
		return text(s);
	case F_TEXT_SOME:
		return text(s) && s->out > start;
	case F_HEX:
		return hex(s);
	case F_DS:
		return ds(s);
	default:
		return false;
	}
}

static const char *fields(const struct type_info *info, const char *p, const uint8_t *origin, size_t origin_len,
			  uint8_t *out, size_t *out_len)
{
	struct plain s = { .p = p, .origin = origin, .origin_len = origin_len, .out = out, .end = out + UINT16_MAX };

	for (unsigned i = 0; info->fields[i] != F_END; i++) {
		s.p = plain_skip(s.p);
		if (is_line_end(s.p) || s.out > s.end || !field(&s, (enum field)info->fields[i]))
			return NULL;
	}
	s.p = plain_skip(s.p);
	if (*s.p == ';') {
		while (*s.p != '\n' && *s.p != '\0')
			s.p++;
	}
	if (*s.p != '\n' || s.out > s.end)
		return NULL;
	*out_len = (size_t)(s.out - out);
	return s.p;
}

static bool is_one_name(const struct type_info *info)
{
	return info->fields[0] >= F_NAME_PACK && info->fields[0] <= F_NAME && info->fields[1] == F_END;
}

const char *rdata_from_plain(const struct type_info *info, const char *p, const uint8_t *origin, size_t origin_len,
			     uint8_t *out, size_t *out_len)
{
	const char *end;
	size_t took;

	if (is_one_name(info)) { /* most of all NS, of which most lines of a large zone are */
		p = plain_skip(p);
		took = dname_from_plain(p, origin, origin_len, out, out_len);
		end = plain_skip(p + took);
		if (took > 0 && *end == '\n')
			return end;
	}
	return fields(info, p, origin, origin_len, out, out_len);
}
