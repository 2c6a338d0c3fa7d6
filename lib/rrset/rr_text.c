/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rr_text: one record as a line of master file text.  Types whose text all tools read alike are written field
 * by field; the others as TYPEn \# (RFC 3597 section 5), which every tool reads.
 *
 * Each field makes sure of its room and then writes without looking.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "rrset/rr.h"
#include "rrset/types.h"

#define NUMBER_MAX 10
#define TYPE_MAX   16 /* a mnemonic or TYPE65535, and a space */
/* Room for what a field of len octets becomes, bitmaps apart: \DDD for each octet, or a few numbers. */
#define FIELD_ROOM(len) (4 * (len) + 64)

static char *room_for(struct rr_lines *l, size_t n)
{
	if (l->room - l->len < n) {
		l->room = l->room * 2 + n;
		l->p = mem_grow(l->p, l->room, 1);
	}
	return l->p + l->len;
}

static char *put(char *w, const char *s)
{
	return stpcpy(w, s);
}

static char *put_number(char *w, uint32_t v)
{
	char digits[NUMBER_MAX];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*w++ = digits[--n];
	return w;
}

static char *put_ddd(char *w, uint8_t c)
{
	*w++ = '\\';
	*w++ = (char)('0' + c / 100);
	*w++ = (char)('0' + c / 10 % 10);
	*w++ = (char)('0' + c % 10);
	return w;
}

static char *put_quoted(char *w, const uint8_t *p, size_t len)
{
	*w++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e) {
			w = put_ddd(w, p[i]);
		} else {
			if (p[i] == '"' || p[i] == '\\')
				*w++ = '\\';
			*w++ = (char)p[i];
		}
	}
	*w++ = '"';
	return w;
}

static char *put_hex(char *w, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*w++ = digits[p[i] >> 4];
		*w++ = digits[p[i] & 15];
	}
	return w;
}

static char *put_base64(char *w, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len >= 3; p += 3, len -= 3) {
		unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];

		*w++ = digits[v >> 18];
		*w++ = digits[v >> 12 & 63];
		*w++ = digits[v >> 6 & 63];
		*w++ = digits[v & 63];
	}
	if (len > 0) {
		unsigned v = (unsigned)p[0] << 16 | (len > 1 ? (unsigned)p[1] << 8 : 0);

		*w++ = digits[v >> 18];
		*w++ = digits[v >> 12 & 63];
		*w++ = len > 1 ? digits[v >> 6 & 63] : '=';
		*w++ = '=';
	}
	return w;
}

/* RFC 4648 section 7, without padding */
static char *put_base32(char *w, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned v = 0, bits = 0;

	for (size_t i = 0; i < len; i++) {
		v = (v << 8 | p[i]) & 0xffff;
		for (bits += 8; bits >= 5; bits -= 5)
			*w++ = digits[v >> (bits - 5) & 31];
	}
	if (bits > 0)
		*w++ = digits[v << (5 - bits) & 31];
	return w;
}

/* Only letters, digits, '-', '_' and '*' as they are: Knot reads no others in names, ldns takes "\\@" for the
 * origin. */
static char *put_name(char *w, const uint8_t *name)
{
	static const uint8_t plain[256] = {
		['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['_'] = 1, ['*'] = 1,
	};

	if (name[0] == 0)
		*w++ = '.';
	for (; name[0] != 0; name += name[0] + 1u) {
		for (unsigned i = 1; i <= name[0]; i++) {
			if (plain[name[i]])
				*w++ = (char)name[i];
			else
				w = put_ddd(w, name[i]);
		}
		*w++ = '.';
	}
	return w;
}

/* Types whose text BIND, ldns and Knot read alike.  (ldns reads no CSYNC without types.) */
static bool is_common(uint16_t type)
{
	static const uint8_t types[258] = {
		[1] = 1,  [2] = 1,  [5] = 1,  [6] = 1,  [12] = 1, [13] = 1, [14] = 1, [15] = 1,  [16] = 1,
		[17] = 1, [18] = 1, [21] = 1, [28] = 1, [33] = 1, [35] = 1, [36] = 1, [37] = 1,  [39] = 1,
		[43] = 1, [44] = 1, [46] = 1, [47] = 1, [48] = 1, [49] = 1, [50] = 1, [51] = 1,  [52] = 1,
		[53] = 1, [59] = 1, [60] = 1, [61] = 1, [62] = 1, [63] = 1, [99] = 1, [105] = 1, [107] = 1,
		[256] = 1, [257] = 1,
	};

	return type < sizeof(types) && types[type];
}

/* Inside rdata: by name only where every tool knows the name. */
static char *put_type(char *w, uint16_t type)
{
	return is_common(type) ? put(w, type_info(type)->name) : put_number(put(w, "TYPE"), type);
}

static void put_bitmap(struct rr_lines *l, const uint8_t *p, size_t len)
{
	char *w = room_for(l, len * 8 * TYPE_MAX);
	struct rd r = rd_of(p, len);

	while (rd_left(&r) > 0) {
		unsigned window = rd_u8(&r), n = rd_u8(&r);
		const uint8_t *bits = rd_bytes(&r, n);

		for (unsigned i = 0; bits != NULL && i < n * 8; i++) {
			if (bits[i / 8] == 0) {
				i |= 7;
			} else if (bits[i / 8] & 0x80 >> i % 8) {
				*w++ = ' ';
				w = put_type(w, (uint16_t)(window * 256 + i));
			}
		}
	}
	l->len = (size_t)(w - l->p);
}

static char *put_strings(char *w, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at += p[at] + 1u) {
		if (at > 0)
			*w++ = ' ';
		w = put_quoted(w, p + at + 1, p[at]);
	}
	return w;
}

static char *put_two(char *w, uint32_t v)
{
	*w++ = (char)('0' + v / 10);
	*w++ = (char)('0' + v % 10);
	return w;
}

/* YYYYMMDDHHMMSS.  Years that begin in March end with the day that not all of them have. */
static char *put_time(char *w, uint32_t t)
{
	uint32_t second = t % 86400, day = t / 86400 + 719468; /* from the 1st of March of year 0 on */
	uint32_t era_day = day % 146097; /* of 400 years */
	uint32_t year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	uint32_t year_day = era_day - (365 * year + year / 4 - year / 100);
	uint32_t m = (5 * year_day + 2) / 153, month = m < 10 ? m + 3 : m - 9;

	year += day / 146097 * 400 + (month <= 2);
	w = put_two(put_two(w, year / 100), year % 100);
	w = put_two(put_two(w, month), year_day - (153 * m + 2) / 5 + 1);
	return put_two(put_two(put_two(w, second / 3600), second / 60 % 60), second % 60);
}

static char *put_octets_field(char *w, enum field f, const uint8_t *p, size_t len)
{
	if (f == F_STR || f == F_STRS)
		return put_strings(w, p, len);
	if (f == F_TAG)
		return mempcpy(w, p + 1, len - 1);
	if (f == F_TEXT || f == F_TEXT_SOME)
		return put_quoted(w, p, len);
	if (f == F_HEX)
		return put_hex(w, p, len);
	if (f == F_B64)
		return put_base64(w, p, len);
	if (f == F_HEX_N)
		return len == 1 ? put(w, "-") : put_hex(w, p + 1, len - 1);
	if (f == F_B32_N)
		return put_base32(w, p + 1, len - 1);
	return w;
}

static char *put_ip4(char *w, const uint8_t *p)
{
	w = put_number(w, p[0]);
	for (int i = 1; i < 4; i++) {
		*w++ = '.';
		w = put_number(w, p[i]);
	}
	return w;
}

static char *put_field(char *w, enum field f, const uint8_t *p, size_t len)
{
	struct rd r = rd_of(p, len);

	*w++ = ' ';
	if (f == F_NAME_PACK || f == F_NAME_LOWER || f == F_NAME)
		return put_name(w, p);
	if (f == F_U8 || f == F_ALG)
		return put_number(w, p[0]);
	if (f == F_U16 || f == F_CERT_TYPE)
		return put_number(w, rd_u16(&r));
	if (f == F_U32 || f == F_TTL)
		return put_number(w, rd_u32(&r));
	if (f == F_TIME)
		return put_time(w, rd_u32(&r));
	if (f == F_TYPE)
		return put_type(w, rd_u16(&r));
	if (f == F_IP4)
		return put_ip4(w, p);
	if (f == F_IP6)
		return w + strlen(inet_ntop(AF_INET6, p, w, INET6_ADDRSTRLEN));
	if (f == F_DS) {
		*(w = put_number(w, p[0])) = ' ';
		return put_hex(w + 1, p + 1, len - 1);
	}
	if (f == F_ZONEMD) {
		*(w = put_number(w, rd_u32(&r))) = ' ';
		*(w = put_number(w + 1, p[4])) = ' ';
		*(w = put_number(w + 1, p[5])) = ' ';
		return put_hex(w + 1, p + 6, len - 6);
	}
	return put_octets_field(w, f, p, len);
}

static bool put_rdata(struct rr_lines *l, const struct rr *rr, const struct type_info *info)
{
	size_t at = 0;

	for (unsigned i = 0; info->fields[i] != F_END; i++) {
		enum field f = (enum field)info->fields[i];
		size_t len = field_len(f, rr->rdata + at, rr->rdlen - at);

		if (len == SIZE_MAX || len > rr->rdlen - at)
			return false;
		if (f == F_BITMAP)
			put_bitmap(l, rr->rdata + at, len);
		else
			l->len = (size_t)(put_field(room_for(l, FIELD_ROOM(len)), f, rr->rdata + at, len) - l->p);
		at += len;
	}
	return at == rr->rdlen;
}

/* What stands behind the owner. */
static void put_rest(struct rr_lines *l, const struct rr *rr)
{
	const struct type_info *info = is_common(rr->type) ? type_info(rr->type) : NULL;
	char *w = room_for(l, NUMBER_MAX + 2 * TYPE_MAX);
	size_t behind_ttl;

	*w++ = ' ';
	w = put(put_number(w, rr->ttl), " IN ");
	behind_ttl = (size_t)(w - l->p);
	if (info != NULL && (rr->type != 62 || rr->rdlen > 6)) {
		l->len = (size_t)(put(w, info->name) - l->p);
		if (put_rdata(l, rr, info)) {
			*room_for(l, 1) = '\n';
			l->len++;
			return;
		}
	}
	l->len = behind_ttl;
	w = room_for(l, FIELD_ROOM(rr->rdlen));
	w = put(put_number(put(w, "TYPE"), rr->type), " \\# ");
	*(w = put_number(w, rr->rdlen)) = ' ';
	*(w = put_hex(w + 1, rr->rdata, rr->rdlen)) = '\n';
	l->len = (size_t)(w + 1 - l->p);
}

void rr_lines_add(struct rr_lines *l, const struct rr *rrs, size_t n)
{
	size_t at = 0, len = 0; /* of the owner's text in the line before */

	for (size_t i = 0; i < n; i++) {
		char *w = room_for(l, DNAME_TEXT_MAX);

		if (i > 0 && rrs[i].owner == rrs[i - 1].owner)
			memcpy(w, l->p + at, len);
		else
			len = (size_t)(put_name(w, rrs[i].owner) - w);
		at = l->len;
		l->len += len;
		put_rest(l, &rrs[i]);
	}
}

char *rr_text(const struct rr *rr)
{
	struct rr_lines l = { 0 };

	rr_lines_add(&l, rr, 1);
	l.p[l.len - 1] = '\0';
	return l.p;
}
