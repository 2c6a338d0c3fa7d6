/* SPDX-License-Identifier: BSD-3-Clause */
/* A submission is put together in order, goes on after a restart, and counts only with its digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "submission/submission.h"

#define OCTETS 700000

static void goes_on_where_it_was(void **state)
{
	uint8_t *text = malloc(OCTETS), digest[SUBMISSION_DIGEST_LEN];
	char path[] = "/tmp/submission-XXXXXX";
	struct assembly a;
	struct err e;
	int fd = mkstemp(path);

	(void)state;
	for (size_t i = 0; i < OCTETS; i++)
		text[i] = (uint8_t)(i * 7);
	crypto_hash_sha256(digest, text, OCTETS);
	assembly_open(&a, dup(fd));
	assert_int_equal(assembly_add(&a, 0, text, 300000, OCTETS, &e), 0);
	assert_int_equal(assembly_add(&a, 299999, text, 10, OCTETS, &e), -1); /* out of order */
	assembly_close(&a);
	assembly_open(&a, dup(fd));
	while (assembly_catch_up(&a, &e) == 1)
		;
	assert_int_equal(a.at, 300000);
	assert_int_equal(assembly_add(&a, a.at, text + a.at, OCTETS - a.at, OCTETS - 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(assembly_add(&a, a.at, text + a.at, OCTETS - a.at, OCTETS, &e), 0);
	assert_int_equal(assembly_sync(&a, &e), 0);
	assert_true(assembly_is(&a, digest));
	assembly_close(&a);
	assert_int_equal(pwrite(fd, "x", 1, 5), 1);
	assembly_open(&a, fd);
	while (assembly_catch_up(&a, &e) == 1)
		;
	assert_false(assembly_is(&a, digest));
	assembly_close(&a);
	unlink(path);
	free(text);
}

static void a_source_names_one_or_none(void **state)
{
	static const char *const none[] = { "submit:", "submit:1", "submit:1//5", "file:1/2/3", "submit:x/00/1" };
	struct submission s = { .rev = 9, .size = 77 }, back;
	char *text;

	(void)state;
	memset(s.digest, 0x5a, sizeof(s.digest));
	text = submission_source(&s);
	assert_true(submission_of_source(text, &back));
	assert_int_equal(back.rev, 9);
	assert_int_equal(back.size, 77);
	assert_memory_equal(back.digest, s.digest, sizeof(s.digest));
	free(text);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(submission_of_source(none[i], &back));
}

/* What a peer answers is a chunk that lies within the size that it names, or that there is none yet. */
static void a_chunk_of_a_peer_lies_within_its_text(void **state)
{
	static const struct { uint64_t offset, size; int rc; } cases[] = {
		{ 0, 5, 0 }, { 5, 10, 0 }, { 6, 10, -1 }, { 0, 4, -1 }, { 0, 0, -1 }, { SUBMISSION_SIZE_MAX, 5, -1 },
		{ SUBMISSION_SIZE_MAX, SUBMISSION_SIZE_MAX, -1 }, { 0, SUBMISSION_SIZE_MAX, 0 }, { 0, SUBMISSION_SIZE_MAX + 1, -1 },
	};
	uint8_t octets[] = "hello";
	struct chunk c = { .octets = octets, .len = 5 }, back;
	json_t *o = input_wait();
	struct err e;
	bool wait;

	(void)state;
	assert_int_equal(input_answer_read(o, &wait, &back, &e), 0);
	assert_true(wait);
	json_decref(o);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c.offset = cases[i].offset;
		c.size = cases[i].size;
		o = input_chunk(&c);
		assert_int_equal(input_answer_read(o, &wait, &back, &e), cases[i].rc);
		assert_false(wait);
		if (cases[i].rc == 0) {
			assert_int_equal(back.size, cases[i].size);
			assert_memory_equal(back.octets, "hello", back.len);
			free(back.octets);
		}
		json_decref(o);
	}
	assert_int_equal(input_answer_read(NULL, &wait, &back, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_where_it_was),
		cmocka_unit_test(a_source_names_one_or_none),
		cmocka_unit_test(a_chunk_of_a_peer_lies_within_its_text),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("submission", tests, NULL, NULL);
}
