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

/* What the file says, "" where there is none. */
static void from_file(const char *name, char *text, size_t size)
{
	const char *dir = getenv("DUET_TEST_NUMBERS");
	char path[4096];
	ssize_t n;
	int fd;

	*text = '\0';
	if (dir == NULL || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
}

/* The number behind "NAME:", `plain` for "NAME" alone, 0 when another place is named. */
static long number_for(const char *v, const char *name, long plain)
{
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
	const char *v = getenv("DUET_TEST_FAIL");
	char text[64];
	long wanted;

	if (v == NULL) {
		from_file("fail-point", text, sizeof(text));
		v = text;
	}
	wanted = number_for(v, name, 1);
	if (wanted > 0 && ++hits >= wanted) {
		dprintf(STDERR_FILENO, "event=fail-point name=%s\n", name);
		kill(getpid(), SIGKILL);
	}
}

int fail_errno(const char *name)
{
	return (int)number_for(getenv("DUET_TEST_ERRNO"), name, 0);
}

long fail_number(const char *name)
{
	char text[24];

	from_file(name, text, sizeof(text));
	return strtol(text, NULL, 10);
}
#else
typedef int fail_is_empty; /* C wants at least one declaration */
#endif
