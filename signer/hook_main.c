/* SPDX-License-Identifier: BSD-3-Clause */
/* duet-hook: starts the administrator's hooks, under a user of its own, for the daemons of this host. */
#include "runner/program.h"
#include "runner/runner_main.h"

static int prepare(uv_loop_t *loop, const struct conf *conf, struct runner_plan *plan, struct err *e)
{
	static struct programs programs;

	(void)e;
	programs = (struct programs){ .loop = loop, .dir = conf->hook.dir };
	*plan = (struct runner_plan){ .socket = conf->hook.socket,
				      .at_once = (size_t)conf->hook.at_once,
				      .worker = programs_worker(&programs) };
	return 0;
}

int main(int argc, char **argv)
{
	return runner_main(argc, argv, "duet-hook", "hook", prepare);
}
