/* SPDX-License-Identifier: BSD-3-Clause */
/* engine: from start to end; signals, reloading, draining. */
#include "signer/engine/engine.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/auditor.h"
#include "signer/engine/cross.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/lend.h"
#include "signer/engine/look.h"
#include "signer/engine/netlink.h"
#include "signer/engine/whole.h"
#include "signer/engine/zwork.h"
#include "log/log.h"
#include "runner/runner.h"
#include "sort/sort.h"

#define ARENAS     2    /* of malloc: the loop's and the pool's, which wait for each other; each more costs memory of many zones */
#define NET_END_MS 3000 /* a leak check at the end of a sanitized net takes a while */

bool engine_may_make(const struct engine *e)
{
	return e->compared || e->alone;
}

bool engine_unsure(const struct engine *e)
{
	return !e->sure && !e->alone;
}

static void notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

void engine_serve_when_due(struct engine *e)
{
	int64_t waited_ms = clock_mono_ms() - e->started_mono_ms;

	if (e->serving || !netlink_ready(e->net) ||
	    (!engine_may_make(e) && waited_ms < e->conf->signer.serve_wait_s * 1000))
		return;
	e->serving = true;
	netlink_hold_serve(e->net, e->leaving);
	log_event(LOG_NOTICE, "ready", "zones=%zu compared=%s", e->zone_count, e->compared ? "yes" : "no");
	notify_systemd("READY=1");
}

void engine_drain(struct engine *e, int64_t for_ms)
{
	if (for_ms < 0)
		for_ms = 0;
	e->drain_until_ms = for_ms == 0 ? 0 : clock_mono_ms() + for_ms;
	log_event(LOG_NOTICE, "drained", "on=%s for-ms=%lld", for_ms == 0 ? "no" : "yes", (long long)for_ms);
	netlink_drain(e->net, for_ms);
}

int engine_reload(struct engine *e, struct err *err)
{
	struct conf *conf;

	if (conf_reload(e->conf, "signer", &conf, err) != 0)
		return -1;
	conf_free(e->conf);
	e->conf = conf;
	for (size_t i = 0; i < e->zone_count; i++) {
		secondary_configure(e->zone[i]);
		zwork_poke(e->zone[i]);
	}
	netlink_peers(e->net);
	lookers_reload(e);
	log_event(LOG_NOTICE, "reloaded", "msg=addresses, sockets and folders stay as they were until a restart");
	return 0;
}

void engine_stop(struct engine *e, int exit_code)
{
	if (e->stopping)
		return;
	e->stopping = true;
	e->exit_code = exit_code;
	uv_stop(&e->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct engine *e = handle->data;
	struct err err;

	if (number == SIGHUP) {
		engine_reload(e, &err); /* mistakes are logged there */
		return;
	}
	log_event(LOG_NOTICE, "stopping", "signal=%d", number);
	engine_stop(e, 0);
}

static void signals_start(struct engine *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < 3; i++) {
		uv_signal_init(&e->loop, &e->signal[i]);
		e->signal[i].data = e;
		uv_signal_start(&e->signal[i], on_signal, signals[i]);
	}
}

static int engine_open(struct engine *e, int sock, struct err *err)
{
	const struct conf *c = e->conf;

	if (engine_identity_load(c->node.engine_identity, &e->identity, err) != 0)
		return -1;
	mkdir(c->signer.state_dir, 0700);
	if (store_open(c->signer.state_dir, &e->store, err) != 0 ||
	    writer_new(&e->loop, e->store, &e->writer, err) != 0 || netlink_open(e, sock, &e->net, err) != 0)
		return -1;
	e->works = works_new(&e->loop);
	e->wholes = wholes_new();
	e->lends = lends_new();
	e->sort_memory = sort_memory_new();
	lookers_open(e);
	e->crosses = crosses_new(e);
	engine_zones_open(e);
	if (kdlink_open(e, &e->keydist, err) != 0 || api_open(e, err) != 0)
		return -1;
	folder_watch(e);
	return 0;
}

static void close_all(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* What runs in the pool is waited for, and what waits for the writer is written. */
static void engine_close(struct engine *e, int sock)
{
	rounds_end(e); /* the loop runs on below, until what runs in the pool has ended */
	for (size_t i = 0; i < e->zone_count; i++)
		waiter_end(e->zone[i], ERR_NOTNOW, "the signer is stopping");
	lends_end(e->lends);
	lookers_end(e);
	review_ask_close(e);
	runner_close(e->web);
	e->web = NULL;
	http_server_close(e->api);
	e->api = NULL;
	kdlink_close(e->keydist);
	e->keydist = NULL; /* what ends below has nobody to tell */
	if (e->works != NULL)
		works_end(e->works);
	auditor_stop(e->auditor); /* what it says now nobody would publish */
	while (e->works != NULL && (works_running(e->works) > 0 || wholes_running(e)))
		uv_run(&e->loop, UV_RUN_ONCE);
	auditor_free(e->auditor);
	writer_free(e->writer);
	if (e->net == NULL)
		close(sock);
	netlink_close(e->net);
	uv_walk(&e->loop, close_all, NULL);
	while (uv_run(&e->loop, UV_RUN_DEFAULT) != 0) /* a loop that was told to stop before it ran does nothing at first */
		;
	engine_zones_close(e);
	lookers_close(e);
	crosses_free(e->crosses);
	folder_end(e);
	works_free(e->works);
	wholes_free(e->wholes);
	lends_free(e->lends);
	sort_memory_free(e->sort_memory);
	free(e->hold);
	store_close(e->store);
	engine_identity_fini(&e->identity);
	uv_loop_close(&e->loop);
	conf_free(e->conf);
}

/* net ends when its socket closes.  One that is stuck, or stopped, does not keep the engine. */
static void net_reap(pid_t pid)
{
	for (int ms = 0; ms < NET_END_MS; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		usleep(10000);
	}
	log_event(LOG_WARNING, "net-killed", "pid=%d msg=net did not end by itself within %d ms", (int)pid, NET_END_MS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int engine_main(struct conf *conf, int sock, pid_t net_pid, int starter)
{
	struct engine *e = mem_new(1, sizeof(*e));
	struct err err;
	int code;

	mallopt(M_ARENA_MAX, ARENAS); /* before there are threads */
	e->conf = conf;
	e->net_pid = net_pid;
	e->auditor = auditor_new(starter);
	e->started_mono_ms = clock_mono_ms();
	if (uv_loop_init(&e->loop) != 0)
		return 1;
	rounds_start(e);
	signals_start(e);
	if (engine_open(e, sock, &err) != 0) {
		log_event(LOG_ERROR, "start", "msg=%s", err.text);
		engine_stop(e, 1);
	} else {
		uv_run(&e->loop, UV_RUN_DEFAULT);
	}
	notify_systemd("STOPPING=1");
	code = e->exit_code;
	engine_close(e, sock);
	net_reap(net_pid);
	free(e);
	uv_library_shutdown(); /* ends the pool's threads */
	OPENSSL_cleanup();     /* not at exit, where a leak checker would find what the secure heap alone points to */
	return code;
}
