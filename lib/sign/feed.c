/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * feed: the chains' names, read in order and cut into batches.
 *
 * A batch ends before a name that is in the denial chain, so that it knows whom its last NSEC names; names below one
 * cut stay together therefore.  With a version before, it ends where one of that version's pages begins, unless one
 * range has grown beyond all measure.
 */
#include "sign/flow.h"

#include <string.h>

#define RANGE_BATCHES_MAX 8 /* that one range may fill before it is cut */

struct feed {
	struct flow *f;
	enum page_chain chain;
	struct batch *b; /* that is being filled, or NULL */
	/* The group that names lie in now, and the next one. */
	struct group now, next;
	bool has_now, has_next;
	bool entered;              /* the name in hand is the first in its group */
	uint8_t before[DNAME_MAX]; /* the last name with NSEC3 */
	bool has_before;
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

static void begin(struct feed *fd)
{
	const struct table *old = fd->f->common.old;

	fd->has_now = old != NULL && next_group(old, fd->chain, 0, &fd->now);
	fd->has_next = fd->has_now && next_group(old, fd->chain, fd->now.end, &fd->next);
	fd->entered = true;
}

/* Whether the key lies at or behind the beginning of the group. */
static bool reaches(const struct feed *fd, const uint8_t *key, size_t len)
{
	const struct page_row *row = table_row(fd->f->common.old, fd->next.first);
	int c = memcmp(key, row->key, len < row->key_len ? len : row->key_len);

	return c > 0 || (c == 0 && len >= row->key_len);
}

/* Moves on to the group of the name in hand.  Groups without names leave nothing behind. */
static void enter_group(struct feed *fd, const uint8_t *key, size_t len)
{
	while (fd->has_next && reaches(fd, key, len)) {
		fd->now = fd->next;
		fd->has_next = next_group(fd->f->common.old, fd->chain, fd->now.end, &fd->next);
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
	struct batch *b = fd->b;

	end_span(b, whole);
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

static int feed_owner(struct feed *fd, const struct owner *o, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX];

	if (fd->has_next)
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
	return 0;
}

int feed_names(struct flow *f, const struct zone *z, struct err *e)
{
	const struct signing *s = &f->common.s;
	struct feed fd = { .f = f, .chain = CHAIN_NAMES };
	struct classifier kinds = { 0 };
	struct zone_cursor *c = NULL;
	struct zone_owner from;
	struct owner o;
	int rc;

	if (zone_cursor_open(z, &c, e) != 0)
		return -1;
	begin(&fd);
	while ((rc = zone_cursor_next(c, &from, e)) == 1) {
		owner_classify(&kinds, &from, &o);
		if ((rc = feed_owner(&fd, &o, e)) != 0)
			break;
	}
	zone_cursor_close(c);
	if (rc == 0 && fd.b == NULL)
		return err_set(e, ERR_INTERNAL, "a zone without records at its apex");
	if (rc == 0)
		rc = end_batch(&fd, s->apex, s->apex_len, true, true, e);
	return rc == 0 ? flow_drain(f, e) : -1;
}

/* base32hex keeps the order of hashes, and all these names have the same apex: their keys are in order, too. */
static size_t hash_key(const struct signing *s, const uint8_t hash[NSEC3_HASH_LEN], uint8_t key[DNAME_KEY_MAX])
{
	uint8_t name[DNAME_MAX];

	name[0] = NSEC3_LABEL_LEN;
	nsec3_label(hash, name + 1);
	memcpy(name + 1 + NSEC3_LABEL_LEN, s->apex, s->apex_len);
	return dname_key(name, key);
}

static int feed_hash(struct feed *fd, const struct sort_record *r, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX];

	if (fd->b != NULL && memcmp(fd->b->hashed[fd->b->n - 1].hash, r->key, NSEC3_HASH_LEN) == 0)
		return err_set(e, ERR_CRYPTO,
			       "two names have one NSEC3 hash: take another salt (RFC 5155 section 7.1)");
	if (fd->has_next)
		enter_group(fd, key, hash_key(&fd->f->common.s, r->key, key));
	if (is_full(fd) && end_batch(fd, r->key, NSEC3_HASH_LEN, fd->entered, false, e) != 0)
		return -1;
	if (ready_batch(fd, e) != 0)
		return -1;
	batch_add_hash(fd->b, r->key, r->data, r->len);
	return 0;
}

int feed_hashes(struct flow *f, struct sorted *sorted, struct err *e)
{
	struct feed fd = { .f = f, .chain = CHAIN_NSEC3 };
	struct sorted_cursor *c = NULL;
	uint8_t first[NSEC3_HASH_LEN];
	struct sort_record r;
	bool begun = false;
	int rc = -1;

	if (sorted_cursor_open(sorted, &c, e) != 0)
		goto out;
	begin(&fd);
	while ((rc = sorted_cursor_next(c, &r, e)) == 1) {
		if (!begun)
			memcpy(first, r.key, NSEC3_HASH_LEN);
		begun = true;
		if ((rc = feed_hash(&fd, &r, e)) != 0)
			break;
	}
	if (rc == 0 && begun)
		rc = end_batch(&fd, first, NSEC3_HASH_LEN, true, true, e);
	if (rc == 0)
		rc = flow_drain(f, e);
out:
	sorted_cursor_close(c);
	sorted_free(sorted);
	return rc == 0 ? 0 : -1;
}
