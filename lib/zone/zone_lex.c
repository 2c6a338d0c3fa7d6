/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_lex: logical lines and tokens of master file text. */
#include "zone/zone_lex.h"

#include <stdlib.h>

#include "arena/arena.h"

struct lexer lexer_of(const char *text, size_t len, uint32_t line)
{
	return (struct lexer){ .p = text, .end = text + len, .line = line };
}

void lexer_fini(struct lexer *l)
{
	free(l->tokens);
	l->tokens = NULL;
	l->n = l->room = 0;
}

static void add_token(struct lexer *l, const char *from, const char *to, uint32_t line, bool quoted,
		      bool joined)
{
	if (l->n == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->tokens = mem_grow(l->tokens, l->room, sizeof(*l->tokens));
	}
	l->tokens[l->n++] = (struct token){
		.text = from, .len = (uint32_t)(to - from), .line = line, .quoted = quoted, .joined = joined
	};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* l->p is behind the opening quote. */
static int quoted_token(struct lexer *l, bool joined, struct err *e)
{
	const char *start = l->p;

	for (; l->p < l->end && *l->p != '\n'; l->p++) {
		if (*l->p == '"') {
			add_token(l, start, l->p, l->line, true, joined);
			l->p++;
			return 0;
		}
		if (*l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n')
			l->p++;
	}
	return err_set(e, ERR_SYNTAX, "quotes are not closed on their line (RFC 1035 section 5.1)");
}

static void plain_token(struct lexer *l, bool joined)
{
	const char *start = l->p;

	for (; l->p < l->end; l->p++) {
		char c = *l->p;

		if (c == '\\' && l->p + 1 < l->end && l->p[1] != '\n') {
			l->p++;
			continue;
		}
		if (is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"')
			break;
	}
	add_token(l, start, l->p, l->line, false, joined);
}

/* Up to the end of one logical line, which may have no tokens. */
static int logical_line(struct lexer *l, struct err *e)
{
	uint32_t opened = 0;
	unsigned depth = 0;
	const char *token_end = NULL;

	l->n = 0;
	l->blank_start = is_blank(*l->p);
	while (l->p < l->end) {
		char c = *l->p;

		if (c == '\n') {
			l->p++;
			l->line++;
			if (depth == 0)
				return 0;
		} else if (is_blank(c)) {
			l->p++;
		} else if (c == ';') {
			while (l->p < l->end && *l->p != '\n')
				l->p++;
		} else if (c == '(') {
			if (depth++ == 0)
				opened = l->line;
			l->p++;
		} else if (c == ')') {
			if (depth == 0)
				return err_set(e, ERR_SYNTAX, "\")\" without \"(\" (RFC 1035 section 5.1)");
			depth--;
			l->p++;
		} else {
			bool joined = token_end == l->p;

			if (c == '"') {
				l->p++;
				if (quoted_token(l, joined, e) != 0)
					return -1;
			} else {
				plain_token(l, joined);
			}
			token_end = l->p;
		}
	}
	if (depth == 0) /* a file that was cut short looks like this, in the middle of an address or a name */
		return err_set(e, ERR_SYNTAX, "the last line has no newline: the file may have been cut short");
	l->line = opened;
	return err_set(e, ERR_SYNTAX, "\"(\" is not closed before the end (RFC 1035 section 5.1)");
}

int lexer_next(struct lexer *l, struct err *e)
{
	while (l->p < l->end) {
		if (logical_line(l, e) != 0)
			return -1;
		if (l->n > 0)
			return 1;
	}
	return 0;
}
