/* SPDX-License-Identifier: BSD-3-Clause */
/* crew: a queue of jobs into the threads, a queue of those that are done back to the loop. */
#include "signer/net/crew.h"

#include "arena/arena.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 8

struct queue {
	struct job *first, **end;
};

struct crew {
	uv_async_t wake; /* the loop */
	unsigned threads;
	pthread_t thread[THREADS_MAX];
	pthread_barrier_t begun;
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t more;
	struct queue waiting, ended;
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

static void *run(void *arg)
{
	struct crew *c = arg;
	struct job *job = NULL, *next;

	pthread_barrier_wait(&c->begun);
	pthread_mutex_lock(&c->lock);
	while (job != NULL || (job = pop(&c->waiting)) != NULL || !c->quit) {
		if (job == NULL) {
			pthread_cond_wait(&c->more, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		next = job->run(job);
		pthread_mutex_lock(&c->lock);
		push(&c->ended, job);
		uv_async_send(&c->wake);
		job = next;
	}
	pthread_mutex_unlock(&c->lock);
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

static void on_wake(uv_async_t *wake)
{
	deliver(wake->data);
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

	c->wake.data = c;
	c->waiting.end = &c->waiting.first;
	c->ended.end = &c->ended.first;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	pthread_barrier_init(&c->begun, NULL, n + 1);
	uv_async_init(loop, &c->wake, on_wake);
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
	pthread_mutex_lock(&c->lock);
	push(&c->waiting, job);
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
}

static void closed(uv_handle_t *h)
{
	struct crew *c = h->data;

	pthread_barrier_destroy(&c->begun);
	pthread_cond_destroy(&c->more);
	pthread_mutex_destroy(&c->lock);
	free(c);
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
	uv_close((uv_handle_t *)&c->wake, closed);
}
