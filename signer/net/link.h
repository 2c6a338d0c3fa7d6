/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_LINK_H
#define DUET_NET_LINK_H

#include <jansson.h>
#include <stdbool.h>

#include "signer/net/state.h"

/*
 * link - net's end of the socket to engine.  Packets that do not fit now wait in a queue; those that only
 * inform
 * (`asked`, `transferred`) are dropped while the queue is long.
 */
void link_start(struct net *net, int sock);
void link_stop(struct net *net);

/* Sends {"v":1,"t":type,...}.  message: taken.  fd: sent and closed, or -1.  may_drop: only informs. */
void link_send(struct net *net, const char *type, json_t *message, int fd, bool may_drop);

/* orders.c: does what one packet of engine says.  fds are taken. */
int orders_do(struct net *net, uint8_t *packet, size_t len, const int *fds, size_t fd_count, struct err *e);

#endif
