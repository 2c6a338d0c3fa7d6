/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_net_query: any octets as a query to a net process that serves example.test. to everybody and has the
 * keys of tests/unit/lib/dns/vectors.h.  The first octet chooses UDP or TCP.
 */
#include "signer/net/answer.h"

#include "arena/arena.h"
#include "log/log.h"
#include "signer/net/link.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/fuzz/fuzz_main.h"

static struct net *net;
static int engine;

static const uint8_t apex[] = "\007example\004test";
static const uint8_t soa[] =
	"\007example\004test\000\000\006\000\001\000\000\001\054\000\026\000\000\000\000\000\007"
	"\000\000\000\001\000\000\000\002\000\000\000\003\000\000\000\004";

static void start(void)
{
	static struct net_config config = NET_CONFIG_DEFAULT;
	uint8_t octets[64];
	struct net_zone *zone;
	json_t *peers;
	int pair[2], rc;

	net = mem_new(1, sizeof(*net));
	net->config = &config;
	log_init("fuzz", LOG_ERROR);
	rc = secret_init(NULL) | uv_loop_init(&net->loop) | socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	assert(rc == 0);
	engine = pair[0];
	link_start(net, pair[1]);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	net->keys.keys = mem_new(3, sizeof(struct tsig_key *));
	net->keys.newest = mem_new(3, sizeof(bool));
	for (enum tsig_alg a = TSIG_HMAC_SHA256; a <= TSIG_HMAC_SHA512; a++)
		net->keys.keys[net->keys.n++] = tsig_key_new((const uint8_t *)"\001k\007example", a,
							     secret_from(octets, tsig_mac_len(a)));
	peers = json_pack("{s:[{s:s, s:n}]}", "transfer", "prefix", "192.0.2.0/24", "key");
	rc = access_set(net, peers, NULL);
	assert(rc == 0);
	json_decref(peers);
	zone = net_zone_get(net, apex);
	zone->now =
		served_new(net, apex, 7, soa, sizeof(soa) - 1, pages_splice(net, NULL, NULL, 0, 0, NULL), NULL);
	assert(zone->now != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[DNS_MESSAGE_MAX];
	struct answer a = { .w = wr_of(out, sizeof(out)) };
	char packet[1024];
	struct addr from;
	struct dns_msg m;
	bool tcp;

	if (net == NULL)
		start();
	if (len < 1 || len > DNS_MESSAGE_MAX || addr_parse("192.0.2.77", 53, &from, NULL) != 0)
		return 0;
	tcp = (data[0] & 1) != 0;
	switch (answer_query(net, data + 1, len - 1, &from, tcp, &a)) {
	case ANSWER_NONE:
		break;
	case ANSWER_MESSAGE:
		/* What we send, anybody reads; over UDP it is no larger than allowed. */
		assert(!a.w.bad && dns_msg_read(out, a.w.at, &m, NULL) == 0 && (m.flags & DNS_QR) != 0);
		assert(tcp || a.w.at <= DNS_UDP_SIZE + 2 * TSIG_RR_MAX);
		break;
	case ANSWER_TRANSFER:
		assert(tcp && a.version->serial == 7);
		served_unref(net, a.version);
		tsig_free(a.tsig);
		break;
	}
	while (recv(engine, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		;
	return 0;
}
