/* SPDX-License-Identifier: BSD-3-Clause */
/* packet: requests and results as JSON; the runner believes nobody, and who asks does not believe the runner. */
#include "runner/runner.h"

#include "msg/msg.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_MAX  4096
#define WORD_MAX  8192
#define LIMIT_MOST 86400000

static const char *const kind_text[] = { [RUNNER_PROGRAM] = "program", [RUNNER_HTTP] = "http" };
static const char *const outcome_text[] = {
	[RUNNER_DONE] = "done",		      [RUNNER_TIMEOUT] = "timeout",	[RUNNER_KILLED] = "killed",
	[RUNNER_NOT_STARTED] = "not-started", [RUNNER_TOO_LARGE] = "too-large", [RUNNER_LOST] = "lost",
};

const char *runner_outcome_text(enum runner_outcome outcome)
{
	return outcome_text[outcome];
}

static int word_of(const char *text, const char *const *words, int n)
{
	for (int i = 1; i < n; i++)
		if (text != NULL && strcmp(text, words[i]) == 0)
			return i;
	return 0;
}

static json_t *list_of(const char *const *words, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(words[i]));
	return list;
}

/* The object as text with what every packet has; takes o. */
static char *text_of(json_t *o, const char *type, uint64_t number, struct err *e)
{
	char *text;

	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "t", json_string(type));
	json_object_set_new(o, "id", json_integer((json_int_t)number));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL || strlen(text) <= RUNNER_PACKET_MAX)
		return text;
	free(text);
	err_set(e, ERR_LIMIT, "what is asked of the runner has more than %d octets", RUNNER_PACKET_MAX);
	return NULL;
}

char *runner_request_pack(const struct runner_request *q, uint64_t number, struct err *e)
{
	json_t *words = list_of(q->words, q->word_count), *args = list_of(q->args, q->arg_count);
	json_t *o = json_pack("{s:s,s:s,s:s,s:O,s:O,s:s?,s:b,s:b,s:I,s:I}", "kind", kind_text[q->kind], "what",
			      q->what, "label", q->label == NULL ? "" : q->label, "words", words, "args", args,
			      "method", q->method, "in", q->in_fd >= 0, "out", q->out_fd >= 0, "limit_ms",
			      (json_int_t)(q->limit_ms == 0 ? RUNNER_LIMIT_MS : q->limit_ms), "output_max",
			      (json_int_t)q->output_max);
	const bool whole = json_array_size(words) == q->word_count && json_array_size(args) == q->arg_count;

	json_decref(words);
	json_decref(args);
	if (o == NULL || !whole || q->body_len > RUNNER_BODY_MAX) {
		json_decref(o);
		err_set(e, ERR_SYNTAX, "what is asked of the runner is too large, or has text that is not UTF-8");
		return NULL;
	}
	json_object_set_new(o, "body", q->body == NULL ? json_null() : msg_json_base64(q->body, q->body_len));
	return text_of(o, "run", number, e);
}

char *runner_cancel_pack(uint64_t number)
{
	return text_of(json_object(), "cancel", number, NULL);
}

char *runner_result_pack(const struct runner_result *r, uint64_t number)
{
	/* A server's headers may be anything. */
	json_t *etag = json_string(r->etag == NULL ? "" : r->etag);
	json_t *modified = json_string(r->last_modified == NULL ? "" : r->last_modified);
	json_t *why = json_string(r->why == NULL ? "" : r->why);

	return text_of(json_pack("{s:s,s:i,s:o,s:I,s:o,s:o,s:I,s:o}", "outcome", outcome_text[r->outcome], "status",
				 r->status, "output",
				 msg_json_base64(r->output == NULL ? (const void *)"" : r->output, r->output_len),
				 "octets", (json_int_t)r->output_octets, "etag",
				 etag == NULL ? json_string("") : etag, "last_modified",
				 modified == NULL ? json_string("") : modified, "ran_ms", (json_int_t)r->ran_ms, "why",
				 why == NULL ? json_string("?") : why),
		       "result", number, NULL);
}

/* ---- reading ---- */

static json_t *parse(const void *packet, size_t len, const char *type, uint64_t *number, struct err *e)
{
	const char *t = NULL;
	json_t *o = msg_parse(packet, len, &t, e);

	if (o == NULL)
		return NULL;
	if (strcmp(t, type) == 0 && msg_uint(o, "id", INT64_MAX, number, e) == 0)
		return o;
	err_set(e, ERR_SYNTAX, "no %s", type);
	json_decref(o);
	return NULL;
}

/* Text without control characters, in the arena. */
static const char *text_in(const json_t *o, const char *field, size_t max, struct arena *arena, struct err *e)
{
	const char *text = msg_text(o, field, max, e);

	for (const char *p = text; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			err_set(e, ERR_SYNTAX, "%s has a control character", field);
			return NULL;
		}
	return text == NULL ? NULL : arena_strdup(arena, text);
}

static int words_in(const json_t *o, const char *field, struct arena *arena, const char *const **out, size_t *n,
		    struct err *e)
{
	const json_t *list = json_object_get(o, field);
	const char **words;

	if (!json_is_array(list) || json_array_size(list) > RUNNER_WORDS_MAX)
		return err_set(e, ERR_SYNTAX, "%s: a list of at most %d", field, RUNNER_WORDS_MAX);
	words = arena_alloc(arena, json_array_size(list) + 1, sizeof(*words));
	for (*n = 0; *n < json_array_size(list); ++*n) {
		const char *word = json_string_value(json_array_get(list, *n));

		if (word == NULL || strlen(word) > WORD_MAX || strpbrk(word, "\r\n") != NULL)
			return err_set(e, ERR_SYNTAX, "%s: one is no text, too long or has a line end", field);
		words[*n] = arena_strdup(arena, word);
	}
	*out = words;
	return 0;
}

static int body_in(const json_t *o, const char *field, struct arena *arena, const void **out, size_t *len,
		   struct err *e)
{
	uint8_t *octets;

	*out = NULL;
	*len = 0;
	if (json_is_null(json_object_get(o, field)))
		return 0;
	if ((octets = msg_base64(o, field, RUNNER_BODY_MAX, len, e)) == NULL)
		return -1;
	*out = arena_dup(arena, octets, *len);
	free(octets);
	return 0;
}

static int request_in(const json_t *o, struct arena *arena, struct runner_request *q, bool *in, bool *out,
		      struct err *e)
{
	const json_t *method = json_object_get(o, "method");
	uint64_t limit_ms;

	q->kind = (enum runner_kind)word_of(json_string_value(json_object_get(o, "kind")), kind_text, 3);
	if (q->kind == 0 || (q->what = text_in(o, "what", WHAT_MAX, arena, e)) == NULL ||
	    (q->label = text_in(o, "label", WHAT_MAX, arena, e)) == NULL ||
	    words_in(o, "words", arena, &q->words, &q->word_count, e) != 0 ||
	    words_in(o, "args", arena, &q->args, &q->arg_count, e) != 0 ||
	    body_in(o, "body", arena, &q->body, &q->body_len, e) != 0 || msg_bool(o, "in", in, e) != 0 ||
	    msg_bool(o, "out", out, e) != 0 || msg_uint(o, "limit_ms", LIMIT_MOST, &limit_ms, e) != 0 ||
	    msg_uint(o, "output_max", INT64_MAX, &q->output_max, e) != 0)
		return q->kind == 0 ? err_set(e, ERR_SYNTAX, "kind: program or http") : -1;
	q->limit_ms = (int64_t)limit_ms;
	if (q->limit_ms == 0)
		return err_set(e, ERR_SYNTAX, "limit_ms: 1 to %d", LIMIT_MOST);
	if (json_is_string(method) && (q->method = text_in(o, "method", 16, arena, e)) == NULL)
		return -1;
	return 0;
}

int runner_request_read(const void *packet, size_t len, struct arena *arena, struct runner_request *q, uint64_t *number,
			bool *in, bool *out, struct err *e)
{
	json_t *o = parse(packet, len, "run", number, e);
	int rc;

	if (o == NULL)
		return -1;
	*q = (struct runner_request)RUNNER_REQUEST(RUNNER_PROGRAM);
	rc = request_in(o, arena, q, in, out, e);
	json_decref(o);
	return rc;
}

static int result_in(const json_t *o, struct arena *arena, struct runner_result *r, struct err *e)
{
	const json_t *status = json_object_get(o, "status");
	const void *output;
	uint64_t ran_ms;

	r->outcome = (enum runner_outcome)word_of(json_string_value(json_object_get(o, "outcome")), outcome_text, 7);
	if (r->outcome == 0 || !json_is_integer(status) || json_integer_value(status) < 0 ||
	    json_integer_value(status) > 999)
		return err_set(e, ERR_SYNTAX, "outcome or status is none that there is");
	r->status = (int)json_integer_value(status);
	if (body_in(o, "output", arena, &output, &r->output_len, e) != 0 ||
	    msg_uint(o, "octets", INT64_MAX, &r->output_octets, e) != 0 ||
	    (r->etag = text_in(o, "etag", 1024, arena, e)) == NULL ||
	    (r->last_modified = text_in(o, "last_modified", 128, arena, e)) == NULL ||
	    msg_uint(o, "ran_ms", INT64_MAX, &ran_ms, e) != 0 ||
	    (r->why = text_in(o, "why", WHAT_MAX, arena, e)) == NULL)
		return -1;
	r->output = output == NULL ? (const uint8_t *)"" : output;
	r->ran_ms = (int64_t)ran_ms;
	return 0;
}

int runner_result_read(const void *packet, size_t len, struct arena *arena, struct runner_result *r, uint64_t *number,
		       struct err *e)
{
	json_t *o = parse(packet, len, "result", number, e);
	int rc;

	if (o == NULL)
		return -1;
	memset(r, 0, sizeof(*r));
	rc = result_in(o, arena, r, e);
	json_decref(o);
	return rc;
}
