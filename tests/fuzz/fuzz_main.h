/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FUZZ_MAIN_H
#define DUET_FUZZ_MAIN_H

/*
 * fuzz_main - included once by each harness.  The harness defines LLVMFuzzerTestOneInput.  With -DFUZZ_LIBFUZZER and
 * clang's -fsanitize=fuzzer that is all; else main() here replays the files and folders that it is given.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#ifndef FUZZ_LIBFUZZER

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t fuzz_replayed;

static int fuzz_replay_file(const char *path, const struct stat *st)
{
	size_t len = (size_t)st->st_size;
	uint8_t *data = malloc(len); /* no octet more, so that ASan sees a read behind the end */
	FILE *f = fopen(path, "rb");
	int rc = -1;

	if (f != NULL && (data != NULL || len == 0) && fread(data, 1, len, f) == len) {
		LLVMFuzzerTestOneInput(data, len);
		fuzz_replayed++;
		rc = 0;
	} else {
		perror(path);
	}
	if (f != NULL)
		fclose(f);
	free(data);
	return rc;
}

static int fuzz_replay(const char *path)
{
	struct dirent *d;
	struct stat st;
	int rc = 0;
	DIR *dir;

	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return fuzz_replay_file(path, &st);
	if ((dir = opendir(path)) == NULL) {
		perror(path);
		return -1;
	}
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		char *inner;

		if (d->d_name[0] == '.')
			continue;
		if (asprintf(&inner, "%s/%s", path, d->d_name) < 0)
			abort();
		rc = fuzz_replay(inner);
		free(inner);
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (fuzz_replay(argv[i]) != 0)
			return 1;
	}
	printf("%zu inputs replayed\n", fuzz_replayed);
	return fuzz_replayed > 0 ? 0 : 1;
}

#endif
#endif
