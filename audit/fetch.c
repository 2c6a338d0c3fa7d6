/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch: one AXFR query over TCP. */
#include "audit/fetch.h"

#include <netdb.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S 30
#define AXFR      252

static int connect_to(const char *server, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*found;
	struct timeval limit = { .tv_sec = TIMEOUT_S };
	char host[128];
	const char *port = strchr(server, '#');
	int fd = -1, rc;

	snprintf(host, sizeof(host), "%.*s", port != NULL ? (int)(port - server) : (int)strlen(server),
		 server);
	if ((rc = getaddrinfo(host, port != NULL ? port + 1 : "53", &hints, &found)) != 0)
		return err_set(e, ERR_SYNTAX, "%s: %s", server, gai_strerror(rc));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
	    connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		err_errno(e, "%s", server);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int fetch_axfr(const char *server, const uint8_t *zone, size_t zone_len, struct err *e)
{
	uint8_t query[2 + 12 + 255 + 4] = { 0 };
	size_t len = 12 + zone_len + 4;
	int fd = connect_to(server, e);

	if (fd < 0)
		return -1;
	query[0] = (uint8_t)(len >> 8);
	query[1] = (uint8_t)len;
	if (RAND_bytes(query + 2, 2) != 1)
		err_set(e, ERR_CRYPTO, "no random octets");
	query[2 + 5] = 1; /* QDCOUNT */
	memcpy(query + 2 + 12, zone, zone_len);
	query[2 + 12 + zone_len + 1] = AXFR;
	query[2 + 12 + zone_len + 3] = 1; /* IN */
	if (send(fd, query, 2 + len, MSG_NOSIGNAL) == (ssize_t)(2 + len))
		return fd;
	err_errno(e, "%s", server);
	close(fd);
	return -1;
}
