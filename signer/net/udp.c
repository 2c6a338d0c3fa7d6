/* SPDX-License-Identifier: BSD-3-Clause */
/* udp: one datagram in, at most one out, from the address that it came to. */
#include "signer/net/serve.h"

#include "signer/net/answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64 /* datagrams per turn, so that TCP gets its share */

/* The control message that makes the answer leave from where the query arrived; 0 octets when the socket is
 * bound to one address. */
static size_t reply_from(struct msghdr *in, uint8_t *control)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c != NULL; c = CMSG_NXTHDR(in, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO;

		if (!v4 && !v6)
			continue;
		memcpy(control, c, c->cmsg_len);
		if (v4) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA((struct cmsghdr *)(void *)control), sizeof(info));
			info.ipi_ifindex = 0;
			memcpy(CMSG_DATA((struct cmsghdr *)(void *)control), &info, sizeof(info));
		}
		return CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
	}
	return 0;
}

/* Answers one datagram; false when there is none. */
static bool serve_one(struct listener *l)
{
	union {
		uint8_t buf[256];
		struct cmsghdr align;
	} in_control, out_control;
	uint8_t query[4096], out[DNS_UDP_SIZE + 2 * TSIG_RR_MAX];
	struct sockaddr_storage peer;
	struct iovec iov = { .iov_base = query, .iov_len = sizeof(query) };
	struct msghdr msg = { .msg_name = &peer,
			      .msg_namelen = sizeof(peer),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = in_control.buf,
			      .msg_controllen = sizeof(in_control.buf) };
	struct answer a = { .w = wr_of(out, sizeof(out)), .shows = l->shows };
	struct addr from;
	ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (l->net->drained || (msg.msg_flags & MSG_TRUNC) != 0 ||
	    !addr_from_sockaddr((struct sockaddr *)&peer, &from) || addr_port(&from) == 0)
		return true;
	if (answer_query(l->net, query, (size_t)n, &from, false, &a) != ANSWER_MESSAGE)
		return true;
	iov = (struct iovec){ .iov_base = out, .iov_len = a.w.at };
	msg.msg_controllen = reply_from(&msg, out_control.buf);
	msg.msg_control = msg.msg_controllen > 0 ? out_control.buf : NULL;
	msg.msg_flags = 0;
	while (sendmsg(l->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	return true;
}

static void on_event(void *ctx, int events)
{
	struct listener *l = ctx;

	(void)events;
	for (int i = 0; i < BATCH && serve_one(l); i++)
		;
}

void udp_start(struct net *net)
{
	net->udp = listeners_start(net, false, on_event);
}

void udp_stop(struct net *net)
{
	listeners_stop(net, net->udp);
	net->udp = NULL;
}
