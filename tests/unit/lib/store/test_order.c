/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a power cut would leave: this program stands between the store and the system, and sees in which order
 * files are written and synced.  A commit is on disk only when its log is synced; by then every page that it
 * names must be, and every file's entry in the folder.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

static struct {
	bool watching;
	bool log_dirty, volume_dirty, entry_missing; /* written since their last sync */
	unsigned log_syncs, volume_syncs, early;     /* early: the log was written while a volume was dirty */
	size_t log_octets, volume_octets;            /* written */
	int log_sync_fails, log_write_fails;         /* errno to say */
} disk;

enum file { FILE_OTHER, FILE_LOG, FILE_VOLUME, FILE_FOLDER };

static enum file file_of(int fd)
{
	char link[64], path[512];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (!disk.watching || n <= 0)
		return FILE_OTHER;
	path[n] = '\0';
	if (strcmp(path, lab_dir) == 0)
		return FILE_FOLDER;
	name = strrchr(path, '/');
	return name == NULL                         ? FILE_OTHER
	       : strcmp(name, "/store.db-wal") == 0 ? FILE_LOG
	       : strncmp(name, "/vol-", 5) == 0     ? FILE_VOLUME
						    : FILE_OTHER;
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t offset)
{
	enum file file = file_of(fd);

	if (file == FILE_LOG) {
		if (disk.log_write_fails != 0) {
			errno = disk.log_write_fails;
			return -1;
		}
		disk.early += disk.volume_dirty || disk.entry_missing;
		disk.log_dirty = true;
		disk.log_octets += len;
	} else if (file == FILE_VOLUME) {
		disk.volume_dirty = true;
		disk.volume_octets += len;
		disk.entry_missing |= offset == 0;
	}
	return syscall(SYS_pwrite64, fd, p, len, offset);
}

ssize_t pwrite64(int fd, const void *p, size_t len, off64_t offset)
{
	return pwrite(fd, p, len, offset);
}

static int synced(int fd, int rc)
{
	enum file file = file_of(fd);

	if (file == FILE_LOG) {
		if (disk.log_sync_fails != 0) {
			errno = disk.log_sync_fails;
			return -1;
		}
		disk.log_dirty = false;
		disk.log_syncs++;
	} else if (file == FILE_VOLUME) {
		disk.volume_dirty = false;
		disk.volume_syncs++;
	} else if (file == FILE_FOLDER) {
		disk.entry_missing = false;
	}
	return rc;
}

int fdatasync(int fd)
{
	return synced(fd, (int)syscall(SYS_fdatasync, fd));
}

int fsync(int fd)
{
	return synced(fd, (int)syscall(SYS_fsync, fd));
}

static void watch(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.watching = true;
}

static void pages_are_on_disk_before_the_commit_that_names_them(void **state)
{
	struct model *m = lab_model(1, 200, 1), *next;
	struct store *s;

	(void)state;
	watch();
	s = lab_open();
	store_set_volume_max(s, 40000);
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	for (unsigned round = 0; round < 20; round++) {
		next = lab_next(m);
		for (unsigned k = 0; k < 20; k++)
			next->mark[(round * 13 + k * 7) % 250] = next->version;
		assert_int_equal(lab_publish(s, m, next, NULL), 0);
		assert_false(disk.log_dirty); /* acknowledged is on disk */
		assert_false(disk.volume_dirty);
		if (round % 5 == 4) {
			assert_int_equal(lab_compact(s, NULL), 0);
			assert_false(disk.log_dirty);
		}
		free(m);
		m = next;
	}
	assert_true(disk.log_syncs > 20 && disk.volume_syncs > 20); /* or nothing was seen */
	assert_int_equal(disk.early, 0);
	store_close(s);
	free(m);
}

static void what_is_kept_is_on_disk_when_acknowledged(void **state)
{
	struct model *m = lab_model(1, 5, 1);
	struct store *s = lab_open();
	unsigned before;

	(void)state;
	watch();
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	before = disk.log_syncs;
	assert_int_equal(store_keep_put(s, lab_apex, "{}", NULL), 0);
	assert_true(disk.log_syncs > before && !disk.log_dirty);
	before = disk.log_syncs;
	assert_int_equal(store_remove(s, lab_apex, NULL), 0);
	assert_true(disk.log_syncs > before && !disk.log_dirty);
	store_close(s);
	free(m);
}

static void new_serial_alone_syncs_no_volume(void **state)
{
	struct model *m = lab_model(1, 50, 1), *next = lab_next(m);
	struct store *s = lab_open();
	unsigned before;

	(void)state;
	watch();
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	before = disk.volume_syncs;
	assert_int_equal(lab_publish(s, m, next, NULL), 0);
	assert_int_equal(disk.volume_syncs, before);
	lab_check(s, next);
	store_close(s);
	free(m);
	free(next);
}

/* The cost of a change is the change's: one page, and the few database pages where its rows lie. */
static void one_changed_page_writes_a_few_rows(void **state)
{
	struct model *m = lab_model(1, 2900, 1), *next = lab_next(m);
	struct store *s = lab_open();

	(void)state;
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	assert_int_equal(store_checkpoint(s, 256, NULL), 0);
	watch();
	next->mark[1234] = 2;
	assert_int_equal(lab_publish(s, m, next, NULL), 0);
	assert_in_range(disk.volume_octets, LAB_PAD, 2 * LAB_PAD);
	assert_in_range(disk.log_octets, 1, 8 * 4200);
	store_close(s);
	s = lab_open();
	lab_check(s, next);
	store_close(s);
	free(m);
	free(next);
}

static void refused_commit_keeps_the_old_version(void **state)
{
	struct model *one = lab_model(1, 50, 1), *two = lab_model(2, 60, 2);
	int *const says_no[] = { &disk.log_sync_fails, &disk.log_write_fails };
	static const int why[] = { EIO, ENOSPC };
	struct store *s = lab_open();

	(void)state;
	watch();
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct err e = { 0 };

		*says_no[i / 2] = why[i % 2];
		assert_int_equal(lab_publish(s, one, two, &e), -1);
		assert_int_equal(e.code, ERR_IO);
		assert_non_null(strstr(e.text, "store.db"));
		assert_int_equal(store_keep_put(s, lab_apex, "{}", &e), -1);
		assert_int_equal(store_remove(s, lab_apex, &e), -1);
		lab_check(s, one);
		*says_no[i / 2] = 0;
	}
	store_close(s);
	s = lab_open();
	lab_check(s, one);
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	store_close(s);
	s = lab_open();
	lab_check(s, two);
	store_close(s);
	free(one);
	free(two);
}

static int teardown(void **state)
{
	disk.watching = false;
	return lab_teardown(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_are_on_disk_before_the_commit_that_names_them),
		TEST(what_is_kept_is_on_disk_when_acknowledged),
		TEST(new_serial_alone_syncs_no_volume),
		TEST(one_changed_page_writes_a_few_rows),
		TEST(refused_commit_keeps_the_old_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
