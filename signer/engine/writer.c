/* SPDX-License-Identifier: BSD-3-Clause */
/* writer: a queue into the thread, a queue back. */
#include "signer/engine/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "arena/arena.h"
#include "fail/fail.h"

#define GROUP_MAX      512              /* of one commit */
#define GATHER_MS      100              /* that a commit waits for more of them */
#define GATHER_MANY    256              /* and then waits no longer */
#define QUIET_MS       200              /* without anything to write, before the log is folded in */
#define LOG_PAGES_MANY 16384            /* this many are folded in also when something waits */
#define LOG_PAGES_FEW  256              /* fewer are not worth their syncs */
#define DEAD_IDLE      (UINT64_C(1) << 20)
#define DEAD_BUSY      (UINT64_C(16) << 20)

struct queue {
	struct writing *first, **end;
};

struct writer {
	struct store *store;
	uv_async_t *wake; /* the loop's; outlives the writer until it is closed */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t more;
	struct queue waiting, written;
	size_t waiting_count;
	bool gather;
	bool sync, compact, compact_idle, compacted, quit;
	int compact_rc;
	struct err compact_err;
	writer_compacted_fn *compacted_fn;
	void *compacted_ctx;
};

static void push(struct queue *q, struct writing *w)
{
	w->next = NULL;
	*q->end = w;
	q->end = &w->next;
}

static struct writing *pop(struct queue *q)
{
	struct writing *w = q->first;

	if (w != NULL && (q->first = w->next) == NULL)
		q->end = &q->first;
	return w;
}

/* Of a zone there is one at most: it is busy until done.  With the lock held. */
static size_t take_group(struct writer *w, struct writing *group[GROUP_MAX])
{
	size_t n = 0;

	while (n < GROUP_MAX && w->waiting.first != NULL)
		group[n++] = pop(&w->waiting);
	w->waiting_count -= n;
	return n;
}

static void write_group(struct writer *w, struct writing *group[GROUP_MAX], size_t n)
{
	struct store_write *list[GROUP_MAX];

	bool publish = false;

	for (size_t i = 0; i < n; i++) {
		list[i] = &group[i]->write;
		publish = publish || list[i]->what == STORE_PUBLISH;
	}
	while (publish && fail_number("publish-waits") > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	fail_point(publish ? "engine-publish" : "engine-save");
	store_write(w->store, list, n);
	if (publish)
		fail_point("engine-published");
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++)
		push(&w->written, group[i]);
	pthread_mutex_unlock(&w->lock);
	uv_async_send(w->wake);
	store_checkpoint(w->store, LOG_PAGES_MANY, NULL);
}

static void compact(struct writer *w, bool idle)
{
	const struct compact_rule rule = idle ? (struct compact_rule){ .dead_min = DEAD_IDLE, .dead_percent = 8 }
					      : (struct compact_rule){ .dead_min = DEAD_BUSY, .dead_percent = 50 };
	struct err e = { 0 };
	int rc = store_compact(w->store, &rule, &e);

	pthread_mutex_lock(&w->lock);
	w->compacted = true;
	w->compact_rc = rc;
	w->compact_err = e;
	pthread_mutex_unlock(&w->lock);
	uv_async_send(w->wake);
}

static struct timespec in_ms(long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return until;
}

/* Waits for something to do; false when that takes long.  With the lock held. */
static bool wait_for_more(struct writer *w)
{
	const struct timespec until = in_ms(QUIET_MS);

	return pthread_cond_timedwait(&w->more, &w->lock, &until) != ETIMEDOUT;
}

/* With the lock held: lets more come to what waits. */
static void gather(struct writer *w)
{
	const struct timespec until = in_ms(GATHER_MS);

	while (w->gather && !w->quit && w->waiting_count > 0 && w->waiting_count < GATHER_MANY)
		if (pthread_cond_timedwait(&w->more, &w->lock, &until) == ETIMEDOUT)
			return;
}

/* One round; false when it is time to end.  With the lock held, which it gives up meanwhile. */
static bool work(struct writer *w, bool *folded)
{
	struct writing *group[GROUP_MAX];
	bool sync, asked, idle;
	size_t n;

	gather(w);
	n = take_group(w, group);
	sync = n == 0 && w->sync && !w->gather; /* the commit of many syncs for all of them */
	asked = n == 0 && !sync && w->compact;
	idle = w->compact_idle;
	if (n == 0 && !sync && !asked) {
		if (w->quit)
			return false;
		if (*folded)
			pthread_cond_wait(&w->more, &w->lock);
		else if (!wait_for_more(w)) {
			*folded = true;
			pthread_mutex_unlock(&w->lock);
			store_checkpoint(w->store, LOG_PAGES_FEW, NULL);
			pthread_mutex_lock(&w->lock);
		}
		return true;
	}
	if (asked)
		w->compact = false;
	w->sync = w->sync && !sync;
	*folded = false;
	pthread_mutex_unlock(&w->lock);
	if (sync)
		store_sync(w->store, NULL);
	else if (asked)
		compact(w, idle);
	else
		write_group(w, group, n);
	pthread_mutex_lock(&w->lock);
	return true;
}

static void *run(void *arg)
{
	struct writer *w = arg;
	bool folded = true;

	pthread_mutex_lock(&w->lock);
	while (work(w, &folded))
		;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* In the loop: gives back what has been written. */
static void deliver(struct writer *w)
{
	struct writing *done;
	bool compacted;

	pthread_mutex_lock(&w->lock);
	done = w->written.first;
	w->written.first = NULL;
	w->written.end = &w->written.first;
	compacted = w->compacted;
	w->compacted = false;
	pthread_mutex_unlock(&w->lock);
	while (done != NULL) {
		struct writing *next = done->next;

		done->done(done);
		done = next;
	}
	if (compacted)
		w->compacted_fn(w->compacted_ctx, w->compact_rc, &w->compact_err);
}

static void on_wake(uv_async_t *wake)
{
	if (wake->data != NULL)
		deliver(wake->data);
}

int writer_new(uv_loop_t *loop, struct store *store, struct writer **out, struct err *e)
{
	struct writer *w = mem_new(1, sizeof(*w));
	sigset_t all, before;
	int rc;

	w->store = store;
	w->waiting.end = &w->waiting.first;
	w->written.end = &w->written.first;
	w->wake = mem_new(1, sizeof(*w->wake));
	w->wake->data = w;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	uv_async_init(loop, w->wake, on_wake);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, ERR_IO, "no thread that writes to the store");
	*out = w;
	return 0;
}

static void closed(uv_handle_t *h)
{
	free(h);
}

void writer_free(struct writer *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	deliver(w);
	w->wake->data = NULL;
	uv_close((uv_handle_t *)w->wake, closed);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
}

void writer_queue(struct writer *w, struct writing *wr)
{
	wr->writer = w;
	pthread_mutex_lock(&w->lock);
	push(&w->waiting, wr);
	w->waiting_count++;
	if (!w->gather || w->waiting_count == 1 || w->waiting_count >= GATHER_MANY) /* it waits for no other */
		pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

void writer_gather(struct writer *w, bool on)
{
	pthread_mutex_lock(&w->lock);
	if (w->gather && !on)
		pthread_cond_signal(&w->more);
	w->gather = on;
	pthread_mutex_unlock(&w->lock);
}

void writer_sync(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->sync = true;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

void writer_compact(struct writer *w, bool idle, writer_compacted_fn *fn, void *ctx)
{
	w->compacted_fn = fn;
	w->compacted_ctx = ctx;
	pthread_mutex_lock(&w->lock);
	w->compact = true;
	w->compact_idle = idle;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}
