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

/* What is read at once; a window is the least that holds it and a line. */
#define INPUT_OCTETS ((size_t)256 << 10)

int text_input_more(struct text_input *in, const char *path, struct err *e)
{
	size_t left = in->len - in->at;
	ssize_t n;

	if (left > 0)
		memmove(in->octets, in->octets + in->at, left);
	in->at = 0;
	in->len = left;
	if (in->room - left < INPUT_OCTETS / 2) {
		in->room = in->room * 2 < INPUT_OCTETS ? INPUT_OCTETS : in->room * 2;
		in->octets = mem_grow(in->octets, in->room + INPUT_PAD, 1);
	}
	while ((n = read(in->fd, in->octets + left, in->room - left)) < 0 && errno == EINTR)
		;
	if (n < 0)
		return err_errno(e, "%s", path);
	in->len += (size_t)n;
	in->all = n == 0;
	memset(in->octets + in->len, 0, INPUT_PAD);
	return 0;
}

static int open_input(const char *path, struct text_input *in, struct stat *st, struct err *e)
{
	in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (in->fd < 0 || fstat(in->fd, st) != 0)
		return err_errno(e, "%s", path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_REFUSED, "%s: not a regular file", path);
	in->room = (size_t)st->st_size < INPUT_OCTETS ? (size_t)st->st_size + 1 + INPUT_OCTETS / 2 : 0;
	in->octets = in->room > 0 ? mem_grow(NULL, in->room + INPUT_PAD, 1) : NULL;
	posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Also when the text was wrong: half-written text is. */
static int file_unchanged(int fd, const struct stat *before, const char *path, struct err *e)
{
	struct stat now;

	if (fstat(fd, &now) != 0)
		return err_errno(e, "%s", path);
	if (now.st_size != before->st_size || mtime_ns(&now) != mtime_ns(before))
		return err_set(e, ERR_NOTNOW, "%s: changed while it was read", path);
	return 0;
}

void zone_files_fini(struct zone_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->file[i].path);
	free(files->file);
	*files = (struct zone_files){ .n = 0 };
}

/* The file is one of those that the zone is read from. */
static void note_file(struct zone_files *files, const char *path, const struct stat *st)
{
	struct zone_file *f;

	if (files == NULL)
		return;
	files->file = mem_grow(files->file, files->n + 1, sizeof(*f));
	f = &files->file[files->n++];
	*f = (struct zone_file){ .path = mem_strdup(path) };
	if (st == NULL)
		return;
	f->size = st->st_size;
	f->mtime_ns = mtime_ns(st);
	f->dev = st->st_dev;
	f->ino = st->st_ino;
}

static int read_opened(struct zone_text *t, struct text_input *in, const struct stat *st, struct err *e)
{
	int rc;

	for (unsigned i = 0; i < t->depth; i++) {
		if (t->open[i].dev == st->st_dev && t->open[i].ino == st->st_ino)
			return err_set(e, ERR_REFUSED, "%s: includes itself", t->file);
	}
	t->open[t->depth].dev = st->st_dev;
	t->open[t->depth].ino = st->st_ino;
	t->depth++;
	rc = zone_build_file(t->b, t->file, e) == 0 ? zone_text_read(t, in, e) : -1;
	t->depth--;
	return rc;
}

/* t->file and t->folder are those of path. */
static int read_path(struct zone_text *t, const char *path, struct err *e)
{
	struct text_input in = { .fd = -1 };
	struct stat st;
	int rc = open_input(path, &in, &st, e);

	if (rc == 0) {
		note_file(t->b->limits.files, path, &st);
		rc = read_opened(t, &in, &st, e);
		if (file_unchanged(in.fd, &st, path, e) != 0)
			rc = -1;
	}
	if (in.fd >= 0)
		close(in.fd);
	free(in.octets);
	return rc;
}

static const char *folder_of(struct zone_text *t, const char *path)
{
	return dirname(arena_strdup(t->names, path));
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
		if (errno == ENOENT && name[0] != '/' && strstr(name, "..") == NULL) {
			err_errno(e, "$INCLUDE %s", name);
			note_file(t->b->limits.files, joined, NULL);
		} else {
			err_set(e, ERR_REFUSED, "$INCLUDE %s: cannot be resolved inside %s", name, t->include_root);
		}
		return NULL;
	}
	if (!is_inside(resolved, t->include_root)) {
		err_set(e, ERR_REFUSED, "$INCLUDE %s is outside %s", name, t->include_root);
		return NULL;
	}
	return arena_strdup(t->names, resolved);
}

/* Origin and owner of the including file come back behind it (RFC 1035 section 5.1); $TTL stays, as in BIND. */
static int come_back(struct zone_text *t, const struct text_saved *saved, struct err *e)
{
	zone_text_restore(t, saved);
	return zone_build_file(t->b, t->file, e);
}

/* The path that the directive's second token names, or NULL. */
static char *named_path(struct zone_text *t, const struct lexer *l, struct err *e)
{
	uint8_t name[PATH_MAX];
	size_t len;

	if (!token_octets(&l->tokens[1], name, sizeof(name) - 1, &len) || len == 0 || memchr(name, 0, len) != NULL) {
		err_set(e, ERR_SYNTAX, "$INCLUDE: no file name");
		return NULL;
	}
	name[len] = '\0';
	return include_path(t, (const char *)name, e);
}

int zone_text_include(struct zone_text *t, const struct lexer *l, struct err *e)
{
	struct place place = zone_text_place(t, l, &l->tokens[0]);
	const char *file = t->file, *folder = t->folder;
	struct text_saved saved;
	uint32_t line = t->line;
	char *path;

	if (l->n < 2 || l->n > 3)
		return place_err(e, ERR_SYNTAX, place, "$INCLUDE takes a file and maybe an origin");
	if (t->depth > INCLUDE_DEPTH)
		return place_err(e, ERR_LIMIT, place, "$INCLUDE nested deeper than %d", INCLUDE_DEPTH);
	if (++t->files > INCLUDE_FILES)
		return place_err(e, ERR_LIMIT, place, "more than %d included files", INCLUDE_FILES);
	zone_text_save(t, &saved);
	if (l->n == 3 && token_name(&l->tokens[2], saved.origin, t->s.origin, e) != 0)
		return place_ctx(e, zone_text_place(t, l, &l->tokens[2]));
	zone_text_origin(t);
	if ((path = named_path(t, l, e)) == NULL)
		return place_ctx(e, zone_text_place(t, l, &l->tokens[1]));
	t->file = path;
	t->folder = folder_of(t, path);
	if (read_path(t, path, e) != 0)
		return place_ctx(e, place);
	t->file = file;
	t->folder = folder;
	t->line = line;
	return come_back(t, &saved, e);
}

int zone_read_file(const char *path, const uint8_t *apex, const struct zone_limits *limits, struct zone **out,
		   struct err *e)
{
	char root[PATH_MAX];
	struct zone_text *t;
	struct zone_build *b;
	int rc;

	if (limits->include_root != NULL && realpath(limits->include_root, root) == NULL)
		return err_errno(e, "%s", limits->include_root);
	t = zone_text_new(apex, limits);
	b = t->b;
	t->file = path;
	t->folder = folder_of(t, path);
	t->include_root = limits->include_root != NULL ? root : NULL;
	rc = read_path(t, path, e);
	zone_text_free(t);
	if (rc != 0) {
		zone_build_free(b);
		return -1;
	}
	if (zone_build_end(b, out, e) != 0)
		return e != NULL && strncmp(e->text, path, strlen(path)) == 0 ? -1 : err_ctx(e, "%s", path);
	return 0;
}
