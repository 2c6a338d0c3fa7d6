/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_cursor: owners out of entries - all entries of one key, their records in order, without duplicates, with one TTL
 * for each RRset. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "zone/zone_build.h"

#define SMALL 12 /* below it, records are put in order by insertion */

int zone_cursor_open(const struct zone *z, struct zone_cursor **out, struct err *e)
{
	struct zone_cursor *c = mem_new(1, sizeof(*c));

	c->z = z;
	c->apex_len = dname_len(z->apex);
	c->copies = !sorted_in_memory(z->entries);
	c->arena = arena_new();
	if (sorted_cursor_open(z->entries, &c->sorted, e) != 0 ||
	    (c->has_next = sorted_cursor_next(c->sorted, &c->next, e)) < 0) {
		zone_cursor_close(c);
		return -1;
	}
	*out = c;
	return 0;
}

void zone_cursor_close(struct zone_cursor *c)
{
	if (c == NULL)
		return;
	sorted_cursor_close(c->sorted);
	arena_free(c->arena);
	free(c->rr);
	free(c->places);
	free(c->items);
	free(c);
}

/* The owner's name in wire form, from its key: labels the other way round, and the apex. */
static void name_from_key(struct zone_cursor *c)
{
	size_t at = c->key_len, end;

	memcpy(c->name + c->key_len, c->z->apex, c->apex_len);
	for (size_t from = 0; from < c->key_len; from = end + 1) {
		end = (size_t)((const uint8_t *)memchr(c->key + from, 0, c->key_len - from) - c->key);
		at -= end - from + 1;
		c->name[at] = (uint8_t)(end - from);
		memcpy(c->name + at + 1, c->key + from, end - from);
	}
}

static void more_room(struct zone_cursor *c)
{
	c->room = c->room == 0 ? 64 : c->room * 2;
	c->rr = mem_grow(c->rr, c->room, sizeof(*c->rr));
	if (c->b != NULL)
		c->places = mem_grow(c->places, c->room, sizeof(*c->places));
}

static void take_records(struct zone_cursor *c, const uint8_t *p, const uint8_t *end, const char *file)
{
	struct entry_rr head;

	for (; p < end; p += head.rdlen) {
		memcpy(&head, p, sizeof(head));
		p += sizeof(head);
		if (c->n == c->room)
			more_room(c);
		if (c->b != NULL)
			c->places[c->n] = (struct place){ .file = file, .line = head.line, .column = 1 };
		c->rr[c->n++] = (struct rr){
			.owner = c->name, .rdata = p, .ttl = head.ttl, .type = head.type, .rdlen = head.rdlen
		};
	}
}

/* The entry that is next: its records, and the owner's name if it is the first of the owner. */
static void take_entry(struct zone_cursor *c)
{
	const uint8_t *data = c->next.data, *p;
	struct entry_head head;

	if (c->copies)
		data = arena_dup(c->arena, data, c->next.len);
	memcpy(&head.file, data, 2);
	head.owner_len = data[2];
	p = data + ENTRY_HEAD_LEN;
	if (c->n == 0) {
		memcpy(c->key, c->next.key, c->next.key_len);
		c->key_len = c->next.key_len;
		if (head.owner_len > 0)
			memcpy(c->name, p, head.owner_len);
		else
			name_from_key(c);
	}
	p += head.owner_len;
	take_records(c, p, data + c->next.len, c->b == NULL || head.file == ENTRY_NO_FILE ? NULL : c->b->files[head.file]);
}

/* ---- records of one owner ---- */

static int order(const struct rr *a, const struct rr *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return rdata_cmp(a->type, a->rdata, a->rdlen, b->rdata, b->rdlen);
}

static bool is_settled(const struct zone_cursor *c)
{
	for (size_t i = 1; i < c->n; i++) {
		const struct rr *rr = &c->rr[i];

		if ((rr[-1].type == rr->type && rr[-1].ttl != rr->ttl) || order(rr - 1, rr) >= 0)
			return false;
	}
	return true;
}

static int item_cmp(const void *left, const void *right)
{
	const struct owner_item *a = left, *b = right;
	int d = order(&a->rr, &b->rr);

	return d != 0 ? d : a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Of equal records the one that came first is the first. */
static void sort_records(struct zone_cursor *c)
{
	struct owner_item *items;

	if (c->item_room < c->n) {
		c->item_room = c->room;
		c->items = mem_grow(c->items, c->item_room, sizeof(*c->items));
	}
	items = c->items;
	for (size_t i = 0; i < c->n; i++) {
		struct owner_item now = { .rr = c->rr[i], .seq = i };
		size_t k = i;

		if (c->b != NULL)
			now.place = c->places[i];
		for (; c->n < SMALL && k > 0 && order(&items[k - 1].rr, &now.rr) > 0; k--)
			items[k] = items[k - 1];
		items[k] = now;
	}
	if (c->n >= SMALL)
		qsort(items, c->n, sizeof(*items), item_cmp);
	for (size_t i = 0; i < c->n; i++) {
		c->rr[i] = items[i].rr;
		if (c->b != NULL)
			c->places[i] = items[i].place;
	}
}

static void notice_rr(struct zone_cursor *c, enum notice kind, const struct rr *rr)
{
	char name[DNAME_TEXT_MAX], type[16];

	if (c->b == NULL)
		return;
	dname_to_text(rr->owner, name);
	rr_type_text(rr->type, type);
	if (kind == NOTICE_DUPLICATE)
		zone_build_notice(c->b, kind, "%s %s stands there twice", name, type);
	else
		zone_build_notice(c->b, kind, "%s %s has several TTLs; the lowest, %u, is taken (RFC 2181 section 5.2)",
				  name, type, rr->ttl);
}

/* One TTL for each RRset, the lowest (RFC 2181 section 5.2); duplicates go. */
static void settle(struct zone_cursor *c)
{
	size_t kept = 0, rrset = 0;

	sort_records(c);
	for (size_t i = 0; i < c->n; i++) {
		struct rr *now = &c->rr[i];
		bool same_set = kept > 0 && now->type == c->rr[rrset].type;

		if (!same_set) {
			rrset = kept;
		} else if (now->ttl != c->rr[rrset].ttl && now->type != TYPE_RRSIG) { /* these have that of what they cover */
			now->ttl = now->ttl < c->rr[rrset].ttl ? now->ttl : c->rr[rrset].ttl;
			for (size_t k = rrset; k < kept; k++)
				c->rr[k].ttl = now->ttl;
			notice_rr(c, NOTICE_TTL, now);
		}
		if (same_set && order(&c->rr[kept - 1], now) == 0) {
			notice_rr(c, NOTICE_DUPLICATE, now);
			continue;
		}
		if (c->b != NULL)
			c->places[kept] = c->places[i];
		c->rr[kept++] = *now;
	}
	c->n = kept;
}

int zone_cursor_next(struct zone_cursor *c, struct zone_owner *out, struct err *e)
{
	c->n = 0;
	if (c->copies)
		arena_reset(c->arena);
	while (c->has_next == 1 && (c->n == 0 || (c->next.key_len == c->key_len &&
						  memcmp(c->next.key, c->key, c->key_len) == 0))) {
		take_entry(c);
		c->has_next = sorted_cursor_next(c->sorted, &c->next, e);
	}
	if (c->has_next < 0)
		return -1;
	if (c->n == 0)
		return 0;
	if (!is_settled(c))
		settle(c);
	*out = (struct zone_owner){ .name = c->name, .rr = c->rr, .n = c->n };
	return 1;
}
