/* SPDX-License-Identifier: BSD-3-Clause */
/* world: what a seed makes: a cluster that serves a signed zone, and trouble as it begins and ends. */
#include "tests/sim/sim.h"

#include "msg/msg.h"

#include <sodium.h>
#include <string.h>

/* ---- trouble ---- */

static void draw_ttls(struct sim *s)
{

	s->dnskey_ttl = (uint32_t)chance_between(&s->chance, 5 * MINUTE, 2 * DAY);
	s->zone_ttl = (uint32_t)chance_between(&s->chance, 5 * MINUTE, 3 * DAY);
	if (s->dnskey_ttl < s->move.dnskey_ttl) /* not lowered below those of the signer from which the zone moves here */
		s->dnskey_ttl = s->move.dnskey_ttl;
	if (s->zone_ttl < s->move.zone_ttl)
		s->zone_ttl = s->move.zone_ttl;
	/* Short or long rather than between: it is the difference that matters. */
	s->parent_ttl = (uint32_t)(chance_of(&s->chance, 50) ? chance_between(&s->chance, HOUR, 6 * HOUR)
							      : chance_between(&s->chance, 42 * HOUR, 2 * DAY));
}

static void cut(struct sim *s, const struct trouble *t, int by)
{
	s->cut[t->a][t->b] += by;
	if (t->kind == TROUBLE_SPLIT)
		s->cut[t->b][t->a] += by;
}

void trouble_begins(struct sim *s, const struct event *ev)
{
	const struct trouble *t = &s->trouble[ev->a];
	struct node *n = &s->node[t->a];
	char text[128];

	sim_say(s, "-- %s", trouble_text(t, text));
	switch (t->kind) {
	case TROUBLE_CUT:
	case TROUBLE_SPLIT:
		cut(s, t, 1);
		break;
	case TROUBLE_CRASH:
		if (n->up || n->frozen)
			node_stop(s, n);
		break;
	case TROUBLE_RESTORE:
		node_snapshot(s, n);
		break;
	case TROUBLE_FREEZE:
		if (n->up) {
			n->up = n->making = false;
			n->frozen = true;
		}
		break;
	case TROUBLE_HALT:
		n->halted++;
		break;
	case TROUBLE_SECONDARY:
		s->secondary_off[t->b]++;
		break;
	case TROUBLE_PARENT:
		s->parent_server_off[t->b]++;
		break;
	case TROUBLE_PARENT_OFF:
		s->parent_off = true;
		break;
	case TROUBLE_TTL:
		draw_ttls(s);
		break;
	case TROUBLE_CLOCK:
		n->clock_off = t->value % (4 * DAY) - 2 * DAY;
		break;
	case TROUBLE_ROLL:
	case TROUBLE_POLICY:
	case TROUBLE_INSECURE:
	case TROUBLE_SECURE:
	case TROUBLE_JOIN:
	case TROUBLE_RETIRE:
		operator_acts(s, t);
		break;
	case TROUBLE_DISASTER:
		operator_restores(s);
		break;
	case TROUBLE_CONTENT:
		learn_source_changes(s);
		break;
	case TROUBLE_SOURCE:
		n->source_off++;
		break;
	case TROUBLE_CLAIM:
		secondary_claims(s, t->b, 1 + (uint32_t)t->value % 900);
		break;
	case TROUBLE_CLONE:
		clone_made(s, n);
		break;
	case TROUBLE_SURPRISE:
		surprise_begins(s, t);
		break;
	case TROUBLES:
		break;
	}
}

void trouble_ends(struct sim *s, const struct event *ev)
{
	const struct trouble *t = &s->trouble[ev->a];
	struct node *n = &s->node[t->a];

	if (t->kind == TROUBLE_CUT || t->kind == TROUBLE_SPLIT)
		cut(s, t, -1);
	else if (t->kind == TROUBLE_CRASH)
		node_start(s, n);
	else if (t->kind == TROUBLE_RESTORE)
		node_restore(s, n);
	else if (t->kind == TROUBLE_HALT)
		n->halted--;
	else if (t->kind == TROUBLE_CLOCK)
		n->clock_off = 0;
	else if (t->kind == TROUBLE_SECONDARY && --s->secondary_off[t->b] == 0)
		s->secondary[t->b].well_at = s->now;
	else if (t->kind == TROUBLE_PARENT)
		s->parent_server_off[t->b]--;
	else if (t->kind == TROUBLE_PARENT_OFF)
		s->parent_off = false;
	else if (t->kind == TROUBLE_FREEZE && n->frozen) {
		n->frozen = false;
		n->up = true;
		n->looking = 0; /* what it had asked for has timed out */
		n->ran_at = s->now;
		node_wake(s, n);
	}
	if (t->kind == TROUBLE_SOURCE)
		n->source_off--;
	if (t->kind == TROUBLE_CLAIM)
		secondary_relents(s, t->b);
	if (t->kind == TROUBLE_CLONE)
		clone_starts(s);
	if (t->kind == TROUBLE_SURPRISE)
		surprise_ends(s);
	if (t->kind < TROUBLE_ROLL || t->kind == TROUBLE_SOURCE) {
		n->well_at = s->now;
		serve_soon(s, n->i);
	}
}

/* ---- the cluster as it was set up ---- */

static void share(struct sim *s)
{
	for (int i = 0; i < s->nodes; i++)
		for (int j = 0; j < s->nodes; j++)
			if (i != j)
				exchange_all(s, &s->node[i], &s->node[j], s->node[i].disk.facts);
}

static json_t *admission(const struct node *n)
{
	return json_pack("{s:s,s:s,s:s}", "line", n->line, "name", n->id.id_text, "role",
			 n->backup ? "backup" : "signer");
}

static void set_up_nodes(struct sim *s)
{
	s->members = plan_is_of_deaths(s) ? 3 : 2 + (int)chance_below(&s->chance, 3) / 2;
	s->signers = s->members + 1; /* one may join */
	s->nodes = s->signers + 1;
	for (int i = 0; i < s->nodes; i++)
		node_init(s, i, i >= s->signers);
	node_say(s, &s->node[0], "node.first", false, admission(&s->node[0]));
	for (int i = 1; i < s->nodes; i++)
		if (i != s->members)
			node_say(s, &s->node[0], "admitted", false, admission(&s->node[i]));
	share(s);
	for (int i = 0; i < s->members; i++)
		for (int j = 0; j < s->members; j++)
			if (i != j)
				node_say(s, &s->node[i], "counts", false,
					 json_pack("{s:s}", "node", s->node[j].id.id_text));
	node_say(s, &s->node[0], "zone.add", true,
		 json_pack("{s:s,s:s,s:i}", "source", "file:x", "policy", "p", "rev", 1));
	share(s);
}

static int set_up_key(struct sim *s, const char *role)
{
	const int at = keys_take(s, &s->node[0], s->policy.algorithm, role);
	const struct sim_key *k = s->key[at];
	json_t *boxes = json_array();
	uint8_t data[KEY_PROBE_MAX], sig[32];

	for (int i = 0; i < s->signers; i++)
		json_array_append_new(boxes, json_pack("{s:s,s:s}", "to", s->node[i].id.id_text, "box", "AA"));
	node_say(s, &s->node[0], "key.created", true,
		 json_pack("{s:o,s:o,s:s,s:o,s:[{s:s,s:s}]}", "key", msg_json_hex(k->hash, 32), "dnskey",
			   msg_json_base64(k->rdata, k->len), "role", role, "boxes", boxes, "recovery", "id",
			   "8899aabbccddeeff", "box", "BB"));
	share(s);
	node_say(s, &s->node[s->nodes - 1], "key.stored", true,
		 json_pack("{s:o,s:s}", "key", msg_json_hex(k->hash, 32), "recovery", "8899aabbccddeeff"));
	for (int i = 0; i < s->members; i++) {
		keys_probe(k, data, key_probe_data(sim_zone, k->hash, s->node[i].id.id, data), sig);
		node_say(s, &s->node[i], "key.held", true,
			 json_pack("{s:o,s:o}", "key", msg_json_hex(k->hash, 32), "probe",
				   msg_json_base64(sig, 32)));
		node_say(s, &s->node[i], "key.serves", true,
			 json_pack("{s:[o],s:[o*],s:[o*]}", "keys", msg_json_hex(k->hash, 32), "signing",
				   k->zone_signing ? msg_json_hex(k->hash, 32) : NULL, "cds",
				   k->sep ? msg_json_hex(k->hash, 32) : NULL));
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			if (r == RECORD_DNSKEY || (r == RECORD_ZONE ? k->zone_signing : k->sep))
				node_say(s, &s->node[i], "key.seen", true,
					 json_pack("{s:o,s:s}", "key", msg_json_hex(k->hash, 32), "record",
						   key_record_names[r]));
	}
	share(s);
	return at;
}

static void set_up_versions(struct sim *s)
{
	for (int i = 0; i < s->members; i++) {
		struct version *v = arena_alloc(s->arena, 1, sizeof(*v));
		struct node *n = &s->node[i];

		v->signer = v->who = i;
		v->published.any = true;
		v->cds = s->cds_when == CDS_ALWAYS;
		v->dnskey_ttl = v->published.dnskey_ttl = n->disk.dnskey_ttl = s->dnskey_ttl;
		v->zone_ttl = v->published.zone_ttl = n->disk.zone_ttl = s->zone_ttl;
		for (int k = 0; k < s->keys; k++) {
			key_set_add(&v->published.record[RECORD_DNSKEY], s->key[k]->hash);
			if (s->key[k]->zone_signing)
				key_set_add(&v->published.record[RECORD_ZONE], s->key[k]->hash);
			if (s->key[k]->sep)
				key_set_add(&v->published.record[RECORD_DS], s->key[k]->hash);
		}
		serve_set_up(s, n, v);
	}
}

static void set_up_servers(struct sim *s)
{
	s->secondaries = 1 + (int)chance_below(&s->chance, 4);
	s->parents = 1 + (int)chance_below(&s->chance, PARENTS_MAX);
	for (int i = 0; i < s->secondaries; i++) {
		struct secondary *sec = &s->secondary[i];

		sec->primaries = 1 + (int)chance_below(&s->chance, (1u << s->members) - 1);
		sec->watchers = 1 + (int)chance_below(&s->chance, (1u << s->members) - 1);
		sec->refresh = chance_between(&s->chance, 10 * MINUTE,
					      chance_of(&s->chance, 30) ? 2 * DAY : 2 * HOUR);
		if (s->move.on) {
			move_set_up_server(s, i);
			continue;
		}
		for (int n = 0; n < s->members; n++)
			if ((sec->primaries >> n & 1) != 0) {
				sec->version = s->node[n].disk.version;
				sec->had = 1 << n;
			}
		secondary_shows(s, sec, sec->version, 1);
	}
	for (int n = 0; n < s->members; n++)
		node_observe(s, &s->node[n]);
}

void world_build(struct sim *s)
{
	draw_ttls(s);
	s->cds_when = s->seed / 20 % 8 == 6 ? CDS_AROUND_ROLLS : s->seed / 20 % 8 == 7 ? CDS_NEVER : CDS_ALWAYS;
	s->parent_delay = chance_of(&s->chance, 25) ? chance_between(&s->chance, 3 * DAY, 4 * DAY)
						      : chance_between(&s->chance, HOUR, 2 * DAY);
	s->policy = (struct timeline_policy){
		.algorithm = chance_of(&s->chance, 50) ? 15 : 8,
		.split = chance_of(&s->chance, 60),
		.ksk_method = chance_of(&s->chance, 60) ? METHOD_DOUBLE_SIGNATURE : METHOD_DOUBLE_DS,
		.algorithm_method = chance_of(&s->chance, 60) ? METHOD_CONSERVATIVE : METHOD_LIBERAL,
		.parent_delay_s = s->parent_delay,
		.require_backups = 1,
		.no_cds = s->cds_when == CDS_NEVER,
	};
	s->strict = s->policy.algorithm_method == METHOD_CONSERVATIVE;
	s->quiet = true;
	s->source = 1;
	s->content_order = chance_of(&s->chance, 50) ? CONTENT_SERIAL : CONTENT_SEEN;
	set_up_nodes(s);
	if (move_is_planned(s)) {
		move_set_up(s);
	} else if (s->policy.split) {
		set_up_key(s, "ksk");
		set_up_key(s, "zsk");
	} else {
		set_up_key(s, "csk");
	}
	for (int i = 0; i < s->keys; i++)
		if (s->key[i]->sep)
			s->parent_ds |= UINT32_C(1) << i;
	if (!s->move.on)
		set_up_versions(s);
	set_up_servers(s);
	s->quiet = false;
	for (int i = 0; i < s->signers; i++)
		sim_later(s, chance_between(&s->chance, 12 * HOUR, 4 * DAY), serve_tick, i, 0, 0, NULL);
	parent_begin(s);
	/* What ends a cluster, or changes how rolls go, leaves little to be found of all else. */
	s->rare = chance_of(&s->chance, 50);
	operator_begin(s);
	if (s->move.on)
		move_begin(s);
}
