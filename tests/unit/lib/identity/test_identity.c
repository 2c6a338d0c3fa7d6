/* SPDX-License-Identifier: BSD-3-Clause */
#include "identity/identity.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/duet-test-identity-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
	char cmd[100];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static const char *in(const char *name)
{
	static char path[4][128];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", dir, name);
	return path[at];
}

static struct secret *wrap_of(const char *name)
{
	char where[160];

	snprintf(where, sizeof(where), "file:%s", in(name));
	return wrap_key_load(where, NULL);
}

static void what_is_made_is_loaded(void **state)
{
	char line[NODE_LINE_TEXT], again[NODE_LINE_TEXT];
	struct engine_identity engine;
	struct identity id;
	struct secret *wrap;
	struct err e;
	uint8_t pk[32];

	(void)state;
	assert_int_equal(identity_create(in("id"), in("eng"), NULL, true, line, &e), 0);
	wrap = wrap_of("id.wrap");
	assert_non_null(wrap);
	assert_int_equal(identity_load(in("id"), wrap, &id, &e), 0);
	assert_int_equal(engine_identity_load(in("eng"), &engine, &e), 0);
	assert_true(id.first);
	assert_string_equal(node_line_text(&id.line, again), line);
	assert_memory_equal(engine.node_id, id.id, NODE_ID_LEN);
	assert_memory_equal(engine.curve_pk, id.engine_curve_pk, 32);
	assert_memory_equal(engine.box_pk, id.engine_box_pk, 32);
	assert_memory_equal(engine.keydist_curve_pk, id.line.curve_pk, 32);
	crypto_scalarmult_base(pk, secret_open(id.box_sk));
	secret_close(id.box_sk);
	assert_memory_equal(pk, id.line.box_pk, 32);
	secret_free(wrap);
	identity_fini(&id);
	engine_identity_fini(&engine);
}

static void no_box_opens_without_the_wrap_key(void **state)
{
	char line[NODE_LINE_TEXT];
	struct secret *other;
	struct identity id;
	struct err e;

	(void)state;
	assert_int_equal(identity_create(in("id"), NULL, NULL, false, line, &e), 0);
	assert_int_equal(identity_load(in("id"), NULL, &id, &e), 0);
	assert_null(id.box_sk);
	assert_false(id.first);
	identity_fini(&id);
	other = secret_random(WRAP_KEY_LEN);
	assert_int_equal(identity_load(in("id"), other, &id, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	secret_free(other);
}

static void nothing_is_replaced_and_nothing_half_is_left(void **state)
{
	char line[NODE_LINE_TEXT];
	struct stat st;
	struct err e;

	(void)state;
	assert_int_equal(identity_create(in("id"), in("eng"), NULL, false, line, &e), 0);
	assert_int_equal(stat(in("id"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(identity_create(in("id"), in("eng2"), NULL, false, line, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(access(in("eng2"), F_OK), -1);
	/* the engine's file is there already: what was written before it goes again */
	assert_int_equal(identity_create(in("id2"), in("eng"), NULL, false, line, &e), -1);
	assert_int_equal(access(in("id2"), F_OK), -1);
	assert_int_equal(access(in("id2.wrap"), F_OK), -1);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	char line[NODE_LINE_TEXT];
	struct identity id;
	struct err e;

	(void)state;
	assert_int_equal(identity_create(in("id"), NULL, NULL, false, line, &e), 0);
	assert_int_equal(chmod(in("id"), 0640), 0);
	assert_int_equal(identity_load(in("id"), NULL, &id, &e), -1);
}

static void a_slip_of_the_hand_is_noticed(void **state)
{
	char line[NODE_LINE_TEXT];
	struct node_line parsed;
	struct err e;

	(void)state;
	assert_int_equal(identity_create(in("id"), NULL, NULL, false, line, &e), 0);
	assert_int_equal(node_line_parse(line, &parsed, &e), 0);
	for (size_t i = 0; line[i] != '\0'; i++) {
		const char was = line[i];

		line[i] = was == 'A' ? 'B' : 'A';
		if (line[i + 1] != '\0' || was != 'B') /* the last digit has unused bits */
			assert_int_equal(node_line_parse(line, &parsed, &e), -1);
		line[i] = was;
	}
	line[strlen(line) - 1] = '\0';
	assert_int_equal(node_line_parse(line, &parsed, &e), -1);
	assert_int_equal(node_line_parse("", &parsed, &e), -1);
	assert_int_equal(node_line_parse("duet1", &parsed, &e), -1);
}

static void the_recovery_pair_goes_to_paper_and_back(void **state)
{
	char line[RECOVERY_LINE_TEXT];
	struct secret *text = NULL, *sk = NULL;
	uint8_t pk[32], read[32];
	struct err e;

	(void)state;
	assert_int_equal(recovery_create(&text, line, &e), 0);
	assert_int_equal(secret_write(in("rec"), text, &e), 0);
	assert_int_equal(recovery_load(in("rec"), &sk, pk, &e), 0);
	assert_int_equal(recovery_line_parse(line, read, &e), 0);
	assert_memory_equal(pk, read, 32);
	secret_free(text);
	secret_free(sk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_made_is_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(no_box_opens_without_the_wrap_key, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_replaced_and_nothing_half_is_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slip_of_the_hand_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_recovery_pair_goes_to_paper_and_back, setup, teardown),
	};
	struct err e;

	if (secret_init(&e) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
