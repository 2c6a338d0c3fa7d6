/* SPDX-License-Identifier: BSD-3-Clause */
/* runner_main: what duet-hook and duet-fetch have in common. */
#include "runner/runner_main.h"

#include "clock/clock.h"
#include "log/log.h"
#include "service/service.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct running {
	uv_loop_t loop;
	uv_signal_t term, intr;
};

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

static void watch(struct running *r, uv_signal_t *handle, int number)
{
	uv_signal_init(&r->loop, handle);
	uv_signal_start(handle, on_signal, number);
}

static int serve(struct running *r, const struct runner_plan *plan, struct err *e)
{
	const int fd = serve_listen(plan->socket, e);
	struct serve *s;

	if (fd < 0 || serve_open(&r->loop, fd, plan->at_once, &plan->worker, &s, e) != 0)
		return -1;
	log_event(LOG_NOTICE, "ready", "socket=%s at-once=%zu", plan->socket, plan->at_once);
	service_tell("READY=1");
	uv_run(&r->loop, UV_RUN_DEFAULT);
	service_tell("STOPPING=1");
	serve_close(s);
	uv_close((uv_handle_t *)&r->term, NULL);
	uv_close((uv_handle_t *)&r->intr, NULL);
	while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0)
		;
	serve_free(s);
	uv_loop_close(&r->loop);
	log_event(LOG_NOTICE, "stopped", "socket=%s", plan->socket);
	return 0;
}

int runner_main(int argc, char **argv, const char *program, const char *section, runner_prepare_fn *prepare)
{
	struct runner_plan plan;
	struct conf *conf = NULL;
	struct running r;
	struct err e;
	int rc;

	log_init(program, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0);
	if (clock_init() != 0) {
		log_event(LOG_ERROR, "start-failed", "msg=clock");
		return 1;
	}
	if ((rc = conf_start(argc, argv, program, section, &conf)) >= 0)
		return rc;
	uv_loop_init(&r.loop);
	watch(&r, &r.term, SIGTERM);
	watch(&r, &r.intr, SIGINT);
	rc = prepare(&r.loop, conf, &plan, &e) != 0 || serve(&r, &plan, &e) != 0;
	if (rc != 0)
		log_event(LOG_ERROR, "start-failed", "msg=%s", e.text);
	conf_free(conf);
	return rc;
}
