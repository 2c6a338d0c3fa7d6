/* SPDX-License-Identifier: BSD-3-Clause */
/* step: everything that follows from facts, in its order. */
#include "keydist/keydist.h"

int keydist_say(struct keydist *k, const char *kind, const uint8_t *zone, json_t *body, struct err *e)
{
	const struct cluster_word word = { kind, zone, body };
	int rc = body == NULL ? err_set(e, ERR_INTERNAL, "%s: no body", kind) : cluster_say(k->cluster, &word, 1, e);

	json_decref(body);
	return rc;
}

void keydist_step(struct keydist *k)
{
	members_step(k);
	keys_step(k);
	waits_step(k);
	plan_step(k);
	engine_flush_soon(k);
}
