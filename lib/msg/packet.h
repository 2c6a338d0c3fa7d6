/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PACKET_H
#define DUET_PACKET_H

#include <stddef.h>

#include "err/err.h"

/* packet - packets with descriptors over a SOCK_SEQPACKET socket between processes of one host. */
#define PACKET_FDS 4

/* Never blocks: -1 with ERR_NOTNOW when the socket is full (keep the packet and wait for it to be writable). */
int packet_send(int sock, const void *packet, size_t len, const int *fds, size_t fd_count, struct err *e);
/* fds: the descriptors that came (close-on-exec, the caller closes them).  Returns the length, 0 at the end of the
 * socket, -1 with ERR_NOTNOW when there is nothing, or ERR_IO, ERR_LIMIT. */
long packet_recv(int sock, void *packet, size_t cap, int fds[PACKET_FDS], size_t *fd_count, struct err *e);

#endif
