/* SPDX-License-Identifier: BSD-3-Clause */
/* difftext: two versions side by side, one owner name at a time; memory for that and two pages. */
#include "signer/engine/difftext.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "dname/dname.h"
#include "signer/engine/stage.h"
#include "store/page.h"

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
	struct record *rec; /* of the page */
	size_t n, next;
	char **line;        /* of one owner */
	size_t lines;
	uint8_t chain;
};

struct difftext {
	struct side was, is;
	bool begun;
	struct version *from, *to;
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
	struct difftext *both = ctx;

	add_row(&both->was, was);
	add_row(&both->is, is);
	return 0;
}

static int add_record(void *ctx, const struct rr *rr)
{
	struct side *s = ctx;
	struct record *r;

	if (s->unsigned_only && rr_type_is_signing(rr->type))
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

static void put_owner(struct difftext *both, FILE *f)
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

/* The next owner of either, in order; false at the end. */
static int next_owner(struct difftext *d, uint8_t owner[DNAME_MAX], int *order, struct err *e)
{
	const struct record *a, *b;

	if (peek(&d->was, &a, e) != 0 || peek(&d->is, &b, e) != 0)
		return -1;
	if (a == NULL && b == NULL)
		return 0;
	*order = a == NULL                        ? 1
		 : b == NULL                      ? -1
		 : d->was.chain != d->is.chain ? d->was.chain - d->is.chain
						  : dname_cmp(a->owner, b->owner);
	memcpy(owner, *order <= 0 ? a->owner : b->owner, DNAME_MAX);
	return 1;
}

static void put_soa(const struct version *v, char sign, bool unsigned_only, FILE *f)
{
	char *line = v == NULL ? NULL : stage_soa_text(version_info(v), unsigned_only);

	if (line != NULL)
		fprintf(f, "%c%s\n", sign, line);
	free(line);
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

struct difftext *difftext_open(struct store *s, struct version *was, struct version *is, bool unsigned_only)
{
	struct difftext *d = mem_new(1, sizeof(*d));

	d->was.s = d->is.s = s;
	d->was.unsigned_only = d->is.unsigned_only = unsigned_only;
	d->from = was == NULL ? NULL : version_ref(was);
	d->to = version_ref(is);
	table_diff(was == NULL ? NULL : version_table(was), version_table(is), on_row, d);
	return d;
}

int difftext_next(struct difftext *d, FILE *f, struct err *e)
{
	uint8_t owner[DNAME_MAX];
	int order, rc;

	if (!d->begun) {
		d->begun = true;
		if (d->from != d->to) {
			put_soa(d->from, '-', d->was.unsigned_only, f);
			put_soa(d->to, '+', d->is.unsigned_only, f);
		}
		return 1;
	}
	if ((rc = next_owner(d, owner, &order, e)) <= 0)
		return rc;
	if ((order <= 0 && take(&d->was, owner, e) != 0) || (order >= 0 && take(&d->is, owner, e) != 0))
		return -1;
	put_owner(d, f);
	return 1;
}

void difftext_close(struct difftext *d)
{
	if (d == NULL)
		return;
	side_fini(&d->was);
	side_fini(&d->is);
	version_unref(d->from);
	version_unref(d->to);
	free(d);
}
