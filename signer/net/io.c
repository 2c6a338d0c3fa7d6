/* SPDX-License-Identifier: BSD-3-Clause */
/* io: wraps libuv's poll and timer handles, whose closing is asynchronous. */
#include "signer/net/io.h"

#include "arena/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct io {
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	int want;
	int handles; /* not yet closed */
	bool closing;
	void *ctx;
	io_event_fn *on_event;
	io_timer_fn *on_timer;
};

struct io *io_new(uv_loop_t *loop, int fd, void *ctx, io_event_fn *on_event, io_timer_fn *on_timer)
{
	struct io *io = mem_new(1, sizeof(*io));
	int rc;

	io->fd = fd;
	io->ctx = ctx;
	io->on_event = on_event;
	io->on_timer = on_timer;
	uv_timer_init(loop, &io->timer);
	io->timer.data = io;
	io->handles = 1;
	if (fd >= 0) {
		rc = uv_poll_init(loop, &io->poll, fd);
		assert(rc == 0); /* fails only for what cannot be watched, such as a regular file */
		io->poll.data = io;
		io->handles = 2;
	}
	return io;
}

int io_fd(const struct io *io)
{
	return io->fd;
}

static void on_poll(uv_poll_t *poll, int status, int events);

void io_want(struct io *io, int events)
{
	if (io->closing || io->want == events)
		return;
	io->want = events;
	if (events == 0)
		uv_poll_stop(&io->poll);
	else
		uv_poll_start(&io->poll, events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io *io = poll->data;
	int want = io->want;

	if (status >= 0) {
		io->on_event(io->ctx, events);
		return;
	}
	/* libuv has stopped watching; an error that the callback has read, such as ICMP's, is not the end. */
	io->want = 0;
	io->on_event(io->ctx, UV_READABLE | UV_WRITABLE);
	if (io->want == 0)
		io_want(io, want);
}

static void on_time(uv_timer_t *timer)
{
	struct io *io = timer->data;

	io->on_timer(io->ctx);
}

void io_timer(struct io *io, int64_t ms)
{
	if (io->closing)
		return;
	if (ms < 0) {
		uv_timer_stop(&io->timer);
		return;
	}
	uv_update_time(io->timer.loop);
	uv_timer_start(&io->timer, on_time, (uint64_t)ms, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct io *io = handle->data;

	if (--io->handles == 0)
		free(io);
}

void io_close(struct io *io)
{
	if (io == NULL || io->closing)
		return;
	io->closing = true;
	uv_close((uv_handle_t *)&io->timer, on_closed);
	if (io->fd < 0)
		return;
	uv_close((uv_handle_t *)&io->poll, on_closed);
	close(io->fd); /* libuv has let go of it */
}
