/* SPDX-License-Identifier: BSD-3-Clause */
/* review_text: a candidate as text, and what it changes, line by line; memory for one owner name and two pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "dname/dname.h"
#include "fail/fail.h"
#include "signer/engine/review.h"
#include "store/page.h"

static char *path_of(const char *dir, const char *zone, enum review_stage stage, const char *what)
{
	char *path = mem_printf("%s/%s%s.%s", dir, zone, review_stage_text(stage), what);

	for (char *p = path + strlen(dir) + 1; *p != '\0'; p++)
		if (*p == '/')
			*p = '_';
	return path;
}

/* Readable for the group of the folder: that of the hooks. */
static FILE *file_open(const char *path, struct err *e)
{
	FILE *f;

	unlink(path);
	if ((f = fopen(path, "wxe")) == NULL)
		err_errno(e, "%s", path);
	else
		fchmod(fileno(f), 0640);
	return f;
}

static int file_close(FILE *f, const char *path, struct err *e)
{
	bool bad = ferror(f) != 0;

	return fclose(f) != 0 || bad ? err_errno(e, "%s", path) : 0;
}

static int put_line(void *ctx, const struct rr *rr)
{
	char *line = rr_text(rr);

	if (line == NULL)
		return -1;
	fprintf(ctx, "%s\n", line);
	free(line);
	return 0;
}

/* ---- the difference ---- */

struct record {
	uint8_t owner[DNAME_MAX];
	char *line;
};

/* One of the two versions: the pages that the other one has not, record by record. */
struct side {
	struct store *s;
	const struct page_row **row;
	size_t rows, at;
	bool unsigned_only; /* no DNSSEC records */
	const uint8_t *apex;
	struct record *rec; /* of the page */
	size_t n, next;
	char **line;        /* of one owner */
	size_t lines;
	uint8_t chain;
};

struct sides {
	struct side was, is;
};

static void add_row(struct side *s, const struct page_row *row)
{
	if (row == NULL || (s->unsigned_only && row->chain != CHAIN_NAMES))
		return;
	s->row = mem_grow(s->row, s->rows + 1, sizeof(*s->row));
	s->row[s->rows++] = row;
}

static int on_row(void *ctx, const struct page_row *was, const struct page_row *is)
{
	struct sides *both = ctx;

	add_row(&both->was, was);
	add_row(&both->is, is);
	return 0;
}

static bool is_ours(const struct side *s, const struct rr *rr)
{
	switch (rr->type) {
	case TYPE_RRSIG:
	case TYPE_NSEC:
	case TYPE_NSEC3:
	case TYPE_NSEC3PARAM:
		return true;
	case TYPE_DNSKEY:
	case TYPE_CDS:
	case TYPE_CDNSKEY:
		return dname_equal(rr->owner, s->apex);
	default:
		return false;
	}
}

static int add_record(void *ctx, const struct rr *rr)
{
	struct side *s = ctx;
	struct record *r;

	if (s->unsigned_only && is_ours(s, rr))
		return 0;
	s->rec = mem_grow(s->rec, s->n + 1, sizeof(*s->rec));
	r = &s->rec[s->n];
	dname_lower(rr->owner, r->owner);
	if ((r->line = rr_text(rr)) == NULL)
		return -1;
	s->n++;
	return 0;
}

/* The next record, or NULL behind the last. */
static int peek(struct side *s, const struct record **out, struct err *e)
{
	uint8_t *page;
	int rc = 0;

	while (s->next == s->n && s->at < s->rows && rc == 0) {
		s->n = s->next = 0;
		s->chain = s->row[s->at]->chain;
		page = mem_new(1, PAGE_OCTETS_MAX);
		if ((rc = store_read(s->s, s->row[s->at], page, e)) == 0)
			rc = page_walk(page, s->row[s->at]->len, add_record, s, e);
		free(page);
		s->at++;
	}
	*out = s->next < s->n ? &s->rec[s->next] : NULL;
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All lines of this owner, in order. */
static int take(struct side *s, const uint8_t *owner, struct err *e)
{
	const struct record *r;
	int rc;

	s->lines = 0;
	while ((rc = peek(s, &r, e)) == 0 && r != NULL && dname_equal(r->owner, owner)) {
		s->line = mem_grow(s->line, s->lines + 1, sizeof(*s->line));
		s->line[s->lines++] = r->line;
		s->next++;
	}
	if (s->lines > 0)
		qsort(s->line, s->lines, sizeof(*s->line), by_text);
	return rc;
}

static void put_owner(struct sides *both, FILE *f)
{
	size_t a = 0, b = 0;

	while (a < both->was.lines || b < both->is.lines) {
		int order = a == both->was.lines  ? 1
			    : b == both->is.lines ? -1
						  : strcmp(both->was.line[a], both->is.line[b]);

		if (order != 0)
			fprintf(f, "%c%s\n", order < 0 ? '-' : '+', order < 0 ? both->was.line[a] : both->is.line[b]);
		a += order <= 0;
		b += order >= 0;
	}
	for (size_t i = 0; i < both->was.lines; i++)
		free(both->was.line[i]);
	for (size_t i = 0; i < both->is.lines; i++)
		free(both->is.line[i]);
	both->was.lines = both->is.lines = 0;
}

static int walk(struct sides *both, FILE *f, struct err *e)
{
	const struct record *a, *b;
	uint8_t owner[DNAME_MAX];

	for (;;) {
		int order;

		if (peek(&both->was, &a, e) != 0 || peek(&both->is, &b, e) != 0)
			return -1;
		if (a == NULL && b == NULL)
			return 0;
		order = a == NULL                            ? 1
			: b == NULL                          ? -1
			: both->was.chain != both->is.chain ? both->was.chain - both->is.chain
							     : dname_cmp(a->owner, b->owner);
		memcpy(owner, order <= 0 ? a->owner : b->owner, sizeof(owner));
		if ((order <= 0 && take(&both->was, owner, e) != 0) || (order >= 0 && take(&both->is, owner, e) != 0))
			return -1;
		put_owner(both, f);
	}
}

static void side_fini(struct side *s)
{
	for (size_t i = s->next; i < s->n; i++)
		free(s->rec[i].line);
	for (size_t i = 0; i < s->lines; i++)
		free(s->line[i]);
	free(s->rec);
	free(s->line);
	free(s->row);
}

static void put_soa(const struct version *v, char sign, FILE *f)
{
	char *line = v == NULL ? NULL : rr_text(&version_info(v)->soa);

	if (line != NULL)
		fprintf(f, "%c%s\n", sign, line);
	free(line);
}

static int put_diff(struct store *s, enum review_stage stage, struct version *published, struct version *candidate, FILE *f,
		    struct err *e)
{
	const uint8_t *apex = version_info(candidate)->soa.owner;
	struct side side = { .s = s, .unsigned_only = stage == REVIEW_LOAD, .apex = apex };
	struct sides both = { .was = side, .is = side };
	int rc;

	put_soa(published, '-', f);
	put_soa(candidate, '+', f);
	table_diff(published == NULL ? NULL : version_table(published), version_table(candidate), on_row, &both);
	rc = walk(&both, f, e);
	side_fini(&both.was);
	side_fini(&both.is);
	return rc;
}

/* ---- the files ---- */

int review_text(struct store *s, const char *dir, const char *zone, enum review_stage stage, struct version *published,
		struct version *candidate, char **whole, char **diff, struct err *e)
{
	FILE *f;
	int rc;

	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_errno(e, "%s", dir);
	*whole = path_of(dir, zone, stage, "zone");
	*diff = path_of(dir, zone, stage, "diff");
	if ((f = file_open(*whole, e)) == NULL)
		return -1;
	fail_point("review-text");
	rc = store_walk(s, candidate, put_line, f, e);
	if (file_close(f, *whole, e) != 0 || rc != 0 || (f = file_open(*diff, e)) == NULL)
		return -1;
	rc = put_diff(s, stage, published, candidate, f, e);
	return file_close(f, *diff, e) != 0 || rc != 0 ? -1 : 0;
}

void review_text_remove(const char *dir, const char *zone)
{
	static const char *const what[] = { "zone", "diff" };

	for (int i = 0; i < 2; i++)
		for (enum review_stage stage = REVIEW_LOAD; stage <= REVIEW_SIGN; stage++) {
			char *path = path_of(dir, zone, stage, what[i]);

			unlink(path);
			free(path);
		}
}
