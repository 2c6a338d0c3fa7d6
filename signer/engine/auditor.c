/* SPDX-License-Identifier: BSD-3-Clause */
/* auditor: idle auditors wait in a list; a job goes to the one that was used last. */
#include "signer/engine/auditor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "frame/frame.h"
#include "signer/starter.h"

#define IDLE_MAX   8
#define ANSWER_MAX (4u << 20)
#define PIPE_SIZE  (1 << 20)
#define MORE_MS    5000 /* than the auditor's own limit, at which it ends itself */

struct auditor {
	pthread_mutex_t lock; /* guards what is below; held while one is started */
	int starter;
	int idle[IDLE_MAX];
	size_t idle_count;
	int *busy;
	size_t busy_count;
	bool stopping;
};

struct auditor *auditor_new(int starter)
{
	struct auditor *a = mem_new(1, sizeof(*a));

	a->starter = starter;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void auditor_free(struct auditor *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->idle_count; i++)
		close(a->idle[i]);
	close(a->starter);
	pthread_mutex_destroy(&a->lock);
	free(a->busy);
	free(a);
}

void auditor_stop(struct auditor *a)
{
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	for (size_t i = 0; i < a->busy_count; i++)
		shutdown(a->busy[i], SHUT_RDWR); /* who waits for an answer sees the end, and so does the auditor */
	pthread_mutex_unlock(&a->lock);
}

/* It has said nothing since its last answer, and is there. */
static bool alive(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static int take(struct auditor *a, struct err *e)
{
	int sock = -1;

	pthread_mutex_lock(&a->lock);
	if (a->stopping) {
		pthread_mutex_unlock(&a->lock);
		return err_set(e, ERR_NOTNOW, "the signer is stopping");
	}
	while (sock < 0 && a->idle_count > 0) {
		sock = a->idle[--a->idle_count];
		if (alive(sock))
			continue;
		close(sock);
		sock = -1;
	}
	if (sock < 0)
		sock = starter_auditor(a->starter, e);
	if (sock >= 0) {
		a->busy = mem_grow(a->busy, a->busy_count + 1, sizeof(*a->busy));
		a->busy[a->busy_count++] = sock;
	}
	pthread_mutex_unlock(&a->lock);
	return sock;
}

static void give_back(struct auditor *a, int sock, bool good)
{
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->busy_count; i++)
		if (a->busy[i] == sock)
			a->busy[i] = a->busy[--a->busy_count];
	if (good && a->idle_count < IDLE_MAX) {
		a->idle[a->idle_count++] = sock;
		sock = -1;
	}
	pthread_mutex_unlock(&a->lock);
	if (sock >= 0)
		close(sock);
}

/* The job with a pipe, and what the pipe is to bring; little of it is there before the job, so that the auditor is woken
 * once.  An auditor that does not read on has an answer, or is gone. */
static int send_job(int sock, const char *job, int beside, auditor_feed_fn *feed, void *ctx, size_t octets, int64_t until_ms, struct err *e)
{
	int pipe_fd[2], rc = 0, room;
	bool first;

	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return err_errno(e, "pipe");
	room = fcntl(pipe_fd[1], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(pipe_fd[1], F_SETFL, O_NONBLOCK); /* one that hangs may not read */
	first = room > 0 && octets <= (size_t)room / 4; /* each write may leave a part of a page of the pipe empty */
	if (first && (rc = feed(ctx, pipe_fd[1], until_ms, e)) == 0) {
		close(pipe_fd[1]);
		pipe_fd[1] = -1;
	}
	if (rc == 0)
		rc = frame_send(sock, job, strlen(job), (int[]){ pipe_fd[0], beside }, beside >= 0 ? 2 : 1, e);
	close(pipe_fd[0]);
	fail_point("audit-sent");
	if (!first && rc == 0 && (rc = feed(ctx, pipe_fd[1], until_ms, e)) != 0 && !alive(sock))
		rc = 0;
	if (pipe_fd[1] >= 0)
		close(pipe_fd[1]);
	return rc;
}

static int receive(int sock, int64_t until_ms, json_t **out, struct err *e)
{
	const int64_t left_ms = until_ms - clock_mono_ms();
	int fds[FRAME_FDS], rc;
	size_t len, n;
	char *text;

	if ((rc = frame_recv(sock, ANSWER_MAX, left_ms > 0 ? (int)left_ms : 0, &text, &len, fds, &n, e)) <= 0)
		return rc == 0 ? err_set(e, ERR_IO, "the auditor ended without an answer") : -1;
	while (n > 0)
		close(fds[--n]);
	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	*out = NULL;
	return err_set(e, ERR_SYNTAX, "the auditor's answer is no object");
}

int auditor_run(struct auditor *a, const char *job, bool large, int beside, auditor_feed_fn *feed, void *ctx, size_t octets,
		int64_t limit_s, json_t **out, struct err *e)
{
	const int64_t limit_ms = clock_mono_ms() + limit_s * 1000, until_ms = limit_ms + MORE_MS;
	int sock = take(a, e);

	if (sock < 0)
		return -1;
	fail_point("auditor-taken");
	if (send_job(sock, job, beside, feed, ctx, octets, until_ms, e) != 0 || receive(sock, until_ms, out, e) != 0) {
		give_back(a, sock, false);
		if (clock_mono_ms() < limit_ms)
			return -1;
		return err_set(e, ERR_TIMEOUT, "the audit was not done in its time limit of %" PRId64 " s: the machine is too busy for it, or "
			       "duet-audit hangs", limit_s);
	}
	fail_point("audit-answered");
	give_back(a, sock, !large);
	return 0;
}
