/* SPDX-License-Identifier: BSD-3-Clause */
/* history: serials, keys and sizes against what was published before, here and by others. */
#include "audit/audit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 1982: how far b is ahead of a; negative when it is behind. */
static int32_t ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a);
}

/*
 * What is published is about to end, and cannot be renewed where it ought to be: below a version that nobody explains, or beside
 * newer content that the source does not give (DESIGN section 6, rule 3).  Only a renewal may say so.
 */
static bool in_need(const struct audit *a)
{
	return a->plan->forced && a->past != NULL && a->past->last.there && strcmp(a->past->last.content, a->content_hex) == 0;
}

static void check_known(struct audit *a, const struct plan_known *k)
{
	void (*const add)(struct report *, enum row_id, uint64_t, const char *, ...) = in_need(a) ? report_warn : report_add;
	const int32_t d = ahead(k->serial, a->serial);
	int order;

	if (k->self && d <= 0)
		report_add(a->report, SERIAL_OWN, 0, "%s: serial %u, this node published %u once", a->zone_text, a->serial, k->serial);
	if (!k->content.given || !a->plan->content.given)
		return;
	order = plan_content_cmp(&k->content, &a->plan->content);
	if (order < 0 && d <= 0)
		add(a->report, SERIAL_OLDER, 0, "%s: serial %u, %s has %u", a->zone_text, a->serial, k->who, k->serial);
	if (order == 0 && d < 0)
		add(a->report, SERIAL_SAME, 0, "%s: serial %u, %s has %u", a->zone_text, a->serial, k->who, k->serial);
	if (order > 0 && k->served && d >= 0)
		add(a->report, SERIAL_STALE, 0, "%s: serial %u, %s serves newer content at %u", a->zone_text, a->serial, k->who,
		    k->serial);
}

static void check_date(struct audit *a)
{
	time_t tomorrow = (time_t)(a->now + 86400);
	struct tm tm;
	uint64_t most;

	gmtime_r(&tomorrow, &tm);
	most = (uint64_t)(tm.tm_year + 1900) * 1000000 + (uint64_t)(tm.tm_mon + 1) * 10000 +
	       (uint64_t)tm.tm_mday * 100 + 99;
	if (a->serial > most)
		report_add(a->report, SERIAL_DATE, 0, "%s: serial %u", a->zone_text, a->serial);
}

void serial_check(struct audit *a)
{
	const struct past *p = a->past;

	if (!a->has_soa)
		return;
	check_date(a);
	if (p != NULL && p->last.there && ahead(p->last.serial, a->serial) <= 0 &&
	    !(a->again && p->last.serial == a->serial))
		report_add(a->report, SERIAL_OWN, 0, "%s: serial %u, published is %u", a->zone_text,
			   a->serial, p->last.serial);
	for (size_t i = 0; a->plan != NULL && i < a->plan->known_count; i++)
		check_known(a, &a->plan->known[i]);
	if (p == NULL)
		report_skip(a->report, "AUD-SERIAL-01, AUD-FRAME-04, AUD-HIST-*, AUD-KEY-02, AUD-KEY-05",
			    "nothing is known of the past (--state)");
	if (a->plan == NULL)
		report_skip(a->report, "AUD-KEY-01, AUD-CDS-01, AUD-SERIAL-02 to 04",
			    "there is no plan (--plan)");
	if (!a->with_input)
		report_skip(a->report, "AUD-CONTENT-01 to 04, AUD-CONTENT-12",
			    "there is no input to compare with");
}

static void check_size_of(struct audit *a, uint64_t was, uint64_t is, const char *what)
{
	const uint64_t by = was > is ? was - is : is - was;

	if (was == 0)
		return;
	if (a->limits.change_refuse > 0 && by * 100 > was * (uint64_t)a->limits.change_refuse)
		report_error(a->report, FRAME_SIZE, 0, "%s: %llu %s, before %llu", a->zone_text, (unsigned long long)is, what,
			     (unsigned long long)was);
	else if (a->limits.change_warn > 0 && by * 100 > was * (uint64_t)a->limits.change_warn)
		report_add(a->report, FRAME_SIZE, 0, "%s: %llu %s, before %llu", a->zone_text, (unsigned long long)is, what,
			   (unsigned long long)was);
}

/* Of what the zone's author has put into it: an algorithm roll makes it larger, and is no reason to hold it back. */
static void check_size(struct audit *a)
{
	const struct past_version *last = &a->past->last;

	check_size_of(a, last->content_records, a->facts->content, "records without those that signing makes");
	check_size_of(a, last->content_octets, a->facts->content_octets, "octets of them");
}

/* ---- keys ---- */

static bool tag_was_used(const struct past *p, uint16_t tag)
{
	for (size_t i = 0; i < p->keys; i++) {
		const struct past_key *k = &p->key[i];
		/* With the REVOKE flag a key has another tag (RFC 5011 section 7): 128 above, carries apart.
		 */
		uint32_t revoked = k->tag + 128u;

		if (k->tag == tag || (uint16_t)(revoked + (revoked >> 16)) == tag)
			return true;
	}
	return false;
}

/* What a version needs to be everywhere; nothing where that was observed. */
static int64_t spreading_s(const struct audit *a)
{
	return a->plan != NULL && a->plan->observed ? 0 : a->limits.propagation_s;
}

/* Whether the zone had DNSKEYs until then: without any it was insecure, and nobody has a DNSKEY RRset that lacks
 * the new key. */
static bool had_keys(const struct past *p, int64_t until)
{
	for (size_t i = 0; i < p->keys; i++)
		if (p->key[i].published_from < until && (p->key[i].published_to == 0 || p->key[i].published_to >= until))
			return true;
	return false;
}

/* Whether a key was in the DNSKEY RRset long enough for every cache to have it. */
static bool is_visible(const struct audit *a, const struct past_key *k)
{
	const struct past *p = a->past;

	if (k == NULL || k->published_to != 0)
		return !had_keys(p, INT64_MAX);
	return k->published_from == p->first_at || !had_keys(p, k->published_from) ||
	       a->now >= k->published_from + p->largest_dnskey_ttl + spreading_s(a);
}

/* A key that is not visible yet does no harm beside signatures by one of another algorithm that is (liberal
 * roll). */
static bool stands_beside_visible(const struct audit *a, const struct dnskey *early)
{
	for (size_t i = 0; i < a->published_keys; i++) {
		const struct dnskey *k = &a->keys.key[i];

		if (k->algorithm != early->algorithm && atomic_load(&k->signs_data) &&
		    is_visible(a, past_find(a->past, k->rdata, k->rdlen)))
			return true;
	}
	return false;
}

/* One that signs the DNSKEY RRset alone is in use since it stands there. */
static void check_lifetime(struct audit *a, const struct dnskey *k, const struct past_key *was, const char *name)
{
	int64_t since = 0;

	if (was != NULL && atomic_load(&k->signs_data))
		since = was->used_from;
	else if (was != NULL && was->published_to == 0 && atomic_load(&k->signs_dnskey))
		since = was->published_from;
	if (since > PAST_LONG_AGO && a->limits.key_lifetime_s > 0 && a->now > since + a->limits.key_lifetime_s)
		report_add(a->report, HIST_LIFETIME, 0, "%s key %s", a->zone_text, name);
}

/* A key that signs, whether its DNSKEY is in the RRset or not. */
static void check_use(struct audit *a, const struct dnskey *k)
{
	const struct past_key *was = past_find(a->past, k->rdata, k->rdlen);
	char name[24];

	dnskey_name(k, name);
	check_lifetime(a, k, was, name);
	if (!atomic_load(&k->signs_data))
		return;
	if (!is_visible(a, was) && !stands_beside_visible(a, k))
		report_add(a->report, HIST_EARLY, 0, "%s key %s", a->zone_text, name);
	if (was != NULL && was->used_to != 0)
		report_add(a->report, HIST_BACK, 0, "%s key %s", a->zone_text, name);
}

static void check_new(struct audit *a, const struct dnskey *k, bool published)
{
	const struct past_key *was = past_find(a->past, k->rdata, k->rdlen);
	bool planned = a->plan != NULL && a->plan->dnskey.given;
	char name[24];

	if (was != NULL && was->published_to == 0)
		return;
	dnskey_name(k, name);
	if (published && !planned)
		report_add(a->report, KEY_CHANGED, 0, "%s key %s: new", a->zone_text, name);
	if (was == NULL && tag_was_used(a->past, k->tag))
		report_add(a->report, KEY_TAG_USED, 0, "%s key %s", a->zone_text, name);
}

/* Whether what is cached with signatures of a key that goes has others, too, of another algorithm by a key that is
 * visible, and no DNSKEY asks for its own algorithm any more (algorithm roll). */
static bool is_outlived(const struct audit *a, const struct past_key *gone)
{
	bool outlived = false;

	for (size_t i = 0; i < a->published_keys; i++) {
		const struct dnskey *k = &a->keys.key[i];
		const struct past_key *was = past_find(a->past, k->rdata, k->rdlen);

		if (k->algorithm == gone->rdata[3])
			return false;
		outlived |= was != NULL && atomic_load(&k->signs_data) && is_visible(a, was) && was->used_from != 0 &&
			    (was->used_from == a->past->first_at ||
			     a->now >= was->used_from + a->past->largest_ttl + spreading_s(a));
	}
	return outlived;
}

static bool is_published(const struct audit *a, const struct past_key *was)
{
	for (size_t i = 0; i < a->published_keys; i++)
		if (past_find(a->past, a->keys.key[i].rdata, a->keys.key[i].rdlen) == was)
			return true;
	return false;
}

static void check_gone(struct audit *a, const struct past_key *was)
{
	int64_t until = was->used_to + a->past->largest_ttl + spreading_s(a);
	bool planned = a->plan != NULL && a->plan->dnskey.given;
	char name[24];

	if (was->published_to != 0 || is_published(a, was))
		return;
	if (a->plan != NULL && a->plan->unsigned_zone)
		return; /* the parent's DS went before */
	snprintf(name, sizeof(name), "%u/%u", was->tag, was->rdata[3]);
	if (!planned)
		report_add(a->report, KEY_CHANGED, 0, "%s key %s: gone", a->zone_text, name);
	if (was->used_from != 0 && (was->used_to == 0 || a->now < until) && !is_outlived(a, was))
		report_add(a->report, HIST_REMOVED, 0, "%s key %s", a->zone_text, name);
}

/* A node that has published nothing yet, beside others that have. */
static void seed(struct audit *a)
{
	for (size_t i = 0; a->plan != NULL && i < a->plan->seeds; i++) {
		const struct plan_seed *s = &a->plan->seed[i];

		past_seed(a->past, s->key.rdata, s->key.len, dnskey_tag(s->key.rdata, s->key.len), s, a->now);
	}
}

void history_check(struct audit *a)
{
	struct past *p = a->past;

	if (p == NULL)
		return;
	if (p->last.there)
		check_size(a);
	else
		seed(a);
	if (!p->last.there && p->keys == 0)
		return;
	if (a->plan != NULL && a->plan->set_back)
		past_forget_keys(p);
	for (size_t i = 0; i < a->keys.n; i++) {
		check_new(a, &a->keys.key[i], i < a->published_keys);
		check_use(a, &a->keys.key[i]);
	}
	for (size_t i = 0; i < p->keys; i++)
		check_gone(a, &p->key[i]);
}
