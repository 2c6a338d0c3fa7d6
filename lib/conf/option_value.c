/* SPDX-License-Identifier: BSD-3-Clause */
/* option_value: what each type of option takes, and how it is written. */
#include "conf/option_value.h"

#include "arena/arena.h"
#include "identity/identity.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

static int64_t time_unit(const struct option *o)
{
	return o->type == OPTION_TIME && strcmp(o->unit, "d") == 0 ? DAY_S : 1;
}

bool option_name_valid(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 63 || !isalnum((unsigned char)text[0]))
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

/* The form of a domain name; lib/dname reads it in full where it is used. */
static bool is_domain(const char *text)
{
	size_t label = 0, len = strlen(text);

	if (len == 0 || len > 1004)
		return false;
	if (strcmp(text, ".") == 0)
		return true;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (*p <= ' ' || *p == 0x7f || ++label > 63 * 4)
			return false;
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return true;
}

static char *with_final_dot(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[len - 1] == '.' ? mem_strdup(text) : mem_printf("%s.", text);
}

/* A line with its checksum, so that a slip of the hand is found in the file, not when a node is missing. */
static int check_line(const struct option *o, const char *text, struct err *e)
{
	size_t prefix = strlen(o->words[0].text);
	uint8_t public_key[PUBLIC_LEN];
	struct node_line node;

	if (strncmp(text, o->words[0].text, prefix) != 0 || strlen(text) != prefix + (size_t)o->most)
		return err_set(e, ERR_SYNTAX, "must be a line %s... of %lld characters", o->words[0].text,
			       (long long)((int64_t)prefix + o->most));
	return strcmp(o->words[0].text, "duet1") == 0 ? node_line_parse(text, &node, e)
						      : recovery_line_parse(text, public_key, e);
}

static bool is_wrap(const char *text)
{
	if (strncmp(text, "file:", 5) == 0)
		return text[5] == '/';
	return strncmp(text, "systemd-credential:", 19) == 0 && option_name_valid(text + 19);
}

/* The text types: a new string, or NULL when the text is not allowed. */
static char *read_string(const struct option *o, const char *text)
{
	struct addr a;
	bool good = false;

	if (o->type == OPTION_DOMAIN)
		return is_domain(text) ? with_final_dot(text) : NULL;
	if (o->type == OPTION_TEXT)
		good = strlen(text) >= (size_t)o->least && strlen(text) <= (size_t)o->most;
	else if (o->type == OPTION_NAME)
		good = option_name_valid(text);
	else if (o->type == OPTION_PATH)
		good = text[0] == '/' && strlen(text) < 4096;
	else if (o->type == OPTION_ENDPOINT)
		good = addr_parse_endpoint(text, &a, NULL) == 0;
	else if (o->type == OPTION_LINE)
		good = check_line(o, text, NULL) == 0;
	else if (o->type == OPTION_WRAP)
		good = is_wrap(text);
	return good ? mem_strdup(text) : NULL;
}

static bool read_number(const struct option *o, const char *text, int64_t *out)
{
	int64_t v, unit = time_unit(o);

	if (o->type == OPTION_COUNT && strspn(text, "0123456789") != strlen(text))
		return false;
	if (!option_duration(text, o->type == OPTION_COUNT ? 1 : unit, &v))
		return false;
	if (o->type == OPTION_TIME) {
		if (v % unit != 0)
			return false;
		v /= unit;
	}
	if (v < o->least || v > o->most)
		return false;
	*out = v;
	return true;
}

static bool read_bool(const char *text, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "yes", true }, { "true", true },   { "on", true },
		      { "no", false }, { "false", false }, { "off", false } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, text) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

static bool read_word(const struct option *o, const char *text, int *out)
{
	for (const struct option_word *w = o->words; w->text != NULL; w++) {
		if (strcmp(w->text, text) == 0) {
			*out = w->value;
			return true;
		}
	}
	return false;
}

/* One scalar into the field. */
static bool read_scalar(const struct option *o, const char *text, void *base)
{
	void *field = (char *)base + o->offset;
	char *string;

	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_NAME:
	case OPTION_PATH:
	case OPTION_DOMAIN:
	case OPTION_ENDPOINT:
	case OPTION_LINE:
	case OPTION_WRAP:
		if ((string = read_string(o, text)) == NULL)
			return false;
		free(*(char **)field);
		*(char **)field = string;
		return true;
	case OPTION_ADDR:
		return addr_parse(text, 53, field, NULL) == 0;
	case OPTION_PREFIX:
		return prefix_parse(text, field, NULL) == 0;
	case OPTION_WORD:
		return read_word(o, text, field);
	case OPTION_COUNT:
	case OPTION_TIME:
	case OPTION_DURATION:
		return read_number(o, text, field);
	case OPTION_BOOL:
		return read_bool(text, field);
	case OPTION_ADDRS:
	case OPTION_ZONES:
	case OPTION_SECTION:
	case OPTION_ROWS:
		return false;
	}
	return false;
}

static int read_list(const struct option *o, const struct yaml_node *n, const char *name, void *base,
		     struct option_report *r)
{
	size_t *count = (size_t *)((char *)base + o->count_offset);
	char allowed[256];
	int rc = 0;

	if (n->kind != YAML_SEQUENCE || n->n > (size_t)o->most) {
		option_mistake(r, n->line, name, "must be %s", option_allowed(o, allowed, sizeof(allowed)));
		return -1;
	}
	value_free(o, base);
	if (o->type == OPTION_ADDRS)
		*(struct addr **)((char *)base + o->offset) = mem_new(n->n + 1, sizeof(struct addr));
	else
		*(char ***)((char *)base + o->offset) = mem_new(n->n + 1, sizeof(char *));
	for (size_t i = 0; i < n->n; i++) {
		const struct yaml_node *item = n->item[i];
		const char *text = item->kind == YAML_SCALAR ? item->text : "";
		struct err e;

		if (o->type == OPTION_ADDRS) {
			if (addr_parse(text, 53, *(struct addr **)((char *)base + o->offset) + *count, &e) ==
			    0) {
				(*count)++;
				continue;
			}
			option_mistake(r, item->line, name, "%s", e.text);
		} else if (strcmp(text, "*") == 0 || is_domain(text)) {
			(*(char ***)((char *)base + o->offset))[(*count)++] =
				strcmp(text, "*") == 0 ? mem_strdup(text) : with_final_dot(text);
			continue;
		} else {
			option_mistake(r, item->line, name, "\"%.80s\" is no domain name", text);
		}
		rc = -1;
	}
	if (rc != 0)
		value_free(o, base);
	return rc;
}

int value_read(const struct option *o, const struct yaml_node *n, const char *name, void *base,
	       struct option_report *r)
{
	char allowed[256];

	if (o->type == OPTION_ADDRS || o->type == OPTION_ZONES)
		return read_list(o, n, name, base, r);
	if (n->kind == YAML_SCALAR && read_scalar(o, n->text, base))
		return 0;
	if (o->type == OPTION_LINE && n->kind == YAML_SCALAR) {
		struct err e;

		check_line(o, n->text, &e);
		option_mistake(r, n->line, name, "\"%.20s...\" is not allowed: %s", n->text, e.text);
		return -1;
	}
	option_allowed(o, allowed, sizeof(allowed));
	if (n->kind != YAML_SCALAR)
		option_mistake(r, n->line, name, "is a list or section, must be %s", allowed);
	else
		option_mistake(r, n->line, name, "\"%.80s\" is not allowed, must be %s", n->text, allowed);
	return -1;
}

void value_default(const struct option *o, void *base)
{
	bool good;

	if (o->type == OPTION_ZONES && *o->def != '\0') {
		char **zones = mem_new(2, sizeof(*zones));

		value_free(o, base);
		zones[0] = mem_strdup(o->def);
		*(char ***)((char *)base + o->offset) = zones;
		*(size_t *)((char *)base + o->count_offset) = 1;
		return;
	}
	if (*o->def == '\0')
		return;
	good = read_scalar(o, o->def, base);
	assert(good);
}

static void print_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void print_list(const struct option *o, const void *base, FILE *out)
{
	const char *field = (const char *)base + o->offset;
	size_t n = *(const size_t *)((const char *)base + o->count_offset);
	char text[ADDR_TEXT_LEN];

	fputc('[', out);
	for (size_t i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ", ", out);
		if (o->type == OPTION_ADDRS)
			print_quoted(addr_text(*(struct addr *const *)field + i, text), out);
		else
			print_quoted((*(char **const *)field)[i], out);
	}
	fputc(']', out);
}

void value_print(const struct option *o, const void *base, FILE *out)
{
	const char *field = (const char *)base + o->offset;
	char addr[ADDR_TEXT_LEN], prefix[PREFIX_TEXT_LEN], duration[OPTION_DURATION_LEN];

	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_NAME:
	case OPTION_PATH:
	case OPTION_DOMAIN:
	case OPTION_ENDPOINT:
	case OPTION_LINE:
	case OPTION_WRAP:
		if (*(char *const *)field == NULL)
			fputs("null", out);
		else
			print_quoted(*(char *const *)field, out);
		break;
	case OPTION_ADDR:
		print_quoted(addr_text((const struct addr *)field, addr), out);
		break;
	case OPTION_PREFIX:
		print_quoted(prefix_text((const struct prefix *)field, prefix), out);
		break;
	case OPTION_WORD:
		for (const struct option_word *w = o->words; w->text != NULL; w++) {
			if (w->value == *(const int *)field) {
				fputs(w->text, out);
				break;
			}
		}
		break;
	case OPTION_COUNT:
	case OPTION_TIME:
		fprintf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case OPTION_DURATION:
		fputs(option_duration_text(*(const int64_t *)field, duration), out);
		break;
	case OPTION_BOOL:
		fputs(*(const bool *)field ? "yes" : "no", out);
		break;
	case OPTION_ADDRS:
	case OPTION_ZONES:
		print_list(o, base, out);
		break;
	case OPTION_SECTION:
	case OPTION_ROWS:
		break;
	}
}

void value_free(const struct option *o, void *base)
{
	void *field = (char *)base + o->offset;

	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_NAME:
	case OPTION_PATH:
	case OPTION_DOMAIN:
	case OPTION_ENDPOINT:
	case OPTION_LINE:
	case OPTION_WRAP:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case OPTION_ZONES:
		for (size_t i = 0; i < *(size_t *)((char *)base + o->count_offset); i++)
			free((*(char ***)field)[i]);
		free(*(char ***)field);
		*(char ***)field = NULL;
		*(size_t *)((char *)base + o->count_offset) = 0;
		break;
	case OPTION_ADDRS:
		free(*(struct addr **)field);
		*(struct addr **)field = NULL;
		*(size_t *)((char *)base + o->count_offset) = 0;
		break;
	case OPTION_ADDR:
	case OPTION_PREFIX:
	case OPTION_WORD:
	case OPTION_COUNT:
	case OPTION_TIME:
	case OPTION_DURATION:
	case OPTION_BOOL:
	case OPTION_SECTION:
	case OPTION_ROWS:
		break;
	}
}
