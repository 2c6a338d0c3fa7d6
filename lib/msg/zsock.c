/* SPDX-License-Identifier: BSD-3-Clause */
/* zsock: joins the two event models, ZeroMQ's and libuv's. */
#include "msg/zsock.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <stdlib.h>
#include <zmq.h>

/* Before other handles get their turn. */
#define ROUNDS  64
#define TURN_MS 20

static void on_more(uv_timer_t *timer)
{
	zsock_drain(timer->data);
}

void zsock_drain(struct zsock *s)
{
	const int64_t until_ms = clock_mono_ms() + TURN_MS;

	for (int i = 0; i < ROUNDS && clock_mono_ms() < until_ms; i++) {
		int events = 0;
		size_t len = sizeof(events);

		if (zmq_getsockopt(s->z, ZMQ_EVENTS, &events, &len) != 0 || (events & ZMQ_POLLIN) == 0)
			return;
		s->on_readable(s);
	}
	/* The descriptor tells of what is new, not of what is left.  A timer of 0 ms that starts itself again keeps libuv among its
	 * timers, and its clock stands: nobody else would have a turn. */
	if (!uv_is_closing((uv_handle_t *)&s->more))
		uv_timer_start(&s->more, on_more, 1, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	zsock_drain(poll->data);
}

int zsock_watch(uv_loop_t *loop, void *z, void *owner, void (*on_readable)(struct zsock *s),
		struct zsock **out, struct err *e)
{
	struct zsock *s = mem_new(1, sizeof(*s));
	size_t len = sizeof(int);
	int fd = -1;

	s->z = z;
	s->owner = owner;
	s->on_readable = on_readable;
	s->poll.data = s->more.data = s;
	if (zmq_getsockopt(z, ZMQ_FD, &fd, &len) != 0 || uv_poll_init(loop, &s->poll, fd) != 0) {
		zmq_close(z);
		free(s);
		return err_set(e, ERR_IO, "a ZeroMQ socket cannot be watched");
	}
	uv_timer_init(loop, &s->more);
	uv_poll_start(&s->poll, UV_READABLE, on_poll);
	*out = s;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct zsock *s = handle->data;

	if (--s->handles == 0)
		free(s);
}

void zsock_close(struct zsock *s)
{
	if (s == NULL)
		return;
	s->handles = 2;
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->more, on_closed);
	zmq_close(s->z);
	s->z = NULL;
}

int zsock_set_int(void *z, int option, int value, struct err *e)
{
	if (zmq_setsockopt(z, option, &value, sizeof(value)) != 0)
		return err_set(e, ERR_INTERNAL, "ZeroMQ option %d: %s", option, zmq_strerror(zmq_errno()));
	return 0;
}

int zsock_set_bytes(void *z, int option, const void *p, size_t len, struct err *e)
{
	if (zmq_setsockopt(z, option, p, len) != 0)
		return err_set(e, ERR_INTERNAL, "ZeroMQ option %d: %s", option, zmq_strerror(zmq_errno()));
	return 0;
}
