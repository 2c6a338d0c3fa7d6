/* SPDX-License-Identifier: BSD-3-Clause */
/* refresh: the timer stands at the first item of the agenda. */
#include "signer/net/refresh.h"

#include <stdlib.h>

#include "arena/arena.h"
#include "clock/clock.h"

struct refreshes {
	struct agenda agenda;
	struct io *timer;
	refresh_fn *fn;
};

static void wake(const struct refreshes *r)
{
	const int64_t first = agenda_first(&r->agenda), now_ms = clock_mono_ms();

	io_timer(r->timer, first == INT64_MAX ? -1 : first > now_ms ? first - now_ms : 0);
}

static void on_time(void *ctx)
{
	struct refreshes *r = ctx;
	const int64_t now_ms = clock_mono_ms();
	struct agenda_item *item;

	while ((item = agenda_due(&r->agenda, now_ms)) != NULL)
		r->fn(item->of);
	wake(r);
}

void refresh_start(struct net *net, refresh_fn *fn)
{
	struct refreshes *r = net->refreshes = mem_new(1, sizeof(*r));

	r->fn = fn;
	r->timer = io_new(&net->loop, -1, r, NULL, on_time);
}

void refresh_stop(struct net *net)
{
	io_close(net->refreshes->timer);
	agenda_fini(&net->refreshes->agenda);
	free(net->refreshes);
	net->refreshes = NULL;
}

void refresh_set(struct net *net, struct agenda_item *item, int64_t in_ms)
{
	agenda_set(&net->refreshes->agenda, item, clock_mono_ms() + in_ms);
	wake(net->refreshes);
}

void refresh_drop(struct net *net, struct agenda_item *item)
{
	agenda_set(&net->refreshes->agenda, item, INT64_MAX);
}
