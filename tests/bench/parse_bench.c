/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parse_bench ORIGIN FILE [ROUNDS [BUDGET-MIB [THREADS]]]: how fast master file text becomes a checked zone in canonical
 * order.  One line for each step, the best of the rounds: lexing (text to rdata and entries of the sort, as many as there
 * are), all of it without and with the sum of the content, one more walk over the owners; MB/s of text, and for comparison
 * memcpy.  Rounds after the first have the memory of those before.  Processor time of the thread; with several threads the
 * time that passes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arena/arena.h"
#include "zone/zone_text.h"

#define COPY_OCTETS ((size_t)64 << 20)

static clockid_t clock_used = CLOCK_THREAD_CPUTIME_ID; /* what others do on the machine counts less */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(clock_used, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const struct err *e)
{
	fprintf(stderr, "parse_bench: %s\n", e->text);
	exit(1);
}

/* Text of len octets to entries, without their order: none is sorted to be spilled. */
static double lex(const char *path, size_t len, const uint8_t *apex, struct zone_limits limits)
{
	limits.sort_octets = 2 * len;

	struct zone_text *t = zone_text_new(apex, &limits);
	struct zone_build *b = t->b;
	struct text_input in = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct err e = { .code = ERR_NONE };
	double start = now_s(), took;

	t->file = path;
	t->folder = ".";
	if (in.fd < 0 || zone_build_file(b, path, &e) != 0 || zone_text_read(t, &in, &e) != 0)
		fail(&e);
	took = now_s() - start;
	close(in.fd);
	free(in.octets);
	zone_text_free(t);
	zone_build_free(b);
	return took;
}

static double whole(const char *path, const uint8_t *apex, const struct zone_limits *limits, struct zone **z)
{
	struct err e = { .code = ERR_NONE };
	double start = now_s();

	if (zone_read_file(path, apex, limits, z, &e) != 0)
		fail(&e);
	return now_s() - start;
}

static double walk(const struct zone *z)
{
	struct zone_cursor *c = NULL;
	struct zone_owner o;
	struct err e = { .code = ERR_NONE };
	double start = now_s();

	if (zone_cursor_open(z, &c, &e) != 0)
		fail(&e);
	while (zone_cursor_next(c, &o, &e) == 1)
		;
	zone_cursor_close(c);
	return now_s() - start;
}

static double copy(void)
{
	char *a = mem_new(2, COPY_OCTETS), *b = a + COPY_OCTETS;
	double start;

	memcpy(b, a, COPY_OCTETS);
	start = now_s();
	memcpy(b, a, COPY_OCTETS);
	start = now_s() - start;
	free(a);
	return start * 1e6 / (double)COPY_OCTETS;
}

static void least(double *best, double took)
{
	if (*best == 0 || took < *best)
		*best = took;
}

int main(int argc, char **argv)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	double best[5] = { 0 }, mb;
	uint8_t apex[DNAME_MAX];
	struct zone *z = NULL;
	struct stat st;
	struct err e;

	if (argc < 3 || stat(argv[2], &st) != 0 || dname_from_text(argv[1], apex, &e) != 0) {
		fputs("usage: parse_bench ORIGIN FILE [ROUNDS [BUDGET-MIB [THREADS]]]\n", stderr);
		return 2;
	}
	if (argc > 4)
		limits.sort_octets = (size_t)strtoul(argv[4], NULL, 10) << 20;
	limits.sort_memory = sort_memory_new();
	limits.threads = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1;
	if (limits.threads > 1)
		clock_used = CLOCK_MONOTONIC;
	mb = (double)st.st_size / 1e6;
	for (long i = argc > 3 ? strtol(argv[3], NULL, 10) : 3; i > 0; i--) {
		least(&best[0], lex(argv[2], (size_t)st.st_size, apex, limits));
		limits.without_sum = true;
		least(&best[1], whole(argv[2], apex, &limits, &z));
		least(&best[3], walk(z));
		zone_free(z);
		limits.without_sum = false;
		least(&best[2], whole(argv[2], apex, &limits, &z));
		zone_free(z);
		least(&best[4], copy() * (double)st.st_size / 1e6);
	}
	sort_memory_free(limits.sort_memory);
	printf("text %.1f MB\nlex %.0f MB/s\norder %.0f MB/s\nsum %.0f MB/s\nwalk %.0f MB/s\nmemcpy %.0f MB/s\n", mb,
	       mb / best[0], mb / best[1], mb / best[2], mb / best[3], mb / best[4]);
	return 0;
}
