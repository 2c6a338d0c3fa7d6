/* SPDX-License-Identifier: BSD-3-Clause */
/* say: the facts that a node adds, as its keydist words them. */
#include "tests/sim/sim.h"

#include "msg/msg.h"
#include "fact/own.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void take_incarnation(struct sim *s, struct node *n)
{
	struct incarnation last = { .number = 0 };

	for (int i = 0; i < n->disk.facts; i++)
		if (n->log[i]->origin == n->who && n->log[i]->f.inc.number > last.number)
			last = n->log[i]->f.inc;
	n->inc.number = own_number(&n->inc, last.number);
	for (size_t i = 0; i < sizeof(n->inc.random); i++)
		n->inc.random[i] = (uint8_t)chance_u64(&s->chance);
	if (n->inc.number == last.number) /* a mistake */
		n->inc = last;
}

/* A fact as people read it: keys by their short names. */
static void tell(struct sim *s, const struct node *n, const char *kind, const json_t *body)
{
	static const char *const lists[] = { "key", "keys", "signing", "cds" };
	const char *record = json_string_value(json_object_get(body, "record"));
	char line[256];
	size_t at = 0;

	line[0] = '\0';
	for (size_t i = 0; i < 4; i++) {
		const json_t *v = json_object_get(body, lists[i]);

		if (v == NULL)
			continue;
		at += (size_t)snprintf(line + at, sizeof(line) - at, " %s", lists[i]);
		for (size_t j = 0; at < 200 && j < (json_is_array(v) ? json_array_size(v) : 1); j++) {
			const char *text = json_string_value(json_is_array(v) ? json_array_get(v, j) : v);
			uint8_t hash[32];

			if (text != NULL && sodium_hex2bin(hash, 32, text, 64, NULL, NULL, NULL) == 0)
				at += (size_t)snprintf(line + at, sizeof(line) - at, " k%d",
						       keys_find(s, hash));
		}
	}
	sim_say(s, "node %d says %s%s%s%s", n->i, kind, line, record == NULL ? "" : " ",
		record == NULL ? "" : record);
}

bool node_say(struct sim *s, struct node *n, const char *kind, bool zone, json_t *body)
{
	struct fact head = { .time = s->now + n->clock_off, .seq = 1 };
	struct sim_fact *f = arena_alloc(s->arena, 1, sizeof(*f));
	struct err e;
	uint8_t *octets, *kept;
	size_t len;

	if (n->disk.facts == FACTS_MAX)
		sim_fail(s, "limit", "too many facts");
	if (n->inc.number == 0)
		take_incarnation(s, n);
	clone_check(s, n);
	head.inc = n->inc;
	for (int i = n->disk.facts - 1; i >= 0 && head.seq == 1; i--)
		if (n->log[i]->origin == n->who && incarnation_cmp(&n->log[i]->f.inc, &n->inc) == 0) {
			head.seq = n->log[i]->f.seq + 1;
			memcpy(head.prev, n->log[i]->f.hash, FACT_HASH_LEN);
		}
	strcpy(head.kind, kind);
	if (zone)
		head.zone_len = dname_lower(sim_zone, head.zone);
	keys_body = (unsigned)s->bodies;
	if (fact_make(&head, body, &n->id, &octets, &len, &e) != 0)
		sim_fail(s, "limit", "%s", e.text);
	if (s->story && !s->quiet)
		tell(s, n, kind, body);
	f->origin = n->who;
	kept = arena_bytes(s->arena, sizeof(body) + len);
	memcpy(kept, &body, sizeof(body)); /* fact_body finds it there; it is parsed for no node */
	memcpy(kept + sizeof(body), octets, len);
	if (s->bodies == FACTS_MAX || fact_read(kept + sizeof(body), len, &f->f, &e) != 0)
		sim_fail(s, "limit", "facts");
	f->nr = (unsigned)s->bodies;
	s->body[s->bodies++] = body;
	free(octets);
	exchange_holds(n, f);
	exchange_push(s, n);
	return true;
}

static json_t *hex(const uint8_t hash[32])
{
	return msg_json_hex(hash, 32);
}

static json_t *hashes(const struct key_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++)
		json_array_append_new(list, hex(set->hash[i]));
	return list;
}

void node_says_held(struct sim *s, struct node *n, const struct key_state *k)
{
	uint8_t data[KEY_PROBE_MAX], sig[32];
	const size_t len = key_probe_data(sim_zone, k->hash, n->id.id, data);

	keys_probe(s->key[keys_find(s, k->hash)], data, len, sig);
	node_say(s, n, "key.held", true,
		 json_pack("{s:o,s:o}", "key", hex(k->hash), "probe", k->foreign ? json_string("") : msg_json_base64(sig, 32)));
}

/* Whose turn it is creates at once, the next one an hour later, or a minute once somebody was in a hurry. */
static void check_turn(struct sim *s, const struct node *n, const struct timeline_create *c)
{
	const int old = keys_find(s, c->replaces[0]);
	struct made *made = &s->made[old < 0 ? 0 : old];

	if (old < 0)
		return;
	/* Two keys take the places of two when one is rolled, whose turn it then is. */
	if (!zone_key(node_zone(n), c->replaces[0])->roll)
		return;
	/* A roll of one key and a new policy, each given where the other is not heard of, are two: they ask for different keys. */
	if (made->by != n->who && made->alg == c->alg && strcmp(made->role, c->role) == 0 &&
	    s->now - s->rolled_at[old] < (s->hurried ? MINUTE : HOUR))
		sim_fail(s, "two creators", "signers %d and %d make a key in place of k%d at the same time", made->by, n->i, old);
	made->by = n->who;
	made->alg = c->alg;
	snprintf(made->role, sizeof(made->role), "%s", c->role);
}

/* instead: of a key that was declined; NULL: none. */
static void create(struct sim *s, struct node *n, const struct timeline_create *c, const uint8_t *instead)
{
	const int at = keys_take(s, n, c->alg, c->role);
	json_t *replaces = json_array(), *boxes = json_array(), *body;
	const struct sim_key *k = at < 0 ? NULL : s->key[at];

	if (k == NULL)
		sim_fail(s, "limit", "too many keys");
	for (size_t i = 0; i < KEY_REPLACES_MAX; i++)
		if (!sodium_is_zero(c->replaces[i], 32))
			json_array_append_new(replaces, hex(c->replaces[i]));
	for (int i = 0; i < s->nodes; i++)
		if (!s->node[i].backup)
			json_array_append_new(
				boxes, json_pack("{s:s,s:s}", "to", s->node[i].id.id_text, "box", "AA"));
	sim_say(s, "node %d makes k%d (%s, algorithm %u, %s)", n->i, at, c->role, c->alg,
		key_method_names[c->method]);
	body = json_pack("{s:o,s:o,s:s,s:o,s:s,s:s,s:o,s:[{s:s,s:s}]}", "key", hex(k->hash), "dnskey",
			 msg_json_base64(k->rdata, k->len), "role", c->role, "replaces", replaces, "method",
			 key_method_names[c->method], "hold", key_hold_names[c->hold], "boxes", boxes, "recovery", "id",
			 "8899aabbccddeeff", "box", "BB");
	if (instead != NULL)
		json_object_set_new(body, "instead", hex(instead));
	node_say(s, n, "key.created", true, body);
	node_says_held(s, n, zone_key(node_zone(n), k->hash));
}

void node_create(struct sim *s, struct node *n, const struct timeline_create *c)
{
	check_turn(s, n, c);
	create(s, n, c, NULL);
}

void node_makes_again(struct sim *s, struct node *n, const struct key_state *k)
{
	struct timeline_create c = { .role = strcmp(k->role, "csk") == 0   ? "csk"
					     : strcmp(k->role, "ksk") == 0 ? "ksk"
									   : "zsk",
				     .alg = k->dnskey[3], .method = k->method, .hold = k->hold };
	uint8_t instead[32];

	memcpy(c.replaces, k->replaces, sizeof(c.replaces));
	memcpy(instead, k->hash, 32);
	create(s, n, &c, instead);
}

void node_says(struct sim *s, struct node *n, const struct timeline_say *w)
{
	static const struct timeline_published nothing;
	const struct timeline_published *p = n->disk.version == NULL ? &nothing : &n->disk.version->published;
	static const char *const kinds[] = {
		[SAY_SEEN] = "key.seen",
		[SAY_STOPPED] = "key.stopped",
		[SAY_GONE] = "key.gone",
	};

	switch (w->kind) {
	case SAY_SERVES:
		node_say(s, n, "key.serves", true,
			 json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:I}", "keys", hashes(&p->record[RECORD_DNSKEY]),
				   "signing", hashes(&p->record[RECORD_ZONE]), "cds",
				   hashes(&p->record[RECORD_DS]), "dnskey_ttl",
				   (json_int_t)n->disk.dnskey_ttl, "largest_ttl",
				   (json_int_t)n->disk.zone_ttl, "unsigned_ttl", (json_int_t)n->disk.zone_ttl,
				   "ds_ttl", (json_int_t)n->disk.memory.ds_ttl));
		break;
	case SAY_CREATE:
		for (size_t i = 0; i < w->creates; i++)
			node_create(s, n, &w->create[i]);
		break;
	case SAY_SEEN:
		surprise_word(s, n, w->key->key->hash, w->record);
		/* fall through */
	case SAY_STOPPED:
	case SAY_GONE:
		node_say(s, n, kinds[w->kind], true,
			 json_pack("{s:o,s:s,s:I,s:b}", "key", hex(w->key->key->hash), "record",
				   key_record_names[w->record], "ttl", (json_int_t)w->ttl, "insecure",
				   w->insecure));
		break;
	}
}
