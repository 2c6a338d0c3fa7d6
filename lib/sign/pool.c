/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool: a queue of jobs and the threads that take from it.
 */
#include "sign/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "clock/clock.h"

struct worker {
	struct pool *pool;
	pthread_t thread;
	void *tool;
	int64_t busy_us; /* guarded by the pool's lock */
};

struct pool {
	struct pool_tools tools;
	struct worker own; /* the caller */
	struct worker *workers;
	unsigned started, most;
	pthread_mutex_t lock; /* guards what is below, and `done` and `next` of jobs */
	pthread_cond_t work, done;
	struct pool_job *first, *last;
	bool quit;
};

int pool_new(unsigned threads, const struct pool_tools *tools, struct pool **out, struct err *e)
{
	struct pool *p;
	void *own = tools->make(tools->ctx, e);

	if (own == NULL)
		return -1;
	p = mem_new(1, sizeof(*p));
	p->tools = *tools;
	p->own.tool = own;
	p->most = threads > 1 ? threads : 0;
	p->workers = mem_new(p->most, sizeof(*p->workers));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	*out = p;
	return 0;
}

/* Under the lock. */
static struct pool_job *take(struct pool *p)
{
	struct pool_job *job = p->first;

	if (job != NULL && (p->first = job->next) == NULL)
		p->last = NULL;
	return job;
}

/* Under the lock, which it gives up meanwhile. */
static void run(struct pool *p, struct pool_job *job, struct worker *w)
{
	int64_t begun_us = clock_thread_us();

	pthread_mutex_unlock(&p->lock);
	job->run(job, w->tool);
	pthread_mutex_lock(&p->lock);
	w->busy_us += clock_thread_us() - begun_us;
	job->done = true;
	pthread_cond_signal(&p->done); /* nobody but the caller waits */
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	struct pool_job *job;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		if ((job = take(p)) != NULL)
			run(p, job, w);
		else if (p->quit)
			break;
		else
			pthread_cond_wait(&p->work, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the threads that the program has made itself. */
static int start(struct pool *p, struct err *e)
{
	struct worker *w = &p->workers[p->started];
	sigset_t all, before;
	int rc;

	w->pool = p;
	if ((w->tool = p->tools.make(p->tools.ctx, e)) == NULL)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) {
		p->started++;
		return 0;
	}
	/* With fewer threads, then. */
	p->tools.free(w->tool);
	p->most = p->started;
	return 0;
}

int pool_submit(struct pool *p, struct pool_job *job, struct err *e)
{
	bool backlog;

	job->next = NULL;
	job->done = false;
	pthread_mutex_lock(&p->lock);
	backlog = p->first != NULL;
	if (backlog)
		p->last->next = job;
	else
		p->first = job;
	p->last = job;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return backlog && p->started < p->most ? start(p, e) : 0;
}

void pool_wait(struct pool *p, struct pool_job *job)
{
	struct pool_job *other;

	pthread_mutex_lock(&p->lock);
	while (!job->done) {
		if ((p->most == 0 || p->started < p->most) && (other = take(p)) != NULL)
			run(p, other, &p->own);
		else
			pthread_cond_wait(&p->done, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

struct pool_times pool_times(struct pool *p)
{
	struct pool_times t = { .threads = p->started, .caller_us = p->own.busy_us };

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->started; i++) {
		int64_t busy_us = p->workers[i].busy_us;

		t.least_us = i == 0 || busy_us < t.least_us ? busy_us : t.least_us;
		t.most_us = busy_us > t.most_us ? busy_us : t.most_us;
		t.all_us += busy_us;
	}
	pthread_mutex_unlock(&p->lock);
	return t;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	p->first = p->last = NULL;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++) {
		pthread_join(p->workers[i].thread, NULL);
		p->tools.free(p->workers[i].tool);
	}
	p->tools.free(p->own.tool);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p);
}
