/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * key_bind: the files K<zone>+<algorithm>+<tag>.key and .private, as dnssec-keygen writes them.
 */
#include "key/key_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"
#include "rrset/rr.h"

#define KEYFILE_MAX 16384
#define STEM_MAX    (1 + 3 * DNAME_MAX + 16)

/* "K<zone>+": lower case, and as BIND does it %XX for what is not a letter, a digit, '-' or '_'. */
static size_t stem(const uint8_t *zone, char out[STEM_MAX])
{
	size_t at = 0;

	out[at++] = 'K';
	for (const uint8_t *p = zone; *p != 0; p += *p + 1) {
		for (unsigned i = 1; i <= *p; i++) {
			uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i];

			if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
				out[at++] = (char)c;
			else
				at += (size_t)snprintf(out + at, STEM_MAX - at, "%%%02X", c);
		}
		out[at++] = '.';
	}
	if (*zone == 0)
		out[at++] = '.';
	out[at++] = '+';
	out[at] = '\0';
	return at;
}

static int write_public(const struct key *k, const uint8_t *zone, uint32_t ttl, const char *path,
			struct err *e)
{
	char name[DNAME_TEXT_MAX], text[4 * KEY_RDATA_MAX];
	int fd, saved;
	FILE *f;

	sodium_bin2base64(text, sizeof(text), k->rdata + 4, k->rdlen - 4, sodium_base64_VARIANT_ORIGINAL);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_EXISTS, "%s is there already", path);
	if (fd < 0 || (f = fdopen(fd, "w")) == NULL) {
		err_errno(e, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	fprintf(f, "; This is a %s key, keyid %u, for %s\n",
		key_flags(k) & DNSKEY_FLAG_SEP ? "key-signing" : "zone-signing", k->tag,
		dname_to_text(zone, name));
	fprintf(f, "%s %u IN DNSKEY %u 3 %u %s\n", name, ttl, key_flags(k), k->alg->number, text);
	if (fflush(f) != 0 || fsync(fd) != 0) {
		saved = errno;
		fclose(f);
		errno = saved;
		return err_errno(e, "%s", path);
	}
	fclose(f);
	return 0;
}

int key_write_bind(const struct key *k, const uint8_t *zone, uint32_t ttl, const struct key_times *times, const char *dir,
		   struct err *e)
{
	char name[STEM_MAX];
	char *public = NULL, *private = NULL;
	int rc = -1;

	stem(zone, name);
	public = mem_printf("%s/%s%03u+%05u.key", dir, name, k->alg->number, k->tag);
	private = mem_printf("%s/%s%03u+%05u.private", dir, name, k->alg->number, k->tag);
	/* The private half first: a .key file never stands for a key that is not there. */
	if (key_private_write(private, k, times, e) == 0) {
		rc = write_public(k, zone, ttl, public, e);
		if (rc != 0)
			unlink(private);
	}
	free(public);
	free(private);
	return rc;
}

/* A word that base64 of a key may be split into, joined; the rest of the line. */
static size_t base64_rest(const char *words, uint8_t *out, size_t cap)
{
	size_t n = 0;
	const char *end = NULL;

	if (sodium_base642bin(out, cap, words, strlen(words), " \t\r\n()", &n, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    *end != '\0')
		return 0;
	return n;
}

/* OWNER [TTL] [IN] DNSKEY FLAGS PROTOCOL ALGORITHM KEY; 1: not such a line.  ttl: raised to the line's; a line without one leaves it. */
static int parse_line(char *line, const uint8_t *zone, struct key **out, uint32_t *ttl, struct err *e)
{
	uint8_t owner[DNAME_MAX], rdata[KEY_RDATA_MAX];
	unsigned long number[3];
	char *save = NULL, *word, *end;
	size_t n;

	if ((word = strtok_r(line, " \t\r\n", &save)) == NULL || *word == ';')
		return 1;
	if (dname_from_text(word, owner, e) != 0)
		return -1;
	if (!dname_equal(owner, zone))
		return err_set(e, ERR_SYNTAX, "DNSKEY of another name: %s", word);
	while ((word = strtok_r(NULL, " \t\r\n", &save)) != NULL && strcasecmp(word, "DNSKEY") != 0) {
		const unsigned long seconds = strtoul(word, &end, 10);

		if (*end == '\0' && seconds <= INT32_MAX && seconds > *ttl) /* RFC 2181 section 8 */
			*ttl = (uint32_t)seconds;
	}
	for (size_t i = 0; i < 3; i++) {
		word = word == NULL ? NULL : strtok_r(NULL, " \t\r\n", &save);
		if (word == NULL || (number[i] = strtoul(word, &end, 10)) > (i == 0 ? 65535 : 255) ||
		    *end != '\0')
			return err_set(e, ERR_SYNTAX, "no DNSKEY record");
	}
	rdata[0] = (uint8_t)(number[0] >> 8);
	rdata[1] = (uint8_t)number[0];
	rdata[2] = (uint8_t)number[1];
	rdata[3] = (uint8_t)number[2];
	if (save == NULL || (n = base64_rest(save, rdata + 4, sizeof(rdata) - 4)) == 0)
		return err_set(e, ERR_SYNTAX, "the public key is not base64");
	return key_from_dnskey(rdata, n + 4, out, e);
}

int key_public_read(const char *path, const uint8_t *zone, struct key **out, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	uint32_t ttl = 0;
	int rc = 1;

	if (f == NULL)
		return err_errno(e, "%s", path);
	while (rc == 1 && getline(&line, &room, f) > 0 && room <= KEYFILE_MAX)
		rc = parse_line(line, zone, out, &ttl, e);
	if (rc == 1)
		rc = err_set(e, ERR_SYNTAX, "no DNSKEY record");
	free(line);
	fclose(f);
	return rc == 0 ? 0 : err_ctx(e, "%s", path);
}

/* Not a FIFO, which would hold up who reads it. */
static FILE *open_regular(const char *path, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd < 0 || fstat(fd, &st) != 0)
		err_errno(e, "%s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size > KEYFILE_MAX)
		err_set(e, ERR_LIMIT, "%s: must be a regular file of at most %d octets", path, KEYFILE_MAX);
	else if ((f = fdopen(fd, "r")) == NULL)
		err_errno(e, "%s", path);
	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

int key_public_list(const char *path, const uint8_t *zone, struct key **out, size_t max, size_t *n, uint32_t *ttl, struct err *e)
{
	FILE *f = open_regular(path, e);
	const size_t before = *n;
	char *line = NULL;
	size_t room = 0;
	int rc = f == NULL ? -1 : 0;

	while (rc == 0 && getline(&line, &room, f) > 0) {
		struct key *key = NULL;

		rc = parse_line(line, zone, &key, ttl, e);
		if (rc == 0 && *n == max) {
			key_free(key);
			rc = err_set(e, ERR_LIMIT, "more than %zu keys", max);
		} else if (rc == 0) {
			out[(*n)++] = key;
		} else if (rc == 1) {
			rc = 0; /* a comment */
		}
	}
	if (rc == 0 && *n == before)
		rc = err_set(e, ERR_SYNTAX, "no DNSKEY record");
	free(line);
	if (f != NULL)
		fclose(f);
	return rc == 0 || f == NULL ? rc : err_ctx(e, "%s", path);
}

static int read_pair(const char *dir, const char *file, const uint8_t *zone, struct key **out, struct err *e)
{
	size_t len = strlen(file) - strlen(".key");
	char *public = mem_printf("%s/%s", dir, file);
	char *private = mem_printf("%s/%.*s.private", dir, (int)len, file);
	char *pem = mem_printf("%s/%.*s.pem", dir, (int)len, file);
	struct key *k = NULL;
	int rc = key_public_read(public, zone, &k, e);

	if (rc == 0 && access(private, F_OK) == 0)
		rc = key_private_read(private, k, e);
	else if (rc == 0 && access(pem, F_OK) == 0)
		rc = key_pem_read(pem, k, e);
	if (rc == 0)
		*out = k;
	else
		key_free(k);
	free(public);
	free(private);
	free(pem);
	return rc;
}

static bool is_key_file(const char *file, const char *begin, size_t begin_len)
{
	size_t len = strlen(file);

	return len > begin_len + 4 && strncmp(file, begin, begin_len) == 0 &&
	       strcmp(file + len - 4, ".key") == 0 && strchr(file + begin_len, '+') != NULL;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(key_hash(*(struct key *const *)a), key_hash(*(struct key *const *)b), KEY_HASH_LEN);
}

int key_read_bind(const char *dir, const uint8_t *zone, struct key **keys, size_t max, size_t *n,
		  struct err *e)
{
	char begin[STEM_MAX];
	size_t begin_len = stem(zone, begin), found = 0;
	const struct dirent *entry;
	DIR *d = opendir(dir);
	int rc = 0;

	if (d == NULL)
		return err_errno(e, "%s", dir);
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		if (!is_key_file(entry->d_name, begin, begin_len))
			continue;
		if (found == max)
			rc = err_set(e, ERR_LIMIT, "%s: more than %zu keys", dir, max);
		else if ((rc = read_pair(dir, entry->d_name, zone, &keys[found], e)) == 0)
			found++;
	}
	closedir(d);
	if (rc != 0) {
		while (found > 0)
			key_free(keys[--found]);
		return -1;
	}
	qsort(keys, found, sizeof(*keys), by_hash);
	*n = found;
	return 0;
}
