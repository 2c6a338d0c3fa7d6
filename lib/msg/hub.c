/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hub: a node's sockets.  The ZAP handler is bound before the ROUTER, and the ROUTER does not open unless
 * libzmq promises to ask it (a CURVE server without a handler lets every key in).
 *
 * Invariants: 1. a message is taken from who the ZAP handler said it is (User-Id: the CURVE key in hex), if
 * that key is still in the list of peers.  2. `route` of a peer is the connection on which its last message
 * came.
 */
#include "msg/msg.h"

#include "arena/arena.h"
#include "log/log.h"
#include "msg/hub.h"
#include "msg/wire.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ENFORCE_DOMAIN 93 /* ZMQ_ZAP_ENFORCE_DOMAIN, absent from Debian's header */
#define SAFETY_MS      100
#define REFUSED_MAX    1024 /* different refusals that are remembered as told */

void hub_refuse(struct msg_hub *h, const char *who, const char *why)
{
	crypto_generichash_state st;
	uint8_t sum[16];

	crypto_generichash_init(&st, NULL, 0, sizeof(sum));
	crypto_generichash_update(&st, (const uint8_t *)who, strlen(who) + 1);
	crypto_generichash_update(&st, (const uint8_t *)why, strlen(why));
	crypto_generichash_final(&st, sum, sizeof(sum));
	for (size_t i = 0; i < h->refused_count; i++)
		if (memcmp(h->refused[i], sum, sizeof(sum)) == 0)
			return;
	if (h->refused_count == REFUSED_MAX)
		return;
	memcpy(h->refused[h->refused_count++], sum, sizeof(sum));
	h->config.on_refused(h->config.ctx, who, why);
}

struct link *hub_link_by_key(struct msg_hub *h, const char *key_hex)
{
	for (size_t i = 0; i < h->links; i++)
		if (strcmp(h->link[i]->key_hex, key_hex) == 0)
			return h->link[i];
	return NULL;
}

/* ---- messages in ---- */

static void take(struct msg_hub *h, struct link *l, const void *octets, size_t len)
{
	const struct msg_row *row = h->config.rows;
	const struct msg_peer from = l->peer; /* the handler may change the list of peers */
	const char *type = NULL;
	char why[160];
	struct err e;
	json_t *msg = msg_parse(octets, len, &type, &e);

	if (msg == NULL) {
		hub_refuse(h, from.name, e.text);
		return;
	}
	while (row->type != NULL && (strcmp(row->type, type) != 0 || (row->roles & from.role) == 0))
		row++;
	if (row->type == NULL)
		snprintf(why, sizeof(why), "its role may not send %.32s", type);
	else if (len > row->max)
		snprintf(why, sizeof(why), "%s of %zu octets, at most %zu", row->type, len, row->max);
	else
		why[0] = '\0';
	if (why[0] != '\0')
		hub_refuse(h, from.name, why);
	else
		row->handler(h->config.ctx, &from, msg);
	json_decref(msg);
}

static void on_router(struct zsock *s)
{
	struct msg_hub *h = s->owner;
	uint8_t route[ROUTE_MAX];
	const char *user;
	struct link *l;
	zmq_msg_t m;
	int n, more;

	if ((n = zmq_recv(s->z, route, sizeof(route), ZMQ_DONTWAIT)) < 0)
		return;
	do {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, s->z, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&m);
			return;
		}
		more = zmq_msg_more(&m);
		user = zmq_msg_gets(&m, "User-Id");
		l = user == NULL ? NULL : hub_link_by_key(h, user);
		if (l != NULL && !more && n <= ROUTE_MAX) {
			memcpy(l->route, route, (size_t)n);
			l->route_len = (size_t)n;
			take(h, l, zmq_msg_data(&m), zmq_msg_size(&m));
		}
		zmq_msg_close(&m);
	} while (more);
}

/* Peers answer on their own DEALER, so nothing is expected here. */
static void on_dealer(struct zsock *s)
{
	zmq_msg_t m;

	zmq_msg_init(&m);
	zmq_msg_recv(&m, s->z, ZMQ_DONTWAIT);
	zmq_msg_close(&m);
}

static void on_timer(uv_timer_t *timer)
{
	struct msg_hub *h = timer->data;

	zsock_drain(h->zap);
	zsock_drain(h->router);
}

/* ---- sockets ---- */

static int common_options(void *z, struct err *e)
{
	if (zsock_set_int(z, ZMQ_LINGER, 0, e) != 0 || zsock_set_int(z, ZMQ_IPV6, 1, e) != 0 ||
	    zsock_set_int(z, ZMQ_SNDHWM, 1000, e) != 0 || zsock_set_int(z, ZMQ_RCVHWM, 100, e) != 0 ||
	    zsock_set_int(z, ZMQ_HEARTBEAT_IVL, 2000, e) != 0 ||
	    zsock_set_int(z, ZMQ_HEARTBEAT_TIMEOUT, 6000, e) != 0)
		return -1;
	const int64_t max = MSG_MAX;
	return zsock_set_bytes(z, ZMQ_MAXMSGSIZE, &max, sizeof(max), e);
}

static int set_secret(void *z, struct secret *sk, struct err *e)
{
	int rc = zsock_set_bytes(z, ZMQ_CURVE_SECRETKEY, secret_open(sk), PUBLIC_LEN, e);

	secret_close(sk);
	return rc;
}

static int open_router(struct msg_hub *h, struct err *e)
{
	void *z = zmq_socket(h->zctx, ZMQ_ROUTER);
	const int one = 1;

	if (z == NULL)
		return err_set(e, ERR_INTERNAL, "ZeroMQ gives no socket: %s", zmq_strerror(zmq_errno()));
	if (zmq_setsockopt(z, ENFORCE_DOMAIN, &one, sizeof(one)) != 0) {
		log_event(LOG_ERROR, "zap-not-enforced", "msg=libzmq would let every key in");
		abort();
	}
	if (common_options(z, e) != 0 || zsock_set_int(z, ZMQ_CURVE_SERVER, 1, e) != 0 ||
	    zsock_set_int(z, ZMQ_ROUTER_MANDATORY, 1, e) != 0 ||
	    zsock_set_bytes(z, ZMQ_ZAP_DOMAIN, HUB_DOMAIN, strlen(HUB_DOMAIN), e) != 0 ||
	    set_secret(z, h->config.curve_sk, e) != 0)
		goto fail;
	if (zmq_bind(z, h->config.listen) != 0) {
		err_set(e, ERR_IO, "%s: %s", h->config.listen, zmq_strerror(zmq_errno()));
		goto fail;
	}
	return zsock_watch(h->loop, z, h, on_router, &h->router, e);
fail:
	zmq_close(z);
	return -1;
}

int msg_hub_open(uv_loop_t *loop, const struct msg_hub_config *config, struct msg_hub **out, struct err *e)
{
	struct msg_hub *h = mem_new(1, sizeof(*h));

	h->config = *config;
	h->loop = loop;
	h->refused = mem_new(REFUSED_MAX, sizeof(*h->refused));
	h->zctx = zmq_ctx_new();
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	if (h->zctx == NULL || zap_open(h, e) != 0 || open_router(h, e) != 0) {
		if (h->zctx == NULL)
			err_set(e, ERR_INTERNAL, "ZeroMQ does not start");
		msg_hub_close(h);
		return -1;
	}
	uv_timer_start(&h->timer, on_timer, SAFETY_MS, SAFETY_MS);
	*out = h;
	return 0;
}

static void link_free(struct link *l)
{
	if (l == NULL)
		return;
	zsock_close(l->dealer);
	free(l);
}

static void on_hub_closed(uv_handle_t *handle)
{
	struct msg_hub *h = handle->data;

	free(h->refused);
	free(h);
}

void msg_hub_close(struct msg_hub *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->links; i++)
		link_free(h->link[i]);
	free(h->link);
	zsock_close(h->router);
	zsock_close(h->zap);
	if (h->zctx != NULL)
		zmq_ctx_term(h->zctx);
	uv_close((uv_handle_t *)&h->timer, on_hub_closed);
}

static int link_open(struct msg_hub *h, const struct msg_peer *peer, struct link **out, struct err *e)
{
	struct link *l = mem_new(1, sizeof(*l));
	void *z = NULL;

	l->peer = *peer;
	sodium_bin2hex(l->key_hex, sizeof(l->key_hex), peer->curve_pk, PUBLIC_LEN);
	*out = l;
	if (peer->endpoint[0] == '\0')
		return 0;
	if ((z = zmq_socket(h->zctx, ZMQ_DEALER)) == NULL)
		return err_set(e, ERR_INTERNAL, "ZeroMQ gives no socket: %s", zmq_strerror(zmq_errno()));
	if (common_options(z, e) != 0 || zsock_set_int(z, ZMQ_IMMEDIATE, 1, e) != 0 ||
	    zsock_set_int(z, ZMQ_RECONNECT_IVL, 100, e) != 0 ||
	    zsock_set_int(z, ZMQ_RECONNECT_IVL_MAX, 400, e) != 0 ||
	    zsock_set_int(z, ZMQ_CONNECT_TIMEOUT, 3000, e) != 0 ||
	    zsock_set_bytes(z, ZMQ_CURVE_SERVERKEY, peer->curve_pk, PUBLIC_LEN, e) != 0 ||
	    zsock_set_bytes(z, ZMQ_CURVE_PUBLICKEY, h->config.curve_pk, PUBLIC_LEN, e) != 0 ||
	    set_secret(z, h->config.curve_sk, e) != 0) {
		zmq_close(z);
		return -1;
	}
	if (zmq_connect(z, peer->endpoint) != 0) {
		zmq_close(z);
		return err_set(e, ERR_IO, "%s: %s", peer->endpoint, zmq_strerror(zmq_errno()));
	}
	return zsock_watch(h->loop, z, h, on_dealer, &l->dealer, e);
}

/* The link to the same peer at the same place, taken out of the list. */
static struct link *take_link(struct msg_hub *h, const struct msg_peer *peer)
{
	for (size_t i = 0; i < h->links; i++) {
		struct link *l = h->link[i];

		if (l != NULL && memcmp(l->peer.curve_pk, peer->curve_pk, PUBLIC_LEN) == 0 &&
		    strcmp(l->peer.endpoint, peer->endpoint) == 0) {
			l->peer = *peer;
			h->link[i] = NULL;
			return l;
		}
	}
	return NULL;
}

int msg_hub_peers(struct msg_hub *h, const struct msg_peer *peers, size_t n, struct err *e)
{
	struct link **fresh = mem_new(n + 1, sizeof(*fresh));
	size_t made = 0;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if ((fresh[i] = take_link(h, &peers[i])) == NULL)
			rc = link_open(h, &peers[i], &fresh[i], e);
		made++;
	}
	/* On failure what was opened stays usable: the list is what there is so far and what there was. */
	for (size_t i = 0; i < h->links; i++)
		link_free(h->link[i]);
	free(h->link);
	h->link = fresh;
	h->links = made;
	return rc;
}

/* ---- messages out ---- */

int wire_send(void *z, const void *route, size_t route_len, const char *type, json_t *body, struct err *e)
{
	size_t len;
	char *text = msg_octets(type, body, &len);
	int rc = 0;

	if (text == NULL)
		return err_set(e, ERR_INTERNAL, "%s: no text can be made of it", type);
	if (len > MSG_MAX)
		rc = err_set(e, ERR_LIMIT, "%s of %zu octets, at most %u", type, len, MSG_MAX);
	else if ((route != NULL && zmq_send(z, route, route_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) ||
		 zmq_send(z, text, len, ZMQ_DONTWAIT) < 0)
		rc = err_set(e, ERR_NOTNOW, "%s: %s", type, zmq_strerror(zmq_errno()));
	free(text);
	return rc;
}

int msg_send(struct msg_hub *h, const uint8_t id[NODE_ID_LEN], enum msg_role role, const char *type,
	     json_t *body, struct err *e)
{
	for (size_t i = 0; i < h->links; i++) {
		struct link *l = h->link[i];

		if (l->peer.role != role || memcmp(l->peer.id, id, NODE_ID_LEN) != 0)
			continue;
		if (l->dealer != NULL)
			return wire_send(l->dealer->z, NULL, 0, type, body, e);
		if (l->route_len == 0)
			return err_set(e, ERR_NOTNOW, "%s: %s is not connected", type, l->peer.name);
		return wire_send(h->router->z, l->route, l->route_len, type, body, e);
	}
	return err_set(e, ERR_NOTFOUND, "%s: no such peer", type);
}
