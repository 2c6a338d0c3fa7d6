/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_H
#define DUET_NET_H

#include <stddef.h>
#include <stdint.h>

#include "addr/addr.h"
#include "err/err.h"

/*
 * net - the process that speaks DNS: answers SOA, AXFR, IXFR and NOTIFY, tells secondaries of new versions,
 * fetches from primaries and asks servers for engine.  It holds TSIG secrets and no other, has no path to the
 * store, and opens nothing once it has started.  What engine and net say to each other is in signer/netmsg.h.
 */

/* What is shown on an address: what is published, or what waits for a review. */
enum net_shows { NET_PUBLISHED, NET_UNSIGNED, NET_SIGNED, NET_SHOWS };

/* One address that we serve on: its two bound sockets. */
struct net_listener {
	struct addr addr;
	enum net_shows shows;
	int udp;
	int tcp;
};

struct net_config {
	const struct net_listener *listeners;
	size_t listener_count;
	unsigned max_tcp; /* connections that others opened */
	unsigned max_tcp_per_address;
	unsigned max_transfers;      /* running at once, out; others wait for SERVFAIL */
	unsigned max_transfers_per_address; /* 0: half of them, one at least */
	unsigned tcp_idle_timeout_s; /* also for a client that does not read its transfer */
	uint64_t max_input_octets;   /* bound on one transfer in, uncompressed */
};
#define NET_CONFIG_DEFAULT                                                                                   \
	((struct net_config){ .max_tcp = 512,                                                                \
			      .max_tcp_per_address = 64,                                                     \
			      .max_transfers = 64,                                                           \
			      .tcp_idle_timeout_s = 10,                                                      \
			      .max_input_octets = (uint64_t)2 << 30 })

/* Binds and listens, UDP and TCP, before the fork and while port 53 is still allowed.  The caller closes on
 * failure elsewhere.  ERR_IO. */
int net_listen(const struct addr *addr, enum net_shows shows, struct net_listener *out, struct err *e);

/*
 * net_main - the net process, in the forked child, with engine at the other end of sock (SOCK_SEQPACKET).
 * Closes every descriptor but 0-2, sock and the listeners', drops capabilities, enters the sandbox, says
 * `ready` and serves until engine's end is closed.  SIGTERM, SIGINT and SIGHUP do nothing: engine decides.
 * Returns the exit code.
 */
int net_main(const struct net_config *config, int sock);

#endif
