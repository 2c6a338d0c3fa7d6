/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_lex: logical lines and tokens of master file text. */
#include "zone/zone_lex.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

void lexer_fini(struct lexer *l)
{
	free(l->tokens);
	l->tokens = NULL;
	l->n = l->room = 0;
}

uint32_t lexer_column(const struct lexer *l, const char *at)
{
	const char *from = at;

	if (l->column != 0)
		return l->column;
	while (from > l->start && from[-1] != '\n')
		from--;
	return (uint32_t)(at - from) + 1;
}

static void add_token(struct lexer *l, const char *from, const char *to, bool quoted, bool joined)
{
	if (l->n == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->tokens = mem_grow(l->tokens, l->room, sizeof(*l->tokens));
	}
	l->tokens[l->n++] = (struct token){
		.text = from, .len = (uint32_t)(to - from), .line = l->line, .quoted = quoted, .joined = joined
	};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int nul(struct lexer *l, struct err *e)
{
	(void)l;
	return err_set(e, ERR_SYNTAX, "octet 0 in text; write \\000");
}

/* l->p is behind the opening quote.  1, 2 at the end of the text, -1. */
static int quoted_token(struct lexer *l, bool joined, struct err *e)
{
	const char *start = l->p;

	for (; l->p < l->end && *l->p != '\n' && *l->p != '\0'; l->p++) {
		if (*l->p == '"') {
			add_token(l, start, l->p, true, joined);
			l->p++;
			return 1;
		}
		if (*l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n' && l->p[1] != '\0')
			l->p++;
	}
	if (l->p < l->end && *l->p == '\0')
		return nul(l, e);
	if (l->p == l->end && !l->all)
		return 2;
	l->p = start - 1;
	return err_set(e, ERR_SYNTAX, "quotes are not closed on their line (RFC 1035 section 5.1)");
}

static int plain_token(struct lexer *l, bool joined, struct err *e)
{
	const char *start = l->p;

	for (; l->p < l->end; l->p++) {
		char c = *l->p;

		if (c == '\\' && l->p + 1 < l->end && l->p[1] != '\n' && l->p[1] != '\0') {
			l->p++;
			continue;
		}
		if (c == '\0')
			return nul(l, e);
		if (is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"')
			break;
	}
	add_token(l, start, l->p, false, joined);
	return 1;
}

static int comment(struct lexer *l, struct err *e)
{
	while (l->p < l->end && *l->p != '\n') {
		if (*l->p == '\0')
			return nul(l, e);
		l->p++;
	}
	return 1;
}

/* What begins at l->p, white space and parentheses apart. */
static int one_part(struct lexer *l, const char **token_end, struct err *e)
{
	bool joined = *token_end == l->p;
	int rc;

	if (*l->p == ';')
		return comment(l, e);
	if (*l->p == '"') {
		l->p++;
		rc = quoted_token(l, joined, e);
	} else {
		rc = plain_token(l, joined, e);
	}
	*token_end = l->p;
	return rc;
}

/* The text ends within a logical line; opened is its first open parenthesis. */
static int at_end(struct lexer *l, const char *opened, uint32_t opened_line, struct err *e)
{
	if (!l->all)
		return 2;
	if (opened == NULL) /* a file that was cut short looks like this, in the middle of an address or a name */
		return err_set(e, ERR_SYNTAX, "the last line has no newline: the file may have been cut short");
	l->p = opened;
	l->line = opened_line;
	return err_set(e, ERR_SYNTAX, "\"(\" is not closed before the end (RFC 1035 section 5.1)");
}

static int logical_line(struct lexer *l, struct err *e)
{
	const char *token_end = NULL, *opened = NULL;
	uint32_t opened_line = 0;
	unsigned depth = 0;
	int rc;

	while (l->p < l->end) {
		switch (*l->p) {
		case '\n':
			l->p++;
			l->line++;
			if (depth == 0)
				return 1;
			break;
		case ' ':
		case '\t':
		case '\r':
			l->p++;
			break;
		case '(':
			if (depth++ == 0) {
				opened = l->p;
				opened_line = l->line;
			}
			l->p++;
			break;
		case ')':
			if (depth == 0)
				return err_set(e, ERR_SYNTAX, "\")\" without \"(\" (RFC 1035 section 5.1)");
			if (--depth == 0)
				opened = NULL;
			l->p++;
			break;
		default:
			if ((rc = one_part(l, &token_end, e)) != 1)
				return rc;
			break;
		}
	}
	return at_end(l, opened, opened_line, e);
}

int lexer_next(struct lexer *l, struct err *e)
{
	uint32_t line = l->line;
	int rc;

	l->n = 0;
	l->start = l->p;
	l->blank_start = is_blank(*l->p);
	if ((rc = logical_line(l, e)) == 2) {
		l->p = l->start;
		l->line = line;
	}
	return rc;
}
