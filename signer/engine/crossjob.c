/* SPDX-License-Identifier: BSD-3-Clause */
/* crossjob: what we publish and what another signer does, before the auditor. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "signer/engine/auditjob.h"
#include "signer/engine/auditor.h"
#include "signer/engine/cross.h"

#define SAMPLE     4096   /* RRsets whose signatures are tried */
#define TIMEOUT_S  120
#define OCTETS_A_S 100000 /* it yields to all others */

struct crossing {
	struct work work;
	struct engine *engine;
	struct version *ours;
	int fd;
	char *job;
	int64_t timeout_s;
	crossjob_done_fn *done;
	void *ctx;
	json_t *answer;
	struct err err;
};

static int feed(void *ctx, int fd, int64_t until_ms, struct err *e)
{
	const struct crossing *c = ctx;

	return auditjob_feed(c->engine->store, version_info(c->ours), version_table(c->ours), fd, until_ms, e);
}

static void cross_work(struct work *w)
{
	struct crossing *c = (struct crossing *)w;

	fail_point("engine-cross");
	auditor_run(c->engine->auditor, c->job, true, c->fd, feed, c, SIZE_MAX, c->timeout_s, &c->answer, &c->err);
}

static void cross_done(struct work *w)
{
	struct crossing *c = (struct crossing *)w;
	const char *result = json_string_value(json_object_get(c->answer, "result"));
	const char *why = json_string_value(json_object_get(c->answer, "why"));
	bool known = result != NULL && strcmp(result, "unknown") != 0;

	c->done(c->ctx, known ? c->answer : NULL,
		w->cancelled ? "the signer is stopping" : why != NULL ? why : c->answer != NULL ? "the auditor gave no result" : c->err.text);
	version_unref(c->ours);
	close(c->fd);
	json_decref(c->answer);
	free(c->job);
	free(c);
}

void crossjob_start(struct zwork *z, bool same, const char *step, int fd, crossjob_done_fn *done, void *ctx)
{
	struct crossing *c = mem_new(1, sizeof(*c));
	struct stat st = { .st_size = 0 };
	json_t *job;

	*c = (struct crossing){ .engine = z->engine, .ours = version_ref(z->version), .fd = fd, .done = done, .ctx = ctx };
	fstat(fd, &st);
	c->timeout_s = TIMEOUT_S + (st.st_size + (int64_t)table_octets(version_table(c->ours))) / OCTETS_A_S;
	job = json_pack("{s:s,s:I,s:i,s:i,s:I,s:{s:b,s:s?,s:i,s:I}}", "zone", z->name, "now", (json_int_t)clock_now_s(), "threads", 1,
			"nice", WORK_LARGE_NICE, "timeout_s", (json_int_t)c->timeout_s, "cross", "same", (int)same, "step", step,
			"sample", SAMPLE, "seed", (json_int_t)randombytes_random());
	c->job = json_dumps(job, JSON_COMPACT);
	json_decref(job);
	c->work.large = true; /* not for its size: there is one of it at a time, and nothing waits for it */
	c->work.run = cross_work;
	c->work.done = cross_done;
	works_queue(z->engine->works, WORK_LOAD, &c->work);
}
