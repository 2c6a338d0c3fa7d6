/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_text: lines of a master file - directives, and records with what they leave to the line before. */
#include "zone/zone_text.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

static struct place place_of(const struct zone_text *t, const struct token *k)
{
	return (struct place){ .file = t->file, .line = k->line };
}

/* Puts the place of a token in front of an error that has none. */
static int at_token(const struct zone_text *t, const struct token *k, struct err *e)
{
	return err_ctx(e, "%s:%u", t->file, k->line);
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

/* [TTL] [class] type, TTL and class in either order (RFC 1035 section 5.1) */
static int read_head(const struct lexer *l, size_t at, struct head *h, struct err *e)
{
	bool seen_class = false, in;
	char word[64];

	for (; at < l->n; at++) {
		const struct token *k = &l->tokens[at];

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
			h->rdata = at + 1;
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

int zone_text_record(struct zone_text *t, const struct lexer *l, struct err *e)
{
	const struct token *first = &l->tokens[0];
	struct head h = { .type = 0 };
	struct rr rr = { .owner = t->s.owner };
	struct rdata_text r;
	size_t at = 0;

	if (!l->blank_start) {
		if (token_name(first, t->s.origin, t->s.owner, e) != 0)
			return at_token(t, first, e);
		t->s.has_owner = true;
		at = 1;
	}
	if (!t->s.has_owner)
		return place_err(e, ERR_SYNTAX, place_of(t, first),
				 "no owner here and none before (RFC 1035 section 5.1)");
	if (read_head(l, at, &h, e) != 0)
		return at_token(t, first, e);
	rr.type = h.type;
	if (!rr_type_is_signing(h.type) &&
	    !rr_type_is_meta(h.type)) { /* those are left out or refused, whatever they hold */
		r = (struct rdata_text){ .tokens = l->tokens + h.rdata,
					 .n = l->n - h.rdata,
					 .origin = t->s.origin,
					 .w = wr_of(t->rdata, UINT16_MAX) };
		if (rdata_from_text(h.type, &r, e) != 0)
			return at_token(
				t, &l->tokens[h.rdata + r.at - 1 < l->n ? h.rdata + r.at - 1 : l->n - 1], e);
		rr.rdata = t->rdata;
		rr.rdlen = (uint16_t)r.w.at;
	}
	if (settle_ttl(t, &h, &rr, e) != 0)
		return at_token(t, first, e);
	return zone_build_add(t->b, &rr, place_of(t, first), e);
}

static int origin(struct zone_text *t, const struct lexer *l, struct err *e)
{
	uint8_t name[DNAME_MAX];

	if (l->n != 2)
		return place_err(e, ERR_SYNTAX, place_of(t, l->tokens), "$ORIGIN takes one name");
	if (token_name(&l->tokens[1], t->s.origin, name, e) != 0)
		return at_token(t, &l->tokens[1], e);
	memcpy(t->s.origin, name, sizeof(name));
	return 0;
}

static int default_ttl(struct zone_text *t, const struct lexer *l, struct err *e)
{
	uint32_t v;

	if (l->n != 2 || !token_ttl(&l->tokens[1], &v) || v > INT32_MAX)
		return place_err(e, ERR_SYNTAX, place_of(t, l->tokens),
				 "$TTL takes one TTL from 0 to 2147483647 (RFC 2308)");
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

	if (l->blank_start || first->quoted || first->len == 0 || first->text[0] != '$')
		return zone_text_record(t, l, e);
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (token_is(first, directives[i].word))
			return directives[i].run(t, l, e);
	}
	return place_err(e, ERR_SYNTAX, place_of(t, first), "unknown directive %.*s",
			 first->len > 40 ? 40 : (int)first->len, first->text);
}

int zone_text_read(struct zone_text *t, const char *text, size_t len, uint32_t line, struct err *e)
{
	struct lexer l = lexer_of(text, len, line);
	const char *nul = len == 0 ? NULL : memchr(text, '\0', len);
	int got;

	if (nul != NULL) { /* it would end the strings that ldns gets */
		for (const char *p = text; p < nul; p++)
			line += *p == '\n';
		return err_set(e, ERR_SYNTAX, "%s:%u: octet 0 in text; write \\000", t->file, line);
	}
	while ((got = lexer_next(&l, e)) == 1) {
		if (one_line(t, &l, e) != 0)
			break;
	}
	if (got < 0)
		err_ctx(e, "%s:%u", t->file, l.line);
	lexer_fini(&l);
	return got == 0 ? 0 : -1;
}

int zone_read_text(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone **out, struct err *e)
{
	struct zone_text t = { .file = "text", .folder = "." };
	int rc;

	t.b = zone_build_new(apex, limits);
	memcpy(t.s.origin, apex, dname_len(apex));
	t.rdata = mem_new(1, UINT16_MAX);
	rc = zone_text_read(&t, text, len, 1, e);
	free(t.rdata);
	if (rc != 0) {
		zone_build_free(t.b);
		return -1;
	}
	return zone_build_end(t.b, out, e);
}
