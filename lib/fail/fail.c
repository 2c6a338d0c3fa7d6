/* SPDX-License-Identifier: BSD-3-Clause */
/* fail: compares the environment with the name of a place; counts the hits of the one that is named. */
#include "fail/fail.h"

#ifdef DUET_TEST
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number behind "NAME:" in the variable, `plain` for "NAME" alone, 0 when another place is named. */
static long number_for(const char *variable, const char *name, long plain)
{
	const char *v = getenv(variable);
	size_t len = strlen(name);

	if (v == NULL || strncmp(v, name, len) != 0)
		return 0;
	if (v[len] == '\0')
		return plain;
	return v[len] == ':' ? strtol(v + len + 1, NULL, 10) : 0;
}

void fail_point(const char *name)
{
	static long hits;
	long wanted = number_for("DUET_TEST_FAIL", name, 1);

	if (wanted > 0 && ++hits >= wanted)
		kill(getpid(), SIGKILL);
}

int fail_errno(const char *name)
{
	return (int)number_for("DUET_TEST_ERRNO", name, 0);
}

long fail_number(const char *name)
{
	const char *dir = getenv("DUET_TEST_NUMBERS");
	char path[4096], text[24] = "";
	ssize_t n;
	int fd;

	if (dir == NULL || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}
#else
typedef int fail_is_empty; /* C wants at least one declaration */
#endif
