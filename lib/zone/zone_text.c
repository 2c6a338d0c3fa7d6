/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_text: lines of a master file - directives, and records with what they leave to the line before. */
#include "zone/zone_text.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

/* Puts the place of a token in front of an error. */
static int at_token(const struct zone_text *t, const struct lexer *l, const struct token *k, struct err *e)
{
	return place_ctx(e, zone_text_place(t, l, k));
}

struct place zone_text_place(const struct zone_text *t, const struct lexer *l, const struct token *k)
{
	return (struct place){ .file = t->file, .line = k->line, .column = lexer_column(l, k->text - k->quoted) };
}

void zone_text_owner(struct zone_text *t, const uint8_t *name)
{
	t->owner_word_len = 0;
	t->s.has_owner = true;
	zone_build_owner(t->b, name, dname_len(name));
}

void zone_text_origin(struct zone_text *t)
{
	t->owner_word_len = 0;
	t->apex_word_len = SIZE_MAX;
	t->origin_len = dname_len(t->s.origin);
}

void zone_text_save(const struct zone_text *t, struct text_saved *out)
{
	memcpy(out->origin, t->s.origin, t->origin_len);
	memcpy(out->owner, t->b->owner, t->b->owner_len);
	out->has_owner = t->s.has_owner;
}

void zone_text_restore(struct zone_text *t, const struct text_saved *saved)
{
	memcpy(t->s.origin, saved->origin, dname_len(saved->origin));
	zone_text_origin(t);
	zone_text_owner(t, saved->owner);
	t->s.has_owner = saved->has_owner;
}

static bool is_class(const struct token *k, bool *in)
{
	*in = token_is(k, "IN") || token_is(k, "CLASS1");
	return *in || token_is(k, "CH") || token_is(k, "CHAOS") || token_is(k, "HS") ||
	       token_is(k, "HESIOD") || token_is(k, "ANY") || token_is(k, "NONE") ||
	       (!k->quoted && k->len > 5 && k->len <= 10 && strncasecmp(k->text, "CLASS", 5) == 0 &&
		k->text[5] >= '0' && k->text[5] <= '9');
}

struct head {
	uint32_t ttl;
	uint16_t type;
	bool has_ttl;
	size_t rdata; /* index of the first token of the rdata */
};

/* [TTL] [class] type, TTL and class in either order (RFC 1035 section 5.1); *at is where it stands */
static int read_head(const struct lexer *l, size_t *at, struct head *h, struct err *e)
{
	bool seen_class = false, in;
	char word[64];

	for (; *at < l->n; ++*at) {
		const struct token *k = &l->tokens[*at];

		if (!seen_class && is_class(k, &in)) {
			if (!in)
				return rdata_bad(k, "class IN, the only one that is signed here", e);
			seen_class = true;
		} else if (!h->has_ttl && !k->quoted && k->text[0] >= '0' && k->text[0] <= '9') {
			if (!token_ttl(k, &h->ttl) || h->ttl > INT32_MAX)
				return rdata_bad(k, "a TTL from 0 to 2147483647 (RFC 2181 section 8)", e);
			h->has_ttl = true;
		} else {
			h->type =
				k->quoted || !token_copy(k, word, sizeof(word)) ? 0 : rr_type_from_text(word);
			if (h->type == 0)
				return rdata_bad(k, "a type of record", e);
			h->rdata = *at + 1;
			return 0;
		}
	}
	return err_set(e, ERR_SYNTAX, "line ends where a type is expected");
}

/* RFC 2308 section 4: $TTL; else the TTL before (RFC 1035 section 5.1); an SOA without any takes its MINIMUM.
 */
static int settle_ttl(struct zone_text *t, const struct head *h, struct rr *rr, struct err *e)
{
	struct text_state *s = &t->s;

	if (h->has_ttl) {
		rr->ttl = h->ttl;
	} else if (s->has_default_ttl) {
		rr->ttl = s->default_ttl;
	} else if (rr->type == TYPE_SOA && !s->has_last_ttl && rr->rdlen >= 22) {
		rr->ttl = soa_timers(rr->rdata, rr->rdlen).minimum_s;
		if (rr->ttl > INT32_MAX)
			return err_set(e, ERR_SYNTAX,
				       "no TTL, and MINIMUM of the SOA is no TTL (RFC 2181 section 8)");
		s->has_default_ttl = true;
		s->default_ttl = rr->ttl;
	} else if (s->has_last_ttl) {
		rr->ttl = s->last_ttl;
	} else {
		return err_set(e, ERR_SYNTAX, "no TTL here, none before, and no $TTL (RFC 2308 section 4)");
	}
	s->has_last_ttl = true;
	s->last_ttl = rr->ttl;
	return 0;
}

/* What is wrong with an rdata is at the token that was read last. */
static int at_rdata(const struct zone_text *t, const struct lexer *l, size_t last, struct err *e)
{
	return at_token(t, l, &l->tokens[last < l->n ? last : l->n - 1], e);
}

int zone_text_record(struct zone_text *t, const struct lexer *l, struct err *e)
{
	const struct token *first = &l->tokens[0];
	struct head h = { .type = 0 };
	struct rr rr = { .rdata = t->rdata };
	struct rdata_text r;
	uint8_t owner[DNAME_MAX];
	size_t at = 0;

	if (!l->blank_start) {
		if (token_name(first, t->s.origin, owner, e) != 0)
			return at_token(t, l, first, e);
		zone_text_owner(t, owner);
		at = 1;
	}
	if (!t->s.has_owner)
		return place_err(e, ERR_SYNTAX, zone_text_place(t, l, first),
				 "no owner here and none before (RFC 1035 section 5.1)");
	if (read_head(l, &at, &h, e) != 0)
		return at_rdata(t, l, at, e);
	rr.type = h.type;
	if ((!rr_type_is_signing(h.type) || h.type == TYPE_ZONEMD || t->b->limits.with_dnssec) &&
	    !rr_type_is_meta(h.type)) { /* those are left out or refused, whatever they hold */
		r = (struct rdata_text){ .tokens = l->tokens + h.rdata,
					 .n = l->n - h.rdata,
					 .origin = t->s.origin,
					 .w = wr_of(t->rdata, UINT16_MAX) };
		if (rdata_from_text(h.type, &r, e) != 0)
			return at_rdata(t, l, h.rdata + r.at - 1, e);
		rr.rdlen = (uint16_t)r.w.at;
	}
	if (settle_ttl(t, &h, &rr, e) != 0)
		return at_token(t, l, first, e);
	return zone_build_add(t->b, &rr, first->line, e);
}

static int origin(struct zone_text *t, const struct lexer *l, struct err *e)
{
	uint8_t name[DNAME_MAX];

	if (l->n != 2)
		return place_err(e, ERR_SYNTAX, zone_text_place(t, l, l->tokens), "$ORIGIN takes one name");
	if (token_name(&l->tokens[1], t->s.origin, name, e) != 0)
		return at_token(t, l, &l->tokens[1], e);
	memcpy(t->s.origin, name, dname_len(name));
	zone_text_origin(t);
	return 0;
}

static int default_ttl(struct zone_text *t, const struct lexer *l, struct err *e)
{
	uint32_t v;

	if (l->n != 2 || !token_ttl(&l->tokens[1], &v) || v > INT32_MAX)
		return place_err(e, ERR_SYNTAX, zone_text_place(t, l, l->n > 1 ? &l->tokens[1] : l->tokens),
				 "$TTL takes one TTL from 0 to 2147483647 (RFC 2308 section 4)");
	t->s.has_default_ttl = true;
	t->s.default_ttl = v;
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct zone_text *t, const struct lexer *l, struct err *e);
} directives[] = {
	{ "$ORIGIN", origin },
	{ "$TTL", default_ttl },
	{ "$INCLUDE", zone_text_include },
	{ "$GENERATE", zone_text_generate },
};

static int one_line(struct zone_text *t, const struct lexer *l, struct err *e)
{
	const struct token *first = &l->tokens[0];

	if (l->n == 0)
		return 0;
	if (l->blank_start || first->quoted || first->len == 0 || first->text[0] != '$')
		return zone_text_record(t, l, e);
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (token_is(first, directives[i].word))
			return directives[i].run(t, l, e);
	}
	return place_err(e, ERR_SYNTAX, zone_text_place(t, l, first), "unknown directive %.*s",
			 first->len > 40 ? 40 : (int)first->len, first->text);
}

/* One logical line by tokens: 1, 2 when more of the text is needed, -1. */
static int by_tokens(struct zone_text *t, struct lexer *l, struct err *e)
{
	int got;

	l->line = t->line;
	got = lexer_next(l, e);
	if (got < 0)
		return place_ctx(e, (struct place){ t->file, l->line, lexer_column(l, l->p) });
	if (got == 1 && one_line(t, l, e) != 0)
		return -1;
	t->line = l->line;
	return got;
}

/* All lines that are whole in the window. */
static int read_window(struct zone_text *t, struct text_input *in, struct lexer *l, struct err *e)
{
	const char *p = in->octets + in->at, *end = in->octets + in->len;
	const char *last = in->len > in->at ? memrchr(p, '\n', in->len - in->at) : NULL;
	int got = 1;

	*l = (struct lexer){ .end = end, .all = in->all, .tokens = l->tokens, .room = l->room };
	while (got == 1 && p < end && (in->all || (last != NULL && p <= last))) {
		if (*p == '\n') {
			p++;
			t->line++;
			continue;
		}
		if (*p != '$' && last != NULL && p <= last && !t->by_tokens && (got = zone_text_plain(t, &p, e)) != 0)
			continue;
		l->p = p;
		got = by_tokens(t, l, e);
		p = l->p;
	}
	in->at = (size_t)(p - in->octets);
	return got < 0 ? -1 : 0;
}

int zone_text_read(struct zone_text *t, struct text_input *in, struct err *e)
{
	struct lexer l = { .tokens = NULL };
	int rc;

	t->line = 1;
	while ((rc = read_window(t, in, &l, e)) == 0 && !in->all) {
		if (in->len - in->at > LINE_OCTETS_MAX) {
			rc = place_err(e, ERR_LIMIT, (struct place){ t->file, t->line, 1 }, "line above %zu octets",
				       LINE_OCTETS_MAX);
			break;
		}
		if ((rc = text_input_more(in, t->file, e)) != 0)
			break;
	}
	lexer_fini(&l);
	return rc;
}

struct zone_text *zone_text_new(const uint8_t *apex, const struct zone_limits *limits)
{
	struct zone_text *t = mem_new(1, sizeof(*t));

	t->b = zone_build_new(apex, limits);
	t->rdata = mem_grow(NULL, 1, UINT16_MAX);
	t->names = arena_new();
	memcpy(t->s.origin, apex, dname_len(apex));
	zone_text_origin(t);
	type_words_init(&t->words);
	return t;
}

void zone_text_free(struct zone_text *t)
{
	free(t->rdata);
	arena_free(t->names);
	free(t);
}

static int read_memory(const char *text, size_t len, bool tokens, const uint8_t *apex, const struct zone_limits *limits,
		       struct zone **out, struct err *e)
{
	struct text_input in = { .octets = mem_new(1, len + INPUT_PAD), .len = len, .all = true, .fd = -1 };
	struct zone_text *t = zone_text_new(apex, limits);
	struct zone_build *b = t->b;
	int rc;

	if (len > 0)
		memcpy(in.octets, text, len);
	t->file = "text";
	t->folder = ".";
	t->by_tokens = tokens;
	rc = zone_build_file(b, t->file, e) == 0 ? zone_text_read(t, &in, e) : -1;
	zone_text_free(t);
	free(in.octets);
	if (rc != 0) {
		zone_build_free(b);
		return -1;
	}
	return zone_build_end(b, out, e);
}

int zone_read_text(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone **out, struct err *e)
{
	return read_memory(text, len, false, apex, limits, out, e);
}

int zone_read_tokens(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		     struct zone **out, struct err *e)
{
	return read_memory(text, len, true, apex, limits, out, e);
}
