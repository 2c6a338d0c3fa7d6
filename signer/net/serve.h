/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_SERVE_H
#define DUET_NET_SERVE_H

#include "signer/net/state.h"

/* serve - the listening sockets: UDP queries, TCP connections with their transfers. */

/* One bound socket; `fd` is its io's. */
struct listener {
	struct net *net;
	struct io *io;
	int fd;
	enum net_shows shows;
};

/* Watches the UDP or the TCP socket of each address; on_event gets its struct listener. */
struct listener *listeners_start(struct net *net, bool tcp, io_event_fn *on_event);
void listeners_stop(struct net *net, struct listener *l); /* frees; NULL does nothing */

void udp_start(struct net *net);
void udp_stop(struct net *net);
void tcp_start(struct net *net);
void tcp_stop(struct net *net);
/* Closes every connection that others opened; listening goes on. */
void tcp_cut_all(struct net *net);

#endif
