/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline: a version is signed in the pool, or taken from the candidate, and gets its SOA at the end; also removal. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/auditjob.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "fail/fail.h"
#include "log/log.h"

#define RETRY_FIRST_MS  5000
#define REFUSED_LAST_MS (600 * 1000)

struct signing {
	struct work work;
	struct zwork *z;
	struct made *made;
	bool verify;
	struct err err;
	int rc;
};

void made_free(struct made *m)
{
	if (m == NULL)
		return;
	arena_free(m->arena);
	free(m->past);
	json_decref(m->outside);
	free(m->again);
	change_drop(m->change);
	version_unref(m->base);
	if (m->keys_open)
		plan_keys_done(m->plan);
	plan_unref(m->plan);
	free(m);
}

void pipeline_drop(struct zwork *z)
{
	if (z->made == NULL)
		return;
	made_free(z->made);
	z->made = NULL;
}

/* It is tried again and again, and the history has it once for each input. */
static void note_failure(struct zwork *z, const char *what, const struct err *e)
{
	char *error = mem_printf("%s: %s", what, e->text), *step = mem_strdup(what);

	*strrchr(step, '-') = '\0'; /* sign-failed */
	if (z->retry_ms == 0 || z->error == NULL || strcmp(z->error, error) != 0)
		history_note(z, NULL, step, "failed", e->text);
	free(step);
	free(z->error);
	z->error = error;
}

void pipeline_failed(struct zwork *z, const char *what, const struct err *e)
{
	char at[CLOCK_TEXT_LEN];
	int64_t now_ms = clock_mono_ms();
	int64_t wait_ms = z->error == NULL ? RETRY_FIRST_MS : 6 * RETRY_FIRST_MS;

	note_failure(z, what, e);
	z->retry_ms = now_ms + wait_ms;
	zwork_say(&z->next, "next try at %s", clock_text(clock_now_s() + wait_ms / 1000, at));
	log_event(LOG_ERROR, what, "zone=%s msg=%s; %s%s", z->name, e->text, z->next,
		  z->version != NULL ? "; the version before stays served" : "");
	z->error_at = clock_now_s();
	zwork_tell(z);
	waiter_failed(z, e->code, z->error);
}

static void sign_work(struct work *w)
{
	struct signing *s = (struct signing *)w;
	struct zwork *z = s->z;
	struct made *m = s->made;

	s->rc = -1;
	fail_point("engine-sign");
	if (s->verify) /* what else is damaged is then known, and not kept */
		store_verify(z->engine->store, m->base);
	m->keys_open = plan_keys_use(m->plan, &s->err) == 0;
	if (!m->keys_open || change_begin(z->engine->store, z->apex, &m->change, &s->err) != 0)
		return;
	version_unref(m->base); /* it may have been compacted, which is another one */
	m->base = store_current(z->engine->store, z->apex);
	s->rc = content_sign(z->engine->store, m->base, m->content, &m->params, m->change, &m->info, &m->stats, &s->err);
}

static void sign_done(struct work *w)
{
	struct signing *s = (struct signing *)w;
	struct zwork *z = s->z;
	const struct made *m = s->made;

	z->busy = false;
	fail_point("engine-signed");
	if (w->cancelled) {
		made_free(s->made);
	} else if (s->rc != 0) {
		if (s->err.code == ERR_DAMAGE)
			zwork_damaged(z, s->err.text);
		else
			pipeline_failed(z, "sign-failed", &s->err);
		made_free(s->made);
	} else {
		log_event(LOG_INFO, "signed", "zone=%s records=%" PRIu64 " rrsigs=%" PRIu64 " signatures=%" PRIu64
			  " kept-pages=%" PRIu64 " new-pages=%" PRIu64 " octets=%" PRIu64, z->name, m->stats.records,
			  m->stats.rrsigs, m->stats.made, m->stats.kept_pages, m->stats.new_pages, m->stats.octets);
		z->made = s->made;
		writer_sync(z->engine->writer); /* beside the audit */
	}
	zwork_poke(z);
	free(s);
}

/* Each node draws its own salt, once. */
static void params_salt(struct zwork *z, struct sign_params *p)
{
	size_t len = (size_t)z->plan->policy->nsec3_salt_len;

	if (p->denial == DENIAL_NSEC || len == 0)
		return;
	if (z->salt_len != len) {
		free(z->salt);
		z->salt = mem_new(len, 1);
		z->salt_len = len;
		randombytes_buf(z->salt, len);
	}
	memcpy(p->nsec3_salt, z->salt, len);
	p->nsec3_salt_len = (uint8_t)len;
}

static void params_set(struct zwork *z, struct sign_params *p)
{
	static const enum denial denial[] = {
		[POLICY_NSEC] = DENIAL_NSEC, [POLICY_NSEC3] = DENIAL_NSEC3, [POLICY_NSEC3_OPTOUT] = DENIAL_NSEC3_OPTOUT };
	const struct policy *policy = z->plan->policy;

	*p = (struct sign_params){ .now = clock_now_s(), .full = z->full };
	p->denial = denial[policy->denial];
	p->nsec3_iterations = (uint16_t)policy->nsec3_iterations;
	p->inception_offset_s = (uint32_t)policy->inception_offset_s;
	p->validity_s = (uint32_t)policy->validity_s;
	p->jitter_s = (uint32_t)policy->jitter_s;
	p->margin_s = (uint32_t)policy->renewal_margin_s;
	p->zonemd = (unsigned)policy->zonemd;
	p->sort_octets = (size_t)z->engine->conf->signer.sort_memory_mib << 19; /* half as much as for the records */
	if (z->plan->state != PLAN_SIGNED)
		return;
	p->keys = z->plan->keys;
	p->key_count = z->plan->key_count;
	p->ready = z->plan->ready;
	p->ready_count = z->plan->ready_count;
	params_salt(z, p);
}

void pipeline_sign(struct zwork *z)
{
	struct signing *s = mem_new(1, sizeof(*s));
	struct made *m = mem_new(1, sizeof(*m));

	m->plan = plan_ref(z->plan);
	m->content = review_lets(z) ? z->input : NULL;
	m->base = z->version == NULL ? NULL : version_ref(z->version);
	params_set(z, &m->params);
	if (z->again != NULL && m->content != NULL && m->content->zone != NULL) {
		m->params.full = true; /* nearly all pages are others anyway */
	} else if (z->again != NULL) {
		m->again = mem_dup(z->again, dname_len(z->again));
		m->params.again = m->again;
	}
	s->z = z;
	s->made = m;
	s->verify = z->damage != NULL && z->version != NULL;
	s->work.large = content_is_much(z->version, m->content, &m->params);
	m->params.threads = s->work.large ? works_threads(z->engine->works) : 1;
	s->work.run = sign_work;
	s->work.done = sign_done;
	z->busy = true;
	works_queue(z->engine->works, WORK_SIGN, &s->work);
}

const struct content_id *made_content(const struct zwork *z, const struct made *m)
{
	return m->candidate ? &z->review.content : m->content != NULL ? &z->input_id : &z->kept.mine;
}

bool made_is_new(const struct made *m)
{
	return m->content != NULL || m->candidate;
}

/* Why the auditor is asked again about a candidate that it passed; NULL: only time has gone by, which has made nothing of it
 * wrong.  It has the same octets, and with another serial it is another version anyway. */
static const char *doubted(const struct zwork *z, const struct made *m)
{
	const struct review *r = &z->review;
	const int64_t now = clock_now_s();
	const char *why;
	json_t *is;

	if (now < r->past_at)
		return "the clock was set back";
	if (version_info(r->version)->earliest <= now + z->plan->policy->renewal_margin_s)
		return "its signatures have become due for renewal";
	is = auditjob_outside(z, m);
	why = auditjob_other(r->outside, is);
	json_decref(is);
	return why;
}

static void passed_before(const struct zwork *z, struct made *m)
{
	const struct review *r = &z->review;
	const char *why = r->past == NULL ? NULL : doubted(z, m);

	if (why != NULL)
		log_event(LOG_NOTICE, "audit-again", "zone=%s serial=%u msg=it has passed, but since then: %s", z->name,
			  m->info.serial, why);
	if (r->past == NULL || why != NULL)
		return;
	m->arena = arena_new();
	m->past = mem_strdup(r->past);
	m->whole_at = r->whole_at;
	m->info.content = r->content.number;
	m->info.epoch = r->content.epoch;
	m->passed = true;
}

void pipeline_candidate(struct zwork *z)
{
	struct made *m = mem_new(1, sizeof(*m));
	const struct version *v = z->review.version;
	struct err e;

	fail_point("review-publish");
	m->candidate = true;
	m->plan = plan_ref(z->plan);
	m->base = z->version == NULL ? NULL : version_ref(z->version);
	m->info = *version_info(v);
	m->info.sum = z->input != NULL ? content_sum(z->input) : NULL;
	m->whole = m->info.sum == NULL; /* what it changes of the content cannot be told without */
	m->stats.octets = table_octets(version_table(z->review.version));
	params_set(z, &m->params);
	if (change_of_candidate(z->engine->store, z->apex, &m->change, &e) != 0) {
		pipeline_failed(z, "candidate-failed", &e);
		made_free(m);
		return;
	}
	passed_before(z, m);
	z->made = m;
	zwork_poke(z);
}

void pipeline_back_off(struct zwork *z)
{
	int64_t wait_ms = RETRY_FIRST_MS;
	char at[CLOCK_TEXT_LEN];

	for (unsigned i = 0; i < z->verdict.refusals && wait_ms < REFUSED_LAST_MS; i++)
		wait_ms *= 2;
	wait_ms = wait_ms < REFUSED_LAST_MS ? wait_ms : REFUSED_LAST_MS;
	z->verdict.refusals++;
	z->verdict.input_until_ms = clock_mono_ms() + wait_ms / (1 + fail_number("hasten"));
	zwork_say(&z->next, "next try at %s, or when the input changes", clock_text(clock_now_s() + wait_ms / 1000, at));
}

int pipeline_soa(struct zwork *z, uint32_t serial)
{
	struct made *m = z->made;
	const struct content_id *c = made_content(z, m);
	const struct rr *soa = m->content != NULL ? content_soa(m->content)
			       : m->candidate     ? &version_info(z->review.version)->soa
						  : &version_info(m->base)->soa;
	struct err e;

	fail_point("engine-soa");
	arena_free(m->arena);
	free(m->past);
	m->arena = arena_new();
	m->past = NULL;
	m->passed = false;
	m->info.serial = serial;
	m->info.content = c->number;
	m->info.epoch = c->epoch;
	m->info.steps = m->plan->steps;
	/* Of what it holds, not of what waits: after a restart differences are asked for from there. */
	m->info.input_serial = m->content != NULL ? content_serial(m->content)
			       : m->candidate     ? version_info(z->review.version)->input_serial
						  : version_info(m->base)->input_serial;
	m->params.now = clock_now_s();
	if (!m->keys_open) /* what waited for its review was signed long ago */
		m->keys_open = plan_keys_use(m->plan, &e) == 0;
	if (m->keys_open && zone_sign_soa(soa, &m->params, serial, m->arena, &m->info, &e) == 0)
		return 0;
	pipeline_failed(z, "sign-failed", &e);
	pipeline_drop(z);
	return -1;
}

struct removing {
	struct writing writing;
	struct zwork *z;
};

/* It was added again while it was removed: it begins anew. */
static void came_back(struct zwork *z)
{
	version_unref(z->version);
	z->version = NULL;
	lag_forget(z);
	netlink_zone(z->engine->net, z, true);
	source_again(z);
	zwork_poke(z);
}

static void remove_done(struct writing *w)
{
	struct removing *r = (struct removing *)w;
	struct zwork *z = r->z;

	z->busy = false;
	if (w->write.rc != 0)
		log_event(LOG_ERROR, "store", "zone=%s msg=%s", z->name, w->write.err.text);
	free(r);
	if (!z->gone) {
		came_back(z);
		return;
	}
	log_event(LOG_NOTICE, "zone-removed", "zone=%s last=%u", z->name, z->kept.last);
	engine_zone_drop(z->engine, z);
}

void pipeline_remove(struct zwork *z)
{
	struct removing *r = mem_new(1, sizeof(*r));

	pipeline_drop(z);
	netlink_unserve(z->engine->net, z);
	netlink_zone_gone(z->engine->net, z->name);
	r->z = z;
	r->writing.write = (struct store_write){ .what = STORE_REMOVE, .apex = z->apex };
	r->writing.done = remove_done;
	z->busy = true;
	writer_queue(z->engine->writer, &r->writing);
}
