/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_net_orders: any packets as engine's to a net process.  The input is a list of them: a flag octet, a length of two
 * octets, the packet; flag 1: a sealed memfd goes with it, flag 2: one that is not sealed, in each case length and octets.
 * Nothing leaves this process: connect and sendto fail.
 */
#include "signer/net/link.h"
#include "signer/net/primary.h"
#include "signer/net/refresh.h"

#include "arena/arena.h"
#include "log/log.h"
#include "signer/net/exchange.h"
#include "signer/net/notify.h"
#include "signer/net/serve.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_main.h"

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	(void)fd;
	(void)to;
	(void)len;
	errno = ENETUNREACH;
	return -1;
}

static struct net *start(int *engine)
{
	static struct net_config config = NET_CONFIG_DEFAULT;
	struct net *net = mem_new(1, sizeof(*net));
	int pair[2], rc;

	net->config = &config;
	rc = uv_loop_init(&net->loop) | socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	assert(rc == 0);
	*engine = pair[0];
	exchanges_init(net);
	refresh_start(net, primary_look);
	link_start(net, pair[1]);
	tcp_start(net);
	return net;
}

static void end(struct net *net, int engine)
{
	int rc = net_stop(net);

	close(engine);
	assert(rc == 0); /* every handle was closed */
	free(net);
}

/* What is served can be walked, and lies in volumes that are open. */
static void check(struct net *net)
{
	for (size_t i = 0; i < ZONE_BUCKETS && net->zone_count > 0; i++)
		for (const struct net_zone *z = net->zones[i]; z != NULL; z = z->next) {
			size_t n = z->now == NULL ? 0 : pages_count(z->now->pages), behind;

			for (size_t k = 0; k < n; k += behind) {
				const struct page *p = pages_at(z->now->pages, k, &behind);

				assert(behind > 0 && behind <= n - k && p->volume->refs > 0 && p->volume->fd >= 0);
			}
		}
}

/* The descriptor that goes with a packet, or -1. */
static int descriptor(struct rd *r, uint8_t flags)
{
	uint16_t len = (flags & 3) == 0 ? 0 : rd_u16(r);
	const uint8_t *octets = rd_bytes(r, len);
	int fd;

	if ((flags & 3) == 0 || octets == NULL)
		return -1;
	if ((flags & 1) != 0)
		return netmsg_memfd("fuzz", octets, len, NULL);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, octets, len) == len);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t packet[NETMSG_MAX];
	struct rd r = rd_of(data, len);
	struct net *net;
	int engine, rc = 0;

	log_init("fuzz", LOG_ERROR);
	if (secret_init(NULL) != 0)
		abort();
	net = start(&engine);
	for (int i = 0; i < 64 && rc == 0 && rd_left(&r) > 0; i++) {
		uint8_t flags = rd_u8(&r);
		uint16_t n = rd_u16(&r);
		const uint8_t *p = rd_bytes(&r, n);
		struct err e = { 0 };
		int fd;

		if (r.bad || n == 0)
			break;
		fd = descriptor(&r, flags);
		memcpy(packet, p, n); /* packets of secrets are wiped where they lie */
		rc = orders_do(net, packet, n, &fd, fd < 0 ? 0 : 1, &e);
		assert(rc == 0 || e.code != 0);
		check(net);
	}
	end(net, engine);
	return 0;
}
