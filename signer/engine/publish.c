/* SPDX-License-Identifier: BSD-3-Clause */
/* publish: what has passed becomes the zone's version by one commit, and everybody is told. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "signer/engine/whole.h"

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

/* The content that was signed is published. */
static void taken(struct zwork *z)
{
	bool whole;

	if (z->input == NULL) { /* a candidate of before the start: its source was not read yet */
		z->source.input_serial = version_info(z->version)->input_serial;
		z->source.have_serial = true;
		source_published(z);
		return;
	}
	whole = content_is_whole(z->input);
	content_free(z->input);
	z->input = NULL;
	if (whole)
		source_published(z);
}

/* A renewal is not repeated at once where it did not help, unless fresh signatures of the DNSKEY RRset came while it was made. */
static bool renewal_is_over(const struct zwork *z, const struct publishing *p)
{
	return (p->why == SERIAL_WHY_RENEWAL || p->why == SERIAL_WHY_RENEWAL_BELOW) &&
	       (z->plan->state != PLAN_SIGNED || z->plan->ready_until <= p->made->plan->ready_until);
}

static void published(struct zwork *z, struct publishing *p)
{
	version_unref(z->version);
	z->version = p->writing.write.version;
	z->withheld_ms = 0;
	z->withheld_old = false;
	z->engine->wrote_ms = clock_mono_ms();
	z->engine->grew_ms = z->engine->wrote_ms;
	z->engine->untrimmed++;
	past_fini(&z->kept.own);
	free(z->kept.audit);
	free(z->kept.shows.text);
	whole_published(z, p->kept.whole_at != z->kept.whole_at);
	z->kept = p->kept;
	p->kept.own = (struct past){ .n = 0 };
	p->kept.audit = NULL;
	p->kept.shows.text = NULL;
	z->signatures = p->made->stats.made + version_info(z->version)->soa_sig_count;
	z->kept.reviewed = false;
	if (made_is_new(p->made)) {
		taken(z);
		review_published(z);
	}
	content_unread(z->input);
	content_unread(z->loaded);
	/* A plan that came meanwhile is not what was published. */
	z->forced = z->plan->state != PLAN_KEEP && memcmp(z->plan->hash, z->kept.plan_hash, sizeof(z->plan->hash)) != 0;
	/* Nor is a wish that came meanwhile fulfilled by what was made before. */
	if (p->made->params.full && !p->made->candidate)
		z->full = false;
	if ((p->made->params.full && !p->made->candidate) || (p->made->again != NULL && z->again != NULL && dname_equal(p->made->again, z->again))) {
		free(z->again);
		z->again = NULL;
	}
	z->forced = z->forced || z->full || z->again != NULL;
	z->retry_ms = 0;
	z->ask_until_ms = 0;
	z->renewed_ms = renewal_is_over(z, p) ? clock_mono_ms() : 0;
	serial_watch_published(&z->watch, clock_now_s(), p->why);
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
	history_acted(z, &p->history, w->write.rc == 0);
	if (w->write.rc == 0)
		published(z, p);
	else
		pipeline_failed(z, "publish-failed", &w->write.err);
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
	k->reviewed = made_is_new(m);
	k->mine = *made_content(z, m);
	k->mine.steps = m->plan->steps;
	k->last = info->serial;
	memcpy(k->plan_hash, m->plan->hash, sizeof(k->plan_hash));
	shows_next(&z->kept.shows, m, &k->shows);
	v.content = k->mine;
	memcpy(v.id, info->id, sizeof(v.id));
	past_add(&k->own, &v);
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
						 .info = &m->info, .keep = p->keep,
						 .candidate_ends = made_is_new(m) || z->review.ends_due };
	p->writing.done = publish_done;
	history_take(z, &p->history, &p->writing.write);
	z->busy = true;
	writer_queue(z->engine->writer, &p->writing);
}
