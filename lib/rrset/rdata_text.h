/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RDATA_TEXT_H
#define DUET_RDATA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "rrset/types.h"
#include "wire/wire.h"

/*
 * rdata_text - rdata from presentation format (RFC 1035 section 5.1).  Types are read field by field as their row
 * in the table of types says.  A type that has no text form here is refused by name; \# (RFC 3597 section 5) works for
 * every type.
 */
struct token {
	const char *text; /* escapes still in it, quotes around it not */
	uint32_t len;
	uint32_t line;
	bool quoted;
	bool joined; /* nothing stands between the token before and this one: a"b" */
};

struct rdata_text {
	const struct token *tokens;
	size_t n;
	size_t at;             /* where the reading stands, for the place of an error */
	const uint8_t *origin; /* behind relative names */
	struct wr w;           /* receives the rdata */
};

/* Returns 0 and t->w, checked as by rdata_check; or -1 with ERR_SYNTAX, ERR_LIMIT or ERR_REFUSED. */
int rdata_from_text(uint16_t type, struct rdata_text *t, struct err *e);

/* Numbers and names from one token; also for owner, TTL and directives. */
bool token_is(const struct token *t, const char *word); /* case ignored; a quoted token is no word */
/* Decimal up to most; false when it is none. */
bool token_number(const struct token *t, uint64_t most, uint64_t *out);
/* Seconds, or with units w d h m s as in 1h30m, below 2^32. */
bool token_ttl(const struct token *t, uint32_t *out);
/* A name in wire form; "@" is the origin. */
int token_name(const struct token *t, const uint8_t *origin, uint8_t *out, struct err *e);
/* Copies a token as a string; false when it does not fit. */
bool token_copy(const struct token *t, char *out, size_t room);
/* Octets with escapes resolved, at most room; false when too long or an escape is wrong. */
bool token_octets(const struct token *t, uint8_t *out, size_t room, size_t *len);

/* Fields and types that have a form of their own (rdata_octets.c, rdata_special.c,
 * rdata_svcb.c, rdata_old.c). */
int rdata_special(enum field f, struct rdata_text *t, struct err *e);
int rdata_octets(enum field f, struct rdata_text *t, struct err *e);
int rdata_svcb(struct rdata_text *t, struct err *e);
int rdata_old(enum field f, struct rdata_text *t, struct err *e);
/* The next token, or NULL and an error that says what was expected. */
const struct token *rdata_next(struct rdata_text *t, const char *what, struct err *e);
/* Names the token that is wrong. */
int rdata_bad(const struct token *t, const char *what, struct err *e);
/* One field of those that need no more than one token or all that is left. */
int rdata_field(enum field f, struct rdata_text *t, struct err *e);

#endif
