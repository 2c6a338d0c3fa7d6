/* SPDX-License-Identifier: BSD-3-Clause */
/* lag: what is remembered of an own source that lags behind what was taken from a peer. */
#include "signer/engine/borrow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "log/log.h"
#include "msg/msg.h"
#include "signer/engine/zwork.h"

void lag_begin(struct zwork *z, const struct content_id *there, const char *from, const uint8_t *own)
{
	struct lag *l = z->lag;

	if (l == NULL) {
		l = z->lag = mem_new(1, sizeof(*l));
		l->since = clock_now_s();
		if (own != NULL)
			memcpy(l->own, own, sizeof(l->own));
		memcpy(l->given, z->plan->given_hash, sizeof(l->given));
	}
	l->id = *there;
	snprintf(l->from, sizeof(l->from), "%s", from);
	if (memcmp(l->own, there->digest, sizeof(l->own)) == 0)
		lag_over(z);
}

void lag_goes_on(struct zwork *z, const uint8_t *digest)
{
	struct lag *l = z->lag;

	log_event(LOG_NOTICE, "source-lags", "zone=%s source=%s msg=it gives what is older than content %" PRIu64 " of %s, which stays",
		  z->name, z->source.text, l->id.number, l->from);
	if (memcmp(l->own, digest, sizeof(l->own)) == 0 && memcmp(l->given, z->plan->given_hash, sizeof(l->given)) == 0)
		return;
	memcpy(l->own, digest, sizeof(l->own));
	memcpy(l->given, z->plan->given_hash, sizeof(l->given));
	zwork_save(z);
}

void lag_forget(struct zwork *z)
{
	free(z->lag);
	z->lag = NULL;
}

void lag_over(struct zwork *z)
{
	log_event(LOG_NOTICE, "source-caught-up", "zone=%s source=%s msg=it has content %" PRIu64 ", which was taken from %s, or newer",
		  z->name, z->source.text, z->lag->id.number, z->lag->from);
	lag_forget(z);
	zwork_save(z);
	zwork_tell(z);
}

json_t *lag_json(const struct zwork *z)
{
	json_t *o;

	if (z->lag == NULL)
		return NULL;
	o = content_to_json(&z->lag->id);
	json_object_set_new(o, "own", msg_json_hex(z->lag->own, sizeof(z->lag->own)));
	json_object_set_new(o, "given", msg_json_hex(z->lag->given, sizeof(z->lag->given)));
	json_object_set_new(o, "from", json_string(z->lag->from));
	json_object_set_new(o, "since", json_integer(z->lag->since));
	return o;
}

void lag_read(struct zwork *z, const json_t *o)
{
	const char *from = json_string_value(json_object_get(o, "from"));

	if (from == NULL)
		return;
	z->lag = mem_new(1, sizeof(*z->lag));
	content_from_json(&z->lag->id, o);
	hex_read(json_string_value(json_object_get(o, "own")), z->lag->own, sizeof(z->lag->own));
	hex_read(json_string_value(json_object_get(o, "given")), z->lag->given, sizeof(z->lag->given));
	snprintf(z->lag->from, sizeof(z->lag->from), "%s", from);
	z->lag->since = json_integer_value(json_object_get(o, "since"));
}

char *lag_alarm(const struct zwork *z)
{
	const char *source = z->source.text == NULL ? "none" : z->source.text;
	char at[CLOCK_TEXT_LEN];

	if (z->lag == NULL)
		return NULL;
	return mem_printf("input taken from %s: this node's own source, %s, lags since %s", z->lag->from, source,
			  clock_text(z->lag->since, at));
}
