/* SPDX-License-Identifier: BSD-3-Clause */
/* whole: published versions go before the auditor again, in the background. */
#include "signer/engine/whole.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/auditjob.h"
#include "signer/engine/auditor.h"

#define SCAN_MAX    512  /* zones that are looked at each second */
#define SHARE       10   /* it takes one part in so many of the time */
#define AGAIN_MS    60000 /* after one of which nothing could be told */
#define QUIET_MS    30000 /* after the start */
#define TIMEOUT_S   60
#define OCTETS_A_S  20000 /* it yields to everybody */
#define NICE        15
#define BESIDE_PAGES (UINT64_C(2) << 16) /* octets of the messages before and behind the pages, at most */

struct auditing {
	uv_work_t uv;
	struct engine *engine;
	char *zone;            /* by name: it may go meanwhile */
	struct made made;      /* what is published, as if it were made again; base is it */
	char *job;
	json_t *answer;
	struct err err;
	int64_t begun_ms, timeout_s;
	int rc;
};

struct wholes {
	struct auditing *running; /* NULL: none */
	int64_t next_ms;
	size_t at;              /* of the zones, in turn */
	size_t wanted;          /* zones that are asked for, at least */
};

/* A test does not wait for a quiet moment. */
static bool hurried(void)
{
	return fail_errno("engine-whole") != 0;
}

struct wholes *wholes_new(void)
{
	struct wholes *w = mem_new(1, sizeof(*w));

	w->next_ms = clock_mono_ms() + (hurried() ? 0 : QUIET_MS);
	return w;
}

void wholes_free(struct wholes *w)
{
	free(w);
}

bool wholes_running(const struct engine *e)
{
	return e->wholes != NULL && e->wholes->running != NULL;
}

/* ---- one of them ---- */

static int feed(void *ctx, int fd, int64_t until_ms, struct err *e)
{
	const struct auditing *a = ctx;

	return auditjob_feed(a->engine->store, &a->made.info, version_table(a->made.base), fd, until_ms, e);
}

/* A thread that is nicer cannot become less so again: it has one of its own. */
static void run_nice(void *arg)
{
	struct auditing *a = arg;

	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
	a->rc = auditor_run(a->engine->auditor, a->job, true, -1, feed, a, table_octets(version_table(a->made.base)) + BESIDE_PAGES,
			    a->timeout_s, &a->answer, &a->err);
}

static void run(uv_work_t *uv)
{
	struct auditing *a = uv->data;
	uv_thread_t thread;

	fail_point("engine-whole-run");
	if (uv_thread_create(&thread, run_nice, a) == 0)
		uv_thread_join(&thread);
	else
		run_nice(a);
}

static void passed(struct zwork *z, const struct auditing *a)
{
	z->whole.at = z->kept.whole_at = clock_now_s();
	log_event(LOG_INFO, "whole-audit", "zone=%s serial=%u records=%" PRId64 " verified=%" PRId64 " ms=%" PRId64, z->name,
		  a->made.info.serial, (int64_t)json_integer_value(json_object_get(a->answer, "records")),
		  (int64_t)json_integer_value(json_object_get(a->answer, "verified")), clock_mono_ms() - a->begun_ms);
	audit_warnings(z, a->answer, a->made.info.serial, true);
	if (z->whole.failed != NULL)
		zwork_tell(z);
	zwork_say(&z->whole.failed, NULL);
	waiter_audited(z, json_pack("{s:s,s:I,s:O,s:O}", "result", "fine", "serial", (json_int_t)a->made.info.serial, "records",
				    json_object_get(a->answer, "records"), "verified", json_object_get(a->answer, "verified")), NULL);
}

static void refused(struct zwork *z, const struct auditing *a)
{
	char *why = audit_findings(a->answer);
	const bool again = z->whole.failed == NULL;

	z->whole.at = clock_now_s();
	zwork_say(&z->whole.failed, "version %u: %s", a->made.info.serial, why);
	history_note(z, NULL, "audit-whole", "refused", z->whole.failed);
	log_event(LOG_ERROR, "whole-audit-refused", "zone=%s serial=%u msg=%s; %s", z->name, a->made.info.serial, why,
		  again ? "all of it is signed anew" : "that was done before: duetctl zone audit, zone sign --full");
	if (again) {
		z->forced = z->full = true;
		zwork_poke(z);
	}
	zwork_save(z);
	zwork_tell(z);
	waiter_audited(z, json_pack("{s:s,s:I,s:s,s:O?}", "result", "refused", "serial", (json_int_t)a->made.info.serial, "why", why,
				    "findings", json_object_get(a->answer, "findings")), NULL);
	free(why);
}

static void unknown(struct zwork *z, struct auditing *a)
{
	struct err e;

	err_set(&e, ERR_IO, "%s", a->rc != 0 ? a->err.text : json_string_value(json_object_get(a->answer, "why")) != NULL
							     ? json_string_value(json_object_get(a->answer, "why")) : "the auditor gave no result");
	log_event(LOG_WARNING, "whole-audit-unknown", "zone=%s serial=%u msg=%s; next try in a minute or later", z->name, a->made.info.serial, e.text);
	z->whole.not_before_ms = clock_mono_ms() + AGAIN_MS;
	waiter_audited(z, NULL, &e);
}

static void done(uv_work_t *uv, int status)
{
	struct auditing *a = uv->data;
	struct engine *e = a->engine;
	struct zwork *z = engine_zone(e, a->zone, false);
	const char *result = a->rc == 0 ? json_string_value(json_object_get(a->answer, "result")) : NULL;
	const int64_t took_ms = clock_mono_ms() - a->begun_ms;

	(void)status;
	e->wholes->running = NULL;
	e->wholes->next_ms = clock_mono_ms() + (hurried() ? 0 : (SHARE - 1) * took_ms);
	if (z != NULL && !e->stopping) {
		if (a->rc != 0 && a->err.code == ERR_DAMAGE)
			zwork_damaged(z, a->err.text);
		if (result != NULL && strcmp(result, "fine") == 0)
			passed(z, a);
		/* Of a version that is gone, or of keys that are others by now, it says nothing. */
		else if (result != NULL && strcmp(result, "refused") == 0 && z->version != NULL && z->plan == a->made.plan &&
			 version_info(z->version)->serial == a->made.info.serial)
			refused(z, a);
		else
			unknown(z, a);
	}
	version_unref(a->made.base);
	plan_unref(a->made.plan);
	json_decref(a->answer);
	free(a->zone);
	free(a->job);
	free(a);
}

/* The version says what the plan of now asks for; else another one is on its way. */
static bool may(const struct zwork *z)
{
	return z->version != NULL && z->plan != NULL && !z->gone && z->damage == NULL &&
	       (z->plan->state == PLAN_SIGNED || z->plan->state == PLAN_UNSIGNED) &&
	       memcmp(z->plan->hash, z->kept.plan_hash, sizeof(z->plan->hash)) == 0;
}

static void begin(struct engine *e, struct zwork *z)
{
	struct auditing *a = mem_new(1, sizeof(*a));
	const uint64_t octets = table_octets(version_table(z->version));

	a->engine = e;
	a->uv.data = a;
	a->zone = mem_strdup(z->name);
	a->begun_ms = clock_mono_ms();
	a->made.plan = plan_ref(z->plan);
	a->made.base = version_ref(z->version);
	a->made.info = *version_info(z->version);
	a->timeout_s = TIMEOUT_S + (int64_t)(octets / OCTETS_A_S);
	a->job = auditjob_whole_text(z, &a->made, z->whole.wanted ? 0 : NICE, a->timeout_s);
	if (z->whole.wanted)
		e->wholes->wanted--;
	z->whole.wanted = false;
	e->wholes->running = a;
	if (uv_queue_work(&e->loop, &a->uv, run, done) != 0)
		abort();
}

/* ---- which is next ---- */

static bool due(const struct zwork *z, int64_t now)
{
	const int64_t every = z->plan == NULL ? 0 : z->plan->policy->audit_whole_every_s;

	if (!may(z) || z->plan->policy->audit == POLICY_AUDIT_OFF || clock_mono_ms() < z->whole.not_before_ms)
		return false;
	return z->whole.at == 0 || (every > 0 && (now - z->whole.at >= every || now < z->whole.at));
}

static struct zwork *asked_for(struct engine *e)
{
	for (size_t i = 0; i < e->zone_count && e->wholes->wanted > 0; i++)
		if (e->zone[i]->whole.wanted && may(e->zone[i]))
			return e->zone[i];
	return NULL;
}

void wholes_tick(struct engine *e)
{
	struct wholes *w = e->wholes;
	const size_t n = e->zone_count < SCAN_MAX ? e->zone_count : SCAN_MAX;
	const int64_t now = clock_now_s();
	struct zwork *z;

	if (w->running != NULL || e->stopping)
		return;
	if ((z = asked_for(e)) != NULL) {
		begin(e, z);
		return;
	}
	if (clock_mono_ms() < w->next_ms || works_waiting(e->works) > 0)
		return;
	for (size_t i = 0; i < n; i++) {
		z = e->zone[w->at++ % e->zone_count];
		if (due(z, now)) {
			begin(e, z);
			return;
		}
	}
}

int whole_wanted(struct zwork *z, struct err *e)
{
	if (z->version == NULL)
		return err_set(e, ERR_NOTFOUND, "zone %s: nothing is published", z->name);
	if (!may(z))
		return err_set(e, ERR_NOTNOW, "zone %s: the keys or the policy have changed, and the version that is made of that is not "
			       "published yet", z->name);
	if (!z->whole.wanted)
		z->engine->wholes->wanted++;
	z->whole.wanted = true;
	return 0;
}

void whole_published(struct zwork *z, bool whole)
{
	if (whole)
		z->whole.at = clock_now_s();
	if (whole && z->whole.failed != NULL) {
		zwork_say(&z->whole.failed, NULL);
		zwork_tell(z);
	}
}

void whole_forget(struct zwork *z)
{
	if (z->whole.wanted && z->engine->wholes != NULL && z->engine->wholes->wanted > 0)
		z->engine->wholes->wanted--;
	free(z->whole.failed);
}
