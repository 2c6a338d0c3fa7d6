/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_ask: requests to the local engine, and their answers. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <stdlib.h>

struct asked {
	uint64_t id;
	int64_t until_ms;
	engine_reply_fn *fn;
	void *ctx;
	struct asked *next;
};

void engine_ask(struct keydist *k, const char *what, json_t *args, unsigned timeout_ms, engine_reply_fn *fn,
		void *ctx)
{
	struct asked *a = mem_new(1, sizeof(*a));
	json_t *body;

	a->id = ++k->asked_id;
	a->until_ms = clock_mono_ms() + timeout_ms;
	a->fn = fn;
	a->ctx = ctx;
	a->next = k->asked;
	k->asked = a;
	body = json_pack("{s:I,s:s,s:O?}", "id", (json_int_t)a->id, "what", what, "args", args);
	if (engine_send(k, "request", body) != 0)
		a->until_ms = 0;
	json_decref(body);
}

void engine_on_reply(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	const char *text = msg_text(msg, "error", 900, NULL);
	struct asked *a;
	bool ok = false;
	uint64_t id;
	struct err why;

	(void)from;
	if (msg_uint(msg, "id", INT64_MAX, &id, NULL) != 0 || msg_bool(msg, "ok", &ok, NULL) != 0)
		return;
	for (struct asked **at = &k->asked; (a = *at) != NULL; at = &a->next) {
		if (a->id != id)
			continue;
		*at = a->next;
		err_set(&why, ERR_REFUSED, "%s", text == NULL ? "the signer refused" : text);
		a->fn(a->ctx, ok ? json_object_get(msg, "result") : NULL, ok ? NULL : &why);
		free(a);
		return;
	}
}

void engine_expire(struct keydist *k, bool all)
{
	const int64_t now = clock_mono_ms();
	struct asked **at = &k->asked, *a;
	struct err why;

	while ((a = *at) != NULL) {
		if (!all && now < a->until_ms) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		err_set(&why, ERR_TIMEOUT,
			k->engine_up ? "the signer did not answer" : "the signer is not running");
		a->fn(a->ctx, NULL, &why);
		free(a);
		at = &k->asked;
	}
}
