/* SPDX-License-Identifier: BSD-3-Clause */
/* serve: connections, the queue, and who runs. */
#include "runner/serve.h"

#include "clock/clock.h"
#include "log/log.h"
#include "msg/msg.h"
#include "msg/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNS_MAX 64

struct conn;

struct job {
	struct serve_job job;
	TAILQ_ENTRY(job) entry;
	struct conn *conn; /* NULL: nobody waits for the result */
	uint64_t number;
	bool running;
	struct arena *arena;
	char *packet; /* the result, until it is sent */
};
TAILQ_HEAD(job_list, job);

struct conn {
	struct serve *serve;
	int fd;
	uv_poll_t poll;
	struct job_list results; /* to be sent */
	TAILQ_ENTRY(conn) entry;
	bool closing;
};

struct serve {
	uv_loop_t *loop;
	int fd;
	uv_poll_t poll;
	bool closing;
	size_t at_once, running, waiting_count, conn_count;
	struct serve_worker worker;
	struct job_list waiting, started;
	TAILQ_HEAD(conn_list, conn) conns;
	uint8_t buf[RUNNER_PACKET_MAX];
};

static void job_free(struct job *j)
{
	if (j->job.request.in_fd >= 0)
		close(j->job.request.in_fd);
	if (j->job.request.out_fd >= 0)
		close(j->job.request.out_fd);
	arena_free(j->arena);
	free(j->packet);
	free(j);
}

/* ---- the queue ---- */

static void start_next(struct serve *s)
{
	while (!s->closing && s->running < s->at_once && !TAILQ_EMPTY(&s->waiting)) {
		struct job *j = TAILQ_FIRST(&s->waiting);

		TAILQ_REMOVE(&s->waiting, j, entry);
		TAILQ_INSERT_TAIL(&s->started, j, entry);
		s->waiting_count--;
		s->running++;
		j->running = true;
		j->job.started_ms = clock_mono_ms();
		if (j->job.request.kind != s->worker.kind)
			serve_refuse(&j->job, "this runner does not do that");
		else
			s->worker.start(s->worker.ctx, &j->job);
	}
}

static void give_back(struct job *j);

void serve_done(struct serve_job *job, struct runner_result *result)
{
	struct job *j = (struct job *)job;
	struct serve *s = job->serve;

	result->ran_ms = clock_mono_ms() - job->started_ms;
	TAILQ_REMOVE(&s->started, j, entry);
	s->running--;
	j->running = false;
	if (j->conn == NULL) {
		job_free(j);
	} else {
		j->packet = runner_result_pack(result, j->number);
		give_back(j);
	}
	start_next(s);
}

void serve_refuse(struct serve_job *job, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_event(LOG_WARNING, "not-started", "%s what=%s msg=%s", job->request.label, job->request.what, why);
	serve_done(job, &(struct runner_result){ .outcome = RUNNER_NOT_STARTED, .why = why });
}

/* ---- connections ---- */

static void on_conn(uv_poll_t *poll, int status, int events);

static void conn_closed(uv_handle_t *h)
{
	free(h->data);
}

/* Everything that was asked on it is ended. */
static void conn_close(struct conn *c)
{
	struct serve *s = c->serve;
	struct job *j, *next;

	if (c->closing)
		return;
	c->closing = true;
	uv_poll_stop(&c->poll);
	close(c->fd);
	TAILQ_REMOVE(&s->conns, c, entry);
	s->conn_count--;
	for (j = TAILQ_FIRST(&s->waiting); j != NULL; j = next) {
		next = TAILQ_NEXT(j, entry);
		if (j->conn == c) {
			TAILQ_REMOVE(&s->waiting, j, entry);
			s->waiting_count--;
			job_free(j);
		}
	}
	TAILQ_FOREACH(j, &s->started, entry)
		if (j->conn == c)
			j->conn = NULL;
	while ((j = TAILQ_FIRST(&c->results)) != NULL) {
		TAILQ_REMOVE(&c->results, j, entry);
		job_free(j);
	}
	for (bool again = true; again;) { /* stop may call serve_done, which changes the list */
		again = false;
		TAILQ_FOREACH(j, &s->started, entry)
			if (j->conn == NULL && j->number != 0) {
				j->number = 0; /* stopped once */
				s->worker.stop(s->worker.ctx, &j->job);
				again = true;
				break;
			}
	}
	uv_close((uv_handle_t *)&c->poll, conn_closed);
}

static void send_results(struct conn *c)
{
	struct job *j;
	struct err e;

	while ((j = TAILQ_FIRST(&c->results)) != NULL) {
		if (packet_send(c->fd, j->packet, strlen(j->packet), NULL, 0, &e) != 0) {
			if (e.code == ERR_NOTNOW)
				break;
			conn_close(c);
			return;
		}
		TAILQ_REMOVE(&c->results, j, entry);
		job_free(j);
	}
	uv_poll_start(&c->poll, UV_READABLE | (TAILQ_EMPTY(&c->results) ? 0 : UV_WRITABLE), on_conn);
}

/* Not sent from here: who asks for serve_done may be in the middle of the lists. */
static void give_back(struct job *j)
{
	TAILQ_INSERT_TAIL(&j->conn->results, j, entry);
	uv_poll_start(&j->conn->poll, UV_READABLE | UV_WRITABLE, on_conn);
}

static void cancel(struct conn *c, uint64_t number)
{
	struct serve *s = c->serve;
	struct job *j;

	TAILQ_FOREACH(j, &s->waiting, entry)
		if (j->conn == c && j->number == number) {
			TAILQ_REMOVE(&s->waiting, j, entry);
			s->waiting_count--;
			job_free(j);
			return;
		}
	TAILQ_FOREACH(j, &s->started, entry)
		if (j->conn == c && j->number == number) {
			j->conn = NULL;
			j->number = 0;
			s->worker.stop(s->worker.ctx, &j->job);
			return;
		}
}

/* A request, with as many descriptors as it says; -1: this is none. */
static int take_request(struct conn *c, size_t len, int *fds, size_t fd_count, struct err *e)
{
	struct serve *s = c->serve;
	struct job *j = mem_new(1, sizeof(*j));
	bool in, out;

	j->arena = arena_new();
	j->job.serve = s;
	if (runner_request_read(s->buf, len, j->arena, &j->job.request, &j->number, &in, &out, e) != 0 ||
	    fd_count != (size_t)in + (size_t)out || j->number == 0) {
		if (fd_count != (size_t)in + (size_t)out)
			err_set(e, ERR_SYNTAX, "a request with another number of descriptors than it says");
		j->job.request.in_fd = j->job.request.out_fd = -1;
		job_free(j);
		return -1;
	}
	if (in)
		j->job.request.in_fd = fds[0];
	if (out)
		j->job.request.out_fd = fds[in];
	j->conn = c;
	if (s->waiting_count == RUNNER_WAITING_MAX) {
		j->packet = runner_result_pack(&(struct runner_result){ .outcome = RUNNER_NOT_STARTED,
									.why = "too many wait already" },
					       j->number);
		give_back(j);
		return 0;
	}
	TAILQ_INSERT_TAIL(&s->waiting, j, entry);
	s->waiting_count++;
	return 0;
}

static int take(struct conn *c, size_t len, int *fds, size_t fd_count)
{
	const char *type = NULL;
	json_t *o = msg_parse(c->serve->buf, len, &type, NULL);
	uint64_t number;
	struct err e;
	int rc = -1;

	if (o != NULL && strcmp(type, "cancel") == 0 && fd_count == 0 &&
	    msg_uint(o, "id", INT64_MAX, &number, &e) == 0) {
		cancel(c, number);
		rc = 0;
	} else if (o != NULL) {
		rc = take_request(c, len, fds, fd_count, &e);
	} else {
		err_set(&e, ERR_SYNTAX, "no packet of version 1");
	}
	json_decref(o);
	if (rc == 0)
		return 0;
	log_event(LOG_WARNING, "request-refused", "msg=%s", e.text);
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]);
	return -1;
}

static void on_conn(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	struct serve *s = c->serve;
	struct err e;

	(void)status;
	if ((events & UV_WRITABLE) != 0)
		send_results(c);
	for (int i = 0; i < 64 && !c->closing; i++) {
		int fds[PACKET_FDS];
		size_t fd_count = 0;
		long len = packet_recv(c->fd, s->buf, sizeof(s->buf), fds, &fd_count, &e);

		if (len < 0 && e.code == ERR_NOTNOW)
			break;
		if (len <= 0 || take(c, (size_t)len, fds, fd_count) != 0)
			conn_close(c);
	}
	start_next(s);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct serve *s = poll->data;
	int fd;

	(void)status;
	(void)events;
	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct conn *c;

		if (s->conn_count == CONNS_MAX) {
			close(fd);
			continue;
		}
		c = mem_new(1, sizeof(*c));
		c->serve = s;
		c->fd = fd;
		TAILQ_INIT(&c->results);
		if (uv_poll_init(s->loop, &c->poll, fd) != 0) {
			close(fd);
			free(c);
			continue;
		}
		c->poll.data = c;
		TAILQ_INSERT_TAIL(&s->conns, c, entry);
		s->conn_count++;
		uv_poll_start(&c->poll, UV_READABLE, on_conn);
	}
}

int serve_open(uv_loop_t *loop, int fd, size_t at_once, const struct serve_worker *worker, struct serve **out,
	       struct err *e)
{
	struct serve *s = mem_new(1, sizeof(*s));

	s->loop = loop;
	s->fd = fd;
	s->at_once = at_once;
	s->worker = *worker;
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->started);
	TAILQ_INIT(&s->conns);
	if (uv_poll_init(loop, &s->poll, fd) != 0) {
		close(fd);
		free(s);
		return err_set(e, ERR_IO, "the runner's socket cannot be watched");
	}
	s->poll.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_listener);
	*out = s;
	return 0;
}

size_t serve_running(const struct serve *s)
{
	return s->running;
}

void serve_close(struct serve *s)
{
	s->closing = true;
	while (!TAILQ_EMPTY(&s->conns))
		conn_close(TAILQ_FIRST(&s->conns));
	uv_poll_stop(&s->poll);
	close(s->fd);
	uv_close((uv_handle_t *)&s->poll, NULL);
}

void serve_free(struct serve *s)
{
	free(s);
}

/* ---- the socket ---- */

static int passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	if (pid == NULL || n == NULL || strtol(pid, NULL, 10) != (long)getpid() || strcmp(n, "1") != 0)
		return -1;
	return 3; /* SD_LISTEN_FDS_START */
}

int serve_listen(const char *path, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = passed();

	if (fd >= 0)
		return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ?
			       fd : err_errno(e, "the socket that was passed");
	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(e, ERR_LIMIT, "%s: longer than a socket's path may be", path);
	strcpy(at.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return err_errno(e, "%s", path);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
		close(fd);
		return err_set(e, ERR_EXISTS, "%s: somebody answers there already", path);
	}
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || chmod(path, 0660) != 0 || listen(fd, 64) != 0) {
		err_errno(e, "%s", path);
		close(fd);
		return -1;
	}
	return fd;
}
