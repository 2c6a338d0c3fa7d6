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
	uint32_t line; /* of p, from 1 */
	struct token *tokens;
	size_t n, room;
	bool blank_start; /* the logical line begins with white space: its owner is the one before */
};

struct lexer lexer_of(const char *text, size_t len, uint32_t line);
/* The next logical line that has tokens: 1, 0 at the end, -1 with ERR_SYNTAX and l->line where it is wrong. */
int lexer_next(struct lexer *l, struct err *e);
void lexer_fini(struct lexer *l);

#endif
