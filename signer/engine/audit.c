/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * audit: what was signed, with the SOA that it is to be published with, goes before the auditor; only what passes is
 * published.
 *
 * Whatever is not "fine" refuses: findings, and an auditor that could not be started, crashed, took too long or said what
 * nobody understands.  A refused input waits, while what is published is renewed without it; each time it waits twice as
 * long.  No serial is used up: it is taken by publication alone.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/auditjob.h"
#include "signer/engine/auditor.h"
#include "signer/engine/spoil.h"

#define TIMEOUT_S     60
#define OCTETS_A_S    200000 /* with all that may slow it down: sanitizers, a busy machine, large keys */
#define OCTETS_A_S_LARGE 50000 /* which yields to others */
#define FINDINGS      3    /* that are told */
#define WHY_MAX       900

struct auditing {
	struct work work;
	struct zwork *z;
	struct made *made;
	struct auditparts parts; /* tags NULL: the whole */
	char *job; /* NULL: nobody is asked, ZONEMD is made alone */
	int64_t timeout_s;
	json_t *answer;
	struct err err;
	int rc;
};

struct feeding {
	struct auditing *a;
	struct table *table;
};

bool audit_passed(const struct made *m, uint32_t serial)
{
	return m->arena != NULL && m->info.serial == serial && (m->passed || m->plan->policy->audit == POLICY_AUDIT_OFF);
}

bool audit_input_waits(const struct zwork *z)
{
	return (z->input != NULL || z->review.stage != REVIEW_NONE) && clock_mono_ms() < z->verdict.input_until_ms;
}

void audit_new_input(struct zwork *z)
{
	z->verdict.input_until_ms = 0;
	z->retry_ms = 0;
}

static int feed(void *ctx, int fd, int64_t until_ms, struct err *e)
{
	struct feeding *f = ctx;
	struct auditing *a = f->a;

	if (a->parts.tags != NULL && auditjob_feed_parts(a->z->engine->store, a->made, &a->parts, fd, until_ms, e) != 0)
		return -1;
	if (a->parts.tags != NULL && !a->parts.digested)
		return 0;
	return auditjob_feed(a->z->engine->store, &a->made->info, f->table, fd, until_ms, e);
}

/* At most, that feed writes: pages, and before and behind them a sum and two SOAs with their RRSIGs. */
#define BESIDE_PAGES (UINT64_C(2) << 16)

static uint64_t feed_octets(const struct feeding *f)
{
	const struct auditparts *p = &f->a->parts;
	uint64_t octets = p->tags == NULL || p->digested ? table_octets(f->table) : 0;

	for (size_t i = 0; i < p->n; i++)
		octets += p->row[i]->len;
	return octets + BESIDE_PAGES;
}

static void audit_work(struct work *w)
{
	struct auditing *a = (struct auditing *)w;
	struct feeding f = { .a = a };

	struct made *m = a->made;

	fail_point("engine-audit");
	a->rc = change_table(m->change, &f.table, &a->err);
	if (a->rc == 0)
		a->rc = zone_sign_zonemd(a->z->engine->store, f.table, &m->params, m->arena, &m->info, &a->err);
	if (a->rc == 0 && a->job != NULL)
		a->rc = auditor_run(a->z->engine->auditor, a->job, a->work.large, -1, feed, &f, feed_octets(&f),
				    a->timeout_s, &a->answer, &a->err);
	table_unref(f.table);
}

static char *findings(const json_t *answer, const char *of)
{
	const json_t *finding, *list = json_object_get(answer, "findings");
	char text[WHY_MAX] = "";
	size_t i, n = 0, len = 0;

	json_array_foreach(list, i, finding) {
		const char *severity = json_string_value(json_object_get(finding, "severity"));
		const char *row = json_string_value(json_object_get(finding, "row"));
		const char *what = json_string_value(json_array_get(json_object_get(finding, "first"), 0));

		if (severity == NULL || strcmp(severity, of) != 0 || n == FINDINGS || len >= sizeof(text))
			continue;
		n++;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s", len > 0 ? ", " : "", row != NULL ? row : "",
					what != NULL ? what : "");
	}
	return mem_strdup(text);
}

char *audit_findings(const json_t *answer)
{
	return findings(answer, "error");
}

/* Rows that warn; what each of them found differs from version to version.  NULL: none does. */
static char *rows_that_warn(const json_t *answer)
{
	const json_t *finding, *list = json_object_get(answer, "findings");
	char text[WHY_MAX] = "";
	size_t i, len = 0;

	json_array_foreach(list, i, finding) {
		const char *severity = json_string_value(json_object_get(finding, "severity"));
		const char *row = json_string_value(json_object_get(finding, "row"));
		const char *sentence = json_string_value(json_object_get(finding, "sentence"));

		if (severity != NULL && row != NULL && sentence != NULL && strcmp(severity, "warning") == 0 && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s", len > 0 ? ", " : "", row, sentence);
	}
	return len > 0 ? mem_strdup(text) : NULL;
}

void audit_warnings(struct zwork *z, const json_t *answer, uint32_t serial, bool whole)
{
	struct verdict *v = &z->verdict;
	char *rows = rows_that_warn(answer), *what;

	if (rows == NULL && !whole)
		return; /* of what did not change, those before were of */
	if (rows != NULL && (v->warnings == NULL || strcmp(rows, v->warnings) != 0)) {
		what = findings(answer, "warning");
		log_event(LOG_WARNING, "audit-warns", "zone=%s serial=%u msg=%s", z->name, serial, what);
		free(what);
	}
	free(v->warnings);
	v->warnings = rows;
}

/* What was found; or why nothing could be told. */
static char *why_of(const struct auditing *a, const char *result)
{
	const char *why = json_string_value(json_object_get(a->answer, "why"));

	if (a->rc != 0 || strcmp(result, "unknown") == 0)
		return mem_strdup(a->rc != 0 ? a->err.text : why != NULL ? why : "the auditor gave no result");
	return audit_findings(a->answer);
}

static const char *result_of(const struct auditing *a)
{
	const char *result = a->rc == 0 ? json_string_value(json_object_get(a->answer, "result")) : NULL;
	bool same = json_integer_value(json_object_get(a->answer, "serial")) == (json_int_t)a->made->info.serial;

	if (result != NULL && strcmp(result, "refused") == 0)
		return "refused";
	return result != NULL && strcmp(result, "fine") == 0 && same ? "fine" : "unknown";
}

static void verdict_set(struct zwork *z, const struct auditing *a, const char *result)
{
	struct verdict *v = &z->verdict;

	free(v->result);
	free(v->why);
	v->result = mem_strdup(result);
	v->why = strcmp(result, "fine") == 0 ? NULL : why_of(a, result);
	v->serial = a->made->info.serial;
	v->at = clock_now_s();
}

static void refused(struct zwork *z, const struct made *m)
{
	struct verdict *v = &z->verdict;
	bool new = made_is_new(m);

	fail_point("engine-refused");
	history_note(z, m, "audit", v->result, v->why);
	pipeline_back_off(z);
	if (!new) {
		z->retry_ms = v->input_until_ms;
		v->input_until_ms = 0;
	}
	if (m->candidate)
		review_drop(z, "duet-audit refused it");
	zwork_save(z);
	zwork_say(&z->error, "audit-%s: version %u: %s", v->result, v->serial, v->why);
	z->error_at = v->at;
	log_event(LOG_ERROR, "audit-refused", "zone=%s serial=%u result=%s msg=%s; %s%s", z->name, v->serial, v->result, v->why,
		  z->next, z->version != NULL ? "; the version before stays served" : "");
	if (new && m->plan->policy->audit_refused == POLICY_HARD && strcmp(v->result, "refused") == 0)
		review_halt(z, z->error);
	zwork_tell(z);
	waiter_failed(z, ERR_REFUSED, z->error);
}

static void passed(struct zwork *z, struct auditing *a)
{
	bool fine = strcmp(z->verdict.result, "fine") == 0;
	const char *past = json_string_value(json_object_get(a->answer, fine ? "past" : "past_overruled"));
	bool whole = a->parts.tags == NULL;

	fail_point("engine-passed");
	/* Else it is a review that refuses, or new content that waits while this renews what is published: waits go on growing. */
	if (z->review.refusal == NULL && (made_is_new(a->made) || z->input == NULL))
		z->verdict.refusals = 0;
	history_note(z, a->made, "audit", "passed", whole ? "whole" : "changes");
	a->made->passed = true;
	a->made->past = past == NULL ? NULL : mem_strdup(past);
	a->made->whole_at = whole ? clock_now_s() : z->kept.whole_at;
	log_event(LOG_INFO, "audited", "zone=%s serial=%u by=%s records=%" PRId64 " verified=%" PRId64, z->name,
		  a->made->info.serial, whole ? "whole" : "changes", (int64_t)json_integer_value(json_object_get(a->answer, "records")),
		  (int64_t)json_integer_value(json_object_get(a->answer, "verified")));
	audit_warnings(z, a->answer, a->made->info.serial, whole);
	z->made = a->made;
	a->made = NULL;
}

/* An operator has it published nevertheless. */
static void overruled(struct zwork *z, struct auditing *a)
{
	log_event(LOG_WARNING, "audit-overruled", "zone=%s serial=%u msg=%s; published by an operator's word: %s", z->name,
		  a->made->info.serial, z->verdict.why, z->review.override_why);
	history_note(z, a->made, "audit", "overruled", z->verdict.why);
	passed(z, a);
}

/* What its changes speak against is looked at as a whole, which decides; it does without pages of the version before, which
 * may be damaged. */
static void try_whole(struct zwork *z, struct auditing *a)
{
	uint32_t serial = a->made->info.serial;

	if (json_is_true(json_object_get(a->answer, "whole")))
		log_event(LOG_INFO, "audit-whole-needed", "zone=%s serial=%u msg=%s", z->name, serial, z->verdict.why);
	else
		log_event(LOG_WARNING, "audit-changes-refused", "zone=%s serial=%u msg=%s; all of it is audited", z->name, serial,
			  z->verdict.why);
	z->made = a->made;
	z->made->whole = true;
	a->made = NULL;
	audit_start(z, serial);
}

/* Its ZONEMD was to be made, and that was all. */
static void unaudited(struct zwork *z, struct auditing *a)
{
	if (a->rc != 0 && a->err.code == ERR_DAMAGE) {
		zwork_damaged(z, a->err.text);
	} else if (a->rc != 0) {
		pipeline_failed(z, "sign-failed", &a->err);
	} else {
		z->made = a->made;
		a->made = NULL;
	}
}

static void audit_done(struct work *w)
{
	struct auditing *a = (struct auditing *)w;
	struct zwork *z = a->z;
	const char *result;

	z->busy = false;
	if (!w->cancelled && a->job == NULL) {
		unaudited(z, a);
	} else if (!w->cancelled && !(a->rc != 0 && z->engine->stopping)) {
		result = result_of(a);
		verdict_set(z, a, result);
		if (strcmp(result, "fine") == 0)
			passed(z, a);
		else if (strcmp(result, "refused") == 0 && review_overridden(z, a->made))
			overruled(z, a);
		else if (a->parts.tags != NULL && !z->engine->stopping)
			try_whole(z, a);
		else if (a->rc != 0 && a->err.code == ERR_DAMAGE)
			zwork_damaged(z, a->err.text);
		else
			refused(z, a->made);
	}
	zwork_poke(z);
	made_free(a->made);
	json_decref(a->answer);
	auditparts_fini(&a->parts);
	free(a->job);
	free(a);
}

/* The version that it stands on is whole, has passed, and was signed with the same keys in the same way. */
static bool stands_on_passed(const struct zwork *z, const struct made *m)
{
	const struct version_info *was = m->base == NULL ? NULL : version_info(m->base);

	return was != NULL && z->damage == NULL && z->whole.failed == NULL && z->kept.audit != NULL && z->version != NULL &&
	       was->serial == version_info(z->version)->serial &&
	       memcmp(was->sign_ctx, m->info.sign_ctx, sizeof(was->sign_ctx)) == 0;
}

static bool whole_is_due(const struct zwork *z, const struct made *m)
{
	const int64_t every = m->plan->policy->audit_whole_every_s, now = clock_now_s();

	return every > 0 && (now - z->kept.whole_at >= every || now < z->kept.whole_at);
}

static void choose_parts(struct zwork *z, struct auditing *a)
{
	const struct made *m = a->made;
	struct table *table;

	if (m->whole || m->plan->policy->audit == POLICY_AUDIT_WHOLE || !stands_on_passed(z, m) || whole_is_due(z, m))
		return;
	if (change_table(m->change, &table, &a->err) != 0)
		return; /* the whole says the same */
	if (auditparts_make(version_table(m->base), table, &a->parts) == 0)
		a->parts.digested = m->params.zonemd != 0;
	table_unref(table);
}

void audit_start(struct zwork *z, uint32_t serial)
{
	struct auditing *a;
	struct made *m = z->made;
	unsigned threads;
	uint64_t octets;

	if (pipeline_soa(z, serial) != 0 || spoil_version(z) != 0)
		return;
	if (m->plan->policy->audit == POLICY_AUDIT_OFF && m->params.zonemd == 0) {
		zwork_poke(z);
		return;
	}
	a = mem_new(1, sizeof(*a));
	a->z = z;
	a->made = m;
	choose_parts(z, a);
	octets = m->stats.octets + (m->base == NULL || (a->parts.tags != NULL && !a->parts.digested) ? 0 : table_octets(version_table(m->base)));
	a->work.large = octets > WORK_LARGE;
	a->timeout_s = TIMEOUT_S + (int64_t)(octets / (a->work.large ? OCTETS_A_S_LARGE : OCTETS_A_S));
	if (fail_number("audit-limit") > 0)
		a->timeout_s = fail_number("audit-limit");
	threads = a->work.large ? works_threads(z->engine->works) : 1;
	if (m->plan->policy->audit != POLICY_AUDIT_OFF)
		a->job = auditjob_text(z, a->parts.tags != NULL ? &a->parts : NULL, threads,
				       a->work.large ? WORK_LARGE_NICE : 0, a->timeout_s);
	json_decref(m->outside);
	m->outside = a->job != NULL && review_wanted(z, m) ? auditjob_outside(z, m) : NULL;
	a->work.run = audit_work;
	a->work.done = audit_done;
	z->made = NULL;
	z->busy = true;
	works_queue(z->engine->works, WORK_AUDIT, &a->work);
}

json_t *audit_status(const struct zwork *z)
{
	const struct verdict *v = &z->verdict;

	return json_pack("{s:s,s:I,s:I,s:s?,s:I}", "result", v->result, "serial", (json_int_t)v->serial, "at",
			 (json_int_t)v->at, "why", v->why, "refusals", (json_int_t)v->refusals);
}
