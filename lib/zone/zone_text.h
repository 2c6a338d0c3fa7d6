/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_TEXT_H
#define DUET_ZONE_TEXT_H

#include <sys/types.h>

#include "rrset/rdata_plain.h"
#include "zone/zone_build.h"
#include "zone/zone_lex.h"

/*
 * zone_text - master file text into a zone_build; inside lib/zone and for the fuzz harness.
 *
 * A line is read twice over only where it is not plain (plain.h): zone_plain takes what most lines are in one pass,
 * straight into the memory of the sort; all others, and all that are wrong, go through tokens.
 */
#define INCLUDE_DEPTH 10
#define INCLUDE_FILES 10000
#define LINE_OCTETS_MAX ((size_t)16 << 20) /* of a logical line */
#define GENERATE_MAX  16777216             /* records of one $GENERATE */

#define INPUT_PAD 512

/* A window that moves over the text of one file. */
struct text_input {
	char *octets; /* INPUT_PAD more than room */
	size_t room, len, at;
	bool all;     /* nothing follows behind len */
	int fd;
};

/* What holds from one line to the next. */
struct text_state {
	uint8_t origin[DNAME_MAX];
	bool has_owner;        /* that of the builder */
	bool has_default_ttl; /* $TTL, or the SOA's MINIMUM where the SOA has no TTL */
	uint32_t default_ttl;
	bool has_last_ttl;
	uint32_t last_ttl; /* of the record before (RFC 1035 section 5.1) */
};

/* Three words that hold TTL, class and type, 9 to 16 octets of text with the blanks between them. */
#define PLAIN_HEADS_LOG 6
struct plain_head {
	uint64_t a, b; /* the text, zeroes behind it; a is 0 for none */
	uint32_t ttl;
	const struct type_word *type;
};

struct zone_text {
	struct zone_build *b;
	struct text_state s;
	size_t origin_len;
	char owner_word[DNAME_MAX + PLAIN_PAD]; /* the plain word that the owner was made from; */
	size_t owner_word_len;                  /* 0: not known */
	char apex_word[DNAME_MAX + PLAIN_PAD];  /* what stands behind the first label of a name that is one label longer than
						   the apex: its dot and the apex, or nothing; */
	size_t apex_word_len;                   /* SIZE_MAX: not known */
	uint32_t line;
	bool by_tokens;           /* every line goes through tokens: for tests */
	const char *include_root; /* resolved; NULL: no $INCLUDE */
	uint8_t *rdata;           /* 65535 octets */
	const char *file;         /* as errors name it */
	const char *folder;       /* of the file, for relative names in $INCLUDE */
	struct arena *names;      /* of files */
	unsigned depth, files;
	struct {
		dev_t dev;
		ino_t ino;
	} open[INCLUDE_DEPTH + 1];
	struct type_words words;
	struct plain_head heads[1 << PLAIN_HEADS_LOG]; /* that were met, each in the one place that it can have */
};

struct zone_text *zone_text_new(const uint8_t *apex, const struct zone_limits *limits);
/* The builder is not freed. */
void zone_text_free(struct zone_text *t);

/* A whole text; places are in t->file.  On failure the place is in the error. */
int zone_text_read(struct zone_text *t, struct text_input *in, struct err *e);
/* One record from tokens (owner first unless blank_start). */
int zone_text_record(struct zone_text *t, const struct lexer *l, struct err *e);
/* A line at *p that ends with a newline, if it is a plain record: 1 and *p behind it, 0 if it is not, -1. */
int zone_text_plain(struct zone_text *t, const char **p, struct err *e);
/* The owner of what follows, borrowed; s.origin has changed. */
void zone_text_owner(struct zone_text *t, const uint8_t *name);
void zone_text_origin(struct zone_text *t);
/* What directives put back: origin and owner. */
struct text_saved {
	uint8_t origin[DNAME_MAX], owner[DNAME_MAX];
	bool has_owner;
};
void zone_text_save(const struct zone_text *t, struct text_saved *out);
void zone_text_restore(struct zone_text *t, const struct text_saved *saved);
struct place zone_text_place(const struct zone_text *t, const struct lexer *l, const struct token *k);
/* More of the file into the window, behind what is left of it; sets in->all at its end.  -1 with ERR_IO. */
int text_input_more(struct text_input *in, const char *path, struct err *e);
/* $INCLUDE FILE [ORIGIN] (RFC 1035 section 5.1) and $GENERATE (as BIND has it); l->tokens[0] is the directive. */
int zone_text_include(struct zone_text *t, const struct lexer *l, struct err *e);
int zone_text_generate(struct zone_text *t, const struct lexer *l, struct err *e);
/* zone_read_file without a file: text in memory, no $INCLUDE. */
int zone_read_text(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone **out, struct err *e);
/* The same with every line through tokens. */
int zone_read_tokens(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		     struct zone **out, struct err *e);

#endif
