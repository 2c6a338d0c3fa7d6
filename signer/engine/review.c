/* SPDX-License-Identifier: BSD-3-Clause */
/* review: which candidate there is, what it waits for, and when it is none any more. */
#include "signer/engine/review.h"

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

const char *review_stage_text(enum review_stage stage)
{
	return stage == REVIEW_LOAD ? "load" : stage == REVIEW_SIGN ? "sign" : "none";
}

static bool is_digest(const uint8_t a[CONTENT_DIGEST_LEN], const uint8_t b[CONTENT_DIGEST_LEN])
{
	return memcmp(a, b, CONTENT_DIGEST_LEN) == 0;
}

static bool off(const char *who)
{
	return strcmp(who, "off") == 0;
}

static const uint8_t *digest_of(const struct zwork *z)
{
	return z->input != NULL ? z->input_id.digest : z->review.content.digest;
}

static bool overridden(const struct zwork *z)
{
	return z->review.override_why != NULL && (z->input != NULL || z->review.stage != REVIEW_NONE) &&
	       is_digest(digest_of(z), z->review.overridden);
}

bool review_overridden(const struct zwork *z, const struct made *m)
{
	return made_is_new(m) && overridden(z);
}

/* Nothing but a review stands in the way of new content. */
static bool may_go_on(const struct zwork *z)
{
	return z->hold == NULL && (overridden(z) || (z->review.halt == NULL && !is_digest(digest_of(z), z->review.rejected)));
}

static bool load_wanted(const struct zwork *z)
{
	return z->input != NULL && !off(z->plan->policy->load_review) && !overridden(z) &&
	       !is_digest(z->input_id.digest, z->review.load_passed);
}

bool review_publishes(const struct zwork *z)
{
	return z->review.stage == REVIEW_SIGN && (z->review.passed || overridden(z)) && may_go_on(z) &&
	       clock_mono_ms() >= z->verdict.input_until_ms;
}

bool review_lets(const struct zwork *z)
{
	if (z->review.stage == REVIEW_SIGN)
		return review_publishes(z);
	return z->input != NULL && may_go_on(z) && !audit_input_waits(z) && !load_wanted(z);
}

const struct content_id *review_content(const struct zwork *z)
{
	return z->review.stage == REVIEW_SIGN ? &z->review.content : &z->input_id;
}

bool review_wanted(const struct zwork *z, const struct made *m)
{
	return m->content != NULL && !off(z->plan->policy->sign_review) && !overridden(z);
}

/* ---- the store ---- */

char *review_words_of(const struct review *r)
{
	json_t *o = json_pack("{s:i,s:s,s:o,s:o,s:b}", "v", 1, "stage", review_stage_text(r->stage), "content",
			      content_to_json(&r->content), "plan", msg_json_hex(r->plan_hash, sizeof(r->plan_hash)), "passed",
			      (int)r->passed);
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

char *review_words(const struct zwork *z, struct store_write *w)
{
	char *words = NULL;

	if (z->review.stage != REVIEW_NONE) {
		w->what = STORE_CANDIDATE;
		w->candidate = words = review_words_of(&z->review);
	} else {
		w->candidate_ends = z->review.ends_due;
	}
	return words;
}

void review_open(struct zwork *z)
{
	struct review *r = &z->review;
	char *text;
	struct version *v = store_candidate(z->engine->store, z->apex, &text);
	json_t *o = text == NULL ? NULL : json_loads(text, 0, NULL);
	const char *stage = json_string_value(json_object_get(o, "stage"));

	free(text);
	if (v == NULL || stage == NULL) {
		r->ends_due = v != NULL;
		version_unref(v);
		json_decref(o);
		return;
	}
	r->version = v;
	r->stage = strcmp(stage, "load") == 0 ? REVIEW_LOAD : REVIEW_SIGN;
	r->passed = json_is_true(json_object_get(o, "passed"));
	content_from_json(&r->content, json_object_get(o, "content"));
	hex_read(json_string_value(json_object_get(o, "plan")), r->plan_hash, sizeof(r->plan_hash));
	r->since = clock_now_s();
	json_decref(o);
	log_event(LOG_NOTICE, "candidate", "zone=%s serial=%u stage=%s msg=it was there before the start: going on with it",
		  z->name, version_info(v)->serial, review_stage_text(r->stage));
}

void review_free(struct zwork *z)
{
	struct review *r = &z->review;

	review_ask_end(z);
	version_unref(r->version);
	free(r->past);
	json_decref(r->outside);
	free(r->override_why);
	free(r->halt);
	free(r->refusal);
}

static void keep_digest(json_t *o, const char *name, const uint8_t digest[CONTENT_DIGEST_LEN])
{
	static const uint8_t none[CONTENT_DIGEST_LEN];

	if (!is_digest(digest, none))
		json_object_set_new(o, name, msg_json_hex(digest, CONTENT_DIGEST_LEN));
}

void review_keep(const struct zwork *z, json_t *keep)
{
	const struct review *r = &z->review;
	json_t *o = json_object();

	keep_digest(o, "load_passed", r->load_passed);
	keep_digest(o, "rejected", r->rejected);
	keep_digest(o, "overridden", r->overridden);
	if (r->override_why != NULL)
		json_object_set_new(o, "override_why", json_string(r->override_why));
	if (r->halt != NULL)
		json_object_set_new(o, "halt", json_string(r->halt));
	if (json_object_size(o) > 0)
		json_object_set_new(keep, "review", o);
	else
		json_decref(o);
}

void review_keep_read(struct zwork *z, const json_t *keep)
{
	const json_t *o = json_object_get(keep, "review");
	struct review *r = &z->review;
	const char *text;

	hex_read(json_string_value(json_object_get(o, "load_passed")), r->load_passed, sizeof(r->load_passed));
	hex_read(json_string_value(json_object_get(o, "rejected")), r->rejected, sizeof(r->rejected));
	hex_read(json_string_value(json_object_get(o, "overridden")), r->overridden, sizeof(r->overridden));
	r->override_rev = (uint64_t)json_integer_value(json_object_get(keep, "override_rev"));
	if ((text = json_string_value(json_object_get(o, "override_why"))) != NULL)
		zwork_say(&r->override_why, "%s", text);
	if ((text = json_string_value(json_object_get(o, "halt"))) != NULL)
		zwork_say(&r->halt, "%s", text);
}

/* ---- out of it ---- */

static void forget(struct zwork *z)
{
	struct review *r = &z->review;

	review_ask_end(z);
	if (r->stage != REVIEW_NONE)
		r->ends_due = true;
	r->stage = REVIEW_NONE;
	r->passed = false;
	free(r->past);
	json_decref(r->outside);
	r->past = NULL;
	r->outside = NULL;
	version_unref(r->version);
	r->version = NULL;
	netlink_candidate(z->engine->net, z);
	review_text_remove(z->engine->conf->signer.review.dir, z->name);
	zwork_tell(z);
}

void review_drop(struct zwork *z, const char *why)
{
	if (z->review.stage == REVIEW_NONE)
		return;
	if (z->made != NULL && z->made->candidate)
		pipeline_drop(z);
	log_event(LOG_NOTICE, "candidate-dropped", "zone=%s serial=%u stage=%s msg=%s", z->name,
		  version_info(z->review.version)->serial, review_stage_text(z->review.stage), why);
	history_note_candidate(z, "dropped", why);
	forget(z);
	zwork_save(z);
}

void review_new_input(struct zwork *z)
{
	struct review *r = &z->review;

	if (r->stage == REVIEW_NONE || is_digest(z->input_id.digest, r->content.digest))
		return;
	review_drop(z, "newer input takes its place");
}

void review_published(struct zwork *z)
{
	struct review *r = &z->review;

	if (r->stage != REVIEW_NONE)
		forget(z);
	r->ends_due = false; /* that commit said so */
	memset(r->load_passed, 0, sizeof(r->load_passed));
	memset(r->overridden, 0, sizeof(r->overridden));
	zwork_say(&r->override_why, NULL);
	zwork_say(&r->refusal, NULL);
}

void review_halt(struct zwork *z, const char *why)
{
	zwork_say(&z->review.halt, "%s", why);
	log_event(LOG_ERROR, "halted", "zone=%s msg=%s; what is published is kept fresh; next: duetctl zone resume", z->name,
		  why);
	zwork_save(z);
	zwork_tell(z);
}

/* Why the candidate is none any more; NULL: it is one. */
static const char *obsolete(const struct zwork *z)
{
	const struct review *r = &z->review;
	const struct policy *p = z->plan->policy;

	if (z->input != NULL && !is_digest(z->input_id.digest, r->content.digest))
		return "newer input takes its place";
	if (off(r->stage == REVIEW_LOAD ? p->load_review : p->sign_review) && !r->passed)
		return "the policy asks for no review any more";
	if (r->stage == REVIEW_SIGN && memcmp(r->plan_hash, z->plan->hash, sizeof(r->plan_hash)) != 0)
		return "the keys or the policy have changed: it is signed anew";
	return z->damage != NULL ? "what is published is damaged: it is made anew" : NULL;
}

bool review_step(struct zwork *z)
{
	struct review *r = &z->review;
	const char *why = r->stage == REVIEW_NONE ? NULL : obsolete(z);

	if (why != NULL) {
		review_drop(z, why);
		if (z->input == NULL)
			source_again(z);
		return zwork_save_step(z);
	}
	if (r->stage != REVIEW_NONE && !r->passed && !overridden(z)) {
		if (!r->asked && z->hold == NULL)
			review_ask(z);
		else if (r->until_ms != 0 && clock_mono_ms() >= r->until_ms)
			review_refused(z, false, "nobody has approved it in time");
		if (r->until_ms != 0 && r->until_ms < z->look_ms)
			z->look_ms = r->until_ms;
		return z->busy || zwork_save_step(z);
	}
	if (r->stage == REVIEW_NONE && z->input != NULL && may_go_on(z) && !audit_input_waits(z) && load_wanted(z) &&
	    (z->retry_ms == 0 || clock_mono_ms() >= z->retry_ms)) {
		pipeline_drop(z);
		review_unsigned(z);
		return true;
	}
	return false;
}
