/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_plain: a record from one plain line, straight into the memory of the sort. */
#include <string.h>

#include "zone/zone_text.h"

/* The owner: that of the line before when its word is the same.  Returns the text behind, or NULL. */
static const char *plain_owner(struct zone_text *t, const char *p)
{
	size_t len = t->owner_word_len, took, wire_len;

	if (plain_is_blank(*p))
		return t->s.has_owner ? p : NULL;
	if (len > 0 && memcmp(p, t->owner_word, len) == 0 && plain_is_end(p[len]))
		return p + len;
	took = dname_from_plain(p, t->s.origin, t->origin_len, t->s.owner, &wire_len);
	if (took == 0) {
		t->owner_word_len = 0; /* s.owner has been written to */
		return NULL;
	}
	memcpy(t->owner_word, p, took);
	t->owner_word_len = took;
	t->s.has_owner = true;
	zone_build_owner(t->b, t->s.owner, wire_len);
	return p + took;
}

/* [TTL] [IN] type, TTL and class in either order.  Returns the text behind, or NULL. */
static const char *plain_head(struct zone_text *t, const char *p, uint32_t *ttl, const struct type_word **type)
{
	bool has_ttl = false, has_class = false;
	uint64_t v;

	for (p = plain_skip(p);; p = plain_skip(p)) {
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

	size_t len = plain_len(p);

	*type = type_words_find(&t->words, p, len);
	if (*type == NULL || !plain_is_end(p[len]) || !(has_ttl || t->s.has_default_ttl || t->s.has_last_ttl))
		return NULL;
	*ttl = has_ttl ? (uint32_t)v : t->s.has_default_ttl ? t->s.default_ttl : t->s.last_ttl;
	return p + len;
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
	const struct type_word *type;
	const char *p = plain_owner(t, *at);
	uint8_t *room;
	uint32_t ttl;
	size_t len;

	if (p == NULL || (p = plain_head(t, p, &ttl, &type)) == NULL)
		return 0;
	if (type->dropped && t->b->within && !t->b->limits.with_dnssec) {
		if ((p = plain_rest(p)) == NULL)
			return 0;
		if (zone_build_drop(t->b, t->line, e) != 0)
			return -1;
	} else {
		if (!type->plain || !t->b->within)
			return 0;
		if ((room = zone_build_room(t->b, e)) == NULL)
			return -1;
		p = rdata_from_plain(type->info, p, t->s.origin, t->origin_len, room, &len);
		if (p == NULL || (type->ruled && type_rule_broken(type->type, room, len) != NULL))
			return 0;
		if (zone_build_put(t->b, type->type, ttl, len, t->line, e) != 0)
			return -1;
	}
	t->s.has_last_ttl = true;
	t->s.last_ttl = ttl;
	t->line++;
	*at = p + 1;
	return 1;
}
