/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_plain: a record from one plain line, straight into the memory of the sort.  What stands between owner and rdata is
 * the same few words in most lines, so the last of each kind is remembered with what it says.
 */
#include <endian.h>
#include <string.h>

#include "zone/zone_text.h"

/* An owner that is one label and the apex, written as the one before that was: octets of its word, or 0. */
static size_t child_of_apex(struct zone_text *t, const char *p)
{
	uint32_t dots = plain_equals(p, '.') | plain_equals(p + 16, '.') << 16;
	uint32_t stops = plain_stops(p) | plain_stops(p + 16) << 16 | dots;
	size_t len;

	if (t->apex_word_len == SIZE_MAX || stops == 0 || (stops & 1) != 0 || *p == '@')
		return 0;
	len = (unsigned)__builtin_ctz(stops);
	if (!plain_is_end(p[len + t->apex_word_len]) || !plain_is_same(p + len, t->apex_word, t->apex_word_len) ||
	    !zone_build_child(t->b, p, len))
		return 0;
	return len + t->apex_word_len;
}

/* Remembers how the owner, whose word has len octets, is written if it is one label and the apex. */
static void note_apex_word(struct zone_text *t, size_t len)
{
	size_t label = t->b->owner[0];

	if (!t->b->as_key || t->b->owner_len != label + 1 + t->b->apex_len || t->owner_word[0] == '@')
		return;
	t->apex_word_len = len - label;
	memcpy(t->apex_word, t->owner_word + label, len - label);
}

/* The owner: that of the line before when its word is the same.  Returns the text behind, or NULL. */
static const char *plain_owner(struct zone_text *t, const char *p)
{
	uint8_t name[DNAME_MAX + PLAIN_PAD];
	size_t len = t->owner_word_len;

	if (plain_is_blank(*p))
		return t->s.has_owner ? p : NULL;
	if (len > 0 && plain_is_same(p, t->owner_word, len) && plain_is_end(p[len]))
		return p + len;
	if ((len = child_of_apex(t, p)) == 0) {
		size_t wire_len, took = dname_from_plain(p, t->s.origin, t->origin_len, name, &wire_len);

		if (took == 0)
			return NULL;
		plain_copy(t->owner_word, p, took);
		zone_build_owner(t->b, name, wire_len);
		note_apex_word(t, took);
		len = took;
	} else {
		plain_copy(t->owner_word, p, len);
	}
	t->owner_word_len = len;
	t->s.has_owner = true;
	return p + len;
}

/* [TTL] [IN] type, TTL and class in either order.  Returns the text behind, or NULL; h->a is 0 where not both are there. */
static const char *read_head(struct zone_text *t, const char *p, struct plain_head *h)
{
	bool has_ttl = false, has_class = false;
	uint64_t v = 0;
	size_t len;

	for (;; p = plain_skip(p)) {
		if (!has_ttl && (uint8_t)(*p - '0') < 10) {
			if ((p = number_from_plain(p, INT32_MAX, &v)) == NULL)
				return NULL;
			has_ttl = true;
		} else if (!has_class && (p[0] | 0x20) == 'i' && (p[1] | 0x20) == 'n' && plain_is_end(p[2])) {
			has_class = true;
			p += 2;
		} else {
			break;
		}
	}
	len = plain_len(p);
	h->type = type_words_find(&t->words, p, len);
	if (h->type == NULL || !plain_is_end(p[len]) || !(has_ttl || t->s.has_default_ttl || t->s.has_last_ttl))
		return NULL;
	h->ttl = has_ttl ? (uint32_t)v : t->s.has_default_ttl ? t->s.default_ttl : t->s.last_ttl;
	if (!has_ttl || !has_class)
		h->a = 0;
	return p + len;
}

/* Octets up to the end of the third word at p if they are 16 at most, else 0. */
static inline unsigned three_words(const char *p)
{
	unsigned words = 0xffff & ~plain_blanks(p);

	words &= words + (words & -words); /* without the lowest run of ones, which is the first word */
	words &= words + (words & -words);
	words &= ~(words + (words & -words)); /* the third alone */
	return words == 0 ? 0 : 32 - (unsigned)__builtin_clz(words);
}

/*
 * What stands between owner and rdata.  Three words that hold TTL, class and type say so whatever follows, so that they are
 * looked up as they stand.  Returns the text behind, or NULL.
 */
static const char *plain_head(struct zone_text *t, const char *p, struct plain_head *h)
{
	struct plain_head *known;
	const char *behind;
	unsigned len;

	p = plain_skip(p);
	len = three_words(p);
	if (len <= 8 || !plain_is_blank(p[len])) {
		h->a = 0;
		return read_head(t, p, h);
	}
	memcpy(&h->a, p, 8);
	memcpy(&h->b, p + 8, 8);
	h->b = le64toh(h->b) & UINT64_MAX >> (128 - 8 * len);
	known = &t->heads[(h->a ^ h->b * 0x9e3779b97f4a7c15) * 0x9e3779b97f4a7c15 >> (64 - PLAIN_HEADS_LOG)];
	if (known->a == h->a && known->b == h->b) {
		*h = *known;
		return p + len;
	}
	if ((behind = read_head(t, p, h)) == p + len && h->a != 0)
		*known = *h;
	return behind;
}

/* The rest of a line that is left out: it must be plain to end here. */
static const char *plain_rest(const char *p)
{
	for (;; p++) {
		p += plain_len(p);
		if (*p == '\n')
			return p;
		if (!plain_is_blank(*p))
			return NULL;
	}
}

int zone_text_plain(struct zone_text *t, const char **at, struct err *e)
{
	const char *p = plain_owner(t, *at);
	struct plain_head h;
	uint8_t *room;
	size_t len;

	if (p == NULL || (p = plain_head(t, p, &h)) == NULL)
		return 0;
	if (h.type->dropped && t->b->within && !t->b->limits.with_dnssec) {
		if ((p = plain_rest(p)) == NULL)
			return 0;
		if (zone_build_drop(t->b, t->line, e) != 0)
			return -1;
	} else {
		if (!h.type->plain || !t->b->within)
			return 0;
		if ((room = zone_build_room(t->b, e)) == NULL)
			return -1;
		p = rdata_from_plain(h.type->info, p, t->s.origin, t->origin_len, room, &len);
		if (p == NULL || (h.type->ruled && type_rule_broken(h.type->type, room, len) != NULL))
			return 0;
		if (zone_build_put(t->b, h.type->type, h.ttl, len, t->line, e) != 0)
			return -1;
	}
	t->s.has_last_ttl = true;
	t->s.last_ttl = h.ttl;
	t->line++;
	*at = p + 1;
	return 1;
}
