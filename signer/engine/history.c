/* SPDX-License-Identifier: BSD-3-Clause */
/* history: notes that wait for a commit, and those that the store has. */
#include "signer/engine/history.h"

#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "msg/msg.h"
#include "signer/engine/zwork.h"

#define WAITING_MAX 64 /* notes that no commit has taken; older ones go */

static json_t *words(const struct zwork *z, const struct made *m)
{
	const struct content_id *c = m != NULL ? made_content(z, m) : z->input != NULL ? &z->input_id : &z->kept.mine;
	json_t *o = json_pack("{s:I,s:I}", "at", (json_int_t)clock_now_s(), "content", (json_int_t)c->number);

	json_object_set_new(o, "digest", msg_json_hex(c->digest, sizeof(c->digest)));
	json_object_set_new(o, "input_serial", json_integer(m != NULL && m->arena != NULL ? m->info.input_serial
											  : z->source.input_serial));
	if (m != NULL && m->arena != NULL)
		json_object_set_new(o, "serial", json_integer(m->info.serial));
	return o;
}

/* Takes over text. */
static void append(struct history *h, char *text, int64_t at)
{
	if (h->n == WAITING_MAX) {
		free(h->text[0]);
		h->n--;
		memmove(h->text, h->text + 1, h->n * sizeof(*h->text));
		memmove(h->at, h->at + 1, h->n * sizeof(*h->at));
	}
	h->text = mem_grow(h->text, h->n + 1, sizeof(*h->text));
	h->at = mem_grow(h->at, h->n + 1, sizeof(*h->at));
	h->text[h->n] = text;
	h->at[h->n++] = at;
}

static void add_note(struct zwork *z, json_t *o, const char *step, const char *result, const char *reason)
{
	json_object_set_new(o, "step", json_string(step));
	json_object_set_new(o, "result", json_string(result));
	if (reason != NULL)
		json_object_set_new(o, "reason", json_string(reason));
	append(&z->history, json_dumps(o, JSON_COMPACT), clock_now_s());
	json_decref(o);
}

void history_note(struct zwork *z, const struct made *m, const char *step, const char *result, const char *reason)
{
	add_note(z, words(z, m), step, result, reason);
}

void history_note_candidate(struct zwork *z, const char *result, const char *reason)
{
	const struct review *r = &z->review;
	const struct version_info *info = version_info(r->version);
	json_t *o = json_pack("{s:I,s:I,s:o,s:I,s:I}", "at", (json_int_t)clock_now_s(), "content", (json_int_t)r->content.number,
			      "digest", msg_json_hex(r->content.digest, sizeof(r->content.digest)), "input_serial",
			      (json_int_t)info->input_serial, "serial", (json_int_t)info->serial);

	add_note(z, o, r->stage == REVIEW_LOAD ? "load-review" : "sign-review", result, reason);
}

void history_take(struct zwork *z, struct history *h, struct store_write *w)
{
	*h = z->history;
	z->history = (struct history){ .n = 0 };
	w->history = h->text;
	w->history_at = h->at;
	w->history_count = h->n;
}

void history_written(struct zwork *z, struct history *h, bool written)
{
	struct history newer = z->history;

	if (written) {
		history_fini(h);
		return;
	}
	z->history = *h;
	*h = (struct history){ .n = 0 };
	for (size_t i = 0; i < newer.n; i++)
		append(&z->history, newer.text[i], newer.at[i]);
	free(newer.text);
	free(newer.at);
}

void history_acted(struct zwork *z, struct history *h, bool written)
{
	if (!written && h->n > 0)
		free(h->text[--h->n]);
	history_written(z, h, written);
}

void history_fini(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->text[i]);
	free(h->text);
	free(h->at);
	*h = (struct history){ .n = 0 };
}

static int add(void *ctx, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	if (o != NULL)
		json_array_append_new(ctx, o);
	return 0;
}

int history_read(struct zwork *z, size_t most, json_t **out, struct err *e)
{
	json_t *list = json_array();

	if (store_history(z->engine->store, z->apex, most, add, list, e) != 0) {
		json_decref(list);
		return -1;
	}
	*out = json_pack("{s:o}", "history", list);
	return 0;
}
