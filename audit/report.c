/* SPDX-License-Identifier: BSD-3-Clause */
/* report: findings by row, the smallest places kept. */
#include "audit/report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define TEXT_MAX    2048
#define SKIPPED_MAX 32

struct finding {
	uint64_t place;
	char *text;
};

struct found {
	enum severity severity;
	uint64_t count, mild; /* all; those that are warnings in any case */
	size_t kept;
	struct finding first[REPORT_KEPT]; /* by place */
};

struct report {
	pthread_mutex_t lock; /* all below */
	struct found row[ROW_COUNT];
	char *skipped_rows[SKIPPED_MAX], *skipped_why[SKIPPED_MAX];
	size_t skipped;
};

struct report *report_new(void)
{
	struct report *r = mem_new(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	for (size_t i = 0; i < ROW_COUNT; i++)
		r->row[i].severity = rows[i].severity;
	return r;
}

void report_free(struct report *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < ROW_COUNT; i++)
		for (size_t k = 0; k < r->row[i].kept; k++)
			free(r->row[i].first[k].text);
	for (size_t i = 0; i < r->skipped; i++) {
		free(r->skipped_rows[i]);
		free(r->skipped_why[i]);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void report_set_severity(struct report *r, enum row_id row, enum severity severity)
{
	r->row[row].severity = severity;
}

static void keep(struct found *f, uint64_t place, const char *text)
{
	size_t at = f->kept;

	while (at > 0 && (f->first[at - 1].place > place ||
			  (f->first[at - 1].place == place && strcmp(f->first[at - 1].text, text) > 0)))
		at--;
	if (at == REPORT_KEPT)
		return;
	if (f->kept == REPORT_KEPT)
		free(f->first[--f->kept].text);
	memmove(f->first + at + 1, f->first + at, (f->kept - at) * sizeof(f->first[0]));
	f->first[at] = (struct finding){ place, mem_strdup(text) };
	f->kept++;
}

enum as { AS_ROW, AS_WARNING, AS_ERROR };

static void add(struct report *r, enum row_id row, enum as as, uint64_t place, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

static void add(struct report *r, enum row_id row, enum as as, uint64_t place, const char *fmt, va_list ap)
{
	struct found *f = &r->row[row];
	char text[TEXT_MAX];

	pthread_mutex_lock(&r->lock);
	f->count++;
	f->mild += as == AS_WARNING;
	if (as == AS_ERROR)
		f->severity = SEVERITY_ERROR;
	if (f->kept < REPORT_KEPT || place <= f->first[REPORT_KEPT - 1].place) {
		vsnprintf(text, sizeof(text), fmt, ap);
		keep(f, place, text);
	}
	pthread_mutex_unlock(&r->lock);
}

void report_add(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, row, AS_ROW, place, fmt, ap);
	va_end(ap);
}

void report_error(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, row, AS_ERROR, place, fmt, ap);
	va_end(ap);
}

void report_warn(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, row, AS_WARNING, place, fmt, ap);
	va_end(ap);
}

void report_skip(struct report *r, const char *rows_text, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&r->lock);
	if (r->skipped < SKIPPED_MAX) {
		r->skipped_rows[r->skipped] = mem_strdup(rows_text);
		r->skipped_why[r->skipped++] = mem_strdup(text);
	}
	pthread_mutex_unlock(&r->lock);
}

/* Of all findings of a row. */
static enum severity severity_of(const struct found *f)
{
	return f->count > f->mild ? f->severity : SEVERITY_WARNING;
}

static uint64_t count(const struct report *r, enum severity severity)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ROW_COUNT; i++)
		if (severity_of(&r->row[i]) == severity)
			n += r->row[i].count;
	return n;
}

uint64_t report_errors(const struct report *r)
{
	return count(r, SEVERITY_ERROR);
}

uint64_t report_warnings(const struct report *r)
{
	return count(r, SEVERITY_WARNING);
}

static const char *word(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : "warning";
}

void report_print(const struct report *r, FILE *out)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct found *f = &r->row[i];

		for (size_t k = 0; k < f->kept; k++)
			fprintf(out, "%s %s %s (%s)\n", word(severity_of(f)), rows[i].id, f->first[k].text,
				rows[i].sentence);
		if (f->count > f->kept)
			fprintf(out, "%s %s and %llu more\n", word(severity_of(f)), rows[i].id,
				(unsigned long long)(f->count - f->kept));
	}
	for (size_t i = 0; i < r->skipped; i++)
		fprintf(out, "skipped %s: %s\n", r->skipped_rows[i], r->skipped_why[i]);
}

void report_json(const struct report *r, json_t *to)
{
	json_t *findings = json_array(), *skipped = json_array();

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct found *f = &r->row[i];
		json_t *texts = json_array();

		for (size_t k = 0; k < f->kept; k++)
			json_array_append_new(texts, json_string(f->first[k].text));
		if (f->count > 0)
			json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:I, s:O}", "row",
								  rows[i].id, "severity", word(severity_of(f)),
								  "sentence", rows[i].sentence, "count",
								  (json_int_t)f->count, "first", texts));
		json_decref(texts);
	}
	for (size_t i = 0; i < r->skipped; i++)
		json_array_append_new(skipped, json_pack("{s:s, s:s}", "rows", r->skipped_rows[i], "why",
							 r->skipped_why[i]));
	json_object_set_new(to, "findings", findings);
	json_object_set_new(to, "skipped", skipped);
}
