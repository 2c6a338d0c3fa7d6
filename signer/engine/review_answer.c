/* SPDX-License-Identifier: BSD-3-Clause */
/* review_answer: a candidate was approved, refused or overridden; what that means is written down before it is acted on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "msg/msg.h"
#include "signer/engine/api.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"

static const char *step_text(const struct zwork *z)
{
	return z->review.stage == REVIEW_LOAD ? "load-review" : "sign-review";
}

void review_passed(struct zwork *z, const char *by)
{
	struct review *r = &z->review;

	fail_point("review-passed");
	review_ask_end(z);
	r->passed = true;
	if (r->stage == REVIEW_LOAD)
		memcpy(r->load_passed, r->content.digest, sizeof(r->load_passed));
	history_note_candidate(z, "passed", by);
	log_event(LOG_NOTICE, "review-passed", "zone=%s serial=%u stage=%s by=%s", z->name, version_info(r->version)->serial,
		  review_stage_text(r->stage), by);
	zwork_say(&r->refusal, NULL);
	z->verdict.refusals = 0;
	zwork_say(&z->error, NULL);
	zwork_say(&z->next, NULL);
	zwork_save(z);
	zwork_tell(z);
}

static bool hard(const struct zwork *z)
{
	const struct policy *p = z->plan->policy;

	return (z->review.stage == REVIEW_LOAD ? p->load_refused : p->sign_refused) == POLICY_HARD;
}

void review_refused(struct zwork *z, bool operator, const char *why)
{
	struct review *r = &z->review;
	const char *step = step_text(z);
	uint32_t serial = version_info(r->version)->serial;
	bool halts = hard(z) && !operator;

	fail_point("review-refused");
	r->refused_serial = serial;
	memcpy(r->refused, r->content.digest, sizeof(r->refused));
	zwork_say(&r->refusal, "%s: %s", step, why);
	history_note_candidate(z, "refused", why);
	if (operator)
		memcpy(r->rejected, r->content.digest, sizeof(r->rejected));
	else
		pipeline_back_off(z);
	if (operator)
		zwork_say(&z->next, "the next input, or duetctl zone resume");
	zwork_say(&z->error, "%s-refused: version %u: %s", step, serial, why);
	z->error_at = clock_now_s();
	log_event(LOG_ERROR, "review-refused", "zone=%s serial=%u stage=%s msg=%s; %s%s", z->name, serial,
		  review_stage_text(r->stage), why, halts ? "duetctl zone resume" : z->next,
		  z->version != NULL ? "; the version before stays served" : "");
	review_drop(z, "it was refused");
	if (halts)
		review_halt(z, z->error);
	waiter_failed(z, ERR_REFUSED, z->error);
}

const uint8_t *review_overridable(const struct zwork *z, uint32_t serial, struct err *e)
{
	const struct review *r = &z->review;

	if (r->stage != REVIEW_NONE && version_info(r->version)->serial == serial)
		return r->content.digest;
	if (r->refusal != NULL && r->refused_serial == serial)
		return r->refused;
	if (z->input != NULL && z->verdict.refusals > 0 && z->verdict.serial == serial)
		return z->input_id.digest;
	err_set(e, ERR_NOTFOUND, "zone %s: no version %u waits or was refused", z->name, serial);
	return NULL;
}

static const struct engine_node *node_of(const struct engine *e, const char *id)
{
	for (size_t i = 0; i < e->node_count; i++)
		if (strcmp(e->node[i].id, id) == 0)
			return &e->node[i];
	return NULL;
}

static void override_here(struct zwork *z, const struct plan_override *o)
{
	struct review *r = &z->review;

	memcpy(r->overridden, o->digest, sizeof(r->overridden));
	zwork_say(&r->override_why, "%s", o->reason);
	z->verdict.input_until_ms = 0;
	z->retry_ms = 0;
	review_ask_end(z);
	log_event(LOG_WARNING, "overridden", "zone=%s serial=%u msg=%s: this content is published whatever was said against it",
		  z->name, o->serial, o->reason);
}

void review_plan(struct zwork *z)
{
	const struct plan_override *o = z->plan == NULL || z->plan->override.rev <= z->review.override_rev ? NULL : &z->plan->override;
	const struct engine_node *node = o == NULL ? NULL : node_of(z->engine, o->node);
	char *why;

	if (node == NULL) /* nothing new, or nobody has said yet who that is */
		return;
	z->review.override_rev = o->rev;
	if (node->self)
		override_here(z, o);
	else
		log_event(LOG_NOTICE, "override-elsewhere", "zone=%s node=%s serial=%u msg=%s", z->name, node->name, o->serial, o->reason);
	why = mem_printf("version %u at %s: %s", o->serial, node->name, o->reason);
	history_note(z, NULL, "override", "by hand", why);
	free(why);
	zwork_save(z);
	zwork_tell(z);
}

void review_resume(struct zwork *z)
{
	struct review *r = &z->review;

	zwork_say(&r->halt, NULL);
	memset(r->rejected, 0, sizeof(r->rejected));
	z->verdict.input_until_ms = 0;
	z->verdict.refusals = 0;
	zwork_say(&z->error, NULL);
	zwork_say(&z->next, NULL);
}

json_t *review_last_override(const struct zwork *z)
{
	const struct plan_override *o = z->plan == NULL || z->plan->override.rev == 0 ? NULL : &z->plan->override;
	const struct engine_node *node = o == NULL ? NULL : node_of(z->engine, o->node);

	if (o == NULL)
		return json_null();
	return json_pack("{s:s,s:I,s:o,s:s}", "node", node != NULL ? node->name : o->node, "serial", (json_int_t)o->serial, "digest",
			 msg_json_hex(o->digest, sizeof(o->digest)), "reason", o->reason);
}

json_t *review_status(const struct zwork *z)
{
	const struct review *r = &z->review;
	json_t *o;

	if (r->stage == REVIEW_NONE && r->halt == NULL && r->refusal == NULL)
		return json_null();
	o = json_pack("{s:s?,s:s?,s:s?,s:I}", "halt", r->halt, "refusal", r->refusal, "override", r->override_why,
		      "refused_serial", (json_int_t)r->refused_serial);
	if (r->stage == REVIEW_NONE)
		return o;
	json_object_set_new(o, "stage", json_string(review_stage_text(r->stage)));
	json_object_set_new(o, "serial", json_integer(version_info(r->version)->serial));
	json_object_set_new(o, "input_serial", json_integer(version_info(r->version)->input_serial));
	json_object_set_new(o, "passed", json_boolean(r->passed));
	json_object_set_new(o, "since", json_integer(r->since));
	json_object_set_new(o, "content", content_to_json(&r->content));
	if (z->plan != NULL)
		json_object_set_new(o, "by", json_string(r->stage == REVIEW_LOAD ? z->plan->policy->load_review
										 : z->plan->policy->sign_review));
	return o;
}
