/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rdata_old: text of LOC, APL and WKS.  Not through ldns, since 1.8.3 takes "6 18 W" without seconds for
 * another place and leaves out services that it does not know.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "rrset/rdata_text.h"

/* [sign]digits[.digits][suffix] as a whole number of 10^-decimals */
static bool decimal(const struct token *k, unsigned decimals, bool sign, bool metres, int64_t *out)
{
	const char *p = k->text, *end = p + k->len;
	bool negative = false, digits = false;
	unsigned behind = 0;
	int64_t v = 0;

	if (k->quoted || k->len == 0 || k->len > 20)
		return false;
	if (sign && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	if (metres && end > p && (end[-1] == 'm' || end[-1] == 'M'))
		end--;
	for (; p < end && *p >= '0' && *p <= '9'; p++, digits = true)
		v = v * 10 + (*p - '0');
	if (p < end && *p == '.') {
		for (p++; p < end && *p >= '0' && *p <= '9' && behind < decimals;
		     p++, behind++, digits = true)
			v = v * 10 + (*p - '0');
	}
	for (; behind < decimals && v < INT64_MAX / 10; behind++)
		v *= 10;
	*out = negative ? -v : v;
	return digits && p == end;
}

/* degrees [minutes [seconds]] and the letter of a hemisphere; thousandths of a second from the middle */
static int angle(struct rdata_text *t, unsigned most_degrees, char more, char less, struct err *e)
{
	static const unsigned decimals[] = { 0, 0, 3 };
	const int64_t most[] = { most_degrees, 59, 59999 }, unit[] = { 3600000, 60000, 1 };
	const char high[2] = { more, '\0' }, low[2] = { less, '\0' };
	int64_t sum = 0, v;
	const struct token *k;

	for (unsigned i = 0; i <= 3; i++) {
		if ((k = rdata_next(t, "a part of an angle, or its hemisphere", e)) == NULL)
			return -1;
		if (i > 0 && (token_is(k, high) || token_is(k, low))) {
			if (sum > most_degrees * INT64_C(3600000))
				return err_set(e, ERR_SYNTAX, "angle above %u degrees (RFC 1876 section 3)",
					       most_degrees);
			wr_u32(&t->w,
			       token_is(k, high) ? 0x80000000u + (uint32_t)sum : 0x80000000u - (uint32_t)sum);
			return 0;
		}
		if (i == 3 || !decimal(k, decimals[i], false, false, &v) || v > most[i])
			return rdata_bad(k,
					 "right in an angle: degrees, minutes, seconds, N S E or W (RFC 1876 "
					 "section 3)",
					 e);
		sum += v * unit[i];
	}
	return -1; /* not reached */
}

/* Centimetres as one digit and a power of ten; given when there is no token. */
static int size(struct rdata_text *t, uint8_t given, uint8_t *out, struct err *e)
{
	unsigned power = 0;
	int64_t cm;

	*out = given;
	if (t->at == t->n)
		return 0;
	if (!decimal(&t->tokens[t->at], 2, false, true, &cm) || cm > 9000000000)
		return rdata_bad(&t->tokens[t->at], "a size from 0 to 90000000m (RFC 1876 section 3)", e);
	t->at++;
	for (; cm >= 10; cm /= 10)
		power++;
	*out = (uint8_t)(cm << 4 | (cm == 0 ? 0 : power));
	return 0;
}

/* RFC 1876 section 3: latitude, longitude, altitude, [size, [horizontal, [vertical precision]]] */
static int loc(struct rdata_text *t, struct err *e)
{
	uint8_t *sizes = wr_room(&t->w, 4);
	const struct token *k;
	int64_t cm;

	if (angle(t, 90, 'N', 'S', e) != 0 || angle(t, 180, 'E', 'W', e) != 0)
		return -1;
	if ((k = rdata_next(t, "an altitude", e)) == NULL)
		return -1;
	if (!decimal(k, 2, true, true, &cm) || cm < -10000000 || cm > 4284967295)
		return rdata_bad(k, "an altitude from -100000m to 42849672.95m (RFC 1876 section 3)", e);
	wr_u32(&t->w, (uint32_t)(cm + 10000000));
	if (sizes == NULL)
		return 0;
	sizes[0] = 0;
	if (size(t, 0x12, sizes + 1, e) != 0 || size(t, 0x16, sizes + 2, e) != 0 ||
	    size(t, 0x13, sizes + 3, e) != 0)
		return -1;
	return 0;
}

/* RFC 3123 section 5: [!]FAMILY:ADDRESS/PREFIX */
static int apl_item(struct rdata_text *t, const struct token *k, struct err *e)
{
	static const char what[] =
		"an address prefix, [!]1:IPV4/LENGTH or [!]2:IPV6/LENGTH (RFC 3123 section 5)";
	char text[80], *address = text, *slash;
	uint8_t octets[16];
	struct token length;
	uint64_t prefix;
	bool negated;
	unsigned len, family;

	if (k->quoted || !token_copy(k, text, sizeof(text)))
		return rdata_bad(k, what, e);
	negated = *address == '!';
	address += negated;
	if ((address[0] != '1' && address[0] != '2') || address[1] != ':' ||
	    (slash = strchr(address, '/')) == NULL)
		return rdata_bad(k, what, e);
	family = (unsigned)(address[0] - '0');
	address += 2;
	*slash = '\0';
	len = family == 1 ? 4 : 16;
	length = (struct token){ .text = slash + 1, .len = (uint32_t)strlen(slash + 1) };
	if (inet_pton(family == 1 ? AF_INET : AF_INET6, address, octets) != 1 ||
	    !token_number(&length, len * 8, &prefix))
		return rdata_bad(k, what, e);
	while (len > 0 && octets[len - 1] == 0)
		len--;
	wr_u16(&t->w, (uint16_t)family);
	wr_u8(&t->w, (uint8_t)prefix);
	wr_u8(&t->w, (uint8_t)(len | (negated ? 0x80 : 0)));
	wr_bytes(&t->w, octets, len);
	return 0;
}

static int apl(struct rdata_text *t, struct err *e)
{
	while (t->at < t->n) {
		if (apl_item(t, &t->tokens[t->at++], e) != 0)
			return -1;
	}
	return 0;
}

/* RFC 1035 section 3.4.2: address, protocol, services; as numbers or names */
static int wks(struct rdata_text *t, struct err *e)
{
	uint8_t ports[8192] = { 0 };
	size_t len = 0;
	char word[64];
	uint64_t protocol, port;
	const struct token *k;

	if (rdata_field(F_IP4, t, e) != 0 || (k = rdata_next(t, "a protocol", e)) == NULL)
		return -1;
	if (token_is(k, "tcp"))
		protocol = 6;
	else if (token_is(k, "udp"))
		protocol = 17;
	else if (!token_number(k, UINT8_MAX, &protocol))
		return rdata_bad(k, "a protocol: TCP, UDP or a number", e);
	wr_u8(&t->w, (uint8_t)protocol);
	for (; t->at < t->n; t->at++) {
		const struct servent *service;

		k = &t->tokens[t->at];
		if (!token_number(k, UINT16_MAX, &port)) {
			if (k->quoted || !token_copy(k, word, sizeof(word)) ||
			    (service = getservbyname(word, protocol == 6 ? "tcp" : "udp")) == NULL)
				return rdata_bad(k, "a service: a number, or a name of /etc/services", e);
			port = ntohs((uint16_t)service->s_port);
		}
		ports[port / 8] |= (uint8_t)(0x80 >> port % 8);
		if (port / 8 + 1 > len)
			len = port / 8 + 1;
	}
	wr_bytes(&t->w, ports, len);
	return 0;
}

int rdata_old(enum field f, struct rdata_text *t, struct err *e)
{
	return f == F_LOC ? loc(t, e) : f == F_APL ? apl(t, e) : wks(t, e);
}
