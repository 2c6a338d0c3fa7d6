/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_kdhear: what a keydist may say to its engine.  Plans are read and checked as the engine does it; everything
 * else goes to the handlers of an engine that has no zones and a net at the other end of a socket.
 */
#include "signer/engine/kdlink_impl.h"

#include "arena/arena.h"
#include "log/log.h"
#include "signer/engine/netlink.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/fuzz/fuzz_main.h"

static struct engine *engine;
static struct kdlink link_;
static int net;

static void open_once(void)
{
	static struct conf conf;
	static char name[] = "self";
	struct secret *sk;
	int pair[2], rc;
	struct err e;

	log_init("fuzz", LOG_ERROR);
	engine = mem_new(1, sizeof(*engine));
	rc = secret_init(&e) | uv_loop_init(&engine->loop) | socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
	assert(rc == 0);
	conf.node.name = name;
	engine->conf = &conf;
	sk = secret_new(32);
	crypto_box_keypair(engine->identity.box_pk, secret_open_rw(sk));
	secret_close(sk);
	engine->identity.box_sk = sk;
	net = pair[0];
	rc = netlink_open(engine, pair[1], &engine->net, &e);
	assert(rc == 0);
	engine->keydist = &link_;
	link_.engine = engine;
}

static void read_plans(const json_t *msg)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(msg, "list"), i, row)
	{
		struct plan *plan = NULL;
		uint8_t apex[DNAME_MAX];
		struct err e;

		if (msg_name(row, "zone", apex, NULL) != 0)
			continue;
		if (plan_read(row, apex, &engine->identity, NULL, 1800000000, &plan, &e) == 0)
			assert(plan->gone || plan->source != NULL);
		plan_unref(plan);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *type = NULL;
	char packet[65536];
	json_t *msg;

	if (engine == NULL)
		open_once();
	if ((msg = msg_parse(data, len, &type, NULL)) == NULL)
		return 0;
	if (strcmp(type, "plans") == 0)
		read_plans(msg);
	else
		kdhear(&link_, type, msg);
	json_decref(msg);
	while (recv(net, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		;
	return 0;
}
