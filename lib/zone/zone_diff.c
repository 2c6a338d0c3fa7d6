/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_diff: reads differences and makes one of several.
 *
 * Each record's history is a sequence of out and in that must alternate.  What counts of it is whether the record was
 * there before the first and is there after the last.
 */
#include "zone/zone_diff.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "serial/serial.h"

struct step {
	struct zone_diff_rr op;
	size_t seq;
};

/* Differences as they are read. */
struct reading {
	struct zone_diff *d;
	struct step *step;
	size_t n, room;
	const struct zone_limits *limits;
	bool begun, adding;
};

static void push(struct reading *r, const struct rr *rr, bool add)
{
	struct step *s;

	if (r->n == r->room) {
		r->room = r->room * 2 + 64;
		r->step = mem_grow(r->step, r->room, sizeof(*r->step));
	}
	s = &r->step[r->n];
	s->op = (struct zone_diff_rr){ .rr = *rr, .add = add };
	s->seq = r->n++;
}

static int by_record(const void *left, const void *right)
{
	const struct step *a = left, *b = right;
	int order = rr_cmp(&a->op.rr, &b->op.rr);

	return order != 0 ? order : a->seq < b->seq ? -1 : 1;
}

static int twice(const struct zone_diff_rr *op, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];

	return err_set(e, ERR_REFUSED, "%s %s is %s twice", dname_to_text(op->rr.owner, name),
		       rr_type_text(op->rr.type, type), op->add ? "added" : "removed");
}

/* The history of one record in steps a to b - 1. */
static int settle_record(struct zone_diff *d, const struct step *steps, size_t a, size_t b, struct err *e)
{
	const struct zone_diff_rr *first = &steps[a].op, *last = &steps[b - 1].op;

	for (size_t i = a + 1; i < b; i++)
		if (steps[i].op.add == steps[i - 1].op.add)
			return twice(&steps[i].op, e);
	if (!first->add && last->add && rr_is_same(&first->rr, &last->rr))
		return 0;
	if (!first->add)
		d->rr[d->n++] = *first;
	if (last->add)
		d->rr[d->n++] = *last;
	return 0;
}

static void find_owners(struct zone_diff *d)
{
	struct zone_diff_owner *o = NULL;
	uint8_t key[DNAME_KEY_MAX];

	d->owner = arena_alloc(d->arena, d->n + 1, sizeof(*d->owner));
	d->owner_count = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (o == NULL || !dname_equal(o->name, d->rr[i].rr.owner)) {
			o = &d->owner[d->owner_count++];
			*o = (struct zone_diff_owner){ .name = d->rr[i].rr.owner, .first = i };
			o->key_len = (uint16_t)dname_key(o->name, key);
			o->key = arena_dup(d->arena, key, o->key_len);
		}
		o->n++;
	}
}

/* Sorts the steps and makes them d's. */
static int settle(struct reading *r, struct err *e)
{
	struct zone_diff *d = r->d;
	size_t next;

	if (r->n > 0)
		qsort(r->step, r->n, sizeof(*r->step), by_record);
	d->rr = arena_alloc(d->arena, r->n + 1, sizeof(*d->rr));
	d->n = 0;
	for (size_t i = 0; i < r->n; i = next) {
		for (next = i + 1; next < r->n && rr_cmp(&r->step[i].op.rr, &r->step[next].op.rr) == 0; next++)
			;
		if (settle_record(d, r->step, i, next, e) != 0)
			return -1;
	}
	find_owners(d);
	return 0;
}

static int read_soa(struct reading *r, const struct rr *rr, struct err *e)
{
	struct zone_diff *d = r->d;
	uint32_t serial = soa_serial(rr->rdata, rr->rdlen);

	if (!r->begun) {
		r->begun = true;
		d->from = serial;
	} else if (!r->adding) {
		if (serial_distance(d->serial, serial) <= 0)
			return err_set(e, ERR_REFUSED, "a difference from serial %u to %u", d->serial, serial);
		r->adding = true;
		d->zonemd_count = 0;
	} else {
		if (serial != d->serial)
			return err_set(e, ERR_REFUSED, "a difference begins at serial %u, the one before ends at %u", serial,
				       d->serial);
		r->adding = false;
	}
	d->serial = serial;
	d->soa = *rr;
	return 0;
}

static int keep_zonemd(struct zone_diff *d, const struct rr *rr, struct err *e)
{
	if (d->zonemd_count == ZONE_ZONEMD_MAX)
		return err_set(e, ERR_LIMIT, "more than %d ZONEMD records", ZONE_ZONEMD_MAX);
	d->zonemd[d->zonemd_count++] = *rr;
	return 0;
}

static int read_rr(struct reading *r, const struct rr *rr, struct err *e)
{
	struct zone_diff *d = r->d;
	char name[DNAME_TEXT_MAX], type[16];

	if (!dname_is_within(rr->owner, d->apex))
		return err_set(e, ERR_REFUSED, "%s is outside the zone", dname_to_text(rr->owner, name));
	if (rr->type == TYPE_SOA && dname_equal(rr->owner, d->apex))
		return read_soa(r, rr, e);
	if (!r->begun)
		return err_set(e, ERR_SYNTAX, "a difference does not begin with the zone's SOA");
	if (rr->type == TYPE_SOA || rr_type_is_meta(rr->type))
		return err_set(e, ERR_REFUSED, "%s %s has no place there", dname_to_text(rr->owner, name),
			       rr_type_text(rr->type, type));
	if (rr->type == TYPE_ZONEMD && dname_equal(rr->owner, d->apex))
		return r->adding ? keep_zonemd(d, rr, e) : 0;
	if (rr_type_is_signing(rr->type)) {
		d->dropped++;
		return 0;
	}
	if (r->adding && r->limits->max_ttl_s != 0 && rr->ttl > r->limits->max_ttl_s)
		return err_set(e, ERR_LIMIT, "TTL %u of %s %s is above the largest allowed, %u", rr->ttl,
			       dname_to_text(rr->owner, name), rr_type_text(rr->type, type), r->limits->max_ttl_s);
	if (r->n >= r->limits->max_records)
		return err_set(e, ERR_LIMIT, "more than %zu records", r->limits->max_records);
	push(r, rr, r->adding);
	return 0;
}

/* Names and rdata still lead into the stream. */
static int read_stream(struct reading *r, const uint8_t *stream, size_t len, struct err *e)
{
	struct rd in = rd_of(stream, len);
	struct rr rr;
	int rc;

	while ((rc = rr_read(&in, &rr, e)) == 1)
		if (read_rr(r, &rr, e) != 0)
			return -1;
	if (rc == 0 && !r->adding)
		return err_set(e, ERR_SYNTAX, "a difference ends before its second SOA");
	return rc;
}

int zone_diff_read(const uint8_t *stream, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone_diff **out, struct err *e)
{
	struct zone_diff *d = mem_new(1, sizeof(*d));
	struct reading r = { .d = d, .limits = limits };
	int rc;

	memcpy(d->apex, apex, dname_len(apex));
	d->arena = arena_new();
	rc = read_stream(&r, arena_dup(d->arena, stream, len), len, e);
	if (rc == 0)
		rc = settle(&r, e);
	free(r.step);
	if (rc != 0) {
		zone_diff_free(d);
		return -1;
	}
	*out = d;
	return 0;
}

static struct rr copy(struct arena *arena, const struct rr *rr)
{
	struct rr out = *rr;

	out.owner = arena_dup(arena, rr->owner, dname_len(rr->owner));
	out.rdata = arena_dup(arena, rr->rdata, rr->rdlen);
	return out;
}

struct zone_diff *zone_diff_of(const uint8_t *apex, uint32_t from, const struct rr *soa, const struct zone_diff_rr *rr,
			       size_t n)
{
	struct zone_diff *d = mem_new(1, sizeof(*d));

	memcpy(d->apex, apex, dname_len(apex));
	d->arena = arena_new();
	d->from = from;
	d->serial = soa_serial(soa->rdata, soa->rdlen);
	d->soa = copy(d->arena, soa);
	d->rr = arena_alloc(d->arena, n + 1, sizeof(*d->rr));
	for (d->n = 0; d->n < n; d->n++)
		d->rr[d->n] = (struct zone_diff_rr){ .rr = copy(d->arena, &rr[d->n].rr), .add = rr[d->n].add };
	find_owners(d);
	return d;
}

void zone_diff_free(struct zone_diff *d)
{
	if (d == NULL)
		return;
	arena_free(d->arena);
	free(d);
}

size_t zone_diff_find(const struct zone_diff *d, const uint8_t *key, size_t len)
{
	size_t low = 0, high = d->owner_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct zone_diff_owner *o = &d->owner[mid];
		int order = memcmp(o->key, key, o->key_len < len ? o->key_len : len);

		if (order < 0 || (order == 0 && o->key_len < len))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int misfit(const struct zone_diff_rr *op, struct err *e)
{
	char name[DNAME_TEXT_MAX], type[16];

	return err_set(e, ERR_REFUSED, "%s %s is to be %s, and is %s", dname_to_text(op->rr.owner, name),
		       rr_type_text(op->rr.type, type), op->add ? "added" : "removed",
		       op->add ? "there already" : "not there");
}

/* One TTL for each RRset, the lowest (RFC 2181 section 5.2). */
static void settle_ttls(struct rr *rr, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		uint32_t low = rr[i].ttl;

		for (end = i + 1; end < n && rr[end].type == rr[i].type; end++)
			low = rr[end].ttl < low ? rr[end].ttl : low;
		for (size_t k = i; k < end; k++)
			rr[k].ttl = low;
	}
}

int zone_diff_apply(const struct zone_diff *d, const struct zone_diff_owner *o, const struct zone_owner *was,
		    struct arena *arena, struct zone_owner *is, struct err *e)
{
	const struct zone_diff_rr *op = d->rr + o->first, *end = op + o->n;
	struct rr *rr = arena_alloc(arena, was->n + o->n, sizeof(*rr));
	size_t i = 0, n = 0;

	while (i < was->n || op < end) {
		int order = i == was->n ? 1 : op == end ? -1 : rr_cmp(&was->rr[i], &op->rr);

		if (order < 0) {
			rr[n++] = was->rr[i++];
		} else if (order == 0 && !op->add) {
			i++;
			op++;
		} else if (order > 0 && op->add) {
			rr[n++] = op->rr;
			op++;
		} else {
			return misfit(op, e);
		}
	}
	settle_ttls(rr, n);
	*is = (struct zone_owner){ .name = n > 0 ? rr[0].owner : o->name, .rr = rr, .n = n };
	return 0;
}
