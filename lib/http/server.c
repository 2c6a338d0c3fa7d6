/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server: libmicrohttpd on a unix socket, driven by the caller's loop.
 *
 * libmicrohttpd keeps its connections in an epoll set of its own; uv_poll watches that set, MHD_run works it
 * off, a timer does the same when libmicrohttpd has a deadline.  Invariant: every request that is taken
 * `later` is suspended in libmicrohttpd and stands in server->later until http_finish, and server_close
 * finishes all of them.
 */
#include "http/server_impl.h"

#include "http/listen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS_MAX       64
#define IDLE_TIMEOUT_S        30
#define MEMORY_PER_CONNECTION 65536

static void on_timer(uv_timer_t *timer);

static void work(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	s->running = true;
	s->again = false;
	MHD_run(s->daemon);
	s->running = false;
	if (s->again)
		uv_timer_start(&s->timer, on_timer, 0, 0);
	else if (MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES)
		uv_timer_start(&s->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&s->timer);
}

static void on_timer(uv_timer_t *timer)
{
	work(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	work(poll->data);
}

void http_wake(struct http_server *s)
{
	s->again = true;
	if (!s->running)
		uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* Paths and query values are decoded by us, after they are split. */
static size_t leave_encoded(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

static void no_log(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)fmt;
	(void)ap;
}

static void on_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;

	if (--s->handles > 0)
		return;
	free(s->path);
	free(s);
}

static struct MHD_Daemon *daemon_start(struct http_server *s, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				http_on_access, s, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, http_on_end, NULL,
				MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
				MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)MEMORY_PER_CONNECTION, MHD_OPTION_END);
}

int http_server_open(uv_loop_t *loop, const char *path, const struct http_route *routes, size_t route_count,
		     void *ctx, struct http_server **out, struct err *e)
{
	const union MHD_DaemonInfo *info;
	struct http_server *s;
	int fd = http_listen_unix(path, CONNECTIONS_MAX, e);

	if (fd < 0)
		return -1;
	s = mem_new(1, sizeof(*s));
	s->loop = loop;
	s->routes = routes;
	s->route_count = route_count;
	s->ctx = ctx;
	s->path = mem_strdup(path);
	s->daemon = daemon_start(s, fd);
	info = s->daemon != NULL ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL || uv_poll_init(loop, &s->poll, info->epoll_fd) != 0) {
		err_set(e, ERR_INTERNAL, "%s: the HTTP server does not start", path);
		if (s->daemon != NULL)
			MHD_stop_daemon(s->daemon);
		else
			close(fd);
		unlink(path);
		free(s->path);
		free(s);
		return -1;
	}
	uv_timer_init(loop, &s->timer);
	s->poll.data = s->timer.data = s;
	s->handles = 2;
	uv_poll_start(&s->poll, UV_READABLE, on_poll);
	*out = s;
	return 0;
}

void http_server_close(struct http_server *s)
{
	const struct err stopping = { .code = ERR_NOTNOW, .text = "the daemon is stopping" };

	if (s == NULL)
		return;
	while (s->later != NULL)
		http_finish(s->later, NULL, &stopping);
	MHD_run(s->daemon); /* resumes and answers those */
	uv_poll_stop(&s->poll);
	MHD_stop_daemon(s->daemon);
	unlink(s->path);
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}
