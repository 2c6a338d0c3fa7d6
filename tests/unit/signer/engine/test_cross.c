/* SPDX-License-Identifier: BSD-3-Clause */
/* How many zones wait for a look at another signer, and what stays an alarm. */
#include "signer/engine/cross.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock/clock.h"

struct world {
	struct conf conf;
	struct conf_peer peer[2];
	struct addr dns;
	struct engine engine;
	struct zwork zone;
	char name[64];
};

static int setup(void **state)
{
	struct world *w = mem_new(1, sizeof(*w));

	w->peer[0] = (struct conf_peer){ .name = w->name, .role = CONF_SIGNER, .dns = &w->dns, .dns_count = 1 };
	w->peer[1] = (struct conf_peer){ .name = w->name, .role = CONF_BACKUP };
	snprintf(w->name, sizeof(w->name), "signer2");
	w->conf.peers = w->peer;
	w->conf.peer_count = 2;
	w->engine.conf = &w->conf;
	w->zone.engine = &w->engine;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int ask(struct world *w, struct crosses *c, unsigned number, struct err *e)
{
	char name[64];
	size_t peers;
	int rc;

	snprintf(name, sizeof(name), "zone%u.example.", number);
	w->zone.name = name;
	rc = crosses_ask(c, &w->zone, &peers, e);
	w->zone.name = NULL;
	assert_int_equal(peers, 1);
	return rc;
}

static void a_full_queue_says_so_and_forgets_nobody(void **state)
{
	struct world *w = *state;
	struct crosses *c = crosses_new(&w->engine);
	struct err e;

	for (unsigned i = 0; i < CROSS_ASKED_MAX; i++) {
		assert_int_equal(ask(w, c, i, &e), 0);
		assert_int_equal(ask(w, c, i / 2, &e), 0); /* one that waits takes no other place */
	}
	assert_int_equal(ask(w, c, CROSS_ASKED_MAX, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	assert_non_null(strstr(e.text, "ask again later"));
	assert_int_equal(ask(w, c, 0, &e), 0);
	crosses_free(c);
}

static size_t alarms(const struct world *w)
{
	json_t *list = json_array();
	size_t n;

	cross_alarms(&w->zone, list);
	n = json_array_size(list);
	json_decref(list);
	return n;
}

static void a_peer_that_is_configured_no_more_is_no_alarm(void **state)
{
	struct world *w = *state;

	w->zone.cross = mem_new(1, sizeof(*w->zone.cross));
	w->zone.cross[0] = (struct cross_word){ .peer = mem_strdup("signer2"), .result = mem_strdup("unknown"), .fits_ms = clock_mono_ms() };
	w->zone.cross_count = 1;
	assert_int_equal(alarms(w), 0);
	w->zone.cross[0].difference = mem_strdup("it did not fit, and since then nobody knows");
	assert_int_equal(alarms(w), 1);
	w->conf.peer_count = 0;
	assert_int_equal(alarms(w), 0);
	cross_forget(&w->zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_full_queue_says_so_and_forgets_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_is_configured_no_more_is_no_alarm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
