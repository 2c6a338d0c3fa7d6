/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RUNNER_MAIN_H
#define DUET_RUNNER_MAIN_H

#include "conf/conf.h"
#include "runner/serve.h"

/*
 * runner_main - the life of a runner: options and configuration, then its loop until a signal ends it.
 *
 * prepare: makes the worker once the configuration is read, and says where to listen and how many run at once.  Returns the exit code.
 */
struct runner_plan {
	const char *socket;
	size_t at_once;
	struct serve_worker worker;
};
typedef int runner_prepare_fn(uv_loop_t *loop, const struct conf *conf, struct runner_plan *plan, struct err *e);
int runner_main(int argc, char **argv, const char *program, const char *section, runner_prepare_fn *prepare);

#endif
