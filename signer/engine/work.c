/* SPDX-License-Identifier: BSD-3-Clause */
/* work: queues of what waits for the pool. */
#include "signer/engine/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "arena/arena.h"
#include "fail/fail.h"

struct queue {
	struct work *first, **end;
};

struct works {
	uv_loop_t *loop;
	struct queue small[WORK_LOAD + 1], large[WORK_LOAD + 1];
	unsigned cores;
	size_t small_running, large_running, waiting;
	size_t on_way; /* octets */
	bool paused;
};

struct works *works_new(uv_loop_t *loop)
{
	struct works *ws = mem_new(1, sizeof(*ws));
	char threads[16];

	ws->loop = loop;
	ws->cores = uv_available_parallelism();
	for (int k = WORK_PLAN; k <= WORK_LOAD; k++) {
		ws->small[k].end = &ws->small[k].first;
		ws->large[k].end = &ws->large[k].first;
	}
	/* Room for a large one beside the small ones; libuv reads it when its pool begins. */
	snprintf(threads, sizeof(threads), "%u", ws->cores + 2);
	setenv("UV_THREADPOOL_SIZE", threads, 0);
	return ws;
}

void works_free(struct works *ws)
{
	free(ws);
}

static struct work *take(struct queue *q)
{
	struct work *w = q->first;

	if (w != NULL && (q->first = w->next) == NULL)
		q->end = &q->first;
	return w;
}

/* What threads it makes itself are as it is.  One that is nicer cannot become less so again, hence a thread each time. */
static void run_large(void *arg)
{
	struct work *w = arg;

	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORK_LARGE_NICE);
	w->run(w);
}

static void run(uv_work_t *uv)
{
	struct work *w = uv->data;
	uv_thread_t thread;

	if (w->large && uv_thread_create(&thread, run_large, w) == 0)
		uv_thread_join(&thread);
	else
		w->run(w);
}

static void next(struct works *ws);

static void done(uv_work_t *uv, int status)
{
	struct work *w = uv->data;
	struct works *ws = w->works;

	(void)status;
	if (w->large)
		ws->large_running--;
	else
		ws->small_running--;
	w->done(w);
	next(ws);
}

static void begin(struct works *ws, struct work *w)
{
	ws->waiting--;
	w->uv.data = w;
	if (uv_queue_work(ws->loop, &w->uv, run, done) != 0)
		abort();
}

/* Whoever is on its way comes to its end without any that is not. */
static bool has_room(const struct works *ws, int kind)
{
	const size_t most = fail_number("way-max") > 0 ? (size_t)fail_number("way-max") : WORK_WAY_MAX;

	return kind != WORK_LOAD || ws->on_way < most;
}

static void next(struct works *ws)
{
	for (int k = WORK_PLAN; k <= WORK_LOAD && !ws->paused; k++) {
		while (ws->small_running < ws->cores && ws->small[k].first != NULL && has_room(ws, k)) {
			ws->small_running++;
			ws->on_way += ws->small[k].first->way;
			begin(ws, take(&ws->small[k]));
		}
		if (ws->large_running == 0 && ws->large[k].first != NULL) {
			ws->large_running++;
			begin(ws, take(&ws->large[k]));
		}
	}
}

void works_queue(struct works *ws, enum work_kind kind, struct work *w)
{
	struct queue *q = w->large ? &ws->large[kind] : &ws->small[kind];

	w->works = ws;
	w->next = NULL;
	*q->end = w;
	q->end = &w->next;
	ws->waiting++;
	next(ws);
}

void works_rest(struct works *ws, size_t octets)
{
	ws->on_way -= octets;
	next(ws);
}

void works_end(struct works *ws)
{
	struct work *w;

	for (int k = WORK_PLAN; k <= WORK_LOAD; k++)
		while ((w = take(&ws->small[k])) != NULL || (w = take(&ws->large[k])) != NULL) {
			ws->waiting--;
			w->cancelled = true;
			w->done(w);
		}
	ws->paused = true;
}

size_t works_running(const struct works *ws)
{
	return ws->small_running + ws->large_running;
}

size_t works_waiting(const struct works *ws)
{
	return ws->waiting;
}

bool works_long(const struct works *ws)
{
	return ws->large_running > 0;
}

unsigned works_threads(const struct works *ws)
{
	return ws->cores;
}

void works_pause(struct works *ws, bool on)
{
	ws->paused = on;
	next(ws);
}
