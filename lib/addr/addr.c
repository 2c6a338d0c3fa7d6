/* SPDX-License-Identifier: BSD-3-Clause */
/* addr: text and comparison of IP addresses, endpoints and prefixes. */
#include "addr/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int parse_port(const char *text, uint16_t *port)
{
	unsigned value = 0;

	if (*text == '\0' || strlen(text) > 5)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (unsigned)(*text - '0');
	}
	if (value == 0 || value > UINT16_MAX)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

static int parse_host(const char *text, size_t len, uint16_t port, struct addr *out)
{
	char host[INET6_ADDRSTRLEN];

	if (len == 0 || len >= sizeof(host))
		return -1;
	memcpy(host, text, len);
	host[len] = '\0';
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &out->in4.sin_addr) == 1) {
		out->in4.sin_family = AF_INET;
		out->in4.sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &out->in6.sin6_addr) == 1) {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons(port);
		return 0;
	}
	return -1;
}

int addr_parse(const char *text, uint16_t default_port, struct addr *out, struct err *e)
{
	const char *hash = strchr(text, '#');
	uint16_t port = default_port;
	struct addr a;

	if (hash != NULL && parse_port(hash + 1, &port) != 0)
		return err_set(e, ERR_SYNTAX, "\"%.80s\": the port behind # must be 1 to 65535", text);
	if (port == 0)
		return err_set(e, ERR_SYNTAX, "\"%.80s\" has no port, write ADDRESS#PORT", text);
	if (parse_host(text, hash != NULL ? (size_t)(hash - text) : strlen(text), port, &a) != 0)
		return err_set(e, ERR_SYNTAX, "\"%.80s\" is no address, write 192.0.2.1#53 or 2001:db8::1#53",
			       text);
	*out = a;
	return 0;
}

int addr_parse_endpoint(const char *text, struct addr *out, struct err *e)
{
	static const char scheme[] = "tcp://";
	const char *host, *end;
	uint16_t port;
	struct addr a;

	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		goto wrong;
	host = text + sizeof(scheme) - 1;
	if (*host == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL || end[1] != ':' || parse_port(end + 2, &port) != 0)
			goto wrong;
	} else {
		end = strchr(host, ':');
		if (end == NULL || parse_port(end + 1, &port) != 0)
			goto wrong;
	}
	if (parse_host(host, (size_t)(end - host), port, &a) != 0)
		goto wrong;
	*out = a;
	return 0;
wrong:
	return err_set(e, ERR_SYNTAX,
		       "\"%.80s\" is no endpoint, write tcp://192.0.2.1:5301 or tcp://[2001:db8::1]:5301",
		       text);
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		memcpy(&out->in4, sa, sizeof(out->in4));
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&out->in6, sa, sizeof(out->in6));
	if (IN6_IS_ADDR_V4MAPPED(&out->in6.sin6_addr)) {
		struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = out->in6.sin6_port };

		memcpy(&in4.sin_addr, out->in6.sin6_addr.s6_addr + 12, 4);
		memset(out, 0, sizeof(*out));
		out->in4 = in4;
	}
	return true;
}

static const void *octets_of(const struct addr *a, size_t *len)
{
	if (a->sa.sa_family == AF_INET) {
		*len = 4;
		return &a->in4.sin_addr;
	}
	*len = 16;
	return &a->in6.sin6_addr;
}

char *addr_text(const struct addr *a, char out[ADDR_TEXT_LEN])
{
	char host[INET6_ADDRSTRLEN] = "?";
	size_t len;

	inet_ntop(a->sa.sa_family, octets_of(a, &len), host, sizeof(host));
	snprintf(out, ADDR_TEXT_LEN, "%s#%u", host, addr_port(a));
	return out;
}

socklen_t addr_len(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in4) : sizeof(a->in6);
}

uint16_t addr_port(const struct addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in4.sin_port : a->in6.sin6_port);
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	size_t alen, blen;
	const void *ap = octets_of(a, &alen), *bp = octets_of(b, &blen);

	return a->sa.sa_family == b->sa.sa_family && alen == blen && memcmp(ap, bp, alen) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_host(a, b) && addr_port(a) == addr_port(b);
}

/* Whether the bits of p from bit `from` on are all zero. */
static bool rest_is_zero(const uint8_t *p, unsigned from, unsigned bits)
{
	for (unsigned i = from; i < bits; i++)
		if (p[i / 8] & (0x80u >> (i % 8)))
			return false;
	return true;
}

int prefix_parse(const char *text, struct prefix *out, struct err *e)
{
	const char *slash = strchr(text, '/');
	size_t host_len = slash != NULL ? (size_t)(slash - text) : strlen(text), octets;
	struct prefix p = { 0 };
	struct addr a;
	const void *from;

	if (parse_host(text, host_len, 1, &a) != 0)
		return err_set(e, ERR_SYNTAX, "\"%.80s\" is no prefix, write 192.0.2.0/24 or 2001:db8::/32",
			       text);
	from = octets_of(&a, &octets);
	memcpy(p.octets, from, octets);
	p.family = a.sa.sa_family;
	p.len = (unsigned)octets * 8;
	if (slash != NULL) {
		const char *s = slash + 1;
		unsigned len = 0;

		if (*s == '\0' || strspn(s, "0123456789") != strlen(s) || strlen(s) > 3)
			return err_set(e, ERR_SYNTAX, "\"%.80s\": the length behind / must be a number",
				       text);
		for (; *s != '\0'; s++)
			len = len * 10 + (unsigned)(*s - '0');
		if (len > p.len)
			return err_set(e, ERR_SYNTAX, "\"%.80s\": the length must be at most %u", text,
				       p.len);
		p.len = len;
	}
	if (!rest_is_zero(p.octets, p.len, (unsigned)octets * 8))
		return err_set(e, ERR_SYNTAX, "\"%.80s\" has bits set behind its first %u", text, p.len);
	*out = p;
	return 0;
}

char *prefix_text(const struct prefix *p, char out[PREFIX_TEXT_LEN])
{
	char host[INET6_ADDRSTRLEN] = "?";

	inet_ntop(p->family, p->octets, host, sizeof(host));
	snprintf(out, PREFIX_TEXT_LEN, "%s/%u", host, p->len);
	return out;
}

bool prefix_match(const struct prefix *p, const struct addr *a)
{
	size_t len;
	const uint8_t *o = octets_of(a, &len);

	if (a->sa.sa_family != p->family)
		return false;
	if (memcmp(o, p->octets, p->len / 8) != 0)
		return false;
	if (p->len % 8 != 0) {
		uint8_t mask = (uint8_t)(0xff00u >> (p->len % 8));

		return ((o[p->len / 8] ^ p->octets[p->len / 8]) & mask) == 0;
	}
	return true;
}
