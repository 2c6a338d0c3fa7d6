/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_OPTION_H
#define DUET_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"
#include "yaml/yamltree.h"

/*
 * option - a table of options: parser, printer and manual of configuration and policy files come from it.
 *
 * type          field at offset                value in the file
 */
enum option_type {
	OPTION_TEXT,     /* char *             any text of at most `most` octets, at least `least` */
	OPTION_NAME,     /* char *             letters, digits, '.', '_', '-'; at most 63 */
	OPTION_PATH,     /* char *             absolute path */
	OPTION_DOMAIN,   /* char *             domain name; gets its final dot */
	OPTION_ENDPOINT, /* char *             tcp://ADDRESS:PORT */
	OPTION_LINE,   /* char *             prefix `words[0].text`, then `most` characters, a public line of
			* lib/identity
			*/
	OPTION_WRAP,   /* char *             file:/path or systemd-credential:NAME */
	OPTION_ADDR,   /* struct addr        ADDRESS#PORT, port 53 when none is given */
	OPTION_PREFIX, /* struct prefix */
	OPTION_WORD,   /* int                one of `words`, ended by a NULL text */
	OPTION_COUNT,  /* int64_t            least..most */
	OPTION_TIME,   /* int64_t            a number of units (s or d), or 90s, 12h, 14d; printed as a number
			*/
	OPTION_DURATION, /* int64_t            seconds; a number, or 90s, 12h, 14d; printed so; NAME-s is NAME
			    too */
	OPTION_BOOL,     /* bool               yes, no, true, false */
	OPTION_ADDRS,    /* struct addr *, and size_t at count_offset */
	OPTION_ZONES,    /* char **, and size_t at count_offset; domain names or "*" */
	OPTION_SECTION,  /* a struct           a mapping by `sub` */
	OPTION_ROWS, /* a pointer to structs of sub_size, and size_t at count_offset; a list of mappings by
			`sub` */
};

struct option_word {
	const char *text;
	int value;
};

struct option {
	const char *name;
	enum option_type type;
	const char *unit; /* for people; NULL: none */
	int64_t least, most;
	const char *def; /* as it would stand in the file; "": absent (NULL, no items); NULL: must be given */
	const char *help;
	size_t offset, count_offset,
		present_offset; /* present_offset: of a bool that says the section was there; 0: none */
	const struct option_word *words;
	const struct option *sub; /* ended by a row without name */
	size_t sub_size;
};

/* Where mistakes go: file is named in each. */
struct option_report {
	const char *file;
	struct conf_errors *errors;
};
void option_mistake(struct option_report *r, size_t line, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void option_mistake_add(struct conf_errors *errors, char *line);

/* Reads a mapping into base (zeroed by the caller) by a table; what is absent gets its default.  Mistakes go
 * to the report and leave the default (or nothing).  prefix: name of the section, "" at the top. */
void option_read(const struct option *table, const struct yaml_node *map, const char *prefix, void *base,
		 struct option_report *r);
/* All defaults, for a section that is not there. */
void option_defaults(const struct option *table, void *base);
/* Frees what option_read made, not base. */
void option_free(const struct option *table, void *base);
/* YAML of base. */
void option_print(const struct option *table, const void *base, int indent, FILE *out);
/* mdoc list items. */
void option_manual(const struct option *table, const char *prefix, FILE *out);
/* "what is allowed", for messages and the manual; returns out. */
char *option_allowed(const struct option *o, char *out, size_t cap);

/* Letters, digits, '.', '_' and '-', the first a letter or digit; 1 to 63. */
bool option_name_valid(const char *text);

/* "14d", "90s", "1d12h", or a plain number of units of unit_s seconds -> seconds.  False when it is none, or
 * above 2^40. */
bool option_duration(const char *text, int64_t unit_s, int64_t *seconds);
#define OPTION_DURATION_LEN 32
/* The shortest form: 14d, 90m, 3601s; returns out. */
char *option_duration_text(int64_t seconds, char out[OPTION_DURATION_LEN]);

#endif
