/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rr_text: one record as a line of master file text.  Types whose text all tools read alike are written field
 * by field; the others as TYPEn \# (RFC 3597 section 5), which every tool reads.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena/arena.h"
#include "rrset/rr.h"
#include "rrset/types.h"

struct line {
	char *p;
	size_t at, room;
};

static void room_for(struct line *l, size_t n)
{
	if (l->room - l->at > n)
		return;
	l->room = (l->room + n) * 2;
	l->p = mem_grow(l->p, l->room, 1);
}

static void put_octets(struct line *l, const uint8_t *p, size_t n)
{
	room_for(l, n);
	memcpy(l->p + l->at, p, n);
	l->at += n;
	l->p[l->at] = '\0';
}

static void put(struct line *l, const char *s)
{
	put_octets(l, (const uint8_t *)s, strlen(s));
}

static void put_char(struct line *l, char c)
{
	room_for(l, 1);
	l->p[l->at++] = c;
	l->p[l->at] = '\0';
}

__attribute__((format(printf, 2, 3))) static void put_f(struct line *l, const char *fmt, ...)
{
	char s[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	put(l, s);
}

static void put_quoted(struct line *l, const uint8_t *p, size_t len)
{
	put_char(l, '"');
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e) {
			put_f(l, "\\%03u", p[i]);
		} else {
			if (p[i] == '"' || p[i] == '\\')
				put_char(l, '\\');
			put_char(l, (char)p[i]);
		}
	}
	put_char(l, '"');
}

static void put_hex(struct line *l, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		put_char(l, digits[p[i] >> 4]);
		put_char(l, digits[p[i] & 15]);
	}
}

static void put_base64(struct line *l, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < len ? p[i + 1] : 0u) << 8 |
			     (i + 2 < len ? p[i + 2] : 0u);

		put_char(l, digits[v >> 18]);
		put_char(l, digits[v >> 12 & 63]);
		put_char(l, i + 1 < len ? digits[v >> 6 & 63] : '=');
		put_char(l, i + 2 < len ? digits[v & 63] : '=');
	}
}

/* RFC 4648 section 7, without padding */
static void put_base32(struct line *l, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned v = 0, bits = 0;

	for (size_t i = 0; i < len; i++) {
		v = (v << 8 | p[i]) & 0xffff;
		for (bits += 8; bits >= 5; bits -= 5)
			put_char(l, digits[v >> (bits - 5) & 31]);
	}
	if (bits > 0)
		put_char(l, digits[v << (5 - bits) & 31]);
}

/* Only letters, digits, '-', '_' and '*' as they are: Knot reads no others in names, ldns takes "\\@" for the
 * origin. */
static void put_name(struct line *l, const uint8_t *name)
{
	char text[DNAME_TEXT_MAX], *p = text;

	if (name[0] == 0)
		*p++ = '.';
	for (; name[0] != 0; name += name[0] + 1u) {
		for (unsigned i = 1; i <= name[0]; i++) {
			uint8_t c = name[i], letter = c | 0x20;

			if ((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			    c == '_' || c == '*') {
				*p++ = (char)c;
			} else {
				*p++ = '\\';
				*p++ = (char)('0' + c / 100);
				*p++ = (char)('0' + c / 10 % 10);
				*p++ = (char)('0' + c % 10);
			}
		}
		*p++ = '.';
	}
	put_octets(l, (const uint8_t *)text, (size_t)(p - text));
}

/* Types whose text BIND, ldns and Knot read alike.  (ldns reads no CSYNC without types.) */
static bool is_common(uint16_t type)
{
	static const uint16_t types[] = {
		1,  2,  5,  6,  12, 13, 14, 15, 16, 17, 18, 21, 28, 33, 35, 36,  37,  39,  43,
		44, 46, 47, 48, 49, 50, 51, 52, 53, 59, 60, 61, 62, 63, 99, 105, 107, 256, 257,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i] == type)
			return true;
	return false;
}

/* Inside rdata: by name only where every tool knows the name. */
static void put_type(struct line *l, uint16_t type)
{
	char text[16];

	if (is_common(type))
		put(l, rr_type_text(type, text));
	else
		put_f(l, "TYPE%u", type);
}

static void put_bitmap(struct line *l, const uint8_t *p, size_t len)
{
	struct rd r = rd_of(p, len);

	while (rd_left(&r) > 0) {
		unsigned window = rd_u8(&r), n = rd_u8(&r);
		const uint8_t *bits = rd_bytes(&r, n);

		for (unsigned i = 0; bits != NULL && i < n * 8; i++) {
			if (bits[i / 8] & 0x80 >> i % 8) {
				put_char(l, ' ');
				put_type(l, (uint16_t)(window * 256 + i));
			}
		}
	}
}

static void put_strings(struct line *l, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at += p[at] + 1u) {
		if (at > 0)
			put_char(l, ' ');
		put_quoted(l, p + at + 1, p[at]);
	}
}

static void put_time(struct line *l, uint32_t t)
{
	time_t when = t;
	char text[32];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
	put(l, text);
}

static void put_field(struct line *l, enum field f, const uint8_t *p, size_t len)
{
	struct rd r = rd_of(p, len);
	char text[INET6_ADDRSTRLEN];

	if (f != F_BITMAP)
		put_char(l, ' ');
	if (f == F_NAME_PACK || f == F_NAME_LOWER || f == F_NAME)
		put_name(l, p);
	else if (f == F_U8 || f == F_ALG)
		put_f(l, "%u", p[0]);
	else if (f == F_U16 || f == F_CERT_TYPE)
		put_f(l, "%u", rd_u16(&r));
	else if (f == F_U32 || f == F_TTL)
		put_f(l, "%u", rd_u32(&r));
	else if (f == F_TIME)
		put_time(l, rd_u32(&r));
	else if (f == F_TYPE)
		put_type(l, rd_u16(&r));
	else if (f == F_IP4 || f == F_IP6)
		put(l, inet_ntop(f == F_IP4 ? AF_INET : AF_INET6, p, text, sizeof(text)));
	else if (f == F_STR || f == F_STRS)
		put_strings(l, p, len);
	else if (f == F_TAG)
		put_octets(l, p + 1, len - 1);
	else if (f == F_TEXT || f == F_TEXT_SOME)
		put_quoted(l, p, len);
	else if (f == F_HEX)
		put_hex(l, p, len);
	else if (f == F_B64)
		put_base64(l, p, len);
	else if (f == F_BITMAP)
		put_bitmap(l, p, len);
	else if (f == F_HEX_N && len == 1)
		put_char(l, '-');
	else if (f == F_HEX_N)
		put_hex(l, p + 1, len - 1);
	else if (f == F_B32_N)
		put_base32(l, p + 1, len - 1);
	else if (f == F_DS)
		put_f(l, "%u ", p[0]), put_hex(l, p + 1, len - 1);
	else if (f == F_ZONEMD)
		put_f(l, "%u %u %u ", rd_u32(&r), p[4], p[5]), put_hex(l, p + 6, len - 6);
}

static bool put_rdata(struct line *l, const struct rr *rr, const struct type_info *info)
{
	size_t at = 0;

	for (unsigned i = 0; info->fields[i] != F_END; i++) {
		enum field f = (enum field)info->fields[i];
		size_t len = field_len(f, rr->rdata + at, rr->rdlen - at);

		if (len == SIZE_MAX || len > rr->rdlen - at)
			return false;
		put_field(l, f, rr->rdata + at, len);
		at += len;
	}
	return at == rr->rdlen;
}

char *rr_text(const struct rr *rr)
{
	const struct type_info *info = type_info(rr->type);
	char type[16];
	struct line l = { .room = 128 };
	size_t behind_ttl;

	l.p = mem_new(l.room, 1);
	put_name(&l, rr->owner);
	put_f(&l, " %u IN ", rr->ttl);
	behind_ttl = l.at;
	if (info != NULL && is_common(rr->type) && (rr->type != 62 || rr->rdlen > 6)) {
		put(&l, rr_type_text(rr->type, type));
		if (put_rdata(&l, rr, info))
			return l.p;
		l.at = behind_ttl;
	}
	put_f(&l, "TYPE%u \\# %u ", rr->type, rr->rdlen);
	put_hex(&l, rr->rdata, rr->rdlen);
	return l.p;
}
