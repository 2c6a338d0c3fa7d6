/* SPDX-License-Identifier: BSD-3-Clause */
/* client: an engine's one connection to its keydist; a monitor tells when it has been made (again). */
#include "msg/msg.h"

#include "arena/arena.h"
#include "msg/wire.h"
#include "msg/zsock.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define MONITOR   "inproc://monitor"
#define SAFETY_MS 100

struct msg_client {
	struct msg_client_config config;
	void *zctx;
	struct zsock *dealer, *monitor;
	uv_timer_t timer;
};

static void on_dealer(struct zsock *s)
{
	struct msg_client *c = s->owner;
	const char *type = NULL;
	zmq_msg_t m;
	json_t *msg;

	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, s->z, ZMQ_DONTWAIT) >= 0) {
		msg = msg_parse(zmq_msg_data(&m), zmq_msg_size(&m), &type, NULL);
		if (msg != NULL)
			c->config.on_message(c->config.ctx, type, msg);
		json_decref(msg);
	}
	zmq_msg_close(&m);
}

static void on_monitor(struct zsock *s)
{
	struct msg_client *c = s->owner;
	uint8_t event[6], address[256];
	uint16_t what = 0;

	if (zmq_recv(s->z, event, sizeof(event), ZMQ_DONTWAIT) < 2)
		return;
	zmq_recv(s->z, address, sizeof(address), ZMQ_DONTWAIT);
	memcpy(&what, event, sizeof(what));
	if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
		c->config.on_up(c->config.ctx);
}

static void on_timer(uv_timer_t *timer)
{
	struct msg_client *c = timer->data;

	zsock_drain(c->monitor);
	zsock_drain(c->dealer);
}

static int open_dealer(struct msg_client *c, uv_loop_t *loop, struct err *e)
{
	const struct engine_identity *id = c->config.identity;
	void *z = zmq_socket(c->zctx, ZMQ_DEALER), *mon = zmq_socket(c->zctx, ZMQ_PAIR);
	const int64_t max = MSG_MAX;
	int rc;

	if (z == NULL || mon == NULL) {
		err_set(e, ERR_INTERNAL, "ZeroMQ gives no socket: %s", zmq_strerror(zmq_errno()));
		goto fail;
	}
	if (zsock_set_int(z, ZMQ_LINGER, 200, e) != 0 || zsock_set_int(z, ZMQ_IPV6, 1, e) != 0 ||
	    zsock_set_int(z, ZMQ_IMMEDIATE, 1, e) != 0 || zsock_set_int(z, ZMQ_RECONNECT_IVL, 100, e) != 0 ||
	    zsock_set_int(z, ZMQ_RECONNECT_IVL_MAX, 1000, e) != 0 ||
	    zsock_set_bytes(z, ZMQ_MAXMSGSIZE, &max, sizeof(max), e) != 0 ||
	    zsock_set_bytes(z, ZMQ_CURVE_SERVERKEY, id->keydist_curve_pk, PUBLIC_LEN, e) != 0 ||
	    zsock_set_bytes(z, ZMQ_CURVE_PUBLICKEY, id->curve_pk, PUBLIC_LEN, e) != 0 ||
	    zsock_set_int(mon, ZMQ_LINGER, 0, e) != 0)
		goto fail;
	rc = zsock_set_bytes(z, ZMQ_CURVE_SECRETKEY, secret_open(id->curve_sk), PUBLIC_LEN, e);
	secret_close(id->curve_sk);
	if (rc != 0)
		goto fail;
	if (zmq_socket_monitor(z, MONITOR, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0 ||
	    zmq_connect(mon, MONITOR) != 0 || zmq_connect(z, c->config.endpoint) != 0) {
		err_set(e, ERR_IO, "%s: %s", c->config.endpoint, zmq_strerror(zmq_errno()));
		goto fail;
	}
	if (zsock_watch(loop, mon, c, on_monitor, &c->monitor, e) != 0) {
		mon = NULL;
		goto fail;
	}
	return zsock_watch(loop, z, c, on_dealer, &c->dealer, e);
fail:
	if (mon != NULL)
		zmq_close(mon);
	if (z != NULL)
		zmq_close(z);
	return -1;
}

int msg_client_open(uv_loop_t *loop, const struct msg_client_config *config, struct msg_client **out,
		    struct err *e)
{
	struct msg_client *c = mem_new(1, sizeof(*c));

	c->config = *config;
	c->zctx = zmq_ctx_new();
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	if (c->zctx == NULL || open_dealer(c, loop, e) != 0) {
		if (c->zctx == NULL)
			err_set(e, ERR_INTERNAL, "ZeroMQ does not start");
		msg_client_close(c);
		return -1;
	}
	uv_timer_start(&c->timer, on_timer, SAFETY_MS, SAFETY_MS);
	*out = c;
	return 0;
}

int msg_client_send(struct msg_client *c, const char *type, json_t *body, struct err *e)
{
	return wire_send(c->dealer->z, NULL, 0, type, body, e);
}

static void on_client_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void msg_client_close(struct msg_client *c)
{
	if (c == NULL)
		return;
	if (c->dealer != NULL)
		zmq_socket_monitor(c->dealer->z, NULL, 0);
	zsock_close(c->dealer);
	zsock_close(c->monitor);
	if (c->zctx != NULL)
		zmq_ctx_term(c->zctx);
	uv_close((uv_handle_t *)&c->timer, on_client_closed);
}
