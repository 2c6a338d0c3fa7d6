/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * secret: allots room in few large sodium_malloc slabs.
 *
 * Invariants: 1. a slab is accessible only while `opened` of it is above zero.  2. every octet of a slab that
 * belongs to no secret is zero.  3. pieces of a slab are multiples of PIECE octets, marked in `taken`.
 */
#include "secret/secret.h"

#include "arena/arena.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE    64u
#define SLAB_LEN (32u << 10) /* changing what may be done with it costs 3 us, with 256 KiB 18 us */
#define PIECES   (SLAB_LEN / PIECE)

struct slab {
	struct slab *next;
	uint8_t *mem;
	unsigned opened;
	unsigned opened_rw;
	enum access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE } access; /* what the system was told last */
	bool taken[PIECES];
};

struct secret {
	struct slab *slab;
	size_t first; /* piece */
	size_t pieces;
	size_t len;
	unsigned opened_rw; /* how many of the nested opens asked for writing */
	unsigned opened;
};

static struct slab *slabs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards slabs and every field of struct slab */

int secret_init(struct err *e)
{
	const struct rlimit none = { 0, 0 };

	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "libsodium does not start");
	if (CRYPTO_secure_malloc_initialized() == 0 && CRYPTO_secure_malloc_init(4u << 20, 32) == 0)
		return err_set(e, ERR_CRYPTO, "OpenSSL's secure heap does not start");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_errno(e, "core dumps cannot be turned off");
#ifndef DUET_TEST
	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return err_errno(e, "PR_SET_DUMPABLE");
#endif
	return 0;
}

static void protect(struct slab *slab)
{
	const enum access to = slab->opened_rw > 0 ? ACCESS_WRITE : slab->opened > 0 ? ACCESS_READ : ACCESS_NONE;
	int rc = 0;

	if (to == slab->access)
		return;
	slab->access = to;
	switch (to) {
	case ACCESS_NONE:
		rc = sodium_mprotect_noaccess(slab->mem);
		break;
	case ACCESS_READ:
		rc = sodium_mprotect_readonly(slab->mem);
		break;
	case ACCESS_WRITE:
		rc = sodium_mprotect_readwrite(slab->mem);
		break;
	}
	assert(rc == 0);
}

static bool fit(struct slab *slab, size_t pieces, size_t *first)
{
	size_t run = 0;

	for (size_t i = 0; i < PIECES; i++) {
		run = slab->taken[i] ? 0 : run + 1;
		if (run == pieces) {
			*first = i + 1 - pieces;
			return true;
		}
	}
	return false;
}

struct secret *secret_new(size_t len)
{
	struct secret *s = mem_new(1, sizeof(*s));
	struct slab *slab;

	assert(len > 0 && len <= SECRET_MAX);
	s->len = len;
	s->pieces = (len + PIECE - 1) / PIECE;
	pthread_mutex_lock(&lock);
	for (slab = slabs; slab != NULL; slab = slab->next)
		if (fit(slab, s->pieces, &s->first))
			break;
	if (slab == NULL) {
		slab = mem_new(1, sizeof(*slab));
		slab->mem = sodium_malloc(SLAB_LEN);
		if (slab->mem == NULL)
			abort();
		sodium_memzero(slab->mem, SLAB_LEN);
		slab->access = ACCESS_WRITE; /* as it comes */
		protect(slab);
		slab->next = slabs;
		slabs = slab;
		s->first = 0;
	}
	for (size_t i = 0; i < s->pieces; i++)
		slab->taken[s->first + i] = true;
	s->slab = slab;
	pthread_mutex_unlock(&lock);
	return s;
}

struct secret *secret_from(const void *bytes, size_t len)
{
	struct secret *s = secret_new(len);

	memcpy(secret_open_rw(s), bytes, len);
	secret_close(s);
	return s;
}

struct secret *secret_random(size_t len)
{
	struct secret *s = secret_new(len);

	randombytes_buf(secret_open_rw(s), len);
	secret_close(s);
	return s;
}

void secret_free(struct secret *s)
{
	struct slab *slab;

	if (s == NULL)
		return;
	assert(s->opened == 0);
	slab = s->slab;
	pthread_mutex_lock(&lock);
	slab->opened_rw++;
	slab->opened++;
	protect(slab);
	sodium_memzero(slab->mem + s->first * PIECE, s->pieces * PIECE);
	for (size_t i = 0; i < s->pieces; i++)
		slab->taken[s->first + i] = false;
	slab->opened_rw--;
	slab->opened--;
	protect(slab);
	pthread_mutex_unlock(&lock);
	free(s);
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

void secret_shrink(struct secret *s, size_t len)
{
	assert(len > 0 && len <= s->len);
	sodium_memzero(secret_open_rw(s) + len, s->len - len);
	secret_close(s);
	s->len = len;
}

static uint8_t *open_for(struct secret *s, bool writing)
{
	struct slab *slab = s->slab;

	pthread_mutex_lock(&lock);
	s->opened++;
	slab->opened++;
	if (writing || s->opened_rw > 0) {
		s->opened_rw++;
		slab->opened_rw++;
	}
	protect(slab);
	pthread_mutex_unlock(&lock);
	return slab->mem + s->first * PIECE;
}

const uint8_t *secret_open(struct secret *s)
{
	return open_for(s, false);
}

uint8_t *secret_open_rw(struct secret *s)
{
	return open_for(s, true);
}

void secret_close(struct secret *s)
{
	struct slab *slab = s->slab;

	pthread_mutex_lock(&lock);
	assert(s->opened > 0);
	s->opened--;
	slab->opened--;
	if (s->opened_rw > 0) {
		s->opened_rw--;
		slab->opened_rw--;
	}
	protect(slab);
	pthread_mutex_unlock(&lock);
}

bool secret_equal(struct secret *a, struct secret *b)
{
	bool same;

	if (a->len != b->len)
		return false;
	same = sodium_memcmp(secret_open(a), secret_open(b), a->len) == 0;
	secret_close(b);
	secret_close(a);
	return same;
}

struct secret *secret_read(const char *path, size_t max, struct err *e)
{
	struct secret *s = NULL;
	struct stat st;
	size_t got = 0;
	ssize_t n = 0;
	uint8_t *to;
	int fd;

	assert(max <= SECRET_MAX);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || fstat(fd, &st) != 0) {
		err_errno(e, "%s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_REFUSED, "%s: not a regular file", path);
		goto out;
	}
	if ((st.st_mode & 077) != 0) {
		err_set(e, ERR_REFUSED, "%s: mode %04o lets others in, must be 0600 or 0400", path,
			(unsigned)st.st_mode & 07777u);
		goto out;
	}
	if (st.st_size <= 0 || (uintmax_t)st.st_size > max) {
		err_set(e, ERR_LIMIT, "%s: %jd octets, must be 1 to %zu", path, (intmax_t)st.st_size, max);
		goto out;
	}
	s = secret_new((size_t)st.st_size);
	to = secret_open_rw(s);
	while (got < s->len && (n = read(fd, to + got, s->len - got)) > 0)
		got += (size_t)n;
	secret_close(s);
	if (got < s->len) {
		if (n < 0)
			err_errno(e, "%s", path);
		else
			err_set(e, ERR_IO, "%s: shorter than its size says", path);
		secret_free(s);
		s = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	return s;
}

static int sync_folder(const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) != 0 ? err_errno(e, "folder of %s", path) : 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

int secret_write(const char *path, struct secret *s, struct err *e)
{
	const uint8_t *from;
	size_t put = 0;
	ssize_t n = 0;
	int fd, rc = 0;

	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0) {
		if (errno == EEXIST)
			return err_set(e, ERR_EXISTS, "%s: is there already and is never replaced", path);
		return err_errno(e, "%s", path);
	}
	from = secret_open(s);
	while (put < s->len && (n = write(fd, from + put, s->len - put)) > 0)
		put += (size_t)n;
	secret_close(s);
	if (put < s->len || fsync(fd) != 0) {
		rc = err_errno(e, "%s", path);
		unlink(path);
	}
	close(fd);
	return rc != 0 ? rc : sync_folder(path, e);
}
