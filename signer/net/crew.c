/* SPDX-License-Identifier: BSD-3-Clause */
/* crew: a queue of jobs into the threads, a queue of those that are done back to the loop. */
#include "signer/net/crew.h"

#include "arena/arena.h"
#include "signer/net/io.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 8

struct queue {
	struct job *first, **end;
};

struct crew {
	struct io *wake; /* the loop.  Not uv_async: its loop spins while a sender that is scheduled idle has no core */
	bool scheduled_idle;
	unsigned threads;
	pthread_t thread[THREADS_MAX];
	pthread_barrier_t begun;
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t more;
	struct queue waiting, ended;
	unsigned idle; /* threads that wait for more */
	bool quit;
};

static void push(struct queue *q, struct job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

static struct job *pop(struct queue *q)
{
	struct job *job = q->first;

	if (job != NULL && (q->first = job->next) == NULL)
		q->end = &q->first;
	return job;
}

/* The next job, or NULL when there will be none. */
static struct job *take(struct crew *c)
{
	struct job *job;

	pthread_mutex_lock(&c->lock);
	while ((job = pop(&c->waiting)) == NULL && !c->quit) {
		c->idle++;
		pthread_cond_wait(&c->more, &c->lock);
		c->idle--;
	}
	if (job != NULL)
		job->state = JOB_RUNS;
	pthread_mutex_unlock(&c->lock);
	return job;
}

static void wake_loop(struct crew *c)
{
	const uint64_t one = 1;

	while (write(io_fd(c->wake), &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* True when the loop does not know yet that something has ended. */
static bool give_back(struct crew *c, struct job *job)
{
	bool first;

	pthread_mutex_lock(&c->lock);
	first = c->ended.first == NULL;
	job->state = JOB_ENDED;
	push(&c->ended, job);
	pthread_mutex_unlock(&c->lock);
	return first;
}

static void *run(void *arg)
{
	struct crew *c = arg;
	struct job *job = NULL, *next;
	const struct sched_param none = { 0 };

	if (c->scheduled_idle)
		sched_setscheduler(0, SCHED_IDLE, &none); /* without it all is right, and slower */
	pthread_barrier_wait(&c->begun);
	while (job != NULL || (job = take(c)) != NULL) {
		next = job->run(job);
		/* Without the lock, lest the loop waits for who wakes it. */
		if (give_back(c, job))
			wake_loop(c);
		job = next;
	}
	return NULL;
}

/* In the loop: gives back what has ended. */
static void deliver(struct crew *c)
{
	struct job *job, *next;

	pthread_mutex_lock(&c->lock);
	job = c->ended.first;
	c->ended.first = NULL;
	c->ended.end = &c->ended.first;
	pthread_mutex_unlock(&c->lock);
	for (; job != NULL; job = next) {
		next = job->next;
		job->done(job);
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

int crew_new(uv_loop_t *loop, bool idle, struct crew **out, struct err *e)
{
	struct crew *c = mem_new(1, sizeof(*c));
	unsigned n = cores();
	sigset_t all, before;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0) {
		free(c);
		return err_errno(e, "eventfd");
	}
	c->scheduled_idle = idle;
	c->waiting.end = &c->waiting.first;
	c->ended.end = &c->ended.first;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
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

void crew_queue(struct crew *c, struct job *job)
{
	bool idle;

	pthread_mutex_lock(&c->lock);
	job->state = JOB_WAITS;
	push(&c->waiting, job);
	idle = c->idle > 0;
	pthread_mutex_unlock(&c->lock);
	if (idle)
		pthread_cond_signal(&c->more);
}

static void take_out(struct queue *q, struct job *job)
{
	struct job **at = &q->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (*at == NULL)
		q->end = at;
}

/* Who ended something before may not have got as far as to wake the loop: it does so itself. */
void crew_here(struct crew *c, struct job *job)
{
	struct job *next = job->run(job);

	give_back(c, job);
	wake_loop(c);
	if (next != NULL)
		crew_queue(c, next);
}

enum job_state crew_hurry(struct crew *c, struct job *job)
{
	enum job_state state;

	pthread_mutex_lock(&c->lock);
	state = job->state;
	if (state == JOB_WAITS)
		take_out(&c->waiting, job);
	pthread_mutex_unlock(&c->lock);
	if (state == JOB_WAITS)
		crew_here(c, job);
	else if (state == JOB_ENDED)
		wake_loop(c);
	return state;
}

void crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	pthread_cond_broadcast(&c->more);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->threads; i++)
		pthread_join(c->thread[i], NULL);
	deliver(c);
	io_close(c->wake);
	pthread_barrier_destroy(&c->begun);
	pthread_cond_destroy(&c->more);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
