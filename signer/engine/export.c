/* SPDX-License-Identifier: BSD-3-Clause */
/* export: a version as a zone file, read page by page through descriptors of its own; and what leads from one to another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/engine/api.h"
#include "signer/engine/difftext.h"
#include "signer/engine/stage.h"
#include "store/page.h"
#include "store/page_sum.h"

struct export_page {
	uint64_t offset, xxh;
	uint32_t len;
	int fd; /* index into fds */
};

struct export {
	int *fds;
	uint32_t *volumes;
	size_t fd_count;
	struct export_page *pages;
	size_t count, at;
	char *text;  /* not yet taken */
	size_t len, room, taken;
	uint8_t *buf;
	bool unsigned_only;
	bool bad;
};

static int volume_index(struct export *x, struct store *s, uint32_t volume)
{
	int fd;

	for (size_t i = 0; i < x->fd_count; i++)
		if (x->volumes[i] == volume)
			return (int)i;
	if ((fd = store_volume_fd(s, volume)) < 0 || (fd = dup(fd)) < 0)
		return -1;
	x->fds = mem_grow(x->fds, x->fd_count + 1, sizeof(*x->fds));
	x->volumes = mem_grow(x->volumes, x->fd_count + 1, sizeof(*x->volumes));
	x->fds[x->fd_count] = fd;
	x->volumes[x->fd_count] = volume;
	return (int)x->fd_count++;
}

/* Takes the line over. */
static int add_line(struct export *x, char *line)
{
	size_t len;

	if (line == NULL)
		return -1;
	len = strlen(line);
	if (x->room - x->len < len + 1) {
		x->room = 2 * x->room + len + 4096;
		x->text = mem_grow(x->text, x->room, 1);
	}
	memcpy(x->text + x->len, line, len);
	x->text[x->len + len] = '\n';
	x->len += len + 1;
	free(line);
	return 0;
}

static int add_text(void *ctx, const struct rr *rr)
{
	struct export *x = ctx;

	return x->unsigned_only && rr_type_is_signing(rr->type) ? 0 : add_line(x, rr_text(rr));
}

static void export_close(void *stream)
{
	struct export *x = stream;

	for (size_t i = 0; i < x->fd_count; i++)
		close(x->fds[i]);
	free(x->fds);
	free(x->volumes);
	free(x->pages);
	free(x->text);
	free(x->buf);
	free(x);
}

static bool next_page(struct export *x)
{
	const struct export_page *p = &x->pages[x->at++];

	return pread(x->fds[p->fd], x->buf, p->len, (off_t)p->offset) == (ssize_t)p->len &&
	       page_sum(x->buf, p->len) == p->xxh && page_walk(x->buf, p->len, add_text, x, NULL) == 0;
}

static ssize_t export_read(void *stream, char *buf, size_t cap)
{
	struct export *x = stream;
	size_t n;

	while (x->taken == x->len) {
		x->taken = x->len = 0;
		if (!x->bad && x->at == x->count)
			break;
		if (x->bad || !next_page(x)) {
			x->bad = true;
			return -1;
		}
	}
	n = x->len - x->taken < cap ? x->len - x->taken : cap;
	if (n > 0)
		memcpy(buf, x->text + x->taken, n);
	x->taken += n;
	return (ssize_t)n;
}

static int open_pages(struct export *x, const struct table *t, const struct zwork *z, struct err *e)
{
	x->count = table_len(t);
	x->pages = mem_new(x->count + 1, sizeof(*x->pages));
	for (size_t i = 0; i < x->count; i++) {
		const struct page_row *row = table_row(t, i);
		int fd = volume_index(x, z->engine->store, row->volume);

		if (fd < 0 || row->len > 65537)
			return err_set(e, ERR_IO, "zone %s: a volume cannot be opened", z->name);
		x->pages[i] = (struct export_page){ .offset = row->offset, .xxh = row->xxh, .len = row->len, .fd = fd };
	}
	return 0;
}

static int open_version(const struct zwork *z, const struct version *v, bool unsigned_only, struct http_answer *a, struct err *e)
{
	const struct version_info *info = version_info(v);
	struct export *x = mem_new(1, sizeof(*x));

	x->buf = mem_new(1, 65537 + 2);
	x->unsigned_only = unsigned_only;
	if (open_pages(x, version_table(v), z, e) != 0) {
		export_close(x);
		return -1;
	}
	x->bad = add_line(x, stage_soa_text(info, unsigned_only)) != 0;
	for (size_t i = 0; i < info->with_soa_count; i++)
		x->bad = add_text(x, &info->with_soa[i]) != 0 || x->bad;
	*a = (struct http_answer){ .read = export_read, .done = export_close, .stream = x, .content_type = "text/dns" };
	return 0;
}

int export_open(struct zwork *z, const char *stage, struct http_answer *a, struct err *e)
{
	struct stage which;
	int rc;

	if (stage_find(z, stage, &which, e) != 0)
		return -1;
	rc = open_version(z, which.version, which.unsigned_only, a, e);
	version_unref(which.version);
	return rc;
}

int export_input(const struct zwork *z, struct http_answer *a, struct err *e)
{
	return open_version(z, z->version, true, a, e);
}

/* ---- the difference ---- */

struct diffing {
	struct difftext *diff;
	char *text; /* of the owners read last */
	size_t len, taken;
	bool end;
};

/* A few owners at a time. */
#define DIFF_OCTETS 4096

static int diff_more(struct diffing *d)
{
	FILE *f;
	int rc = 1;

	free(d->text);
	d->text = NULL;
	d->len = d->taken = 0;
	if ((f = open_memstream(&d->text, &d->len)) == NULL)
		return -1;
	while (rc > 0 && ftell(f) < DIFF_OCTETS)
		rc = difftext_next(d->diff, f, NULL);
	d->end = rc == 0;
	return fclose(f) != 0 || rc < 0 ? -1 : 0;
}

static ssize_t diff_read(void *stream, char *buf, size_t cap)
{
	struct diffing *d = stream;
	size_t n;

	while (d->taken == d->len && !d->end)
		if (diff_more(d) != 0)
			return -1;
	n = d->len - d->taken < cap ? d->len - d->taken : cap;
	if (n > 0)
		memcpy(buf, d->text + d->taken, n);
	d->taken += n;
	return (ssize_t)n;
}

static void diff_close(void *stream)
{
	struct diffing *d = stream;

	difftext_close(d->diff);
	free(d->text);
	free(d);
}

int export_diff(struct zwork *z, const char *from, const char *to, struct http_answer *a, struct err *e)
{
	struct stage was, is;
	struct diffing *d;

	if (stage_find(z, from, &was, e) != 0)
		return -1;
	if (stage_find(z, to, &is, e) != 0) {
		version_unref(was.version);
		return -1;
	}
	d = mem_new(1, sizeof(*d));
	d->diff = difftext_open(z->engine->store, was.version, is.version, was.unsigned_only || is.unsigned_only);
	version_unref(was.version);
	version_unref(is.version);
	*a = (struct http_answer){ .read = diff_read, .done = diff_close, .stream = d, .content_type = "text/plain" };
	return 0;
}
