/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shown: what the engine publishes, and what it was asked to publish.
 *
 * A plan says which keys its version will show, under a token; the engine keeps that with the version and says it back
 * when the version is published (served).  While the newest plan's token is not the published version's, a version of
 * an older plan may be on its way, and nothing is promised.
 */
#include "keydist/keydist.h"

#include "arena/arena.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char *const lists[KEY_RECORDS] = { [RECORD_DNSKEY] = "keys", [RECORD_ZONE] = "signing", [RECORD_DS] = "cds" };

static void add_key(struct shown *s, const uint8_t hash[32], enum key_record r)
{
	size_t i = 0;

	while (i < s->keys && memcmp(s->key[i].hash, hash, 32) != 0)
		i++;
	if (i == TIMELINE_KEYS_MAX)
		return;
	if (i == s->keys) {
		s->key = mem_grow(s->key, s->keys + 1, sizeof(*s->key));
		s->keys++;
		memcpy(s->key[i].hash, hash, 32);
		s->key[i].records = 0;
	}
	s->key[i].records |= (uint8_t)(1u << r);
}

static uint32_t ttl_of(const json_t *row, const char *name)
{
	uint64_t ttl;

	return msg_uint(row, name, INT32_MAX, &ttl, NULL) == 0 ? (uint32_t)ttl : 0;
}

void shown_take(struct keydist *k, struct zone_ctx *c, const json_t *row)
{
	const json_t *shows = json_object_get(row, "shows");
	const char *token = msg_text(shows, "token", TOKEN_TEXT - 1, NULL);
	struct shown s = { .any = true };
	uint64_t steps;

	if (token == NULL)
		return;
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		json_t *o;
		size_t i;

		json_array_foreach(json_object_get(shows, lists[r]), i, o)
		{
			json_t *wrapped = json_pack("{s:O}", "k", o);
			uint8_t hash[32];

			if (msg_hex(wrapped, "k", hash, sizeof(hash), NULL) == 0)
				add_key(&s, hash, r);
			json_decref(wrapped);
		}
	}
	s.cds_delete = json_is_true(json_object_get(shows, "delete"));
	s.dnskey_ttl = ttl_of(row, "dnskey_ttl");
	s.zone_ttl = ttl_of(row, "zone_ttl");
	s.dnskey_before = ttl_of(row, "dnskey_before");
	s.zone_before = ttl_of(row, "zone_before");
	s.steps = msg_uint(row, "steps", INT64_MAX, &steps, NULL) == 0 ? (json_int_t)steps : 0;
	free(c->shown.key);
	c->shown = s;
	strcpy(c->shown_token, token);
	c->told = k->engine_life;
}

void shown_begin(struct keydist *k)
{
	for (size_t i = 0; i < k->zones; i++) {
		struct zone_ctx *c = k->zone[i];

		if (c->told == k->engine_life)
			continue;
		shown_free(c);
		c->shown_token[0] = '\0';
	}
	k->engine_life++;
}

void shown_free(struct zone_ctx *c)
{
	free(c->shown.key);
	c->shown = (struct shown){ .any = false };
}

void shown_get(const struct zone_ctx *c, struct timeline_published *out)
{
	const struct shown *s = &c->shown;

	out->any = s->any;
	out->cds_delete = s->cds_delete;
	out->dnskey_ttl = s->dnskey_ttl;
	out->zone_ttl = s->zone_ttl;
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		out->record[r].n = 0;
		for (size_t i = 0; i < s->keys; i++)
			if ((s->key[i].records >> r & 1) != 0)
				key_set_add(&out->record[r], s->key[i].hash);
	}
}

void shown_lost(const struct keydist *k, const struct zone_ctx *c, uint32_t *dnskey_ttl, uint32_t *zone_ttl)
{
	const struct fact_state *s = cluster_state(k->cluster);

	*dnskey_ttl = *zone_ttl = 0;
	for (size_t i = 0; i < s->nodes; i++) {
		const bool self = memcmp(s->node[i].id, k->self.id, NODE_ID_LEN) == 0;
		const bool counts = s->node[i].retired || (self && cluster_set_back(k->cluster));
		json_t *status = counts ? cluster_status_get(k->cluster, s->node[i].id, c->text) : NULL;
		const uint32_t dnskey = ttl_of(status, "dnskey_ttl"), zone = ttl_of(status, "zone_ttl");

		*dnskey_ttl = dnskey > *dnskey_ttl ? dnskey : *dnskey_ttl;
		*zone_ttl = zone > *zone_ttl ? zone : *zone_ttl;
		json_decref(status);
	}
}

static void digest_of(const struct timeline_published *p, uint8_t out[16])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 16);
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		crypto_generichash_update(&st, (const uint8_t *)&p->record[r].n, sizeof(p->record[r].n));
		crypto_generichash_update(&st, p->record[r].hash[0], 32 * p->record[r].n);
	}
	crypto_generichash_update(&st, (const uint8_t *)&p->cds_delete, sizeof(p->cds_delete));
	crypto_generichash_final(&st, out, 16);
}

static bool same_set(const struct key_set *a, const struct key_set *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!key_set_has(b, a->hash[i]))
			return false;
	return a->n == b->n;
}

static bool is_published(const struct zone_ctx *c, const struct timeline_published *next)
{
	struct timeline_published p;

	if (!c->shown.any)
		return false;
	shown_get(c, &p);
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (!same_set(&p.record[r], &next->record[r]))
			return false;
	return p.cds_delete == next->cds_delete;
}

/* What was sent last keeps its name, and so does, after a start, what is published. */
static void name_it(struct zone_ctx *c, const struct timeline_published *next)
{
	uint8_t digest[16], random[(TOKEN_TEXT - 1) / 2];

	digest_of(next, digest);
	if (c->token[0] != '\0' && memcmp(digest, c->shows, sizeof(digest)) == 0)
		return;
	memcpy(c->shows, digest, sizeof(digest));
	if (c->token[0] == '\0' && is_published(c, next)) {
		strcpy(c->token, c->shown_token);
		return;
	}
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(c->token, sizeof(c->token), random, sizeof(random));
}

json_t *shown_plan(struct zone_ctx *c, const struct timeline_published *next)
{
	json_t *o;

	name_it(c, next);
	o = json_pack("{s:s,s:b}", "token", c->token, "delete", next->cds_delete);
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		json_t *list = json_array();

		for (size_t i = 0; i < next->record[r].n; i++)
			json_array_append_new(list, msg_json_hex(next->record[r].hash[i], 32));
		json_object_set_new(o, lists[r], list);
	}
	return o;
}

bool shown_settled(const struct zone_ctx *c)
{
	return c->token[0] != '\0' && strcmp(c->token, c->shown_token) == 0;
}
