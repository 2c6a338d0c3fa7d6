/* SPDX-License-Identifier: BSD-3-Clause */
/* export: the published version as a zone file, read page by page through descriptors of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/engine/api.h"
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

static int add_text(void *ctx, const struct rr *rr)
{
	struct export *x = ctx;
	char *line = rr_text(rr);
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

	if (x->taken == x->len) {
		x->taken = x->len = 0;
		if (x->bad || (x->at < x->count && !next_page(x))) {
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

int export_open(struct zwork *z, struct http_answer *a, struct err *e)
{
	const struct version_info *info;
	const struct table *t;
	struct export *x;

	if (z->version == NULL)
		return err_set(e, ERR_NOTFOUND, "zone %s: nothing is published", z->name);
	info = version_info(z->version);
	t = version_table(z->version);
	x = mem_new(1, sizeof(*x));
	x->buf = mem_new(1, 65537 + 2);
	x->count = table_len(t);
	x->pages = mem_new(x->count + 1, sizeof(*x->pages));
	for (size_t i = 0; i < x->count; i++) {
		const struct page_row *row = table_row(t, i);
		int fd = volume_index(x, z->engine->store, row->volume);

		if (fd < 0 || row->len > 65537) {
			export_close(x);
			return err_set(e, ERR_IO, "zone %s: a volume cannot be opened", z->name);
		}
		x->pages[i] = (struct export_page){ .offset = row->offset, .xxh = row->xxh, .len = row->len, .fd = fd };
	}
	x->bad = add_text(x, &info->soa) != 0;
	for (size_t i = 0; i < info->soa_sig_count; i++)
		x->bad = add_text(x, &info->soa_sigs[i]) != 0 || x->bad;
	*a = (struct http_answer){ .read = export_read, .done = export_close, .stream = x, .content_type = "text/dns" };
	return 0;
}
