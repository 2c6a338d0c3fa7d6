/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crew: jobs out of places into threads, and through a stack of those that ended back to the loop.
 *
 * Invariants: 1. who takes a job out of its place has it; only the loop puts one there.  2. the loop never waits for a
 * thread, which may have lost its core anywhere: there is no lock, nothing of libc's that waits for who was woken before
 * (pthread_cond_signal), and no uv_async, whose loop spins while its sender is kept from going on.
 */
#include "signer/net/crew.h"

#include "arena/arena.h"
#include "signer/net/io.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 8
#define PLACES      128

struct crew {
	struct io *wake; /* the loop */
	unsigned threads;
	pthread_t thread[THREADS_MAX];
	pthread_barrier_t begun;
	sem_t more;                     /* as many as jobs were put into places, and more when it ends */
	_Atomic(struct job *) place[PLACES];
	_Atomic size_t next;            /* place, where the oldest job is if all are taken; the loop moves it */
	_Atomic(struct job *) ended;    /* the last one first */
	atomic_bool quit;
};

static void wake_loop(struct crew *c)
{
	const uint64_t one = 1;

	while (write(io_fd(c->wake), &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* True when the loop does not know yet that something has ended. */
static bool give_back(struct crew *c, struct job *job)
{
	struct job *before = atomic_load(&c->ended);

	do {
		job->next = before;
	} while (!atomic_compare_exchange_weak(&c->ended, &before, job));
	return before == NULL;
}

/* The oldest job that waits, or NULL. */
static struct job *take(struct crew *c)
{
	size_t first = atomic_load(&c->next);

	for (size_t i = 0; i < PLACES; i++) {
		_Atomic(struct job *) *place = &c->place[(first + i) % PLACES];
		struct job *job = atomic_load(place);

		if (job != NULL && atomic_compare_exchange_strong(place, &job, NULL))
			return job;
	}
	return NULL;
}

static void *run(void *arg)
{
	struct crew *c = arg;
	struct job *job, *next;

	pthread_barrier_wait(&c->begun);
	for (bool last = false; !last;) {
		while (sem_wait(&c->more) != 0)
			;
		last = atomic_load(&c->quit); /* then all that was queued is there */
		/* Until there is none: who was woken for one job may have found another, older one. */
		while ((job = take(c)) != NULL)
			for (; job != NULL; job = next) {
				next = job->run(job);
				if (give_back(c, job))
					wake_loop(c);
			}
	}
	return NULL;
}

/* In the loop: gives back what has ended, the first one first. */
static void deliver(struct crew *c)
{
	struct job *job = atomic_exchange(&c->ended, NULL), *first = NULL, *next;

	for (; job != NULL; job = next) {
		next = job->next;
		job->next = first;
		first = job;
	}
	for (; first != NULL; first = next) {
		next = first->next;
		first->done(first);
	}
}

static void on_wake(void *ctx, int events)
{
	struct crew *c = ctx;
	uint64_t count;
	ssize_t n = read(io_fd(c->wake), &count, sizeof(count)); /* what ends from now on wakes again */

	(void)events;
	(void)n;
	deliver(c);
}

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

int crew_new(uv_loop_t *loop, struct crew **out, struct err *e)
{
	struct crew *c = mem_new(1, sizeof(*c));
	unsigned n = cores();
	sigset_t all, before;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0) {
		free(c);
		return err_errno(e, "eventfd");
	}
	sem_init(&c->more, 0, 0);
	pthread_barrier_init(&c->begun, NULL, n + 1);
	c->wake = io_new(loop, fd, c, on_wake, NULL);
	io_want(c->wake, UV_READABLE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	while (c->threads < n && pthread_create(&c->thread[c->threads], NULL, run, c) == 0)
		c->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (c->threads < n)
		return err_set(e, ERR_IO, "no thread for transfers"); /* those that were made wait until the process ends */
	pthread_barrier_wait(&c->begun);
	*out = c;
	return 0;
}

/* Who ended something before may not have got as far as to wake the loop: it does so itself. */
static void run_here(struct crew *c, struct job *job)
{
	struct job *next = job->run(job);

	give_back(c, job);
	wake_loop(c);
	if (next != NULL)
		crew_queue(c, next);
}

void crew_queue(struct crew *c, struct job *job)
{
	size_t place = atomic_load(&c->next);
	struct job *none = NULL;

	if (!atomic_compare_exchange_strong(&c->place[place], &none, job)) {
		run_here(c, job);
		return;
	}
	atomic_store(&c->next, (place + 1) % PLACES);
	sem_post(&c->more);
}

void crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->quit, true);
	for (unsigned i = 0; i < c->threads; i++)
		sem_post(&c->more);
	for (unsigned i = 0; i < c->threads; i++)
		pthread_join(c->thread[i], NULL);
	deliver(c);
	io_close(c->wake);
	pthread_barrier_destroy(&c->begun);
	sem_destroy(&c->more);
	free(c);
}
