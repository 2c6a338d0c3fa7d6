/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NETLINK_IMPL_H
#define DUET_NETLINK_IMPL_H

#include "msg/msg.h"
#include "signer/engine/netlink.h"
#include "signer/netmsg.h"

/* netlink_impl - what the files of netlink share, and nobody else sees. */
struct packet;
struct netlink {
	struct engine *engine;
	int sock;
	uv_poll_t poll;
	bool ready;
	struct packet *first, **end; /* to be sent */
	uint64_t next_query;
	uint64_t versions;           /* said so far */
	uint32_t *volume;            /* that net has */
	size_t volume_count;
	uint8_t *buf;
};

/* Queues {"v":1,"t":type,...}.  o: taken.  fd: closed when sent, or -1.  -1: too large, and logged. */
int netlink_send(struct netlink *n, const char *type, json_t *o, int fd);
/* The same for a packet of TSIG keys, which it takes. */
void netlink_send_secret(struct netlink *n, struct secret *packet);

/* nethear.c: what one packet of net says; fd: borrowed, or -1. */
void netlink_hear(struct netlink *n, const uint8_t *packet, size_t len, int fd);

#endif
