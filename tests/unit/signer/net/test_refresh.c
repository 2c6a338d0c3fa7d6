/* SPDX-License-Identifier: BSD-3-Clause */
/* One timer for all: each item comes, in its order, once, and not when it was dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signer/net/refresh.h"

struct thing {
	struct agenda_item due;
	char name;
};

static struct thing came_last;
static char came[16];
static size_t n;
static struct net *the_net;

static void note(void *of)
{
	struct thing *t = of;

	came[n++] = t->name;
	if (n == 2) /* from within, as a primary that cannot be asked */
		refresh_set(the_net, &came_last.due, 60);
}

static void each_comes_when_it_is_due(void **state)
{
	struct net net = { .exit_code = 0 };
	struct thing t[4];

	(void)state;
	the_net = &net;
	came_last = (struct thing){ .name = 'e', .due.of = &came_last };
	assert_int_equal(uv_loop_init(&net.loop), 0);
	refresh_start(&net, note);
	for (size_t i = 0; i < 4; i++)
		t[i] = (struct thing){ .name = (char)('a' + i), .due.of = &t[i] };
	/* However slow this is, what is set later is due later, but for the first one. */
	refresh_set(&net, &t[3].due, 1000000);
	refresh_set(&net, &t[1].due, 1);
	refresh_set(&net, &t[3].due, 10); /* in place of that */
	refresh_set(&net, &t[2].due, 20);
	refresh_set(&net, &came_last.due, 30);
	refresh_drop(&net, &came_last.due);
	refresh_set(&net, &t[0].due, 40);
	uv_run(&net.loop, UV_RUN_DEFAULT); /* until no timer is set any more */
	assert_string_equal(came, "bdcae");
	refresh_stop(&net);
	uv_run(&net.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&net.loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_comes_when_it_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
