/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_IO_H
#define DUET_NET_IO_H

#include <stdint.h>
#include <uv.h>

/*
 * io - one descriptor and one timer in net's loop, with the object that they belong to.  After io_close no
 * callback comes.
 */
struct io;
typedef void io_event_fn(void *ctx,
			 int events); /* UV_READABLE | UV_WRITABLE; both on an error of the descriptor */
typedef void io_timer_fn(void *ctx);

/* fd: owned by the io from now on, non-blocking; -1: a timer only.  Nothing is watched yet. */
struct io *io_new(uv_loop_t *loop, int fd, void *ctx, io_event_fn *on_event, io_timer_fn *on_timer);
int io_fd(const struct io *io);
/* Events to watch; 0: none. */
void io_want(struct io *io, int events);
/* Fires once after ms; replaces the one before.  A negative number stops it. */
void io_timer(struct io *io, int64_t ms);
/* Closes the descriptor too.  NULL does nothing. */
void io_close(struct io *io);

#endif
