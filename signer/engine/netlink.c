/* SPDX-License-Identifier: BSD-3-Clause */
/* netlink: the socket to net; packets wait in a queue until it takes them. */
#include "signer/engine/netlink_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"

struct packet {
	struct packet *next;
	char *text;             /* JSON, or */
	struct secret *secret;  /* TSIG keys */
	int fd;                 /* closed when sent; -1: none */
};

static void packet_free(struct packet *p)
{
	if (p->fd >= 0)
		close(p->fd);
	secret_free(p->secret);
	free(p->text);
	free(p);
}

static int send_packet(struct netlink *n, struct packet *p, struct err *e)
{
	size_t fds = p->fd >= 0 ? 1 : 0;
	int rc;

	if (p->secret == NULL)
		return netmsg_send(n->sock, p->text, strlen(p->text), &p->fd, fds, e);
	rc = netmsg_send(n->sock, secret_open(p->secret), secret_len(p->secret), NULL, 0, e);
	secret_close(p->secret);
	return rc;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void flush(struct netlink *n)
{
	struct err e;

	while (n->first != NULL) {
		struct packet *p = n->first;

		if (send_packet(n, p, &e) != 0) {
			if (e.code == ERR_NOTNOW)
				break;
			log_event(LOG_ERROR, "net-gone", "msg=%s", e.text);
			engine_stop(n->engine, 1);
			return;
		}
		if ((n->first = p->next) == NULL)
			n->end = &n->first;
		packet_free(p);
	}
	uv_poll_start(&n->poll, UV_READABLE | (n->first != NULL ? UV_WRITABLE : 0), on_socket);
}

static void queue(struct netlink *n, struct packet *p)
{
	*n->end = p;
	n->end = &p->next;
	flush(n);
}

int netlink_send(struct netlink *n, const char *type, json_t *o, int fd)
{
	struct packet *p = mem_new(1, sizeof(*p));

	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "t", json_string(type));
	p->text = json_dumps(o, JSON_COMPACT);
	p->fd = fd;
	json_decref(o);
	if (p->text == NULL || strlen(p->text) > NETMSG_MAX) {
		log_event(LOG_ERROR, "net-packet", "type=%s msg=too large to be sent", type);
		packet_free(p);
		return -1;
	}
	queue(n, p);
	return 0;
}

void netlink_send_secret(struct netlink *n, struct secret *secret)
{
	struct packet *p = mem_new(1, sizeof(*p));

	p->fd = -1;
	p->secret = secret;
	queue(n, p);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct netlink *n = poll->data;
	struct err e;
	long len;

	(void)status;
	if ((events & UV_WRITABLE) != 0)
		flush(n);
	for (int i = 0; i < 64; i++) {
		int fds[NETMSG_FDS];
		size_t fd_count = 0;

		if ((len = netmsg_recv(n->sock, n->buf, NETMSG_MAX, fds, &fd_count, &e)) < 0) {
			if (e.code == ERR_NOTNOW)
				return;
			log_event(LOG_WARNING, "net-packet", "msg=%s", e.text);
			continue;
		}
		if (len == 0) {
			uv_poll_stop(&n->poll);
			if (!n->engine->stopping)
				log_event(LOG_ERROR, "net-gone", "msg=the net process has ended; ending too, to be started again");
			engine_stop(n->engine, 1);
			return;
		}
		netlink_hear(n, n->buf, (size_t)len, fd_count > 0 ? fds[0] : -1);
		for (size_t k = 0; k < fd_count; k++)
			close(fds[k]);
	}
}

int netlink_open(struct engine *e, int sock, struct netlink **out, struct err *err)
{
	struct netlink *n = mem_new(1, sizeof(*n));

	n->engine = e;
	n->sock = sock;
	n->end = &n->first;
	n->buf = mem_new(1, NETMSG_MAX + 1);
	if (uv_poll_init(&e->loop, &n->poll, sock) != 0) {
		free(n->buf);
		free(n);
		return err_set(err, ERR_IO, "the socket to net cannot be watched");
	}
	n->poll.data = n;
	uv_poll_start(&n->poll, UV_READABLE, on_socket);
	*out = n;
	return 0;
}

bool netlink_ready(const struct netlink *n)
{
	return n->ready;
}

static void closed(uv_handle_t *h)
{
	struct netlink *n = h->data;

	close(n->sock);
	free(n->volume);
	free(n->buf);
	free(n);
}

void netlink_close(struct netlink *n)
{
	if (n == NULL)
		return;
	while (n->first != NULL) {
		struct packet *p = n->first;

		n->first = p->next;
		packet_free(p);
	}
	n->ready = false;
	uv_close((uv_handle_t *)&n->poll, closed);
}
