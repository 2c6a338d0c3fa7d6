/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duet-sim [--runs N] [--seed S] [--every K] [--jobs J] [--fault NAME] [--all] [--story] [--digest] | --faults [--runs N]
 *
 * Runs histories of seeds S, S + 1, ...; ends with the first that breaks an invariant, made as small as it
 * gets and told as a story.  --all: goes on behind those that fail, and tells how far it is.
 * --every K: of seeds S, S + K, ...; with 20 all are of one kind (plan.c).
 * --digest: what each history came to, to be compared with that of another build; one job, so that they come in order.
 * --faults puts each mistake of fault_list.h into the engine and wants it found.
 */
#include "tests/sim/sim.h"

#include <getopt.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS 10000 /* histories */

enum fault_name fault_now;
static bool tell_digests;
static uint64_t every = 1; /* seeds from one history to the next */

static const struct {
	const char *name, *text;
} faults[FAULTS] = { [FAULT_NONE] = { "NONE", "" },
#define X(name, text) [FAULT_##name] = { #name, text },
		     FAULT_LIST(X)
#undef X
};

static void run_history(struct sim *s, uint64_t seed, bool story)
{
	struct arena *arena = s->arena;

	memset(s, 0, offsetof(struct sim, node));
	s->arena = arena;
	arena_reset(arena);
	s->seed = seed;
	s->story = story;
	sim_run(s);
	if (tell_digests)
		printf("%llu %016llx\n", (unsigned long long)seed, (unsigned long long)s->digest);
}

struct shrunk {
	struct trouble trouble[TROUBLES_MAX];
	size_t n;
};
static struct shrunk *plan; /* troubles taken out, of the history that is shrunk */

static bool still_fails(struct sim *s, uint64_t seed, const char *invariant)
{
	run_history(s, seed, false);
	return s->failed != NULL && strcmp(s->failed, invariant) == 0;
}

bool sim_is_off(size_t trouble);
bool sim_is_off(size_t trouble)
{
	return plan != NULL && trouble < plan->n && plan->trouble[trouble].off;
}

/* Takes out trouble as long as the same invariant breaks. */
static void shrink(struct sim *s, uint64_t seed)
{
	static struct shrunk small;
	const char *invariant = s->failed;
	bool again = true;

	memset(&small, 0, sizeof(small));
	small.n = s->troubles;
	plan = &small;
	while (again) {
		again = false;
		for (size_t i = 0; i < small.n; i++) {
			if (small.trouble[i].off)
				continue;
			small.trouble[i].off = true;
			if (still_fails(s, seed, invariant))
				again = true;
			else
				small.trouble[i].off = false;
		}
	}
	run_history(s, seed, true);
	plan = NULL;
}

/* Runs every `step`th history; returns the number done until one failed, 0: none did. */
static uint64_t run_many(struct sim *s, uint64_t seed, uint64_t runs, uint64_t first, uint64_t step,
			 uint64_t *bad)
{
	for (uint64_t i = first; i < runs; i += step) {
		run_history(s, seed + i * every, false);
		if (s->failed != NULL) {
			*bad = seed + i * every;
			return i + 1;
		}
	}
	return 0;
}

static double cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Every `step`th history, and on behind those that fail; returns how many did. */
static uint64_t run_all(struct sim *s, uint64_t seed, uint64_t runs, uint64_t first, uint64_t step)
{
	uint64_t failed = 0, done = 0;

	for (uint64_t i = first; i < runs; i += step) {
		run_history(s, seed + i * every, false);
		if (s->failed != NULL) {
			printf("history %llu: %s: %s\n", (unsigned long long)(seed + i * every), s->failed, s->failure);
			failed++;
		}
		if (++done % PROGRESS == 0)
			printf("seed %llu: %llu done by this process in %.0f s of CPU, %llu failed\n",
			       (unsigned long long)(seed + i * every), (unsigned long long)done, cpu_s(RUSAGE_SELF),
			       (unsigned long long)failed);
		if (s->failed != NULL || done % PROGRESS == 0)
			fflush(stdout);
	}
	return failed;
}

/* One of the processes; returns its exit code. */
static int run_job(uint64_t seed, uint64_t runs, uint64_t first, uint64_t step, bool all)
{
	struct sim *s = mem_new(1, sizeof(*s));
	uint64_t bad;

	s->arena = arena_new();
	if (all)
		return run_all(s, seed, runs, first, step) > 0;
	if (run_many(s, seed, runs, first, step, &bad) == 0)
		return 0;
	printf("history %llu: %s: %s\n", (unsigned long long)bad, s->failed, s->failure);
	shrink(s, bad);
	return 1;
}

static int run_clean(uint64_t seed, uint64_t runs, uint64_t jobs, bool all)
{
	struct timespec a, b;
	int failed = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint64_t j = 0; j < jobs; j++)
		if (fork() == 0) {
			const int code = run_job(seed, runs, j, jobs, all);

			fflush(stdout);
			_exit(code);
		}
	for (uint64_t j = 0; j < jobs; j++) {
		int status;

		wait(&status);
		failed |= status != 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%llu histories from seed %llu in %.1f s, %.0f s of CPU: %s\n", (unsigned long long)runs,
	       (unsigned long long)seed,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9, cpu_s(RUSAGE_CHILDREN),
	       failed ? "FAILED" : "no failure");
	return failed;
}

static bool find_fault(enum fault_name f, uint64_t seed, uint64_t runs)
{
	struct sim *s = mem_new(1, sizeof(*s));
	uint64_t bad = 0, after;

	s->arena = arena_new();
	fault_now = f;
	after = run_many(s, seed, runs, 0, 1, &bad);
	if (after == 0)
		printf("NOT FOUND in %llu histories: %s (%s)\n", (unsigned long long)runs, faults[f].name,
		       faults[f].text);
	else
		printf("found after %4llu by \"%s\": %s (%s)\n", (unsigned long long)after, s->failed,
		       faults[f].name, faults[f].text);
	fflush(stdout);
	arena_free(s->arena);
	free(s);
	return after > 0;
}

static int run_faults(uint64_t seed, uint64_t runs, uint64_t jobs)
{
	int missed = 0;

	for (uint64_t j = 0; j < jobs; j++)
		if (fork() == 0) {
			int bad = 0;

			for (int f = 1 + (int)j; f < FAULTS; f += (int)jobs)
				bad += !find_fault((enum fault_name)f, seed, runs);
			_exit(bad > 100 ? 100 : bad);
		}
	for (uint64_t j = 0; j < jobs; j++) {
		int status;

		wait(&status);
		missed += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	printf("%d faults, %d not found\n", FAULTS - 1, missed);
	return missed > 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "every", required_argument, NULL, 'e' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "fault", required_argument, NULL, 'f' },
		{ "faults", no_argument, NULL, 'F' },
		{ "all", no_argument, NULL, 'a' },
		{ "story", no_argument, NULL, 't' },
		{ "digest", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t runs = 0, seed = 1, jobs = 0;
	bool all_faults = false, all = false, story = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			runs = strtoull(optarg, NULL, 10);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'e')
			every = strtoull(optarg, NULL, 10);
		else if (c == 'j')
			jobs = strtoull(optarg, NULL, 10);
		else if (c == 'F')
			all_faults = true;
		else if (c == 'a')
			all = true;
		else if (c == 't')
			story = true;
		else if (c == 'd')
			tell_digests = true;
		else if (c != 'f')
			return 2;
		for (int f = 0; c == 'f' && f < FAULTS; f++)
			if (strcmp(faults[f].name, optarg) == 0)
				fault_now = (enum fault_name)f;
	}
	if (tell_digests && jobs > 1) {
		fprintf(stderr, "duet-sim: --digest with --jobs %llu: the lines of several processes have no order; leave --jobs out\n",
			(unsigned long long)jobs);
		return 2;
	}
	if (jobs == 0)
		jobs = tell_digests ? 1 : (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (sodium_init() < 0)
		return 2;
	keys_make();
	if (story) {
		struct sim *s = mem_new(1, sizeof(*s));

		s->arena = arena_new();
		run_history(s, seed, true);
		printf("%s\n", s->failed == NULL ? "good" : s->failed);
		return s->failed != NULL;
	}
	if (all_faults)
		return run_faults(seed, runs == 0 ? 2000 : runs, jobs);
	return run_clean(seed, runs == 0 ? 1000 : runs, jobs, all);
}
