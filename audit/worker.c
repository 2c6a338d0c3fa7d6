/* SPDX-License-Identifier: BSD-3-Clause */
/* worker: jobs of a signer, one at a time. */
#include "audit/worker.h"

#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/changes.h"
#include "audit/cross.h"
#include "err/sanitized.h"
#include "fail/fail.h"
#include "frame/frame.h"

#define JOB_MAX     (32u << 20)
#define MEMORY_MAX  (UINT64_C(2) << 30) /* of address space: what goes wrong ends this process alone */
#define TIMEOUT_MAX 86400
#define MEMORY_KEPT (4 << 20) /* from job to job: first touch costs more than the audit of a small change */

static void limit_memory(void)
{
#ifndef SANITIZED
	const struct rlimit most = { MEMORY_MAX, MEMORY_MAX };

	setrlimit(RLIMIT_AS, &most);
#endif
}

/* What a small job needs stays; larger pieces go back to the system with the job that they were for. */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
	mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT / 4);
}

/* Whoever has gone waits for no answer, and an audit may take minutes. */
static void *watch(void *arg)
{
	struct pollfd p = { .fd = *(const int *)arg, .events = POLLRDHUP };

	while (poll(&p, 1, -1) <= 0 || (p.revents & (POLLRDHUP | POLLHUP)) == 0)
		;
	_exit(EXIT_UNKNOWN);
}

static int start_watch(const int *sock)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, watch, (void *)(uintptr_t)sock) == 0 ? pthread_detach(thread) : -1;
}

static int take_plan(struct audit *a, const json_t *job, struct err *e)
{
	const json_t *plan = json_object_get(job, "plan");

	limits_none(&a->limits);
	if (plan == NULL)
		return 0;
	if ((a->plan = plan_from_json(plan, e)) == NULL)
		return err_ctx(e, "plan");
	if (a->plan->limits_given)
		a->limits = a->plan->limits;
	limits_severities(&a->limits, a->report);
	return 0;
}

static int take_job(struct audit *a, const json_t *job, struct err *e)
{
	const char *zone = json_string_value(json_object_get(job, "zone")), *past;

	if (zone == NULL || (a->zone_len = name_from_text(zone, a->zone, e)) == 0)
		return zone == NULL ? err_set(e, ERR_SYNTAX, "zone is missing") : -1;
	name_lower(a->zone, a->zone_len);
	name_text(a->zone, a->zone_text);
	a->now = json_integer_value(json_object_get(job, "now"));
	if (json_integer_value(json_object_get(job, "threads")) < (json_int_t)a->threads)
		a->threads = (unsigned)json_integer_value(json_object_get(job, "threads"));
	if (a->threads == 0 || a->now <= 0)
		return err_set(e, ERR_SYNTAX, "threads and now must be numbers above 0");
	if (take_plan(a, job, e) != 0)
		return -1;
	a->expiring = json_is_true(json_object_get(job, "expiring"));
	a->again = json_is_true(json_object_get(job, "again"));
	past = json_string_value(json_object_get(job, "past"));
	if (past != NULL)
		a->past = *past == '\0' ? past_empty() : past_parse(past, strlen(past), e);
	return past == NULL || a->past != NULL ? 0 : err_ctx(e, "past");
}

static json_t *answer_of(struct audit *a, struct err *e)
{
	int code = audit_code(a);
	json_t *answer = audit_json(a, code);
	char *past;

	json_object_set_new(answer, "verified", json_integer((json_int_t)a->verified));
	if (a->past == NULL || (code != 0 && !a->has_soa))
		return answer;
	audit_candidate(a); /* also of what is refused: an operator may have it published, and it is remembered then */
	if (past_published(a->past, a->serial, a->now, e) != 0 || (past = past_text(a->past)) == NULL) {
		if (code != 0)
			return answer;
		json_decref(answer);
		return NULL;
	}
	json_object_set_new(answer, code == 0 ? "past" : "past_overruled", json_string(past));
	free(past);
	return answer;
}

static int cross_run(struct audit *a, const json_t *cross, struct zone_source source[2], struct err *e)
{
	const struct cross_terms terms = { .same = json_is_true(json_object_get(cross, "same")),
					   .step = json_string_value(json_object_get(cross, "step")),
					   .sample = (uint64_t)json_integer_value(json_object_get(cross, "sample")),
					   .seed = (uint64_t)json_integer_value(json_object_get(cross, "seed")) };

	if (source[0].fd < 0)
		return err_set(e, ERR_SYNTAX, "the other's version is missing");
	a->cross = cross_new(&terms);
	return audit_whole(a, source, 2, e);
}

json_t *worker_run(const json_t *job, int fd, int other, unsigned threads)
{
	const char *dir = getenv("TMPDIR");
	struct audit a = { .threads = threads, .spill_dir = dir != NULL && *dir != '\0' ? dir : "/var/tmp" };
	struct zone_source source = { .label = "the signed zone", .fd = fd, .form = FORM_WIRE, .to_its_end = true };
	struct zone_source both[2] = { { .label = "the other's version", .fd = other, .form = FORM_WIRE, .to_its_end = true },
				       { .label = "our version", .fd = fd, .form = FORM_WIRE, .to_its_end = true } };
	const json_t *changes = json_object_get(job, "changes"), *cross = json_object_get(job, "cross");
	struct err e = { 0 };
	json_t *answer = NULL;
	int rc;

	a.report = report_new();
	rc = take_job(&a, job, &e);
	if (rc == 0 && cross != NULL)
		rc = cross_run(&a, cross, both, &e);
	else if (rc == 0 && changes != NULL)
		rc = changes_read(&a, changes, fd, &source.facts, &e) == 0 ? audit_changes(&a, &source.facts, &e) : -1;
	else if (rc == 0)
		rc = audit_whole(&a, &source, 1, &e);
	if (rc == 0)
		answer = answer_of(&a, &e);
	changes_free(a.changes);
	audit_fini(&a);
	return answer != NULL ? answer : json_pack("{s:s, s:s, s:b}", "result", "unknown", "why", e.text, "whole",
						   changes != NULL && e.code == ERR_REFUSED);
}

/* Of what is large: it yields to what is small. */
static void be_nice(json_int_t more)
{
	if (more > 0 && more < 20)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + (int)more);
}

static int answer_job(int sock, const char *text, size_t len, int fd, int other, unsigned threads)
{
	json_t *job = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL), *answer;
	json_int_t timeout_s = json_integer_value(json_object_get(job, "timeout_s"));
	struct err e;
	char *out;
	int rc;

	fail_point("worker-job");
	be_nice(json_integer_value(json_object_get(job, "nice")));
	alarm(timeout_s > 0 && timeout_s < TIMEOUT_MAX ? (unsigned)timeout_s : TIMEOUT_MAX);
	while (fail_number("worker-hangs") > 0)
		poll(NULL, 0, 100);
	answer = worker_run(job, fd, other, threads);
	alarm(0);
	fail_point("worker-done");
	out = json_dumps(answer, JSON_COMPACT);
	rc = out != NULL ? frame_send(sock, out, strlen(out), NULL, 0, &e) : -1;
	free(out);
	json_decref(answer);
	json_decref(job);
	return rc;
}

int worker_main(int sock, unsigned threads)
{
	int fds[FRAME_FDS], rc;
	struct err e = { 0 };
	size_t len, n;
	char *text;

	signal(SIGPIPE, SIG_IGN);
	limit_memory();
	keep_memory();
	if (start_watch(&sock) != 0)
		return EXIT_UNKNOWN;
	while ((rc = frame_recv(sock, JOB_MAX, -1, &text, &len, fds, &n, &e)) == 1) {
		rc = n == 1 || n == 2 ? answer_job(sock, text, len, fds[0], n == 2 ? fds[1] : -1, threads) : -1;
		free(text);
		while (n > 0)
			close(fds[--n]);
		if (rc != 0)
			break;
	}
	if (rc < 0 && e.text[0] != '\0')
		fprintf(stderr, "duet-audit: %s\n", e.text);
	return rc == 0 ? 0 : EXIT_UNKNOWN;
}
