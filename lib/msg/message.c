/* SPDX-License-Identifier: BSD-3-Clause */
/* message: the form of a message and its fields.  No sockets here, so that it is fuzzed as it stands. */
#include "msg/msg.h"

#include "arena/arena.h"
#include "dname/dname.h"
#include "msg/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_MAX 32
#define TAIL     "tail" /* the member under which it is kept; none that comes may have this name */

json_t *msg_parse(const void *octets, size_t len, const char **type, struct err *e)
{
	const uint8_t *end = len == 0 ? NULL : memchr(octets, 0, len);
	const size_t text = end == NULL ? len : (size_t)(end - (const uint8_t *)octets);
	json_error_t why;
	json_t *o, *t;

	if (len > MSG_MAX) {
		err_set(e, ERR_LIMIT, "a message of %zu octets, at most %u", len, MSG_MAX);
		return NULL;
	}
	o = json_loadb(octets, text, JSON_REJECT_DUPLICATES, &why);
	if (o == NULL) {
		err_set(e, ERR_SYNTAX, "not JSON: %s", why.text);
		return NULL;
	}
	t = json_object_get(o, "t");
	if (json_integer_value(json_object_get(o, "v")) != 1)
		err_set(e, ERR_SYNTAX, "no message of version 1");
	else if (!json_is_string(t) || json_string_length(t) == 0 || json_string_length(t) > TYPE_MAX)
		err_set(e, ERR_SYNTAX, "a message without type");
	else if (json_object_get(o, TAIL) != NULL)
		err_set(e, ERR_SYNTAX, "a message with a member that is none: " TAIL);
	else {
		if (end != NULL)
			msg_set_tail(o, end + 1, len - text - 1);
		*type = json_string_value(t);
		return o;
	}
	json_decref(o);
	return NULL;
}

const char *msg_text(const json_t *o, const char *field, size_t max, struct err *e)
{
	const json_t *f = json_object_get(o, field);

	if (!json_is_string(f)) {
		err_set(e, ERR_SYNTAX, "%s: must be text", field);
		return NULL;
	}
	if (json_string_length(f) > max) {
		err_set(e, ERR_LIMIT, "%s: %zu octets, at most %zu", field, json_string_length(f), max);
		return NULL;
	}
	return json_string_value(f);
}

int msg_uint(const json_t *o, const char *field, uint64_t max, uint64_t *out, struct err *e)
{
	const json_t *f = json_object_get(o, field);

	if (!json_is_integer(f) || json_integer_value(f) < 0)
		return err_set(e, ERR_SYNTAX, "%s: must be a number, 0 or above", field);
	if ((uint64_t)json_integer_value(f) > max)
		return err_set(e, ERR_LIMIT, "%s: %lld is above %llu", field,
			       (long long)json_integer_value(f), (unsigned long long)max);
	*out = (uint64_t)json_integer_value(f);
	return 0;
}

int msg_bool(const json_t *o, const char *field, bool *out, struct err *e)
{
	const json_t *f = json_object_get(o, field);

	if (!json_is_boolean(f))
		return err_set(e, ERR_SYNTAX, "%s: must be true or false", field);
	*out = json_is_true(f);
	return 0;
}

/* Values of digits, and one more: 0 is none. */
static const uint8_t digits[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Nothing secret is written so, and facts are full of it: libsodium's takes ten times as long. */
static bool read_hex(const char *text, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned high = digits[(uint8_t)text[2 * i]], low = digits[(uint8_t)text[2 * i + 1]];

		if (high == 0 || low == 0)
			return false;
		out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
	}
	return true;
}

int msg_hex(const json_t *o, const char *field, uint8_t *out, size_t len, struct err *e)
{
	const char *text = msg_text(o, field, 2 * len, e);

	if (text == NULL)
		return -1;
	if (strlen(text) != 2 * len || !read_hex(text, out, len))
		return err_set(e, ERR_SYNTAX, "%s: must be %zu hex digits", field, 2 * len);
	return 0;
}

int msg_name(const json_t *o, const char *field, uint8_t out[255], struct err *e)
{
	const char *text = msg_text(o, field, DNAME_TEXT_MAX - 1, e);

	if (text == NULL)
		return -1;
	if (dname_from_text(text, out, e) != 0)
		return err_ctx(e, "%s", field);
	return 0;
}

uint8_t *msg_base64(const json_t *o, const char *field, size_t max, size_t *len, struct err *e)
{
	const char *text = msg_text(o, field, (max + 2) / 3 * 4, e);
	uint8_t *out;

	if (text == NULL)
		return NULL;
	max = strlen(text) / 4 * 3 + 3 < max ? strlen(text) / 4 * 3 + 3 : max;
	out = mem_new(max + 1, 1);
	if (sodium_base642bin(out, max, text, strlen(text), NULL, len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0) {
		err_set(e, ERR_SYNTAX, "%s: must be base64 of at most %zu octets", field, max);
		free(out);
		return NULL;
	}
	return out;
}

const uint8_t *msg_tail(const json_t *o, size_t *len)
{
	const json_t *tail = json_object_get(o, TAIL);

	*len = json_string_length(tail);
	return (const uint8_t *)json_string_value(tail);
}

void msg_set_tail(json_t *o, const void *octets, size_t len)
{
	json_object_set_new(o, TAIL, json_stringn_nocheck(octets, len));
}

/* The octets of a message; NULL when there is no text of it. */
char *msg_octets(const char *type, const json_t *body, size_t *len)
{
	json_t *o = body == NULL ? json_object() : json_copy((json_t *)(uintptr_t)body);
	size_t tail_len = 0;
	const uint8_t *tail = body == NULL ? NULL : msg_tail(body, &tail_len);
	char *text;

	json_object_del(o, TAIL);
	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "t", json_string(type));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return NULL;
	*len = strlen(text);
	if (tail != NULL) {
		text = mem_grow(text, *len + 1 + tail_len, 1);
		memcpy(text + *len + 1, tail, tail_len);
		*len += 1 + tail_len;
	}
	return text;
}

json_t *msg_json_hex(const void *octets, size_t len)
{
	char *text = mem_new(2 * len + 1, 1);
	json_t *j;

	sodium_bin2hex(text, 2 * len + 1, octets, len);
	j = json_string_nocheck(text);
	free(text);
	return j;
}

json_t *msg_json_base64(const void *octets, size_t len)
{
	size_t cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = mem_new(cap, 1);
	json_t *j;

	sodium_bin2base64(text, cap, octets, len, sodium_base64_VARIANT_ORIGINAL);
	j = json_string_nocheck(text);
	free(text);
	return j;
}
