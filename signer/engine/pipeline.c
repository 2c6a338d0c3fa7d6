/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline: sign in the pool, choose the serial at the end, publish by one commit; also renewal and removal. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "fail/fail.h"
#include "log/log.h"

#define RETRY_FIRST_MS 5000

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
	change_drop(m->change);
	version_unref(m->base);
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

static void failed(struct zwork *z, const char *what, const struct err *e)
{
	char at[CLOCK_TEXT_LEN];
	int64_t now_ms = clock_mono_ms();
	int64_t wait_ms = z->error == NULL ? RETRY_FIRST_MS : 6 * RETRY_FIRST_MS;

	z->retry_ms = now_ms + wait_ms;
	zwork_say(&z->next, "next try at %s", clock_text(clock_now_s() + wait_ms / 1000, at));
	log_event(LOG_ERROR, what, "zone=%s msg=%s; %s%s", z->name, e->text, z->next,
		  z->version != NULL ? "; the version before stays served" : "");
	zwork_say(&z->error, "%s: %s", what, e->text);
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
	if (change_begin(z->engine->store, z->apex, &m->change, &s->err) != 0)
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
			failed(z, "sign-failed", &s->err);
		made_free(s->made);
	} else {
		log_event(LOG_INFO, "signed", "zone=%s records=%" PRIu64 " rrsigs=%" PRIu64 " signatures=%" PRIu64
			  " kept-pages=%" PRIu64 " new-pages=%" PRIu64 " octets=%" PRIu64, z->name, m->stats.records,
			  m->stats.rrsigs, m->stats.made, m->stats.kept_pages, m->stats.new_pages, m->stats.octets);
		z->made = s->made;
	}
	zwork_poke(z);
	free(s);
}

/* Each node draws its own salt, once. */
static void params_salt(struct zwork *z, struct sign_params *p)
{
	size_t len = (size_t)z->plan->policy.nsec3_salt_len;

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
	const struct policy *policy = &z->plan->policy;

	*p = (struct sign_params){ .now = clock_now_s(), .full = z->full };
	p->denial = denial[policy->denial];
	p->nsec3_iterations = (uint16_t)policy->nsec3_iterations;
	p->inception_offset_s = (uint32_t)policy->inception_offset_s;
	p->validity_s = (uint32_t)policy->validity_s;
	p->jitter_s = (uint32_t)policy->jitter_s;
	p->margin_s = (uint32_t)policy->renewal_margin_s;
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
	m->content = z->hold == NULL && !audit_input_waits(z) ? z->input : NULL;
	m->base = z->version == NULL ? NULL : version_ref(z->version);
	params_set(z, &m->params);
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

struct publishing {
	struct writing writing;
	struct zwork *z;
	struct made *made;
	struct kept kept;
	enum serial_why why;
	char *keep;
	struct history history;
};

static const char *const why_text[] = {
	[SERIAL_WHY_NONE] = "none", [SERIAL_WHY_CHANGE] = "change", [SERIAL_WHY_RENEWAL] = "renewal",
	[SERIAL_WHY_RENEWAL_BELOW] = "renewal-below", [SERIAL_WHY_OVERTAKING] = "overtaking",
};

static void tell(const struct zwork *z, const struct publishing *p)
{
	const struct version_info *info = version_info(z->version);
	bool renewal = p->why == SERIAL_WHY_RENEWAL || p->why == SERIAL_WHY_RENEWAL_BELOW;
	char id[2 * VERSION_ID_LEN + 1], until[CLOCK_TEXT_LEN];

	sodium_bin2hex(id, sizeof(id), info->id, sizeof(info->id));
	log_event(LOG_NOTICE, "published", "zone=%s serial=%u id=%.16s content=%" PRIu64 " signatures=%" PRIu64
		  " kept-pages=%" PRIu64 " why=%s until=%s", z->name, info->serial, id, info->content, z->signatures,
		  p->made->stats.kept_pages, why_text[p->why],
		  info->earliest == INT64_MAX ? "-" : clock_text(info->earliest, until));
	if (renewal)
		log_event(LOG_NOTICE, "renewed", "zone=%s serial=%u signatures=%" PRIu64 " kept-pages=%" PRIu64, z->name,
			  info->serial, z->signatures, p->made->stats.kept_pages);
}

static void overtook(struct zwork *z)
{
	z->overtake_wait_s *= 2;
	if (z->overtake_wait_s > SERIAL_OVERTAKE_LAST_S)
		z->overtake_wait_s = SERIAL_OVERTAKE_LAST_S;
	z->overtake_at = clock_now_s() + z->overtake_wait_s;
}

/* The content that was signed is published. */
static void taken(struct zwork *z)
{
	bool whole = content_is_whole(z->input);

	content_free(z->input);
	z->input = NULL;
	if (whole)
		source_published(z);
}

static void published(struct zwork *z, struct publishing *p)
{
	version_unref(z->version);
	z->version = p->writing.write.version;
	z->engine->wrote_ms = clock_mono_ms();
	past_fini(&z->kept.own);
	free(z->kept.audit);
	free(z->kept.shows.text);
	z->kept = p->kept;
	p->kept.own = (struct past){ .n = 0 };
	p->kept.audit = NULL;
	p->kept.shows.text = NULL;
	z->signatures = p->made->stats.made + version_info(z->version)->soa_sig_count;
	if (p->made->content != NULL)
		taken(z);
	/* A plan that came meanwhile is not what was published. */
	z->forced = z->plan->state != PLAN_KEEP && memcmp(z->plan->hash, z->kept.plan_hash, sizeof(z->plan->hash)) != 0;
	z->full = false;
	z->retry_ms = 0;
	z->ask_until_ms = 0;
	z->renewed_ms = p->why == SERIAL_WHY_RENEWAL || p->why == SERIAL_WHY_RENEWAL_BELOW ? clock_mono_ms() : 0;
	if (p->why == SERIAL_WHY_OVERTAKING)
		overtook(z);
	if (z->self_serial != 0 && !serial_gt(z->self_serial, z->kept.last))
		z->self_serial = 0;
	zwork_say(&z->error, NULL);
	zwork_say(&z->next, NULL);
	fail_point("engine-told");
	tell(z, p);
	zwork_repaired(z);
	zwork_tell(z);
	/* The peers' word first, so that a secondary that is told shows what they can explain. */
	kdlink_status(z->engine->keydist, z);
	netlink_version(z->engine->net, z);
	kdlink_served(z->engine->keydist, z);
	secondary_published(z);
	waiter_published(z);
}

static void publish_done(struct writing *w)
{
	struct publishing *p = (struct publishing *)w;
	struct zwork *z = p->z;

	z->busy = false;
	p->made->change = NULL;
	history_written(z, &p->history, w->write.rc == 0);
	if (w->write.rc == 0)
		published(z, p);
	else
		failed(z, "publish-failed", &w->write.err);
	made_free(p->made);
	past_fini(&p->kept.own);
	free(p->kept.audit);
	free(p->kept.shows.text);
	free(p->keep);
	zwork_poke(z);
	free(p);
}

static uint32_t dnskey_ttl(const struct plan *p)
{
	for (size_t i = 0; i < p->ready_count; i++)
		if (p->ready[i].rrs[0].type == TYPE_DNSKEY)
			return p->ready[i].rrs[0].ttl;
	return 0;
}

/* TTLs only grow here: what was published once may be in a cache. */
static void shows_next(const struct shows *old, const struct made *m, struct shows *s)
{
	const uint32_t ttl = dnskey_ttl(m->plan), largest = m->info.largest_ttl;

	*s = *old;
	s->text = mem_strdup(m->plan->shows);
	if (old->text == NULL || strcmp(old->text, s->text) != 0) {
		s->dnskey_before = old->dnskey_ttl;
		s->zone_before = old->zone_ttl;
	}
	s->dnskey_ttl = ttl > old->dnskey_ttl ? ttl : old->dnskey_ttl;
	s->zone_ttl = largest > old->zone_ttl ? largest : old->zone_ttl;
}

/* What will be true once the version in info is published. */
static void kept_next(const struct zwork *z, const struct made *m, struct kept *k)
{
	const struct version_info *info = &m->info;
	struct past_version v = { .serial = info->serial, .earliest = info->earliest };

	*k = z->kept;
	k->own = past_copy(&z->kept.own);
	k->audit = m->past != NULL ? mem_strdup(m->past) : NULL;
	k->whole_at = m->whole_at;
	k->mine = m->content != NULL ? z->input_id : z->kept.mine;
	k->mine.steps = m->plan->steps;
	k->last = info->serial;
	memcpy(k->plan_hash, m->plan->hash, sizeof(k->plan_hash));
	shows_next(&z->kept.shows, m, &k->shows);
	v.content = k->mine;
	memcpy(v.id, info->id, sizeof(v.id));
	past_add(&k->own, &v);
}

int pipeline_soa(struct zwork *z, uint32_t serial)
{
	struct made *m = z->made;
	const struct content_id *c = m->content != NULL ? &z->input_id : &z->kept.mine;
	const struct rr *soa = m->content != NULL ? content_soa(m->content) : &version_info(m->base)->soa;
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
	m->info.input_serial = m->content != NULL ? content_serial(m->content) : z->source.input_serial;
	m->params.now = clock_now_s();
	if (zone_sign_soa(soa, &m->params, serial, m->arena, &m->info, &e) == 0)
		return 0;
	failed(z, "sign-failed", &e);
	pipeline_drop(z);
	return -1;
}

void pipeline_publish(struct zwork *z, int why)
{
	struct publishing *p = mem_new(1, sizeof(*p));
	struct made *m = z->made;

	p->z = z;
	p->made = m;
	p->why = (enum serial_why)why;
	z->made = NULL;
	m->info.published_at = clock_now_s();
	history_note(z, m, "publish", "done", why_text[why]);
	kept_next(z, m, &p->kept);
	p->keep = zwork_keep(z, &p->kept);
	p->writing.write = (struct store_write){ .what = STORE_PUBLISH, .apex = z->apex, .change = m->change,
						 .info = &m->info, .keep = p->keep };
	p->writing.done = publish_done;
	history_take(z, &p->history, &p->writing.write);
	z->busy = true;
	writer_queue(z->engine->writer, &p->writing);
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
