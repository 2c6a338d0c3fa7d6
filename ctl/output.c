/* SPDX-License-Identifier: BSD-3-Clause */
/* output: results, refusals and progress; reading the JSON that daemons answer. */
#include "ctl/command.h"

#include "arena/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_FROM_MS 2000

int ctl_fail(struct ctl *c, const struct err *e)
{
	ctl_progress_end(c);
	if (c->json) {
		json_t *j = json_pack("{s:s, s:s}", "error", err_word(e->code), "message", e->text);

		json_dumpf(j, stderr, JSON_INDENT(2));
		fputc('\n', stderr);
		json_decref(j);
	} else {
		fprintf(stderr, "duetctl: %s\n", e->text);
	}
	return CTL_FAILED;
}

int ctl_fail_text(struct ctl *c, const char *fmt, ...)
{
	struct err e = { .code = ERR_REFUSED };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	return ctl_fail(c, &e);
}

int ctl_misuse(const struct ctl_command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "duetctl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (cmd != NULL)
		fprintf(stderr, "\ntry: duetctl %s%s%s --help\n", cmd->noun, cmd->verb != NULL ? " " : "",
			cmd->verb != NULL ? cmd->verb : "");
	else
		fprintf(stderr, "\ntry: duetctl --help\n");
	return CTL_MISUSED;
}

bool ctl_json(struct ctl *c, json_t *j)
{
	if (!c->json)
		return false;
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(j);
	return true;
}

bool ctl_json_new(struct ctl *c, json_t *j)
{
	if (ctl_json(c, j))
		return true;
	json_decref(j);
	return false;
}

void ctl_progress(struct ctl *c, int64_t waiting_ms, const char *fmt, ...)
{
	static char last[512];
	char text[512];
	va_list ap;
	bool tty = isatty(STDERR_FILENO) == 1;

	if (waiting_ms < PROGRESS_FROM_MS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!tty && strcmp(text, last) == 0)
		return;
	snprintf(last, sizeof(last), "%s", text);
	if (tty)
		fprintf(stderr, "\r\033[K%3lld s  %s", (long long)(waiting_ms / 1000), text);
	else
		fprintf(stderr, "%lld s: %s\n", (long long)(waiting_ms / 1000), text);
	c->progress_shown = tty;
}

void ctl_progress_end(struct ctl *c)
{
	if (c->progress_shown)
		fprintf(stderr, "\r\033[K");
	c->progress_shown = false;
}

void ctl_sleep_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- tables ---- */

void ctl_table_add(struct ctl_table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	t->cell = mem_grow(t->cell, t->cells + 1, sizeof(*t->cell));
	t->cell[t->cells++] = text;
}

/* Characters on a terminal: UTF-8's continuation octets take no room. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(const char *text)
{
	for (; *text != '\0'; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

void ctl_table_print(struct ctl_table *t)
{
	size_t *width = mem_new(t->columns + 1, sizeof(*width));

	for (size_t i = 0; i < t->cells; i++) {
		size_t w = width_of(t->cell[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->cells; i++) {
		size_t column = i % t->columns;

		print_cell(t->cell[i]);
		if (column + 1 == t->columns)
			putchar('\n');
		else
			printf("%*s", (int)(width[column] - width_of(t->cell[i]) + 2), "");
		free(t->cell[i]);
	}
	free(t->cell);
	free(width);
	memset(t, 0, sizeof(*t));
}

/* ---- JSON and times ---- */

const char *jtext(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

json_int_t jint(const json_t *o, const char *name, json_int_t fallback)
{
	const json_t *v = json_object_get(o, name);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool jbool(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

const json_t *jlist(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_array(v) ? v : NULL; /* jansson's array functions take NULL for an empty one */
}

char *jjoin(const json_t *list, const char *between)
{
	char *all = mem_strdup("");
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		char *longer = mem_printf("%s%s%s", all, i > 0 ? between : "",
					  json_string_value(v) != NULL ? json_string_value(v) : "?");

		free(all);
		all = longer;
	}
	return all;
}

char *ctl_span(json_int_t s, char out[CTL_WHEN_LEN])
{
	if (s < 0)
		s = -s;
	if (s >= 2 * 86400)
		snprintf(out, CTL_WHEN_LEN, "%lldd %lldh", (long long)(s / 86400),
			 (long long)(s % 86400 / 3600));
	else if (s >= 2 * 3600)
		snprintf(out, CTL_WHEN_LEN, "%lldh %lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
	else if (s >= 120)
		snprintf(out, CTL_WHEN_LEN, "%lldm", (long long)(s / 60));
	else
		snprintf(out, CTL_WHEN_LEN, "%llds", (long long)s);
	return out;
}

char *ctl_when(json_int_t at_s, json_int_t now_s, char out[CTL_WHEN_LEN])
{
	char span[CTL_WHEN_LEN];

	if (at_s <= 0)
		snprintf(out, CTL_WHEN_LEN, "-");
	else if (at_s >= now_s)
		snprintf(out, CTL_WHEN_LEN, "in %.40s", ctl_span(at_s - now_s, span));
	else
		snprintf(out, CTL_WHEN_LEN, "%.40s ago", ctl_span(now_s - at_s, span));
	return out;
}

char *ctl_zone_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[len - 1] == '.' ? mem_strdup(text) : mem_printf("%s.", text);
}

char *ctl_absolute(const char *path)
{
	char *here, *full;

	if (path == NULL || path[0] == '/')
		return path == NULL ? NULL : mem_strdup(path);
	if ((here = getcwd(NULL, 0)) == NULL)
		return mem_strdup(path);
	full = mem_printf("%s/%s", here, path);
	free(here);
	return full;
}
