/* SPDX-License-Identifier: BSD-3-Clause */
/* engine: the loop, its timers and signals, the list of zones, the queue of tasks that use the store. */
#include "signer/engine/engine.h"

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
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"
#include "log/log.h"

#define TICK_MS    1000
#define SOON_MS    0 /* in the next turn of the loop: each wait here is paid by every change of a zone */
#define NET_END_MS 3000 /* a leak check at the end of a sanitized net takes a while */

/* ---- tasks ---- */

static void task_next(struct engine *e);

static void task_run(uv_work_t *w)
{
	struct engine *e = w->data;

	e->task_first->work(e->task_first);
}

static void task_done(uv_work_t *w, int status)
{
	struct engine *e = w->data;
	struct task *t = e->task_first;

	(void)status;
	if ((e->task_first = t->next) == NULL)
		e->task_end = &e->task_first;
	e->task_running = false;
	t->done(t);
	task_next(e);
}

/* A task without work is done at once, unless the loop is inside another one's done. */
static void task_next(struct engine *e)
{
	while (!e->task_running && e->task_first != NULL) {
		struct task *t = e->task_first;

		if (t->work != NULL) {
			e->task_running = true;
			e->task_work.data = e;
			if (uv_queue_work(&e->loop, &e->task_work, task_run, task_done) != 0)
				abort();
			return;
		}
		if ((e->task_first = t->next) == NULL)
			e->task_end = &e->task_first;
		t->done(t);
	}
}

void engine_task(struct engine *e, struct task *t)
{
	t->next = NULL;
	*e->task_end = t;
	e->task_end = &t->next;
	engine_soon(e);
}

/* ---- zones ---- */

static size_t zone_index(const struct engine *e, const char *name, bool *there)
{
	size_t low = 0, high = e->zone_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(e->zone[middle]->name, name);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*there = false;
	return low;
}

struct opening {
	struct task task;
	struct zwork *z;
};

static void opened(struct task *t)
{
	struct opening *o = (struct opening *)t;

	o->z->busy = false;
	zwork_open(o->z);
	if (o->z->version != NULL)
		netlink_version(o->z->engine->net, o->z);
	zwork_poke(o->z);
	free(o);
}

/* A new zone may have a past in the store: that is read before anything else happens to it. */
static void open_later(struct engine *e, struct zwork *z)
{
	struct opening *o = mem_new(1, sizeof(*o));

	o->z = z;
	o->task.done = opened;
	z->busy = true;
	engine_task(e, &o->task);
}

static struct zwork *zone_insert(struct engine *e, size_t at, const char *name)
{
	if (e->zone_count == e->zone_cap) {
		e->zone_cap = e->zone_cap * 2 + 16;
		e->zone = mem_grow(e->zone, e->zone_cap, sizeof(*e->zone));
	}
	memmove(&e->zone[at + 1], &e->zone[at], (e->zone_count - at) * sizeof(*e->zone));
	e->zone[at] = zwork_new(e, name);
	e->zone_count++;
	return e->zone[at];
}

struct zwork *engine_zone(struct engine *e, const char *name, bool make)
{
	bool there;
	size_t at = zone_index(e, name, &there);

	if (there)
		return e->zone[at];
	if (!make)
		return NULL;
	open_later(e, zone_insert(e, at, name));
	return e->zone[at];
}

void engine_zone_drop(struct engine *e, struct zwork *z)
{
	bool there;
	size_t at = zone_index(e, z->name, &there);

	if (there) {
		memmove(&e->zone[at], &e->zone[at + 1], (e->zone_count - at - 1) * sizeof(*e->zone));
		e->zone_count--;
	}
	waiter_end(z, ERR_NOTFOUND, "the zone was removed");
	zwork_free(z);
}

/* ---- loop ---- */

static void on_soon(uv_timer_t *timer)
{
	struct engine *e = timer->data;

	task_next(e);
	for (size_t i = 0; i < e->zone_count; i++)
		if (e->zone[i]->poked) {
			struct zwork *z = e->zone[i];

			zwork_step(z);
			if (i < e->zone_count && e->zone[i] == z)
				waiter_tick(z);
		}
	task_next(e);
}

void engine_soon(struct engine *e)
{
	if (!e->stopping && !uv_is_active((uv_handle_t *)&e->soon))
		uv_timer_start(&e->soon, on_soon, SOON_MS, 0);
}

bool engine_may_make(const struct engine *e)
{
	return e->compared || e->alone;
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

/* Transfers are answered after the comparison, or when it has taken too long. */
static void serve_when_due(struct engine *e)
{
	int64_t waited_ms = clock_mono_ms() - e->started_mono_ms;

	if (e->serving || !netlink_ready(e->net) ||
	    (!engine_may_make(e) && waited_ms < e->conf->signer.serve_wait_s * 1000))
		return;
	e->serving = true;
	netlink_hold_serve(e->net, false);
	log_event(LOG_NOTICE, "ready", "zones=%zu compared=%s", e->zone_count, e->compared ? "yes" : "no");
	notify_systemd("READY=1");
}

static void on_tick(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	int64_t now = clock_now_s();

	engine_clock_tick(e);
	serve_when_due(e);
	kdlink_tick(e->keydist);
	engine_upkeep(e);
	if (e->drain_until_ms != 0 && clock_mono_ms() >= e->drain_until_ms) {
		e->drain_until_ms = 0;
		log_event(LOG_NOTICE, "drained", "on=no msg=the time is over: serving again");
	}
	for (size_t i = 0; i < e->zone_count; i++) {
		struct zwork *z = e->zone[i];

		secondary_tick(z);
		waiter_tick(z);
		source_step(z);
		if (z->loaded != NULL || z->look_s <= now || z->held_shown != NULL || z->ask_until_ms != 0 || z->gone ||
		    z->set_back)
			z->poked = true;
		if (z->poked)
			engine_soon(e);
	}
}

/* Shorter waits than the tick: polls and asking. */
static void on_quick(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < e->zone_count; i++)
		if (e->zone[i]->look_ms <= now_ms) {
			e->zone[i]->look_ms = INT64_MAX;
			secondary_tick(e->zone[i]);
			zwork_poke(e->zone[i]);
		}
	serve_when_due(e);
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

static int open_zone(void *ctx, const uint8_t *apex, const char *damage)
{
	struct engine *e = ctx;
	char name[DNAME_TEXT_MAX];
	uint8_t lower[DNAME_MAX];
	bool there;
	size_t at;

	dname_lower(apex, lower);
	at = zone_index(e, dname_to_text(lower, name), &there);
	if (there)
		return 0;
	zwork_open(zone_insert(e, at, name));
	if (damage != NULL)
		zwork_damaged(e->zone[at], damage);
	return 0;
}

static void timers_start(struct engine *e, uv_timer_t *quick)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	uv_timer_init(&e->loop, &e->tick);
	uv_timer_init(&e->loop, &e->soon);
	uv_timer_init(&e->loop, quick);
	e->tick.data = e->soon.data = quick->data = e;
	uv_timer_start(&e->tick, on_tick, 0, TICK_MS);
	uv_timer_start(quick, on_quick, 100, 100);
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
	if (store_open(c->signer.state_dir, &e->store, err) != 0 || netlink_open(e, sock, &e->net, err) != 0)
		return -1;
	if (store_unnamed_damage(e->store) > 0)
		log_event(LOG_ERROR, "damaged", "zones=%zu msg=store.db: rows of zones whose names cannot be read; those zones are "
			  "made again from their sources", store_unnamed_damage(e->store));
	if (store_zones(e->store, open_zone, e) != 0 || kdlink_open(e, &e->keydist, err) != 0 || api_open(e, err) != 0)
		return -1;
	source_watch(e);
	return 0;
}

static void close_all(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* Tasks that run are waited for: their commit is then either done or not begun. */
static void engine_close(struct engine *e, int sock)
{
	for (size_t i = 0; i < e->zone_count; i++)
		waiter_end(e->zone[i], ERR_NOTNOW, "the signer is stopping");
	http_server_close(e->api);
	e->api = NULL;
	kdlink_close(e->keydist);
	e->keydist = NULL; /* a task that ends below has nobody to tell */
	while (e->task_running || e->task_first != NULL) {
		task_next(e);
		if (e->task_running)
			uv_run(&e->loop, UV_RUN_ONCE);
	}
	uv_close((uv_handle_t *)&e->tick, NULL);
	if (e->net == NULL)
		close(sock);
	netlink_close(e->net);
	uv_walk(&e->loop, close_all, NULL);
	while (uv_run(&e->loop, UV_RUN_DEFAULT) != 0) /* a loop that was told to stop before it ran does nothing at first */
		;
	while (e->zone_count > 0) {
		engine_zone_drop(e, e->zone[e->zone_count - 1]);
		while (e->task_first != NULL)
			task_next(e);
	}
	free(e->zone);
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

int engine_main(struct conf *conf, int sock, pid_t net_pid)
{
	struct engine *e = mem_new(1, sizeof(*e));
	uv_timer_t quick;
	struct err err;
	int code;

	e->conf = conf;
	e->net_pid = net_pid;
	e->task_end = &e->task_first;
	e->started_mono_ms = clock_mono_ms();
	if (uv_loop_init(&e->loop) != 0)
		return 1;
	timers_start(e, &quick);
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
