/* SPDX-License-Identifier: BSD-3-Clause */
/* submit_files: submitted texts on disk, and which of them still count. */
#include "keydist/submit.h"

#include "arena/arena.h"
#include "fail/fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEEP_S 3600 /* what nobody wants is kept so long: it may be on its way in, or to a peer */

char *submit_path(const struct keydist *k, const uint8_t digest[SUBMISSION_DIGEST_LEN], bool part)
{
	char hex[SUBMISSION_HEX];

	sodium_bin2hex(hex, sizeof(hex), digest, SUBMISSION_DIGEST_LEN);
	return mem_printf("%s/submit/%s%s", k->conf->keydist.state_dir, hex, part ? ".part" : "");
}

bool submit_have(const struct keydist *k, const struct submission *s)
{
	char *path = submit_path(k, s->digest, false);
	struct stat st;
	const bool have = stat(path, &st) == 0 && (uint64_t)st.st_size == s->size;

	free(path);
	return have;
}

int submit_open(const struct keydist *k, const char *path, struct err *e)
{
	char *dir = mem_printf("%s/submit", k->conf->keydist.state_dir);
	int fd = -1;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		err_errno(e, "%s", dir);
	else if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		err_errno(e, "%s", path);
	free(dir);
	return fd;
}

static int sync_dir(const struct keydist *k, struct err *e)
{
	char *dir = mem_printf("%s/submit", k->conf->keydist.state_dir);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int rc = fd < 0 || fsync(fd) != 0 ? err_errno(e, "%s", dir) : 0;

	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

int submit_keep(const struct keydist *k, const char *from, const uint8_t digest[SUBMISSION_DIGEST_LEN], struct err *e)
{
	char *path = submit_path(k, digest, false);
	int rc;

	fail_point("submit-synced");
	rc = rename(from, path) != 0 ? err_errno(e, "%s", path) : sync_dir(k, e);
	fail_point("submit-kept");
	free(path);
	return rc;
}

json_t *submit_chunk(const struct keydist *k, const json_t *wish, struct err *e)
{
	uint8_t digest[SUBMISSION_DIGEST_LEN], *buf;
	json_t *o = NULL;
	uint64_t offset;
	ssize_t n = -1;
	char *path;
	int fd;

	if (chunk_wish_read(wish, digest, &offset, e) != 0)
		return NULL;
	path = submit_path(k, digest, false);
	buf = mem_new(SUBMISSION_CHUNK, 1);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) >= 0) {
		n = pread(fd, buf, SUBMISSION_CHUNK, (off_t)offset);
		close(fd);
	}
	if (n > 0)
		buf[n / 2] ^= (uint8_t)fail_number("submit-lies");
	if (n > 0)
		o = chunk_json(digest, offset, buf, (size_t)n);
	else
		err_set(e, ERR_NOTFOUND, "this node does not have what was submitted");
	free(buf);
	free(path);
	return o;
}

static bool wanted(const struct keydist *k, const char *name)
{
	const struct fact_state *s = cluster_state(k->cluster);

	for (size_t i = 0; i < s->zones; i++) {
		const struct zone_state *z = &s->zone[i];
		const char *digest = z->submission.set ? json_string_value(json_object_get(z->submission.body, "digest")) : NULL;

		if (digest != NULL && zone_addition(z) != NULL && strncmp(name, digest, SUBMISSION_HEX - 1) == 0)
			return true;
	}
	return false;
}

void submit_sweep(struct keydist *k)
{
	char *dir = mem_printf("%s/submit", k->conf->keydist.state_dir);
	DIR *d = opendir(dir);
	const struct dirent *f;
	struct stat st;

	while (d != NULL && (f = readdir(d)) != NULL) {
		if (f->d_name[0] == '.' || wanted(k, f->d_name) || fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (time(NULL) - st.st_mtime > KEEP_S)
			unlinkat(dirfd(d), f->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}
