/* SPDX-License-Identifier: BSD-3-Clause */
/* starter: a frame that asks, a frame back with the socket of a new auditor. */
#include "signer/starter.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame/frame.h"
#include "log/log.h"

#define AUDITOR    "duet-audit"
#define ANSWER_MS  5000
#define ANSWER_MAX 1024

/* The path of a program beside this one. */
static int beside(const char *name, char out[PATH_MAX], struct err *e)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return err_errno(e, "/proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	if (snprintf(out, PATH_MAX, "%s/%s", self, name) >= PATH_MAX)
		return err_set(e, ERR_LIMIT, "%s: the path is too long", self);
	return 0;
}

static void become_auditor(const char *path, int sock)
{
	if (dup2(sock, STDIN_FILENO) < 0)
		_exit(127);
	unsetenv("NOTIFY_SOCKET");
	execl(path, AUDITOR, "--worker", (char *)NULL);
	fprintf(stderr, "duet-signer: %s cannot be started\n", path);
	_exit(127);
}

/* A new auditor's socket, or -1. */
static int start(const char *path)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	if ((pid = fork()) == 0)
		become_auditor(path, pair[1]);
	close(pair[1]);
	if (pid > 0)
		return pair[0];
	close(pair[0]);
	return -1;
}

static void serve(int sock, const char *path)
{
	int fds[FRAME_FDS], fd;
	size_t len, n;
	struct err e;
	char *text;

	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	signal(SIGINT, SIG_IGN);  /* of a terminal's whole group: engine says when it is time */
	while (frame_recv(sock, ANSWER_MAX, -1, &text, &len, fds, &n, &e) == 1) {
		free(text);
		while (n > 0)
			close(fds[--n]);
		fd = start(path);
		if (frame_send(sock, "", 0, &fd, fd >= 0 ? 1 : 0, &e) != 0)
			break;
		if (fd >= 0)
			close(fd);
	}
}

int starter_begin(struct err *e)
{
	char path[PATH_MAX];
	int pair[2];
	pid_t pid;

	if (beside(AUDITOR, path, e) != 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(e, "socketpair");
	if ((pid = fork()) == 0) {
		close(pair[0]);
		if (fork() == 0)
			serve(pair[1], path);
		_exit(0);
	}
	close(pair[1]);
	if (pid > 0) {
		waitpid(pid, NULL, 0); /* the starter itself is its child: nobody's here */
		return pair[0];
	}
	err_errno(e, "fork");
	close(pair[0]);
	return -1;
}

int starter_auditor(int starter, struct err *e)
{
	int fds[FRAME_FDS];
	size_t len, n;
	char *text;

	if (frame_send(starter, "", 0, NULL, 0, e) != 0)
		return -1;
	switch (frame_recv(starter, ANSWER_MAX, ANSWER_MS, &text, &len, fds, &n, e)) {
	case 1:
		free(text);
		break;
	case 0:
		return err_set(e, ERR_IO, "the starter of auditors is gone");
	default:
		return -1;
	}
	if (n == 1)
		return fds[0];
	while (n > 0)
		close(fds[--n]);
	return err_set(e, ERR_IO, "no auditor could be started");
}
