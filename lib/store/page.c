/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * page: writes a message record by record, compressing names by a hash table of the suffixes that it holds.
 *
 * Invariants of a struct page_build:
 * 1. msg[0..at) is a whole message of `count` records after each call.
 * 2. A slot of the table names one suffix: its first label lies at `at`, what follows that label is the
 * suffix at `parent` (0: the root).  So a suffix is found by its parent and one label, never by comparing
 * whole names.
 * 3. Each suffix is in the table once, at its first place, which is below 16384, so that a pointer can reach
 * it.
 */
#include "store/page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define PTR_END    16384 /* the first offset that a compression pointer cannot name */
#define RR_FIXED   10    /* type, class, TTL, rdlen */
#define SLOTS      16384 /* twice the suffixes of a page: a label takes two octets at least */
#define LABELS_MAX 128
/* A record is written first and measured afterwards, behind a message that may be full. */
#define ROOM     (PAGE_MSG_MAX + PAGE_MSG_LIMIT)
#define UNDO_MAX (3 * LABELS_MAX)

struct slot {
	uint16_t at; /* 0: free */
	uint16_t parent;
};

struct page_build {
	size_t at;
	size_t count;
	size_t undo_count;
	size_t owner_len;
	uint16_t owner_at; /* of the record before, 0 when there is none to point to */
	uint16_t undo[UNDO_MAX];
	uint8_t owner[DNAME_MAX];
	struct slot slots[SLOTS];
	uint8_t msg[2 + ROOM];
};

static uint8_t *octet(struct page_build *b, size_t offset)
{
	return b->msg + 2 + offset;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct page_build *page_build_new(void)
{
	struct page_build *b = mem_new(1, sizeof(*b));

	page_build_reset(b);
	return b;
}

void page_build_free(struct page_build *b)
{
	free(b);
}

void page_build_reset(struct page_build *b)
{
	memset(b->slots, 0, sizeof(b->slots));
	memset(b->msg, 0, 2 + PAGE_HEADER_LEN);
	put16(octet(b, 2), PAGE_FLAGS);
	b->at = PAGE_HEADER_LEN;
	b->count = 0;
	b->owner_at = 0;
}

/* The slot of the suffix that is `label` in front of `parent`: where it is, or where it would go. */
static size_t find_slot(const struct page_build *b, const uint8_t *label, uint16_t parent)
{
	uint64_t h = parent * UINT64_C(0x9e3779b97f4a7c15);
	size_t len = 1u + label[0];

	for (size_t i = 0; i < len; i++)
		h = (h ^ label[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	for (size_t i = h % SLOTS;; i = (i + 1) % SLOTS) {
		const struct slot *s = &b->slots[i];

		if (s->at == 0 || (s->parent == parent && memcmp(b->msg + 2 + s->at, label, len) == 0))
			return i;
	}
}

/* Writes a name at b->at, its longest known suffix as a pointer, and remembers the suffixes that are new.
 * Returns the offset to point to for the same name again. */
static size_t put_name(struct page_build *b, const uint8_t *name)
{
	const uint8_t *label[LABELS_MAX];
	size_t n = 0, at, plain;
	uint16_t known = 0, parent;

	for (const uint8_t *p = name; *p != 0; p += 1u + *p)
		label[n++] = p;
	for (plain = n; plain > 0; plain--) {
		const struct slot *s = &b->slots[find_slot(b, label[plain - 1], known)];

		if (s->at == 0)
			break;
		known = s->at;
	}
	/* label[0..plain) is written out, the rest is the suffix at `known`. */
	at = b->at;
	parent = known;
	for (size_t i = plain; i > 0; i--) {
		size_t here = at + (size_t)(label[i - 1] - name), slot;

		if (here >= PTR_END)
			break;
		slot = find_slot(b, label[i - 1], parent);
		b->slots[slot] = (struct slot){ .at = (uint16_t)here, .parent = parent };
		assert(b->undo_count < UNDO_MAX);
		b->undo[b->undo_count++] = (uint16_t)slot;
		parent = (uint16_t)here;
	}
	if (plain > 0) {
		size_t len = (size_t)(label[plain - 1] - name) + 1u + *label[plain - 1];

		memcpy(octet(b, at), name, len);
		b->at += len;
	}
	if (known == 0) {
		*octet(b, b->at++) = 0;
	} else {
		put16(octet(b, b->at), 0xc000u | known);
		b->at += 2;
	}
	return plain > 0 ? at : known;
}

static void put_owner(struct page_build *b, const uint8_t *owner)
{
	size_t len = dname_len(owner), at;

	if (b->owner_at != 0 && len == b->owner_len && memcmp(owner, b->owner, len) == 0) {
		put16(octet(b, b->at), 0xc000u | b->owner_at);
		b->at += 2;
		return;
	}
	at = put_name(b, owner);
	memcpy(b->owner, owner, len);
	b->owner_len = len;
	/* The root is shorter than a pointer to it. */
	b->owner_at = len > 1 && at < PTR_END ? (uint16_t)at : 0;
}

struct rdata_out {
	struct page_build *b;
	const uint8_t *rdata;
	size_t done; /* octets of rdata that are written */
};

static void put_rdata_name(void *ctx, size_t offset, const uint8_t *name)
{
	struct rdata_out *o = ctx;

	memcpy(octet(o->b, o->b->at), o->rdata + o->done, offset - o->done);
	o->b->at += offset - o->done;
	put_name(o->b, name);
	o->done = offset + dname_len(name);
}

static void put_record(struct page_build *b, const struct rr *rr)
{
	struct rdata_out o = { .b = b, .rdata = rr->rdata };
	size_t fixed;

	put_owner(b, rr->owner);
	fixed = b->at;
	put16(octet(b, fixed), rr->type);
	put16(octet(b, fixed + 2), CLASS_IN);
	put32(octet(b, fixed + 4), rr->ttl);
	b->at += RR_FIXED;
	rdata_compressible(rr->type, rr->rdata, rr->rdlen, put_rdata_name, &o);
	if (rr->rdlen > o.done)
		memcpy(octet(b, b->at), rr->rdata + o.done, rr->rdlen - o.done);
	b->at += rr->rdlen - o.done;
	put16(octet(b, fixed + 8), b->at - fixed - RR_FIXED);
}

int page_rr_check(const struct rr *rr, struct err *e)
{
	char type[16], name[DNAME_TEXT_MAX];
	size_t wire = rr_wire_len(rr);

	if (PAGE_HEADER_LEN + wire <= PAGE_MSG_LIMIT)
		return 0;
	return err_set(e, ERR_LIMIT, "%s %s: a record of %zu octets does not fit a message (limit %d)",
		       dname_to_text(rr->owner, name), rr_type_text(rr->type, type), wire, PAGE_MSG_LIMIT - PAGE_HEADER_LEN);
}

int page_build_add(struct page_build *b, const struct rr *rr, struct err *e)
{
	size_t at = b->at, owner_len = b->owner_len;
	uint16_t owner_at = b->owner_at;
	uint8_t owner[DNAME_MAX];

	if (page_rr_check(rr, e) != 0)
		return -1;
	/* The smallest form: a pointer as owner; names in rdata are short, so large rdata stays large. */
	if (b->count > 0 && at + 2 + RR_FIXED + rr->rdlen > PAGE_MSG_MAX + 2 * DNAME_MAX)
		return 1;
	memcpy(owner, b->owner, owner_len);
	b->undo_count = 0;
	put_record(b, rr);
	if (b->count == 0 || b->at <= PAGE_MSG_MAX) {
		b->count++;
		put16(octet(b, 6), b->count);
		return 0;
	}
	/* Slots are emptied in reverse order, so no probe sequence is ever cut. */
	while (b->undo_count > 0)
		b->slots[b->undo[--b->undo_count]].at = 0;
	memcpy(b->owner, owner, owner_len);
	b->owner_len = owner_len;
	b->owner_at = owner_at;
	b->at = at;
	return 1;
}

const uint8_t *page_build_octets(struct page_build *b, size_t *len)
{
	put16(b->msg, b->at);
	*len = 2 + b->at;
	return b->msg;
}

size_t page_build_count(const struct page_build *b)
{
	return b->count;
}
