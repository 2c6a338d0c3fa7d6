/* SPDX-License-Identifier: BSD-3-Clause */
/* key_import: keys that others made, from files that somebody names. */
#include "key/key_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"

#define FILE_MAX 16384

/* A daemon opens what an operator names: it has to be the file itself. */
static int check_plain(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return err_errno(e, "%s", path);
	if (S_ISLNK(st.st_mode))
		return err_set(e, ERR_REFUSED, "%s: a symbolic link; name the file itself", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, "%s: not a regular file", path);
	if (st.st_size > FILE_MAX)
		return err_set(e, ERR_LIMIT, "%s: %jd octets, a key has at most %d", path, (intmax_t)st.st_size, FILE_MAX);
	return 0;
}

static bool ends_in(const char *path, const char *end)
{
	const size_t len = strlen(path), n = strlen(end);

	return len > n && strcmp(path + len - n, end) == 0;
}

int key_import_bind(const char *path, const uint8_t *zone, struct key **out, struct key_times *times, struct err *e)
{
	const size_t stem = strlen(path) - (ends_in(path, ".key") ? 4 : ends_in(path, ".private") ? 8 : 0);
	char *public = mem_printf("%.*s.key", (int)stem, path), *private = mem_printf("%.*s.private", (int)stem, path);
	char *pem = mem_printf("%.*s.pem", (int)stem, path);
	const bool in_pem = access(private, F_OK) != 0 && access(pem, F_OK) == 0;
	const char *secret = in_pem ? pem : private;
	struct key *k = NULL;
	int rc;

	memset(times, 0, sizeof(*times));
	rc = check_plain(public, e);
	if (rc == 0)
		rc = key_public_read(public, zone, &k, e);
	if (rc == 0 && access(secret, F_OK) != 0)
		rc = err_set(e, ERR_REFUSED, "%s is there without %s: the public half alone signs nothing", public, private);
	if (rc == 0)
		rc = check_plain(secret, e);
	if (rc == 0)
		rc = in_pem ? key_pem_read(pem, k, e) : key_private_read(private, k, e);
	if (rc == 0 && !in_pem)
		rc = key_private_times(private, times, e);
	if (rc == 0)
		*out = k;
	else
		key_free(k);
	free(public);
	free(private);
	free(pem);
	return rc;
}

int key_import_pem(const char *path, unsigned alg, uint16_t flags, struct key **out, struct err *e)
{
	const struct key_alg *a = key_alg_find(alg);
	EVP_PKEY *pkey;
	int rc;

	if (a == NULL)
		return err_set(e, ERR_REFUSED, "%s: algorithm %u, must be 8, 10, 13, 14, 15 or 16", path, alg);
	if (check_plain(path, e) != 0 || (pkey = key_pem_pkey(path, e)) == NULL)
		return -1;
	if (!key_evp_is(a, pkey))
		rc = err_set(e, ERR_REFUSED, "%s: the key is not one of %s", path, a->text);
	else if ((rc = key_from_pair(a, flags, &pkey, out, e)) != 0)
		err_ctx(e, "%s", path);
	EVP_PKEY_free(pkey);
	return rc;
}
