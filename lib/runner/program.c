/* SPDX-License-Identifier: BSD-3-Clause */
/* program: one run of a hook, from its start to the end of its process group. */
#include "runner/program.h"

#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS  2000
#define LINE_OCTETS 1000 /* octets of one line in the log */
#define LINES_MAX 1000 /* in the log, of one run */

struct program {
	struct serve_job *job;
	uv_process_t process;
	uv_timer_t timer;
	uv_poll_t poll;
	int out;  /* where its output comes from; -1: closed */
	int open; /* handles */
	bool ended, killed_by_limit, stopped, too_large;
	int64_t status;
	int signal;
	char line[LINE_OCTETS + 1];
	size_t line_len, lines;
	uint8_t tail[2 * RUNNER_BODY_MAX];
	size_t tail_len;
	uint64_t octets;
};

/* ---- what may be started ---- */

static int check_file(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK) != 0)
		return err_set(e, ERR_REFUSED, "%s: not an executable file", path);
	if ((st.st_uid != 0 && st.st_uid != getuid()) || (st.st_mode & 022) != 0)
		return err_set(e, ERR_REFUSED, "%s: must belong to root, and nobody else may be allowed to write it", path);
	return 0;
}

/* The program's real path, in the folder; free() it. */
static char *find(const char *dir, const char *what, struct err *e)
{
	char *root = realpath(dir, NULL), *path = NULL, *real = NULL;
	size_t len;

	if (root == NULL) {
		err_errno(e, "%s", dir);
		return NULL;
	}
	len = strlen(root);
	path = what[0] == '/' ? mem_strdup(what) : mem_printf("%s/%s", root, what);
	if ((real = realpath(path, NULL)) == NULL)
		err_errno(e, "%s", path);
	else if (strncmp(real, root, len) != 0 || real[len] != '/')
		err_set(e, ERR_REFUSED, "%s: not in the folder of hooks, %s", path, dir);
	else if (check_file(real, e) == 0)
		goto out;
	free(real);
	real = NULL;
out:
	free(path);
	free(root);
	return real;
}

/* Upper case, digits and '_' before the '='; nothing that changes how programs are loaded. */
static int check_words(const struct runner_request *q, struct err *e)
{
	for (size_t i = 0; i < q->word_count; i++) {
		const size_t len = strspn(q->words[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

		if (len == 0 || q->words[i][len] != '=' || strncmp(q->words[i], "LD_", 3) == 0 ||
		    strncmp(q->words[i], "PATH=", 5) == 0)
			return err_set(e, ERR_REFUSED, "variable %.40s is not allowed", q->words[i]);
	}
	return 0;
}

/* ---- output ---- */

static void log_line(struct program *p)
{
	p->line[p->line_len] = '\0';
	if (p->lines < LINES_MAX)
		log_event(LOG_NOTICE, "hook-output", "%s msg=%s", p->job->request.label, p->line);
	else if (p->lines == LINES_MAX)
		log_event(LOG_WARNING, "hook-output", "%s msg=more than %d lines, the others are left out",
			  p->job->request.label, LINES_MAX);
	p->lines++;
	p->line_len = 0;
}

static void to_log(struct program *p, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (octets[i] == '\n' || p->line_len == LINE_OCTETS)
			log_line(p);
		if (octets[i] != '\n')
			p->line[p->line_len++] = (char)octets[i];
	}
}

static void to_tail(struct program *p, const uint8_t *octets, size_t len)
{
	if (p->tail_len + len > sizeof(p->tail)) {
		const size_t keep = RUNNER_BODY_MAX;

		memmove(p->tail, p->tail + p->tail_len - keep, keep);
		p->tail_len = keep;
	}
	memcpy(p->tail + p->tail_len, octets, len);
	p->tail_len += len;
}

static void to_file(struct program *p, const uint8_t *octets, size_t len)
{
	const struct runner_request *q = &p->job->request;

	if (q->output_max > 0 && p->octets > q->output_max)
		p->too_large = true;
	else
		while (len > 0) {
			ssize_t n = write(q->out_fd, octets, len);

			if (n < 0 && errno != EINTR) {
				p->too_large = true;
				return;
			}
			octets += n > 0 ? n : 0;
			len -= n > 0 ? (size_t)n : 0;
		}
}

/* Reads what is there. */
static void drain(struct program *p)
{
	uint8_t octets[4096];
	ssize_t n;

	while (p->out >= 0 && (n = read(p->out, octets, sizeof(octets))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		p->octets += (size_t)n;
		to_log(p, octets, (size_t)n);
		if (p->job->request.out_fd >= 0)
			to_file(p, octets, (size_t)n);
		else
			to_tail(p, octets, (size_t)n);
	}
	if (p->out >= 0)
		uv_poll_stop(&p->poll); /* its end */
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	drain(poll->data);
}

/* ---- the end ---- */

static void report(struct program *p)
{
	struct runner_result r = { .outcome = RUNNER_DONE, .status = (int)p->status, .why = "" };
	const size_t skip = p->tail_len > RUNNER_BODY_MAX ? p->tail_len - RUNNER_BODY_MAX : 0;
	char why[128] = "";

	if (p->killed_by_limit) {
		r.outcome = RUNNER_TIMEOUT;
		snprintf(why, sizeof(why), "not done after %lld ms", (long long)p->job->request.limit_ms);
	} else if (p->too_large) {
		r.outcome = RUNNER_TOO_LARGE;
		snprintf(why, sizeof(why), "its output is too large to be taken");
	} else if (p->stopped || p->signal != 0) {
		r.outcome = RUNNER_KILLED;
		snprintf(why, sizeof(why), "ended by signal %d", p->signal);
	}
	r.why = why;
	r.output = p->tail + skip;
	r.output_len = p->tail_len - skip;
	r.output_octets = p->octets;
	log_event(r.outcome == RUNNER_DONE && r.status == 0 ? LOG_INFO : LOG_WARNING, "hook-ended",
		  "%s what=%s outcome=%s status=%d msg=%s", p->job->request.label, p->job->request.what,
		  runner_outcome_text(r.outcome), r.status, why);
	serve_done(p->job, &r);
}

static void on_closed(uv_handle_t *h)
{
	struct program *p = h->data;

	if (--p->open > 0)
		return;
	close(p->out);
	free(p);
}

static void on_exit_(uv_process_t *process, int64_t status, int sig)
{
	struct program *p = process->data;

	kill(-process->pid, SIGKILL); /* what it left behind */
	drain(p);
	if (p->line_len > 0)
		log_line(p);
	p->ended = true;
	p->status = status;
	p->signal = sig;
	report(p);
	p->open = 3;
	uv_poll_stop(&p->poll);
	uv_close((uv_handle_t *)&p->process, on_closed);
	uv_close((uv_handle_t *)&p->timer, on_closed);
	uv_close((uv_handle_t *)&p->poll, on_closed);
}

static void on_grace(uv_timer_t *timer)
{
	struct program *p = timer->data;

	kill(-p->process.pid, SIGKILL);
}

static void end(struct program *p)
{
	kill(-p->process.pid, SIGTERM);
	uv_timer_start(&p->timer, on_grace, GRACE_MS, 0);
}

static void on_limit(uv_timer_t *timer)
{
	struct program *p = timer->data;

	p->killed_by_limit = true;
	end(p);
}

static void stop(void *ctx, struct serve_job *job)
{
	struct program *p = job->work;

	(void)ctx;
	p->stopped = true;
	end(p);
}

/* ---- the start ---- */

/* A descriptor of its standard input, or -1. */
static int input(const struct runner_request *q, struct err *e)
{
	int fd;

	if (q->in_fd >= 0)
		return lseek(q->in_fd, 0, SEEK_SET) < 0 && errno != ESPIPE ? err_errno(e, "standard input")
									   : fcntl(q->in_fd, F_DUPFD_CLOEXEC, 3);
	if (q->body == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if ((fd = memfd_create("hook-input", MFD_CLOEXEC)) < 0 ||
	    write(fd, q->body, q->body_len) != (ssize_t)q->body_len || lseek(fd, 0, SEEK_SET) != 0) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, "standard input");
	}
	return fd;
}

/* free() it, not what it points to. */
static char **list(const char *const *head, size_t head_n, const char *const *more, size_t n)
{
	char **out = mem_new(head_n + n + 1, sizeof(*out));

	for (size_t i = 0; i < head_n; i++)
		out[i] = (char *)(uintptr_t)head[i];
	for (size_t i = 0; i < n; i++)
		out[head_n + i] = (char *)(uintptr_t)more[i];
	return out;
}

static int spawn(struct programs *all, struct program *p, const char *path, int in, int out, struct err *e)
{
	static const char *const env_head[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
						"HOME=/", "LANG=C.UTF-8" };
	const struct runner_request *q = &p->job->request;
	char **env = list(env_head, 3, q->words, q->word_count), **argv = list(&path, 1, q->args, q->arg_count);
	uv_stdio_container_t io[3] = { { .flags = UV_INHERIT_FD, .data.fd = in },
				       { .flags = UV_INHERIT_FD, .data.fd = out },
				       { .flags = UV_INHERIT_FD, .data.fd = out } };
	const uv_process_options_t options = {
		.exit_cb = on_exit_, .file = path, .args = argv, .env = env, .cwd = "/",
		.flags = UV_PROCESS_DETACHED, .stdio_count = 3, .stdio = io,
	};
	const int rc = uv_spawn(all->loop, &p->process, &options);

	free(env);
	free(argv);
	return rc == 0 ? 0 : err_set(e, ERR_IO, "%s: %s", path, uv_strerror(rc));
}

static int begin(struct programs *all, struct program *p, struct err *e)
{
	const struct runner_request *q = &p->job->request;
	int pipe_fds[2] = { -1, -1 }, in = -1, rc = -1;
	char *path = NULL;

	if (check_words(q, e) != 0 || (path = find(all->dir, q->what, e)) == NULL || (in = input(q, e)) < 0)
		goto out;
	if (pipe2(pipe_fds, O_CLOEXEC) != 0 || fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) != 0) {
		err_errno(e, "%s", path);
		goto out;
	}
	if ((rc = spawn(all, p, path, in, pipe_fds[1], e)) != 0)
		goto out;
	p->out = pipe_fds[0];
	pipe_fds[0] = -1;
out:
	free(path);
	if (in >= 0)
		close(in);
	for (int i = 0; i < 2; i++)
		if (pipe_fds[i] >= 0)
			close(pipe_fds[i]);
	return rc;
}

static void on_failed(uv_handle_t *h)
{
	free(h->data);
}

static void start(void *ctx, struct serve_job *job)
{
	struct programs *all = ctx;
	struct program *p = mem_new(1, sizeof(*p));
	struct err e = { .code = ERR_NONE };

	p->job = job;
	p->out = -1;
	p->process.data = p->timer.data = p->poll.data = p;
	if (begin(all, p, &e) != 0) {
		serve_refuse(job, "%s", e.text);
		if (p->process.type == UV_PROCESS) /* uv_spawn was called */
			uv_close((uv_handle_t *)&p->process, on_failed);
		else
			free(p);
		return;
	}
	job->work = p;
	log_event(LOG_INFO, "hook-started", "%s what=%s pid=%d", job->request.label, job->request.what, p->process.pid);
	uv_timer_init(all->loop, &p->timer);
	uv_timer_start(&p->timer, on_limit, (uint64_t)job->request.limit_ms, 0);
	uv_poll_init(all->loop, &p->poll, p->out);
	uv_poll_start(&p->poll, UV_READABLE, on_output);
}

struct serve_worker programs_worker(struct programs *p)
{
	return (struct serve_worker){ .kind = RUNNER_PROGRAM, .start = start, .stop = stop, .ctx = p };
}
