/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RUNNER_PROGRAM_H
#define DUET_RUNNER_PROGRAM_H

#include "runner/serve.h"

/*
 * program - runs an administrator's programs: each in a session and process group of its own, ended at its time limit
 * (SIGTERM, 2 s later SIGKILL) and, whatever its end, with all that is left of its group.  Its output goes line by line into
 * the log (event=hook-output).
 *
 * Only programs in the folder are started: regular files that are executable, belong to root or to this process's user,
 * and that nobody else may write.
 */
struct programs {
	uv_loop_t *loop;
	const char *dir; /* borrowed */
};

/* p: borrowed, lives as long as the worker. */
struct serve_worker programs_worker(struct programs *p);

#endif
