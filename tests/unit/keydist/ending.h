/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_KEYDIST_ENDING_H
#define DUET_TEST_KEYDIST_ENDING_H

#include "keydist/keydist.h"

/* Closes and frees all that a keydist of a test has opened; what the test has on its loop is closing already. */
static inline void keydist_ends(struct keydist *k)
{
	k->stopping = true;
	engine_close(k);
	cluster_close(k->cluster);
	uv_close((uv_handle_t *)&k->flush, NULL);
	uv_close((uv_handle_t *)&k->turn, NULL);
	while (uv_run(&k->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&k->loop);
	keydist_free(k);
}

#endif
