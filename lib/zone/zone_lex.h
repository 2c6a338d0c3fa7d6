/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_LEX_H
#define DUET_ZONE_LEX_H

#include "rrset/rdata_text.h"

/*
 * zone_lex - logical lines of master file text (RFC 1035 section 5.1) as tokens that point into the text: parentheses
 * join lines, ";" begins a comment, quotes hold blanks, "\" takes the next character as it is.  The last line must end
 * with a newline too: without it, nobody can tell a whole file from one that was cut short.
 */
struct lexer {
	const char *p, *end;
	const char *start; /* of the logical line */
	bool all;          /* no text follows behind end */
	uint32_t column;   /* where all tokens are said to be, for text that is made; 0: where they are */
	uint32_t line;     /* of p, from 1 */
	struct token *tokens;
	size_t n, room;
	bool blank_start;  /* the logical line begins with white space: its owner is the one before */
};

/* The next logical line, which may have no tokens: 1; 2 when it does not end before l->end and more text follows (l->p
 * and l->line are where they were); -1 with ERR_SYNTAX, and l->p and l->line where it is wrong.  p < end. */
int lexer_next(struct lexer *l, struct err *e);
void lexer_fini(struct lexer *l);
/* Of a place within the logical line, counted from 1 from the last newline before it. */
uint32_t lexer_column(const struct lexer *l, const char *at);

#endif
