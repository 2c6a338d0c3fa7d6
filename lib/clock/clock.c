/* SPDX-License-Identifier: BSD-3-Clause */
/* clock: real and monotonic time, movable in test builds. */
#include "clock/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef DUET_TEST
static const volatile int64_t *test_offset_s;

int clock_init(void)
{
	const char *path = getenv("DUET_TEST_CLOCK");
	void *map;
	int fd;

	if (path == NULL || test_offset_s != NULL)
		return 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	test_offset_s = map;
	return 0;
}

static int64_t offset_s(void)
{
	return test_offset_s == NULL ? 0 : *test_offset_s;
}
#else
int clock_init(void)
{
	return 0;
}

static int64_t offset_s(void)
{
	return 0;
}
#endif

int64_t clock_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec + offset_s()) * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec + offset_s();
}

int64_t clock_mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_thread_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

char *clock_text(int64_t at_s, char out[CLOCK_TEXT_LEN])
{
	time_t t = (time_t)at_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, CLOCK_TEXT_LEN, "@%lld", (long long)at_s);
	return out;
}
