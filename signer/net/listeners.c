/* SPDX-License-Identifier: BSD-3-Clause */
/* listeners: the sockets that were bound before the fork, in the loop. */
#include "signer/net/serve.h"

#include "arena/arena.h"

#include <stdlib.h>

struct listener *listeners_start(struct net *net, bool tcp, io_event_fn *on_event)
{
	const struct net_config *config = net->config;
	struct listener *l = mem_new(config->listener_count, sizeof(*l));

	for (size_t i = 0; i < config->listener_count; i++) {
		int fd = tcp ? config->listeners[i].tcp : config->listeners[i].udp;

		l[i] = (struct listener){ .net = net, .fd = fd, .shows = config->listeners[i].shows,
				       .io = io_new(&net->loop, fd, &l[i], on_event, NULL) };
		io_want(l[i].io, UV_READABLE);
	}
	return l;
}

void listeners_stop(struct net *net, struct listener *l)
{
	for (size_t i = 0; l != NULL && i < net->config->listener_count; i++)
		io_close(l[i].io);
	free(l);
}
