/* SPDX-License-Identifier: BSD-3-Clause */
/* assembly: octets that come in order, into a file, and their digest. */
#include "submission/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "fail/fail.h"

#define READ_OCTETS (1u << 20)

void assembly_open(struct assembly *a, int fd)
{
	struct stat st;

	*a = (struct assembly){ .fd = fd };
	crypto_hash_sha256_init(&a->hash);
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		a->there = (uint64_t)st.st_size;
}

int assembly_catch_up(struct assembly *a, struct err *e)
{
	uint8_t *buf;
	ssize_t n;

	if (a->at >= a->there)
		return 0;
	buf = mem_new(READ_OCTETS, 1);
	n = pread(a->fd, buf, READ_OCTETS, (off_t)a->at);
	if (n > 0) {
		crypto_hash_sha256_update(&a->hash, buf, (size_t)n);
		a->at += (uint64_t)n;
	}
	free(buf);
	if (n <= 0)
		return err_set(e, ERR_IO, "what was there cannot be read: %s", n == 0 ? "it ended" : strerror(errno));
	return a->at < a->there;
}

int assembly_add(struct assembly *a, uint64_t at, const uint8_t *octets, size_t len, uint64_t most, struct err *e)
{
	size_t done = 0;

	if (at != a->at)
		return err_set(e, ERR_SYNTAX, "offset: %" PRIu64 ", wanted is %" PRIu64, at, a->at);
	if (len > most || a->at > most - len)
		return err_set(e, ERR_LIMIT, "more than %" PRIu64 " octets", most);
	while (done < len) {
		const int no = fail_errno("submit-write");
		const ssize_t n = no != 0 ? -1 : pwrite(a->fd, octets + done, len - done, (off_t)(a->at + done));

		if (no != 0)
			errno = no;
		if (n <= 0)
			return err_errno(e, "writing what was submitted");
		done += (size_t)n;
	}
	crypto_hash_sha256_update(&a->hash, octets, len);
	a->at += len;
	return 0;
}

int assembly_sync(struct assembly *a, struct err *e)
{
	if (a->synced == a->at)
		return 0;
	if (fdatasync(a->fd) != 0)
		return err_errno(e, "writing what was submitted");
	a->synced = a->at;
	return 0;
}

void assembly_digest(struct assembly *a, uint8_t out[SUBMISSION_DIGEST_LEN])
{
	crypto_hash_sha256_final(&a->hash, out);
}

bool assembly_is(struct assembly *a, const uint8_t digest[SUBMISSION_DIGEST_LEN])
{
	uint8_t is[SUBMISSION_DIGEST_LEN];

	assembly_digest(a, is);
	return memcmp(is, digest, sizeof(is)) == 0;
}

void assembly_close(struct assembly *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}
