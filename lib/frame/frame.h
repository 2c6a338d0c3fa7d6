/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FRAME_H
#define DUET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * frame - texts with descriptors over a blocking stream socket of AF_UNIX, for a program that works for another: four
 * octets of length in network order, then the text; the descriptors go with the length.
 */
#define FRAME_FDS 4

/* -1 with ERR_IO when the other side is gone or says no. */
int frame_send(int sock, const char *text, size_t len, const int *fds, size_t fd_count, struct err *e);

/*
 * frame_recv - waits for one frame.
 *
 * most        longest text that is taken: ERR_LIMIT
 * timeout_ms  for the whole frame, -1: for ever; ERR_NOTNOW when it is over
 * out         the text with a 0 behind it; free()
 * fds         close-on-exec, the caller's; those that came without room are closed
 *
 * Returns 1, 0 at the end of the socket, or -1.
 */
int frame_recv(int sock, size_t most, int timeout_ms, char **out, size_t *len, int fds[FRAME_FDS], size_t *fd_count,
	       struct err *e);

#endif
