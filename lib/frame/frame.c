/* SPDX-License-Identifier: BSD-3-Clause */
/* frame: one sendmsg with the descriptors, then octets until all are over. */
#include "frame/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena/arena.h"
#include "clock/clock.h"

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(FRAME_FDS * sizeof(int))];
};

/* The length, and of the text what goes at once, so that who waits is woken once; how much that was, or -1. */
static ssize_t send_head(int sock, const char *text, size_t len, const int *fds, size_t fd_count)
{
	uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };
	struct iovec iov[2] = { { head, sizeof(head) }, { (void *)(uintptr_t)text, len } };
	union control control = { .octets = { 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd_count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n - (ssize_t)sizeof(head);
}

int frame_send(int sock, const char *text, size_t len, const int *fds, size_t fd_count, struct err *e)
{
	ssize_t sent;

	if (len > UINT32_MAX || fd_count > FRAME_FDS)
		return err_set(e, ERR_LIMIT, "a frame of %zu octets with %zu descriptors", len, fd_count);
	if ((sent = send_head(sock, text, len, fds, fd_count)) < 0)
		return err_errno(e, "sending a frame");
	for (size_t at = (size_t)sent; at < len;) {
		ssize_t n = send(sock, text + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return err_errno(e, "sending a frame");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void take_fds(struct msghdr *msg, int fds[FRAME_FDS], size_t *fd_count)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n = c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*fd_count < FRAME_FDS)
				fds[(*fd_count)++] = fd;
			else
				close(fd);
		}
	}
}

/* Some octets within the time: more than 0, 0 at the end of the socket, -1. */
static ssize_t some(int sock, void *to, size_t len, int64_t until_ms, int fds[FRAME_FDS], size_t *fd_count, struct err *e)
{
	for (;;) {
		int64_t left_ms = until_ms == INT64_MAX ? -1 : until_ms - clock_mono_ms();
		struct pollfd p = { .fd = sock, .events = POLLIN };
		struct iovec iov = { to, len };
		union control control;
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n;
		int ready = until_ms != INT64_MAX && left_ms <= 0 ? 0 : poll(&p, 1, (int)left_ms);

		if (ready == 0)
			return err_set(e, ERR_NOTNOW, "no answer in time");
		if (ready < 0 && errno == EINTR)
			continue;
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
		if (n > 0)
			take_fds(&msg, fds, fd_count);
		if (n < 0 && errno == ECONNRESET)
			return 0;
		if (n >= 0 || errno != EINTR)
			return n >= 0 ? n : err_errno(e, "receiving a frame");
	}
}

/* 1, 0 at the end before the first octet, or -1. */
static int whole(int sock, void *to, size_t len, int64_t until_ms, int fds[FRAME_FDS], size_t *fd_count, struct err *e)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = some(sock, (char *)to + at, len - at, until_ms, fds, fd_count, e);

		if (n < 0)
			return -1;
		if (n == 0)
			return at == 0 ? 0 : err_set(e, ERR_IO, "a frame was cut short");
		at += (size_t)n;
	}
	return 1;
}

int frame_recv(int sock, size_t most, int timeout_ms, char **out, size_t *len, int fds[FRAME_FDS], size_t *fd_count,
	       struct err *e)
{
	int64_t until_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	uint8_t head[4];
	int rc;

	*out = NULL;
	*fd_count = 0;
	if ((rc = whole(sock, head, sizeof(head), until_ms, fds, fd_count, e)) == 1) {
		*len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
		if (*len > most)
			rc = err_set(e, ERR_LIMIT, "a frame of %zu octets, at most %zu", *len, most);
		else if (*len > 0 && (rc = whole(sock, *out = mem_new(*len + 1, 1), *len, until_ms, fds, fd_count, e)) == 0)
			rc = err_set(e, ERR_IO, "a frame was cut short");
		else if (*len == 0)
			*out = mem_new(1, 1);
	}
	if (rc == 1)
		return 1;
	free(*out);
	*out = NULL;
	while (*fd_count > 0)
		close(fds[--*fd_count]);
	return rc;
}
