/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_TEXT_H
#define DUET_ZONE_TEXT_H

#include <sys/types.h>

#include "zone/zone_build.h"
#include "zone/zone_lex.h"

/*
 * zone_text - master file text into a zone_build; inside lib/zone and for the fuzz harness.
 */
#define INCLUDE_DEPTH 10
#define INCLUDE_FILES 10000
#define FILE_OCTETS_MAX ((size_t)32 << 30)
#define GENERATE_MAX  16777216 /* records of one $GENERATE */

/* What holds from one line to the next. */
struct text_state {
	uint8_t origin[DNAME_MAX];
	uint8_t owner[DNAME_MAX];
	bool has_owner;
	bool has_default_ttl; /* $TTL, or the SOA's MINIMUM where the SOA has no TTL */
	uint32_t default_ttl;
	bool has_last_ttl;
	uint32_t last_ttl; /* of the record before (RFC 1035 section 5.1) */
};

struct zone_text {
	struct zone_build *b;
	struct text_state s;
	const char *include_root; /* resolved; NULL: no $INCLUDE */
	uint8_t *rdata;           /* 65535 octets */
	const char *file;         /* as errors name it */
	const char *folder;       /* of the file, for relative names in $INCLUDE */
	unsigned depth, files;
	struct {
		dev_t dev;
		ino_t ino;
	} open[INCLUDE_DEPTH + 1];
};

/* A whole text; places are in `file`.  On failure the place is in the error. */
int zone_text_read(struct zone_text *t, const char *text, size_t len, uint32_t line, struct err *e);
/* One record from tokens (owner first unless blank_start). */
int zone_text_record(struct zone_text *t, const struct lexer *l, struct err *e);
/* $INCLUDE FILE [ORIGIN] (RFC 1035 section 5.1) and $GENERATE (as BIND has it); l->tokens[0] is the directive. */
int zone_text_include(struct zone_text *t, const struct lexer *l, struct err *e);
int zone_text_generate(struct zone_text *t, const struct lexer *l, struct err *e);
/* zone_read_file without a file: text in memory, no $INCLUDE. */
int zone_read_text(const char *text, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		   struct zone **out, struct err *e);

#endif
