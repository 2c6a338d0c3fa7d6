/* SPDX-License-Identifier: BSD-3-Clause */
/* review_text: a candidate as text, and what it changes, in files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fail/fail.h"
#include "signer/engine/difftext.h"
#include "signer/engine/review.h"

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

struct lines {
	FILE *f;
	bool unsigned_only; /* its pages may be those of the signed version */
};

static int put_line(void *ctx, const struct rr *rr)
{
	const struct lines *to = ctx;
	char *line;

	if (to->unsigned_only && rr_type_is_signing(rr->type))
		return 0;
	if ((line = rr_text(rr)) == NULL)
		return -1;
	fprintf(to->f, "%s\n", line);
	free(line);
	return 0;
}

/* ---- the files ---- */

static int put_diff(struct store *s, enum review_stage stage, struct version *published, struct version *candidate, FILE *f,
		    struct err *e)
{
	struct difftext *d = difftext_open(s, published, candidate, stage == REVIEW_LOAD);
	int rc;

	do {
		rc = difftext_next(d, f, e);
	} while (rc > 0);
	difftext_close(d);
	return rc;
}

int review_text(struct store *s, const char *dir, const char *zone, enum review_stage stage, struct version *published,
		struct version *candidate, char **whole, char **diff, struct err *e)
{
	struct lines lines = { .unsigned_only = stage == REVIEW_LOAD };
	FILE *f;
	int rc;

	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_errno(e, "%s", dir);
	*whole = path_of(dir, zone, stage, "zone");
	*diff = path_of(dir, zone, stage, "diff");
	if ((f = file_open(*whole, e)) == NULL)
		return -1;
	fail_point("review-text");
	lines.f = f;
	rc = store_walk(s, candidate, put_line, &lines, e);
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
