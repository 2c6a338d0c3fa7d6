/* SPDX-License-Identifier: BSD-3-Clause */
/* duet-signer: options, configuration, the starter of auditors, DNS sockets; then two processes, net (the child) and
 * engine. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena/arena.h"
#include "clock/clock.h"
#include "conf/conf.h"
#include "signer/engine/engine.h"
#include "key/key.h"
#include "log/log.h"
#include "signer/net/net.h"
#include "signer/starter.h"
#include "secret/secret.h"

static struct net_config net_config(const struct conf_signer *c, struct net_listener *listeners)
{
	struct net_config n = NET_CONFIG_DEFAULT;

	n.listeners = listeners;
	n.listener_count = c->listen_count + c->review.load_count + c->review.sign_count;
	n.max_tcp = (unsigned)c->max_tcp;
	n.max_tcp_per_address = (unsigned)c->max_tcp_per_address;
	n.max_transfers = (unsigned)c->max_transfers;
	n.max_transfers_per_address = (unsigned)c->max_transfers_per_address;
	n.tcp_idle_timeout_s = (unsigned)c->tcp_idle_timeout_s;
	return n;
}

static void listeners_close(struct net_listener *listeners, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		close(listeners[i].udp);
		close(listeners[i].tcp);
	}
	free(listeners);
}

/* What is published, and what waits for a review, each on addresses of its own. */
static int listeners_open(const struct conf_signer *c, struct net_listener **out, struct err *e)
{
	const struct {
		const struct addr *addr;
		size_t n;
		enum net_shows shows;
	} lists[] = { { c->listen, c->listen_count, NET_PUBLISHED },
		      { c->review.load, c->review.load_count, NET_UNSIGNED },
		      { c->review.sign, c->review.sign_count, NET_SIGNED } };
	struct net_listener *listeners = mem_new(net_config(c, NULL).listener_count + 1, sizeof(*listeners));
	size_t n = 0;

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (size_t i = 0; i < lists[k].n; i++, n++)
			if (net_listen(&lists[k].addr[i], lists[k].shows, &listeners[n], e) != 0) {
				listeners_close(listeners, n);
				return -1;
			}
	*out = listeners;
	return 0;
}

/* The child is net, from before any key is loaded.  Returns its pid, or -1; never returns in the child. */
static pid_t start_net(const struct conf *conf, struct net_listener *listeners, int *sock)
{
	struct net_config config = net_config(&conf->signer, listeners);
	pid_t pid, parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* should engine die without closing its end in order */
		if (getppid() != parent)
			_exit(1);
		close(pair[0]);
		_exit(net_main(&config, pair[1]));
	}
	close(pair[1]);
	*sock = pair[0];
	return pid;
}

int main(int argc, char **argv)
{
	struct net_listener *listeners;
	struct conf *conf;
	struct err e;
	int code, sock = -1, starter;
	pid_t net;

	log_init("duet-signer", LOG_INFO);
	if (clock_init() != 0)
		fprintf(stderr, "duet-signer: the test clock cannot be mapped\n");
	if ((code = conf_start(argc, argv, "duet-signer", "signer", &conf)) >= 0)
		return code;
	if (secret_init(&e) != 0 || key_random_init(&e) != 0) {
		log_event(LOG_ERROR, "start", "msg=%s", e.text);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if ((starter = starter_begin(&e)) < 0) {
		log_event(LOG_ERROR, "start", "msg=%s", e.text);
		conf_free(conf);
		return 1;
	}
	if (listeners_open(&conf->signer, &listeners, &e) != 0) {
		log_event(LOG_ERROR, "start", "msg=%s", e.text);
		conf_free(conf);
		return 1;
	}
	net = start_net(conf, listeners, &sock);
	listeners_close(listeners, net_config(&conf->signer, listeners).listener_count);
	if (net < 0) {
		log_event(LOG_ERROR, "start", "msg=fork: %s", strerror(errno));
		conf_free(conf);
		return 1;
	}
	return engine_main(conf, sock, net, starter);
}
