/* SPDX-License-Identifier: BSD-3-Clause */
/* Crashes, full and failing disks: the store shows the old version or the new one, whole, and goes on. */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>

#include "gen.h"

#define SMALL_VOLUME 60000

static struct model *one, *two, *three;

static int setup(void **state)
{
	one = lab_model(1, 120, 1);
	two = lab_next(one);
	for (unsigned i = 0; i < 400; i += 3)
		two->mark[i] = i % 9 == 0 ? 0 : 2;
	three = lab_next(two);
	three->mark[50] = 3;
	return lab_setup(state);
}

static int teardown(void **state)
{
	unsetenv("DUET_TEST_FAIL");
	unsetenv("DUET_TEST_ERRNO");
	free(one);
	free(two);
	free(three);
	return lab_teardown(state);
}

static void publish_two(void *ctx)
{
	struct store *s = lab_open();

	(void)ctx;
	store_set_volume_max(s, SMALL_VOLUME);
	lab_publish(s, one, two, NULL);
	store_close(s);
}

static void need_test_build(void)
{
#ifndef DUET_TEST
	print_message("built without DUET_TEST: fail-points are not there\n");
	skip();
#endif
}

static void begin_with_one(void)
{
	struct store *s;

	lab_remove(lab_dir);
	s = lab_open();
	store_set_volume_max(s, SMALL_VOLUME);
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	store_close(s);
}

static void crash_at_any_point_shows_one_version_whole(void **state)
{
	static const struct {
		const char *point;
		uint32_t serial;
	} cases[] = {
		{ "store-after-append", 1 }, { "store-after-append:60", 1 }, { "store-before-sync", 1 },
		{ "store-after-sync", 1 },   { "store-before-commit", 1 },   { "store-after-commit", 2 },
	};

	(void)state;
	need_test_build();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *s;
		unsigned count;
		uint64_t before;
		int status;

		begin_with_one();
		before = lab_volumes(&count);
		setenv("DUET_TEST_FAIL", cases[i].point, 1);
		status = lab_child(publish_two, NULL);
		unsetenv("DUET_TEST_FAIL");
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		s = lab_open();
		lab_check(s, cases[i].serial == 1 ? one : two);
		if (cases[i].serial == 1) /* nothing is left over */
			assert_true(lab_volumes(&count) == before);
		assert_int_equal(lab_publish(s, cases[i].serial == 1 ? one : two, three, NULL), 0);
		lab_check(s, three);
		store_close(s);
		s = lab_open();
		lab_check(s, three);
		store_close(s);
	}
}

static void compact_all(void *ctx)
{
	struct store *s = lab_open();

	(void)ctx;
	store_set_volume_max(s, SMALL_VOLUME);
	lab_compact(s, NULL);
	store_close(s);
}

static void crash_in_compaction_loses_nothing(void **state)
{
	static const char *const points[] = { "store-compact-before-commit", "store-compact-after-commit" };

	(void)state;
	need_test_build();
	for (size_t i = 0; i < 2; i++) {
		struct model *last = lab_model(3, 120, 3);
		struct store *s;
		unsigned before, after;
		int status;

		begin_with_one();
		s = lab_open();
		store_set_volume_max(s, SMALL_VOLUME);
		last->mark[60] = 1; /* keeps a volume of the first version alive */
		last->mark[5] = 1;
		assert_int_equal(lab_publish(s, one, last, NULL), 0);
		store_close(s);
		lab_volumes(&before);
		setenv("DUET_TEST_FAIL", points[i], 1);
		status = lab_child(compact_all, NULL);
		unsetenv("DUET_TEST_FAIL");
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		s = lab_open();
		lab_check(s, last);
		assert_int_equal(lab_compact(s, NULL), 0);
		lab_volumes(&after);
		assert_true(after < before);
		lab_check(s, last);
		store_close(s);
		free(last);
	}
}

/* Publishes for ever, and says which serials were acknowledged. */
static void publish_for_ever(void *ctx)
{
	int out = *(int *)ctx;
	struct store *s = lab_open();
	struct gen g = { .state = 77 };
	struct model *m = lab_model(1, 120, 1);

	store_set_volume_max(s, SMALL_VOLUME);
	for (;;) {
		struct model *next = lab_next(m);

		for (unsigned k = 0; k < 10; k++)
			next->mark[gen_below(&g, 200)] = gen_below(&g, 4) == 0 ? 0 : next->version;
		if (lab_publish(s, m, next, NULL) != 0 ||
		    write(out, &next->version, sizeof(next->version)) != sizeof(next->version))
			_exit(1);
		if (next->version % 16 == 0)
			lab_compact(s, NULL);
		if (next->version % 8 == 0)
			store_checkpoint(s, 256, NULL);
		free(m);
		m = next;
	}
}

/* The model as publish_for_ever had it at that serial. */
static struct model *replay(uint32_t serial)
{
	struct gen g = { .state = 77 };
	struct model *m = lab_model(1, 120, 1);

	while (m->version < serial) {
		m->version++;
		for (unsigned k = 0; k < 10; k++)
			m->mark[gen_below(&g, 200)] = gen_below(&g, 4) == 0 ? 0 : m->version;
	}
	return m;
}

static void kill_at_any_moment_loses_nothing_acknowledged(void **state)
{
	struct gen g = { .state = (uint64_t)getpid() };

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		uint32_t acknowledged = 1, serial;
		struct timespec wait = { .tv_nsec = 20000000 + (long)gen_below(&g, 150000000) };
		struct model *want;
		struct store *s;
		int tube[2];
		pid_t pid;

		begin_with_one();
		assert_int_equal(pipe(tube), 0);
		if ((pid = fork()) == 0) {
			close(tube[0]);
			publish_for_ever(&tube[1]);
		}
		close(tube[1]);
		/* No rule for when: any moment will do. */
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(tube[0], &serial, sizeof(serial)) == sizeof(serial))
			acknowledged = serial;
		close(tube[0]);
		s = lab_open();
		serial = lab_serial(s);
		assert_in_range(serial, acknowledged, acknowledged + 1);
		want = replay(serial);
		lab_check(s, want);
		store_close(s);
		free(want);
	}
}

/* The system says no at one place: the change fails with that word, the store shows the old version and goes
 * on. */
static void refusal_at_any_point_keeps_the_old_version(void **state)
{
	static const struct {
		const char *point;
		int why;
	} cases[] = {
		{ "store-new-volume", ENOSPC }, { "store-new-volume", EMFILE }, { "store-append", ENOSPC },
		{ "store-append", EIO },        { "store-sync", EIO },          { "store-sync", ENOSPC },
	};

	(void)state;
	need_test_build();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };
		struct store *s;
		char value[64];

		begin_with_one();
		s = lab_open();
		store_set_volume_max(s, SMALL_VOLUME / 4);
		snprintf(value, sizeof(value), "%s:%d", cases[i].point, cases[i].why);
		setenv("DUET_TEST_ERRNO", value, 1);
		for (unsigned again = 0; again < 3; again++) {
			assert_int_equal(lab_publish(s, one, two, &e), -1);
			assert_int_equal(e.code, ERR_IO);
			assert_non_null(strstr(e.text, strerror(cases[i].why)));
			lab_check(s, one);
		}
		unsetenv("DUET_TEST_ERRNO");
		assert_int_equal(lab_publish(s, one, two, NULL), 0);
		lab_check(s, two);
		store_close(s);
		s = lab_open();
		lab_check(s, two);
		store_close(s);
	}
}

static void change_that_was_open_when_a_sync_failed_is_refused(void **state)
{
	struct store *s;
	struct version *base, *made;
	struct version_info info;
	struct change *open_change;
	struct err e = { 0 };
	uint8_t rdata[64];
	struct rr sig;

	(void)state;
	need_test_build();
	begin_with_one();
	s = lab_open();
	base = store_current(s, lab_apex);
	assert_int_equal(change_begin(s, lab_apex, &open_change, NULL), 0);
	assert_int_equal(lab_fill(open_change, version_table(base), one, three, NULL), 0);
	version_unref(base);
	setenv("DUET_TEST_ERRNO", "store-sync:5", 1);
	assert_int_equal(lab_publish(s, one, two, &e), -1);
	unsetenv("DUET_TEST_ERRNO");
	lab_info(3, &info, rdata, &sig);
	assert_int_equal(change_publish(open_change, &info, NULL, &made, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	assert_int_equal(lab_publish(s, one, two, &e), 0);
	lab_check(s, two);
	store_close(s);
}

/* Fills the file system up to some free octets. */
static void fill_disk(const char *path, uint64_t free_octets)
{
	static const uint8_t zero[4096];
	struct statvfs vfs;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (;;) {
		assert_int_equal(statvfs(lab_dir, &vfs), 0);
		if (vfs.f_bavail * vfs.f_bsize <= free_octets ||
		    write(fd, zero, sizeof(zero)) != sizeof(zero))
			break;
	}
	close(fd);
}

/* In a file system of 1 MiB: with less and less room each change either fails, and the old version stays, or
 * is whole. */
static void publish_on_a_full_disk(void *ctx)
{
	unsigned refused = 0, done = 0;
	char filler[256];

	(void)ctx;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", lab_dir, "tmpfs", 0, "size=1m") != 0)
		_exit(77);
	snprintf(filler, sizeof(filler), "%s/filler", lab_dir);
	for (uint64_t room = 0; room <= 300 * 1024; room += 8192) {
		struct err e = { 0 };
		struct store *s;
		bool published;

		begin_with_one();
		s = lab_open();
		fill_disk(filler, room);
		published = lab_publish(s, one, two, &e) == 0;
		refused += !published;
		done += published;
		if (!published &&
		    (e.code != ERR_IO || (strstr(e.text, "full") == NULL && strstr(e.text, "space") == NULL)))
			fail_msg("%s", e.text);
		lab_check(s, published ? two : one);
		if (room / 8192 % 2 == 0) { /* a restart finds the disk full, too */
			store_close(s);
			s = lab_open();
			lab_check(s, published ? two : one);
		}
		unlink(filler);
		if (!published)
			assert_int_equal(lab_publish(s, one, two, NULL), 0);
		lab_check(s, two);
		store_close(s);
		s = lab_open();
		lab_check(s, two);
		store_close(s);
	}
	print_message("full disk: %u refused, %u published\n", refused, done);
	assert_true(refused > 5 && done > 5);
}

static void in_own_mounts(void *ctx)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		_exit(77);
	publish_on_a_full_disk(ctx);
}

static void full_disk_keeps_the_old_version(void **state)
{
	int status;

	(void)state;
	status = lab_child(in_own_mounts, NULL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message(
			"a mount namespace of our own is not allowed here: the full disk is not tested\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void publish_with_small_files(void *ctx)
{
	const struct rlimit limit = { *(rlim_t *)ctx, RLIM_INFINITY },
			    none = { RLIM_INFINITY, RLIM_INFINITY };
	struct store *s = lab_open();
	bool published;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	published = lab_publish(s, one, two, NULL) == 0;
	lab_check(s, published ? two : one);
	setrlimit(RLIMIT_FSIZE, &none);
	if (!published)
		assert_int_equal(lab_publish(s, one, two, NULL), 0);
	lab_check(s, two);
	store_close(s);
	_exit(published ? 3 : 4);
}

static void file_size_limit_keeps_the_old_version(void **state)
{
	unsigned published = 0, refused = 0;

	(void)state;
	for (rlim_t limit = 8192; limit < 400000; limit += 24 * 1024) {
		struct store *s;
		int status;

		begin_with_one();
		status = lab_child(publish_with_small_files, &limit);
		assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 4));
		published += WEXITSTATUS(status) == 3;
		refused += WEXITSTATUS(status) == 4;
		s = lab_open();
		lab_check(s, two);
		store_close(s);
	}
	assert_true(published > 0 && refused > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(crash_at_any_point_shows_one_version_whole),
		TEST(crash_in_compaction_loses_nothing),
		TEST(kill_at_any_moment_loses_nothing_acknowledged),
		TEST(refusal_at_any_point_keeps_the_old_version),
		TEST(change_that_was_open_when_a_sync_failed_is_refused),
		TEST(full_disk_keeps_the_old_version),
		TEST(file_size_limit_keeps_the_old_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
