/* SPDX-License-Identifier: BSD-3-Clause */
/* past: a ring of versions, and its form in the state that is kept with each publication. */
#include "signer/engine/past.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "fail/fault.h"
#include "msg/msg.h"

static bool same(const struct past_version *v, uint32_t serial, const uint8_t *id)
{
	return v->serial == serial && (id == NULL || FAULT(SERIAL_FOR_ID) || memcmp(v->id, id, VERSION_ID_LEN) == 0);
}

void past_fini(struct past *p)
{
	free(p->v);
	*p = (struct past){ .n = 0 };
}

struct past past_copy(const struct past *p)
{
	struct past copy = *p;

	copy.room = p->n;
	copy.v = mem_dup(p->v, p->n * sizeof(*p->v));
	return copy;
}

void past_add(struct past *p, const struct past_version *v)
{
	for (size_t i = 0; i < p->n; i++)
		if (same(&p->v[i], v->serial, v->id)) {
			p->v[i] = *v;
			return;
		}
	if (p->n == p->room && p->n < PAST_MAX) {
		p->room = p->room * 2 + 2 < PAST_MAX ? p->room * 2 + 2 : PAST_MAX;
		p->v = mem_grow(p->v, p->room, sizeof(*p->v));
	}
	p->v[p->next] = *v;
	p->next = (p->next + 1) % PAST_MAX;
	p->n = p->n < PAST_MAX ? p->n + 1 : p->n;
}

const struct past_version *past_find(const struct past *p, uint32_t serial, const uint8_t *id)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct past_version *v = &p->v[(p->next + PAST_MAX - 1 - i) % PAST_MAX];

		if (same(v, serial, id))
			return v;
	}
	return NULL;
}

bool hex_read(const char *hex, uint8_t *out, size_t len)
{
	size_t got;

	return hex != NULL && strlen(hex) == 2 * len && sodium_hex2bin(out, len, hex, 2 * len, NULL, &got, NULL) == 0 &&
	       got == len;
}

json_t *content_to_json(const struct content_id *c)
{
	return json_pack("{s:I,s:I,s:I,s:o}", "epoch", (json_int_t)c->epoch, "content", (json_int_t)c->number, "steps",
			 (json_int_t)c->steps, "digest", msg_json_hex(c->digest, sizeof(c->digest)));
}

void content_from_json(struct content_id *c, const json_t *o)
{
	*c = (struct content_id){
		.epoch = (uint64_t)json_integer_value(json_object_get(o, "epoch")),
		.number = (uint64_t)json_integer_value(json_object_get(o, "content")),
		.steps = (uint64_t)json_integer_value(json_object_get(o, "steps")),
	};
	if (!hex_read(json_string_value(json_object_get(o, "digest")), c->digest, sizeof(c->digest)))
		memset(c->digest, 0, sizeof(c->digest));
}

/* Of one version, with all numbers at their longest. */
#define VERSION_TEXT (2 * (VERSION_ID_LEN + CONTENT_DIGEST_LEN) + 256)

static size_t version_text(const struct past_version *v, char *out)
{
	char digest[2 * CONTENT_DIGEST_LEN + 1], id[2 * VERSION_ID_LEN + 1], earliest[40] = "";

	if (v->earliest != INT64_MAX)
		snprintf(earliest, sizeof(earliest), ",\"earliest\":%" PRId64, v->earliest);
	return (size_t)snprintf(out, VERSION_TEXT, "{\"epoch\":%" PRIu64 ",\"content\":%" PRIu64 ",\"steps\":%" PRIu64
				",\"digest\":\"%s\",\"serial\":%" PRIu32 ",\"id\":\"%s\"%s}",
				v->content.epoch, v->content.number, v->content.steps,
				sodium_bin2hex(digest, sizeof(digest), v->content.digest, CONTENT_DIGEST_LEN), v->serial,
				sodium_bin2hex(id, sizeof(id), v->id, VERSION_ID_LEN), earliest);
}

char *past_text(const struct past *p)
{
	char *out = mem_grow(NULL, p->n + 1, VERSION_TEXT);
	size_t len = 0;

	out[len++] = '[';
	for (size_t i = 0; i < p->n; i++) {
		len += i > 0;
		len += version_text(&p->v[(p->next + PAST_MAX - p->n + i) % PAST_MAX], out + len);
		out[len] = ',';
	}
	out[len++] = ']';
	out[len] = '\0';
	return out;
}

void past_from_json(struct past *p, const json_t *list)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)list, i, o) {
		struct past_version v = { .serial = (uint32_t)json_integer_value(json_object_get(o, "serial")) };
		const json_t *earliest = json_object_get(o, "earliest");

		content_from_json(&v.content, o);
		v.earliest = json_is_integer(earliest) ? json_integer_value(earliest) : INT64_MAX;
		if (v.serial != 0 && hex_read(json_string_value(json_object_get(o, "id")), v.id, sizeof(v.id)))
			past_add(p, &v);
	}
}
