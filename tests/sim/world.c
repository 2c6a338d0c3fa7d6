/* SPDX-License-Identifier: BSD-3-Clause */
/* world: what a seed makes: a cluster that serves a signed zone, and the trouble that it will meet. */
#include "tests/sim/sim.h"

#include "msg/msg.h"

#include <sodium.h>
#include <string.h>

/* ---- trouble ---- */

static const struct {
	const char *text;
	unsigned weight;
} kinds[TROUBLES] = {
	[TROUBLE_CUT] = { "node %d cannot reach node %d", 14 },
	[TROUBLE_SPLIT] = { "nodes %d and %d do not hear each other", 24 },
	[TROUBLE_CRASH] = { "node %d is down", 12 },
	[TROUBLE_RESTORE] = { "node %d is copied, and put back at the end", 6 },
	[TROUBLE_FREEZE] = { "node %d stands still", 4 },
	[TROUBLE_HALT] = { "signer %d holds its new versions back", 8 },
	[TROUBLE_SECONDARY] = { "(%d) secondary %d is cut off", 10 },
	[TROUBLE_PARENT] = { "(%d) parent server %d does not answer", 4 },
	[TROUBLE_PARENT_OFF] = { "the parent reads no CDS", 3 },
	[TROUBLE_TTL] = { "the zone's TTLs change", 6 },
	[TROUBLE_CLOCK] = { "node %d's clock jumps", 10 },
	[TROUBLE_ROLL] = { "an operator at node %d rolls a key", 4 },
	[TROUBLE_POLICY] = { "an operator at node %d changes the policy", 2 },
	[TROUBLE_INSECURE] = { "an operator at node %d makes the zone insecure", 1 },
	[TROUBLE_SECURE] = { "an operator at node %d makes the zone secure", 1 },
	[TROUBLE_JOIN] = { "an operator at node %d admits the newcomer", 3 },
	[TROUBLE_RETIRE] = { "an operator at node %d retires node %d, which is dead", 8 },
	[TROUBLE_DISASTER] = { "all signers are gone, and a new one is restored from the backup", 3 },
	/* planned beside all else */
	[TROUBLE_CONTENT] = { "the source changes", 0 },
	[TROUBLE_SOURCE] = { "signer %d does not reach the source", 0 },
};

const char *trouble_text(const struct trouble *t, char out[128])
{
	size_t at;

	/* the texts have at most two numbers */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	at = (size_t)snprintf(out, 128, kinds[t->kind].text, t->a, t->b);
#pragma GCC diagnostic pop
	snprintf(out + at, 128 - at, ", day %.1f to %.1f", (double)t->from / DAY, (double)t->to / DAY);
	return out;
}

/* Trouble that leads up to another, of at most so long. */
static void plan_before(struct sim *s, enum trouble_kind kind, int a, int64_t at, int64_t most)
{
	const int64_t ill = chance_between(&s->chance, 0, most);

	s->trouble[s->troubles++] = (struct trouble){ .kind = kind, .a = a, .from = at > ill ? at - ill : 0, .to = at };
}

static void plan_one(struct sim *s, enum trouble_kind kind, int64_t from, int64_t length)
{
	struct trouble *t = &s->trouble[s->troubles++];

	t->kind = kind;
	t->from = from;
	t->to = from + length;
	t->a = (int)chance_below(&s->chance, (uint32_t)(kind >= TROUBLE_RESTORE ? s->members : s->nodes));
	t->b = (int)chance_below(&s->chance, (uint32_t)s->nodes);
	if (kind == TROUBLE_SECONDARY)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->secondaries);
	if (kind == TROUBLE_RETIRE)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->members);
	if (kind == TROUBLE_PARENT)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->parents);
	t->value = chance_between(&s->chance, 0, 1000000);
	if (kind >= TROUBLE_ROLL && kind != TROUBLE_SOURCE)
		t->to = t->from;
	t->off = (kind == TROUBLE_CUT || kind == TROUBLE_SPLIT) && t->a == t->b;
	if (kind == TROUBLE_RETIRE && chance_of(&s->chance, 60)) /* what dies was often ill before */
		plan_before(s, TROUBLE_HALT, t->b, from, 6 * DAY);
	if (kind == TROUBLE_DISASTER && chance_of(&s->chance, 75))
		plan_before(s, TROUBLE_TTL, 0, from, DAY);
}

static void draw_ttls(struct sim *s)
{
	s->dnskey_ttl = (uint32_t)chance_between(&s->chance, 5 * MINUTE, 2 * DAY);
	s->zone_ttl = (uint32_t)chance_between(&s->chance, 5 * MINUTE, 3 * DAY);
	/* Short or long rather than between: it is the difference that matters. */
	s->parent_ttl = (uint32_t)(chance_of(&s->chance, 50) ? chance_between(&s->chance, HOUR, 6 * HOUR)
							      : chance_between(&s->chance, 42 * HOUR, 2 * DAY));
}

static enum trouble_kind draw_kind(struct sim *s)
{
	const size_t last = s->rare ? TROUBLES : TROUBLE_DISASTER;
	unsigned sum = 0, at;

	for (size_t i = 0; i < last; i++)
		sum += kinds[i].weight;
	at = chance_below(&s->chance, sum);
	for (enum trouble_kind k = 0; k < last; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return TROUBLE_CUT;
}

static void plan_some(struct sim *s, enum trouble_kind kind, size_t n, int64_t span, int64_t most)
{
	for (size_t i = 0; i < n; i++)
		plan_one(s, kind, chance_between(&s->chance, 0, span), chance_between(&s->chance, HOUR, most));
}

static bool of_deaths(const struct sim *s)
{
	return s->seed % 10 == 7;
}

/* Changes of the source, often close together, and signers that do not get them. */
static void plan_content(struct sim *s, size_t changes, int64_t span)
{
	int64_t at = chance_between(&s->chance, 0, span);

	for (size_t i = 0; i < changes; i++) {
		if (chance_of(&s->chance, 50))
			at = chance_between(&s->chance, 0, span);
		else
			at += chance_between(&s->chance, 0, 6 * HOUR);
		plan_one(s, TROUBLE_CONTENT, at, 0);
	}
}

/* A year without a change of content, in which signers are cut off and dead for long; then one change. */
static void plan_year(struct sim *s)
{
	static const enum trouble_kind kinds_of_year[] = { TROUBLE_SPLIT, TROUBLE_SPLIT,     TROUBLE_CRASH,  TROUBLE_CRASH,
							   TROUBLE_HALT,  TROUBLE_SECONDARY, TROUBLE_SOURCE, TROUBLE_CLOCK,
							   TROUBLE_RESTORE };

	for (size_t i = 0; i < 20; i++)
		plan_some(s, kinds_of_year[chance_below(&s->chance, sizeof(kinds_of_year) / sizeof(kinds_of_year[0]))], 1,
			  360 * (int64_t)DAY, chance_of(&s->chance, 70) ? 30 * DAY : 2 * DAY);
	plan_one(s, TROUBLE_CONTENT, 410 * (int64_t)DAY, 0);
}

/* Signers that do not hear each other, of which some have old content. */
static void plan_torn(struct sim *s)
{
	const int64_t span = 30 * (int64_t)DAY;

	plan_content(s, 6, span);
	plan_some(s, TROUBLE_SOURCE, 6, span, 12 * DAY);
	plan_some(s, TROUBLE_SPLIT, 12, span, 12 * DAY);
	plan_some(s, TROUBLE_SECONDARY, 3, span, 3 * DAY);
	plan_some(s, TROUBLE_ROLL, 3, span, HOUR);
	plan_some(s, TROUBLE_JOIN, chance_below(&s->chance, 2), span, HOUR);
	plan_some(s, TROUBLE_RESTORE, chance_below(&s->chance, 4), span, 12 * DAY);
}

static void plan_usual(struct sim *s)
{
	static const enum trouble_kind first[] = { TROUBLE_ROLL,   TROUBLE_ROLL,    TROUBLE_ROLL,
						   TROUBLE_ROLL,   TROUBLE_ROLL,    TROUBLE_POLICY,
						   TROUBLE_POLICY, TROUBLE_INSECURE };
	const int64_t span = chance_between(&s->chance, 4, 25) * DAY;
	const size_t n = 3 + chance_below(&s->chance, 14);

	/* Most trouble of a history is of few kinds, so that they meet. */
	const enum trouble_kind theme[3] = { draw_kind(s), draw_kind(s), draw_kind(s) };

	plan_one(s, first[chance_below(&s->chance, sizeof(first) / sizeof(first[0]))],
		 chance_between(&s->chance, HOUR, DAY), 0);
	if (chance_of(&s->chance, 40)) /* the same on another node, or another key */
		plan_one(s, s->trouble[0].kind, s->trouble[0].from + chance_between(&s->chance, 0, 2 * DAY),
			 0);
	for (size_t i = 0; i < n; i++) {
		const int64_t length = chance_of(&s->chance, 50) ? chance_between(&s->chance, MINUTE, DAY)
								 : chance_between(&s->chance, HOUR, 10 * DAY);

		plan_one(s, chance_of(&s->chance, 60) ? theme[chance_below(&s->chance, 3)] : draw_kind(s),
			 chance_between(&s->chance, 0, span), length);
	}
	plan_content(s, chance_below(&s->chance, 5), span);
	plan_some(s, TROUBLE_SOURCE, chance_below(&s->chance, 3), span, 10 * DAY);
}

/* Signers that die in the middle of a roll, while secondaries have what they published. */
static void plan_deaths(struct sim *s)
{
	plan_some(s, TROUBLE_ROLL, 2, 2 * DAY, HOUR);
	plan_some(s, TROUBLE_SECONDARY, 3, 6 * DAY, 12 * DAY);
	plan_some(s, TROUBLE_RETIRE, 2, 8 * DAY, HOUR);
	plan_some(s, TROUBLE_JOIN, 1, 6 * DAY, HOUR);
	plan_some(s, TROUBLE_HALT, chance_below(&s->chance, 3), 6 * DAY, 6 * DAY);
	plan_some(s, TROUBLE_SPLIT, chance_below(&s->chance, 3), 6 * DAY, 6 * DAY);
	plan_some(s, TROUBLE_TTL, chance_below(&s->chance, 2), 6 * DAY, HOUR);
}

void sim_plan(struct sim *s)
{
	s->troubles = 0;
	if (s->seed % 20 == 0)
		plan_year(s);
	else if (s->seed % 10 == 5)
		plan_torn(s);
	else if (of_deaths(s))
		plan_deaths(s);
	else
		plan_usual(s);
	s->healed_at = 0;
	for (size_t i = 0; i < s->troubles; i++)
		if (s->trouble[i].to > s->healed_at)
			s->healed_at = s->trouble[i].to;
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
		serve_source_changes(s);
		break;
	case TROUBLE_SOURCE:
		n->source_off++;
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
	s->members = of_deaths(s) ? 3 : 2 + (int)chance_below(&s->chance, 3) / 2;
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
	const int at = keys_take(s, s->policy.algorithm, role);
	const struct sim_key *k = s->key[at];
	uint8_t data[KEY_PROBE_MAX], sig[32];

	node_say(s, &s->node[0], "key.created", true,
		 json_pack("{s:o,s:o,s:s,s:[],s:[{s:s,s:s}]}", "key", msg_json_hex(k->hash, 32), "dnskey",
			   msg_json_base64(k->rdata, k->len), "role", role, "boxes", "recovery", "id",
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

		v->signer = i;
		v->published.any = true;
		v->dnskey_ttl = v->published.dnskey_ttl = n->disk.dnskey_ttl = s->dnskey_ttl;
		v->zone_ttl = v->published.zone_ttl = n->disk.zone_ttl = s->zone_ttl;
		for (int k = 0; k < s->keys; k++) {
			key_set_add(&v->published.record[RECORD_DNSKEY], s->key[k]->hash);
			if (s->key[k]->zone_signing)
				key_set_add(&v->published.record[RECORD_ZONE], s->key[k]->hash);
			if (s->key[k]->sep)
				key_set_add(&v->published.record[RECORD_DS], s->key[k]->hash);
		}
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			v->mask[r] = keys_mask(s, &v->published.record[r]);
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
		for (int n = 0; n < s->members; n++)
			if ((sec->primaries >> n & 1) != 0)
				sec->version = s->node[n].disk.version;
		validator_shows(s, RECORD_DNSKEY, sec->version->mask[RECORD_DNSKEY], 1, s->dnskey_ttl);
		validator_shows(s, RECORD_ZONE, sec->version->mask[RECORD_ZONE], 1, s->zone_ttl);
	}
	for (int n = 0; n < s->members; n++)
		node_observe(s, &s->node[n]);
}

void world_build(struct sim *s)
{
	draw_ttls(s);
	s->parent_delay = chance_of(&s->chance, 25) ? chance_between(&s->chance, 3 * DAY, 4 * DAY)
						      : chance_between(&s->chance, HOUR, 2 * DAY);
	s->policy = (struct timeline_policy){
		.algorithm = chance_of(&s->chance, 50) ? 15 : 8,
		.split = chance_of(&s->chance, 60),
		.ksk_method = chance_of(&s->chance, 60) ? METHOD_DOUBLE_SIGNATURE : METHOD_DOUBLE_DS,
		.algorithm_method = chance_of(&s->chance, 60) ? METHOD_CONSERVATIVE : METHOD_LIBERAL,
		.parent_delay_s = s->parent_delay,
		.require_backups = 1,
	};
	s->strict = s->policy.algorithm_method == METHOD_CONSERVATIVE;
	s->quiet = true;
	s->source = 1;
	s->content_order = chance_of(&s->chance, 50) ? CONTENT_SERIAL : CONTENT_SEEN;
	set_up_nodes(s);
	if (s->policy.split) {
		set_up_key(s, "ksk");
		set_up_key(s, "zsk");
	} else {
		set_up_key(s, "csk");
	}
	for (int i = 0; i < s->keys; i++)
		if (s->key[i]->sep)
			s->parent_ds |= UINT32_C(1) << i;
	set_up_versions(s);
	set_up_servers(s);
	s->quiet = false;
	for (int i = 0; i < s->signers; i++)
		sim_later(s, chance_between(&s->chance, 12 * HOUR, 4 * DAY), serve_tick, i, 0, 0, NULL);
	parent_begin(s);
	/* What ends a cluster, or changes how rolls go, leaves little to be found of all else. */
	s->rare = chance_of(&s->chance, 50);
	operator_begin(s);
}
