/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ADDR_H
#define DUET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "err/err.h"

/*
 * addr - an IPv4 or IPv6 address with a port, written as BIND and Unbound people know it: 192.0.2.1#53,
 * 2001:db8::1#53. Plain values: copy them freely.  Scoped addresses (fe80::1%eth0) are not taken.
 */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

#define ADDR_TEXT_LEN 56

/* "ADDRESS" or "ADDRESS#PORT"; default_port 0: the port must be given.  Port 0 is refused.  ERR_SYNTAX. */
int addr_parse(const char *text, uint16_t default_port, struct addr *out, struct err *e);
/* "tcp://192.0.2.1:5301" or "tcp://[2001:db8::1]:5301", an endpoint of ZeroMQ.  ERR_SYNTAX. */
int addr_parse_endpoint(const char *text, struct addr *out, struct err *e);
/* From what the kernel gave; false when it is neither IPv4 nor IPv6.  IPv4-mapped IPv6 becomes IPv4. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);
/* "ADDRESS#PORT"; returns out. */
char *addr_text(const struct addr *a, char out[ADDR_TEXT_LEN]);
socklen_t addr_len(const struct addr *a);
uint16_t addr_port(const struct addr *a);
/* Address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);
/* Address without port. */
bool addr_same_host(const struct addr *a, const struct addr *b);

/* prefix - a set of addresses: 192.0.2.0/24, 2001:db8::/32, or one address. */
struct prefix {
	int family;         /* AF_INET or AF_INET6 */
	unsigned len;       /* bits */
	uint8_t octets[16]; /* bits behind len are zero */
};

#define PREFIX_TEXT_LEN 56
/* Bits set behind the length are refused: they are a typing error.  ERR_SYNTAX. */
int prefix_parse(const char *text, struct prefix *out, struct err *e);
char *prefix_text(const struct prefix *p, char out[PREFIX_TEXT_LEN]);
bool prefix_match(const struct prefix *p, const struct addr *a);

#endif
