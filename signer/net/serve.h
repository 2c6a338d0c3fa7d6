/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_SERVE_H
#define DUET_NET_SERVE_H

#include "signer/net/state.h"

/* serve - the listening sockets: UDP queries, TCP connections with their transfers. */

void udp_start(struct net *net);
void udp_stop(struct net *net);
void tcp_start(struct net *net);
void tcp_stop(struct net *net);
/* Closes every connection that others opened; listening goes on. */
void tcp_cut_all(struct net *net);

#endif
