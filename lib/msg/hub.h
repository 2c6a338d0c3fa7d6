/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MSG_HUB_H
#define DUET_MSG_HUB_H

#include "msg/msg.h"
#include "msg/zsock.h"

/* For lib/msg only: what hub.c and zap.c share. */
#define HUB_DOMAIN "duet"
#define ROUTE_MAX  256
#define KEY_HEX    (2 * PUBLIC_LEN + 1)

struct link {
	struct msg_peer peer;
	char key_hex[KEY_HEX];
	struct zsock *dealer; /* NULL for who only connects to us */
	uint8_t route[ROUTE_MAX];
	size_t route_len;
};

struct msg_hub {
	struct msg_hub_config config;
	uv_loop_t *loop;
	void *zctx;
	struct zsock *zap, *router;
	struct link **link;
	size_t links;
	uv_timer_t timer;
	uint8_t (*refused)[16];
	size_t refused_count;
};

/* Tells of a refusal, once. */
void hub_refuse(struct msg_hub *h, const char *who, const char *why);
struct link *hub_link_by_key(struct msg_hub *h, const char *key_hex);

/* Binds the handler that libzmq asks about every CURVE key (ZeroMQ RFC 27). */
int zap_open(struct msg_hub *h, struct err *e);

#endif
