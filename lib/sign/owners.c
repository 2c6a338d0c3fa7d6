/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owners: which names are authoritative, which are delegations, which are hidden below them; and what denial says
 * about them.
 */
#include "sign/range.h"

#include <string.h>

static bool has_type(const struct zone_owner *o, uint16_t type)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->rr[i].type == type)
			return true;
	return false;
}

static void cut_at(struct classifier *c, const uint8_t *name)
{
	memcpy(c->cut, name, dname_len(name));
	c->below = true;
}

void owner_classify(struct classifier *c, const struct zone_owner *o, struct owner *out)
{
	bool apex = !c->begun;

	*out = (struct owner){ .name = o->name, .rr = o->rr, .n = (uint32_t)o->n, .apex = apex };
	c->begun = true;
	if (c->below && dname_is_within(o->name, c->cut)) {
		out->kind = OWNER_OCCLUDED;
		return;
	}
	c->below = false;
	if (!apex && has_type(o, TYPE_NS)) {
		out->kind = OWNER_DELEGATION;
		out->secure = has_type(o, TYPE_DS);
		cut_at(c, o->name);
	} else if (has_type(o, TYPE_DNAME)) {
		cut_at(c, o->name);
	}
}

bool owner_has_nsec3(const struct signing *s, const struct owner *o)
{
	if (o->kind == OWNER_DELEGATION)
		return o->secure || s->p->denial != DENIAL_NSEC3_OPTOUT;
	return o->kind == OWNER_AUTHORITATIVE;
}

/* Rising types, as many as make a bitmap window or two at a time; what is full goes out in whole windows. */
struct types {
	uint16_t type[512];
	size_t n;
	uint8_t *out;
	size_t len;
};

/* Writes all windows below that of `next`. */
static void flush(struct types *t, unsigned next)
{
	size_t n = 0;

	while (n < t->n && t->type[n] >> 8 < next)
		n++;
	t->len += bitmap_write(t->type, n, t->out + t->len);
	memmove(t->type, t->type + n, (t->n - n) * sizeof(t->type[0]));
	t->n -= n;
}

static void append(struct types *t, uint16_t type)
{
	if (t->n > 0 && t->type[t->n - 1] == type)
		return;
	if (t->n == sizeof(t->type) / sizeof(t->type[0]) - 1)
		flush(t, type >> 8);
	t->type[t->n++] = type;
}

/* What signing adds to a name's types, rising. */
static size_t more_types(const struct signing *s, const struct owner *o, uint16_t more[16])
{
	size_t n = 0;

	if (!signing_nsec3(s) || o->kind == OWNER_AUTHORITATIVE || o->secure)
		more[n++] = TYPE_RRSIG;
	if (!signing_nsec3(s))
		more[n++] = TYPE_NSEC;
	for (size_t k = 0; o->apex && k < s->p->ready_count && n < 13; k++)
		if (s->p->ready[k].n > 0)
			more[n++] = s->p->ready[k].rrs[0].type;
	if (o->apex && signing_nsec3(s))
		more[n++] = TYPE_NSEC3PARAM;
	if (o->apex && s->p->zonemd != 0)
		more[n++] = TYPE_ZONEMD;
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && more[k - 1] > more[k]; k--) {
			uint16_t t = more[k];

			more[k] = more[k - 1];
			more[k - 1] = t;
		}
	return n;
}

size_t owner_bitmap(const struct signing *s, const struct owner *o, uint8_t out[BITMAP_MAX])
{
	uint16_t more[16];
	size_t n = more_types(s, o, more), k = 0;
	struct types t = { .out = out };

	for (size_t i = 0; i < o->n; i++) {
		uint16_t type = o->rr[i].type;

		if (o->kind != OWNER_AUTHORITATIVE && type != TYPE_NS && type != TYPE_DS)
			continue;
		while (k < n && more[k] <= type)
			append(&t, more[k++]);
		append(&t, type);
	}
	while (k < n)
		append(&t, more[k++]);
	flush(&t, 256);
	return t.len;
}

static unsigned shared_labels(const uint8_t *a, const uint8_t *b)
{
	unsigned n = dname_labels(a), m = dname_labels(b);

	for (n = n < m ? n : m; n > 0; n--)
		if (dname_equal(dname_suffix(a, n), dname_suffix(b, n)))
			return n;
	return 0;
}

void ents_each(const uint8_t *before, const uint8_t *name, void (*fn)(void *ctx, const uint8_t *ent), void *ctx)
{
	unsigned labels = dname_labels(name), n = before == NULL ? labels : shared_labels(before, name) + 1;

	for (; n < labels; n++)
		fn(ctx, dname_suffix(name, n));
}
