/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owners: which names are authoritative, which are delegations, and which are hidden below them.
 *
 * In canonical order all names below a cut follow it at once, so the newest cut is the only one to remember.
 */
#include "sign/signing.h"

#include <stdlib.h>
#include <string.h>

static bool has_type(const struct zone *z, const struct owner *o, uint16_t type)
{
	for (size_t i = o->first; i < o->first + o->n; i++)
		if (z->rr[i].type == type)
			return true;
	return false;
}

int owners_find(struct signing *s, struct err *e)
{
	const struct zone *z = s->z;
	const uint8_t *cut = NULL;
	size_t room = 0;

	for (size_t i = 0, end; i < z->n; i = end) {
		struct owner *o;

		end = zone_owner_end(z, i);
		if (s->owner_count >= NSEC3_ENT || end - i > UINT32_MAX)
			return err_set(e, ERR_LIMIT, "more than %u names", NSEC3_ENT);
		if (s->owner_count == room) {
			room = room * 2 + 1024;
			s->owners = mem_grow(s->owners, room, sizeof(*s->owners));
		}
		o = &s->owners[s->owner_count++];
		*o = (struct owner){ .first = i, .n = (uint32_t)(end - i) };
		if (cut != NULL && dname_is_within(z->rr[i].owner, cut)) {
			o->kind = OWNER_OCCLUDED;
		} else if (i > 0 && has_type(z, o, TYPE_NS)) {
			o->kind = OWNER_DELEGATION;
			o->secure = has_type(z, o, TYPE_DS);
			cut = z->rr[i].owner;
		} else if (has_type(z, o, TYPE_DNAME)) {
			cut = z->rr[i].owner;
		}
	}
	if (s->owner_count == 0 || !dname_equal(owner_name(s, 0), z->apex))
		return err_set(e, ERR_INTERNAL, "a zone without records at its apex");
	return 0;
}

size_t owners_next_in_chain(const struct signing *s, size_t i)
{
	while (i < s->owner_count && s->owners[i].kind == OWNER_OCCLUDED)
		i++;
	return i < s->owner_count ? i : 0;
}

/* Into a rising list; a type that is there already stays once. */
static size_t insert(uint16_t *types, size_t n, uint16_t type)
{
	size_t at = n;

	while (at > 0 && types[at - 1] > type)
		at--;
	if (at > 0 && types[at - 1] == type)
		return n;
	memmove(types + at + 1, types + at, (n - at) * sizeof(*types));
	types[at] = type;
	return n + 1;
}

size_t owner_types(const struct signing *s, size_t i, struct arena *arena, uint16_t **types)
{
	const struct owner *o = &s->owners[i];
	const struct rr *rr = s->z->rr;
	size_t room = o->n + s->p->ready_count + 4, n = 0;
	uint16_t *t = arena_alloc(arena, room, sizeof(*t));

	*types = t;
	for (size_t k = o->first; k < o->first + o->n; k++)
		if (o->kind == OWNER_AUTHORITATIVE || rr[k].type == TYPE_NS || rr[k].type == TYPE_DS)
			if (n == 0 || t[n - 1] != rr[k].type)
				t[n++] = rr[k].type;
	if (i == 0)
		for (size_t k = 0; k < s->p->ready_count; k++)
			if (s->p->ready[k].n > 0)
				n = insert(t, n, s->p->ready[k].rrs[0].type);
	if (i == 0 && signing_nsec3(s))
		n = insert(t, n, TYPE_NSEC3PARAM);
	if (!signing_nsec3(s))
		n = insert(t, n, TYPE_NSEC);
	if (!signing_nsec3(s) || o->kind == OWNER_AUTHORITATIVE || o->secure)
		n = insert(t, n, TYPE_RRSIG);
	return n;
}

size_t bitmap_bound(const uint16_t *types, size_t n)
{
	size_t len = 0;
	unsigned low = 0;

	for (size_t i = 0; i < n; i++) {
		if (types[i] < 256)
			low = types[i];
		else if (i == 0 || types[i] >> 8 != types[i - 1] >> 8)
			len += 34;
	}
	return n == 0 ? 0 : len + 2 + low / 8 + 1;
}
