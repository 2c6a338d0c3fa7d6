/* SPDX-License-Identifier: BSD-3-Clause */
/* rdata_octets: addresses and octets written as digits - hexadecimal, base 32, base 64. */
#include <arpa/inet.h>
#include <string.h>

#include "rrset/rdata_text.h"

static int address(struct rdata_text *t, int family, struct err *e)
{
	const struct token *k = rdata_next(t, "an address", e);
	uint8_t octets[16];
	char text[64];

	if (k == NULL)
		return -1;
	if (k->quoted || !token_copy(k, text, sizeof(text)) || inet_pton(family, text, octets) != 1)
		return rdata_bad(k, family == AF_INET ? "an IPv4 address" : "an IPv6 address", e);
	wr_bytes(&t->w, octets, family == AF_INET ? 4 : 16);
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Groups of hexadecimal digits with a separator, each of `digits`: EUI48, EUI64, NID, L64 (which may leave
 * out leading zeroes). */
static int grouped(struct rdata_text *t, unsigned groups, unsigned digits, char between, const char *what,
		   struct err *e)
{
	const struct token *k = rdata_next(t, what, e);
	uint32_t at = 0;

	if (k == NULL)
		return -1;
	for (unsigned g = 0; g < groups; g++) {
		unsigned v = 0, seen = 0;

		if (g > 0 && (at == k->len || k->text[at++] != between))
			return rdata_bad(k, what, e);
		for (; at < k->len && seen < digits && hex_digit(k->text[at]) >= 0; at++, seen++)
			v = v << 4 | (unsigned)hex_digit(k->text[at]);
		if (seen == 0 || (digits == 2 && seen != 2))
			return rdata_bad(k, what, e);
		if (digits == 4)
			wr_u8(&t->w, (uint8_t)(v >> 8));
		wr_u8(&t->w, (uint8_t)v);
	}
	return at == k->len ? 0 : rdata_bad(k, what, e);
}

/* Hexadecimal digits over all tokens to the end. */
static int hex(struct rdata_text *t, struct err *e)
{
	unsigned v = 0, digits = 0;

	for (; t->at < t->n; t->at++) {
		const struct token *k = &t->tokens[t->at];

		if (k->quoted)
			return rdata_bad(k, "hexadecimal without quotes", e);
		for (uint32_t i = 0; i < k->len; i++) {
			int d = hex_digit(k->text[i]);

			if (d < 0)
				return rdata_bad(k, "hexadecimal", e);
			v = v << 4 | (unsigned)d;
			if (++digits % 2 == 0)
				wr_u8(&t->w, (uint8_t)v);
		}
	}
	return digits % 2 == 0 ? 0 : err_set(e, ERR_SYNTAX, "odd number of hexadecimal digits");
}

static int b64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Base 64 (RFC 4648 section 4, padded) over all tokens to the end. */
static int base64(struct rdata_text *t, struct err *e)
{
	unsigned v = 0, digits = 0, pads = 0;

	for (; t->at < t->n; t->at++) {
		const struct token *k = &t->tokens[t->at];

		if (k->quoted)
			return rdata_bad(k, "base 64 without quotes", e);
		for (uint32_t i = 0; i < k->len; i++) {
			int d = b64_digit(k->text[i]);

			if (k->text[i] == '=' && digits % 4 + pads < 4 && digits % 4 >= 2) {
				pads++;
				continue;
			}
			if (d < 0 || pads > 0)
				return rdata_bad(k, "base 64 (RFC 4648 section 4)", e);
			v = v << 6 | (unsigned)d;
			if (++digits % 4 != 1)
				wr_u8(&t->w, (uint8_t)(v >> (digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0)));
		}
	}
	if (digits % 4 == 1 || (digits + pads) % 4 != 0 || (digits % 4 == 2 && (v & 15) != 0) ||
	    (digits % 4 == 3 && (v & 3) != 0))
		return err_set(e, ERR_SYNTAX, "base 64 ends in the middle of an octet (RFC 4648 section 4)");
	return 0;
}

static int b32_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'v' ? c - 'a' + 10
	       : c >= 'A' && c <= 'V' ? c - 'A' + 10
				      : -1;
}

/* One token of digits that carry `bits` each, an octet of length in front (RFC 5155 section 3.3): the salt as
 * hexadecimal or "-", the hash in base 32 (RFC 4648 section 7). */
static int counted(struct rdata_text *t, unsigned bits, const char *what, struct err *e)
{
	const struct token *k = rdata_next(t, what, e);
	unsigned v = 0, have = 0;
	size_t digits;

	if (k == NULL)
		return -1;
	digits = bits == 4 && k->len == 1 && k->text[0] == '-' ? 0 : k->len;
	if (k->quoted || digits * bits / 8 > 255)
		return rdata_bad(k, what, e);
	wr_u8(&t->w, (uint8_t)(digits * bits / 8));
	for (size_t i = 0; i < digits; i++) {
		int d = bits == 4 ? hex_digit(k->text[i]) : b32_digit(k->text[i]);

		if (d < 0)
			return rdata_bad(k, what, e);
		v = (v << bits | (unsigned)d) & 0xffff;
		have += bits;
		if (have >= 8) {
			have -= 8;
			wr_u8(&t->w, (uint8_t)(v >> have));
		}
	}
	return have < bits && (v & ((1u << have) - 1)) == 0 ? 0 : rdata_bad(k, what, e);
}

int rdata_octets(enum field f, struct rdata_text *t, struct err *e)
{
	if (f == F_IP4)
		return address(t, AF_INET, e);
	if (f == F_IP6)
		return address(t, AF_INET6, e);
	if (f == F_ILNP)
		return grouped(t, 4, 4, ':', "four groups of hexadecimal digits (RFC 6742 section 2.1.2)", e);
	if (f == F_EUI48)
		return grouped(t, 6, 2, '-', "six pairs of hexadecimal digits (RFC 7043 section 3.2)", e);
	if (f == F_EUI64)
		return grouped(t, 8, 2, '-', "eight pairs of hexadecimal digits (RFC 7043 section 4.2)", e);
	if (f == F_B64_DASH && (t->at == t->n || token_is(&t->tokens[t->at], "-")))
		return rdata_next(t, "base 64, or - for none,", e) == NULL ? -1 : 0;
	if (f == F_B64 || f == F_B64_ANY || f == F_B64_DASH)
		return base64(t, e);
	if (f == F_HEX_N)
		return counted(t, 4, "hexadecimal, or - for none", e);
	if (f == F_B32_N)
		return counted(t, 5, "base 32 (RFC 4648 section 7)", e);
	return hex(t, e);
}
