/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void bytes_come_back(void **state)
{
	struct secret *s = secret_from("hunter2", 7);

	(void)state;
	assert_int_equal(secret_len(s), 7);
	assert_memory_equal(secret_open(s), "hunter2", 7);
	secret_close(s);
	secret_free(s);
	secret_free(NULL);
}

/* A read between uses must end the process. */
static void closed_secret_cannot_be_read(void **state)
{
	struct secret *s = secret_from("hunter2", 7);
	const volatile uint8_t *p = secret_open(s);
	int status;
	pid_t pid;

	(void)state;
	secret_close(s);
	if ((pid = fork()) == 0) {
		fclose(stderr);
		_exit(p[0] == 'h' ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	secret_free(s);
}

static void room_of_a_freed_secret_is_zero(void **state)
{
	static const uint8_t zero[64];
	struct secret *keep = secret_new(1);
	struct secret *s = secret_from("0123456789abcdef0123456789abcdef", 32);
	struct secret *next;

	(void)state;
	secret_free(s);
	next = secret_new(64);
	assert_memory_equal(secret_open(next), zero, 64);
	secret_close(next);
	secret_free(next);
	secret_free(keep);
}

static void many_secrets_live_side_by_side(void **state)
{
	enum { N = 3000 };
	struct secret **s = calloc(N, sizeof(*s));

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		s[i] = secret_new(200 + i % 300);
		memcpy(secret_open_rw(s[i]), &i, sizeof(i));
		secret_close(s[i]);
	}
	for (uint32_t i = 0; i < N; i += 2) {
		secret_free(s[i]);
		s[i] = NULL;
	}
	for (uint32_t i = 1; i < N; i += 2) {
		assert_memory_equal(secret_open(s[i]), &i, sizeof(i));
		secret_close(s[i]);
		secret_free(s[i]);
	}
	free(s);
}

static void nested_open_stays_open(void **state)
{
	struct secret *a = secret_from("aaaa", 4), *b = secret_from("aaaa", 4);
	const uint8_t *p = secret_open(a);

	(void)state;
	assert_true(secret_equal(a, b));
	assert_int_equal(p[3], 'a');
	secret_open(a);
	secret_close(a);
	assert_int_equal(p[0], 'a');
	secret_close(a);
	secret_free(a);
	secret_free(b);
}

static void shrinking_wipes_what_is_cut_off(void **state)
{
	struct secret *s = secret_from("abcdef", 6);

	(void)state;
	secret_shrink(s, 2);
	assert_int_equal(secret_len(s), 2);
	assert_memory_equal(secret_open(s), "ab\0\0\0\0", 6);
	secret_close(s);
	secret_free(s);
}

static void files_are_private_and_never_replaced(void **state)
{
	char dir[] = "/tmp/duet-secret-XXXXXX", path[64];
	struct secret *s = secret_from("xyz", 3), *back;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(secret_write(path, s, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(secret_write(path, s, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_non_null(back = secret_read(path, 3, &e));
	assert_true(secret_equal(s, back));
	secret_free(back);
	assert_null(secret_read(path, 2, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(chmod(path, 0640), 0);
	assert_null(secret_read(path, 3, &e));
	assert_int_equal(e.code, ERR_REFUSED);
	assert_null(secret_read(dir, 3, &e));
	unlink(path);
	rmdir(dir);
	secret_free(s);
}

int main(void)
{
	struct err e;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(closed_secret_cannot_be_read),
		cmocka_unit_test(room_of_a_freed_secret_is_zero),
		cmocka_unit_test(many_secrets_live_side_by_side),
		cmocka_unit_test(nested_open_stays_open),
		cmocka_unit_test(shrinking_wipes_what_is_cut_off),
		cmocka_unit_test(files_are_private_and_never_replaced),
	};

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
