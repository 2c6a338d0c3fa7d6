/* SPDX-License-Identifier: BSD-3-Clause */
/* link: reads engine's packets, and queues ours while the socket is full. */
#include "signer/net/link.h"

#include "arena/arena.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_LONG 1000

struct out {
	struct out *next;
	char *packet;
	size_t len;
	int fd;
};

struct link {
	struct io *io;
	struct out *first, **end;
	size_t queued;
	uint8_t packet[NETMSG_MAX];
};

static void end(struct net *net, int exit_code)
{
	net->exit_code = exit_code;
	uv_stop(&net->loop);
}

static void out_free(struct out *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->packet);
	free(o);
}

/* Sends what waits, as far as it goes. */
static void flush(struct net *net)
{
	struct link *l = net->link;
	struct err e;

	while (l->first != NULL) {
		struct out *o = l->first;

		if (netmsg_send(io_fd(l->io), o->packet, o->len, &o->fd, o->fd >= 0 ? 1 : 0, &e) != 0) {
			if (e.code == ERR_NOTNOW)
				break;
			log_event(LOG_ERROR, "engine-gone", "msg=%s", e.text);
			end(net, 1);
			return;
		}
		l->first = o->next;
		if (l->first == NULL)
			l->end = &l->first;
		l->queued--;
		out_free(o);
	}
	io_want(l->io, UV_READABLE | (l->first != NULL ? UV_WRITABLE : 0));
}

void link_send(struct net *net, const char *type, json_t *message, int fd, bool may_drop)
{
	struct link *l = net->link;
	struct out *o;
	size_t len;

	json_object_set_new(message, "v", json_integer(1));
	json_object_set_new(message, "t", json_string(type));
	o = mem_new(1, sizeof(*o));
	o->fd = fd;
	o->packet = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	len = o->packet == NULL ? 0 : strlen(o->packet);
	if (len == 0 || len > NETMSG_MAX || (may_drop && l->queued >= QUEUE_LONG)) {
		log_event(LOG_WARNING, "not-told", "type=%s octets=%zu queued=%zu", type, len, l->queued);
		out_free(o);
		return;
	}
	o->len = len;
	*l->end = o;
	l->end = &o->next;
	l->queued++;
	flush(net);
}

/* One packet; 1 when there may be more, 0 when there is none now, -1 when net ends. */
static int take(struct net *net)
{
	struct link *l = net->link;
	int fds[NETMSG_FDS];
	size_t fd_count;
	struct err e;
	long n = netmsg_recv(io_fd(l->io), l->packet, sizeof(l->packet), fds, &fd_count, &e);

	if (n == 0) {
		log_event(LOG_NOTICE, "engine-closed", "msg=net ends");
		end(net, 0);
		return -1;
	}
	if (n < 0 && e.code == ERR_NOTNOW)
		return 0;
	if (n < 0 || orders_do(net, l->packet, (size_t)n, fds, fd_count, &e) != 0) {
		log_event(LOG_ERROR, "engine-packet", "msg=%s", e.text);
		end(net, 1);
		return -1;
	}
	return 1;
}

static void on_event(void *ctx, int events)
{
	struct net *net = ctx;

	if ((events & UV_WRITABLE) != 0)
		flush(net);
	if ((events & UV_READABLE) != 0)
		for (int i = 0; i < 64 && take(net) > 0; i++)
			;
}

void link_start(struct net *net, int sock)
{
	net->link = mem_new(1, sizeof(*net->link));
	net->link->end = &net->link->first;
	net->link->io = io_new(&net->loop, sock, net, on_event, NULL);
	io_want(net->link->io, UV_READABLE);
}

void link_stop(struct net *net)
{
	struct link *l = net->link;

	while (l->first != NULL) {
		struct out *o = l->first;

		l->first = o->next;
		out_free(o);
	}
	io_close(l->io);
	sodium_memzero(l->packet, sizeof(l->packet));
	free(l);
	net->link = NULL;
}
