/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client: requests to a runner over one connection.  What is to be sent waits in the order it came; what was sent waits for
 * its result, and is lost when the connection is.
 */
#include "runner/runner.h"

#include "msg/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct asked {
	struct asked *next;
	uint64_t number;
	runner_done_fn *done; /* NULL: nobody waits for it */
	void *ctx;
	char *packet; /* NULL: sent, or it could not be made */
	int fd[2];
	size_t fds;
	struct err why; /* when it could not be made */
};

struct runner {
	uv_loop_t *loop;
	char *path;
	int sock; /* -1: not connected */
	uv_poll_t *poll;
	uv_timer_t kick;
	struct asked *first, **end; /* in order of asking */
	uint64_t last;
	char *buf;
};

static void asked_free(struct asked *a)
{
	for (size_t i = 0; i < a->fds; i++)
		close(a->fd[i]);
	free(a->packet);
	free(a);
}

static void unlink_asked(struct runner *r, struct asked **at)
{
	struct asked *a = *at;

	if ((*at = a->next) == NULL)
		r->end = at;
}

static void finish(struct runner *r, struct asked **at, const struct runner_result *result)
{
	struct asked *a = *at;

	unlink_asked(r, at);
	if (a->done != NULL)
		a->done(a->ctx, result);
	asked_free(a);
}

static void closed(uv_handle_t *h)
{
	free(h);
}

static void disconnect(struct runner *r)
{
	if (r->sock < 0)
		return;
	uv_poll_stop(r->poll);
	close(r->sock);
	uv_close((uv_handle_t *)r->poll, closed);
	r->sock = -1;
	r->poll = NULL;
}

/* All that was there at the time of the call ends; what is asked meanwhile stays. */
static void lose_all(struct runner *r, const char *why)
{
	const struct runner_result lost = { .outcome = RUNNER_LOST, .output = (const uint8_t *)"", .etag = "",
					    .last_modified = "", .why = why };
	const uint64_t upto = r->last;

	while (r->first != NULL && r->first->number <= upto)
		finish(r, &r->first, &lost);
}

static void lost(struct runner *r, const char *why)
{
	disconnect(r);
	lose_all(r, why);
}

static void on_result(struct runner *r, size_t len)
{
	struct arena *arena = arena_new();
	struct runner_result result;
	uint64_t number;
	struct err e;

	if (runner_result_read(r->buf, len, arena, &result, &number, &e) == 0)
		for (struct asked **at = &r->first; *at != NULL; at = &(*at)->next)
			if ((*at)->number == number && (*at)->packet == NULL && (*at)->done != NULL) {
				finish(r, at, &result);
				break;
			}
	arena_free(arena);
}

static void flush(struct runner *r);

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct runner *r = poll->data;
	struct err e;

	(void)status;
	(void)events;
	while (r->sock >= 0 && r->poll == poll) {
		int fds[PACKET_FDS];
		size_t fd_count = 0;
		long len = packet_recv(r->sock, r->buf, RUNNER_PACKET_MAX, fds, &fd_count, &e);

		for (size_t i = 0; i < fd_count; i++)
			close(fds[i]);
		if (len > 0) {
			on_result(r, (size_t)len);
			continue;
		}
		if (len == 0 || e.code != ERR_NOTNOW) {
			lost(r, "the runner went away meanwhile");
			return;
		}
		break;
	}
	if (r->sock >= 0)
		flush(r);
}

/* 0 or -1: nobody is there. */
static int join(struct runner *r)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(r->path) >= sizeof(to.sun_path))
		return -1;
	strcpy(to.sun_path, r->path);
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return -1;
	r->poll = mem_new(1, sizeof(*r->poll));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 || uv_poll_init(r->loop, r->poll, fd) != 0) {
		free(r->poll);
		r->poll = NULL;
		close(fd);
		return -1;
	}
	r->poll->data = r;
	r->sock = fd;
	return 0;
}

static void flush(struct runner *r)
{
	bool waiting = false;
	struct err e;

	for (struct asked **at = &r->first; *at != NULL && !waiting;) {
		struct asked *a = *at;

		if (a->packet == NULL) {
			at = &a->next;
			continue;
		}
		if (packet_send(r->sock, a->packet, strlen(a->packet), a->fd, a->fds, &e) != 0) {
			if (e.code != ERR_NOTNOW) {
				lost(r, e.text);
				return;
			}
			waiting = true;
			continue;
		}
		free(a->packet);
		a->packet = NULL;
		for (; a->fds > 0; a->fds--)
			close(a->fd[a->fds - 1]);
		if (a->done == NULL) { /* a cancellation: nothing comes back */
			unlink_asked(r, at);
			asked_free(a);
		} else {
			at = &a->next;
		}
	}
	uv_poll_start(r->poll, UV_READABLE | (waiting ? UV_WRITABLE : 0), on_socket);
}

static void refuse_unmade(struct runner *r)
{
	for (struct asked **at = &r->first; *at != NULL;) {
		if ((*at)->why.code == ERR_NONE) {
			at = &(*at)->next;
			continue;
		}
		finish(r, at, &(struct runner_result){ .outcome = RUNNER_NOT_STARTED, .output = (const uint8_t *)"",
						       .etag = "", .last_modified = "", .why = (*at)->why.text });
		at = &r->first; /* done may have asked or cancelled */
	}
}

static void on_kick(uv_timer_t *timer)
{
	struct runner *r = timer->data;
	char why[256];

	refuse_unmade(r);
	if (r->first == NULL)
		return;
	if (r->sock < 0 && join(r) != 0) {
		snprintf(why, sizeof(why), "nobody listens at %.200s", r->path);
		lose_all(r, why);
		return;
	}
	flush(r);
}

static struct asked *add(struct runner *r)
{
	struct asked *a = mem_new(1, sizeof(*a));

	a->number = ++r->last;
	*r->end = a;
	r->end = &a->next;
	uv_timer_start(&r->kick, on_kick, 0, 0);
	return a;
}

static int dup_fd(struct asked *a, int fd)
{
	int mine;

	if (fd < 0)
		return 0;
	if ((mine = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return err_errno(&a->why, "a descriptor for the runner");
	a->fd[a->fds++] = mine;
	return 0;
}

uint64_t runner_run(struct runner *r, const struct runner_request *request, runner_done_fn *done, void *ctx)
{
	struct asked *a = add(r);

	a->done = done;
	a->ctx = ctx;
	if (dup_fd(a, request->in_fd) == 0 && dup_fd(a, request->out_fd) == 0)
		a->packet = runner_request_pack(request, a->number, &a->why);
	return a->number;
}

void runner_cancel(struct runner *r, uint64_t number)
{
	struct asked **at = &r->first, *a;
	bool sent;

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	if ((a = *at) == NULL || a->done == NULL)
		return;
	sent = a->packet == NULL && a->why.code == ERR_NONE;
	unlink_asked(r, at);
	asked_free(a);
	if (sent)
		add(r)->packet = runner_cancel_pack(number);
}

struct runner *runner_open(uv_loop_t *loop, const char *path)
{
	struct runner *r = mem_new(1, sizeof(*r));

	r->loop = loop;
	r->path = mem_strdup(path);
	r->sock = -1;
	r->end = &r->first;
	r->buf = mem_new(1, RUNNER_PACKET_MAX);
	uv_timer_init(loop, &r->kick);
	r->kick.data = r;
	return r;
}

static void gone(uv_handle_t *h)
{
	struct runner *r = h->data;

	free(r->path);
	free(r->buf);
	free(r);
}

void runner_close(struct runner *r)
{
	if (r == NULL)
		return;
	disconnect(r);
	while (r->first != NULL) {
		struct asked *a = r->first;

		r->first = a->next;
		asked_free(a);
	}
	uv_close((uv_handle_t *)&r->kick, gone);
}
