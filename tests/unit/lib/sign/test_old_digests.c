/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stores whose pages have digests of another kind than those of today are right, and become new: old/blake2b has two that
 * the program before pagedigest.h left behind (schema 5, BLAKE2b), signed at NOW from old/blake2b/example.org.zone.
 */
#pragma GCC diagnostic ignored "-Wunused-function" /* of the model, which has its own zones */
#include "patch_model.h"

#include <fcntl.h>
#include <sys/stat.h>

#define OLD "tests/unit/lib/sign/old/blake2b"
#define KEY "Kexample.org.+015+51210"

static const struct { const char *name; enum denial denial; } modes[] = { { "nsec", DENIAL_NSEC }, { "nsec3", DENIAL_NSEC3 } };

static void copy(const char *from, const char *folder, const char *name)
{
	static uint8_t octets[1 << 20];
	char path[512];
	size_t n;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", from, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(octets, 1, sizeof(octets), f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, n), n);
	close(fd);
}

/* The key that signed them. */
static struct key *old_key(void)
{
	char folder[160], path[300];
	struct key *keys[KEYS];
	struct err e;
	size_t n;

	snprintf(folder, sizeof(folder), "%s/keys", dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	copy(OLD, folder, KEY ".key");
	copy(OLD, folder, KEY ".private");
	if (key_read_bind(folder, apex, keys, KEYS, &n, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(n, 1);
	snprintf(path, sizeof(path), "%s/" KEY ".key", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/" KEY ".private", folder);
	unlink(path);
	rmdir(folder);
	return keys[0];
}

/* The zone's text, with more behind it. */
static struct zone *old_zone(const char *more)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone *z = NULL;
	char path[300];
	struct err e;
	FILE *f;

	copy(OLD, dir, "example.org.zone");
	snprintf(path, sizeof(path), "%s/example.org.zone", dir);
	f = fopen(path, "ab");
	assert_non_null(f);
	fputs(more, f);
	fclose(f);
	if (zone_read_file(path, apex, &limits, &z, &e) != 0)
		fail_msg("%s", e.text);
	unlink(path);
	return z;
}

/* A signer with the store as that program left it. */
static void open_old(struct signer *s, size_t mode, struct key **keys)
{
	char from[160];
	struct err e;

	signer_open(s, modes[mode].denial, keys);
	store_close(s->store);
	snprintf(from, sizeof(from), "%s/%s", OLD, modes[mode].name);
	copy(from, s->path, "store.db");
	copy(from, s->path, "vol-1");
	if (store_open(s->path, &s->store, &e) != 0)
		fail_msg("%s", e.text);
	s->current = store_current(s->store, apex);
	assert_non_null(s->current);
}

/* Closes the store and opens it again. */
static void restart(struct signer *s)
{
	struct err e;

	version_unref(s->current);
	store_close(s->store);
	if (store_open(s->path, &s->store, &e) != 0)
		fail_msg("%s", e.text);
	s->current = store_current(s->store, apex);
	assert_non_null(s->current);
}

static struct zone_diff *found(const struct signer *s, const struct zone *z)
{
	struct patch_since *since = patch_since_new(s->store, s->current, apex, 2, 100);
	struct zone_diff *d = NULL;
	struct zone_cursor *c = NULL;
	struct zone_owner o;
	struct err e;

	assert_int_equal(zone_cursor_open(z, &c, &e), 0);
	while (zone_cursor_next(c, &o, &e) == 1)
		patch_since_owner(since, &o);
	zone_cursor_close(c);
	if (patch_since_end(since, z, &d, &e) != 0)
		fail_msg("%s", e.text);
	assert_non_null(d);
	patch_since_free(since);
	return d;
}

/* How many pages have one of these digests. */
static size_t with_digests_of(const struct version *v, uint8_t (*digest)[16], size_t n)
{
	const struct table *t = version_table(v);
	size_t count = 0;

	for (size_t i = 0; i < table_len(t); i++)
		for (size_t k = 0; k < n; k++)
			count += memcmp(table_row(t, i)->digest, digest[k], 16) == 0;
	return count;
}

static size_t digests_of(const struct version *v, uint8_t (*digest)[16], size_t room)
{
	const struct table *t = version_table(v);

	assert_true(table_len(t) <= room);
	for (size_t i = 0; i < table_len(t); i++)
		memcpy(digest[i], table_row(t, i)->digest, 16);
	return table_len(t);
}

/* Signed anew as a whole by a signer without a past. */
static void is_what_whole_is(struct signer *s, size_t mode, struct key **keys, const struct zone *z, uint32_t serial)
{
	struct signer whole;

	signer_open(&whole, modes[mode].denial, keys);
	sign_whole(&whole, z, serial);
	same_records(s, &whole);
	signer_close(&whole);
}

/* The same text changes nothing of it; one record changes the pages concerned, and those alone become new. */
static void a_rewritten_file_is_compared_record_by_record(void **state)
{
	struct key *keys[KEYS] = { old_key(), NULL };
	uint8_t digest[16][16];

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		struct zone *same = old_zone(""), *more = old_zone("$ORIGIN example.org.\nhost07 A 203.0.113.9\n");
		struct zone_diff *d;
		struct signer s;
		size_t n;

		open_old(&s, m, keys);
		n = digests_of(s.current, digest, 16);
		is_what_whole_is(&s, m, keys, same, 1);
		d = found(&s, same);
		assert_int_equal(d->n, 0);
		zone_diff_free(d);
		d = found(&s, more);
		assert_int_equal(d->n, 1);
		s.sum = same->sum;
		sign_patch(&s, d, 3);
		zone_diff_free(d);
		is_what_whole_is(&s, m, keys, more, 3);
		assert_true(s.stats.made <= 4);
		assert_true(with_digests_of(s.current, digest, n) > 0);
		assert_true(with_digests_of(s.current, digest, n) < n);
		restart(&s);
		d = found(&s, more); /* old and new side by side */
		assert_int_equal(d->n, 0);
		zone_diff_free(d);
		is_what_whole_is(&s, m, keys, more, 3);
		signer_close(&s);
		zone_free(same);
		zone_free(more);
	}
	key_free(keys[0]);
}

/* All pages are made anew when the whole is signed, with the signatures that they have; from then on they are kept. */
static void a_whole_signing_makes_them_new_without_a_signature(void **state)
{
	struct key *keys[KEYS] = { old_key(), NULL };
	uint8_t digest[16][16];

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		struct zone *z = old_zone("");
		struct signer s;
		size_t n;

		open_old(&s, m, keys);
		n = digests_of(s.current, digest, 16);
		sign_whole(&s, z, 2);
		assert_int_equal(s.stats.made, 0);
		assert_int_equal(s.stats.kept_pages, 0);
		assert_int_equal(with_digests_of(s.current, digest, n), 0);
		is_what_whole_is(&s, m, keys, z, 2);
		restart(&s);
		whole_keeps_all(&s, z, 3);
		signer_close(&s);
		zone_free(z);
	}
	key_free(keys[0]);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/duet-old-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return sodium_init() < 0 || mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewritten_file_is_compared_record_by_record),
		cmocka_unit_test(a_whole_signing_makes_them_new_without_a_signature),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
