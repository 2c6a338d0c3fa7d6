/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_file: reads master files and what they include, and sees when one changes meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "zone/zone_text.h"

struct file {
	int fd;
	struct stat before;
	char *text;
	size_t len;
};

static void file_close(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->text);
}

static int file_open(struct file *f, const char *path, struct err *e)
{
	size_t at = 0;

	*f = (struct file){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) };
	if (f->fd < 0 || fstat(f->fd, &f->before) != 0)
		return err_errno(e, "%s", path);
	if (!S_ISREG(f->before.st_mode))
		return err_set(e, ERR_REFUSED, "%s: not a regular file", path);
	if ((uint64_t)f->before.st_size > FILE_OCTETS_MAX)
		return err_set(e, ERR_LIMIT, "%s: %lld octets, at most %zu", path,
			       (long long)f->before.st_size, FILE_OCTETS_MAX);
	f->len = (size_t)f->before.st_size;
	if ((f->text = malloc(f->len + 1)) == NULL)
		return err_set(e, ERR_LIMIT, "%s: no memory for %zu octets", path, f->len);
	while (at < f->len) {
		ssize_t n = read(f->fd, f->text + at, f->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "%s", path);
		if (n == 0)
			return err_set(e, ERR_NOTNOW, "%s: became shorter while it was read", path);
		at += (size_t)n;
	}
	return 0;
}

/* Also when the text was wrong: half-written text is. */
static int file_unchanged(const struct file *f, const char *path, struct err *e)
{
	struct stat now;

	if (fstat(f->fd, &now) != 0)
		return err_errno(e, "%s", path);
	if (now.st_size != f->before.st_size || now.st_mtim.tv_sec != f->before.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != f->before.st_mtim.tv_nsec)
		return err_set(e, ERR_NOTNOW, "%s: changed while it was read", path);
	return 0;
}

static int read_opened(struct zone_text *t, const struct file *f, struct err *e)
{
	int rc;

	for (unsigned i = 0; i < t->depth; i++) {
		if (t->open[i].dev == f->before.st_dev && t->open[i].ino == f->before.st_ino)
			return err_set(e, ERR_REFUSED, "%s: includes itself", t->file);
	}
	t->open[t->depth].dev = f->before.st_dev;
	t->open[t->depth].ino = f->before.st_ino;
	t->depth++;
	rc = zone_text_read(t, f->text, f->len, 1, e);
	t->depth--;
	return rc;
}

/* t->file and t->folder are those of path. */
static int read_path(struct zone_text *t, const char *path, struct err *e)
{
	struct file f = { .fd = -1 };
	int rc = file_open(&f, path, e);

	if (rc == 0) {
		rc = read_opened(t, &f, e);
		if (file_unchanged(&f, path, e) != 0)
			rc = -1;
	}
	file_close(&f);
	return rc;
}

static const char *folder_of(struct zone_text *t, const char *path)
{
	return dirname(arena_strdup(t->b->scratch, path));
}

static bool is_inside(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || (len > 0 && folder[len - 1] == '/'));
}

/* The path of an $INCLUDE with all symbolic links resolved, inside the root; or NULL. */
static char *include_path(struct zone_text *t, const char *name, struct err *e)
{
	char joined[PATH_MAX], resolved[PATH_MAX];

	if (t->include_root == NULL) {
		err_set(e, ERR_REFUSED, "$INCLUDE is not allowed here");
		return NULL;
	}
	if (snprintf(joined, sizeof(joined), "%s%s%s", name[0] == '/' ? "" : t->folder,
		     name[0] == '/' ? "" : "/", name) >= (int)sizeof(joined)) {
		err_set(e, ERR_LIMIT, "$INCLUDE: path too long");
		return NULL;
	}
	if (realpath(joined, resolved) == NULL) {
		/* Outside the root even the difference between "is there" and "is not" is not told. */
		if (errno == ENOENT && name[0] != '/' && strstr(name, "..") == NULL)
			err_errno(e, "$INCLUDE %s", name);
		else
			err_set(e, ERR_REFUSED, "$INCLUDE %s: cannot be resolved inside %s", name,
				t->include_root);
		return NULL;
	}
	if (!is_inside(resolved, t->include_root)) {
		err_set(e, ERR_REFUSED, "$INCLUDE %s is outside %s", name, t->include_root);
		return NULL;
	}
	return arena_strdup(t->b->scratch, resolved);
}

/* Origin and owner of the including file come back behind it (RFC 1035 section 5.1); $TTL stays, as in BIND.
 */
int zone_text_include(struct zone_text *t, const struct lexer *l, struct err *e)
{
	const struct token *k = &l->tokens[0];
	const char *file = t->file, *folder = t->folder;
	struct text_state saved = t->s;
	uint8_t name[PATH_MAX];
	size_t len;
	char *path;

	if (l->n < 2 || l->n > 3)
		return place_err(e, ERR_SYNTAX, (struct place){ file, k->line },
				 "$INCLUDE takes a file and maybe an origin");
	if (!token_octets(&l->tokens[1], name, sizeof(name) - 1, &len) || len == 0 ||
	    memchr(name, 0, len) != NULL)
		return place_err(e, ERR_SYNTAX, (struct place){ file, k->line }, "$INCLUDE: no file name");
	name[len] = '\0';
	if (t->depth > INCLUDE_DEPTH)
		return place_err(e, ERR_LIMIT, (struct place){ file, k->line },
				 "$INCLUDE nested deeper than %d", INCLUDE_DEPTH);
	if (++t->files > INCLUDE_FILES)
		return place_err(e, ERR_LIMIT, (struct place){ file, k->line }, "more than %d included files",
				 INCLUDE_FILES);
	if (l->n == 3 && token_name(&l->tokens[2], saved.origin, t->s.origin, e) != 0)
		return err_ctx(e, "%s:%u", file, k->line);
	if ((path = include_path(t, (const char *)name, e)) == NULL)
		return err_ctx(e, "%s:%u", file, k->line);
	t->file = path;
	t->folder = folder_of(t, path);
	if (read_path(t, path, e) != 0)
		return err_ctx(e, "%s:%u", file, k->line);
	t->file = file;
	t->folder = folder;
	memcpy(t->s.origin, saved.origin, sizeof(saved.origin));
	memcpy(t->s.owner, saved.owner, sizeof(saved.owner));
	t->s.has_owner = saved.has_owner;
	return 0;
}

int zone_read_file(const char *path, const uint8_t *apex, const struct zone_limits *limits, struct zone **out,
		   struct err *e)
{
	struct zone_text t = { .file = path };
	char root[PATH_MAX];
	int rc;

	if (limits->include_root != NULL) {
		if (realpath(limits->include_root, root) == NULL)
			return err_errno(e, "%s", limits->include_root);
		t.include_root = root;
	}
	t.b = zone_build_new(apex, limits);
	memcpy(t.s.origin, apex, dname_len(apex));
	t.rdata = mem_new(1, UINT16_MAX);
	t.folder = folder_of(&t, path);
	rc = read_path(&t, path, e);
	free(t.rdata);
	if (rc != 0) {
		zone_build_free(t.b);
		return -1;
	}
	if (zone_build_end(t.b, out, e) != 0)
		return e != NULL && strncmp(e->text, path, strlen(path)) == 0 ? -1 : err_ctx(e, "%s", path);
	return 0;
}
