/* SPDX-License-Identifier: BSD-3-Clause */
/* convert_text: lines of a zone file (RFC 1035 section 5) by ldns. */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "audit/convert.h"
#include "audit/fields.h"

#define TYPE_NSAP_PTR 23
#define TYPE_SINK     40

/* Names the type where that is what ldns does not know. */
static int not_understood(const char *line, size_t number, ldns_status s, struct err *e)
{
	static const char *const words[] = { "IN", "CH", "HS", "NONE", "ANY" };
	char copy[512], *save = NULL, *word;
	bool first = *line != ' ' && *line != '\t';

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
		bool skip = first || (*word >= '0' && *word <= '9');

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			skip = skip || strcasecmp(word, words[i]) == 0;
		first = false;
		if (!skip)
			break;
	}
	if (word != NULL && strncasecmp(word, "TYPE", 4) != 0 && ldns_get_rr_type_by_name(word) == 0)
		return err_set(e, ERR_SYNTAX,
			       "line %zu: type %.40s is unknown here; write it as TYPEnnn \\# LENGTH HEX",
			       number, word);
	return err_set(e, ERR_SYNTAX, "line %zu: %s%s%.40s", number, ldns_get_errorstr_by_id(s),
		       word != NULL ? ", type " : "", word != NULL ? word : "");
}

/* A logical line without comments, parentheses and newlines. */
struct line {
	char *text; /* ended by 0 */
	size_t len;
	size_t lines; /* that it took in the file */
	bool plain;   /* neither quotes nor backslashes */
};

/* The one that begins at *at, which moves behind it. */
static void next_line(const uint8_t *p, size_t len, size_t *at, struct line *l)
{
	bool quoted = false;
	size_t depth = 0, newlines = 0, n = 0, i = *at;
	char *line = l->text;

	l->plain = true;
	for (; i < len; i++) {
		const size_t run = text_run(p + i, len - i);
		char c;

		memcpy(line + n, p + i, run);
		n += run;
		if ((i += run) == len)
			break;
		c = (char)p[i];
		l->plain = l->plain && c != '\\' && c != '"';
		if (c == '\\' && i + 1 < len) {
			line[n++] = c;
			line[n++] = (char)p[++i];
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == ';')
			while (i + 1 < len && p[i + 1] != '\n')
				i++;
		if (c == '\n') {
			newlines++;
			if (depth == 0 && !quoted) {
				i++;
				break;
			}
		} else if (!quoted && c == '(') {
			depth++;
		} else if (!quoted && c == ')' && depth > 0) {
			depth--;
		}
		if (!quoted && c != '\\' && c != '"')
			c = ' ';
		line[n++] = c;
	}
	/* ldns takes a blank behind the last quote for one more field. */
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t') && (n < 2 || line[n - 2] != '\\'))
		n--;
	line[n] = '\0';
	l->len = n;
	*at = i;
	l->lines = newlines > 0 ? newlines : 1;
}

struct text_state {
	struct directives said;
	uint32_t ttl; /* of a record that states none */
	struct fields_record now; /* its owner is that of the record before */
};

/* ldns takes these for one text. */
static bool is_misread(const ldns_rr *rr)
{
	return (int)ldns_rr_get_type(rr) == TYPE_NSAP_PTR || (int)ldns_rr_get_type(rr) == TYPE_SINK;
}

/* RFC 1035 section 5.1: without $TTL it is that of the record before. */
static int note_ttl(struct text_state *t, uint32_t *ttl, size_t number, struct err *e)
{
	if (*ttl == TTL_UNKNOWN)
		*ttl = t->ttl;
	if (*ttl == TTL_UNKNOWN)
		return err_set(e, ERR_SYNTAX, "line %zu: no TTL, and none before it", number);
	if (t->said.ttl == TTL_UNKNOWN)
		t->ttl = *ttl;
	return 0;
}

static int put_fields(struct converter *c, struct text_state *t, size_t number, struct err *e)
{
	struct fields_record *r = &t->now;

	if (note_ttl(t, &r->ttl, number, e) != 0)
		return -1;
	convert_owner(c, r->owner, r->owner_len);
	return convert_put(c, r->type, LDNS_RR_CLASS_IN, r->ttl, r->rdata, r->rdlen, e);
}

static int put_rr(struct converter *c, struct text_state *t, ldns_rr *rr, const struct line *l, size_t number, struct err *e)
{
	const ldns_rdf *owner = ldns_rr_owner(rr);
	const unsigned type = ldns_rr_get_type(rr);
	uint32_t ttl = ldns_rr_ttl(rr);

	if (is_misread(rr) && strstr(l->text, "\\#") == NULL)
		return err_set(e, ERR_SYNTAX, "line %zu: text of type %u is misread here; write it as TYPE%u \\# LENGTH HEX", number,
			       type, type);
	if (note_ttl(t, &ttl, number, e) != 0)
		return -1;
	ldns_rr_set_ttl(rr, ttl);
	if (convert_rr(c, rr, e) != 0)
		return -1;
	memcpy(t->now.owner, ldns_rdf_data(owner), t->now.owner_len = ldns_rdf_size(owner));
	return 0;
}

/* Whole, by ldns. */
static int convert_line(struct converter *c, struct text_state *t, const struct line *l, size_t number, struct err *e)
{
	const uint8_t *o = t->said.origin;
	ldns_rdf *origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name_length(o, NAME_MAX_OCTETS), o);
	ldns_rdf *prev = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, t->now.owner_len, t->now.owner);
	ldns_rr *rr = NULL;
	/* ldns takes 0 for "no default", so the default is put in afterwards. */
	ldns_status s = ldns_rr_new_frm_str(&rr, l->text, TTL_UNKNOWN, origin, &prev);
	int rc = s == LDNS_STATUS_OK ? put_rr(c, t, rr, l, number, e) : not_understood(l->text, number, s, e);

	ldns_rr_free(rr);
	ldns_rdf_deep_free(origin);
	ldns_rdf_deep_free(prev);
	return rc;
}

/* The directive that begins at *at, which moves behind it. */
static int take_directive(struct text_state *t, const struct batch *b, size_t *at, size_t number, struct err *e)
{
	const uint8_t *from = b->data + *at, *end = memchr(from, '\n', b->len - *at);
	const size_t len = end != NULL ? (size_t)(end - from) + 1 : b->len - *at;

	*at += len;
	if (directives_take(&t->said, from, len, number, e) != 0)
		return -1;
	if (t->said.ttl != TTL_UNKNOWN)
		t->ttl = t->said.ttl;
	return 0;
}

int convert_text(struct converter *c, const struct batch *b, struct err *e)
{
	struct text_state t = { .said = b->said, .ttl = b->said.ttl };
	struct line l = { .text = mem_grow(NULL, 1, b->len + 2) };
	size_t number = b->line;
	int rc = 0;

	if (c->fields == NULL)
		c->fields = fields_new();
	t.now.owner_len = name_length(b->said.origin, sizeof(b->said.origin));
	memcpy(t.now.owner, b->said.origin, t.now.owner_len);
	for (size_t at = 0; rc == 0 && at < b->len; number += l.lines) {
		if (directives_is(b->data + at, b->len - at)) {
			rc = take_directive(&t, b, &at, number, e);
			l.lines = 1;
			continue;
		}
		next_line(b->data, b->len, &at, &l);
		if (l.text[strspn(l.text, " \t")] == '\0')
			continue;
		if (l.plain && fields_read(c->fields, l.text, l.len, &t.now))
			rc = put_fields(c, &t, number, e);
		else
			rc = convert_line(c, &t, &l, number, e);
	}
	if (rc == 0)
		rc = converter_end(c, e);
	free(l.text);
	return rc;
}
