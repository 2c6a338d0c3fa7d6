/* SPDX-License-Identifier: BSD-3-Clause */
/* submission: how it is named in facts and plans, and the messages that carry it, or a peer's input. */
#include "submission/submission.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "msg/msg.h"

#define REV_MAX (UINT64_C(1) << 53)

json_t *submission_json(const struct submission *s)
{
	return json_pack("{s:I,s:o,s:I}", "rev", (json_int_t)s->rev, "digest", msg_json_hex(s->digest, sizeof(s->digest)), "size",
			 (json_int_t)s->size);
}

int submission_read(const json_t *o, struct submission *out, struct err *e)
{
	*out = (struct submission){ .rev = 0 };
	if (msg_uint(o, "rev", REV_MAX, &out->rev, e) != 0 || msg_uint(o, "size", SUBMISSION_SIZE_MAX, &out->size, e) != 0)
		return -1;
	return msg_hex(o, "digest", out->digest, sizeof(out->digest), e);
}

char *submission_source(const struct submission *s)
{
	char hex[SUBMISSION_HEX];

	sodium_bin2hex(hex, sizeof(hex), s->digest, sizeof(s->digest));
	return mem_printf("submit:%" PRIu64 "/%s/%" PRIu64, s->rev, hex, s->size);
}

/* A number and what must stand behind it; NULL: it does not. */
static const char *number(const char *text, uint64_t most, char end, uint64_t *out)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > most)
			return NULL;
	}
	*out = n;
	return *text != end ? NULL : end == '\0' ? text : text + 1;
}

bool submission_of_source(const char *source, struct submission *out)
{
	const char *at, *end;
	size_t len;

	*out = (struct submission){ .rev = 0 };
	if (strncmp(source, "submit:", 7) != 0 || (at = number(source + 7, REV_MAX, '/', &out->rev)) == NULL)
		return false;
	if (sodium_hex2bin(out->digest, sizeof(out->digest), at, strnlen(at, SUBMISSION_HEX - 1), NULL, &len, &end) != 0 ||
	    len != sizeof(out->digest) || *end != '/')
		return false;
	return number(end + 1, SUBMISSION_SIZE_MAX, '\0', &out->size) != NULL;
}

json_t *chunk_wish(const uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t offset)
{
	return json_pack("{s:o,s:I}", "digest", msg_json_hex(digest, SUBMISSION_DIGEST_LEN), "offset", (json_int_t)offset);
}

int chunk_wish_read(const json_t *o, uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t *offset, struct err *e)
{
	if (msg_hex(o, "digest", digest, SUBMISSION_DIGEST_LEN, e) != 0)
		return -1;
	return msg_uint(o, "offset", SUBMISSION_SIZE_MAX, offset, e);
}

json_t *chunk_json(const uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t offset, const uint8_t *octets, size_t len)
{
	json_t *o = chunk_wish(digest, offset);

	json_object_set_new(o, "data", msg_json_base64(octets, len));
	return o;
}

int chunk_read(const json_t *o, struct chunk *out, struct err *e)
{
	*out = (struct chunk){ .octets = NULL };
	if (chunk_wish_read(o, out->digest, &out->offset, e) != 0)
		return -1;
	if (json_object_get(o, "size") != NULL && msg_uint(o, "size", SUBMISSION_SIZE_MAX, &out->size, e) != 0)
		return -1;
	if ((out->octets = msg_base64(o, "data", SUBMISSION_CHUNK, &out->len, e)) == NULL)
		return -1;
	if (out->len > 0)
		return 0;
	free(out->octets);
	out->octets = NULL;
	return err_set(e, ERR_SYNTAX, "data: an empty chunk");
}

/* ---- input of a peer ---- */

json_t *input_wish_json(const struct input_wish *w)
{
	char zone[DNAME_TEXT_MAX];

	return json_pack("{s:s,s:o,s:I}", "zone", dname_to_text(w->zone, zone), "content", msg_json_hex(w->content, sizeof(w->content)),
			 "offset", (json_int_t)w->offset);
}

int input_wish_read(const json_t *o, struct input_wish *out, struct err *e)
{
	if (msg_name(o, "zone", out->zone, e) != 0 || msg_hex(o, "content", out->content, sizeof(out->content), e) != 0)
		return -1;
	return msg_uint(o, "offset", SUBMISSION_SIZE_MAX, &out->offset, e);
}

json_t *input_wait(void)
{
	return json_pack("{s:b}", "wait", 1);
}

json_t *input_chunk(const struct chunk *c)
{
	json_t *o = chunk_json(c->digest, c->offset, c->octets, c->len);

	json_object_set_new(o, "size", json_integer((json_int_t)c->size));
	return o;
}

int input_answer_read(const json_t *o, bool *wait, struct chunk *out, struct err *e)
{
	*wait = json_is_true(json_object_get(o, "wait"));
	if (*wait)
		return 0;
	if (chunk_read(o, out, e) != 0)
		return -1;
	if (out->size > 0 && out->len <= out->size && out->offset <= out->size - out->len)
		return 0;
	free(out->octets);
	out->octets = NULL;
	return err_set(e, ERR_SYNTAX, "size: %" PRIu64 ", and %zu octets at %" PRIu64, out->size, out->len, out->offset);
}
