/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MSG_ZSOCK_H
#define DUET_MSG_ZSOCK_H

#include <stdbool.h>
#include <uv.h>

#include "err/err.h"

/*
 * zsock - a ZeroMQ socket in a libuv loop; for lib/msg only.
 *
 * ZMQ_FD is edge-triggered and sending may eat the edge, so the owner calls zsock_drain also after sending
 * and from a timer. on_readable takes messages with ZMQ_DONTWAIT until there are none, or returns after some:
 * it is called again while ZMQ_EVENTS says so.
 */
struct zsock {
	void *z;
	void *owner;
	void (*on_readable)(struct zsock *s);
	uv_poll_t poll;
	uv_timer_t more; /* what was left when others got their turn */
	int handles;     /* that are being closed */
};

/* Takes over z, which is closed also on failure. */
int zsock_watch(uv_loop_t *loop, void *z, void *owner, void (*on_readable)(struct zsock *s),
		struct zsock **out, struct err *e);
void zsock_drain(struct zsock *s);
/* Closes the ZeroMQ socket at once, the memory goes with the loop's next round.  NULL does nothing. */
void zsock_close(struct zsock *s);

int zsock_set_int(void *z, int option, int value, struct err *e);
int zsock_set_bytes(void *z, int option, const void *p, size_t len, struct err *e);

#endif
