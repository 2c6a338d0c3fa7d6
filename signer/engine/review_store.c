/* SPDX-License-Identifier: BSD-3-Clause */
/* review_store: what was loaded or signed becomes the candidate, by a commit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/netlink.h"
#include "signer/engine/zwork.h"

struct storing {
	struct writing writing;
	struct zwork *z;
	struct made *made;      /* sign; or */
	struct change *change;  /* load */
	struct arena *arena;
	struct version_info info;
	enum review_stage stage;
	struct review next;     /* what will be true */
	char *keep, *words;
	struct history history;
};

static void stored(struct zwork *z, struct storing *s)
{
	struct review *r = &z->review;
	char *text;

	version_unref(r->version);
	r->version = store_candidate(z->engine->store, z->apex, &text);
	free(text);
	r->stage = s->next.stage;
	r->content = s->next.content;
	memcpy(r->plan_hash, s->next.plan_hash, sizeof(r->plan_hash));
	r->passed = r->asked = r->ends_due = false;
	free(r->past);
	json_decref(r->outside);
	r->past = NULL;
	r->outside = NULL;
	if (s->made != NULL && s->made->past != NULL) {
		r->past = mem_strdup(s->made->past);
		r->outside = json_incref(s->made->outside);
		r->past_at = clock_now_s();
		r->whole_at = s->made->whole_at;
	}
	r->since = clock_now_s();
	fail_point("review-stored");
	log_event(LOG_NOTICE, "candidate", "zone=%s serial=%u stage=%s content=%" PRIu64 " msg=waits for its review", z->name,
		  version_info(r->version)->serial, review_stage_text(r->stage), r->content.number);
	netlink_candidate(z->engine->net, z);
	zwork_tell(z);
}

static void store_done(struct writing *w)
{
	struct storing *s = (struct storing *)w;
	struct zwork *z = s->z;

	z->busy = false;
	history_acted(z, &s->history, w->write.rc == 0);
	if (s->made != NULL)
		s->made->change = NULL;
	if (w->write.rc == 0)
		stored(z, s);
	else
		pipeline_failed(z, "candidate-failed", &w->write.err);
	made_free(s->made);
	arena_free(s->arena);
	free(s->keep);
	free(s->words);
	free(s);
	zwork_poke(z);
}

/* The change with its pages, as info says, becomes the candidate. */
static void store_it(struct zwork *z, struct storing *s, struct change *change, const struct version_info *info)
{
	s->z = z;
	s->next.stage = s->stage;
	s->next.content = z->input_id;
	memcpy(s->next.plan_hash, z->plan->hash, sizeof(s->next.plan_hash));
	s->words = review_words_of(&s->next);
	s->keep = zwork_keep(z, &z->kept);
	s->writing.write = (struct store_write){ .what = STORE_CANDIDATE, .apex = z->apex, .change = change, .info = info,
						 .keep = s->keep, .candidate = s->words };
	s->writing.done = store_done;
	fail_point("review-store");
	history_take(z, &s->history, &s->writing.write);
	z->busy = true;
	writer_queue(z->engine->writer, &s->writing);
}

void review_candidate(struct zwork *z)
{
	struct storing *s = mem_new(1, sizeof(*s));

	s->made = z->made;
	s->stage = REVIEW_SIGN;
	z->made = NULL;
	history_note(z, s->made, "sign-review", "waits", z->plan->policy->sign_review);
	store_it(z, s, s->made->change, &s->made->info);
}

/* ---- the unsigned candidate ---- */

struct unsigning {
	struct work work;
	struct zwork *z;
	struct sign_params params;
	struct sign_stats stats;
	struct storing *s;
	struct err err;
	int rc;
};

/* No page is due, whenever its signatures end. */
#define ANY_VALIDITY_S INT32_MAX

static void unsigned_work(struct work *w)
{
	struct unsigning *u = (struct unsigning *)w;
	struct zwork *z = u->z;
	struct storing *s = u->s;
	struct version *base;

	fail_point("review-unsigned");
	u->rc = -1;
	if (change_begin(z->engine->store, z->apex, &s->change, &u->err) != 0)
		return;
	base = store_current(z->engine->store, z->apex);
	u->rc = content_unsigned(z->engine->store, base, z->input, &u->params, s->change, &s->info, &u->stats, &u->err);
	version_unref(base);
	if (u->rc != 0)
		return;
	s->info.content = z->input_id.number;
	s->info.epoch = z->input_id.epoch;
	s->info.serial = s->info.input_serial = content_serial(z->input);
	u->rc = zone_sign_soa(content_soa(z->input), &u->params, s->info.serial, s->arena, &s->info, &u->err);
}

static void unsigned_done(struct work *w)
{
	struct unsigning *u = (struct unsigning *)w;
	struct zwork *z = u->z;
	struct storing *s = u->s;

	z->busy = false;
	fail_point("review-made");
	if (w->cancelled || u->rc != 0) {
		if (!w->cancelled && u->err.code == ERR_DAMAGE)
			zwork_damaged(z, u->err.text);
		else if (!w->cancelled)
			pipeline_failed(z, "candidate-failed", &u->err);
		change_drop(s->change);
		arena_free(s->arena);
		free(s);
		zwork_poke(z);
	} else {
		log_event(LOG_INFO, "unsigned", "zone=%s kept-pages=%" PRIu64 " new-pages=%" PRIu64 " octets=%" PRIu64, z->name,
			  u->stats.kept_pages, u->stats.new_pages, u->stats.octets);
		history_note(z, NULL, "load-review", "waits", z->plan->policy->load_review);
		store_it(z, s, s->change, &s->info);
	}
	free(u);
}

void review_unsigned(struct zwork *z)
{
	struct unsigning *u = mem_new(1, sizeof(*u));

	u->z = z;
	u->s = mem_new(1, sizeof(*u->s));
	u->s->arena = arena_new();
	u->s->stage = REVIEW_LOAD;
	u->params = (struct sign_params){ .now = clock_now_s(), .validity_s = ANY_VALIDITY_S, .threads = 1 };
	u->work.large = z->input->zone != NULL && content_is_much(z->version, z->input, &u->params);
	u->work.run = unsigned_work;
	u->work.done = unsigned_done;
	z->busy = true;
	works_queue(z->engine->works, WORK_SIGN, &u->work);
}
