/* SPDX-License-Identifier: BSD-3-Clause */
/* option: walks a mapping by a table of options; option_value.c knows the types. */
#include "conf/option.h"

#include "arena/arena.h"
#include "conf/option_value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void option_mistake_add(struct conf_errors *errors, char *line)
{
	if (errors->n == CONF_ERRORS_MAX) {
		free(line);
		return;
	}
	errors->line = mem_grow(errors->line, errors->n + 1, sizeof(*errors->line));
	errors->line[errors->n++] = line;
}

void option_mistake(struct option_report *r, size_t line, const char *option, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (*option == '\0')
		option_mistake_add(r->errors, mem_printf("%s:%zu: %s", r->file, line, text));
	else
		option_mistake_add(r->errors, mem_printf("%s:%zu: %.200s: %s", r->file, line, option, text));
}

static char *joined(const char *prefix, const char *name)
{
	return *prefix == '\0' ? mem_strdup(name) : mem_printf("%s.%s", prefix, name);
}

/* Whether a name of the file means this option.  People write a duration as validity: 14d; validity-s: 14d is
 * the same. */
static bool names(const struct option *o, const char *name)
{
	size_t len = strlen(o->name);

	if (strcmp(o->name, name) == 0)
		return true;
	return o->type == OPTION_DURATION && strncmp(o->name, name, len) == 0 &&
	       strcmp(name + len, "-s") == 0;
}

static const struct option *option_find(const struct option *table, const char *name)
{
	for (const struct option *o = table; o->name != NULL; o++)
		if (names(o, name))
			return o;
	return NULL;
}

static void read_section(const struct option *o, const struct yaml_node *n, const char *name, void *base,
			 struct option_report *r)
{
	if (yaml_is_null(n)) {
		static const struct yaml_node empty = { .kind = YAML_MAPPING };
		struct yaml_node here = empty;

		here.line = n->line;
		option_read(o->sub, &here, name, (char *)base + o->offset, r);
	} else if (n->kind == YAML_MAPPING) {
		option_read(o->sub, n, name, (char *)base + o->offset, r);
	} else {
		option_mistake(r, n->line, name, "is no section, write options below it");
		option_defaults(o->sub, (char *)base + o->offset);
	}
	if (o->present_offset != 0)
		*(bool *)((char *)base + o->present_offset) = true;
}

static void read_rows(const struct option *o, const struct yaml_node *n, const char *name, void *base,
		      struct option_report *r)
{
	char *rows;

	if (yaml_is_null(n))
		return;
	if (n->kind != YAML_SEQUENCE) {
		option_mistake(r, n->line, name, "is no list, write one \"- \" per item");
		return;
	}
	if (n->n > (size_t)o->most) {
		option_mistake(r, n->line, name, "has %zu items, at most %lld are allowed", n->n,
			       (long long)o->most);
		return;
	}
	rows = mem_new(n->n == 0 ? 1 : n->n, o->sub_size);
	*(void **)((char *)base + o->offset) = rows;
	*(size_t *)((char *)base + o->count_offset) = n->n;
	for (size_t i = 0; i < n->n; i++) {
		char *item = mem_printf("%s[%zu]", name, i);

		if (n->item[i]->kind == YAML_MAPPING)
			option_read(o->sub, n->item[i], item, rows + i * o->sub_size, r);
		else
			option_mistake(r, n->item[i]->line, item, "is no set of options");
		free(item);
	}
}

static void read_one(const struct option *o, const struct yaml_node *n, const char *name, void *base,
		     struct option_report *r)
{
	if (o->type == OPTION_SECTION)
		read_section(o, n, name, base, r);
	else if (o->type == OPTION_ROWS)
		read_rows(o, n, name, base, r);
	else if (yaml_is_null(n) && o->def == NULL)
		option_mistake(r, n->line, name, "must have a value");
	else if (yaml_is_null(n))
		value_default(o, base);
	else if (value_read(o, n, name, base, r) != 0 && o->def != NULL)
		value_default(o, base);
}

void option_read(const struct option *table, const struct yaml_node *map, const char *prefix, void *base,
		 struct option_report *r)
{
	bool seen[64] = { false };

	for (size_t i = 0; i < map->n; i++) {
		const struct option *o = option_find(table, map->key[i]);
		char *name = joined(prefix, map->key[i]);

		if (o == NULL) {
			option_mistake(r, map->item[i]->line, name, "unknown option%s",
				       *prefix == '\0' ? "" : " here");
		} else if (seen[o - table]) {
			option_mistake(r, map->item[i]->line, name, "given twice, as %s too", o->name);
		} else {
			seen[o - table] = true;
			read_one(o, map->item[i], name, base, r);
		}
		free(name);
	}
	for (const struct option *o = table; o->name != NULL; o++) {
		if (seen[o - table])
			continue;
		if (o->type == OPTION_SECTION) {
			option_defaults(o->sub, (char *)base + o->offset);
		} else if (o->def != NULL) {
			value_default(o, base);
		} else {
			char *name = joined(prefix, o->name), allowed[256];

			option_mistake(r, map->line, name, "must be given: %s",
				       option_allowed(o, allowed, sizeof(allowed)));
			free(name);
		}
	}
}

void option_defaults(const struct option *table, void *base)
{
	for (const struct option *o = table; o->name != NULL; o++) {
		if (o->type == OPTION_SECTION)
			option_defaults(o->sub, (char *)base + o->offset);
		else if (o->def != NULL)
			value_default(o, base);
	}
}

void option_free(const struct option *table, void *base)
{
	for (const struct option *o = table; o->name != NULL; o++) {
		char *field = (char *)base + o->offset;

		if (o->type == OPTION_SECTION) {
			option_free(o->sub, field);
		} else if (o->type == OPTION_ROWS) {
			char *rows = *(char **)field;
			size_t n = *(size_t *)((char *)base + o->count_offset);

			for (size_t i = 0; i < n; i++)
				option_free(o->sub, rows + i * o->sub_size);
			free(rows);
		} else {
			value_free(o, base);
		}
	}
}

void option_print(const struct option *table, const void *base, int indent, FILE *out)
{
	bool first = true;

	for (const struct option *o = table; o->name != NULL; o++, first = false) {
		const char *field = (const char *)base + o->offset;

		/* a negative indent says that the first option stands behind "- " */
		if (indent > 0 || !first)
			fprintf(out, "%*s", indent < 0 ? -indent : indent, "");
		if (o->type == OPTION_SECTION) {
			fprintf(out, "%s:\n", o->name);
			option_print(o->sub, field, (indent < 0 ? -indent : indent) + 2, out);
		} else if (o->type == OPTION_ROWS) {
			const char *rows = *(const char *const *)field;
			size_t n = *(const size_t *)((const char *)base + o->count_offset);
			int deeper = (indent < 0 ? -indent : indent) + 2;

			fprintf(out, "%s:%s\n", o->name, n == 0 ? " []" : "");
			for (size_t i = 0; i < n; i++) {
				fprintf(out, "%*s- ", deeper, "");
				option_print(o->sub, rows + i * o->sub_size, -(deeper + 2), out);
			}
		} else {
			fprintf(out, "%s: ", o->name);
			value_print(o, base, out);
			fputc('\n', out);
		}
	}
}

void option_manual(const struct option *table, const char *prefix, FILE *out)
{
	for (const struct option *o = table; o->name != NULL; o++) {
		char *name = joined(prefix, o->name), allowed[256];

		if (o->type == OPTION_SECTION || o->type == OPTION_ROWS) {
			char *below = mem_printf("%s%s", name, o->type == OPTION_ROWS ? "[]" : "");

			fprintf(out, ".It Cm %s\n%s\n", name, o->help);
			option_manual(o->sub, below, out);
			free(below);
		} else {
			fprintf(out, ".It Cm %s\n%s\nAllowed: %s.\n", name, o->help,
				option_allowed(o, allowed, sizeof(allowed)));
			if (o->def == NULL)
				fprintf(out, "Must be given.\n");
			else if (*o->def != '\0')
				fprintf(out, "Default:\n.Ql %s .\n", o->def);
		}
		free(name);
	}
}
