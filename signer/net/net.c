/* SPDX-License-Identifier: BSD-3-Clause */
/* net: starts, enters the sandbox, runs the loop, and ends when engine does. */
#include "signer/net/net.h"

#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/beside.h"
#include "signer/net/block.h"
#include "signer/net/exchange.h"
#include "signer/net/fetch.h"
#include "signer/net/link.h"
#include "signer/net/notify.h"
#include "signer/net/crew.h"
#include "signer/net/primary.h"
#include "signer/net/refresh.h"
#include "signer/net/sandbox.h"
#include "signer/net/serve.h"

#include "arena/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define VOLUMES_ROOM 512 /* descriptors kept free for volumes and the loop */

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

/* Closes what was inherited and is not ours: the store's descriptors above all. */
static int close_others(const struct net_config *config, int sock, struct err *e)
{
	size_t n = 4 + 2 * config->listener_count;
	int *keep = mem_new(n, sizeof(int)), rc = 0;

	for (int i = 0; i <= 2; i++)
		keep[i] = i;
	keep[3] = sock;
	for (size_t i = 0; i < config->listener_count; i++) {
		keep[4 + 2 * i] = config->listeners[i].udp;
		keep[5 + 2 * i] = config->listeners[i].tcp;
	}
	qsort(keep, n, sizeof(int), compare_fds);
	for (size_t i = 0; i < n; i++) {
		unsigned from = (unsigned)keep[i] + 1, to = i + 1 < n ? (unsigned)keep[i + 1] - 1 : UINT_MAX;

		if ((i + 1 == n || keep[i + 1] > keep[i] + 1) && close_range(from, to, 0) != 0)
			rc = err_errno(e, "closing inherited descriptors");
	}
	free(keep);
	return rc;
}

/* As many descriptors as the limits may need: accept must never fail for want of one. */
static int raise_files(struct net_config *config, struct err *e)
{
	rlim_t fixed = EXCHANGES_MAX + 2 * FETCHES_MAX + 2 * config->listener_count + VOLUMES_ROOM;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_errno(e, "RLIMIT_NOFILE");
	if (limit.rlim_max < fixed + 16)
		return err_set(e, ERR_LIMIT, "%ju descriptors are allowed, at least %ju are needed",
			       (uintmax_t)limit.rlim_max, (uintmax_t)fixed + 16);
	if (config->max_tcp > limit.rlim_max - fixed) {
		config->max_tcp = (unsigned)(limit.rlim_max - fixed);
		log_event(LOG_WARNING, "max-tcp", "max_tcp=%u msg=lowered to what RLIMIT_NOFILE allows",
			  config->max_tcp);
	}
	limit.rlim_cur = fixed + config->max_tcp;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_errno(e, "RLIMIT_NOFILE");
	return 0;
}

/* Lets libraries load now what they would open later. */
static int warm_up(struct err *e)
{
	static const uint8_t root[1] = { 0 }, message[DNS_HEADER_LEN];
	int rc = 0;

	tzset();
	json_object_seed(0); /* reads /dev/urandom */
	for (enum tsig_alg alg = TSIG_HMAC_SHA256; alg <= TSIG_HMAC_SHA512; alg++) {
		struct tsig_key *key = tsig_key_new(root, alg, secret_random(tsig_mac_len(alg)));
		struct tsig *t = tsig_new(key);
		uint8_t record[TSIG_RR_MAX];

		if (t == NULL || tsig_sign(t, message, sizeof(message), 0, TSIG_NOERROR, record) == 0)
			rc = err_set(e, ERR_CRYPTO, "OpenSSL has no %s", tsig_alg_text(alg));
		tsig_free(t);
		tsig_key_unref(key);
	}
	return rc;
}

int net_stop(struct net *net)
{
	struct net_zone *next;

	notify_cancel_all(net);
	for (size_t i = 0; i < ZONE_BUCKETS; i++)
		for (struct net_zone *z = net->zones[i]; z != NULL; z = next) {
			next = z->next;
			net_zone_forget(net, z);
		}
	refresh_stop(net);
	beside_cancel(net);
	exchanges_fini(net);
	tcp_stop(net);
	crew_free(net->crew); /* what it still signs ends, and refers to nothing any more */
	crew_free(net->readers);
	udp_stop(net);
	io_close(net->drain_timer);
	while (net->volumes != NULL)
		net_volume_gone(net, net->volumes->number);
	access_free(net);
	keyring_free(&net->keys);
	keyring_free(&net->incoming_keys);
	link_stop(net);
	blocks_free(net);
	uv_run(&net->loop, UV_RUN_DEFAULT); /* handles close */
	return uv_loop_close(&net->loop);
}

int net_main(const struct net_config *config, int sock)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	struct net_config limits = *config;
	struct net *net = mem_new(1, sizeof(*net));
	int code = 1, flags = fcntl(sock, F_GETFL);
	struct err e;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	log_init("duet-signer-net", LOG_INFO);
	net->config = &limits;
	if (flags < 0 || fcntl(sock, F_SETFL, flags | O_NONBLOCK) != 0) {
		err_errno(&e, "socket to engine");
		goto out;
	}
	if (secret_init(&e) != 0 || close_others(config, sock, &e) != 0 || raise_files(&limits, &e) != 0 ||
	    warm_up(&e) != 0)
		goto out;
	if (uv_loop_init(&net->loop) != 0) {
		err_set(&e, ERR_INTERNAL, "libuv does not start");
		goto out;
	}
	if (sandbox_drop(&e) != 0 || crew_new(&net->loop, &net->readers, &e) != 0 ||
	    crew_new(&net->loop, &net->crew, &e) != 0)
		goto out;
	exchanges_init(net);
	refresh_start(net, primary_look);
	link_start(net, sock);
	udp_start(net);
	tcp_start(net);
	log_event(LOG_INFO, "net-starts", "listeners=%zu max_tcp=%u", config->listener_count, limits.max_tcp);
	if (sandbox_enter(&e) != 0)
		goto out;
	link_send(net, "ready", json_object(), -1, false);
	uv_run(&net->loop, UV_RUN_DEFAULT);
	code = net->exit_code;
	(void)net_stop(net);
	free(net);
	return code;
out:
	log_event(LOG_ERROR, "net-start", "msg=%s", e.text);
	free(net);
	return 1;
}
