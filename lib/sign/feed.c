/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * feed: the chains' names, read in order and cut into batches.
 *
 * A batch ends before a name that is in the denial chain, so that it knows whom its last NSEC names; names below one
 * cut stay together therefore.  With a version before, it ends where one of that version's pages begins, unless one
 * range has grown beyond all measure.
 */
#include "sign/flow.h"

#include <stdlib.h>
#include <string.h>

#include "sign/maker.h"
#include "sign/oldsigs.h"

#define RANGE_BATCHES_MAX 8 /* that one range may fill before it is cut */

struct feed {
	struct flow *f;
	enum page_chain chain;
	struct batch *b; /* that is being filled, or NULL */
	/* The group that names lie in now, and the next one. */
	struct group now, next;
	bool has_now, has_next;
	const struct page_row *next_row; /* the first of the next group */
	size_t apex_key_len;
	bool entered;              /* the name in hand is the first in its group */
	uint8_t before[DNAME_MAX]; /* the last name with NSEC3 */
	bool has_before;
	/* The signed zone of before, and its owner in hand. */
	struct zone_cursor *previous;
	struct zone_owner old;
	bool has_old;
	struct classifier kinds;
};

static bool same_key(const struct page_row *a, const struct page_row *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* The next group of the chain at or behind row `at`; false at the chain's end. */
static bool next_group(const struct table *t, enum page_chain chain, size_t at, struct group *g)
{
	while (at < table_len(t) && table_row(t, at)->chain < chain)
		at++;
	if (at == table_len(t) || table_row(t, at)->chain != chain)
		return false;
	g->first = at;
	while (++at < table_len(t) && table_row(t, at)->chain == chain &&
	       same_key(table_row(t, at), table_row(t, g->first)))
		;
	g->end = at;
	return true;
}

static void look_ahead(struct feed *fd)
{
	const struct table *t = fd->f->common.old;

	fd->has_next = fd->has_now && next_group(t, fd->chain, fd->now.end, &fd->next);
	if (fd->has_next)
		fd->next_row = table_row(t, fd->next.first);
}

static int next_old(struct feed *fd, struct err *e)
{
	int rc = zone_cursor_next(fd->previous, &fd->old, e);

	fd->has_old = rc == 1;
	return rc < 0 ? -1 : 0;
}

static int begin(struct feed *fd, struct err *e)
{
	const struct table *old = fd->f->common.old;
	uint8_t key[DNAME_KEY_MAX];

	fd->apex_key_len = dname_key(fd->f->common.s.apex, key);
	fd->has_now = old != NULL && next_group(old, fd->chain, 0, &fd->now);
	look_ahead(fd);
	fd->entered = true;
	if (fd->f->previous == NULL)
		return 0;
	return zone_cursor_open(fd->f->previous, &fd->previous, e) != 0 ? -1 : next_old(fd, e);
}

/* The name in hand is in the batch: what it had before goes along. */
static int add_previous(struct feed *fd, const uint8_t *name, struct err *e)
{
	int order = -1;

	while (fd->has_old && (order = dname_cmp(fd->old.name, name)) < 0)
		if (next_old(fd, e) != 0)
			return -1;
	if (!fd->has_old || order != 0)
		return 0;
	if (fd->b->previous == NULL)
		fd->b->previous = oldsigs_new(fd->f->common.s.p->now);
	for (size_t i = 0; i < fd->old.n; i++)
		oldsigs_add(fd->b->previous, &fd->old.rr[i]);
	return 0;
}

/* Whether the key lies at or behind the beginning of the group. */
static bool reaches(const struct feed *fd, const uint8_t *key, size_t len)
{
	const struct page_row *row = fd->next_row;
	int c = memcmp(key, row->key, len < row->key_len ? len : row->key_len);

	return c > 0 || (c == 0 && len >= row->key_len);
}

/* Whether the label below the apex alone tells that the name lies before the next group: a whole key for each name of a zone
 * takes longer than all else here. */
static bool surely_before(const struct feed *fd, const uint8_t *name)
{
	const size_t apex_len = fd->f->common.s.apex_len;
	const struct page_row *row = fd->next_row;
	const size_t from = fd->apex_key_len, n = row->key_len > from ? row->key_len - from : 0;
	const uint8_t *key = row->key + from, *label = name;
	size_t left = dname_len(name);

	while (left > apex_len && left - 1 - *label != apex_len) {
		left -= 1u + *label;
		label += 1 + *label;
	}
	for (size_t i = 0; left > apex_len && i < n && i < *label; i++) {
		const uint8_t c = label[1 + i];

		if (c < '-' || key[i] < '-' || (c >= 'A' && c <= 'Z')) /* the ends of labels, what is written otherwise in keys */
			return false;
		if (c != key[i])
			return c < key[i];
	}
	return false;
}

/* Moves on to the group of the name in hand.  Groups without names leave nothing behind. */
static void enter_group(struct feed *fd, const uint8_t *key, size_t len)
{
	while (fd->has_next && reaches(fd, key, len)) {
		fd->now = fd->next;
		look_ahead(fd);
		fd->entered = true;
	}
}

static void end_span(struct batch *b, bool whole)
{
	if (b->span_count == 0)
		return;
	b->spans[b->span_count - 1].b = b->n;
	b->spans[b->span_count - 1].whole &= whole;
}

/* The batch is complete: behind it comes `next`. */
static int end_batch(struct feed *fd, const uint8_t *next, size_t len, bool whole, bool last, struct err *e)
{
	const struct sign_params *p = fd->f->common.s.p;
	struct batch *b = fd->b;

	end_span(b, whole);
	if (b->previous != NULL)
		oldsigs_settle_each(b->previous, p->now + p->margin_s, p->now + p->validity_s);
	memcpy(b->next, next, len);
	b->last = last;
	fd->b = NULL;
	return flow_submit(fd->f, b, e);
}

static bool is_full(const struct feed *fd)
{
	if (fd->b == NULL || fd->b->octets < fd->f->batch_octets)
		return false;
	return !fd->has_now || fd->entered || fd->b->octets > RANGE_BATCHES_MAX * fd->f->batch_octets;
}

/* There is a batch for the name in hand, with a span for it. */
static int ready_batch(struct feed *fd, struct err *e)
{
	bool new = fd->b == NULL;

	if (new) {
		if (flow_batch(fd->f, fd->chain, &fd->b, e) != 0)
			return -1;
		fd->b->has_before = fd->has_before;
		if (fd->has_before)
			memcpy(fd->b->before, fd->before, dname_len(fd->before));
	}
	if (fd->has_now && (new || fd->entered)) {
		end_span(fd->b, true);
		batch_add_span(fd->b, fd->now, fd->entered);
	}
	fd->entered = false;
	return 0;
}

static int feed_kind(struct feed *fd, const struct owner *o, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX];

	if (fd->has_next && !surely_before(fd, o->name))
		enter_group(fd, key, dname_key(o->name, key));
	if (o->kind != OWNER_OCCLUDED && is_full(fd) &&
	    end_batch(fd, o->name, dname_len(o->name), fd->entered, false, e) != 0)
		return -1;
	if (ready_batch(fd, e) != 0)
		return -1;
	batch_add_owner(fd->b, o);
	if (signing_nsec3(&fd->f->common.s) && owner_has_nsec3(&fd->f->common.s, o)) {
		memcpy(fd->before, o->name, dname_len(o->name));
		fd->has_before = true;
	}
	return fd->previous == NULL ? 0 : add_previous(fd, o->name, e);
}

int feed_new(struct flow *f, struct feed **out, struct err *e)
{
	*out = mem_new(1, sizeof(**out));
	(*out)->f = f;
	(*out)->chain = CHAIN_NAMES;
	return begin(*out, e);
}

int feed_owner(struct feed *fd, const struct zone_owner *from, struct err *e)
{
	struct owner o;

	owner_classify(&fd->kinds, from, &o);
	return feed_kind(fd, &o, e);
}

int feed_end(struct feed *fd, struct err *e)
{
	const struct signing *s = &fd->f->common.s;

	if (fd->b == NULL)
		return err_set(e, ERR_INTERNAL, "a zone without records at its apex");
	return end_batch(fd, s->apex, s->apex_len, true, true, e) == 0 ? flow_drain(fd->f, e) : -1;
}

void feed_free(struct feed *fd)
{
	if (fd == NULL)
		return;
	zone_cursor_close(fd->previous);
	free(fd);
}

int feed_names(struct flow *f, const struct zone *z, struct err *e)
{
	struct zone_cursor *c = NULL;
	struct feed *fd = NULL;
	struct zone_owner from;
	int rc;

	if (zone_cursor_open(z, &c, e) != 0)
		return -1;
	rc = feed_new(f, &fd, e);
	while (rc == 0 && (rc = zone_cursor_next(c, &from, e)) == 1)
		rc = feed_owner(fd, &from, e);
	if (rc == 0)
		rc = feed_end(fd, e);
	zone_cursor_close(c);
	feed_free(fd);
	return rc;
}

/* base32hex keeps the order of hashes, and all these names have the same apex: they are in order, too. */
static int feed_hash(struct feed *fd, const struct sort_record *r, struct err *e)
{
	uint8_t name[DNAME_MAX], key[DNAME_KEY_MAX];

	if (fd->b != NULL && memcmp(fd->b->hashed[fd->b->n - 1].hash, r->key, NSEC3_HASH_LEN) == 0)
		return err_set(e, ERR_CRYPTO,
			       "two names have one NSEC3 hash: take another salt (RFC 5155 section 7.1)");
	if (fd->has_next || fd->previous != NULL)
		hashed_name(&fd->f->common.s, r->key, name);
	if (fd->has_next)
		enter_group(fd, key, dname_key(name, key));
	if (is_full(fd) && end_batch(fd, r->key, NSEC3_HASH_LEN, fd->entered, false, e) != 0)
		return -1;
	if (ready_batch(fd, e) != 0)
		return -1;
	batch_add_hash(fd->b, r->key, r->data, r->len);
	return fd->previous == NULL ? 0 : add_previous(fd, name, e);
}

int feed_hashes(struct flow *f, struct sorted *sorted, struct err *e)
{
	struct feed fd = { .f = f, .chain = CHAIN_NSEC3 };
	struct sorted_cursor *c = NULL;
	uint8_t first[NSEC3_HASH_LEN];
	struct sort_record r;
	int rc = sorted_cursor_open(sorted, &c, e);

	if (rc == 0)
		rc = begin(&fd, e);
	while (rc == 0 && (rc = sorted_cursor_next(c, &r, e)) == 1) {
		if (fd.b == NULL) /* the first of all: a batch is never left empty */
			memcpy(first, r.key, NSEC3_HASH_LEN);
		rc = feed_hash(&fd, &r, e);
	}
	if (rc == 0 && fd.b != NULL)
		rc = end_batch(&fd, first, NSEC3_HASH_LEN, true, true, e);
	if (rc == 0)
		rc = flow_drain(f, e);
	sorted_cursor_close(c);
	zone_cursor_close(fd.previous);
	sorted_free(sorted);
	return rc;
}
