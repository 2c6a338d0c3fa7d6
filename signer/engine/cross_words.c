/* SPDX-License-Identifier: BSD-3-Clause */
/* cross_words: what was found with each peer last, and what of it people are told. */
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/cross.h"

#define ROUNDS 3 /* in which two versions must fit once, without a reason why they need not */

bool cross_serves(const struct conf_peer *p)
{
	return p->role == CONF_SIGNER && p->dns_count > 0;
}

struct cross_word *cross_word_of(struct zwork *z, const char *peer)
{
	for (size_t i = 0; i < z->cross_count; i++)
		if (strcmp(z->cross[i].peer, peer) == 0)
			return &z->cross[i];
	z->cross = mem_grow(z->cross, z->cross_count + 1, sizeof(*z->cross));
	z->cross[z->cross_count] = (struct cross_word){ .peer = mem_strdup(peer), .fits_ms = clock_mono_ms() };
	return &z->cross[z->cross_count++];
}

void cross_forget(struct zwork *z)
{
	for (size_t i = 0; i < z->cross_count; i++) {
		free(z->cross[i].peer);
		free(z->cross[i].result);
		free(z->cross[i].why);
		free(z->cross[i].difference);
	}
	free(z->cross);
	z->cross = NULL;
	z->cross_count = 0;
}

static bool is_peer(const struct conf *conf, const char *name)
{
	size_t i = 0;

	while (i < conf->peer_count && (!cross_serves(&conf->peers[i]) || strcmp(conf->peers[i].name, name) != 0))
		i++;
	return i < conf->peer_count;
}

json_t *cross_status(const struct zwork *z)
{
	json_t *list = z->cross_count > 0 ? json_array() : json_null();

	for (size_t i = 0; i < z->cross_count; i++) {
		const struct cross_word *w = &z->cross[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:I,s:I}", "peer", w->peer, "result", w->result, "why", w->why,
						      "serial", (json_int_t)w->serial, "at", (json_int_t)w->at));
	}
	return list;
}

void cross_alarms(const struct zwork *z, json_t *list)
{
	const int64_t most_ms = ROUNDS * 1000 * z->engine->conf->signer.cross_audit_interval_s;

	for (size_t i = 0; i < z->cross_count; i++) {
		const struct cross_word *w = &z->cross[i];

		if (!is_peer(z->engine->conf, w->peer))
			continue;
		if (w->difference != NULL)
			json_array_append_new(list, json_string(w->difference));
		else if (most_ms > 0 && clock_mono_ms() - w->fits_ms > most_ms)
			json_array_append_new(list, json_sprintf("signer %s has not been seen to fit ours for %d rounds: %s", w->peer, ROUNDS,
								 w->why != NULL ? w->why : "other key steps explain its keys all the time"));
	}
}
