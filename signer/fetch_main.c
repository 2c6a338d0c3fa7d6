/* SPDX-License-Identifier: BSD-3-Clause */
/* duet-fetch: speaks HTTP and HTTPS for the daemons of this host; it holds no key. */
#include <stdio.h>
#include <stdlib.h>

#include "runner/runner_main.h"
#include "runner/web.h"

static int prepare(uv_loop_t *loop, const struct conf *conf, struct runner_plan *plan, struct err *e)
{
	static struct web web;
	char threads[16];

	web = (struct web){ .loop = loop, .ca_file = conf->fetch.ca_file };
	*plan = (struct runner_plan){ .socket = conf->fetch.socket,
				      .at_once = (size_t)conf->fetch.at_once,
				      .worker = web_worker(&web) };
	snprintf(threads, sizeof(threads), "%zu", plan->at_once);
	setenv("UV_THREADPOOL_SIZE", threads, 1); /* one for each request */
	return web_init(e);
}

int main(int argc, char **argv)
{
	return runner_main(argc, argv, "duet-fetch", "fetch", prepare);
}
