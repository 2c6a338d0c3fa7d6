/* SPDX-License-Identifier: BSD-3-Clause */
/* listen: the unix socket of a daemon's HTTP API. */
#include "http/listen.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int unix_address(const char *path, struct sockaddr_un *sa, struct err *e)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(e, ERR_LIMIT, "%s: a socket path has at most %zu octets", path,
			       sizeof(sa->sun_path) - 1);
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

/* Removes a socket file on which nobody answers. */
static int remove_stale(const char *path, const struct sockaddr_un *sa, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_EXISTS, "%s: is there and no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, "socket");
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	close(fd);
	if (rc == 0)
		return err_set(e, ERR_EXISTS, "%s: another process answers there", path);
	if (unlink(path) != 0)
		return err_errno(e, "%s: cannot remove the old socket", path);
	return 0;
}

int http_listen_unix(const char *path, int backlog, struct err *e)
{
	struct sockaddr_un sa;
	mode_t mask;
	int fd, rc;

	if (unix_address(path, &sa, e) != 0 || remove_stale(path, &sa, e) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, "socket");
	mask = umask(0117); /* so that it is 0660 from its first moment */
	rc = bind(fd, (const struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (rc != 0 || listen(fd, backlog) != 0) {
		err_errno(e, "%s: cannot listen", path);
		close(fd);
		return -1;
	}
	return fd;
}
