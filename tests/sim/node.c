/* SPDX-License-Identifier: BSD-3-Clause */
/* node: a signer or a backup: what its keydist and its engine do with what lib/timeline tells them. */
#include "tests/sim/sim.h"

#include "msg/msg.h"
#include "fail/fault.h"
#include "fact/state_parts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SAYS_MAX 64

void node_init(struct sim *s, int i, bool backup)
{
	static uint8_t pk[NODES_MAX][32];
	struct node *n = &s->node[i];
	uint8_t seed[32] = { 0 }, sk[64];

	memset(n, 0, sizeof(*n));
	n->i = i;
	n->backup = backup;
	n->up = n->compared = true;
	seed[0] = (uint8_t)(i + 1);
	if (sodium_is_zero(pk[i], 32))
		crypto_sign_seed_keypair(pk[i], sk, seed);
	memcpy(n->id.line.sign_pk, pk[i], 32);
	memset(n->id.line.box_pk, 9, 32);
	memset(n->id.line.curve_pk, 10 + i, 32);
	node_id_of(n->id.line.sign_pk, n->id.id);
	node_id_text(n->id.id, n->id.id_text);
	node_line_text(&n->id.line, n->line);
	n->state = fact_state_new();
	serve_first(s, n);
}

void node_fini(struct node *n)
{
	fact_state_free(n->state);
	timeline_memory_fini(&n->disk.memory);
	timeline_memory_fini(&n->snapshot.memory);
}

/* ---- saying ---- */

/* One above the highest incarnation of itself that the node finds. */
static void take_incarnation(struct sim *s, struct node *n)
{
	uint32_t highest = 0;

	for (int i = 0; i < n->disk.facts; i++)
		if (n->log[i]->origin == n->i && n->log[i]->f.inc.number > highest)
			highest = n->log[i]->f.inc.number;
	n->inc.number = highest + 1;
	for (size_t i = 0; i < sizeof(n->inc.random); i++)
		n->inc.random[i] = (uint8_t)chance_u64(&s->chance);
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
	if (FAULT(SAME_INCARNATION) && n->used.number != 0)
		n->inc = n->used;
	n->used = n->inc;
	head.inc = n->inc;
	for (int i = 0; i < n->disk.facts; i++)
		if (n->log[i]->origin == n->i && incarnation_cmp(&n->log[i]->f.inc, &n->inc) == 0) {
			head.seq = n->log[i]->f.seq + 1;
			memcpy(head.prev, n->log[i]->f.hash, FACT_HASH_LEN);
		}
	strcpy(head.kind, kind);
	if (zone)
		head.zone_len = dname_lower(sim_zone, head.zone);
	if (fact_make(&head, body, &n->id, &octets, &len, &e) != 0)
		sim_fail(s, "limit", "%s", e.text);
	if (s->story && !s->quiet)
		tell(s, n, kind, body);
	f->origin = n->i;
	kept = arena_bytes(s->arena, sizeof(body) + len);
	memcpy(kept, &body, sizeof(body)); /* fact_body finds it there; it is parsed for no node */
	memcpy(kept + sizeof(body), octets, len);
	if (s->bodies == FACTS_MAX || fact_read(kept + sizeof(body), len, &f->f, &e) != 0)
		sim_fail(s, "limit", "facts");
	s->body[s->bodies++] = body;
	free(octets);
	n->log[n->disk.facts++] = f;
	fact_state_apply(n->state, &f->f);
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

static void say_held(struct sim *s, struct node *n, const struct key_state *k)
{
	uint8_t data[KEY_PROBE_MAX], sig[32];
	const size_t len = key_probe_data(sim_zone, k->hash, n->id.id, data);

	keys_probe(s->key[keys_find(s, k->hash)], data, len, sig);
	node_say(s, n, "key.held", true,
		 json_pack("{s:o,s:o}", "key", hex(k->hash), "probe", msg_json_base64(sig, 32)));
}

/* Whose turn it is creates at once, the next one an hour later, or a minute once somebody was in a hurry. */
static void check_turn(struct sim *s, const struct node *n, const uint8_t replaces[32])
{
	const int old = keys_find(s, replaces);

	if (old < 0)
		return;
	if (s->made_at[old] > 0 && s->made_by[old] != n->i &&
	    s->now - s->rolled_at[old] < (s->hurried ? MINUTE : HOUR))
		sim_fail(s, "two creators", "signers %d and %d make a key in place of k%d at the same time",
			 s->made_by[old], n->i, old);
	s->made_at[old] = s->now;
	s->made_by[old] = n->i;
}

void node_create(struct sim *s, struct node *n, const struct timeline_create *c)
{
	const int at = keys_take(s, c->alg, c->role);
	json_t *replaces = json_array(), *boxes = json_array();
	const struct sim_key *k = at < 0 ? NULL : s->key[at];
	struct key_state *ks;

	if (k == NULL)
		sim_fail(s, "limit", "too many keys");
	check_turn(s, n, c->replaces[0]);
	for (size_t i = 0; i < KEY_REPLACES_MAX; i++)
		if (!sodium_is_zero(c->replaces[i], 32))
			json_array_append_new(replaces, hex(c->replaces[i]));
	for (int i = 0; i < s->nodes; i++)
		if (!s->node[i].backup)
			json_array_append_new(
				boxes, json_pack("{s:s,s:s}", "to", s->node[i].id.id_text, "box", "AA"));
	sim_say(s, "node %d makes k%d (%s, algorithm %u, %s)", n->i, at, c->role, c->alg,
		key_method_names[c->method]);
	node_say(s, n, "key.created", true,
		 json_pack("{s:o,s:o,s:s,s:o,s:s,s:s,s:o,s:[{s:s,s:s}]}", "key", hex(k->hash), "dnskey",
			   msg_json_base64(k->rdata, k->len), "role", c->role, "replaces", replaces, "method",
			   key_method_names[c->method], "hold", key_hold_names[c->hold], "boxes", boxes, "recovery", "id",
			   "8899aabbccddeeff", "box", "BB"));
	ks = zone_key(state_zone(n->state, sim_zone), k->hash);
	say_held(s, n, ks);
}

static void say(struct sim *s, struct node *n, const struct timeline_say *w)
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
	case SAY_STOPPED:
	case SAY_GONE:
		node_say(s, n, kinds[w->kind], true,
			 json_pack("{s:o,s:s,s:I,s:b}", "key", hex(w->key->key->hash), "record",
				   key_record_names[w->record], "ttl", (json_int_t)w->ttl, "insecure",
				   w->insecure));
		break;
	}
}

/* Invariant 2: what is published is held by every signer that serves, and kept by a backup. */
void node_check_held(struct sim *s, uint32_t mask)
{
	for (int k = 0; k < s->keys; k++) {
		bool stored = false, any_backup = false;

		if ((mask >> k & 1) == 0)
			continue;
		for (int i = 0; i < s->nodes; i++) {
			const struct node *n = &s->node[i];
			struct zone_state *z = state_zone(n->state, sim_zone);
			struct key_state *ks = z == NULL ? NULL : zone_key(z, s->key[k]->hash);

			if (n->gone || !n->compared)
				continue;
			any_backup |= n->backup;
			stored |= n->backup && ks != NULL && ks->storeds > 0;
			if (n->restored && (ks == NULL || !ks->created))
				continue; /* lost with its disk, and it has not met anybody who knows of the key */
			if (!n->backup && n->disk.version != NULL &&
			    (ks == NULL || !key_held_by(z, ks, n->id.id)))
				sim_fail(s, "not held", "k%d is published, and signer %d does not have it", k,
					 i);
		}
		if (any_backup && !stored)
			sim_fail(s, "not stored", "k%d is published, and no backup has it", k);
	}
}

/* ---- the loop ---- */

static void read_policy(const struct sim *s, struct node *n)
{
	const struct fact_reg *r = n->state->policies == 0 ? NULL : &n->state->policy[0].reg;
	const json_t *p;

	if (r == NULL || !r->set) {
		n->policy = s->policy;
		return;
	}
	if (memcmp(r->hash, n->policy_fact, FACT_HASH_LEN) == 0)
		return;
	memcpy(n->policy_fact, r->hash, FACT_HASH_LEN);
	p = json_object_get(r->body, "policy");
	n->policy = s->policy;
	n->policy.algorithm = (unsigned)json_integer_value(json_object_get(p, "algorithm"));
	n->policy.split = json_is_true(json_object_get(p, "split"));
}

/* A mistake: what a status shows counts as said. */
static void believe_status(const struct sim *s, struct node *n, struct zone_state *z)
{
	for (int i = 0; i < s->nodes && z != NULL; i++)
		for (size_t k = 0; k < z->keys && n->heard_of[i] != NULL; k++)
			for (enum key_record r = 0; r < KEY_RECORDS; r++) {
				struct record_state *rec = &z->key[k].record[r];

				if (!key_set_has(&n->heard_of[i]->published.record[r], z->key[k].hash) &&
				    id_set_has(&rec->serves, s->node[i].id.id))
					id_set_add(&rec->stopped, s->node[i].id.id);
			}
}

void node_in(struct sim *s, struct node *n, struct timeline_in *in)
{
	static const struct timeline_published nothing;
	struct zone_state *z = state_zone(n->state, sim_zone);

	if (FAULT(STATUS_OPENS))
		believe_status(s, n, z);
	read_policy(s, n);
	*in = (struct timeline_in){ n->state,
				    z,
				    n->id.id,
				    &n->policy,
				    n->disk.version == NULL ? &nothing : &n->disk.version->published,
				    &n->disk.memory,
				    n->making ? &n->next : NULL,
				    n->observer,
				    n->observers,
				    NULL,
				    NULL };
}

void node_view(struct sim *s, struct node *n, struct timeline_in *in, struct timeline *t)
{
	node_in(s, n, in);
	timeline_view(in, t);
}

void node_count_time(const struct sim *s, struct node *n)
{
	const int64_t now = s->now + (FAULT(WALL_CLOCK_WAITS) ? n->clock_off : 0);

	timeline_ran(&n->disk.memory, (now - n->ran_at) * 1000);
	n->ran_at = now;
}

static bool hold_keys(struct sim *s, struct node *n)
{
	struct zone_state *z = state_zone(n->state, sim_zone);

	for (size_t i = 0; z != NULL && i < z->keys; i++) {
		struct key_state *k = &z->key[i];

		if (!k->created || (n->backup ? k->storeds > 0 : key_held_by(z, k, n->id.id)))
			continue;
		if (!n->backup)
			say_held(s, n, k);
		else
			node_say(s, n, "key.stored", true,
				 json_pack("{s:o,s:s}", "key", hex(k->hash), "recovery", "8899aabbccddeeff"));
		return true;
	}
	return false;
}

static bool count_others(struct sim *s, struct node *n)
{
	const struct node_state *me = state_node(n->state, n->id.id);

	for (size_t i = 0; node_is_signer(me) && i < n->state->nodes; i++) {
		const struct node_state *o = &n->state->node[i];
		char id[NODE_ID_TEXT];

		if (o == me || !node_is_signer(o) || id_set_has(&me->counts, o->id))
			continue;
		node_say(s, n, "counts", false, json_pack("{s:s}", "node", node_id_text(o->id, id)));
		return true;
	}
	return false;
}

static void on_wake(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	if (n->wake_at != s->now)
		return;
	n->wake_at = 0;
	node_wake(s, n);
}

static void wake_later(struct sim *s, struct node *n)
{
	const int64_t left = timeline_left(&n->disk.memory);
	int64_t at;

	if (left < 0)
		return;
	at = s->now + left / 1000 + 1;
	if (n->wake_at > s->now && n->wake_at <= at)
		return;
	n->wake_at = at;
	sim_later(s, at - s->now, on_wake, n->i, 0, 0, NULL);
}

static void work(struct sim *s, struct node *n)
{
	struct timeline_say says[SAYS_MAX];
	struct timeline_in in;
	struct timeline t;

	for (int round = 0;; round++) {
		size_t count;

		if (round == 200)
			sim_fail(s, "livelock", "signer %d talks without end", n->i);
		while (count_others(s, n) || hold_keys(s, n))
			;
		node_view(s, n, &in, &t);
		timeline_tend(&in, &t, &n->disk.memory);
		count = timeline_says(&in, &t, &n->disk.memory, says, SAYS_MAX);
		if (count == 0)
			break;
		say(s, n, &says[0]);
	}
	serve_next(s, n, &in, &t);
	for (size_t i = 0; i < n->observers; i++)
		if (timeline_wants(&in, &n->disk.memory, n->observer[i].id))
			look_begin(s, n, i);
	wake_later(s, n);
}

void node_wake(struct sim *s, struct node *n)
{
	if (!n->up || n->gone)
		return;
	if (n->backup) {
		while (hold_keys(s, n))
			;
		return;
	}
	node_count_time(s, n);
	if (n->compared && state_zone(n->state, sim_zone) != NULL &&
	    node_is_signer(state_node(n->state, n->id.id)))
		work(s, n);
}

/* Whom the node looks at: the secondaries that take versions of it, and the parent's servers. */
void node_observe(struct sim *s, struct node *n)
{
	n->observers = 0;
	for (int i = 0; i < s->secondaries; i++)
		if ((s->secondary[i].watchers >> n->i & 1) != 0)
			n->observer[n->observers++] =
				(struct timeline_observer){ (uint64_t)i + 1, OBSERVER_SECONDARY };
	for (int i = 0; i < s->parents; i++)
		n->observer[n->observers++] =
			(struct timeline_observer){ (uint64_t)(SECONDARIES_MAX + i + 1), OBSERVER_PARENT };
}

/* All is where it should be, and nothing is to be done. */
bool node_is_settled(struct sim *s, struct node *n)
{
	struct timeline_in in;
	struct timeline t;

	if (!node_is_signer(state_node(n->state, n->id.id)))
		return n->disk.version == NULL;
	if (!n->up || !n->compared || n->making || state_zone(n->state, sim_zone) == NULL)
		return false;
	node_view(s, n, &in, &t);
	if (timeline_changes(&t, in.published) || n->disk.memory.waits > 0)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		const struct timeline_key *k = &t.key[i];

		if (k->dead)
			continue;
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if ((r == RECORD_DNSKEY || (r == RECORD_ZONE ? k->zone_signing : k->sep)) &&
			    k->record[r].phase != PHASE_OMNIPRESENT)
				return false;
	}
	return true;
}
