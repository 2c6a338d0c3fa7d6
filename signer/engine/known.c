/* SPDX-License-Identifier: BSD-3-Clause */
/* known: peers' words, our own past and what secondaries show, as the serial rule takes them. */
#include "signer/engine/known.h"

#include <string.h>

#include "fail/fault.h"

bool known_answer(struct known_shown *s, uint32_t serial, const uint8_t id[VERSION_ID_LEN])
{
	const bool changed = !s->ok || s->serial != serial || memcmp(s->id, id, VERSION_ID_LEN) != 0;

	if (FAULT(LEARNED_MAX) && s->serial != 0 && serial_gt(s->serial, serial))
		return false;
	s->ok = true;
	s->serial = serial;
	memcpy(s->id, id, VERSION_ID_LEN);
	return changed;
}

const struct past_version *known_explains(const struct past *own, const struct past *others, const struct known_shown *s)
{
	const struct past_version *v = past_find(own, s->serial, s->id);

	return v != NULL ? v : past_find(others, s->serial, s->id);
}

struct serial_version known_signer(const struct past_version *word, bool silent)
{
	return (struct serial_version){ .from = SERIAL_FROM_SIGNER, .serial = word->serial, .explained = true, .silent = silent,
					.content = word->content, .earliest = word->earliest };
}

struct serial_version known_self(uint32_t serial, const struct content_id *content)
{
	return (struct serial_version){ .from = SERIAL_FROM_SELF, .serial = serial, .explained = true, .content = *content,
					.earliest = INT64_MAX };
}

struct serial_version known_secondary(const struct known_shown *s, const struct past_version *why, bool same_keys)
{
	struct serial_version k = { .from = SERIAL_FROM_SECONDARY, .serial = s->serial, .explained = why != NULL,
				    .same_keys = same_keys, .earliest = INT64_MAX };

	if (why != NULL) {
		k.content = why->content;
		k.earliest = why->earliest;
	}
	return k;
}

bool known_set_back(const struct past *own, uint32_t last, const struct past_version *word)
{
	return word->serial != 0 && past_find(own, word->serial, word->id) == NULL && serial_set_back(last, word->serial);
}
