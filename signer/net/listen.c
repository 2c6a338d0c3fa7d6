/* SPDX-License-Identifier: BSD-3-Clause */
/* listen: the sockets that are bound before the fork. */
#include "signer/net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

static bool is_any(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static int set(int fd, int level, int option)
{
	const int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one));
}

static bool is_loopback(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* Where there is no network nothing is congested: what paces a connection (BBR) costs a third of both sides' time there, for
 * timers and for waking who had read all.  Connections have it from the listener; without it all is right, and slower. */
static void unpaced(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", sizeof("reno") - 1);
}

static int bound_socket(const struct addr *addr, int type, struct err *e)
{
	int fd = socket(addr->sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool v6 = addr->sa.sa_family == AF_INET6;
	char text[ADDR_TEXT_LEN];

	if (fd < 0)
		return err_errno(e, "socket for %s", addr_text(addr, text));
	if ((type == SOCK_STREAM && set(fd, SOL_SOCKET, SO_REUSEADDR) != 0) ||
	    (v6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) ||
	    (type == SOCK_DGRAM && is_any(addr) && /* answers leave from where queries arrive */
	     set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO) != 0) ||
	    bind(fd, &addr->sa, addr_len(addr)) != 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) != 0)) {
		err_errno(e, "%s %s", type == SOCK_STREAM ? "TCP" : "UDP", addr_text(addr, text));
		close(fd);
		return -1;
	}
	if (type == SOCK_STREAM && is_loopback(addr))
		unpaced(fd);
	return fd;
}

int net_listen(const struct addr *addr, enum net_shows shows, struct net_listener *out, struct err *e)
{
	int udp = bound_socket(addr, SOCK_DGRAM, e), tcp;

	if (udp < 0)
		return -1;
	tcp = bound_socket(addr, SOCK_STREAM, e);
	if (tcp < 0) {
		close(udp);
		return -1;
	}
	*out = (struct net_listener){ .addr = *addr, .shows = shows, .udp = udp, .tcp = tcp };
	return 0;
}
