/* SPDX-License-Identifier: BSD-3-Clause */
/* packet: one packet and its descriptors, in and out. */
#include "msg/packet.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int packet_send(int sock, const void *packet, size_t len, const int *fds, size_t fd_count, struct err *e)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * PACKET_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)packet, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (len == 0 || fd_count > PACKET_FDS)
		return err_set(e, ERR_LIMIT, "packet of %zu octets and %zu descriptors, at most %d", len, fd_count,
			       PACKET_FDS);
	if (fd_count > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS)
		return err_set(e, ERR_NOTNOW, "the socket is full");
	return err_errno(e, "the socket");
}

/* Takes the descriptors out of a received message. */
static size_t take_fds(struct msghdr *msg, int fds[PACKET_FDS])
{
	size_t got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < PACKET_FDS)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	return got;
}

long packet_recv(int sock, void *packet, size_t cap, int fds[PACKET_FDS], size_t *fd_count, struct err *e)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * PACKET_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = cap };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	ssize_t n;

	*fd_count = 0;
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return err_set(e, ERR_NOTNOW, "nothing to read");
		if (errno == ECONNRESET)
			return 0;
		return err_errno(e, "the socket");
	}
	*fd_count = take_fds(&msg, fds);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (size_t i = 0; i < *fd_count; i++)
			close(fds[i]);
		*fd_count = 0;
		return err_set(e, ERR_LIMIT, "packet above %zu octets or %d descriptors", cap, PACKET_FDS);
	}
	return n;
}
