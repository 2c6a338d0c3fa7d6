/* SPDX-License-Identifier: BSD-3-Clause */
/* content: a zone as a whole or as a difference, and the cheapest way to sign it. */
#include "signer/engine/content.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "sign/version_zone.h"
#include "signer/engine/plan.h"
#include "signer/engine/work.h"

/* A difference of more than one record in so many is signed as a whole, on all cores and with its sum made anew. */
#define DIFF_PART  20
#define DIFF_LEAST 1000
#define RECORD_LEAST 16 /* octets that one takes in pages, at least */

/* The sum of the version's content; made from its pages where it was published without one. */
static int version_sum(struct store *s, const struct version *v, struct zone_sum *out, struct err *e)
{
	struct zone *z;

	if (store_sum_get(s, version_info(v)->soa.owner, v, out, e) == 0)
		return 0;
	if (e->code != ERR_NOTFOUND || version_zone(s, v, NULL, &z, e) != 0)
		return -1;
	*out = z->sum;
	zone_free(z);
	return 0;
}

int content_of_diff(struct store *s, struct version *v, uint8_t *stream, size_t len,
		    const struct zone_limits *limits, struct content **out, struct err *e)
{
	const struct version_info *info = version_info(v);
	struct content *c = mem_new(1, sizeof(*c));
	struct zone_sum sum;

	c->stream = stream;
	c->stream_len = len;
	memcpy(c->base, info->content_digest, sizeof(c->base));
	if (zone_diff_read(stream, len, info->soa.owner, limits, &c->diff, e) != 0 || version_sum(s, v, &sum, e) != 0 ||
	    patch_content(s, v, &sum, c->diff, limits, &c->patched, e) != 0 || patch_zonemd(s, v, c->diff, e) != 0) {
		content_free(c);
		return -1;
	}
	c->records = c->diff->n;
	c->dropped = c->diff->dropped;
	*out = c;
	return 0;
}

/* What a whole zone changes of the version; c->diff stays NULL where that is much, or cannot be told. */
static void find_diff(struct store *s, struct version *v, struct patch_since *since, const struct zone *z,
		      const struct zone_limits *limits, struct content *c)
{
	const struct version_info *info = version_info(v);
	const size_t most = z->records / DIFF_PART + DIFF_LEAST;
	struct zone_sum sum;
	struct err e;

	memcpy(c->base, info->content_digest, sizeof(c->base));
	if (store_sum_get(s, info->soa.owner, v, &sum, &e) != 0 ||
	    patch_since_end(since, z, &c->diff, &e) != 0 || c->diff == NULL)
		return;
	if (c->diff->n <= most && patch_content(s, v, &sum, c->diff, limits, &c->patched, &e) == 0) {
		if (c->diff->n == 0)
			content_unread(c); /* as after a start, of all zones: what was read would wait with each */
		return;
	}
	zone_diff_free(c->diff);
	c->diff = NULL;
}

struct patch_since *content_since(struct store *s, struct version *v, const uint8_t *apex, struct zone_limits *limits)
{
	struct patch_since *since;

	if (v == NULL)
		return NULL;
	/* How many records there are is not known yet: no more than these. */
	since = patch_since_new(s, v, apex, limits->threads,
				(size_t)(table_octets(version_table(v)) / RECORD_LEAST / DIFF_PART) + DIFF_LEAST);
	limits->seen = patch_since_owner;
	limits->seen_ctx = since;
	return since;
}

int content_of_zone(struct store *s, struct version *v, struct patch_since *since, struct zone *z,
		    const struct zone_limits *limits, struct content **out, struct err *e)
{
	struct content *c = mem_new(1, sizeof(*c));

	c->records = z->records;
	c->dropped = z->dropped;
	if (since != NULL)
		find_diff(s, v, since, z, limits, c);
	if (limits->without_sum && c->diff == NULL && zone_sum_up(z, limits->threads, e) != 0) {
		content_free(c);
		return -1;
	}
	if (c->diff == NULL)
		c->zone = z;
	*out = c;
	return 0;
}

void content_free(struct content *c)
{
	if (c == NULL)
		return;
	zone_free(c->zone);
	patch_content_unread(&c->patched);
	zone_diff_free(c->diff);
	free(c->stream);
	plan_unref(c->plan);
	free(c);
}

void content_unread(struct content *c)
{
	if (c != NULL)
		patch_content_unread(&c->patched);
}

uint32_t content_serial(const struct content *c)
{
	return c->zone != NULL ? c->zone->serial : c->diff->serial;
}

const struct rr *content_soa(const struct content *c)
{
	return c->zone != NULL ? &c->zone->soa : &c->diff->soa;
}

const uint8_t *content_digest(const struct content *c)
{
	return c->zone != NULL ? c->zone->digest : c->patched.digest;
}

const struct zone_sum *content_sum(const struct content *c)
{
	return c->zone != NULL ? &c->zone->sum : &c->patched.sum;
}

size_t content_records(const struct content *c)
{
	return c->zone != NULL ? c->zone->records : c->diff->n;
}

bool content_is_whole(const struct content *c)
{
	return c->stream == NULL;
}

bool content_fits(const struct content *c, const struct version *v)
{
	return c->zone != NULL ||
	       (v != NULL && memcmp(c->base, version_info(v)->content_digest, sizeof(c->base)) == 0);
}

/* Pages of another key, another denial: all are made anew, from what the version holds. */
static int sign_all(struct store *s, struct version *v, const struct content *c, const struct sign_params *p,
		    struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e)
{
	struct zone *z;
	int rc;

	if (version_zone(s, v, c == NULL ? NULL : c->diff, &z, e) != 0)
		return -1;
	rc = zone_sign(z, p, s, v, change, info, stats, e);
	zone_free(z);
	return rc;
}

/* More records, or more pages that are due, are signed by all cores. */
#define MUCH_RECORDS 500
#define MUCH_PAGES   20
#define RECORD_OCTETS 60 /* about what one takes in pages */

static bool many_due(const struct table *t, const struct sign_params *p)
{
	size_t n = 0;

	for (size_t row = 0; n <= MUCH_PAGES && (row = table_due(t, row, p->now + p->margin_s, p->now + p->validity_s)) < table_len(t);
	     row++)
		n++;
	return n > MUCH_PAGES;
}

bool content_is_much(const struct version *v, const struct content *c, const struct sign_params *p)
{
	bool large = v != NULL && table_octets(version_table(v)) > WORK_LARGE;

	if (v == NULL || (c != NULL && c->zone != NULL))
		return large || content_records(c) > WORK_LARGE / RECORD_OCTETS;
	if (!patch_is_possible(v, c != NULL ? content_soa(c) : &version_info(v)->soa, p))
		return large;
	return (c != NULL && content_records(c) > MUCH_RECORDS) || many_due(version_table(v), p);
}

int content_sign(struct store *s, struct version *v, struct content *c, const struct sign_params *p,
		 struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e)
{
	const struct rr *soa;

	info->sum = c == NULL ? NULL : content_sum(c);
	if (c != NULL && c->zone != NULL)
		return zone_sign(c->zone, p, s, v, change, info, stats, e);
	soa = c != NULL ? content_soa(c) : &version_info(v)->soa;
	if (!patch_is_possible(v, soa, p))
		return sign_all(s, v, c, p, change, info, stats, e);
	return zone_patch(s, v, c != NULL ? c->diff : NULL, c != NULL ? &c->patched : NULL, p, change, info, stats, e);
}

int content_unsigned(struct store *s, struct version *v, struct content *c, const struct sign_params *p,
		     struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e)
{
	if (c->zone != NULL)
		return content_sign(s, v, c, p, change, info, stats, e);
	info->sum = content_sum(c);
	return zone_patch(s, v, c->diff, &c->patched, p, change, info, stats, e);
}
