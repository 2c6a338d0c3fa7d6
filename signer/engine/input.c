/* SPDX-License-Identifier: BSD-3-Clause */
/* input: content that was loaded and checked gets its number, and waits for publication if it is newer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "log/log.h"

#define NOTICES_MAX 50
#define KNOWN_MAX (PAST_MAX + 2 * PEER_WORDS_MAX + 1)

static size_t known_published(const struct zwork *z, struct content_id out[KNOWN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < z->others.n; i++)
		out[n++] = z->others.v[i].content;
	for (size_t i = 0; i < z->peer_count; i++)
		out[n++] = z->peer[i].v.content;
	return n;
}

static size_t known(const struct zwork *z, struct content_id out[KNOWN_MAX])
{
	size_t n = known_published(z, out);

	for (size_t i = 0; i < z->peer_count; i++)
		out[n++] = z->peer[i].taken;
	if (z->lag != NULL)
		out[n++] = z->lag->id; /* who gave it may be gone by now */
	return n;
}

/* rev: of a submission, whose place in the order it is; 0: it is none. */
static void decide(const struct zwork *z, uint64_t rev, uint32_t serial, const uint8_t *digest, struct content_decision *out)
{
	struct content_id others[KNOWN_MAX];
	const bool by_serial = rev != 0 || policy_order(z->plan->policy, z->plan->source) == POLICY_ORDER_SERIAL;
	struct content_view view = {
		.order = by_serial ? CONTENT_SERIAL : CONTENT_SEEN,
		.epoch = z->plan->epoch, .input_serial = rev != 0 ? (uint32_t)rev : serial, .digest = digest,
		.mine = z->version != NULL || z->damage != NULL ? &z->kept.mine : NULL, .known = others,
	};

	view.known_count = known(z, others);
	content_decide(&view, out);
}

/* The same content has got a higher number elsewhere: it is ours too, without a new version. */
static void renumber(struct zwork *z, uint64_t number)
{
	const struct version_info *info = version_info(z->version);
	struct past_version v = { .serial = info->serial, .earliest = info->earliest };

	if (z->kept.mine.number == number && z->kept.mine.epoch == z->plan->epoch)
		return;
	z->kept.mine.number = number;
	z->kept.mine.epoch = z->plan->epoch;
	v.content = z->kept.mine;
	memcpy(v.id, info->id, sizeof(v.id));
	past_add(&z->kept.own, &v);
	zwork_tell(z);
	zwork_save(z);
	log_event(LOG_NOTICE, "content", "zone=%s content=%" PRIu64 " msg=the same content has this higher number now",
		  z->name, number);
}

static void drop_input(struct zwork *z)
{
	pipeline_drop(z);
	content_free(z->input);
	z->input = NULL;
}

static void taken_serial(struct zwork *z, const struct content *content)
{
	struct source *s = &z->source;

	s->input_serial = content_serial(content);
	s->have_serial = true;
	s->confirmed_mono_ms = clock_mono_ms();
	if (s->kind == SOURCE_PRIMARY)
		netlink_zone(z->engine->net, z, s->look_again);
	s->look_again = false;
}

static void newer(struct zwork *z, struct content *content, uint64_t number)
{
	drop_input(z);
	z->input = content;
	z->input_id = (struct content_id){ .epoch = z->plan->epoch, .number = number };
	memcpy(z->input_id.digest, content_digest(content), sizeof(z->input_id.digest));
	taken_serial(z, content);
	fail_point("engine-taken");
	audit_new_input(z);
	if (z->review.stage != REVIEW_NONE && z->review.content.epoch == z->input_id.epoch &&
	    memcmp(z->review.content.digest, z->input_id.digest, sizeof(z->input_id.digest)) == 0)
		z->input_id = z->review.content; /* it waits already, under this number */
	review_new_input(z);
	history_note(z, NULL, "load", "taken", content->of_peer ? "input of a peer" : content->zone != NULL ? "whole" : "difference");
	kdlink_status(z->engine->keydist, z);
}

void input_notices(struct zwork *z, const struct zone *zone)
{
	notices_free(z);
	z->notices = mem_new(zone->notice_count + 1, sizeof(*z->notices));
	for (size_t i = 0; i < zone->notice_count && i < NOTICES_MAX; i++)
		z->notices[z->notice_count++] = mem_strdup(zone->notices[i]);
}

void notices_free(struct zwork *z)
{
	for (size_t i = 0; i < z->notice_count; i++)
		free(z->notices[i]);
	free(z->notices);
	z->notices = NULL;
	z->notice_count = 0;
}

static void tell_differs(const struct zwork *z, uint64_t number)
{
	log_event(LOG_ERROR, "content-differs", "zone=%s content=%" PRIu64 " msg=another input has this number: the larger digest "
		  "counts as newer", z->name, number);
}

static void tell(const struct zwork *z, const struct content *c, const struct content_decision *d)
{
	const bool whole = content_is_whole(c);

	log_event(LOG_NOTICE, "zone-loaded", "zone=%s records=%zu serial=%u content=%" PRIu64 " change=%s dropped=%zu kind=%s",
		  z->name, c->records, content_serial(c), d->number, d->result == CONTENT_SAME ? "no" : "yes",
		  c->dropped, whole ? "whole" : "difference");
	for (size_t i = 0; whole && i < z->notice_count; i++)
		log_event(LOG_NOTICE, "zone-notice", "zone=%s msg=%s", z->name, z->notices[i]);
	if (d->differs)
		tell_differs(z, d->number);
}

/* What a peer gave has the number that it has there. */
static void taken_of_peer(struct zwork *z, struct content *content)
{
	const struct content_decision d = { .result = CONTENT_NEWER, .number = content->there.number };
	const bool some = z->version != NULL || z->damage != NULL;

	if (!borrow_fits(z, content)) {
		content_free(content);
		return;
	}
	tell(z, content, &d);
	borrow_taken(z, &content->there, z->input != NULL ? z->input_id.digest : some ? z->kept.mine.digest : NULL);
	newer(z, content, d.number);
	zwork_tell(z);
}

/*
 * The own source has not come as far as what was taken from a peer: it gives what it gave then, or what is known to be older.
 * Where texts are numbered as they are seen it would get the highest number.  So would what it gave with other DS of zones below,
 * which are put in here: that is not its doing.
 */
static bool lags(const struct zwork *z, const uint8_t *digest, uint64_t number)
{
	struct content_id is = { .epoch = z->plan->epoch, .number = number }, others[KNOWN_MAX];
	const struct lag *l = z->lag;
	bool seen;
	size_t n;

	memcpy(is.digest, digest, sizeof(is.digest));
	if (memcmp(digest, l->id.digest, sizeof(is.digest)) == 0)
		return false;
	if (content_cmp(&is, &l->id) < 0)
		return true;
	seen = memcmp(digest, l->own, sizeof(l->own)) == 0 || memcmp(z->plan->given_hash, l->given, sizeof(l->given)) != 0;
	n = known(z, others);
	for (size_t i = 0; i < n; i++) {
		if (others[i].epoch != is.epoch || memcmp(others[i].digest, digest, sizeof(is.digest)) != 0)
			continue;
		if (others[i].number == number)
			return false; /* somebody has published it again, above what was taken */
		seen = true;
	}
	return seen && is.epoch == l->id.epoch && policy_order(z->plan->policy, z->plan->source) == POLICY_ORDER_SEEN;
}

void input_taken(struct zwork *z, struct content *content)
{
	struct content_decision d;

	if (content->of_peer) {
		taken_of_peer(z, content);
		return;
	}
	if (!content_fits(content, z->version)) { /* another was published meanwhile */
		content_free(content);
		source_misfit(z);
		return;
	}
	decide(z, content->rev, content_serial(content), content_digest(content), &d);
	if (z->lag != NULL && lags(z, content_digest(content), d.number)) {
		if (d.differs)
			tell_differs(z, d.number);
		lag_goes_on(z, content_digest(content));
		content_free(content);
		return;
	}
	tell(z, content, &d);
	if (z->lag != NULL)
		lag_over(z);
	switch (d.result) {
	case CONTENT_SAME:
		if (z->damage != NULL) { /* what is published is to be made again from it */
			newer(z, content, d.number);
			break;
		}
		drop_input(z); /* a change was taken back before it was published */
		review_drop(z, "the change was taken back");
		renumber(z, d.number);
		taken_serial(z, content);
		content_free(content);
		break;
	case CONTENT_NEWER:
		newer(z, content, d.number);
		break;
	case CONTENT_OLDER:
		log_event(LOG_WARNING, "zone-refused", "zone=%s serial=%u msg=older than what was taken before; the version "
			  "before stays served", z->name, content_serial(content));
		zwork_say(&z->source.error, "serial %u of the source is older than what was taken before (content %" PRIu64 ")",
			  content_serial(content), z->kept.mine.number);
		zwork_say(&z->source.next, "raise the source's serial, or say: duetctl zone accept-serial %s", z->name);
		z->source.error_at = clock_now_s();
		content_free(content);
		break;
	}
	zwork_tell(z);
}

/* A signer that is silent has published the same number as this content has, or a higher one, and nothing was published here. */
static bool behind_a_silent_one(const struct zwork *z, const struct content_id *id)
{
	for (size_t i = 0; i < z->peer_count && z->version == NULL && z->damage == NULL; i++) {
		const struct peer_word *p = &z->peer[i];

		if (p->silent && p->v.serial != 0 && p->v.content.epoch == id->epoch && content_cmp(&p->v.content, id) > 0)
			return true;
	}
	return false;
}

/*
 * The first content may have got its number before the words of signers that are silent came, or are gone, after whom it
 * would wait for ever.  It is given again, as if they had been there.
 */
static void number_again(struct zwork *z, struct content_id *id)
{
	struct content_id published[KNOWN_MAX];
	const struct content_view view = { .order = CONTENT_SEEN, .epoch = id->epoch, .digest = id->digest,
					   .known = published, .known_count = known_published(z, published) };
	struct content_decision d;

	content_decide(&view, &d);
	if (d.number <= id->number)
		return;
	log_event(LOG_NOTICE, "content", "zone=%s content=%" PRIu64 " msg=signers that are silent have published content %" PRIu64
		  " or a later one: what this node has got later is newer", z->name, d.number, id->number);
	id->number = d.number;
	zwork_tell(z);
}

/* Only a number that somebody gave to this digest counts here: ours was given already. */
static void number_of_peers(const struct zwork *z, struct content_id *id)
{
	struct content_decision d;

	decide(z, 0, 0, id->digest, &d); /* as seen: no serial is looked at */
	for (size_t i = 0; i < z->peer_count; i++)
		if (d.number > id->number && z->peer[i].taken.number == d.number &&
		    memcmp(z->peer[i].taken.digest, id->digest, CONTENT_DIGEST_LEN) == 0)
			id->number = d.number;
}

/* What waits for its review is published under the number that its content has by now. */
static void number_candidate(struct zwork *z, const struct content_id *id)
{
	struct content_id *waits = &z->review.content;

	if (z->review.stage == REVIEW_NONE || waits->epoch != id->epoch || waits->number >= id->number ||
	    memcmp(waits->digest, id->digest, CONTENT_DIGEST_LEN) != 0)
		return;
	pipeline_drop(z);
	waits->number = id->number;
	zwork_save(z);
}

void input_renumber(struct zwork *z)
{
	struct content_id id = z->input != NULL ? z->input_id : z->review.content;
	const bool of_peer = z->input != NULL && z->input->of_peer;
	struct content_decision d;

	if (z->source.kind == SOURCE_SUBMIT)
		return;
	if (z->plan == NULL || z->plan->state == PLAN_KEEP || policy_order(z->plan->policy, z->plan->source) != POLICY_ORDER_SEEN)
		return;
	if (z->input != NULL || z->review.stage != REVIEW_NONE) {
		if (!of_peer && behind_a_silent_one(z, &id))
			number_again(z, &id);
		number_of_peers(z, &id);
		if (z->input != NULL)
			z->input_id.number = id.number;
		number_candidate(z, &id);
	} else if (z->version != NULL && z->kept.mine.epoch == z->plan->epoch) {
		decide(z, 0, version_info(z->version)->input_serial, z->kept.mine.digest, &d);
		if (d.result == CONTENT_SAME && d.number > z->kept.mine.number)
			renumber(z, d.number);
	}
}
