/* SPDX-License-Identifier: BSD-3-Clause */
/* convert_text: lines of a zone file (RFC 1035 section 5) by ldns. */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "audit/convert.h"

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

/* One logical line without comments, parentheses and newlines in `line`; the number of lines it took. */
static size_t next_line(const uint8_t *p, size_t len, size_t *at, char *line)
{
	bool quoted = false;
	size_t depth = 0, newlines = 0, n = 0, i = *at;

	for (; i < len; i++) {
		char c = (char)p[i];

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
		if (!quoted && strchr("()\n\r;", c) != NULL)
			c = ' ';
		line[n++] = c;
	}
	/* ldns takes a blank behind the last quote for one more field. */
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t') && (n < 2 || line[n - 2] != '\\'))
		n--;
	line[n] = '\0';
	*at = i;
	return newlines > 0 ? newlines : 1;
}

struct text_state {
	ldns_rdf *origin, *prev;
	uint32_t ttl;
	bool ttl_stated; /* by $TTL */
};

/* ldns takes these for one text. */
static bool is_misread(const ldns_rr *rr)
{
	return (int)ldns_rr_get_type(rr) == TYPE_NSAP_PTR || (int)ldns_rr_get_type(rr) == TYPE_SINK;
}

static int convert_line(struct converter *c, struct text_state *t, const char *line, size_t number,
			struct err *e)
{
	ldns_rr *rr = NULL;
	ldns_status s;
	int rc;

	/* ldns takes 0 for "no default", so the default is put in here. */
	s = ldns_rr_new_frm_str(&rr, line, TTL_UNKNOWN, t->origin, &t->prev);
	if (s != LDNS_STATUS_OK)
		return not_understood(line, number, s, e);
	if (ldns_rr_ttl(rr) == TTL_UNKNOWN)
		ldns_rr_set_ttl(rr, t->ttl);
	if (is_misread(rr) && strstr(line, "\\#") == NULL)
		rc = err_set(e, ERR_SYNTAX,
			     "line %zu: text of type %u is misread here; write it as TYPE%u \\# LENGTH HEX",
			     number, (unsigned)ldns_rr_get_type(rr), (unsigned)ldns_rr_get_type(rr));
	else if (ldns_rr_ttl(rr) == TTL_UNKNOWN)
		rc = err_set(e, ERR_SYNTAX, "line %zu: no TTL, and none before it", number);
	else
		rc = convert_rr(c, rr, e);
	if (!t->ttl_stated) /* RFC 1035 section 5.1: that of the record before */
		t->ttl = ldns_rr_ttl(rr);
	ldns_rr_free(rr);
	return rc;
}

int convert_text(struct converter *c, const struct batch *b, struct err *e)
{
	struct text_state t = { .ttl = b->ttl, .ttl_stated = b->ttl != TTL_UNKNOWN };
	char *line = mem_new(1, b->len + 2);
	size_t number = b->line, origin_len = name_length(b->origin, sizeof(b->origin));
	int rc = 0;

	t.origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin_len, b->origin);
	t.prev = ldns_rdf_clone(t.origin);
	for (size_t at = 0; rc == 0 && at < b->len;) {
		size_t lines = next_line(b->data, b->len, &at, line);

		if (line[strspn(line, " \t")] != '\0')
			rc = convert_line(c, &t, line, number, e);
		number += lines;
	}
	if (rc == 0)
		rc = converter_end(c, e);
	ldns_rdf_deep_free(t.origin);
	ldns_rdf_deep_free(t.prev);
	free(line);
	return rc;
}
