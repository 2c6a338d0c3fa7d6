/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_fact: facts as octets, and what their bodies do to a state.
 *
 * An input that begins with '{' or has the form KIND LF ZONE LF BODY is made into a fact of that kind, so
 * that bodies are reached without a signature; it is applied twice, which must be as once.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fact/state.h"
#include "fuzz_main.h"

static char *dump(const struct fact_state *s)
{
	json_t *o = fact_state_dump(s);
	char *text = json_dumps(o, JSON_SORT_KEYS);

	assert(o != NULL && text != NULL);
	json_decref(o);
	return text;
}

static void apply_twice(const struct fact *f)
{
	struct fact_state *s = fact_state_new();
	uint8_t ids[64][NODE_ID_LEN];
	char *once, *twice;

	fact_state_apply(s, f);
	once = dump(s);
	fact_state_apply(s, f);
	twice = dump(s);
	assert(strcmp(once, twice) == 0);
	for (size_t i = 0; i < s->zones; i++) {
		zone_addition(&s->zone[i]);
		for (size_t j = 0; j < s->zone[i].keys; j++)
			key_held_by(&s->zone[i], &s->zone[i].key[j], f->origin);
	}
	if (s->nodes <= 64)
		state_counted(s, f->origin, ids);
	free(once);
	free(twice);
	fact_state_free(s);
}

static void as_text(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *kind_end = memchr(text, '\n', len), *zone_end;
	struct fact f = { .seq = 1, .inc.number = 1 };
	char zone[DNAME_TEXT_MAX];
	size_t n;

	if (kind_end == NULL || (n = (size_t)(kind_end - text)) > FACT_KIND_MAX)
		return;
	memcpy(f.kind, text, n);
	zone_end = memchr(kind_end + 1, '\n', len - n - 1);
	if (zone_end == NULL || (n = (size_t)(zone_end - kind_end - 1)) >= sizeof(zone))
		return;
	memcpy(zone, kind_end + 1, n);
	zone[n] = '\0';
	if (n > 0 && dname_from_text(zone, f.zone, NULL) == 0)
		f.zone_len = dname_lower(f.zone, f.zone);
	f.body = zone_end + 1;
	f.body_len = len - (size_t)(zone_end + 1 - text);
	if (f.body_len <= FACT_BODY_MAX)
		apply_twice(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t pk[PUBLIC_LEN] = { 1 };
	struct fact f;

	if (fact_read(data, len, &f, NULL) == 0) {
		assert(fact_verify(&f, pk, NULL) != 0);
		json_decref(fact_to_json(&f));
		apply_twice(&f);
	}
	as_text(data, len);
	return 0;
}
